/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * saver: writes texts to the state directory in a thread of its own, because a disk may take
 * seconds to sync and the event loop must be free for repairs meanwhile.
 *
 * The thread takes all that is queued as one round, writes it text by text (state_store), and
 * signals the event loop. What could not be written is kept and tried again in the next round,
 * which begins when something is added or a retry is asked for. A later text of a name replaces an
 * earlier one that is not written yet.
 *
 * The event loop's thread calls all functions. One lock protects what the two threads share; it is
 * never held while the thread waits for the disk.
 */
#include "run.h"
#include <systemd/sd-event.h>

typedef struct Saver Saver;

/*
 * Starts the thread. on_round(context) is called in the event loop when a round has ended. event
 * may be NULL: then it never is. 0 or -errno.
 */
int saver_new(sd_event *event, void (*on_round)(void *context), void *context, Saver **ret_saver);
/* Tries everything that is left once, and ends the thread. */
Saver *saver_free(Saver *saver);
/* Takes the list over. NULL: a retry of what could not be written. `state`: the directory. */
void saver_add(Saver *saver, const char *state, StateText *list);
bool saver_is_done(Saver *saver); /* all that was added is on the disk */
/* Why the last round could not write everything; "" if it could. */
void saver_error(Saver *saver, char *ret_words, size_t capacity);
