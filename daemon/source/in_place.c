/*
 * A file's next reading says mostly what the one in force says. It is folded into that: what is the
 * same stays where it is in memory, with whoever points at it; what is not is copied beside. So the
 * model hears of what changed, however much the file holds.
 *
 * What was replaced is left behind in the arena of the reading in force. Before that is half of it,
 * the next reading takes the place of the whole.
 */
#include "directory.h"

/* A pod in force, and whether the next reading says the same of it. */
typedef struct Known {
	const Pod *pod;
	bool stays, is_duplicate;
} Known;

typedef struct InPlaceUpdate {
	Source *into;
	const Source *next;
	Known *known;	  /* into's pods */
	const Pod **pods; /* next's pods, those that stay where they are; NULL: yet to be copied */
	Pods deleted, come;
	const Pod **list; /* into's list, as it will be */
} InPlaceUpdate;

/* ---- What stays ---- */
/* Of a pod that is named twice, where it is named may decide which counts: such do not stay. */
static void list_known(InPlaceUpdate *f, const Model *model, Arena *scratch)
{
	f->known = arena_alloc(scratch, f->into->pods.n * sizeof(Known));
	for (size_t i = 0; i < f->into->pods.n; i++) {
		const Pod *pod = f->into->pods.at[i];

		f->known[i] = (Known){.pod = pod, .is_duplicate = model_is_duplicate(model, pod)};
	}
}

static bool let_stay(Known *known, const Pod *pod)
{
	if (known->stays || known->is_duplicate || !pod_is_equal(known->pod, pod))
		return false;
	known->stays = true;
	return true;
}

/* Most files name their pods in the order of before, though here and there one comes or goes. */
static void match_in_order(InPlaceUpdate *f)
{
	size_t at = 0, n = f->into->pods.n;

	for (size_t i = 0; i < f->next->pods.n; i++) {
		const Pod *pod = f->next->pods.at[i];
		size_t k = at, end = at + 2 < n ? at + 2 : n;

		while (k < end && !let_stay(&f->known[k], pod))
			k++;
		if (k < end) {
			f->pods[i] = f->known[k].pod;
			at = k + 1;
		} else if (at < n && strcmp(f->known[at].pod->name, pod->name) == 0) {
			at++; /* it is another now */
		}
	}
}

static uint32_t pod_hash(const Pod *pod)
{
	return hash_text(hash_text(HASH_START, pod->namespace), pod->name);
}

static void match_by_name(InPlaceUpdate *f, Arena *scratch)
{
	HashTable *rest = hash_table_new(scratch);

	for (size_t i = 0; i < f->into->pods.n; i++)
		if (!f->known[i].stays && !f->known[i].is_duplicate)
			hash_table_add(rest, pod_hash(f->known[i].pod), &f->known[i]);
	for (size_t i = 0; hash_table_count(rest) && i < f->next->pods.n; i++) {
		const Pod *pod = f->next->pods.at[i];
		const Known *known;
		size_t cursor = 0;

		while (!f->pods[i] && (known = hash_table_find(rest, pod_hash(pod), &cursor)))
			if (let_stay((Known *)known, pod))
				f->pods[i] = known->pod;
	}
}

static void match(InPlaceUpdate *f, const Model *model, Arena *scratch)
{
	f->pods = arena_alloc(scratch, f->next->pods.n * sizeof(Pod *));
	list_known(f, model, scratch);
	match_in_order(f);
	match_by_name(f, scratch);
	f->come.at = arena_alloc(scratch, f->next->pods.n * sizeof(Pod *));
	for (size_t i = 0; i < f->into->pods.n; i++)
		if (!f->known[i].stays)
			VEC_PUSH(scratch, &f->deleted, f->known[i].pod);
}

static bool have_same_namespaces(const Source *a, const Source *b)
{
	if (a->namespaces.n != b->namespaces.n)
		return false;
	for (size_t i = 0; i < a->namespaces.n; i++)
		if (!namespace_is_equal(a->namespaces.at[i], b->namespaces.at[i]))
			return false;
	return true;
}

/* ---- What comes ---- */
static void copy(InPlaceUpdate *f)
{
	Source *into = f->into;

	f->list = into->pods.at;
	if (f->next->pods.n > into->pods.capacity)
		f->list = arena_alloc(into->arena, f->next->pods.n * sizeof(Pod *));
	for (size_t i = 0; i < f->next->pods.n; i++)
		if (!f->pods[i]) {
			f->pods[i] = pod_copy(into->arena, f->next->pods.at[i], into->file);
			f->come.at[f->come.n++] = f->pods[i];
		}
}

/* What stays has perhaps moved within the file. */
static void move_origins(const InPlaceUpdate *f)
{
	for (size_t i = 0; i < f->next->pods.n; i++) {
		Origin *origin = &((Pod *)f->pods[i])->origin;

		origin->line = f->next->pods.at[i]->origin.line;
		origin->column = f->next->pods.at[i]->origin.column;
	}
	for (size_t i = 0; i < f->next->namespaces.n; i++) {
		Origin *origin = &((Namespace *)f->into->namespaces.at[i])->origin;

		origin->line = f->next->namespaces.at[i]->origin.line;
		origin->column = f->next->namespaces.at[i]->origin.column;
	}
}

static void put_list(const InPlaceUpdate *f)
{
	Source *into = f->into;

	if (f->list != into->pods.at)
		into->pods.capacity = f->next->pods.n;
	into->pods.at = f->list;
	into->pods.n = f->next->pods.n;
	if (into->pods.n)
		memcpy(into->pods.at, f->pods, into->pods.n * sizeof(Pod *));
	into->n_superseded += f->deleted.n;
}

static bool is_worth(const InPlaceUpdate *f)
{
	return 2 * (f->into->n_superseded + f->deleted.n) <= f->next->pods.n;
}

/* The reading in force may be of a saved copy: then all that is said of places is of that. */
static bool is_next_of(const Source *into, const Source *next)
{
	return strcmp(into->file, next->file) == 0 &&
	       into->diags.list.n + next->diags.list.n == 0 && have_same_namespaces(into, next);
}

InPlace source_update_in_place(Source *into, const Source *next, Model *model, Changes *changes)
{
	InPlaceUpdate f = {.into = into, .next = next};
	InventoryPart deleted, come;

	if (!is_next_of(into, next))
		return IN_PLACE_NO;
	match(&f, model, changes->arena);
	if (!is_worth(&f))
		return IN_PLACE_NO;
	copy(&f);
	move_origins(&f);
	deleted = (InventoryPart){.pods = f.deleted.at, .n_pods = f.deleted.n};
	come = (InventoryPart){.pods = f.come.at, .n_pods = f.come.n};
	model_replace(model, &deleted, &come, changes);
	put_list(&f);
	return deleted.n_pods + come.n_pods ? IN_PLACE_CHANGED : IN_PLACE_SAME;
}
