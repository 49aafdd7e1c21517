/* The files that a directory knows, by name, and the lists that each of them may be on. */
#include "directory.h"
#include <errno.h>
#include <string.h>

int pointers_add(Pointers *list, void *item)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		void **grown = reallocarray(list->at, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->at = grown;
		list->room = room;
	}
	list->at[list->n++] = item;
	return 0;
}

static void pointers_remove(Pointers *list, const void *item)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->at[i] != item)
			list->at[kept++] = list->at[i];
	list->n = kept;
}

/* ---- Names ---- */
static int entry_compare(const void *a, const void *b)
{
	return strcmp((*(const Entry *const *)a)->name, (*(const Entry *const *)b)->name);
}

Entry *entry_among(const SourceDir *dir, size_t n, const char *name)
{
	const Entry wanted = {.name = (char *)name}, *key = &wanted;
	Entry **found = n ? bsearch(&key, dir->entries.at, n, sizeof(void *), entry_compare) : NULL;

	return found ? *found : NULL;
}

Entry *entry_of(const SourceDir *dir, const char *name)
{
	return entry_among(dir, dir->entries.n, name);
}

void entries_sort(SourceDir *dir)
{
	if (dir->entries.n)
		qsort(dir->entries.at, dir->entries.n, sizeof(void *), entry_compare);
}

int entry_add(SourceDir *dir, const char *name, Entry **ret_entry)
{
	Entry *entry;

	if (dir->entries.n >= SOURCE_FILES_MOST)
		return -EFBIG;
	entry = calloc(1, sizeof(*entry));
	if (entry)
		entry->name = strdup(name);
	if (!entry || !entry->name || pointers_add(&dir->entries, entry) < 0) {
		entry_free(entry);
		return -ENOMEM;
	}
	entry->is_seen = true;
	*ret_entry = entry;
	return 0;
}

int entry_gone(SourceDir *dir, const char *name)
{
	char *copy = strdup(name);
	int r = copy ? pointers_add(&dir->gone, copy) : -ENOMEM;

	if (r < 0)
		free(copy);
	return r;
}

void entry_drop_text(Entry *entry)
{
	free(entry->text);
	entry->text = NULL;
}

void entry_free(Entry *entry)
{
	if (!entry)
		return;
	if (entry->accepted != entry->current)
		source_free(entry->accepted);
	source_free(entry->current);
	entry_drop_text(entry);
	free(entry->name);
	free(entry);
}

/* ---- For the snapshot ---- */
int entry_mark(SourceDir *dir, Entry *entry)
{
	int r = entry->is_changed ? 0 : pointers_add(&dir->changed, entry);

	entry->is_changed |= r == 0;
	return r;
}

int entry_forget(SourceDir *dir, Entry *entry)
{
	int r = entry_mark(dir, entry);

	if (r < 0)
		return r;
	pointers_remove(&dir->entries, entry);
	if (entry->is_unsaved)
		pointers_remove(&dir->unsaved, entry);
	entry->is_gone = true;
	return 0;
}

int entry_accept(SourceDir *dir, Entry *entry)
{
	int r = 0;

	if (entry->accepted && entry->accepted != entry->current)
		r = pointers_add(&dir->retired, entry->accepted);
	if (r == 0)
		entry->accepted = entry->current;
	return r;
}

/* Kubelet lists its pods in another order each time: that is not worth a write to the disk. */
void entry_fold(SourceDir *dir, Entry *entry, bool is_same)
{
	source_free(entry->current);
	entry->current = entry->accepted;
	if (!is_same || !entry->was_saved)
		return;
	entry_drop_text(entry);
	pointers_remove(&dir->unsaved, entry);
	entry->is_unsaved = false;
}

static int retire(SourceDir *dir, Entry *entry)
{
	int r = 0;

	if (entry->accepted) {
		r = pointers_add(&dir->retired, entry->accepted);
		if (r < 0)
			return r;
		if (entry->current == entry->accepted)
			entry->current = NULL;
		entry->accepted = NULL;
	}
	entry_free(entry);
	return 0;
}

int dir_end_changes(SourceDir *dir)
{
	int r = 0;

	while (r == 0 && dir->changed.n > 0) {
		Entry *entry = dir->changed.at[dir->changed.n - 1];

		entry->is_changed = false;
		if (entry->is_gone)
			r = retire(dir, entry);
		if (r == 0)
			dir->changed.n--;
	}
	return r;
}

int dir_begin_changes(SourceDir *dir)
{
	int r = dir_end_changes(dir); /* the gone go */

	for (size_t i = 0; r == 0 && i < dir->entries.n; i++) {
		dir_entry(dir, i)->merged = NULL;
		r = entry_mark(dir, dir_entry(dir, i));
	}
	return r;
}

void dir_free_retired(SourceDir *dir)
{
	for (size_t i = 0; i < dir->retired.n; i++)
		source_free(dir->retired.at[i]);
	dir->retired.n = 0;
}
