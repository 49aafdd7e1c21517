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
	SourceDir *dir = MEMORY_NEW(SourceDir);

	dir->kind = kind;
	dir->is_saving = is_saving;
	dir->is_full_scan = true;
	dir->path = memory_copy_text(path);
	dir->diag_arena = arena_new();
	dir->diags.arena = dir->diag_arena;
	return dir;
}

static void free_names(Pointers *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->at[i]);
	names->n = 0;
}

SourceDir *source_dir_free(SourceDir *dir)
{
	if (!dir)
		return NULL;
	for (size_t i = 0; i < dir->changed.n; i++)
		if (((Entry *)dir->changed.at[i])->is_deleted)
			entry_free(dir->changed.at[i]);
	for (size_t i = 0; i < dir->entries.n; i++)
		entry_free(dir_entry(dir, i));
	dir_free_retired(dir);
	free_names(&dir->deleted);
	dir_clear_pending(dir);
	free(dir->entries.at);
	free(dir->pending.at);
	free(dir->changed.at);
	free(dir->retired.at);
	free(dir->unsaved.at);
	free(dir->deleted.at);
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
	return dir->entries.n;
}

SourceDirFile source_dir_file(const SourceDir *dir, size_t i)
{
	const Entry *entry = dir_entry(dir, i);

	return (SourceDirFile){entry->name, entry->current, entry->accepted,
		(int64_t)entry->stamp.st_mtim.tv_sec * 1000000000 + entry->stamp.st_mtim.tv_nsec};
}

void source_dir_set_being_written(SourceDir *dir, const char *name, bool is_being_written)
{
	Entry *entry = entry_of(dir, name);

	if (!entry && is_being_written && source_name_is_read(dir->kind, name) &&
		entry_add(dir, name, &entry) == 0)
		entries_sort(dir);
	if (entry)
		entry->is_being_written = is_being_written;
}

void source_dir_clear_being_written(SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.n; i++)
		dir_entry(dir, i)->is_being_written = false;
}

/* ---- Refresh ---- */
bool stat_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void note_link(SourceDir *dir, int fd, Entry *entry)
{
	struct stat own;

	entry->is_link =
		fstatat(fd, entry->name, &own, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(own.st_mode);
	dir->has_links |= entry->is_link;
}

static void hold_text(SourceDir *dir, Entry *entry)
{
	entry->was_saved = !entry->is_unsaved;
	if (entry->current->diags.n_errors || !dir->is_saving)
		entry_drop_text(entry);
	else if (!entry->is_unsaved)
		pointers_add(&dir->unsaved, entry);
	entry->is_unsaved |= entry->text != NULL;
}

/* Errors of opening (a link out, no permission) must be tried again each time: no stamp. */
static bool must_be_read(int fd, const Entry *entry)
{
	struct stat stamp;

	return !entry->current || fstatat(fd, entry->name, &stamp, 0) < 0 ||
	       !stat_is_same(&stamp, &entry->stamp);
}

static void entry_take(SourceDir *dir, int fd, Entry *entry, const SourceFile *new)
{
	if (entry->current != entry->accepted)
		source_free(entry->current);
	entry_drop_text(entry);
	entry->current = new->source;
	entry->stamp = new->stamp;
	entry->text = new->text;
	entry->text_n = new->n;
	note_link(dir, fd, entry);
	hold_text(dir, entry);
	entry_mark(dir, entry);
}

static int read_due(SourceDir *dir, int fd, const Pointers *due)
{
	DueFile *files;
	int r;

	if (due->n == 0)
		return 0;
	files = memory_calloc(due->n, sizeof(*files));
	for (size_t i = 0; i < due->n; i++)
		files[i].name = ((Entry *)due->at[i])->name;
	r = read_parallel(dir, fd, files, due->n);
	for (size_t i = 0; r == 0 && i < due->n; i++)
		entry_take(dir, fd, due->at[i], &files[i].file);
	free(files);
	return r;
}

/* ---- Everything ---- */
/* Adds the names of the directory that are not known yet; marks those that are there. */
static int scan(SourceDir *dir, DIR *stream)
{
	size_t known = dir->entries.n;
	int r = 0;

	for (size_t i = 0; i < known; i++)
		dir_entry(dir, i)->is_seen = false;
	for (struct dirent *d; r == 0 && (d = readdir(stream));) {
		Entry *entry;

		if (!source_name_is_read(dir->kind, d->d_name))
			continue;
		entry = entry_among(dir, known, d->d_name);
		if (entry) {
			entry->is_seen = true;
			entry->is_restored = false;
		} else {
			r = entry_add(dir, d->d_name, &entry);
		}
	}
	entries_sort(dir);
	return r;
}

static void forget(SourceDir *dir, Entry *entry)
{
	if (dir->is_saving)
		entry_mark_deleted(dir, entry->name);
	entry_forget(dir, entry);
}

static void forget_unseen(SourceDir *dir)
{
	for (size_t i = dir->entries.n; i > 0; i--) {
		Entry *entry = dir_entry(dir, i - 1);

		if (!entry->is_seen && !entry->is_restored)
			forget(dir, entry);
	}
}

static int refresh_all(SourceDir *dir, DIR *stream, Pointers *due)
{
	int r = scan(dir, stream);

	if (r < 0)
		return r;
	forget_unseen(dir);
	dir->has_links = false;
	for (size_t i = 0; i < dir->entries.n; i++) {
		Entry *entry = dir_entry(dir, i);

		dir->has_links |= entry->is_link;
		if (!entry->is_being_written && entry->is_seen &&
			must_be_read(dirfd(stream), entry))
			pointers_add(due, entry);
	}
	r = read_due(dir, dirfd(stream), due);
	if (r == 0)
		dir->is_full_scan = false;
	return r;
}

/* ---- What was noted ---- */
/* Looks at no stamp: within a tick of its clock a file may be written twice. */
static int refresh_name(SourceDir *dir, int fd, Pending *pending, Pointers *due)
{
	Entry *entry = entry_of(dir, pending->name);
	SourceFile prefetched;
	struct stat own;

	if (fstatat(fd, pending->name, &own, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		if (entry && !entry->is_restored)
			forget(dir, entry);
		return 0;
	}
	if (!entry) {
		int r = entry_add(dir, pending->name, &entry);

		if (r < 0)
			return r;
		entries_sort(dir);
	}
	entry->is_seen = true;
	entry->is_restored = false;
	if (entry->is_being_written)
		return 0;
	if (pending_take_prefetched(pending, fd, &prefetched))
		entry_take(dir, fd, entry, &prefetched);
	else
		pointers_add(due, entry);
	return 0;
}

static int refresh_noted(SourceDir *dir, int fd, Pointers *due)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < dir->pending.n; i++)
		r = refresh_name(dir, fd, dir->pending.at[i], due);
	if (r == 0)
		r = read_due(dir, fd, due);
	if (r == 0)
		dir_clear_pending(dir);
	return r;
}

