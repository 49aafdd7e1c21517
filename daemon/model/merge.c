/*
 * The model: what all files say, merged, and what each new version of a file changes in it. Every
 * pod that a file names is a claim; of several claims on one name one counts.
 */
#include "model.h"
#include <string.h>

struct Model {
	Arena *arena;
	HashTable *namespaces; /* by name */
	VEC(const CidrSet *) sets;
	ModelCounts counts;
	VEC(NamespaceIndex *) idle;
};

Model *model_new(Arena *parent)
{
	Arena *arena = arena_child(parent);
	Model *model = ARENA_NEW(arena, Model);

	*model = (Model){.arena = arena, .namespaces = hash_table_new(arena)};
	return model;
}

/* ---- Which claim counts ---- */
static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* The higher resourceVersion, else the file that sorts last, else the place that comes last. */
static bool is_later(uint64_t version, Origin at, uint64_t than_version, Origin than)
{
	int r;

	if (version != than_version)
		return version > than_version;
	r = strcmp(base_name(at.file), base_name(than.file));
	if (r)
		return r > 0;
	return at.line != than.line ? at.line > than.line : at.column > than.column;
}

static bool is_later_pod(const void *one, const void *two)
{
	const Pod *a = one, *b = two;

	return is_later(a->version, a->origin, b->version, b->origin);
}

static size_t name_size(const void *name)
{
	return strlen(name) + 1;
}

static bool has_name(const void *item, const void *name)
{
	return strcmp(((const Pod *)item)->name, name) == 0;
}

static const ConflictKind BY_NAME = {name_size, has_name, is_later_pod};

/* ---- Spaces ---- */
static const Namespace *implied_namespace(Arena *arena, const char *name)
{
	Namespace *implied = ARENA_NEW(arena, Namespace);

	implied->name = name;
	VEC_PUSH(arena, &implied->labels.list, (Label){"kubernetes.io/metadata.name", name});
	return implied;
}

const NamespaceIndex *model_namespace_index(const Model *model, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	while ((namespace = hash_table_find(model->namespaces, hash, &cursor)))
		if (strcmp(namespace->name, name) == 0)
			return namespace;
	return NULL;
}

static NamespaceIndex *namespace_index_of(Model *model, const char *name)
{
	NamespaceIndex *namespace = (NamespaceIndex *)model_namespace_index(model, name);
	Arena *arena;

	if (namespace)
		return namespace;
	arena = arena_child(model->arena);
	namespace = ARENA_NEW(arena, NamespaceIndex);
	*namespace = (NamespaceIndex){.arena = arena, .name = arena_strdup(arena, name)};
	conflict_map_init(&namespace->pods, arena, &BY_NAME);
	namespace->implied = implied_namespace(arena, namespace->name);
	hash_table_add(model->namespaces, hash_text(HASH_START, name), namespace);
	return namespace;
}

/* Nothing is in it: it may go, but not before the changes were looked at. */
static void let_idle(Model *model, NamespaceIndex *namespace)
{
	if (namespace->is_empty || conflict_map_count(&namespace->pods) + namespace->candidates.n +
						   namespace->policies.n >
					   0)
		return;
	namespace->is_empty = true;
	VEC_PUSH(model->arena, &model->idle, namespace);
}

void model_purge(Model *model)
{
	for (size_t i = 0; i < model->idle.n; i++) {
		NamespaceIndex *namespace = model->idle.at[i];

		namespace->is_empty = false;
		if (conflict_map_count(&namespace->pods) + namespace->candidates.n +
				namespace->policies.n >
			0)
			continue;
		hash_table_remove(
			model->namespaces, hash_text(HASH_START, namespace->name), namespace);
		arena_free(namespace->arena);
	}
	model->idle.n = 0;
}

static const Namespace *namespace_of(const NamespaceIndex *namespace)
{
	const Namespace *best = NULL;

	for (size_t i = 0; i < namespace->candidates.n; i++) {
		const Namespace *one = namespace->candidates.at[i];

		if (!best || is_later(one->version, one->origin, best->version, best->origin))
			best = one;
	}
	return best ? best : conflict_map_count(&namespace->pods) ? namespace->implied : NULL;
}

