/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Indexes of namespaces: their lifetime, and which of several objects of one name wins. */
#include "join.h"
#include <assert.h>
#include <string.h>

/*
 * ---- Which of several objects of one name wins ----
 * The rule is that of model_replace().
 */
static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* What the choice between two objects of one name depends on. */
typedef struct Claim {
	uint64_t withdrawn_at;
	uint64_t version;
	Origin origin;
} Claim;

/*
 * The one whose file is there, or was there last, else the higher resourceVersion, else the file
 * that sorts last, else the last place in the file.
 */
static bool is_later(Claim a, Claim b)
{
	int r;

	if (a.withdrawn_at != b.withdrawn_at)
		return withdrawn_counts_first(a.withdrawn_at, b.withdrawn_at);
	if (a.version != b.version)
		return a.version > b.version;
	r = strcmp(base_name(a.origin.file), base_name(b.origin.file));
	if (r)
		return r > 0;
	return a.origin.line != b.origin.line ? a.origin.line > b.origin.line
					      : a.origin.column > b.origin.column;
}

static Claim claim_of_pod(const Pod *pod)
{
	return (Claim){pod->withdrawn_at, pod->version, pod->origin};
}

static Claim claim_of_namespace(const Namespace *namespace)
{
	return (Claim){namespace->withdrawn_at, namespace->version, namespace->origin};
}

bool pod_is_later(const Pod *pod, const Pod *than)
{
	return is_later(claim_of_pod(pod), claim_of_pod(than));
}

static bool is_better(const void *a, const void *b)
{
	return pod_is_later(a, b);
}

static size_t name_size(const void *name)
{
	return strlen(name) + 1;
}

static bool has_name(const void *item, const void *name)
{
	return strcmp(((const Pod *)item)->name, name) == 0;
}

static const ConflictKind PODS_BY_NAME = {name_size, has_name, is_better};

size_t namespace_count_pods(const NamespaceIndex *namespace)
{
	return conflict_map_count(&namespace->pods) + hash_table_count(namespace->joins);
}

static bool has_pods(const NamespaceIndex *namespace)
{
	return namespace_count_pods(namespace) > 0;
}

const Namespace *namespace_index_winner(const NamespaceIndex *namespace)
{
	const Namespace *best = NULL;

	for (size_t i = 0; i < namespace->candidates.n; i++) {
		const Namespace *one = namespace->candidates.at[i];

		if (!best || is_later(claim_of_namespace(one), claim_of_namespace(best)))
			best = one;
	}
	if (best)
		return best;
	return has_pods(namespace) ? namespace->implied : NULL;
}

/* ---- Lifetime ---- */
/* What is known of a namespace without an object: its name. */
static const Namespace *implied_namespace(Arena *arena, const char *name)
{
	Namespace *implied = ARENA_NEW(arena, Namespace);

	implied->name = name;
	VEC_PUSH(arena, &implied->labels.list, (Label){NAMESPACE_NAME_LABEL, name});
	return implied;
}

/*
 * The only cast that removes const in this module: a hash table returns its items as const, but the
 * indexes belong to the model. Public functions return them as const again.
 */
static NamespaceIndex *find(const Model *model, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	while ((namespace = hash_table_find(model->namespaces, hash, &cursor)))
		if (strcmp(namespace->name, name) == 0)
			return (NamespaceIndex *)namespace;
	return NULL;
}

const NamespaceIndex *model_namespace_index(const Model *model, const char *name)
{
	return find(model, name);
}

NamespaceIndex *namespace_index_get(Model *model, const char *name)
{
	NamespaceIndex *namespace = find(model, name);
	Arena *arena;

	if (namespace)
		return namespace;
	arena = arena_child(model->arena);
	namespace = ARENA_NEW(arena, NamespaceIndex);
	*namespace = (NamespaceIndex){.arena = arena, .name = arena_strdup(arena, name)};
	conflict_map_init(&namespace->pods, arena, &PODS_BY_NAME);
	namespace->joins = hash_table_new(arena);
	namespace->implied = implied_namespace(arena, namespace->name);
	hash_table_add(model->namespaces, hash_text(HASH_START, name), namespace);
	return namespace;
}

static bool is_in_use(const NamespaceIndex *namespace)
{
	return has_pods(namespace) || namespace->candidates.n + namespace->policies.n > 0;
}

void namespace_index_retire(Model *model, NamespaceIndex *namespace)
{
	if (namespace->is_idle || is_in_use(namespace))
		return;
	namespace->is_idle = true;
	VEC_PUSH(model->arena, &model->idle, namespace);
}

void model_purge(Model *model)
{
	join_purge(model);
	for (size_t i = 0; i < model->idle.n; i++) {
		NamespaceIndex *namespace = model->idle.at[i];

		assert(namespace->is_idle);
		namespace->is_idle = false;
		if (is_in_use(namespace))
			continue;
		assert(!namespace->object);
		hash_table_remove(
			model->namespaces, hash_text(HASH_START, namespace->name), namespace);
		arena_free(namespace->arena);
	}
	model->idle.n = 0;
}