static void dir_error(SourceDir *dir, const char *words)
{
	DIAG_ERROR(&dir->diags, ((Origin){.file = dir->path}), "directory",
		dir->entries.n ? "what was read from it last stays in force" : NULL, "%s", words);
}

void dir_warn_restored(SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.n; i++) {
		const Entry *entry = dir_entry(dir, i);

		if (entry->is_restored && entry->accepted)
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

bool source_dir_has_restored(const SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.n; i++)
		if (dir_entry(dir, i)->is_restored)
			return true;
	return false;
}

bool dir_must_look_at_all(const SourceDir *dir)
{
	return dir->is_full_scan || dir->diags.list.n > 0;
}

static int refresh_entries(SourceDir *dir, DIR *stream, bool is_full_scan)
{
	Pointers due = {};
	int r;

	if (is_full_scan) {
		dir_clear_pending(dir);
		dir->is_full_scan = true; /* until it is done */
		r = refresh_all(dir, stream, &due);
	} else {
		r = refresh_noted(dir, dirfd(stream), &due);
	}
	free(due.at);
	return r;
}

static int open_stream(const SourceDir *dir, DIR **ret_stream)
{
	int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	int error = stream ? 0 : errno;

	if (!stream && fd >= 0)
		close(fd);
	*ret_stream = stream;
	return -error;
}

static void begin_diags(SourceDir *dir)
{
	arena_free(dir->diag_arena);
	dir->diag_arena = arena_new();
	dir->diags = (Diags){.arena = dir->diag_arena};
}

static int refresh_stream(SourceDir *dir, DIR *stream, bool is_full_scan)
{
	struct stat st;
	int r = 0;

	if (fstat(dirfd(stream), &st) == 0 && st.st_mode & S_IWOTH)
		dir_error(dir, "everybody may write to this directory (chmod o-w)");
	else
		r = refresh_entries(dir, stream, is_full_scan);
	if (r == -EFBIG) {
		dir_error(dir, "more than 100000 files");
		r = 0;
	}
	if (is_full_scan)
		dir_warn_restored(dir);
	return r;
}

static int refresh_dir(SourceDir *dir)
{
	DIR *stream;
	bool is_full_scan = dir_must_look_at_all(dir);
	int error = open_stream(dir, &stream);
	int r = 0;

	if (is_of_environment(-error))
		return error;
	begin_diags(dir);
	if (!stream) {
		dir_error(dir, strerror(-error));
		return 0;
	}
	r = refresh_stream(dir, stream, is_full_scan);
	closedir(stream);
	return r;
}

int source_dir_refresh(SourceDir *dir)
{
	dir_free_retired(dir);
	return dir->pending.n || dir_must_look_at_all(dir) ? refresh_dir(dir) : 0;
}

/* Whether the file is the one that was read; one that could not be read may be any. */
static bool is_entry_as_read(int fd, const Entry *entry)
{
	struct stat now;

	if (entry->is_being_written || entry->stamp.st_ino == 0)
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
	for (size_t i = 0; i < dir->entries.n; i++)
		seen += dir_entry(dir, i)->is_seen;
	return n == seen;
}

bool source_dir_is_current(const SourceDir *dir)
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