/* ---- Replacing a file's part ---- */
typedef struct Touched {
	NamespaceIndex *namespace;
	const char *name; /* of a pod; NULL: the namespace itself */
	const Pod *before;
	bool was_duplicate;
	const Namespace *object_before;
} Touched;

typedef struct Replacing {
	Model *model;
	Changes *changes;
	Arena *scratch;
	HashTable *seen; /* of touched */
	VEC(Touched *) touched;
} Replacing;

/* ---- What may be another ---- */
static uint32_t touch_hash(const NamespaceIndex *namespace, const char *name)
{
	uint32_t hash = hash_bytes(HASH_START, &namespace, sizeof(namespace));

	return name ? hash_text(hash, name) : hash;
}

/* Notes how it was, before anything is changed; once. */
static void touch(Replacing *r, NamespaceIndex *namespace, const char *name)
{
	uint32_t hash = touch_hash(namespace, name);
	const Touched *seen;
	Touched *new;
	size_t cursor = 0;

	while ((seen = hash_table_find(r->seen, hash, &cursor)))
		if (seen->namespace == namespace && text_is_equal(seen->name, name))
			return;
	new = ARENA_NEW(r->scratch, Touched);
	*new = (Touched){.namespace = namespace, .name = name, .object_before = namespace->object};
	if (name) {
		new->before = conflict_map_winner(&namespace->pods, name);
		new->was_duplicate = conflict_map_has_conflict(&namespace->pods, name);
	}
	hash_table_add(r->seen, hash, new);
	VEC_PUSH(r->scratch, &r->touched, new);
}

static void touch_part(Replacing *r, const InventoryPart *part)
{
	for (size_t i = 0; i < part->n_pods; i++) {
		NamespaceIndex *namespace = namespace_index_of(r->model, part->pods[i]->namespace);

		touch(r, namespace, NULL);
		touch(r, namespace, part->pods[i]->name);
	}
	for (size_t i = 0; i < part->n_namespaces; i++)
		touch(r, namespace_index_of(r->model, part->namespaces[i]->name), NULL);
}

static void remove_claim(NamespaceIndex *namespace, const Namespace *claim)
{
	for (size_t i = 0; i < namespace->candidates.n; i++)
		if (namespace->candidates.at[i] == claim) {
			memmove(&namespace->candidates.at[i], &namespace->candidates.at[i + 1],
				(namespace->candidates.n - i - 1) * sizeof(claim));
			namespace->candidates.n--;
			return;
		}
}

static void move_pods(Model *model, const InventoryPart *old, const InventoryPart *new)
{
	for (size_t i = 0; i < old->n_pods; i++) {
		const Pod *pod = old->pods[i];

		conflict_map_remove(
			&namespace_index_of(model, pod->namespace)->pods, pod->name, pod);
	}
	for (size_t i = 0; i < new->n_pods; i++) {
		const Pod *pod = new->pods[i];

		conflict_map_add(&namespace_index_of(model, pod->namespace)->pods, pod->name, pod);
	}
}

static void move_namespaces(Model *model, const InventoryPart *old, const InventoryPart *new)
{
	for (size_t i = 0; i < old->n_namespaces; i++)
		remove_claim(
			namespace_index_of(model, old->namespaces[i]->name), old->namespaces[i]);
	for (size_t i = 0; i < new->n_namespaces; i++) {
		NamespaceIndex *namespace = namespace_index_of(model, new->namespaces[i]->name);

		VEC_PUSH(namespace->arena, &namespace->candidates, new->namespaces[i]);
	}
}

static void note_pod(Replacing *r, const Touched *t)
{
	const Pod *after = conflict_map_winner(&t->namespace->pods, t->name);

	r->model->counts.duplicates += conflict_map_has_conflict(&t->namespace->pods, t->name);
	r->model->counts.duplicates -= t->was_duplicate;
	r->model->counts.pods += (after != NULL);
	r->model->counts.pods -= (t->before != NULL);
	if (after != t->before)
		VEC_PUSH(r->changes->arena, &r->changes->pods, (PodChange){t->before, after});
}

