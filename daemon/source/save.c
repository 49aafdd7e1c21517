/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Save: hands out the texts of accepted versions for the state directory, and the names of deleted
 * files, whose saved copies are to be removed. The caller writes them, in another thread (fsync may
 * take seconds).
 */
#include "directory.h"
#include "file.h"
#include <assert.h>

/* Appends to the list whose end is *tail; takes the text over. */
static StateText *append(
	const SourceDir *dir, const char *name, char *text, size_t n, StateText ***tail)
{
	char *path = memory_printf("%s/%s", dir->state_folder, name);
	StateText *new = state_text_new(path, text, n);

	free(path);
	**tail = new;
	*tail = &new->next;
	return new;
}

static void take_forgotten(SourceDir *dir, StateText ***tail)
{
	PointerList *forgotten = &dir->entries.forgotten;

	for (; forgotten->n > 0; forgotten->n--) {
		append(dir, forgotten->at[forgotten->n - 1], NULL, 0, tail);
		free(forgotten->at[forgotten->n - 1]);
	}
}

static void take_text(SourceDir *dir, Entry *entry, StateText ***tail)
{
	append(dir, entry->name, entry->text, entry->text_n, tail)->stamp =
		file_stat_stamp(&entry->stat);
	entry->text = NULL;
}

/* A version that the snapshot rejected stays on the list: it may be accepted later. */
static void take_texts(SourceDir *dir, StateText ***tail)
{
	PointerList *unsaved = &dir->entries.unsaved;
	size_t n_left = 0;

	for (size_t i = 0; i < unsaved->n; i++) {
		Entry *entry = unsaved->at[i];

		assert(entry->is_unsaved && !entry->is_deleted);
		if (entry->text && entry->accepted == entry->current)
			take_text(dir, entry, tail);
		entry->is_unsaved = entry->text != NULL;
		if (entry->is_unsaved)
			unsaved->at[n_left++] = entry;
	}
	unsaved->n = n_left;
}

void source_dir_take_unsaved(SourceDir *dir, StateText **list)
{
	StateText **tail = list;

	/* snapshot_update, which accepts versions, comes first */
	assert(dir->entries.changed.n == 0);
	while (*tail)
		tail = &(*tail)->next;
	take_forgotten(dir, &tail);
	take_texts(dir, &tail);
}
