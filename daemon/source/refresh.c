/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refresh: brings the entries of a directory up to date with the files. Either only the pending
 * names are looked at, or, with a full scan, all: at first, after lost events, and whenever names
 * do not tell what changed. What is new or differs is read in parallel, what is gone is withdrawn,
 * and deleted later (entry.h).
 */
#include "directory.h"
#include "file.h"
#include "parallel.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- Reading what is due ---- */
static void update_link(SourceDir *dir, int fd, Entry *entry)
{
	struct stat own;

	entry->is_link =
		fstatat(fd, entry->name, &own, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(own.st_mode);
	dir->has_links |= entry->is_link;
}

static void set_current(SourceDir *dir, int fd, Entry *entry, const SourceFile *file)
{
	entry_set_current(&dir->entries, entry, file);
	update_link(dir, fd, entry);
}

/* due: Entry. On an error no entry has changed. */
static int read_due(SourceDir *dir, int fd, const PointerList *due)
{
	FileToRead *files;
	int r;

	if (due->n == 0)
		return 0;
	files = memory_calloc(due->n, sizeof(*files));
	for (size_t i = 0; i < due->n; i++)
		files[i].name = ((Entry *)due->at[i])->name;
	r = parallel_read(dir->kind, dir->path, fd, files, due->n);
	for (size_t i = 0; r == 0 && i < due->n; i++)
		set_current(dir, fd, due->at[i], &files[i].file);
	free(files);
	return r;
}

/* ---- Files that are gone ---- */
static bool is_due(const SourceDir *dir, const Entry *entry, uint64_t now_ms)
{
	return entry_is_gone(entry) && now_ms >= entry->gone_at_ms + dir->withdraw_ms;
}

static bool is_empty_file(int fd, const char *name)
{
	struct stat own;

	return fstatat(fd, name, &own, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(own.st_mode) &&
	       own.st_size == 0;
}

/*
 * Whether the file was deleted and created again, and its writer has yet to begin: there is an
 * instant between creat() and the first write(), and another until inotify's event is read. So an
 * empty file in the place of one that was read counts as gone. If it is empty for withdraw_ms, it
 * is read as it is.
 */
static bool is_just_created(const SourceDir *dir, int fd, const Entry *entry, uint64_t now_ms)
{
	return dir->withdraw_ms > 0 && entry->accepted && !entry->is_restored &&
	       !entry->is_being_written && !is_due(dir, entry, now_ms) &&
	       is_empty_file(fd, entry->name);
}

/* The file is not there. */
static void take_away(SourceDir *dir, Entry *entry, uint64_t now_ms)
{
	bool is_kept;

	if (entry->is_restored && !dir->is_complete)
		return;
	entry->is_restored = false;
	if (entry_is_gone(entry))
		is_kept = !is_due(dir, entry, now_ms);
	else
		is_kept = dir->withdraw_ms > 0 && entry_withdraw(&dir->entries, entry, now_ms);
	if (!is_kept)
		entry_delete(&dir->entries, entry);
}

/* The file may be back, and its event on the way: so its name is looked at before it is deleted. */
static void mark_due(SourceDir *dir, uint64_t now_ms)
{
	for (size_t i = 0; dir->entries.n_withdrawn > 0 && i < dir->entries.all.n; i++)
		if (is_due(dir, entry_at(&dir->entries, i), now_ms))
			pending_mark(&dir->pending, entry_at(&dir->entries, i)->name);
}

/* ---- Full scan ---- */
/* Adds the names that are not known yet; marks those that are there. */
static int scan_names(SourceDir *dir, DIR *stream, uint64_t now_ms, IgnoredNames *ignored)
{
	EntryTable *entries = &dir->entries;
	int r = 0;

	for (size_t i = 0; i < entries->all.n; i++)
		entry_at(entries, i)->is_seen = false;
	for (struct dirent *d; r == 0 && (d = readdir(stream));) {
		Entry *entry;

		if (!source_name_is_read(dir->kind, d->d_name)) {
			if (ignored_has_warning(dir->kind, d->d_name))
				ignored_look(ignored, dirfd(stream), d->d_name);
			continue;
		}
		entry = entry_find_sorted(entries, d->d_name);
		if (!entry)
			r = entry_add(entries, d->d_name, &entry);
		else if (!is_just_created(dir, dirfd(stream), entry, now_ms))
			entry_mark_seen(entry);
	}
	entries_sort(entries);
	return r;
}

static void take_away_unseen(SourceDir *dir, uint64_t now_ms)
{
	for (size_t i = dir->entries.all.n; i > 0; i--) {
		Entry *entry = entry_at(&dir->entries, i - 1);

		if (!entry->is_seen)
			take_away(dir, entry, now_ms);
	}
}

/*
 * Whether the file is another than the one that was read. A file that could not be opened (a link
 * out of the directory, no permission) has no stat and is read each time; so is one that is back,
 * even if it is the same.
 */
static bool has_changed(int fd, const Entry *entry)
{
	struct stat now;

	return !entry->current || entry->is_withdrawn || fstatat(fd, entry->name, &now, 0) < 0 ||
	       !file_stat_is_same(&now, &entry->stat);
}

static void list_changed(SourceDir *dir, int fd, PointerList *due)
{
	dir->has_links = false;
	for (size_t i = 0; i < dir->entries.all.n; i++) {
		Entry *entry = entry_at(&dir->entries, i);

		dir->has_links |= entry->is_link;
		if (!entry->is_being_written && entry->is_seen && has_changed(fd, entry))
			pointer_list_add(due, entry);
	}
}

/* On an error the full scan stays due, so that the next refresh repeats it. */
static int refresh_all(SourceDir *dir, DIR *stream, uint64_t now_ms, PointerList *due)
{
	IgnoredNames ignored = {};
	int r;

	pending_clear(&dir->pending);
	dir->pending.is_full_scan = true;
	dir->is_complete =
		faccessat(dirfd(stream), SOURCE_COMPLETE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	r = scan_names(dir, stream, now_ms, &ignored);
	ignored_replace(&dir->ignored, &ignored);
	if (r < 0)
		return r;
	take_away_unseen(dir, now_ms);
	list_changed(dir, dirfd(stream), due);
	r = read_due(dir, dirfd(stream), due);
	if (r == 0)
		dir->pending.is_full_scan = false;
	return r;
}

/* ---- Pending names ---- */
/* The entry of the name, added if it is new. */
static int find_or_add(EntryTable *entries, const char *name, Entry **ret_entry)
{
	int r;

	*ret_entry = entry_find(entries, name);
	if (*ret_entry)
		return 0;
	r = entry_add(entries, name, ret_entry);
	if (r == 0)
		entries_sort(entries);
	return r;
}

/*
 * The file is read even if its stat is that of before: a file that is written twice within one tick
 * of the file system's clock keeps its times.
 */
static int refresh_name(
	SourceDir *dir, int fd, PendingName *pending, uint64_t now_ms, PointerList *due)
{
	SourceFile prefetched;
	struct stat own;
	Entry *entry;
	bool is_gone;
	int r;

	if (!source_name_is_read(dir->kind, pending->name)) {
		dir->pending.is_full_scan |= ignored_look(&dir->ignored, fd, pending->name);
		return 0;
	}
	entry = entry_find(&dir->entries, pending->name);
	is_gone = fstatat(fd, pending->name, &own, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
	if (is_gone || (entry && is_just_created(dir, fd, entry, now_ms))) {
		if (entry)
			take_away(dir, entry, now_ms);
		return 0;
	}
	r = find_or_add(&dir->entries, pending->name, &entry);
	if (r < 0)
		return r;
	entry_mark_seen(entry);
	if (entry->is_being_written)
		return 0;
	if (pending_take_prefetched(pending, fd, &prefetched))
		set_current(dir, fd, entry, &prefetched);
	else
		pointer_list_add(due, entry);
	return 0;
}

/* On an error all names stay pending, and are read again. */
static int refresh_pending(SourceDir *dir, int fd, uint64_t now_ms, PointerList *due)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < dir->pending.names.n; i++)
		r = refresh_name(dir, fd, pending_at(&dir->pending, i), now_ms, due);
	if (r == 0)
		r = read_due(dir, fd, due);
	if (r == 0)
		pending_clear(&dir->pending);
	return r;
}

/* ---- Refresh ---- */
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

static int refresh_entries(SourceDir *dir, DIR *stream, bool is_full_scan, uint64_t now_ms)
{
	PointerList due = {};
	int r = is_full_scan ? refresh_all(dir, stream, now_ms, &due)
			     : refresh_pending(dir, dirfd(stream), now_ms, &due);

	free(due.at);
	return r;
}

static int refresh_opened(SourceDir *dir, DIR *stream, bool is_full_scan, uint64_t now_ms)
{
	struct stat st;
	int r = 0;

	if (fstat(dirfd(stream), &st) == 0 && st.st_mode & S_IWOTH)
		directory_add_error(dir, "this directory is world-writable (chmod o-w)");
	else
		r = refresh_entries(dir, stream, is_full_scan, now_ms);
	if (r == -EFBIG) {
		directory_add_error(dir, "more than 100000 files");
		r = 0;
	}
	if (is_full_scan)
		directory_warn_restored(dir);
	ignored_warn(&dir->ignored, dir->kind, dir->path, &dir->diags);
	return r;
}

static int refresh_directory(SourceDir *dir, uint64_t now_ms)
{
	bool is_full_scan = directory_must_scan(dir);
	DIR *stream;
	int r = open_stream(dir, &stream);

	if (file_error_is_transient(-r))
		return r;
	directory_clear_diags(dir);
	if (r == -ENOENT && dir->is_optional && dir->entries.all.n == 0)
		return 0;
	if (!stream) {
		directory_add_error(dir, strerror(-r));
		return 0;
	}
	r = refresh_opened(dir, stream, is_full_scan, now_ms);
	closedir(stream);
	return r;
}

int source_dir_refresh(SourceDir *dir, uint64_t now_ms)
{
	int r = 0;

	entries_free_retired(&dir->entries);
	mark_due(dir, now_ms);
	if (dir->pending.names.n || directory_must_scan(dir))
		r = refresh_directory(dir, now_ms);
	dir->was_refreshed |= r == 0;
	return r;
}

/* ---- Would a refresh find anything? ---- */
/* An entry that could not be read has no stat to compare. */
static bool is_as_read(int fd, const Entry *entry)
{
	return entry->is_being_written || entry->stat.st_ino == 0 || !has_changed(fd, entry);
}

static bool are_entries_as_read(const SourceDir *dir, DIR *stream)
{
	size_t n = 0, n_seen = 0;

	for (struct dirent *d; (d = readdir(stream));) {
		const Entry *entry;

		if (!source_name_is_read(dir->kind, d->d_name))
			continue;
		entry = entry_find(&dir->entries, d->d_name);
		if (entry && entry_is_gone(entry) && is_empty_file(dirfd(stream), entry->name))
			continue;
		if (!entry || !entry->is_seen || !is_as_read(dirfd(stream), entry))
			return false;
		n++;
	}
	for (size_t i = 0; i < dir->entries.all.n; i++)
		n_seen += entry_at(&dir->entries, i)->is_seen;
	return n == n_seen;
}

bool source_dir_is_current(const SourceDir *dir)
{
	DIR *stream;
	bool is_current;

	if (dir->diags.n_errors)
		return true; /* a directory with an error is looked at by every refresh anyway */
	stream = opendir(dir->path);
	if (!stream) /* a directory that need not exist had no files, and has none */
		return errno == ENOENT && dir->is_optional && dir->entries.all.n == 0;
	is_current = are_entries_as_read(dir, stream);
	closedir(stream);
	return is_current;
}
