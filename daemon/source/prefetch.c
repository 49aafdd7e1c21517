/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefetch: while a burst of events is debounced, its files are read and parsed in advance, so that
 * the refresh at its end need not. What a prefetch read is in the pending list only; nothing else
 * of the directory changes.
 */
#include "directory.h"
#include "parallel.h"
#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

/* Once a burst: a file that is written again after that is read when the burst ends. */
static bool is_due(const SourceDir *dir, const PendingName *pending)
{
	const Entry *entry = entry_find(&dir->entries, pending->name);

	return source_name_is_read(dir->kind, pending->name) && !pending->was_prefetched &&
	       !(entry && entry->is_being_written);
}

static size_t list_due(const SourceDir *dir, FileToRead *ret_files)
{
	size_t n = 0;

	for (size_t i = 0; i < dir->pending.names.n; i++)
		if (is_due(dir, pending_at(&dir->pending, i)))
			ret_files[n++].name = pending_at(&dir->pending, i)->name;
	return n;
}

/* Errors are ignored: the refresh reads those files again, and reports what is still wrong. */
static void read_due(SourceDir *dir, FileToRead *files, size_t n)
{
	int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (parallel_read(dir->kind, dir->path, fd, files, n) == 0)
		for (size_t i = 0; i < n; i++) {
			PendingName *pending = pending_find(&dir->pending, files[i].name);

			assert(!pending->prefetched.source);
			pending->prefetched = files[i].file;
			pending->was_prefetched = true;
		}
	close(fd);
}

void source_dir_prefetch(SourceDir *dir)
{
	FileToRead *files;
	size_t n;

	if (directory_must_scan(dir) || dir->pending.names.n == 0)
		return;
	files = memory_calloc(dir->pending.names.n, sizeof(*files));
	n = list_due(dir, files);
	if (n > 0)
		read_due(dir, files, n);
	free(files);
}
