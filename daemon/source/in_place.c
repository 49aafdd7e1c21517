/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The in-place update of an inventory's accepted version.
 *
 * Pods that were superseded stay in the arena of the accepted version, which cannot free single
 * pods. If they would be more than half as many as the pods in force, there is no update in place,
 * and the current version replaces the accepted one as a whole.
 */
#include "in_place.h"
#include <assert.h>

/* A pod of the accepted version. */
typedef struct OldPod {
	const Pod *pod;
	bool stays;	   /* `next` has an equal pod */
	bool is_duplicate; /* the files have several pods of this name */
} OldPod;

typedef struct InPlaceUpdate {
	Source *into;
	const Source *next;
	OldPod *old;	  /* into's pods */
	const Pod **pods; /* by index in next->pods: the old pod that stays; NULL: to be copied */
	Pods deleted, added;
	const Pod **list; /* the memory of into's list of pods after the update */
} InPlaceUpdate;

/* ---- What stays ---- */
/* Which of several pods of one name wins may depend on their places in the files. Such pods never
 * stay: the model must choose again. */
static void list_old(InPlaceUpdate *u, const Model *model, Arena *scratch)
{
	u->old = arena_alloc(scratch, u->into->pods.n * sizeof(OldPod));
	for (size_t i = 0; i < u->into->pods.n; i++) {
		const Pod *pod = u->into->pods.at[i];

		u->old[i] = (OldPod){.pod = pod, .is_duplicate = model_is_duplicate(model, pod)};
	}
}

/* True: the old pod is equal to `pod` and stays in its place. */
static bool match_pod(OldPod *old, const Pod *pod)
{
	if (old->stays || old->is_duplicate || !pod_is_equal(old->pod, pod))
		return false;
	old->stays = true;
	return true;
}

/*
 * The first pass, O(n): most files list their pods in the same order as before, with some deleted
 * or added in between. So each pod is compared with the next two old ones only.
 */
static void match_in_order(InPlaceUpdate *u)
{
	size_t at = 0, n = u->into->pods.n;

	for (size_t i = 0; i < u->next->pods.n; i++) {
		const Pod *pod = u->next->pods.at[i];
		size_t k = at, end = at + 2 < n ? at + 2 : n;

		while (k < end && !match_pod(&u->old[k], pod))
			k++;
		if (k < end) {
			u->pods[i] = u->old[k].pod;
			at = k + 1;
		} else if (at < n && strcmp(u->old[at].pod->name, pod->name) == 0) {
			at++; /* the same pod, changed */
		}
	}
}

static uint32_t pod_hash(const Pod *pod)
{
	return hash_text(hash_text(HASH_START, pod->namespace), pod->name);
}

static void match_in_table(InPlaceUpdate *u, const HashTable *table, size_t i)
{
	const Pod *pod = u->next->pods.at[i];
	const OldPod *found;
	size_t cursor = 0;

	while (!u->pods[i] && (found = hash_table_find(table, pod_hash(pod), &cursor)))
		if (match_pod(&u->old[found - u->old], pod))
			u->pods[i] = found->pod;
}

/* The second pass: the pods that the first one did not match, by a hash table. */
static void match_by_name(InPlaceUpdate *u, Arena *scratch)
{
	HashTable *table = hash_table_new(scratch);

	for (size_t i = 0; i < u->into->pods.n; i++)
		if (!u->old[i].stays && !u->old[i].is_duplicate)
			hash_table_add(table, pod_hash(u->old[i].pod), &u->old[i]);
	if (hash_table_count(table) == 0)
		return;
	for (size_t i = 0; i < u->next->pods.n; i++)
		match_in_table(u, table, i);
}

static void match_pods(InPlaceUpdate *u, const Model *model, Arena *scratch)
{
	u->pods = arena_alloc(scratch, u->next->pods.n * sizeof(Pod *));
	list_old(u, model, scratch);
	match_in_order(u);
	match_by_name(u, scratch);
	u->added.at = arena_alloc(scratch, u->next->pods.n * sizeof(Pod *));
	for (size_t i = 0; i < u->into->pods.n; i++)
		if (!u->old[i].stays)
			VEC_PUSH(scratch, &u->deleted, u->old[i].pod);
}

/* ---- Whether it is done ---- */
static bool have_same_namespaces(const Source *a, const Source *b)
{
	if (a->namespaces.n != b->namespaces.n)
		return false;
	for (size_t i = 0; i < a->namespaces.n; i++)
		if (!namespace_is_equal(a->namespaces.at[i], b->namespaces.at[i]))
			return false;
	return true;
}

/* The paths differ if `into` was restored: its origins name the saved copy. */
static bool is_updatable(const Source *into, const Source *next)
{
	return into->withdrawn_at == 0 && strcmp(into->file, next->file) == 0 &&
	       into->diags.list.n + next->diags.list.n == 0 && have_same_namespaces(into, next);
}

static bool is_worth_it(const InPlaceUpdate *u)
{
	return 2 * (u->into->n_superseded + u->deleted.n) <= u->next->pods.n;
}

/* ---- The update ---- */
static void copy_added(InPlaceUpdate *u)
{
	Source *into = u->into;

	u->list = into->pods.at;
	if (u->next->pods.n > into->pods.capacity)
		u->list = arena_alloc(into->arena, u->next->pods.n * sizeof(Pod *));
	for (size_t i = 0; i < u->next->pods.n; i++)
		if (!u->pods[i]) {
			u->pods[i] = pod_copy(into->arena, u->next->pods.at[i], into->file);
			u->added.at[u->added.n++] = u->pods[i];
		}
}

static void move_origin(Origin *origin, const Origin *to)
{
	origin->line = to->line;
	origin->column = to->column;
}

/*
 * A pod that stays may be on another line of the file now. Only the line and column of a pod or
 * namespace may change after parsing (include/model.h), hence the casts.
 */
static void move_origins(const InPlaceUpdate *u)
{
	const Source *into = u->into, *next = u->next;

	assert(into->namespaces.n == next->namespaces.n);
	for (size_t i = 0; i < next->pods.n; i++)
		move_origin(&((Pod *)u->pods[i])->origin, &next->pods.at[i]->origin);
	for (size_t i = 0; i < next->namespaces.n; i++)
		move_origin(&((Namespace *)into->namespaces.at[i])->origin,
			&next->namespaces.at[i]->origin);
}

static void set_list(const InPlaceUpdate *u)
{
	Source *into = u->into;

	if (u->list != into->pods.at)
		into->pods.capacity = u->next->pods.n;
	into->pods.at = u->list;
	into->pods.n = u->next->pods.n;
	if (into->pods.n)
		memcpy(into->pods.at, u->pods, into->pods.n * sizeof(Pod *));
	into->n_superseded += u->deleted.n;
}

InPlace in_place_update(Source *into, const Source *next, Model *model, Changes *changes)
{
	InPlaceUpdate u = {.into = into, .next = next};
	InventoryPart deleted, added;

	assert(into != next);
	if (!is_updatable(into, next))
		return IN_PLACE_NO;
	match_pods(&u, model, changes->arena);
	if (!is_worth_it(&u))
		return IN_PLACE_NO;
	copy_added(&u);
	move_origins(&u);
	deleted = (InventoryPart){.pods = u.deleted.at, .n_pods = u.deleted.n};
	added = (InventoryPart){.pods = u.added.at, .n_pods = u.added.n};
	model_replace(model, &deleted, &added, changes);
	set_list(&u);
	return deleted.n_pods + added.n_pods ? IN_PLACE_CHANGED : IN_PLACE_SAME;
}
