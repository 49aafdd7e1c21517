#pragma once
/*
 * saver: writes to the state directory, in a thread of its own, because a disk may take seconds to
 * sync and repairs must not wait for it. What could not be written is tried again with the next.
 */
#include "run.h"
#include <systemd/sd-event.h>

typedef struct Saver Saver;
typedef void (*SaverNotify)(void *context);

/* Calls notify, in the event loop, when a round of writing has ended. event may be NULL. */
int saver_new(sd_event *event, SaverNotify notify, void *context, Saver **ret_saver);
/* Writes what is left, once, and ends. */
Saver *saver_free(Saver *saver);
/* Takes the list over; a later text of a name replaces an earlier one. An empty list: try again. */
void saver_add(Saver *saver, const char *state, StateText *list);
bool saver_is_done(Saver *saver); /* all that was added is on the disk */
/* Why the last round could not write everything; "" if it could. */
void saver_error(Saver *saver, char *ret_words, size_t capacity);
