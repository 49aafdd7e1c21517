#pragma once
/*
 * source: files -> model. A SourceDir is a directory of files with the last good version of each;
 * the snapshot merges what is in force into a Model; the state directory has what outlives a
 * restart. This module reads files and writes the state directory; what a file says is parse's.
 */
#include "parse.h"
#include <sys/stat.h>

#define SOURCE_FILES_MAX 100000 /* of one directory */

typedef struct SourceFile {
	Source *source;	   /* the caller frees it */
	struct stat stamp; /* of the file that was read; zero: none was */
	char *text;	   /* its content, which the caller frees; NULL: it could not be read */
	size_t n;
} SourceFile;

/*
 * Opens NAME beneath the directory (symbolic links too may not lead out of it), refuses what is
 * no regular file, what everybody may write, and what is too big. Then parses. A file that cannot
 * be read gives a Source with that error. What is only needed meanwhile is in `scratch`, which is
 * clear afterwards: whoever reads many files keeps it for all of them. Returns 0 or -errno: there
 * is no memory, or no descriptor, for this file now; the next attempt may do better.
 */
int source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *scratch, SourceFile *ret_file);

/* ---- A directory of sources ---- */
typedef struct SourceDir SourceDir;

typedef struct SourceDirFile {
	const char *name;
	const Source *current;	/* as last read */
	const Source *accepted; /* the version in force; may be current; NULL: none ever was good */
	int64_t modified_ns;	/* when the file that is current was written; 0: not read */
} SourceDirFile;

/* is_saving: what was read is held until source_dir_take_unsaved. */
SourceDir *source_dir_new(SourceKind kind, const char *path, bool is_saving);
SourceDir *source_dir_free(SourceDir *dir);
const char *source_dir_path(const SourceDir *dir);
/* Files being written are left as they are until they are closed; new ones are not read before. */
void source_dir_set_being_written(SourceDir *dir, const char *name, bool is_being_written);
void source_dir_clear_being_written(SourceDir *dir);
/*
 * Something happened to the name: refresh shall look at it. NULL: at everything. False: there is
 * nothing to look at, no file of that name is read.
 */
bool source_dir_mark(SourceDir *dir, const char *name);
/*
 * Reads the files that were noted so that refresh need not, if nothing more happens to them.
 * Changes nothing that shows.
 */
void source_dir_prefetch(SourceDir *dir);
/*
 * Reads what was noted, or, the first time and whenever it must, looks at everything: what changed
 * (device, inode, size, times) is read again, what is gone is forgotten. When the directory itself
 * cannot be read, what was known stands. 0 or -errno, as source_file_read: try again later.
 */
int source_dir_refresh(SourceDir *dir);
/* Whether refresh would find nothing new. Reads no file. */
bool source_dir_is_current(const SourceDir *dir);
/* Errors of the directory itself: missing, unreadable, writable by everybody. */
const Diags *source_dir_diags(const SourceDir *dir);
size_t source_dir_count(const SourceDir *dir);
SourceDirFile source_dir_file(const SourceDir *dir, size_t i); /* sorted by name */
/* ---- The state directory: what outlives a restart ---- */
/* A named text under it, to be stored; a list of them. All memory is malloc's. */
typedef struct StateText {
	char *name;	/* "policies/web.yaml" */
	char *text;	/* NULL: what is stored under this name goes */
	size_t n;	/* bytes of text */
	uint64_t stamp; /* which version of a file it is; 0: not said */
	struct StateText *next;
	/* A text that is yet to be made, in the thread of whoever stores it: from `from`, of which
	   it is an owner until then. Nobody may change `from` meanwhile. */
	char *(*make)(const void *from);
	void (*drop)(const void *from);
	const void *from;
} StateText;

/* Copies the name, takes the text over. */
StateText *state_text_new(const char *name, char *text, size_t n);
/* Takes `from` over likewise. make gives malloc's memory. */
StateText *state_text_deferred(const char *name, char *(*make)(const void *from),
	void (*drop)(const void *from), const void *from);
StateText *state_text_free(StateText *text); /* this one, not the list; returns NULL */
/* Makes the text if that is yet to be done. */
void state_text_make(StateText *text);
/*
 * Stored whole or not at all, whatever instant the power fails: written beside, with a checksum,
 * synced, renamed. The version before is kept. 0 or -errno. May be called from any thread, by one
 * at a time.
 */
int state_store(const char *state, const StateText *text);
/*
 * The text as it was stored, NUL-terminated, which the caller frees. Where it is damaged the
 * version before it is used, and diags has a warning either way. -ENOENT: there is none that is
 * whole.
 */
int state_load(const char *state, const char *name, Diags *diags, char **ret_text, size_t *ret_n);

/*
 * Appends to the list what is in force and was not taken yet, as it was read (not as the file is
 * by now), and what is gone. To be called after a change was applied.
 */
void source_dir_take_unsaved(SourceDir *dir, StateText **list);
/*
 * To be called once, after the first refresh. Broken files get their saved version as the accepted
 * one; where the directory itself cannot be read, all the saved ones stand. After a reboot
 * (is_new_boot) inventory files that are not there yet stand as they were saved, each until it is
 * written again: the inventory lies in memory, and an empty directory does not mean "no pods".
 * Damage is said in diags. 0 or -ENOMEM, as source_file_read: then to be called again.
 */
int source_dir_restore(SourceDir *dir, const char *state, bool is_new_boot, Diags *diags);
/* Whether a file from before the reboot still stands unwritten. */
bool source_dir_has_restored(const SourceDir *dir);

/* ---- The snapshot: everything that stands, as one model ---- */
typedef struct Snapshot Snapshot;

/*
 * Empty; the first update merges everything. Of n directories, any number of each kind, in the
 * order in which their diagnostics come. The list is copied, the directories are borrowed.
 */
Snapshot *snapshot_new(SourceDir *const *dirs, size_t n);
Snapshot *snapshot_free(Snapshot *snapshot);
/*
 * Merges what the directories read since the last time: of each file the current version, or,
 * where that has an error, the one accepted before. What only shows across files is judged here:
 * two policies of one name, a cidr_set that nobody defines; a file at fault keeps its accepted
 * version. What was merged is accepted. ret_changes: what became different, until the next refresh
 * of the directories; in its arena.
 */
void snapshot_update(Snapshot *snapshot, Changes *ret_changes);
const Model *snapshot_model(const Snapshot *snapshot);
/* Every diagnostic: the directories', the files', the merge's. */
const Diags *snapshot_diags(const Snapshot *snapshot);

/* ---- netpol.conf ---- */
/*
 * The defaults, with the host's name as the node's, and over them what the file says. A missing
 * file is an error unless `may_be_absent`. Errors go to diags. 0 or PARSE_E_INVALID.
 */
int settings_load(
	Arena *arena, const char *path, bool may_be_absent, Settings *settings, Diags *diags);
