/*
 * The state directory: a copy of every accepted file, under policies/ and inventory/. A copy is
 * written beside, synced and renamed, so that what lies there is always whole.
 */
#include "directory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BESIDE ".new"

/* Opens state/KIND, making both if asked to; -errno. */
static int open_state(const SourceDir *dir, const char *state, bool make)
{
	const char *kind = dir->kind == SOURCE_POLICIES ? "policies" : "inventory";
	int parent, fd, error;

	if (make && mkdir(state, 0755) < 0 && errno != EEXIST)
		return -errno;
	parent = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	if (make && mkdirat(parent, kind, 0755) < 0 && errno != EEXIST) {
		error = errno;
		close(parent);
		return -error;
	}
	fd = openat(parent, kind, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	error = errno;
	close(parent);
	return fd < 0 ? -error : fd;
}

/* ---- Save ---- */
static int copy_bytes(int from, int to)
{
	char room[64 * 1024];
	ssize_t n;

	while ((n = read(from, room, sizeof(room))) > 0)
		for (ssize_t done = 0, put; done < n; done += put) {
			put = write(to, room + done, (size_t)(n - done));
			if (put < 0)
				return -errno;
		}
	return n < 0 ? -errno : fsync(to) < 0 ? -errno : 0;
}

/* Copies the file if it still is the one that was read; else its next version is news anyway. */
static int copy_file(int from_dir, int to_dir, const Entry *entry, const char *beside)
{
	struct stat now;
	int r, to, from = openat(from_dir, entry->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (from < 0 || fstat(from, &now) < 0 || !stat_is_same(&now, &entry->stamp)) {
		if (from >= 0)
			close(from);
		return -ESTALE;
	}
	to = openat(to_dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	r = to < 0 ? -errno : copy_bytes(from, to);
	if (to >= 0)
		close(to);
	if (r == 0 && fstat(from, &now) == 0 && !stat_is_same(&now, &entry->stamp))
		r = -ESTALE;
	if (r == 0 && renameat(to_dir, beside, to_dir, entry->name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(to_dir, beside, 0);
	close(from);
	return r;
}

static int save_entry(int from_dir, int to_dir, Entry *entry)
{
	char beside[NAME_MAX + sizeof(BESIDE) + 1];
	int r;

	if (entry->is_saved || !entry->accepted || entry->accepted != entry->current)
		return 0;
	snprintf(beside, sizeof(beside), ".%.*s" BESIDE, NAME_MAX - 8, entry->name);
	r = copy_file(from_dir, to_dir, entry, beside);
	entry->is_saved = r == 0;
	return r == -ESTALE ? 0 : r;
}

static void remove_gone(const SourceDir *dir, int state)
{
	DIR *stream = fdopendir(dup(state));

	if (!stream)
		return;
	rewinddir(stream);
	for (struct dirent *d; (d = readdir(stream));)
		if (source_name_is_read(dir->kind, d->d_name) && !entry_of(dir, d->d_name))
			unlinkat(state, d->d_name, 0);
	closedir(stream);
}

int source_dir_save(SourceDir *dir, const char *state)
{
	int result = 0, to, from = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0)
		return 0; /* the directory is away: what is saved is what is wanted */
	to = open_state(dir, state, true);
	for (size_t i = 0; to >= 0 && i < dir->n; i++) {
		int r = save_entry(from, to, &dir->entries[i]);

		result = result ? result : r;
	}
	if (to >= 0) {
		remove_gone(dir, to);
		close(to);
	}
	close(from);
	return to < 0 ? to : result;
}

/* ---- Restore ---- */
static int restore_entry(const SourceDir *dir, int state, const char *path, Entry *entry)
{
	struct stat stamp;
	Source *source;
	char *file;
	int r;

	if (entry->accepted || (entry->current && entry->current->diags.n_errors == 0))
		return 0;
	if (faccessat(state, entry->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (asprintf(&file, "%s/%s/%s", path,
		    dir->kind == SOURCE_POLICIES ? "policies" : "inventory", entry->name) < 0)
		return -ENOMEM;
	r = source_file_read(state, dir->kind, file, entry->name, &source, &stamp);
	free(file);
	if (r < 0)
		return r;
	if (source->diags.n_errors == 0)
		entry->accepted = source;
	else
		source_free(source);
	entry->is_saved = true;
	return 0;
}

/* Nothing is known of the directory: its files are those that were saved. */
static int add_saved(SourceDir *dir, int state)
{
	DIR *stream = fdopendir(dup(state));
	int r = 0;

	if (!stream)
		return 0;
	rewinddir(stream);
	for (struct dirent *d; r == 0 && (d = readdir(stream));)
		if (source_name_is_read(dir->kind, d->d_name))
			r = entry_add(dir, d->d_name);
	closedir(stream);
	if (dir->n)
		qsort(dir->entries, dir->n, sizeof(Entry), entry_compare);
	return r == -EFBIG ? 0 : r;
}

int source_dir_restore(SourceDir *dir, const char *state)
{
	int r = 0, fd = open_state(dir, state, false);

	if (fd < 0)
		return 0; /* the first start */
	if (dir->n == 0 && dir->diags.n_errors)
		r = add_saved(dir, fd);
	for (size_t i = 0; r == 0 && i < dir->n; i++)
		r = restore_entry(dir, fd, state, &dir->entries[i]);
	close(fd);
	return r;
}
