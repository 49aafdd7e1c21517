/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * state: the folders of the state directory, and the stamps of the texts in them (StateText.stamp),
 * for restoring. Private to the module; include/source.h has the public functions.
 */
#include "source.h"

/* Opens a folder of the state directory. Returns a descriptor, or -errno. */
int state_open_folder(const char *state, const char *folder);
/* The stamp of the text that is stored in the folder under this name; 0: there is none. */
uint64_t state_read_stamp(int folder, const char *base);
