/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * entry: the files that a directory knows, and which version of each is in force. A version is one
 * parsed content of a file, a Source. An entry has up to two: `current`, what the file has now, and
 * `accepted`, the last one that the snapshot found free of errors. Often both are the same Source.
 *
 * The states of an entry, and what moves it to the next (for "pending" see pending.h):
 *
 *     unknown                               any state but deleted
 *        |  an event of its name,                       |  IN_MODIFY
 *        |  or a full scan finds it                     v
 *        |                                        being written: refresh skips it, what was read
 *        v        IN_CLOSE_WRITE, or a rename           |        of it before stays
 *     pending <-----------------------------------------+
 *        |
 *        |  refresh: the file is read and parsed
 *        v
 *     read: `current` is new, is_changed
 *        |
 *        |  snapshot_update: are there errors in it, or conflicts with another file?
 *        +--- no --------> accepted: `accepted` is `current`
 *        +--- yes -------> broken:   `accepted` is the version before, or NULL. A conflict is
 *                                    looked at again when any policy file changes
 *
 *     restored: source_dir_restore loaded `accepted` from the state directory, and there is no such
 *               file yet. Only after a reboot. Ends as pending when the file appears, or as
 *               withdrawn when a file SOURCE_COMPLETE says that the directory is whole.
 *
 *     any state with an accepted version
 *        |
 *        |  refresh: the file is gone
 *        v
 *     withdrawn: `accepted` stays in force; `current`, if it is another version, is dropped. Names
 *        |  |    that a present file defines, policy by policy, are the present file's at once. The
 *        |  |    file is back: pending, and withdrawn until it was read (a broken version then
 *        |  |    leaves in force what the file had not lost to others)
 *        |  |
 *        |  +-- the file was read again --> read
 *        |
 *        |  refresh: withdraw_ms have passed, and the file is still gone
 *        v
 *     deleted:  the entry has left `all` and is a tombstone on `changed`, so that the next
 *               snapshot_update can remove what it had merged of it; then it is freed. Without an
 *               accepted version, or if withdraw_ms is 0, an entry goes here at once.
 *
 * Independent of this, an entry is `unsaved` while it holds the text of its current version for the
 * state directory; source_dir_take_unsaved hands the text out once the version is accepted.
 */
#include "list.h"
#include "source.h"

#define ENTRY_IS_BACK UINT64_MAX

typedef struct Entry {
	char *name;
	struct stat stat; /* of the file that `current` was read from; zero: not read */
	Source *current;  /* owned; NULL: not read yet */
	Source *accepted; /* owned; may be `current`; NULL: no version was ever good */
	Source *merged;	  /* the version in the model; between updates `accepted`, or NULL */
	char *text;	  /* owned: the text of `current`, until it is saved; or NULL */
	size_t text_n;
	bool is_seen; /* the last scan, or the last event of the name, found the file */
	bool is_being_written;
	bool is_link;	  /* a symbolic link: its target may change without an event of this name */
	bool is_restored; /* see above */
	bool is_changed;  /* on the list `changed` */
	bool is_unsaved;  /* on the list `unsaved` */
	bool is_withdrawn;   /* see above */
	uint64_t gone_at_ms; /* is_withdrawn: since when; ENTRY_IS_BACK: not read again yet */
	bool is_deleted;     /* a tombstone */
	bool had_diags;	     /* at the last snapshot_update */
	/* when `current` was read, no earlier text was waiting to be saved: the state directory had
	   the accepted version, so a current one of the same content need not be saved */
	bool was_accepted_saved;
} Entry;

typedef struct EntryTable {
	bool is_saving;	 /* texts are held for the state directory */
	PointerList all; /* Entry, owned; the first n_sorted are sorted by name, unique */
	size_t n_sorted; /* less than all.n only between entry_add and entries_sort */
	size_t n_withdrawn;
	PointerList changed; /* Entry: not looked at by snapshot_update yet; owns the tombstones */
	PointerList unsaved; /* Entry: has a text to be saved */
	PointerList forgotten; /* char *, owned: names whose saved copies are to be removed */
	/* Source, owned: no longer in force, but the changes of the last snapshot_update point at
	   them; the next refresh frees them */
	PointerList retired;
} EntryTable;

void entries_free(EntryTable *table);
/* Frees the retired versions. */
void entries_free_retired(EntryTable *table);
Entry *entry_at(const EntryTable *table, size_t i);

/* ---- By name ---- */
/* NULL: not known. All entries must be sorted. */
Entry *entry_find(const EntryTable *table, const char *name);
/* The same, without those that were added since the last entries_sort. */
Entry *entry_find_sorted(const EntryTable *table, const char *name);
/*
 * Appends an entry that has no version; entries_sort must follow before the next entry_find.
 * Returns 0, or -EFBIG: there are SOURCE_FILES_MAX entries, without the withdrawn ones.
 */
int entry_add(EntryTable *table, const char *name, Entry **ret_entry);
/* Pointers from entry_add are valid afterwards, but for a name that was added twice. */
void entries_sort(EntryTable *table);
/* The file is there. */
void entry_mark_seen(Entry *entry);
/* The file is gone, and its accepted version stays in force. False: it has none. */
bool entry_withdraw(EntryTable *table, Entry *entry, uint64_t now_ms);
/* Whether it is withdrawn and the file is not back. */
bool entry_is_gone(const Entry *entry);
/* The entry becomes a tombstone, and its saved copy is to be removed. */
void entry_delete(EntryTable *table, Entry *entry);
/* The saved copy of this name is to be removed; there need not be an entry. */
void entry_forget_saved(EntryTable *table, const char *name);

/* ---- Versions ---- */
/* A new current version: takes over the source and the text. It may be found to be emptied. */
void entry_set_current(EntryTable *table, Entry *entry, const SourceFile *file);
/*
 * Takes over an error-free version from the state directory. It becomes the accepted one if the
 * current version is not good (it has errors, or looks emptied beside the saved one); and if it is
 * of a policy file, since the current version may be in conflict with another file.
 */
void entry_restore(EntryTable *table, Entry *entry, Source *source);
/* The current version, if it is good, is what the state directory has: it was accepted. */
void entry_restore_current(Entry *entry);
/* The current version, if it has no errors. NULL otherwise. */
Source *entry_good_current(const Entry *entry);
/* The current version if it has no errors, or else the accepted one, which may be NULL. */
Source *entry_best_version(const Entry *entry);
void entry_drop_text(Entry *entry);

/* ---- For the snapshot only ---- */
/* The current version, which the snapshot has merged, is the accepted one. */
void entry_accept(EntryTable *table, Entry *entry);
/*
 * The accepted version was updated in place to what the current one says. The current one is freed.
 * is_same: no pod differs, so that the text need not be saved again.
 */
void entry_updated_in_place(EntryTable *table, Entry *entry, bool is_same);
/* The snapshot has looked at every changed entry: frees the tombstones, empties the list. */
void entries_end_changes(EntryTable *table);
/* There is a new snapshot, which has merged nothing: every entry is changed. */
void entries_begin_changes(EntryTable *table);
