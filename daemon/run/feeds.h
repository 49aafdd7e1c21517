/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * feeds: the directories that netpold reads. A feed is a directory and its kind: policies,
 * inventory, or attachments (records of the container runtime). The list is made from the settings,
 * in the order in which status.json and the diagnostics name the files. Other modules get it as
 * (dirs, n), and must not rely on which directory is at which index.
 *
 * Lifetime: as long as the daemon. feeds_set() makes the list anew after the settings were read,
 * and keeps a directory, with the parsed versions of its files, if its kind and path are the same.
 * Pointers from feeds_dirs() are valid until then, so the snapshot, which borrows them, is freed
 * first, and the watch is armed anew afterwards.
 *
 * The order of calls for one burst of events: feeds_prefetch() while the burst lasts,
 * feeds_refresh() when it has ended, feeds_restore() after the very first refresh, and
 * feeds_take_unsaved() when the kernel has taken the change.
 *
 * What may go wrong: a directory that cannot be read keeps what was read from it before, and
 * feeds_are_known() reports it. If nothing was read from it before, what is wanted is unknown.
 */
#include "faults.h"
#include "run.h"

typedef struct Feeds Feeds;

Feeds *feeds_new(void); /* an empty list */
Feeds *feeds_free(Feeds *feeds);
void feeds_set(Feeds *feeds, const Settings *settings);
SourceDir *const *feeds_dirs(const Feeds *feeds, size_t *ret_n);

/* Every file is looked at by the next refresh. */
void feeds_mark_all(Feeds *feeds);
/* Reads the files that have changed, in parallel, so that the refresh need not. */
void feeds_prefetch(Feeds *feeds);
/*
 * now_ms: of clock_usec(). Calls on_stage(context) after each directory. 0 or -errno, as
 * source_dir_refresh().
 */
int feeds_refresh(Feeds *feeds, uint64_t now_ms, void (*on_stage)(void *context), void *context);
/* When the next refresh is due for files that were deleted; SOURCE_NEVER: there are none. */
uint64_t feeds_next_withdrawal(const Feeds *feeds);
/* Adds a warning for each feed that has stopped: source_dir_check_feeds(). */
void feeds_check(const Feeds *feeds, int64_t now_s, Diags *diags);
/* Marks attachments that have gone without an event: source_dir_mark_stale(). False: none has. */
bool feeds_mark_stale(Feeds *feeds);
/* Whether a refresh would find nothing new. Reads no file. */
bool feeds_are_current(const Feeds *feeds);
/*
 * Adds to `faults` each directory that cannot be read. False: one of them was never read and
 * netpold has no table in force (is_in_force), so it is unknown what to enforce. Taking that for
 * "no policies" would open everything.
 */
bool feeds_are_known(const Feeds *feeds, bool is_in_force, Faults *faults);

/* Once, before feeds_restore(): see source_state_adopt(). */
void feeds_adopt_saved(const Settings *settings);
/* The last good versions of files, from the state directory; see source_dir_restore(). */
int feeds_restore(Feeds *feeds, const char *state, bool is_new_boot, Diags *diags);
/* Whether a restored file was not written again since the reboot. */
bool feeds_have_restored(const Feeds *feeds);
/* Appends to the list what is in force and not saved yet. */
void feeds_take_unsaved(Feeds *feeds, StateText **list);
