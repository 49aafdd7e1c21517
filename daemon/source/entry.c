/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a directory knows: by name, on the lists, and which version is in force. */
#include "entry.h"
#include "emptied.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

static void free_entry(Entry *entry)
{
	if (entry->accepted != entry->current)
		source_free(entry->accepted);
	source_free(entry->current);
	entry_drop_text(entry);
	free(entry->name);
	free(entry);
}

void entries_free_retired(EntryTable *table)
{
	for (size_t i = 0; i < table->retired.n; i++)
		source_free(table->retired.at[i]);
	table->retired.n = 0;
}

void entries_free(EntryTable *table)
{
	for (size_t i = 0; i < table->changed.n; i++)
		if (((Entry *)table->changed.at[i])->is_deleted)
			free_entry(table->changed.at[i]);
	for (size_t i = 0; i < table->all.n; i++)
		free_entry(table->all.at[i]);
	for (size_t i = 0; i < table->forgotten.n; i++)
		free(table->forgotten.at[i]);
	entries_free_retired(table);
	free(table->all.at);
	free(table->changed.at);
	free(table->unsaved.at);
	free(table->forgotten.at);
	free(table->retired.at);
}

Entry *entry_at(const EntryTable *table, size_t i)
{
	assert(i < table->all.n);
	return table->all.at[i];
}

/* ---- By name ---- */
static int compare_entries(const void *a, const void *b)
{
	return strcmp((*(const Entry *const *)a)->name, (*(const Entry *const *)b)->name);
}

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, (*(const Entry *const *)entry)->name);
}

Entry *entry_find_sorted(const EntryTable *table, const char *name)
{
	Entry **found = NULL;

	assert(table->n_sorted <= table->all.n);
	if (table->n_sorted)
		found = bsearch(name, table->all.at, table->n_sorted, sizeof(void *), compare_name);
	return found ? *found : NULL;
}

Entry *entry_find(const EntryTable *table, const char *name)
{
	assert(table->n_sorted == table->all.n);
	return entry_find_sorted(table, name);
}

int entry_add(EntryTable *table, const char *name, Entry **ret_entry)
{
	Entry *entry;

	assert(!entry_find_sorted(table, name));
	if (table->all.n - table->n_withdrawn >= SOURCE_FILES_MAX)
		return -EFBIG;
	entry = MEMORY_NEW(Entry);
	entry->name = memory_copy_text(name);
	entry->is_seen = true;
	pointer_list_add(&table->all, entry);
	*ret_entry = entry;
	return 0;
}

/*
 * readdir may return a name twice if the file is replaced meanwhile (POSIX leaves it open): the
 * second entry goes. It was added since the last sort, so that nothing else points at it.
 */
static void drop_duplicates(PointerList *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		Entry *entry = all->at[i];

		if (n == 0 || compare_entries(&all->at[n - 1], &all->at[i]) != 0) {
			all->at[n++] = entry;
			continue;
		}
		assert(!entry->current && !entry->accepted && !entry->is_changed);
		free_entry(entry);
	}
	all->n = n;
}

void entries_sort(EntryTable *table)
{
	if (table->n_sorted == table->all.n)
		return;
	qsort(table->all.at, table->all.n, sizeof(void *), compare_entries);
	drop_duplicates(&table->all);
	table->n_sorted = table->all.n;
}

/* ---- The lists ---- */
static void mark_changed(EntryTable *table, Entry *entry)
{
	if (!entry->is_changed)
		pointer_list_add(&table->changed, entry);
	entry->is_changed = true;
}

static void mark_unsaved(EntryTable *table, Entry *entry)
{
	if (!entry->is_unsaved)
		pointer_list_add(&table->unsaved, entry);
	entry->is_unsaved = true;
}

static void clear_unsaved(EntryTable *table, Entry *entry)
{
	if (entry->is_unsaved)
		pointer_list_remove(&table->unsaved, entry);
	entry->is_unsaved = false;
}

void entry_forget_saved(EntryTable *table, const char *name)
{
	pointer_list_add(&table->forgotten, memory_copy_text(name));
}

/* ---- Deleted files ---- */
void entry_mark_seen(Entry *entry)
{
	entry->is_seen = true;
	entry->is_restored = false;
	entry->gone_at_ms = ENTRY_IS_BACK;
}

bool entry_is_gone(const Entry *entry)
{
	return entry->is_withdrawn && entry->gone_at_ms != ENTRY_IS_BACK;
}

static void end_withdrawal(EntryTable *table, Entry *entry)
{
	assert(table->n_withdrawn >= entry->is_withdrawn);
	table->n_withdrawn -= entry->is_withdrawn;
	entry->is_withdrawn = false;
}

/* A version that was read and never accepted was not in force, and is not going to be. */
static void drop_unaccepted(EntryTable *table, Entry *entry)
{
	if (entry->current == entry->accepted)
		return;
	entry->current = source_free(entry->current);
	entry_drop_text(entry);
	clear_unsaved(table, entry);
}

