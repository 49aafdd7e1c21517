#pragma once
/* directory: what a SourceDir holds; for directory.c, restore.c, state.c. Private to the room. */
#include "source.h"

typedef struct Entry {
	char *name;
	struct stat stamp;	    /* of the file that `current` was read from */
	Source *current, *accepted; /* accepted may be current */
	char *text;		    /* what `current` was read from, until it is saved; or NULL */
	size_t text_n;
	bool is_seen, is_busy;
	bool is_kept; /* from before a reboot: stands though there is no such file yet */
} Entry;

struct SourceDir {
	SourceKind kind;
	bool is_saving; /* texts are held until they are taken */
	char *path;
	Entry *entries; /* sorted by name */
	size_t n;
	char **gone; /* names whose saved copies are to go */
	size_t n_gone, gone_room;
	Arena *diag_arena;
	Diags diags;
};

int entry_compare(const void *a, const void *b); /* by name */
Entry *entry_of(const SourceDir *dir, const char *name);
Entry *entry_among(const SourceDir *dir, size_t n, const char *name); /* the first n, sorted */
int entry_add(SourceDir *dir, const char *name);  /* at the end: sort afterwards */
int entry_gone(SourceDir *dir, const char *name); /* its saved copy is to go */
void entry_drop_text(Entry *entry);
void entries_sort(SourceDir *dir);
/* Says of the files from before a reboot that they have not been written again. */
void dir_note_kept(SourceDir *dir);
/* Nothing that a change would alter differs: device, inode, size, mode, times. */
bool stat_is_same(const struct stat *a, const struct stat *b);

/* Reads size bytes, or fewer if the file has shrunk; NUL-terminated. NULL with errno. */
char *read_whole(int fd, size_t size, size_t *ret_n);
/* A folder of the state directory, or -errno; and which version of a file is kept there, 0: none.
 */
int state_open(const char *state, const char *folder);
uint64_t state_stamp(int folder, const char *base);
