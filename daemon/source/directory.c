/*
 * A directory of sources: what changed is read again, what is gone is forgotten, what is broken
 * keeps the version that was accepted last.
 */
#include "directory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

SourceDir *source_dir_new(SourceKind kind, const char *path, bool is_saving)
{
	SourceDir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->kind = kind;
	dir->is_saving = is_saving;
	dir->path = strdup(path);
	dir->diag_arena = arena_new();
	dir->diags.arena = dir->diag_arena;
	return dir->path && dir->diag_arena ? dir : source_dir_free(dir);
}

void entry_drop_text(Entry *entry)
{
	free(entry->text);
	entry->text = NULL;
}

static void entry_end(Entry *entry)
{
	if (entry->accepted != entry->current)
		source_free(entry->accepted);
	source_free(entry->current);
	entry_drop_text(entry);
	free(entry->name);
}

SourceDir *source_dir_free(SourceDir *dir)
{
	if (!dir)
		return NULL;
	for (size_t i = 0; i < dir->n; i++)
		entry_end(&dir->entries[i]);
	for (size_t i = 0; i < dir->n_gone; i++)
		free(dir->gone[i]);
	free(dir->gone);
	free(dir->entries);
	free(dir->path);
	arena_free(dir->diag_arena);
	free(dir);
	return NULL;
}

const char *source_dir_path(const SourceDir *dir)
{
	return dir->path;
}

const Diags *source_dir_diags(const SourceDir *dir)
{
	return &dir->diags;
}

size_t source_dir_count(const SourceDir *dir)
{
	return dir->n;
}

SourceDirFile source_dir_file(const SourceDir *dir, size_t i)
{
	const Entry *entry = &dir->entries[i];

	return (SourceDirFile){entry->name, entry->current, entry->accepted,
		(int64_t)entry->stamp.st_mtim.tv_sec * 1000000000 + entry->stamp.st_mtim.tv_nsec};
}

int entry_compare(const void *a, const void *b)
{
	return strcmp(((const Entry *)a)->name, ((const Entry *)b)->name);
}

Entry *entry_among(const SourceDir *dir, size_t n, const char *name)
{
	Entry wanted = {.name = (char *)name};

	return n ? bsearch(&wanted, dir->entries, n, sizeof(Entry), entry_compare) : NULL;
}

Entry *entry_of(const SourceDir *dir, const char *name)
{
	return entry_among(dir, dir->n, name);
}

void entries_sort(SourceDir *dir)
{
	if (dir->n)
		qsort(dir->entries, dir->n, sizeof(Entry), entry_compare);
}

int entry_add(SourceDir *dir, const char *name)
{
	Entry *grown;
	char *copy;

	if (dir->n >= SOURCE_FILES_MOST)
		return -EFBIG;
	grown = reallocarray(dir->entries, dir->n + 1, sizeof(Entry));
	if (!grown)
		return -ENOMEM;
	dir->entries = grown;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	dir->entries[dir->n++] = (Entry){.name = copy, .is_seen = true};
	return 0;
}

int entry_gone(SourceDir *dir, const char *name)
{
	char *copy;

	if (dir->n_gone == dir->gone_room) {
		size_t room = dir->gone_room ? 2 * dir->gone_room : 16;
		char **grown = reallocarray(dir->gone, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		dir->gone = grown;
		dir->gone_room = room;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	dir->gone[dir->n_gone++] = copy;
	return 0;
}

void source_dir_set_busy(SourceDir *dir, const char *name, bool is_busy)
{
	Entry *entry = entry_of(dir, name);

	if (entry) {
		entry->is_busy = is_busy;
	} else if (is_busy && source_name_is_read(dir->kind, name) && entry_add(dir, name) == 0) {
		dir->entries[dir->n - 1].is_busy = true;
		entries_sort(dir);
	}
}

void source_dir_clear_busy(SourceDir *dir)
{
	for (size_t i = 0; i < dir->n; i++)
		dir->entries[i].is_busy = false;
}

/* ---- Refresh ---- */
bool stat_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void source_dir_accept(SourceDir *dir, size_t i)
{
	Entry *entry = &dir->entries[i];

	if (entry->accepted != entry->current)
		source_free(entry->accepted);
	entry->accepted = entry->current;
}

static int entry_read(SourceDir *dir, int fd, Entry *entry, bool *ret_changed)
{
	struct stat stamp;
	SourceFile new;
	char *file;
	int r;

	/* errors of opening (a link out, no permission) must be tried again each time: no stamp */
	if (entry->current && fstatat(fd, entry->name, &stamp, 0) == 0 &&
		stat_is_same(&stamp, &entry->stamp))
		return 0;
	if (asprintf(&file, "%s/%s", dir->path, entry->name) < 0)
		return -ENOMEM;
	r = source_file_read(fd, dir->kind, file, entry->name, &new);
	free(file);
	if (r < 0)
		return r;
	if (entry->current != entry->accepted)
		source_free(entry->current);
	entry_drop_text(entry);
	entry->current = new.source;
	entry->stamp = new.stamp;
	entry->text = new.text;
	entry->text_n = new.n;
	if (new.source->diags.n_errors || !dir->is_saving)
		entry_drop_text(entry);
	*ret_changed = true;
	return 0;
}

/* Adds the names of the directory that are not known yet; marks those that are there. */
static int scan(SourceDir *dir, DIR *stream)
{
	size_t known = dir->n;
	int r = 0;

	for (size_t i = 0; i < known; i++)
		dir->entries[i].is_seen = false;
	for (struct dirent *d; r == 0 && (d = readdir(stream));) {
		Entry *entry;

		if (!source_name_is_read(dir->kind, d->d_name))
			continue;
		entry = entry_among(dir, known, d->d_name);
		if (entry) {
			entry->is_seen = true;
			entry->is_kept = false;
		} else {
			r = entry_add(dir, d->d_name);
		}
	}
	entries_sort(dir);
	return r;
}

static int drop_unseen(SourceDir *dir, bool *ret_changed)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < dir->n; i++) {
		Entry *entry = &dir->entries[i];
		bool stays = entry->is_seen || entry->is_kept;

		if (!stays && r == 0 && dir->is_saving)
			r = entry_gone(dir, entry->name);
		if (stays || r < 0) {
			dir->entries[kept++] = *entry;
			continue;
		}
		entry_end(entry);
		*ret_changed = true;
	}
	dir->n = kept;
	return r;
}

