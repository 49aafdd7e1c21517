/*
 * The model: what all files say, merged, and what each new version of a file changes in it. Every
 * pod that a file names is a claim; of several claims on one name one counts.
 */
#include "model.h"
#include <string.h>

struct Model {
	Arena *arena;
	Table *spaces; /* by name */
	VEC(const CidrSet *) sets;
	ModelCounts counts;
	VEC(Space *) idle;
};

Model *model_new(Arena *parent)
{
	Arena *arena = arena_child(parent);
	Model *model = ARENA_NEW(arena, Model);

	*model = (Model){.arena = arena, .spaces = table_new(arena)};
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

static const ClaimKind BY_NAME = {name_size, has_name, is_later_pod};

/* ---- Spaces ---- */
static const Namespace *implied_namespace(Arena *arena, const char *name)
{
	Namespace *implied = ARENA_NEW(arena, Namespace);

	implied->name = name;
	VEC_PUSH(arena, &implied->labels.list, (Label){"kubernetes.io/metadata.name", name});
	return implied;
}

const Space *model_space(const Model *model, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const Space *space;
	size_t cursor = 0;

	while ((space = table_find(model->spaces, hash, &cursor)))
		if (strcmp(space->name, name) == 0)
			return space;
	return NULL;
}

static Space *space_of(Model *model, const char *name)
{
	Space *space = (Space *)model_space(model, name);
	Arena *arena;

	if (space)
		return space;
	arena = arena_child(model->arena);
	space = ARENA_NEW(arena, Space);
	*space = (Space){.arena = arena, .name = arena_strdup(arena, name)};
	claims_start(&space->pods, arena, &BY_NAME);
	space->implied = implied_namespace(arena, space->name);
	table_add(model->spaces, hash_text(HASH_START, name), space);
	return space;
}

/* Nothing is in it: it may go, but not before the changes were looked at. */
static void let_idle(Model *model, Space *space)
{
	if (space->is_idle || claims_count(&space->pods) + space->claims.n + space->policies.n > 0)
		return;
	space->is_idle = true;
	VEC_PUSH(model->arena, &model->idle, space);
}

void model_forget(Model *model)
{
	for (size_t i = 0; i < model->idle.n; i++) {
		Space *space = model->idle.at[i];

		space->is_idle = false;
		if (claims_count(&space->pods) + space->claims.n + space->policies.n > 0)
			continue;
		table_remove(model->spaces, hash_text(HASH_START, space->name), space);
		arena_free(space->arena);
	}
	model->idle.n = 0;
}

static const Namespace *namespace_of(const Space *space)
{
	const Namespace *best = NULL;

	for (size_t i = 0; i < space->claims.n; i++) {
		const Namespace *one = space->claims.at[i];

		if (!best || is_later(one->version, one->origin, best->version, best->origin))
			best = one;
	}
	return best ? best : claims_count(&space->pods) ? space->implied : NULL;
}

/* ---- Replacing a file's part ---- */
typedef struct Touched {
	Space *space;
	const char *name; /* of a pod; NULL: the namespace itself */
	const Pod *before;
	bool was_twice;
	const Namespace *namespace;
} Touched;

typedef struct Replacing {
	Model *model;
	Changes *changes;
	Arena *scratch;
	Table *seen; /* of touched */
	VEC(Touched *) touched;
} Replacing;

/* ---- What may be another ---- */
static uint32_t touch_hash(const Space *space, const char *name)
{
	uint32_t hash = hash_bytes(HASH_START, &space, sizeof(space));

	return name ? hash_text(hash, name) : hash;
}

/* Notes how it was, before anything is changed; once. */
static void touch(Replacing *r, Space *space, const char *name)
{
	uint32_t hash = touch_hash(space, name);
	const Touched *seen;
	Touched *new;
	size_t cursor = 0;

	while ((seen = table_find(r->seen, hash, &cursor)))
		if (seen->space == space && text_is_equal(seen->name, name))
			return;
	new = ARENA_NEW(r->scratch, Touched);
	*new = (Touched){.space = space, .name = name, .namespace = space->namespace};
	if (name) {
		new->before = claims_holder(&space->pods, name);
		new->was_twice = claims_are_several(&space->pods, name);
	}
	table_add(r->seen, hash, new);
	VEC_PUSH(r->scratch, &r->touched, new);
}

static void touch_part(Replacing *r, const Part *part)
{
	for (size_t i = 0; i < part->n_pods; i++) {
		Space *space = space_of(r->model, part->pods[i]->space);

		touch(r, space, NULL);
		touch(r, space, part->pods[i]->name);
	}
	for (size_t i = 0; i < part->n_namespaces; i++)
		touch(r, space_of(r->model, part->namespaces[i]->name), NULL);
}

static void remove_claim(Space *space, const Namespace *claim)
{
	for (size_t i = 0; i < space->claims.n; i++)
		if (space->claims.at[i] == claim) {
			memmove(&space->claims.at[i], &space->claims.at[i + 1],
				(space->claims.n - i - 1) * sizeof(claim));
			space->claims.n--;
			return;
		}
}

static void move_pods(Model *model, const Part *old, const Part *new)
{
	for (size_t i = 0; i < old->n_pods; i++) {
		const Pod *pod = old->pods[i];

		claims_remove(&space_of(model, pod->space)->pods, pod->name, pod);
	}
	for (size_t i = 0; i < new->n_pods; i++) {
		const Pod *pod = new->pods[i];

		claims_add(&space_of(model, pod->space)->pods, pod->name, pod);
	}
}

static void move_namespaces(Model *model, const Part *old, const Part *new)
{
	for (size_t i = 0; i < old->n_namespaces; i++)
		remove_claim(space_of(model, old->namespaces[i]->name), old->namespaces[i]);
	for (size_t i = 0; i < new->n_namespaces; i++) {
		Space *space = space_of(model, new->namespaces[i]->name);

		VEC_PUSH(space->arena, &space->claims, new->namespaces[i]);
	}
}

static void note_pod(Replacing *r, const Touched *t)
{
	const Pod *after = claims_holder(&t->space->pods, t->name);

	r->model->counts.twice += claims_are_several(&t->space->pods, t->name);
	r->model->counts.twice -= t->was_twice;
	r->model->counts.pods += (after != NULL);
	r->model->counts.pods -= (t->before != NULL);
	if (after != t->before)
		VEC_PUSH(r->changes->arena, &r->changes->pods, (PodChange){t->before, after});
}

static void note_namespace(Replacing *r, const Touched *t)
{
	const Namespace *after = namespace_of(t->space);

	t->space->namespace = after;
	r->model->counts.namespaces += (after != NULL);
	r->model->counts.namespaces -= (t->namespace != NULL);
	if (after != t->namespace)
		VEC_PUSH(r->changes->arena, &r->changes->namespaces,
			(NamespaceChange){t->space, t->namespace, after});
	let_idle(r->model, t->space);
}

void model_replace(Model *model, const Part *old, const Part *new, Changes *changes)
{
	Replacing r = {.model = model, .changes = changes, .scratch = arena_child(changes->arena)};

	r.seen = table_new(r.scratch);
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

static void remove_policy(Space *space, const Policy *policy)
{
	size_t i = policy_place(&space->policies, policy->name);

	if (i == space->policies.n)
		return;
	memmove(&space->policies.at[i], &space->policies.at[i + 1],
		(space->policies.n - i - 1) * sizeof(policy));
	space->policies.n--;
}

static void add_policy(Space *space, const Policy *policy)
{
	size_t i = policy_place(&space->policies, policy->name);

	VEC_PUSH(space->arena, &space->policies, policy);
	memmove(&space->policies.at[i + 1], &space->policies.at[i],
		(space->policies.n - i - 1) * sizeof(policy));
	space->policies.at[i] = policy;
}

void model_set_policy(Model *model, const Policy *before, const Policy *after, bool has_other_set,
	Changes *changes)
{
	Space *space = space_of(model, before ? before->space : after->space);

	if (before) {
		remove_policy(space, before);
		model->counts.policies--;
	}
	if (after) {
		add_policy(space, after);
		model->counts.policies++;
	}
	if (has_other_set || !before || !after || !policy_is_equal(before, after))
		VEC_PUSH(changes->arena, &changes->policies, (PolicyChange){before, after});
	let_idle(model, space);
}

void model_set_cidr_sets(Model *model, const CidrSet *const *sets, size_t n)
{
	model->sets.n = 0;
	for (size_t i = 0; i < n; i++)
		VEC_PUSH(model->arena, &model->sets, sets[i]);
}

/* ---- Asking ---- */
const Pod *model_pod(const Model *model, const char *space, const char *name)
{
	const Space *at = model_space(model, space);

	return at ? claims_holder(&at->pods, name) : NULL;
}

bool model_is_twice(const Model *model, const Pod *pod)
{
	const Space *space = model->counts.twice ? model_space(model, pod->space) : NULL;

	return space && claims_are_several(&space->pods, pod->name);
}

const Namespace *model_namespace(const Model *model, const char *name)
{
	const Space *space = model_space(model, name);

	return space ? space->namespace : NULL;
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

const Space *model_next_space(const Model *model, size_t *cursor)
{
	return table_next(model->spaces, cursor);
}

const Pod *space_next_pod(const Space *space, size_t *cursor)
{
	return claims_next(&space->pods, cursor);
}

int pod_compare_p(const void *a, const void *b)
{
	const Pod *x = *(const Pod *const *)a, *y = *(const Pod *const *)b;
	int r = strcmp(x->space, y->space);

	return r ? r : strcmp(x->name, y->name);
}

void model_list_pods(const Model *model, Arena *arena, Pods *ret_pods)
{
	const Space *space;
	size_t at_space = 0;

	while ((space = model_next_space(model, &at_space))) {
		size_t at_pod = 0;
		const Pod *pod;

		while ((pod = space_next_pod(space, &at_pod)))
			VEC_PUSH(arena, ret_pods, pod);
	}
	if (ret_pods->n)
		qsort(ret_pods->at, ret_pods->n, sizeof(Pod *), pod_compare_p);
}

void model_list_changes(const Model *model, Changes *changes)
{
	const Space *space;
	size_t at_space = 0;

	while ((space = model_next_space(model, &at_space))) {
		size_t at_pod = 0;
		const Pod *pod;

		while ((pod = space_next_pod(space, &at_pod)))
			VEC_PUSH(changes->arena, &changes->pods, (PodChange){NULL, pod});
		for (size_t i = 0; i < space->policies.n; i++)
			VEC_PUSH(changes->arena, &changes->policies,
				(PolicyChange){NULL, space->policies.at[i]});
		if (space->namespace)
			VEC_PUSH(changes->arena, &changes->namespaces,
				(NamespaceChange){space, NULL, space->namespace});
	}
}

ModelCounts model_counts(const Model *model)
{
	return model->counts;
}

/* ---- Warnings ---- */
typedef struct Twice {
	const Pod *counts;
	const Crowd *crowd;
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

static void warn_twice(const Twice *twice, Diags *diags)
{
	const Pod *counts = twice->counts;
	size_t n;
	const void *const *others =
		crowd_rest(twice->crowd, counts, diags->arena, compare_places, &n);

	for (size_t i = 0; i < n; i++) {
		const Pod *pod = others[i];

		DIAG_WARNING(diags, counts->origin, "duplicate", NULL,
			"pod \"%s/%s\" is also at %s:%u; this one counts: its "
			"resourceVersion is higher, or its file sorts last",
			counts->space, counts->name, pod->origin.file, pod->origin.line);
	}
}

void model_warn_twice(const Model *model, Diags *diags)
{
	VEC(Twice) all = {};
	const Space *space;
	const Crowd *crowd;

	for (size_t i = 0; model->counts.twice && (space = model_next_space(model, &i));)
		for (size_t k = 0; (crowd = claims_next_crowd(&space->pods, &k));)
			VEC_PUSH(diags->arena, &all,
				(Twice){claims_holder(&space->pods, crowd_key(crowd)), crowd});
	if (all.n)
		qsort(all.at, all.n, sizeof(Twice), compare_twice);
	for (size_t i = 0; i < all.n && i < DIAGS_MOST; i++)
		warn_twice(&all.at[i], diags);
	diags->n_dropped += all.n > DIAGS_MOST ? all.n - DIAGS_MOST : 0;
}
