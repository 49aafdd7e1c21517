/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * source: files -> model. This module watches nothing and parses nothing itself: the run module
 * tells it which names had events, parse turns one file's text into a Source. What it owns is
 *
 *   - a directory (SourceDir): the files of one directory, and for each the version that was read
 *     last and the last good one;
 *   - the snapshot: of each file the version that is in force, all merged into one Model;
 *   - the state directory: texts that outlive a restart and a power failure.
 *
 * The order of calls, for each burst of file events:
 *
 *     source_dir_mark            for each event
 *     source_dir_prefetch        optional, while the burst lasts
 *     source_dir_refresh         for each directory: reads what is pending
 *     source_dir_restore         for each directory, after its first refresh only
 *     snapshot_update            merges what the refreshes read; gives the changes
 *        ... the changes are compiled, and the kernel's table is changed ...
 *     source_dir_take_unsaved    for each directory: the texts for state_store
 *
 * A version is borrowed by the snapshot's model, by the changes and by what is compiled from them.
 * One that is replaced is freed by the next source_dir_refresh, so that the changes can still show
 * what was before. The snapshot is freed before its directories.
 *
 * What may go wrong: a file or directory that cannot be read, or is wrong, is a diagnostic, and
 * what was in force stays. No memory for one file, or no file descriptors, is -errno: nothing is
 * lost, and the caller tries again later. One thread calls all functions, except where a comment
 * says "thread-safe" or "any thread".
 */
#include "parse.h"
#include <limits.h>
#include <sys/stat.h>

#define SOURCE_FILES_MAX 100000	    /* of one directory */
#define SOURCE_NEVER UINT64_MAX	    /* a time, in milliseconds */
#define SOURCE_COMPLETE ".complete" /* see source_dir_restore() */

/* ---- One file ---- */
typedef struct SourceFile {
	Source *source;	  /* the caller frees it */
	struct stat stat; /* of the file that was read; zero: none was */
	char *text;	  /* its content, which the caller frees; NULL: it could not be read */
	size_t n;	  /* bytes of text */
} SourceFile;

/* Writes all of it to an open file, however often write() takes a part. 0 or -errno. */
int source_file_write(int fd, const char *text, size_t n);
/*
 * Replaces a file atomically: writes n bytes to the temp file ".new" in the same directory, and
 * renames it. A reader sees the old content or the new one, never a part. The temp file is hidden,
 * since netpold and others skip hidden files. The file's mode is 0644, whatever the umask is. The
 * path is relative to the directory, a descriptor or AT_FDCWD. modified: the file's time; NULL:
 * now. 0 or -errno.
 */
int source_file_replace(int directory, const char *path, const char *text, size_t n,
	const struct timespec *modified);
/*
 * Reads a whole file of at most so many bytes into the arena, NUL-terminated. Returns 0 or -errno:
 * -EINVAL: it is no regular file; -EFBIG.
 */
int source_text_read(
	Arena *arena, const char *path, size_t n_max, const char **ret_text, size_t *ret_n);
/*
 * Reads and parses the file `name` of the directory (a descriptor). It refuses symbolic links that
 * lead out of the directory, what is no regular file, what everybody may write, and what is too
 * big. The Source of a file that is refused or cannot be read has the reason as its only error.
 * `file` is the path for diagnostics. `scratch` is for memory that is needed during the call only;
 * it is cleared, so that a caller with many files passes the same one. Returns 0; or -errno
 * (ENOMEM, EMFILE, ENFILE) if this process lacks memory or descriptors now: try again later.
 * Thread-safe.
 */
int source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *scratch, SourceFile *ret_file);

/* ---- A directory of sources ---- */
typedef struct SourceDir SourceDir;

typedef struct SourceDirFile {
	const char *name;
	const Source *current;	/* the version that was read last; NULL: none was */
	const Source *accepted; /* the version in force; may be current; NULL: none ever was good */
	int64_t modified_ns;	/* of the file that is current, since 1970; 0: not read */
	bool is_withdrawn;	/* the file was deleted, and stays in force for a while */
} SourceDirFile;

/*
 * Nothing is read yet, and the directory need not exist. is_saving: texts that were read are held
 * until source_dir_take_unsaved. What a deleted file said leaves with the next refresh, until
 * source_dir_set_withdraw_ms says otherwise.
 */
