/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * pending: the names of one directory that had events since the last refresh. The watcher marks
 * them (source_dir_mark), the next refresh reads them and clears the list. Between the two, while a
 * burst of events is debounced, the files may be prefetched: read and parsed in advance. A
 * prefetched file is used only if it still is the file on disk and no further event came for its
 * name; so a refresh gives the same result with or without a prefetch.
 *
 *                 event                    source_dir_prefetch
 *     (no name) ---------> pending ------------------------------> prefetched
 *         ^                 |  ^                                     |     |
 *         |        refresh, |  |       another event: result dropped |     | refresh,
 *         |        reads it |  +-------------------------------------+     | takes the result
 *         +-----------------+----------------------------------------------+
 */
#include "list.h"
#include "source.h"

typedef struct PendingName {
	char *name;
	SourceFile prefetched; /* the parsed file; .source is NULL: not prefetched, or dropped */
	bool was_prefetched;   /* in this burst, whether or not the result was dropped since */
} PendingName;

typedef struct PendingList {
	PointerList names; /* PendingName, owned */
	bool is_full_scan; /* all names must be looked at: the next refresh reads the directory */
} PendingList;

/* The name must be looked at; a result that was prefetched for it is dropped. */
void pending_mark(PendingList *list, const char *name);
PendingName *pending_at(const PendingList *list, size_t i);
PendingName *pending_find(const PendingList *list, const char *name); /* NULL: it is not pending */
/* The names only; a full scan that is due stays due. */
void pending_clear(PendingList *list);
void pending_free(PendingList *list);
/*
 * True: *ret_file is the prefetched file, which is the caller's from now on. False: nothing was
 * prefetched, or the file on disk has changed since. fd: the directory.
 */
bool pending_take_prefetched(PendingName *pending, int fd, SourceFile *ret_file);
