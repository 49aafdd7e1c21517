/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * directory: what a SourceDir is made of. The entries are entry.h's, the pending names pending.h's;
 * refresh.c and prefetch.c read files into them, restore.c and save.c connect them with the state
 * directory, and snapshot.c takes the changes out.
 */
#include "entry.h"
#include "ignored.h"
#include "pending.h"

struct SourceDir {
	SourceKind kind;
	char *path;
	char state_folder[NAME_MAX + 1]; /* below the state directory; of the saved copies */
	EntryTable entries;
	PendingList pending;
	IgnoredNames ignored;
	uint64_t withdraw_ms;
	bool is_optional;   /* it may be missing, as long as nothing was read from it */
	bool has_links;	    /* some entries are symbolic links */
	bool was_refreshed; /* at least once, with success */
	bool is_complete;   /* it has a file SOURCE_COMPLETE, at the last full scan */
	Arena *diag_arena;
	Diags diags;	/* of the directory itself; made anew by each refresh that reads it */
	bool had_diags; /* at the last snapshot_update */
};

/*
 * Whether the directory has an error or a warning that may be gone by now, which only a scan of all
 * of it can tell: any but those about ignored names.
 */
bool directory_has_trouble(const SourceDir *dir);
/* Whether the next refresh must scan the whole directory: because source_dir_mark(NULL) asked for
 * it, or because there is trouble. */
bool directory_must_scan(const SourceDir *dir);
void directory_clear_diags(SourceDir *dir);
void directory_add_error(SourceDir *dir, const char *message);
/* Warns of each restored file that was not written since the reboot. */
void directory_warn_restored(SourceDir *dir);
