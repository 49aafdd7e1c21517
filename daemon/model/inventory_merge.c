/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merging the inventory: model_replace() removes a file's old objects from the model, adds its new
 * ones, and finds out which names have another winner than before.
 *
 *     1. mark dirty   each name in old or new: record its winner before the update
 *     2. move         remove the old objects from the indexes, add the new ones
 *     3. compare      the winner of each dirty name with the recorded one; append the changes
 */
#include "namespace_index.h"
#include <assert.h>
#include <string.h>

/* A name that may have another winner after this update, and its state before. */
typedef struct Dirty {
	NamespaceIndex *namespace;
	const char *pod; /* NULL: the namespace itself */
	const Pod *pod_before;
	bool was_duplicate;
	const Namespace *object_before;
} Dirty;

typedef struct Replacement {
	Model *model;
	Changes *changes;
	Arena *scratch;
	HashTable *dirty_by_name;
	VEC(Dirty *) dirty; /* in the order of the files: changes are appended in this order */
} Replacement;

/* ---- 1. Mark dirty ---- */
static uint32_t dirty_hash(const NamespaceIndex *namespace, const char *pod)
{
	uint32_t hash = hash_bytes(HASH_START, &namespace, sizeof(namespace));

	return pod ? hash_text(hash, pod) : hash;
}

static void mark_dirty(Replacement *r, NamespaceIndex *namespace, const char *pod)
{
	uint32_t hash = dirty_hash(namespace, pod);
	const Dirty *known;
	Dirty *new;
	size_t cursor = 0;

	while ((known = hash_table_find(r->dirty_by_name, hash, &cursor)))
		if (known->namespace == namespace && text_is_equal(known->pod, pod))
			return;
	new = ARENA_NEW(r->scratch, Dirty);
	*new = (Dirty){.namespace = namespace, .pod = pod, .object_before = namespace->object};
	if (pod) {
		new->pod_before = conflict_map_winner(&namespace->pods, pod);
		new->was_duplicate = conflict_map_has_conflict(&namespace->pods, pod);
	}
	hash_table_add(r->dirty_by_name, hash, new);
	VEC_PUSH(r->scratch, &r->dirty, new);
}

static void mark_part_dirty(Replacement *r, const InventoryPart *part)
{
	for (size_t i = 0; i < part->n_pods; i++) {
		NamespaceIndex *namespace = namespace_index_get(r->model, part->pods[i]->namespace);

		/* the implied object comes with the namespace's first pod and goes with its last */
		mark_dirty(r, namespace, NULL);
		mark_dirty(r, namespace, part->pods[i]->name);
	}
	for (size_t i = 0; i < part->n_namespaces; i++)
		mark_dirty(r, namespace_index_get(r->model, part->namespaces[i]->name), NULL);
}

/* ---- 2. Move ---- */
static void move_pods(Model *model, const InventoryPart *old, const InventoryPart *new)
{
	for (size_t i = 0; i < old->n_pods; i++) {
		const Pod *pod = old->pods[i];

		conflict_map_remove(
			&namespace_index_get(model, pod->namespace)->pods, pod->name, pod);
	}
	for (size_t i = 0; i < new->n_pods; i++) {
		const Pod *pod = new->pods[i];

		assert(pod->host && labels_are_sorted(&pod->labels));
		conflict_map_add(&namespace_index_get(model, pod->namespace)->pods, pod->name, pod);
	}
}

static void remove_candidate(NamespaceIndex *namespace, const Namespace *object)
{
	size_t i = 0;

	while (i < namespace->candidates.n && namespace->candidates.at[i] != object)
		i++;
	assert(i < namespace->candidates.n);
	memmove(&namespace->candidates.at[i], &namespace->candidates.at[i + 1],
		(namespace->candidates.n - i - 1) * sizeof(object));
	namespace->candidates.n--;
}

static void move_namespaces(Model *model, const InventoryPart *old, const InventoryPart *new)
{
	for (size_t i = 0; i < old->n_namespaces; i++)
		remove_candidate(
			namespace_index_get(model, old->namespaces[i]->name), old->namespaces[i]);
	for (size_t i = 0; i < new->n_namespaces; i++) {
		NamespaceIndex *namespace = namespace_index_get(model, new->namespaces[i]->name);

		assert(labels_are_sorted(&new->namespaces[i]->labels));
		VEC_PUSH(namespace->arena, &namespace->candidates, new->namespaces[i]);
	}
}

/* ---- 3. Compare ---- */
static void compare_pod(Replacement *r, const Dirty *dirty)
{
	const Pod *before = dirty->pod_before;
	const Pod *after = conflict_map_winner(&dirty->namespace->pods, dirty->pod);
	ModelCounts *counts = &r->model->counts;

	assert(counts->pods >= (before != NULL) && counts->duplicates >= dirty->was_duplicate);
	counts->duplicates += conflict_map_has_conflict(&dirty->namespace->pods, dirty->pod);
	counts->duplicates -= dirty->was_duplicate;
	counts->pods += (after != NULL);
	counts->pods -= (before != NULL);
	if (after != before)
		VEC_PUSH(r->changes->arena, &r->changes->pods, (PodChange){before, after});
}

static void compare_namespace(Replacement *r, const Dirty *dirty)
{
	const Namespace *before = dirty->object_before;
	const Namespace *after = namespace_index_winner(dirty->namespace);

	dirty->namespace->object = after;
	assert(r->model->counts.namespaces >= (before != NULL));
	r->model->counts.namespaces += (after != NULL);
	r->model->counts.namespaces -= (before != NULL);
	if (after != before)
		VEC_PUSH(r->changes->arena, &r->changes->namespaces,
			(NamespaceChange){dirty->namespace, before, after});
	namespace_index_retire(r->model, dirty->namespace);
}

void model_replace(
	Model *model, const InventoryPart *old, const InventoryPart *new, Changes *changes)
{
	Replacement r = {
		.model = model, .changes = changes, .scratch = arena_child(changes->arena)};

	r.dirty_by_name = hash_table_new(r.scratch);
	mark_part_dirty(&r, old);
	mark_part_dirty(&r, new);
	move_pods(model, old, new);
	move_namespaces(model, old, new);
	for (size_t i = 0; i < r.dirty.n; i++)
		if (r.dirty.at[i]->pod)
			compare_pod(&r, r.dirty.at[i]);
		else
			compare_namespace(&r, r.dirty.at[i]);
	arena_free(r.scratch);
}
