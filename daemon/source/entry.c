/* The files that a directory knows, by name, and the lists that each of them may be on. */
#include "directory.h"
#include <errno.h>
#include <string.h>

void pointers_add(Pointers *list, void *item)
{
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 16;
		list->at = memory_grow(list->at, list->capacity, sizeof(*list->at));
	}
	list->at[list->n++] = item;
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

	if (dir->entries.n >= SOURCE_FILES_MAX)
		return -EFBIG;
	entry = MEMORY_NEW(Entry);
	entry->name = memory_copy_text(name);
	entry->is_seen = true;
	pointers_add(&dir->entries, entry);
	*ret_entry = entry;
	return 0;
}

void entry_mark_deleted(SourceDir *dir, const char *name)
{
	pointers_add(&dir->deleted, memory_copy_text(name));
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
void entry_mark(SourceDir *dir, Entry *entry)
{
	if (!entry->is_changed)
		pointers_add(&dir->changed, entry);
	entry->is_changed = true;
}

void entry_forget(SourceDir *dir, Entry *entry)
{
	entry_mark(dir, entry);
	pointers_remove(&dir->entries, entry);
	if (entry->is_unsaved)
		pointers_remove(&dir->unsaved, entry);
	entry->is_deleted = true;
}

void entry_accept(SourceDir *dir, Entry *entry)
{
	if (entry->accepted && entry->accepted != entry->current)
		pointers_add(&dir->retired, entry->accepted);
	entry->accepted = entry->current;
}

/* Kubelet lists its pods in another order each time: that is not worth a write to the disk. */
void entry_updated_in_place(SourceDir *dir, Entry *entry, bool is_same)
{
	source_free(entry->current);
	entry->current = entry->accepted;
	if (!is_same || !entry->was_saved)
		return;
	entry_drop_text(entry);
	pointers_remove(&dir->unsaved, entry);
	entry->is_unsaved = false;
}

static void retire(SourceDir *dir, Entry *entry)
{
	if (entry->accepted) {
		pointers_add(&dir->retired, entry->accepted);
		if (entry->current == entry->accepted)
			entry->current = NULL;
		entry->accepted = NULL;
	}
	entry_free(entry);
}

void dir_end_changes(SourceDir *dir)
{
	for (size_t i = 0; i < dir->changed.n; i++) {
		Entry *entry = dir->changed.at[i];

		entry->is_changed = false;
		if (entry->is_deleted)
			retire(dir, entry);
	}
	dir->changed.n = 0;
}

void dir_begin_changes(SourceDir *dir)
{
	dir_end_changes(dir); /* the gone go */
	for (size_t i = 0; i < dir->entries.n; i++) {
		dir_entry(dir, i)->merged = NULL;
		entry_mark(dir, dir_entry(dir, i));
	}
}

void dir_free_retired(SourceDir *dir)
{
	for (size_t i = 0; i < dir->retired.n; i++)
		source_free(dir->retired.at[i]);
	dir->retired.n = 0;
}
