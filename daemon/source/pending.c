/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of a directory that had events since the last refresh. */
#include "pending.h"
#include "file.h"
#include <assert.h>
#include <string.h>

/* With more names than this, a scan of the whole directory costs less. */
#define PENDING_MAX 256

static void drop_prefetched(PendingName *pending)
{
	source_free(pending->prefetched.source);
	free(pending->prefetched.text);
	pending->prefetched = (SourceFile){};
}

PendingName *pending_at(const PendingList *list, size_t i)
{
	assert(i < list->names.n);
	return list->names.at[i];
}

PendingName *pending_find(const PendingList *list, const char *name)
{
	for (size_t i = 0; i < list->names.n; i++)
		if (strcmp(pending_at(list, i)->name, name) == 0)
			return pending_at(list, i);
	return NULL;
}

static void add(PendingList *list, const char *name)
{
	PendingName *pending = MEMORY_NEW(PendingName);

	pending->name = memory_copy_text(name);
	pointer_list_add(&list->names, pending);
}

void pending_mark(PendingList *list, const char *name)
{
	PendingName *pending;

	if (list->names.n >= PENDING_MAX)
		list->is_full_scan = true;
	if (list->is_full_scan)
		return;
	pending = pending_find(list, name);
	if (pending)
		drop_prefetched(pending);
	else
		add(list, name);
}

void pending_clear(PendingList *list)
{
	for (size_t i = 0; i < list->names.n; i++) {
		PendingName *pending = pending_at(list, i);

		drop_prefetched(pending);
		free(pending->name);
		free(pending);
	}
	list->names.n = 0;
}

void pending_free(PendingList *list)
{
	pending_clear(list);
	free(list->names.at);
}

/*
 * Equal times alone do not prove that a file is unchanged: one that is written twice within one
 * tick of the file system's clock keeps them. But pending_mark drops the result at each event, so
 * the comparison only has to catch a change whose event was not read yet.
 */
bool pending_take_prefetched(PendingName *pending, int fd, SourceFile *ret_file)
{
	struct stat now;

	if (!pending->prefetched.source || fstatat(fd, pending->name, &now, 0) < 0 ||
		!file_stat_is_same(&now, &pending->prefetched.stat))
		return false;
	*ret_file = pending->prefetched;
	pending->prefetched = (SourceFile){};
	return true;
}
