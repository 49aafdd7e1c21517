/*
 * What of a directory is kept in the state directory, and what of it stands after a restart: the
 * last good version of a file that is broken now; all of a directory that is away; and after a
 * reboot the inventory, which lies in memory, until each of its files is written again.
 */
#include "directory.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *folder_of(const SourceDir *dir)
{
	return dir->kind == SOURCE_POLICIES ? "policies" : "inventory";
}

/* Device, inode, size and times in one number; never 0. */
static uint64_t stamp_of(const struct stat *st)
{
	uint64_t parts[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec};
	uint8_t hash[32];
	Digest digest;
	uint64_t stamp;

	digest_start(&digest);
	digest_add(&digest, parts, sizeof(parts));
	digest_end(&digest, hash);
	memcpy(&stamp, hash, sizeof(stamp));
	return stamp ? stamp : 1;
}

/* ---- Save ---- */
/* Appends to the list; takes `text` over. */
static StateText *push(
	const SourceDir *dir, const char *name, char *text, size_t n, StateText ***tail)
{
	char *path = memory_printf("%s/%s", folder_of(dir), name);
	StateText *new = state_text_new(path, text, n);

	free(path);
	**tail = new;
	*tail = &new->next;
	return new;
}

void source_dir_take_unsaved(SourceDir *dir, StateText **ret_list)
{
	StateText **tail = ret_list;
	size_t kept = 0;

	while (*tail)
		tail = &(*tail)->next;
	for (; dir->deleted.n > 0; dir->deleted.n--) {
		push(dir, dir->deleted.at[dir->deleted.n - 1], NULL, 0, &tail);
		free(dir->deleted.at[dir->deleted.n - 1]);
	}
	for (size_t i = 0; i < dir->unsaved.n; i++) {
		Entry *entry = dir->unsaved.at[i];

		if (!entry->text || entry->accepted != entry->current) {
			dir->unsaved.at[kept] = entry;
			kept += entry->text != NULL; /* not in force yet */
			entry->is_unsaved = entry->text != NULL;
			continue;
		}
		push(dir, entry->name, entry->text, entry->text_n, &tail)->stamp =
			stamp_of(&entry->stamp);
		entry->text = NULL;
		entry->is_unsaved = false;
	}
	dir->unsaved.n = kept;
}

/* ---- Restore ---- */
typedef struct Restoring {
	SourceDir *dir;
	const char *state;
	int folder;
	bool is_restored; /* files that are only there stand until they are written again */
	Diags *diags;
} Restoring;

static void accept_saved(const Restoring *r, Entry *entry, Source *source)
{
	if (source->diags.n_errors) {
		source_free(source);
		return;
	}
	entry->accepted = source;
	entry_mark(r->dir, entry);
}

static int restore_entry(const Restoring *r, Entry *entry)
{
	char *path, *text;
	Source *source;
	size_t n;
	int error;

	if (entry->accepted)
		return 0;
	if (entry->current && entry->current->diags.n_errors == 0) {
		if (state_stamp(r->folder, entry->name) == stamp_of(&entry->stamp))
			entry_drop_text(entry);
		return 0;
	}
	path = memory_printf("%s/%s", folder_of(r->dir), entry->name);
	error = state_load(r->state, path, r->diags, &text, &n);
	free(path);
	if (error < 0)
		return error == -ENOENT ? 0 : error;
	path = memory_printf("%s/%s/%s", r->state, folder_of(r->dir), entry->name);
	error = source_parse(r->dir->kind, path, text, n, NULL, &source);
	free(path);
	free(text);
	if (error == 0)
		accept_saved(r, entry, source);
	return error;
}

/* A file that only the state directory has: it stands, or is forgotten there too. */
static void take_name(const Restoring *r, const char *name, bool is_unknown)
{
	Entry *entry;

	if (!is_unknown && !r->is_restored)
		entry_mark_deleted(r->dir, name);
	else if (entry_add(r->dir, name, &entry) == 0)
		entry->is_restored = r->is_restored;
}

static void take_names(const Restoring *r)
{
	/* nothing is known of the directory: its files are those that were kept */
	bool is_unknown = r->dir->entries.n == 0 && r->dir->diags.n_errors;
	DIR *stream = fdopendir(dup(r->folder));
	size_t known = r->dir->entries.n;

	if (!stream)
		return;
	rewinddir(stream);
	for (struct dirent *d; (d = readdir(stream));) {
		if (!source_name_is_read(r->dir->kind, d->d_name) ||
			entry_among(r->dir, known, d->d_name))
			continue;
		take_name(r, d->d_name, is_unknown);
	}
	closedir(stream);
	entries_sort(r->dir);
}

int source_dir_restore(SourceDir *dir, const char *state, bool is_new_boot, Diags *diags)
{
	Restoring r = {.dir = dir,
		.state = state,
		.folder = state_open(state, folder_of(dir)),
		.is_restored = is_new_boot && dir->kind == SOURCE_INVENTORY,
		.diags = diags};
	int error = 0;

	if (r.folder < 0)
		return 0; /* the first start */
	take_names(&r);
	for (size_t i = 0; error == 0 && i < dir->entries.n; i++) {
		Entry *entry = dir_entry(dir, i);

		error = restore_entry(&r, entry);
		entry->is_restored &= entry->accepted != NULL;
	}
	dir_warn_restored(dir);
	close(r.folder);
	return error;
}