/* As many files as a directory may have, again: or else renaming files could fill the memory. */
bool entry_withdraw(EntryTable *table, Entry *entry, uint64_t now_ms)
{
	assert(!entry->is_deleted && now_ms != ENTRY_IS_BACK);
	if (!entry->accepted || table->n_withdrawn >= SOURCE_FILES_MAX)
		return false;
	drop_unaccepted(table, entry);
	table->n_withdrawn += !entry->is_withdrawn;
	entry->is_withdrawn = true;
	entry->gone_at_ms = now_ms;
	entry->is_seen = false;
	entry->is_being_written = false;
	mark_changed(table, entry);
	return true;
}

void entry_delete(EntryTable *table, Entry *entry)
{
	assert(!entry->is_deleted && table->n_sorted == table->all.n);
	if (table->is_saving)
		entry_forget_saved(table, entry->name);
	mark_changed(table, entry);
	clear_unsaved(table, entry);
	end_withdrawal(table, entry);
	pointer_list_remove(&table->all, entry);
	table->n_sorted = table->all.n;
	entry->is_deleted = true;
}

/* ---- Versions ---- */
void entry_drop_text(Entry *entry)
{
	free(entry->text);
	entry->text = NULL;
}

/* A broken version is never saved: the state directory has the accepted one. */
static void hold_text(EntryTable *table, Entry *entry)
{
	entry->was_accepted_saved = !entry->is_unsaved;
	if (entry->current->diags.n_errors || !table->is_saving)
		entry_drop_text(entry);
	else
		mark_unsaved(table, entry);
}

void entry_set_current(EntryTable *table, Entry *entry, const SourceFile *file)
{
	assert(!entry->is_deleted && !entry->is_being_written);
	if (entry->current != entry->accepted)
		source_free(entry->current);
	entry_drop_text(entry);
	end_withdrawal(table, entry);
	entry->current = file->source;
	entry->stat = file->stat;
	entry->text = file->text;
	entry->text_n = file->n;
	if (entry->accepted)
		emptied_check(entry->accepted, entry->current);
	hold_text(table, entry);
	mark_changed(table, entry);
}

Source *entry_good_current(const Entry *entry)
{
	return entry->current && entry->current->diags.n_errors == 0 ? entry->current : NULL;
}

void entry_restore(EntryTable *table, Entry *entry, Source *source)
{
	assert(source->diags.n_errors == 0 && !entry->accepted && !entry->merged);
	if (entry->current)
		emptied_check(source, entry->current);
	if (!entry_good_current(entry)) {
		entry_drop_text(entry);
		clear_unsaved(table, entry);
	} else if (source->policies.n == 0 && source->sets.n == 0) { /* it defines no names */
		source_free(source);
		return;
	}
	entry->accepted = source;
	mark_changed(table, entry);
}

void entry_restore_current(Entry *entry)
{
	Source *good = entry_good_current(entry);

	assert(!entry->merged);
	if (good && !entry->accepted)
		entry->accepted = good;
}

Source *entry_best_version(const Entry *entry)
{
	Source *good = entry_good_current(entry);

	return good ? good : entry->accepted;
}

/* ---- For the snapshot ---- */
void entry_accept(EntryTable *table, Entry *entry)
{
	assert(entry->merged && entry->merged == entry_good_current(entry));
	if (entry->accepted && entry->accepted != entry->current)
		pointer_list_add(&table->retired, entry->accepted);
	entry->accepted = entry->current;
}

/* kubelet lists its pods in another order each time: that is not worth a write to the disk. */
void entry_updated_in_place(EntryTable *table, Entry *entry, bool is_same)
{
	assert(entry->merged == entry->accepted && entry->current != entry->accepted);
	entry->accepted->n_static_pods = entry->current->n_static_pods;
	source_free(entry->current);
	entry->current = entry->accepted;
	if (!is_same || !entry->was_accepted_saved)
		return;
	entry_drop_text(entry);
	clear_unsaved(table, entry);
}

static void free_tombstone(EntryTable *table, Entry *entry)
{
	if (entry->accepted) {
		pointer_list_add(&table->retired, entry->accepted);
		if (entry->current == entry->accepted)
			entry->current = NULL;
		entry->accepted = NULL;
	}
	free_entry(entry);
}

void entries_end_changes(EntryTable *table)
{
	for (size_t i = 0; i < table->changed.n; i++) {
		Entry *entry = table->changed.at[i];

		entry->is_changed = false;
		if (entry->is_deleted)
			free_tombstone(table, entry);
		else
			assert(!entry->merged || entry->merged == entry->accepted);
	}
	table->changed.n = 0;
}

void entries_begin_changes(EntryTable *table)
{
	entries_end_changes(table); /* the new snapshot has merged nothing of a tombstone */
	for (size_t i = 0; i < table->all.n; i++) {
		entry_at(table, i)->merged = NULL;
		mark_changed(table, entry_at(table, i));
	}
}