SourceDir *source_dir_new(SourceKind kind, const char *path, bool is_saving);
SourceDir *source_dir_free(SourceDir *dir); /* takes NULL; returns NULL */
/*
 * How long what a deleted file said stays in force if nothing takes its place: many programs
 * replace a file by deleting it and creating it again, or create its content under another name.
 * Counts also for files that are gone already.
 */
void source_dir_set_withdraw_ms(SourceDir *dir, uint64_t withdraw_ms);
/* The directory need not exist, as long as no file was read from it. */
void source_dir_set_optional(SourceDir *dir, bool is_optional);
SourceKind source_dir_kind(const SourceDir *dir);
const char *source_dir_path(const SourceDir *dir);
/*
 * A write to the file is in progress, or has ended. While it is, refresh does not read the file,
 * whose content may be half written; what was read of it before stays in force.
 */
void source_dir_set_being_written(SourceDir *dir, const char *name, bool is_being_written);
/* No write is known to be in progress: after events were lost. */
void source_dir_clear_being_written(SourceDir *dir);
/*
 * Marks the name as pending: the next refresh reads it, or warns that it is not read. NULL: all
 * names. False: the name means nothing (a hidden file, an editor's leftover): no refresh is needed.
 */
bool source_dir_mark(SourceDir *dir, const char *name);
/*
 * Reads and parses pending files in advance, so that refresh need not if they do not change again.
 * Optional: apart from the time that refresh takes nothing differs. Errors are left to refresh.
 */
void source_dir_prefetch(SourceDir *dir);
/*
 * Reads the pending files. The first time, and when all names are marked, the whole directory: a
 * file that differs (device, inode, size, mode, times) is read again, one that is gone is
 * withdrawn, and one that is gone for withdraw_ms is forgotten. If the directory itself cannot be
 * read that is a diagnostic, and what is known stays. now_ms: of a clock that does not go back.
 * Returns 0, or -errno as source_file_read.
 */
int source_dir_refresh(SourceDir *dir, uint64_t now_ms);
/* When a refresh is due because a file is gone for withdraw_ms; SOURCE_NEVER: no such file. */
uint64_t source_dir_next_withdrawal(const SourceDir *dir);
/*
 * Marks each record whose network namespace or port has gone or come back without an event of the
 * file, so that the next refresh finds whether it counts. False: there is none.
 */
bool source_dir_mark_stale(SourceDir *dir);
/*
 * Whether a full refresh would find nothing to read, by the files' stat: a check for lost events.
 * True also for a directory with an error, which each refresh looks at.
 */
bool source_dir_is_current(const SourceDir *dir);
/*
 * Adds a warning for each feed of the directory that promised to come by and did not: see
 * daemon/source/alive.c. now_s: seconds since the epoch.
 */
void source_dir_check_feeds(const SourceDir *dir, int64_t now_s, Diags *diags);
/*
 * About the directory itself: missing, unreadable, writable by everybody; warnings of its restored
 * files, and of names that are not read although somebody may believe it. Valid until the next
 * refresh.
 */
const Diags *source_dir_diags(const SourceDir *dir);
size_t source_dir_count(const SourceDir *dir);
SourceDirFile source_dir_file(const SourceDir *dir, size_t i); /* i < count; sorted by name */

/* ---- The state directory: what outlives a restart ---- */
/*
 * A text to be stored, or a name whose text is to be removed; a linked list of them. All memory is
 * malloc's. A deferred text is made by the thread that stores it: until then it owns a reference to
 * `from`, which nobody may change.
 */
typedef struct StateText {
	char *name;	/* below the state directory: "policies/web.yaml" */
	char *text;	/* NULL, and not deferred: what is stored under the name is to be removed */
	size_t n;	/* bytes of text */
	uint64_t stamp; /* identifies the version of the file that it is of; 0: none */
	struct StateText *next;
	/* deferred; `from` is NULL if not */
	char *(*make)(const void *from); /* gives malloc's memory */
	void (*drop)(const void *from);	 /* gives the reference back */
	const void *from;
} StateText;

/* Copies the name, takes the text over. */
StateText *state_text_new(const char *name, char *text, size_t n);
/* Takes the reference to `from` over. */
StateText *state_text_deferred(const char *name, char *(*make)(const void *from),
	void (*drop)(const void *from), const void *from);
