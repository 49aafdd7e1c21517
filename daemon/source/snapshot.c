/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshot: all versions in force, merged into one model. Inventory files are merged one by
 * one, each at the cost of what it holds; which policy files are in force is chosen for all of them
 * together (versions.h).
 */
#include "directory.h"
#include "in_place.h"
#include "policies.h"
#include "withdrawn_inventory.h"
#include <assert.h>

struct Snapshot {
	Arena *arena;
	Model *model;
	SourceDir **dirs; /* of any kind, n of them; borrowed */
	size_t n;
	HashTable *policy_names; /* of the policies in force: see names.h */
	Versions versions;	 /* of the policy files, as chosen by the last update */
	bool is_new;		 /* nothing was merged yet */
	/* all diagnostics: made anew by an update where one may differ */
	Arena *diag_arena;
	Diags diags;
	bool are_diags_outdated;
	bool had_duplicates; /* pods, at the last update */
};

const Model *snapshot_model(const Snapshot *snapshot)
{
	return snapshot->model;
}

const Diags *snapshot_diags(const Snapshot *snapshot)
{
	return &snapshot->diags;
}

Snapshot *snapshot_new(SourceDir *const *dirs, size_t n)
{
	Snapshot *snapshot = MEMORY_NEW(Snapshot);

	*snapshot = (Snapshot){
		.arena = arena_new(), .n = n, .is_new = true, .are_diags_outdated = true};
	snapshot->model = model_new(snapshot->arena);
	snapshot->policy_names = hash_table_new(snapshot->arena);
	snapshot->dirs = arena_alloc(snapshot->arena, n * sizeof(SourceDir *));
	for (size_t i = 0; i < n; i++) {
		snapshot->dirs[i] = dirs[i];
		entries_begin_changes(&dirs[i]->entries);
	}
	return snapshot;
}

Snapshot *snapshot_free(Snapshot *snapshot)
{
	if (snapshot)
		arena_free(snapshot->arena);
	free(snapshot);
	return NULL;
}

/* ---- Policies ---- */
static bool have_policies_changed(const Snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n; i++)
		if (snapshot->dirs[i]->kind == SOURCE_POLICIES &&
			snapshot->dirs[i]->entries.changed.n > 0)
			return true;
	return false;
}

static void merge_policies(Snapshot *snapshot, Changes *changes)
{
	Versions old = snapshot->versions;

	snapshot->versions = versions_choose(
		snapshot->arena, snapshot->policy_names, snapshot->dirs, snapshot->n);
	policies_merge(
		snapshot->model, &old, &snapshot->versions, snapshot->dirs, snapshot->n, changes);
	arena_free(old.arena);
	policies_accept(&snapshot->versions);
}

/* ---- Inventory and attachments ---- */
static InventoryPart part_of(const Source *source)
{
	if (!source)
		return (InventoryPart){};
	return (InventoryPart){source->pods.at, source->pods.n, source->namespaces.at,
		source->namespaces.n, source->attachments.at, source->attachments.n};
}

/* True: the version that is merged was updated to what `chosen`, the current one, has. */
static bool update_in_place(Snapshot *snapshot, EntryTable *entries, Entry *entry,
	const Source *chosen, Changes *changes)
{
	InPlace result;

	if (!chosen || !entry->merged || chosen->attachments.n + entry->merged->attachments.n > 0)
		return false;
	assert(entry->merged == entry->accepted && chosen == entry->current);
	result = in_place_update(entry->accepted, chosen, snapshot->model, changes);
	if (result == IN_PLACE_NO)
		return false;
	entry_updated_in_place(entries, entry, result == IN_PLACE_SAME);
	return true;
}

/* Of a file that was deleted since the last update. */
static bool is_to_be_marked(const Entry *entry, const Source *chosen)
{
	return chosen && entry_is_gone(entry) && chosen->withdrawn_at == 0;
}

static void merge_inventory_file(
	Snapshot *snapshot, EntryTable *entries, Entry *entry, Changes *changes)
{
	Source *chosen = entry->is_deleted ? NULL : entry_best_version(entry);
	InventoryPart old = part_of(entry->merged), new;
	bool is_marked = is_to_be_marked(entry, chosen);

	if (is_marked)
		withdrawn_inventory_mark(chosen, entry->gone_at_ms);
	else if (chosen == entry->merged ||
		 update_in_place(snapshot, entries, entry, chosen, changes))
		return;
	new = part_of(chosen);
	model_replace(snapshot->model, &old, &new, changes);
	entry->merged = chosen;
	if (chosen && chosen == entry->current)
		entry_accept(entries, entry);
}

