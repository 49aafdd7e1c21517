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
#define NOTED_MOST 256

static void drop_ahead(Noted *noted)
{
	source_free(noted->ahead.source);
	free(noted->ahead.text);
	noted->ahead = (SourceFile){};
}

static void noted_free(Noted *noted)
{
	drop_ahead(noted);
	free(noted->name);
	free(noted);
}

void dir_forget_noted(SourceDir *dir)
{
	for (size_t i = 0; i < dir->noted.n; i++)
		noted_free(dir->noted.at[i]);
	dir->noted.n = 0;
}

/* ---- Noting ---- */
static Noted *noted_of(const SourceDir *dir, const char *name)
{
	for (size_t i = 0; i < dir->noted.n; i++)
		if (strcmp(((Noted *)dir->noted.at[i])->name, name) == 0)
			return dir->noted.at[i];
	return NULL;
}

static void noted_add(SourceDir *dir, const char *name)
{
	Noted *noted = MEMORY_NEW(Noted);

	noted->name = memory_copy_text(name);
	pointers_add(&dir->noted, noted);
}

/* Another name counts only where a symbolic link may lead through it. */
bool source_dir_note(SourceDir *dir, const char *name)
{
	bool is_read = name && source_name_is_read(dir->kind, name);
	Noted *noted;

	if (!is_read && name && !dir->has_links)
		return false;
	dir->is_whole |= !is_read || dir->noted.n >= NOTED_MOST;
	if (dir->is_whole)
		return true;
	noted = noted_of(dir, name);
	if (noted)
		drop_ahead(noted);
	else
		noted_add(dir, name);
	return true;
}

/* ---- Reading ahead ---- */
/* Once a burst: who is written again and again is read when it ends. */
static bool is_to_be_read(const SourceDir *dir, const Noted *noted)
{
	const Entry *entry;

	if (noted->was_read)
		return false;
	entry = entry_of(dir, noted->name);
	return !entry || !entry->is_busy;
}

static size_t list_due(const SourceDir *dir, DueFile *ret_due)
{
	size_t n = 0;

	for (size_t i = 0; i < dir->noted.n; i++)
		if (is_to_be_read(dir, dir->noted.at[i]))
			ret_due[n++].name = ((Noted *)dir->noted.at[i])->name;
	return n;
}

static void read_ahead(SourceDir *dir, DueFile *due, size_t n)
{
	int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read_beside(dir, fd, due, n) == 0)
		for (size_t i = 0; i < n; i++) {
			Noted *noted = noted_of(dir, due[i].name);

			noted->ahead = due[i].file;
			noted->was_read = true;
		}
	close(fd);
}

void source_dir_read_ahead(SourceDir *dir)
{
	DueFile *due;
	size_t n;

	if (dir_must_look_at_all(dir) || dir->noted.n == 0)
		return;
	due = memory_calloc(dir->noted.n, sizeof(*due));
	n = list_due(dir, due);
	if (n > 0)
		read_ahead(dir, due, n);
	free(due);
}

/* The file of today is the one that was read, and nobody told of anything since. */
bool noted_take(Noted *noted, int fd, SourceFile *ret_file)
{
	struct stat now;

	if (!noted->ahead.source || fstatat(fd, noted->name, &now, 0) < 0 ||
		!stat_is_same(&now, &noted->ahead.stamp))
		return false;
	*ret_file = noted->ahead;
	noted->ahead = (SourceFile){};
	return true;
}
