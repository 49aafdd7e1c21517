/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attachments and the inventory, joined: see join.h. */
#include "join.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Finding ---- */
/* The casts remove const that hash tables add; the joins are the model's. */
static Join *next_of_name(const NamespaceIndex *namespace, const char *name, size_t *cursor)
{
	uint32_t hash;
	const Join *join;

	/* nearly always: the name need not be hashed */
	if (hash_table_count(namespace->joins) == 0)
		return NULL;
	hash = hash_text(HASH_START, name);
	while ((join = hash_table_find(namespace->joins, hash, cursor)))
		if (strcmp(join->name, name) == 0)
			return (Join *)join;
	return NULL;
}

static Join *find(const NamespaceIndex *namespace, const char *name, Uid uid)
{
	size_t cursor = 0;
	Join *join;

	while ((join = next_of_name(namespace, name, &cursor)))
		if (join->uid == uid)
			return join;
	return NULL;
}

static Join *get(NamespaceIndex *namespace, const char *name, Uid uid)
{
	Join *join = find(namespace, name, uid);
	Arena *arena;

	if (join)
		return join;
	arena = arena_child(namespace->arena);
	join = ARENA_NEW(arena, Join);
	*join = (Join){.name = arena_strdup(arena, name), .uid = uid, .arena = arena};
	hash_table_add(namespace->joins, hash_text(HASH_START, name), join);
	return join;
}

void join_add(NamespaceIndex *namespace, const Attachment *attachment)
{
	Join *join = get(namespace, attachment->pod, attachment->uid);

	VEC_PUSH(join->arena, &join->attachments, attachment);
}

void join_remove(NamespaceIndex *namespace, const Attachment *attachment)
{
	Join *join = find(namespace, attachment->pod, attachment->uid);
	size_t i = 0;

	assert(join);
	while (i < join->attachments.n && join->attachments.at[i] != attachment)
		i++;
	assert(i < join->attachments.n);
	join->attachments.at[i] = join->attachments.at[--join->attachments.n];
}

/* ---- Lists ---- */
void join_list_pods(const NamespaceIndex *namespace, const char *name, Arena *arena, Pods *ret)
{
	const Pod *object = conflict_map_winner(&namespace->pods, name);
	size_t cursor = 0;
	const Join *join;

	while ((join = next_of_name(namespace, name, &cursor))) {
		if (join->pod)
			VEC_PUSH(arena, ret, join->pod);
		if (join->object == object)
			object = NULL;
	}
	if (object && ret->n > 0) {
		VEC_PUSH(arena, ret, object);
	} else if (object) { /* nearly all names: a list without room for more */
		ret->at = ARENA_NEW(arena, const Pod *);
		ret->at[0] = object;
		ret->n = ret->capacity = 1;
	}
}

const Pod *join_pod(const NamespaceIndex *namespace, const char *name)
{
	const Pod *object = conflict_map_winner(&namespace->pods, name);
	size_t cursor = 0;
	const Join *join, *best = NULL;

	while ((join = next_of_name(namespace, name, &cursor)))
		if (!best || (object && join->object == object) ||
			(best->object != object && join->uid > best->uid))
			best = join;
	if (best && (!object || best->object == object))
		return best->pod;
	return object;
}

/* Whether a join has taken the inventory's pod, so that the join's stands for it. */
static bool has_taken(const NamespaceIndex *namespace, const Pod *object)
{
	size_t cursor = 0;
	const Join *join;

	while ((join = next_of_name(namespace, object->name, &cursor)))
		if (join->object == object)
			return true;
	return false;
}

/* A cursor with this bit, which conflict_map_next() leaves free, is one of the joins. */
#define CURSOR_OF_JOINS ((size_t)1 << (8 * sizeof(size_t) - 2))

const Pod *join_next_pod(const NamespaceIndex *namespace, size_t *cursor)
{
	size_t at = *cursor & ~CURSOR_OF_JOINS;
	const Join *join;
	const Pod *pod;

	if (!(*cursor & CURSOR_OF_JOINS)) {
		while ((pod = conflict_map_next(&namespace->pods, cursor)))
			if (!has_taken(namespace, pod))
				return pod;
		at = 0;
	}
	join = hash_table_next(namespace->joins, &at);
	*cursor = at | CURSOR_OF_JOINS;
	return join ? join->pod : NULL;
}

/* ---- Making a pod ---- */
static const Attachment *latest_of_cluster(const Join *join)
{
	const Attachment *latest = NULL;

	for (size_t i = 0; i < join->attachments.n; i++) {
		const Attachment *one = join->attachments.at[i];

		if (attachment_is_of_cluster(one) && one->addresses.n > 0 &&
			(!latest || one->made_at > latest->made_at ||
				(one->made_at == latest->made_at &&
					strcmp(one->container, latest->container) > 0)))
			latest = one;
	}
	return latest;
}