static void merge_inventories(Snapshot *snapshot, Changes *changes)
{
	for (size_t i = 0; i < snapshot->n; i++) {
		EntryTable *entries = &snapshot->dirs[i]->entries;

		if (snapshot->dirs[i]->kind == SOURCE_POLICIES)
			continue;
		for (size_t k = 0; k < entries->changed.n; k++)
			merge_inventory_file(snapshot, entries, entries->changed.at[k], changes);
	}
}

/* ---- Diagnostics ---- */
/* Outdated if what has changed has diagnostics, or had some at the last update. */
static void compare_diags(Snapshot *snapshot, SourceDir *dir)
{
	bool has_diags = directory_has_trouble(dir);

	snapshot->are_diags_outdated |= has_diags || dir->had_diags || dir->ignored.has_changed;
	dir->ignored.has_changed = false;
	dir->had_diags = has_diags;
	for (size_t i = 0; i < dir->entries.changed.n; i++) {
		Entry *entry = dir->entries.changed.at[i];

		has_diags = entry->current && entry->current->diags.list.n > 0;
		snapshot->are_diags_outdated |= has_diags || entry->had_diags;
		entry->had_diags = has_diags;
	}
}

typedef VEC(const Diags *) DiagLists;

static void list_diags(Arena *arena, DiagLists *lists, const SourceDir *dir)
{
	VEC_PUSH(arena, lists, &dir->diags);
	for (size_t i = 0; i < dir->entries.all.n; i++) {
		const Entry *entry = entry_at(&dir->entries, i);

		if (entry->current && entry->current->diags.list.n > 0)
			VEC_PUSH(arena, lists, &entry->current->diags);
	}
}

static void collect_diags(Snapshot *snapshot)
{
	DiagLists lists = {};
	size_t share;

	arena_free(snapshot->diag_arena);
	snapshot->diag_arena = arena_child(snapshot->arena);
	snapshot->diags = (Diags){.arena = snapshot->diag_arena, .max = DIAGS_ALL_MAX};
	for (size_t i = 0; i < snapshot->n; i++)
		list_diags(snapshot->diag_arena, &lists, snapshot->dirs[i]);
	VEC_PUSH(snapshot->diag_arena, &lists, &snapshot->versions.diags);
	share = diags_fair_share(lists.at, lists.n, DIAGS_ALL_MAX);
	for (size_t i = 0; i < lists.n; i++)
		diags_append_most_severe(&snapshot->diags, lists.at[i], share);
	model_warn_duplicates(snapshot->model, &snapshot->diags);
	model_warn_unknown_labels(snapshot->model, &snapshot->diags);
	snapshot->are_diags_outdated = false;
}

/* A namespace with unknown labels has come, has gone, or has got an object. */
static bool have_unknown_labels_changed(const Changes *changes)
{
	for (size_t i = 0; i < changes->namespaces.n; i++) {
		const NamespaceChange *change = &changes->namespaces.at[i];

		if ((change->before && !change->before->are_labels_known) ||
			(change->after && !change->after->are_labels_known))
			return true;
	}
	return false;
}

static void update_diags(Snapshot *snapshot, bool have_policies, const Changes *changes)
{
	bool has_duplicates = model_counts(snapshot->model).duplicates > 0;

	for (size_t i = 0; i < snapshot->n; i++)
		compare_diags(snapshot, snapshot->dirs[i]);
	snapshot->are_diags_outdated |= have_policies || has_duplicates ||
					snapshot->had_duplicates ||
					have_unknown_labels_changed(changes);
	snapshot->had_duplicates = has_duplicates;
	if (snapshot->are_diags_outdated)
		collect_diags(snapshot);
}

/* ---- Update ---- */
void snapshot_update(Snapshot *snapshot, Changes *changes)
{
	bool have_policies = have_policies_changed(snapshot);

	model_purge(snapshot->model);
	merge_inventories(snapshot, changes);
	if (have_policies || snapshot->is_new)
		merge_policies(snapshot, changes);
	update_diags(snapshot, have_policies, changes);
	for (size_t i = 0; i < snapshot->n; i++)
		entries_end_changes(&snapshot->dirs[i]->entries);
	snapshot->is_new = false;
}