static void note_namespace(Replacing *r, const Touched *t)
{
	const Namespace *after = namespace_of(t->namespace);

	t->namespace->object = after;
	r->model->counts.namespaces += (after != NULL);
	r->model->counts.namespaces -= (t->object_before != NULL);
	if (after != t->object_before)
		VEC_PUSH(r->changes->arena, &r->changes->namespaces,
			(NamespaceChange){t->namespace, t->object_before, after});
	let_idle(r->model, t->namespace);
}

void model_replace(
	Model *model, const InventoryPart *old, const InventoryPart *new, Changes *changes)
{
	Replacing r = {.model = model, .changes = changes, .scratch = arena_child(changes->arena)};

	r.seen = hash_table_new(r.scratch);
	touch_part(&r, old);
	touch_part(&r, new);
	move_pods(model, old, new);
	move_namespaces(model, old, new);
	for (size_t i = 0; i < r.touched.n; i++)
		if (r.touched.at[i]->name)
			note_pod(&r, r.touched.at[i]);
		else
			note_namespace(&r, r.touched.at[i]);
	arena_free(r.scratch);
}

/* ---- Policies ---- */
static size_t policy_place(const Policies *policies, const char *name)
{
	size_t low = 0, high = policies->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(policies->at[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_policy(NamespaceIndex *namespace, const Policy *policy)
{
	size_t i = policy_place(&namespace->policies, policy->name);

	if (i == namespace->policies.n)
		return;
	memmove(&namespace->policies.at[i], &namespace->policies.at[i + 1],
		(namespace->policies.n - i - 1) * sizeof(policy));
	namespace->policies.n--;
}

static void add_policy(NamespaceIndex *namespace, const Policy *policy)
{
	size_t i = policy_place(&namespace->policies, policy->name);

	VEC_PUSH(namespace->arena, &namespace->policies, policy);
	memmove(&namespace->policies.at[i + 1], &namespace->policies.at[i],
		(namespace->policies.n - i - 1) * sizeof(policy));
	namespace->policies.at[i] = policy;
}

void model_set_policy(Model *model, const Policy *before, const Policy *after, bool has_other_set,
	Changes *changes)
{
	NamespaceIndex *namespace =
		namespace_index_of(model, before ? before->namespace : after->namespace);

	if (before) {
		remove_policy(namespace, before);
		model->counts.policies--;
	}
	if (after) {
		add_policy(namespace, after);
		model->counts.policies++;
	}
	if (has_other_set || !before || !after || !policy_is_equal(before, after))
		VEC_PUSH(changes->arena, &changes->policies, (PolicyChange){before, after});
	let_idle(model, namespace);
}

void model_set_cidr_sets(Model *model, const CidrSet *const *sets, size_t n)
{
	model->sets.n = 0;
	for (size_t i = 0; i < n; i++)
		VEC_PUSH(model->arena, &model->sets, sets[i]);
}

/* ---- Asking ---- */
const Pod *model_pod(const Model *model, const char *namespace, const char *name)
{
	const NamespaceIndex *at = model_namespace_index(model, namespace);

	return at ? conflict_map_winner(&at->pods, name) : NULL;
}

bool model_is_duplicate(const Model *model, const Pod *pod)
{
	const NamespaceIndex *namespace =
		model->counts.duplicates ? model_namespace_index(model, pod->namespace) : NULL;

	return namespace && conflict_map_has_conflict(&namespace->pods, pod->name);
}

const Namespace *model_namespace(const Model *model, const char *name)
{
	const NamespaceIndex *namespace = model_namespace_index(model, name);

	return namespace ? namespace->object : NULL;
}

const CidrSet *model_set(const Model *model, const char *name)
{
	size_t low = 0, high = model->sets.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(model->sets.at[middle]->name, name);

		if (r == 0)
			return model->sets.at[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const NamespaceIndex *model_next_namespace(const Model *model, size_t *cursor)
{
	return hash_table_next(model->namespaces, cursor);
}

const Pod *namespace_next_pod(const NamespaceIndex *namespace, size_t *cursor)
{
	return conflict_map_next(&namespace->pods, cursor);
}

int pod_compare_p(const void *a, const void *b)
{
	const Pod *x = *(const Pod *const *)a, *y = *(const Pod *const *)b;
	int r = strcmp(x->namespace, y->namespace);

	return r ? r : strcmp(x->name, y->name);
}

void model_list_pods(const Model *model, Arena *arena, Pods *ret_pods)
{
	const NamespaceIndex *namespace;
	size_t at_space = 0;

	while ((namespace = model_next_namespace(model, &at_space))) {
		size_t at_pod = 0;
		const Pod *pod;

		while ((pod = namespace_next_pod(namespace, &at_pod)))
			VEC_PUSH(arena, ret_pods, pod);
	}
	if (ret_pods->n)
		qsort(ret_pods->at, ret_pods->n, sizeof(Pod *), pod_compare_p);
}

void model_list_changes(const Model *model, Changes *changes)
{
	const NamespaceIndex *namespace;
	size_t at_space = 0;

	while ((namespace = model_next_namespace(model, &at_space))) {
		size_t at_pod = 0;
		const Pod *pod;

		while ((pod = namespace_next_pod(namespace, &at_pod)))
			VEC_PUSH(changes->arena, &changes->pods, (PodChange){NULL, pod});
		for (size_t i = 0; i < namespace->policies.n; i++)
			VEC_PUSH(changes->arena, &changes->policies,
				(PolicyChange){NULL, namespace->policies.at[i]});
		if (namespace->object)
			VEC_PUSH(changes->arena, &changes->namespaces,
				(NamespaceChange){namespace, NULL, namespace->object});
	}
}

ModelCounts model_counts(const Model *model)
{
	return model->counts;
}

/* ---- Warnings ---- */
typedef struct Twice {
	const Pod *counts;
	const ConflictGroup *group;
} Twice;

static int compare_twice(const void *a, const void *b)
{
	const Twice *x = a, *y = b;

	return pod_compare_p(&x->counts, &y->counts);
}

static int compare_places(const void *a, const void *b)
{
	const Pod *const *x = a, *const *y = b;

	return is_later_pod(*x, *y) ? -1 : 1;
}

static void warn_twice(const Twice *duplicates, Diags *diags)
{
	const Pod *counts = duplicates->counts;
	size_t n;
	const void *const *others =
		conflict_group_losers(duplicates->group, counts, diags->arena, compare_places, &n);

	for (size_t i = 0; i < n; i++) {
		const Pod *pod = others[i];

		DIAG_WARNING(diags, counts->origin, "duplicate", NULL,
			"pod \"%s/%s\" is also at %s:%u; this one counts: its "
			"resourceVersion is higher, or its file sorts last",
			counts->namespace, counts->name, pod->origin.file, pod->origin.line);
	}
}

void model_warn_duplicates(const Model *model, Diags *diags)
{
	VEC(Twice) all = {};
	const NamespaceIndex *namespace;
	const ConflictGroup *group;

	for (size_t i = 0;
		model->counts.duplicates && (namespace = model_next_namespace(model, &i));)
		for (size_t k = 0; (group = conflict_map_next_group(&namespace->pods, &k));)
			VEC_PUSH(diags->arena, &all,
				(Twice){conflict_map_winner(
						&namespace->pods, conflict_group_key(group)),
					group});
	if (all.n)
		qsort(all.at, all.n, sizeof(Twice), compare_twice);
	for (size_t i = 0; i < all.n && i < DIAGS_MAX; i++)
		warn_twice(&all.at[i], diags);
	diags->n_dropped += all.n > DIAGS_MAX ? all.n - DIAGS_MAX : 0;
}
