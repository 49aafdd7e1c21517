/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Restore: at a start, loads accepted versions from the state directory:
 *
 *   - the last good version of a file that is broken now, or looks emptied (emptied.h);
 *   - that of a policy file that has changed since, because only the merge finds out whether the
 *     new version is in conflict with another file;
 *   - every saved file, if the directory itself cannot be read (it is missing, say);
 *   - after a reboot, every saved inventory that has no file yet, and every such policy file of a
 *     directory on a tmpfs, which a reboot empties: an empty directory does not mean that there are
 *     no pods, or no policies. SOURCE_COMPLETE, by whoever writes to it, says that it is whole.
 *
 * Any other saved copy has no file any more, which was deleted while netpold did not run: the copy
 * is to be removed.
 */
#include "directory.h"
#include "file.h"
#include "state.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

typedef struct Restore {
	SourceDir *dir;
	const char *state;
	int folder;		   /* of the saved copies, open */
	bool does_restore_missing; /* a reboot has emptied the directory */
	Diags *diags;
} Restore;

/* ---- One entry ---- */
/* Loads and parses the saved copy. *ret_source stays as it is if there is none. 0 or -errno. */
static int load_saved(const Restore *r, const char *name, Source **ret_source)
{
	const char *folder = r->dir->state_folder;
	char *path = memory_printf("%s/%s", folder, name), *text;
	size_t n;
	int error = state_load(r->state, path, r->diags, &text, &n);

	free(path);
	if (error < 0)
		return error == -ENOENT ? 0 : error;
	path = memory_printf("%s/%s/%s", r->state, folder, name);
	error = source_parse(r->dir->kind, path, text, n, NULL, ret_source);
	free(path);
	free(text);
	return error;
}

static int restore_version(const Restore *r, Entry *entry)
{
	Source *source = NULL;
	int error = load_saved(r, entry->name, &source);

	if (error < 0 || !source)
		return error;
	if (source->diags.n_errors == 0)
		entry_restore(&r->dir->entries, entry, source);
	else
		source_free(source);
	return 0;
}

/*
 * Whether the saved version may be needed: to know, it must be loaded. is_saved: the file's text is
 * the saved one.
 */
static bool may_be_bad(const Restore *r, const Entry *entry, bool is_saved)
{
	const Source *good = entry_good_current(entry);

	if (!good || good->says_nothing || good->n_static_pods > 0)
		return true;
	return r->dir->kind == SOURCE_POLICIES && !is_saved;
}

/* A good file whose text is the saved one was in force, and needs no saving. */
static int restore_entry(const Restore *r, Entry *entry)
{
	bool is_saved;

	if (entry->accepted) /* by the call before, which failed at a later entry */
		return 0;
	is_saved = state_read_stamp(r->folder, entry->name) == file_stat_stamp(&entry->stat);
	if (may_be_bad(r, entry, is_saved)) {
		int error = restore_version(r, entry);

		if (error < 0 || !entry_good_current(entry))
			return error;
	}
	if (is_saved) {
		entry_drop_text(entry);
		entry_restore_current(entry);
	}
	return 0;
}

/* ---- Saved copies that have no file ---- */
static void add_saved_name(const Restore *r, const char *name, bool is_directory_unknown)
{
	Entry *entry;

	if (!is_directory_unknown && !r->does_restore_missing)
		entry_forget_saved(&r->dir->entries, name);
	else if (entry_add(&r->dir->entries, name, &entry) == 0)
		entry->is_restored = r->does_restore_missing;
}

static void add_saved_names(const Restore *r)
{
	EntryTable *entries = &r->dir->entries;
	bool is_directory_unknown = entries->all.n == 0 && r->dir->diags.n_errors;
	DIR *stream = fdopendir(dup(r->folder));

	if (!stream)
		return;
	rewinddir(stream);
	for (struct dirent *d; (d = readdir(stream));)
		if (source_name_is_read(r->dir->kind, d->d_name) &&
			!entry_find_sorted(entries, d->d_name))
			add_saved_name(r, d->d_name, is_directory_unknown);
	closedir(stream);
	entries_sort(entries);
}

/* Of a directory that does not exist, whether the one is that it would be in. */
static bool is_on_tmpfs(const char *path)
{
	char parent[PATH_MAX];
	struct statfs fs = {};

	if (strlen(path) >= sizeof(parent))
		return false;
	memcpy(parent, path, strlen(path) + 1);
	while (statfs(parent, &fs) < 0 && errno == ENOENT && strcmp(parent, "/") != 0 &&
		strcmp(parent, ".") != 0) {
		const char *up = dirname(parent);

		memmove(parent, up, strlen(up) + 1);
	}
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

int source_dir_restore(SourceDir *dir, const char *state, bool is_new_boot, Diags *diags)
{
	Restore r = {.dir = dir,
		.state = state,
		.folder = state_open_folder(state, dir->state_folder),
		.does_restore_missing = is_new_boot && !dir->is_complete &&
					(dir->kind == SOURCE_INVENTORY || is_on_tmpfs(dir->path)),
		.diags = diags};
	int error = 0;

	assert(dir->was_refreshed); /* what is broken, and what is missing, must be known */
	if (r.folder < 0) /* if there is none: nothing was ever saved, this is the first start */
		return file_error_is_transient(-r.folder) ? r.folder : 0;
	add_saved_names(&r);
	for (size_t i = 0; error == 0 && i < dir->entries.all.n; i++) {
		Entry *entry = entry_at(&dir->entries, i);

		error = restore_entry(&r, entry);
		entry->is_restored &= entry->accepted != NULL;
	}
	directory_warn_restored(dir);
	close(r.folder);
	return error;
}
