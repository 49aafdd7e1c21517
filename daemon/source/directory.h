#pragma once
/*
 * directory: what a SourceDir holds; for directory.c, entry.c, fold.c, noted.c, restore.c,
 * snapshot.c.
 * Private to the room.
 */
#include "source.h"

typedef struct Entry {
	char *name;
	struct stat stamp;	    /* of the file that `current` was read from */
	Source *current, *accepted; /* accepted may be current */
	const Source *merged;	    /* what of it is in the snapshot; accepted or NULL */
	char *text;		    /* what `current` was read from, until it is saved; or NULL */
	size_t text_n;
	bool is_seen, is_being_written;
	bool is_link;	  /* what it says may change without an event of its name */
	bool is_restored; /* from before a reboot: stands though there is no such file yet */
	bool is_changed;  /* the snapshot has not looked at it since */
	bool is_deleted;  /* only for the snapshot to take leave of it */
	bool had_diags;	  /* when the snapshot looked last */
	bool is_unsaved;
	bool was_saved; /* what was in force when `current` was read was to be saved no more */
} Entry;

typedef struct Pointers {
	void **at;
	size_t n, capacity;
} Pointers;

/* A name that something happened to. */
typedef struct Pending {
	char *name;
	SourceFile prefetched; /* read since; without a source: it was not, or more has happened */
	bool was_prefetched;   /* ahead, in this burst */
} Pending;

struct SourceDir {
	SourceKind kind;
	bool is_saving; /* texts are held until they are taken */
	char *path;
	Pointers entries;  /* Entry, by name */
	Pointers pending;  /* Noted: names to be looked at */
	bool is_full_scan; /* everything is to be looked at */
	bool has_links;	   /* some entries are symbolic links */
	Pointers changed;  /* Entry: for the snapshot */
	Pointers retired;  /* Source: not in force any more, but still looked at */
	Pointers unsaved;  /* Entry: whose text is to be saved */
	Pointers deleted;  /* names whose saved copies are to go */
	Arena *diag_arena;
	Diags diags;
	bool had_diags; /* when the snapshot looked last */
};

void pointers_add(Pointers *list, void *item);
static inline Entry *dir_entry(const SourceDir *dir, size_t i)
{
	return dir->entries.at[i];
}

/* entry.c */
Entry *entry_of(const SourceDir *dir, const char *name);
Entry *entry_among(const SourceDir *dir, size_t n, const char *name); /* the first n, sorted */
/* At the end: sort afterwards. 0, or -EFBIG: there are too many. */
int entry_add(SourceDir *dir, const char *name, Entry **ret_entry);
void entries_sort(SourceDir *dir);
void entry_mark(SourceDir *dir, Entry *entry);	 /* for the snapshot */
void entry_forget(SourceDir *dir, Entry *entry); /* out of the entries; for the snapshot */
void entry_mark_deleted(SourceDir *dir, const char *name); /* its saved copy is to go */
void entry_accept(SourceDir *dir, Entry *entry);	   /* the current version is in force now */
/* The snapshot has looked at what changed. */
void dir_end_changes(SourceDir *dir);
/* There is a new snapshot, which has looked at nothing. */
void dir_begin_changes(SourceDir *dir);
void dir_free_retired(SourceDir *dir);
void entry_drop_text(Entry *entry);
void entry_free(Entry *entry);

/* What the current version says was folded into the accepted one. */
void entry_updated_in_place(SourceDir *dir, Entry *entry, bool is_same);

typedef enum InPlace { IN_PLACE_NO, IN_PLACE_SAME, IN_PLACE_CHANGED } InPlace;

/*
 * fold.c: `into`, which is in the model, says from now on what `next` says; the model, and the
 * changes, hear of what differs. Where that is much nothing is done.
 */
InPlace source_update_in_place(Source *into, const Source *next, Model *model, Changes *changes);

/* noted.c */
void dir_clear_pending(SourceDir *dir);
/* True: the file as it was read ahead, which still is the file; the caller's now. */
bool pending_take_prefetched(Pending *pending, int fd, SourceFile *ret_file);

/* A file of the directory that is to be read. */
typedef struct DueFile {
	const char *name;
	SourceFile file; /* zero, until it was read */
} DueFile;

/* beside.c: reads the files of these names, side by side. 0, or -errno: then none was read. */
int read_parallel(const SourceDir *dir, int fd, DueFile *due, size_t n);

/* Names alone do not tell: the directory is not as it should be, or was not. */
bool dir_must_look_at_all(const SourceDir *dir);
/* Says of the files from before a reboot that they have not been written again. */
void dir_warn_restored(SourceDir *dir);
/* Nothing that a change would alter differs: device, inode, size, mode, times. */
bool stat_is_same(const struct stat *a, const struct stat *b);

/*
 * What will pass, and says nothing of the file or directory: no memory, no descriptors. It is not
 * an error of it, for then it would stay so until something happens to it.
 */
bool is_of_environment(int error);

/* Reads size bytes, or fewer if the file has shrunk; NUL-terminated. NULL with errno. */
char *read_whole(int fd, size_t size, size_t *ret_n);
/* A folder of the state directory, or -errno; and which version of a file is kept there, 0: none.
 */
int state_open(const char *state, const char *folder);
uint64_t state_stamp(int folder, const char *base);
