/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merging the inventory: model_replace() removes a file's old objects from the model, adds its new
 * ones, and finds out which names have another winner than before.
 *
 *     1. mark dirty   each name in old or new: record the pods that it had
 *     2. move         remove the old objects from the indexes, add the new ones; join
 *     3. compare      what each dirty name has with the recorded; append the changes
 */
#include "join.h"
#include <assert.h>
#include <string.h>

/* A name that may have another winner after this update, and its state before. */
typedef struct Dirty {
	NamespaceIndex *namespace;
	const char *pod; /* NULL: the namespace itself */
	Pods before;	 /* that the model had under this name: see join_list_pods() */
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
		join_list_pods(namespace, pod, r->scratch, &new->before);
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
	for (size_t i = 0; i < part->n_attachments; i++) {
		const Attachment *attachment = part->attachments[i];
		NamespaceIndex *namespace = namespace_index_get(r->model, attachment->namespace);

		mark_dirty(r, namespace, NULL);
		mark_dirty(r, namespace, attachment->pod);
	}
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

static void move_attachments(Model *model, const InventoryPart *old, const InventoryPart *new)
{
	for (size_t i = 0; i < old->n_attachments; i++)
		join_remove(namespace_index_get(model, old->attachments[i]->namespace),
			old->attachments[i]);
	for (size_t i = 0; i < new->n_attachments; i++)
		join_add(namespace_index_get(model, new->attachments[i]->namespace),
			new->attachments[i]);
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

static void update_joins(Replacement *r)
{
	for (size_t i = 0; i < r->dirty.n; i++)
		if (r->dirty.at[i]->pod)
			join_update(r->model, r->dirty.at[i]->namespace, r->dirty.at[i]->pod,
				r->scratch);
}

/* ---- 3. Compare ---- */
static void count_pods(ModelCounts *counts, const Pods *pods, size_t one)
{
	for (size_t i = 0; i < pods->n; i++) {
		counts->pods += one;
		counts->attached += pods->at[i]->attached ? one : 0;
		counts->unlisted += pods->at[i]->known != KNOWN_LISTED ? one : 0;
	}
}

static bool take(Pods *list, size_t i)
{
	list->at[i] = list->at[--list->n];
	return true;
}

/* Removes the pod from the list. False: it is not in it. */
static bool take_pod(Pods *list, const Pod *pod)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i] == pod)
			return take(list, i);
	return false;
}

/* Takes out of the list what `before` is now: the pod of the same uid, or the only one there is. */
static const Pod *take_next(Pods *after, const Pod *before, bool is_only)
{
	for (size_t i = 0; i < after->n; i++) {
		const Pod *pod = after->at[i];

		if ((is_only || pod->uid == before->uid) && take(after, i))
			return pod;
	}
	return NULL;
}

static void add_change(Replacement *r, const Pod *before, const Pod *after)
{
	VEC_PUSH(r->changes->arena, &r->changes->pods, (PodChange){before, after});
}

static void compare_pods(Replacement *r, Dirty *dirty)
{
	ModelCounts *counts = &r->model->counts;
	Pods *before = &dirty->before, after = {};
	bool is_only;

	join_list_pods(dirty->namespace, dirty->pod, r->scratch, &after);
	assert(counts->pods >= before->n && counts->duplicates >= dirty->was_duplicate);
	counts->duplicates += conflict_map_has_conflict(&dirty->namespace->pods, dirty->pod);
	counts->duplicates -= dirty->was_duplicate;
	count_pods(counts, before, (size_t)-1);
	count_pods(counts, &after, 1);
	for (size_t i = before->n; i > 0; i--)
		if (take_pod(&after, before->at[i - 1]))
			take(before, i - 1);
	is_only = before->n == 1 && after.n == 1;
	for (size_t i = 0; i < before->n; i++)
		add_change(r, before->at[i], take_next(&after, before->at[i], is_only));
	for (size_t i = 0; i < after.n; i++)
		add_change(r, NULL, after.at[i]);
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
	move_attachments(model, old, new);
	update_joins(&r);
	for (size_t i = 0; i < r.dirty.n; i++)
		if (r.dirty.at[i]->pod)
			compare_pods(&r, r.dirty.at[i]);
		else
			compare_namespace(&r, r.dirty.at[i]);
	arena_free(r.scratch);
}
