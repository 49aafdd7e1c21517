/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * state_keeper: the state directory, that is, what survives netpold: the last good version of each
 * file, the tables as text, and the boot id, which tells that files are of an earlier boot.
 * It owns the saver, whose thread does the writing (a disk may take seconds to sync).
 *
 * At the start run.c calls state_keeper_restore_tables() before any file is read, so that pods are
 * isolated as early as possible after a reboot. After the first refresh it calls
 * state_keeper_restore_files().
 *
 * After each change that the kernel took: state_keeper_save_files() at once, and
 * state_keeper_mark_tables() with state_keeper_schedule_tables(): the tables are saved a second
 * later, once for all changes of that second, and later the larger they are. A crash in between
 * loses nothing, since the files say the same. state_keeper_free() saves what is still marked.
 *
 * What may go wrong: the directory cannot be written. state_keeper_error() says why, and each later
 * save and state_keeper_retry() try again. Damaged content is logged and not used.
 */
#include "enforcer.h"
#include "feeds.h"
#include <systemd/sd-event.h>

typedef struct StateKeeper StateKeeper;

/*
 * Borrows everything; starts the saver's thread. on_progress(context): the saver got the marked
 * tables, or has finished a round. event may be NULL. 0 or -errno.
 */
int state_keeper_new(sd_event *event, Nft *nft, const Settings *settings, Feeds *feeds,
	const Enforcer *enforcer, void (*on_progress)(void *context), void *context,
	StateKeeper **ret_keeper);
StateKeeper *state_keeper_free(StateKeeper *keeper);

/* Loads each saved table into the kernel, unless the kernel has it or its fallback table. */
void state_keeper_restore_tables(StateKeeper *keeper);
/* Once: further calls do nothing, unless the first failed. 0 or -errno. */
int state_keeper_restore_files(StateKeeper *keeper);

void state_keeper_save_files(StateKeeper *keeper);
/* The tables in force are not the saved ones any more. */
void state_keeper_mark_tables(StateKeeper *keeper);
/* Starts the timer that saves marked tables, unless it runs. */
void state_keeper_schedule_tables(StateKeeper *keeper);
/* Saves a text of its own under this name of the state directory. Copies both. */
void state_keeper_save_text(StateKeeper *keeper, const char *name, const char *text);
/* Tries again what could not be written; a full disk may have room by now. */
void state_keeper_retry(StateKeeper *keeper);
bool state_keeper_is_saved(StateKeeper *keeper); /* all that is in force is on the disk */
/* Why the last round could not write everything, in the arena; NULL: it could. */
const char *state_keeper_error(StateKeeper *keeper, Arena *arena);