StateText *state_text_free(StateText *text); /* this one, not the list; returns NULL */
/* Makes the text if it is deferred and not made yet. In any thread. */
void state_text_make(StateText *text);
/*
 * Stores the text, or removes the stored one, atomically: after a power failure at any instant the
 * state directory has all of this text or all of the one before. A deferred text must be made first
 * (state_text_make). Waits for the disk (fsync). Returns 0 or -errno. In any thread, one at a time.
 */
int state_store(const char *state, const StateText *text);
/*
 * Loads a stored text, NUL-terminated; the caller frees it. If it is damaged (wrong checksum, or
 * writable by everybody), loads the version stored before it, and adds a warning to diags. Returns
 * 0; -ENOENT: there is no undamaged one; another -errno as source_file_read: try again later.
 */
int state_load(const char *state, const char *name, Diags *diags, char **ret_text, size_t *ret_n);

/* ---- A directory and the state directory ---- */
/*
 * Appends to the list the texts of accepted versions that were not taken yet (as they were read,
 * not as the files are now), and the names of deleted files. Call it after the snapshot_update that
 * accepted them, and preferably after the kernel took the change: saving must not delay
 * enforcement.
 */
void source_dir_take_unsaved(SourceDir *dir, StateText **list);
/*
 * Once, after the first refresh and before the first snapshot_update. The saved version becomes the
 * accepted one of
 *   - each file that is broken now, and each policy file that has changed since: the snapshot may
 *     find the new version in conflict with another file;
 *   - each saved file, if the directory cannot be read;
 *   - after a reboot (is_new_boot), of an inventory, and of policies on a tmpfs, each saved file
 *     that does not exist yet, until it is written: the reboot has emptied the directory, which
 *     does not mean "no pods". A file SOURCE_COMPLETE in it ends that: whoever wrote it says that
 *     what is not there now is gone.
 * Warnings go to diags. Returns 0, or -errno as source_file_read: call it again.
 */
int source_dir_restore(SourceDir *dir, const char *state, bool is_new_boot, Diags *diags);
/*
 * The folder below the state directory that has the saved copies of a directory's files. It is the
 * path's own: the order of the settings' lists does not matter.
 */
void source_state_folder(SourceKind kind, const char *path, char ret_folder[NAME_MAX + 1]);
/*
 * Gives the directory of this path what netpold saved when each kind had one directory, and one
 * folder whatever its path, unless it has a folder of its own.
 */
void source_state_adopt(const char *state, SourceKind kind, const char *path);
/* Whether the saved version of a file is in force that was not written since the reboot. */
bool source_dir_has_restored(const SourceDir *dir);

/* ---- The snapshot: all that is in force, as one model ---- */
typedef struct Snapshot Snapshot;

/*
 * Empty; the first update merges everything. Of n directories, any number of each kind, in the
 * order in which their diagnostics come. The list is copied, the directories are borrowed.
 */
Snapshot *snapshot_new(SourceDir *const *dirs, size_t n);
Snapshot *snapshot_free(Snapshot *snapshot); /* takes NULL; returns NULL */
/*
 * Merges what the directories read since the last update: of each file the current version, or, if
 * that has an error, the accepted one. Errors that only show across files are found here (two
 * policies of one name, a cidr_set that is not defined): such a file too keeps its accepted
 * version. Current versions that were merged are accepted from now on. ret_changes: how the model
 * differs from before; valid until the next refresh of the directories. The caller sets its arena,
 * which gets the lists.
 */
void snapshot_update(Snapshot *snapshot, Changes *ret_changes);
const Model *snapshot_model(const Snapshot *snapshot); /* borrowed; updated by each update */
/* All diagnostics: of the directories, the files and the merge. Valid until the next update. */
const Diags *snapshot_diags(const Snapshot *snapshot);

/* ---- netpol.conf ---- */
/* The host's name now, in small letters, as kubelet names its Node object. */
void settings_host_name(char ret_name[HOST_NAME_MAX + 1]);
/*
 * The defaults, with the host name as the node's, overlaid by what the file has. A missing file is
 * an error unless `may_be_absent`. Returns 0, or PARSE_E_INVALID with the errors in diags.
 */
int settings_load(
	Arena *arena, const char *path, bool may_be_absent, Settings *settings, Diags *diags);