/* What is known of a pod that is attached only. */
static Pod unknown_pod(const Join *join, const char *namespace)
{
	static const Host no_host;

	return (Pod){.origin = join->attachments.at[0]->origin,
		.namespace = namespace,
		.name = join->name,
		.host = &no_host,
		.phase = PHASE_UNKNOWN,
		.known = KNOWN_ATTACHED,
		.uid = join->uid,
		.started = ""};
}

/* The labels, and what else attachments do not say: as the inventory has them, or last had them. */
static Pod base_of(const Join *join, const char *namespace)
{
	Pod pod;

	if (join->object)
		return *join->object;
	if (!join->pod || join->pod->known == KNOWN_ATTACHED)
		return unknown_pod(join, namespace);
	pod = *join->pod;
	pod.known = KNOWN_REMEMBERED;
	pod.withdrawn_at = 0;
	return pod;
}

/*
 * A pod that is attached has the addresses of its latest sandbox on the cluster's network, whatever
 * the inventory says: that is from before, or from nothing yet. It is not on the host's network.
 */
static const Pod *make_pod(const Join *join, const char *namespace, Arena *arena)
{
	const Attachment *latest = latest_of_cluster(join);
	Pod base = base_of(join, namespace), *pod;
	Attached attached = {.made_at = latest ? latest->made_at : 0, .object = join->object};

	attached.list.at = join->attachments.at;
	attached.list.n = attached.list.capacity = join->attachments.n;
	qsort(attached.list.at, attached.list.n, sizeof(Attachment *), attachment_compare_p);
	if (!join->object) /* also of remembered labels: the file that had them says nothing now */
		base.origin = attached.list.at[0]->origin;
	base.attached = &attached;
	base.uid = join->uid ? join->uid : base.uid;
	if (latest) {
		base.addresses = latest->addresses;
		base.is_host_network = false;
	}
	pod = pod_copy(arena, &base, NULL);
	pod->origin.file = base.origin.file ? arena_strdup(arena, base.origin.file) : NULL;
	return pod;
}

static bool is_origin_equal(const Origin *a, const Origin *b)
{
	return text_is_equal(a->file, b->file) && a->line == b->line && a->column == b->column;
}

/*
 * An equal pod stays where it is. One that has an object stays at another origin, too: pod_origin()
 * has the object's.
 */
static void set_pod(Model *model, Join *join, const Pod *pod, Arena *arena)
{
	if (join->pod && pod_is_equal(join->pod, pod) &&
		(join->object || is_origin_equal(&join->pod->origin, &pod->origin))) {
		((Attached *)join->pod->attached)->object = join->object;
		arena_free(arena);
		return;
	}
	if (join->pod_arena)
		VEC_PUSH(model->arena, &model->retired, join->pod_arena);
	join->pod = pod;
	join->pod_arena = arena;
}

/* ---- Update ---- */
/* Which of the joins takes the object: the one of its uid, else one whose uid may be the same. */
static const Join *taker_of(const NamespaceIndex *namespace, const Pod *object)
{
	size_t cursor = 0;
	const Join *join, *taker = NULL;

	while (object && (join = next_of_name(namespace, object->name, &cursor)))
		if (uid_may_be(join->uid, object->uid) && join->attachments.n > 0 &&
			(!taker || join->uid == object->uid ||
				(taker->uid != object->uid && join->uid > taker->uid)))
			taker = join;
	return taker;
}

static void drop(Model *model, NamespaceIndex *namespace, Join *join)
{
	hash_table_remove(namespace->joins, hash_text(HASH_START, join->name), join);
	VEC_PUSH(model->arena, &model->retired, join->arena);
}

void join_update(Model *model, NamespaceIndex *namespace, const char *name, Arena *scratch)
{
	const Pod *object = conflict_map_winner(&namespace->pods, name);
	const Join *taker = taker_of(namespace, object);
	VEC(Join *) joins = {};
	size_t cursor = 0;

	for (Join *join; (join = next_of_name(namespace, name, &cursor));)
		VEC_PUSH(scratch, &joins, join);
	for (size_t i = 0; i < joins.n; i++) {
		Join *join = joins.at[i];
		Arena *arena;

		if (join->attachments.n == 0) {
			drop(model, namespace, join);
			continue;
		}
		join->object = join == taker ? object : NULL;
		arena = arena_child(join->arena);
		set_pod(model, join, make_pod(join, namespace->name, arena), arena);
	}
}

void join_purge(Model *model)
{
	for (size_t i = 0; i < model->retired.n; i++)
		arena_free(model->retired.at[i]);
	model->retired.n = 0;
}