static int refresh_entries(SourceDir *dir, DIR *stream, bool *ret_changed)
{
	int r = scan(dir, stream);

	if (r < 0)
		return r;
	r = drop_unseen(dir, ret_changed);
	if (r < 0)
		return r;
	for (size_t i = 0; i < dir->n; i++) {
		if (dir->entries[i].is_busy || !dir->entries[i].is_seen)
			continue;
		r = entry_read(dir, dirfd(stream), &dir->entries[i], ret_changed);
		if (r < 0)
			return r;
	}
	return 0;
}

static void dir_error(SourceDir *dir, const char *words)
{
	DIAG_ERROR(&dir->diags, ((Origin){.file = dir->path}), "directory",
		dir->n ? "what was read from it last stays in force" : NULL, "%s", words);
}

void dir_note_kept(SourceDir *dir)
{
	for (size_t i = 0; i < dir->n; i++) {
		const Entry *entry = &dir->entries[i];

		if (entry->is_kept && entry->accepted)
			DIAG_WARNING(&dir->diags,
				((Origin){.file = arena_printf(dir->diag_arena, "%s/%s", dir->path,
						  entry->name)}),
				"kept",
				"if it will not be, remove its copy from the state directory and "
				"restart",
				"not written again since this machine started: what it said before "
				"stands");
	}
}

bool source_dir_is_kept(const SourceDir *dir)
{
	for (size_t i = 0; i < dir->n; i++)
		if (dir->entries[i].is_kept)
			return true;
	return false;
}

int source_dir_refresh(SourceDir *dir, bool *ret_changed)
{
	struct stat st;
	DIR *stream;
	int r = 0, fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	Arena *fresh = arena_new();

	if (!fresh)
		return fd >= 0 ? close(fd), -ENOMEM : -ENOMEM;
	arena_free(dir->diag_arena);
	dir->diag_arena = fresh;
	dir->diags = (Diags){.arena = fresh};
	stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (!stream) {
		dir_error(dir, strerror(errno));
		return fd >= 0 ? close(fd), 0 : 0;
	}
	if (fstat(fd, &st) == 0 && st.st_mode & S_IWOTH)
		dir_error(dir, "everybody may write to this directory (chmod o-w)");
	else
		r = refresh_entries(dir, stream, ret_changed);
	if (r == -EFBIG) {
		dir_error(dir, "more than 100000 files");
		r = 0;
	}
	dir_note_kept(dir);
	closedir(stream);
	return r;
}

/* Whether the file is the one that was read; one that could not be read may be any. */
static bool is_entry_as_read(int fd, const Entry *entry)
{
	struct stat now;

	if (entry->is_busy || entry->stamp.st_ino == 0)
		return true;
	return fstatat(fd, entry->name, &now, 0) == 0 && stat_is_same(&now, &entry->stamp);
}

static bool are_entries_as_read(const SourceDir *dir, DIR *stream)
{
	size_t n = 0, seen = 0;

	for (struct dirent *d; (d = readdir(stream));) {
		const Entry *entry;

		if (!source_name_is_read(dir->kind, d->d_name))
			continue;
		entry = entry_of(dir, d->d_name);
		if (!entry || !entry->is_seen || !is_entry_as_read(dirfd(stream), entry))
			return false;
		n++;
	}
	for (size_t i = 0; i < dir->n; i++)
		seen += dir->entries[i].is_seen;
	return n == seen;
}

bool source_dir_is_as_read(const SourceDir *dir)
{
	DIR *stream = opendir(dir->path);
	bool is_so;

	if (!stream || dir->diags.n_errors) {
		if (stream)
			closedir(stream);
		return dir->diags.n_errors > 0; /* what is wrong with it is looked at by refresh */
	}
	is_so = are_entries_as_read(dir, stream);
	closedir(stream);
	return is_so;
}
