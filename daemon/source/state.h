#pragma once
/* state: what other files of this module need of the state directory, besides its public part. */
#include "source.h"

/* Opens a folder of the state directory. Returns a descriptor, or -errno. */
int state_open_folder(const char *state, const char *folder);
/* The stamp of the text that is stored in the folder under this name; 0: there is none. */
uint64_t state_read_stamp(int folder, const char *base);
