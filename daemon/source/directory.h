#pragma once
/* directory: what a SourceDir holds; for directory.c and state.c. Private to the room. */
#include "source.h"

typedef struct Entry {
	char *name;
	struct stat stamp;	    /* of the file that `current` was read from */
	Source *current, *accepted; /* accepted may be current */
	bool is_seen, is_busy;
	bool is_saved; /* the accepted version lies in the state directory */
} Entry;

struct SourceDir {
	SourceKind kind;
	char *path;
	Entry *entries; /* sorted by name */
	size_t n;
	Arena *diag_arena;
	Diags diags;
};

int entry_compare(const void *a, const void *b); /* by name */
Entry *entry_of(const SourceDir *dir, const char *name);
int entry_add(SourceDir *dir, const char *name); /* at the end: sort afterwards */
/* Nothing that a change would alter differs: device, inode, size, mode, times. */
bool stat_is_same(const struct stat *a, const struct stat *b);
