/*
 * What is to be looked at when a burst ends: the names that something happened to. Their files are
 * read ahead, while the burst is gathered. What is in force is what is there when it ends: what was
 * read ahead counts if nothing has happened to the name since, else it was read in vain.
 */
#include "directory.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* With more names than this, looking at everything costs less. */
#define PENDING_MAX 256

static void drop_ahead(Pending *pending)
{
	source_free(pending->prefetched.source);
	free(pending->prefetched.text);
	pending->prefetched = (SourceFile){};
}

static void pending_free(Pending *pending)
{
	drop_ahead(pending);
	free(pending->name);
	free(pending);
}

void dir_clear_pending(SourceDir *dir)
{
	for (size_t i = 0; i < dir->pending.n; i++)
		pending_free(dir->pending.at[i]);
	dir->pending.n = 0;
}

/* ---- Noting ---- */
static Pending *pending_of(const SourceDir *dir, const char *name)
{
	for (size_t i = 0; i < dir->pending.n; i++)
		if (strcmp(((Pending *)dir->pending.at[i])->name, name) == 0)
			return dir->pending.at[i];
	return NULL;
}

static void pending_add(SourceDir *dir, const char *name)
{
	Pending *pending = MEMORY_NEW(Pending);

	pending->name = memory_copy_text(name);
	pointers_add(&dir->pending, pending);
}

/* Another name counts only where a symbolic link may lead through it. */
bool source_dir_mark(SourceDir *dir, const char *name)
{
	bool is_read = name && source_name_is_read(dir->kind, name);
	Pending *pending;

	if (!is_read && name && !dir->has_links)
		return false;
	dir->is_full_scan |= !is_read || dir->pending.n >= PENDING_MAX;
	if (dir->is_full_scan)
		return true;
	pending = pending_of(dir, name);
	if (pending)
		drop_ahead(pending);
	else
		pending_add(dir, name);
	return true;
}

/* ---- Reading ahead ---- */
/* Once a burst: who is written again and again is read when it ends. */
static bool is_to_be_read(const SourceDir *dir, const Pending *pending)
{
	const Entry *entry;

	if (pending->was_prefetched)
		return false;
	entry = entry_of(dir, pending->name);
	return !entry || !entry->is_being_written;
}

static size_t list_due(const SourceDir *dir, DueFile *ret_due)
{
	size_t n = 0;

	for (size_t i = 0; i < dir->pending.n; i++)
		if (is_to_be_read(dir, dir->pending.at[i]))
			ret_due[n++].name = ((Pending *)dir->pending.at[i])->name;
	return n;
}

static void read_ahead(SourceDir *dir, DueFile *due, size_t n)
{
	int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read_parallel(dir, fd, due, n) == 0)
		for (size_t i = 0; i < n; i++) {
			Pending *pending = pending_of(dir, due[i].name);

			pending->prefetched = due[i].file;
			pending->was_prefetched = true;
		}
	close(fd);
}

void source_dir_prefetch(SourceDir *dir)
{
	DueFile *due;
	size_t n;

	if (dir_must_look_at_all(dir) || dir->pending.n == 0)
		return;
	due = memory_calloc(dir->pending.n, sizeof(*due));
	n = list_due(dir, due);
	if (n > 0)
		read_ahead(dir, due, n);
	free(due);
}

/* The file of today is the one that was read, and nobody told of anything since. */
bool pending_take_prefetched(Pending *pending, int fd, SourceFile *ret_file)
{
	struct stat now;

	if (!pending->prefetched.source || fstatat(fd, pending->name, &now, 0) < 0 ||
		!stat_is_same(&now, &pending->prefetched.stamp))
		return false;
	*ret_file = pending->prefetched;
	pending->prefetched = (SourceFile){};
	return true;
}
