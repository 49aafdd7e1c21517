/*
 * The snapshot: which version of each file is in force, and all of them merged into one model.
 * The accepted versions never contradict each other, so that falling back always ends.
 */
#include "source.h"
#include <errno.h>
#include <string.h>

typedef struct Choice {
	SourceDir *dir;
	size_t index;
	SourceDirFile file;
	const Source *source; /* chosen; NULL: nothing of this file is in force */
} Choice;

struct Snapshot {
	Arena *arena;
	Model model;
	Diags diags;
	SourceDir *policies, *inventory;
	VEC(Choice) choices; /* the policy files, then the inventory files */
};

const Model *snapshot_model(const Snapshot *snapshot)
{
	return &snapshot->model;
}

const Diags *snapshot_diags(const Snapshot *snapshot)
{
	return &snapshot->diags;
}

Snapshot *snapshot_free(Snapshot *snapshot)
{
	if (snapshot)
		arena_free(snapshot->arena);
	return NULL;
}

/* ---- Which version of each file ---- */
static void choose(Snapshot *snapshot, SourceDir *dir)
{
	diags_append(&snapshot->diags, source_dir_diags(dir));
	for (size_t i = 0; i < source_dir_count(dir); i++) {
		SourceDirFile file = source_dir_file(dir, i);
		bool is_good = file.current && file.current->diags.n_errors == 0;

		if (file.current)
			diags_append(&snapshot->diags, &file.current->diags);
		VEC_PUSH(snapshot->arena, &snapshot->choices,
			(Choice){dir, i, file, is_good ? file.current : file.accepted});
	}
}

static bool is_new(const Choice *choice)
{
	return choice->source && choice->source != choice->file.accepted;
}

static void reject(
	Snapshot *snapshot, Choice *choice, Origin origin, const char *code, const char *message)
{
	DIAG_ERROR(&snapshot->diags, origin, code,
		choice->file.accepted ? "the file's last good version stays in force" : NULL, "%s",
		message);
	choice->source = choice->file.accepted;
}

typedef struct Names {
	Arena *arena;
	StrMap *policies, *sets; /* "namespace/name" -> Policy, name -> CidrSet */
} Names;

static const char *policy_key(Arena *arena, const Policy *policy)
{
	return arena_printf(arena, "%s/%s", policy->space, policy->name);
}

/* The first policy or set of the source whose name is taken, as words; NULL if none is. */
static const char *find_conflict(const Names *names, const Source *source, Origin *ret_origin)
{
	for (size_t i = 0; i < source->policies.n; i++) {
		const char *key = policy_key(names->arena, source->policies.at[i]);
		const Policy *other = strmap_get(names->policies, key);

		*ret_origin = source->policies.at[i]->origin;
		if (other)
			return arena_printf(names->arena,
				"NetworkPolicy \"%s\" is defined twice; the other is at %s:%u", key,
				other->origin.file, other->origin.line);
	}
	for (size_t i = 0; i < source->sets.n; i++) {
		const CidrSet *set = source->sets.at[i];
		const CidrSet *other = strmap_get(names->sets, set->name);

		*ret_origin = set->origin;
		if (other)
			return arena_printf(names->arena,
				"cidr_set \"%s\" is defined twice; the other is at %s:%u",
				set->name, other->origin.file, other->origin.line);
	}
	return NULL;
}

static void claim(Names *names, const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		strmap_put(names->policies, policy_key(names->arena, source->policies.at[i]),
			(void *)source->policies.at[i]);
	for (size_t i = 0; i < source->sets.n; i++)
		strmap_put(names->sets, source->sets.at[i]->name, (void *)source->sets.at[i]);
}

typedef void (*PeerVisit)(void *context, const Source *source, const Peer *peer);

static void visit_set_peers(const Source *source, PeerVisit visit, void *context)
{
	for (size_t i = 0; i < source->policies.n; i++)
		for (Direction d = INGRESS; d < DIRECTION_N; d++)
			for (size_t r = 0; r < source->policies.at[i]->rules[d].n; r++) {
				const Rule *rule = &source->policies.at[i]->rules[d].at[r];

				for (size_t p = 0; p < rule->peers.n; p++)
					if (rule->peers.at[p].kind == PEER_SET)
						visit(context, source, &rule->peers.at[p]);
			}
}

typedef struct Unresolved {
	const Names *names;
	const Peer *peer; /* the first that names no set */
} Unresolved;

static void find_unresolved(void *context, const Source *source, const Peer *peer)
{
	Unresolved *u = context;

	(void)source;
	if (!u->peer && !strmap_get(u->names->sets, peer->set))
		u->peer = peer;
}

/* One pass over the policy files: the accepted ones claim their names, then the new ones. True if
 * something was rejected, and another pass must see what that changes. */
static bool reject_conflicts(Snapshot *snapshot, Names *names)
{
	bool has_rejected = false;

	for (int pass_new = 0; pass_new < 2; pass_new++)
		for (size_t i = 0; i < snapshot->choices.n; i++) {
			Choice *choice = &snapshot->choices.at[i];
			const char *conflict;
			Origin origin;

			if (!choice->source || is_new(choice) != pass_new)
				continue;
			conflict = pass_new ? find_conflict(names, choice->source, &origin) : NULL;
			if (conflict) {
				reject(snapshot, choice, origin, "duplicate-policy", conflict);
				has_rejected = true;
			} else {
				claim(names, choice->source);
			}
		}
	return has_rejected;
}

static bool reject_unresolved(Snapshot *snapshot, Names *names)
{
	bool has_rejected = false;

	for (size_t i = 0; i < snapshot->choices.n; i++) {
		Choice *choice = &snapshot->choices.at[i];
		Unresolved u = {.names = names};

		if (!is_new(choice))
			continue;
		visit_set_peers(choice->source, find_unresolved, &u);
		if (!u.peer)
			continue;
		reject(snapshot, choice, u.peer->origin, "unknown-set",
			arena_printf(snapshot->arena, "cidr_set \"%s\" is not defined anywhere",
				u.peer->set));
		has_rejected = true;
	}
	return has_rejected;
}

static Names settle_names(Snapshot *snapshot)
{
	Names names;

	do
		names = (Names){
			snapshot->arena, strmap_new(snapshot->arena), strmap_new(snapshot->arena)};
	while (reject_conflicts(snapshot, &names) || reject_unresolved(snapshot, &names));
	return names;
}

/* ---- cidr_sets: what a file was accepted with, it keeps ---- */
typedef struct Resolving {
	Snapshot *snapshot;
	Names *names;
} Resolving;

static const CidrSet *copy_set(Arena *arena, const CidrSet *set)
{
	CidrSet *copy = ARENA_NEW(arena, CidrSet);

	copy->name = arena_strdup(arena, set->name);
	copy->origin = (Origin){arena_strdup(arena, set->origin.file), set->origin.line, 0};
	for (size_t i = 0; i < set->ranges.n; i++)
		VEC_PUSH(arena, &copy->ranges, set->ranges.at[i]);
	return copy;
}

static void resolve_set(void *context, const Source *source, const Peer *peer)
{
	Resolving *r = context;
	Source *mine = (Source *)source;
	const CidrSet *set = strmap_get(r->names->sets, peer->set);
	const CidrSet *last = mine->resolved ? strmap_get(mine->resolved, peer->set) : NULL;

	if (!set && last) {
		DIAG_ERROR(&r->snapshot->diags, peer->origin, "unknown-set",
			"its last definition stays in force",
			"cidr_set \"%s\" is not defined any more", peer->set);
		strmap_put(r->names->sets, last->name, (void *)last);
		return;
	}
	if (!set || (last && ranges_are_equal(&set->ranges, &last->ranges)))
		return;
	if (!mine->resolved)
		mine->resolved = strmap_new(mine->arena);
	set = copy_set(mine->arena, set);
	strmap_put(mine->resolved, set->name, (void *)set);
}

static void add_set(Snapshot *snapshot, const CidrSet *set)
{
	if (!model_set(&snapshot->model, set->name))
		VEC_PUSH(snapshot->arena, &snapshot->model.sets, set);
}

static void put_set_in_model(void *context, const Source *source, const Peer *peer)
{
	Resolving *r = context;
	const CidrSet *set = strmap_get(r->names->sets, peer->set);

	(void)source;
	if (set)
		add_set(r->snapshot, set);
}

/* ---- Merging ---- */
static int policy_compare(const void *a, const void *b)
{
	const Policy *x = *(const Policy *const *)a, *y = *(const Policy *const *)b;
	int r = strcmp(x->space, y->space);

	return r ? r : strcmp(x->name, y->name);
}

static int pod_compare(const void *a, const void *b)
{
	const Pod *x = *(const Pod *const *)a, *y = *(const Pod *const *)b;
	int r = strcmp(x->space, y->space);

	return r ? r : strcmp(x->name, y->name);
}

static int namespace_compare(const void *a, const void *b)
{
	return strcmp((*(const Namespace *const *)a)->name, (*(const Namespace *const *)b)->name);
}

static void warn_twice(Snapshot *snapshot, const char *what, Origin winner, Origin loser)
{
	DIAG_WARNING(&snapshot->diags, winner, "duplicate", NULL,
		"%s is also at %s:%u; this one counts: its resourceVersion is higher, or its file "
		"sorts last",
		what, loser.file, loser.line);
}

static void merge_pods(Snapshot *snapshot)
{
	Model *model = &snapshot->model;
	StrMap *seen = strmap_new(snapshot->arena);

	for (size_t i = 0; i < snapshot->choices.n; i++) {
		const Source *source = snapshot->choices.at[i].source;

		for (size_t k = 0; source && k < source->pods.n; k++) {
			const Pod *pod = source->pods.at[k];
			const char *key = pod_text(snapshot->arena, pod);
			const Pod **other = strmap_get(seen, key);

			if (!other) {
				other = arena_alloc(snapshot->arena, sizeof(*other));
				strmap_put(seen, key, other);
			} else {
				bool is_older = pod->version < (*other)->version;

				warn_twice(snapshot,
					arena_printf(snapshot->arena, "pod \"%s\"", key),
					is_older ? (*other)->origin : pod->origin,
					is_older ? pod->origin : (*other)->origin);
				if (is_older)
					continue;
			}
			*other = pod;
		}
	}
	for (size_t i = 0; i < snapshot->choices.n; i++) {
		const Source *source = snapshot->choices.at[i].source;

		for (size_t k = 0; source && k < source->pods.n; k++) {
			const Pod **winner =
				strmap_get(seen, pod_text(snapshot->arena, source->pods.at[k]));

			if (*winner == source->pods.at[k])
				VEC_PUSH(snapshot->arena, &model->pods, source->pods.at[k]);
		}
	}
	if (model->pods.n)
		qsort(model->pods.at, model->pods.n, sizeof(Pod *), pod_compare);
}

/* A namespace that only pods name exists, with the one label that every namespace has. */
static const Namespace *implied_namespace(Arena *arena, const Pod *pod)
{
	Namespace *space = ARENA_NEW(arena, Namespace);

	*space = (Namespace){.name = pod->space, .origin = pod->origin};
	VEC_PUSH(arena, &space->labels.list, (Label){"kubernetes.io/metadata.name", pod->space});
	return space;
}

static void merge_namespaces(Snapshot *snapshot)
{
	Model *model = &snapshot->model;
	StrMap *seen = strmap_new(snapshot->arena); /* name -> index + 1 */

	for (size_t i = 0; i < snapshot->choices.n; i++) {
		const Source *source = snapshot->choices.at[i].source;

		for (size_t k = 0; source && k < source->namespaces.n; k++) {
			const Namespace *space = source->namespaces.at[k];
			size_t at = (size_t)strmap_get(seen, space->name);

			if (at && space->version < model->namespaces.at[at - 1]->version)
				continue;
			if (at) {
				model->namespaces.at[at - 1] = space;
				continue;
			}
			VEC_PUSH(snapshot->arena, &model->namespaces, space);
			strmap_put(seen, space->name, (void *)model->namespaces.n);
		}
	}
	for (size_t i = 0; i < model->pods.n; i++) {
		if (strmap_get(seen, model->pods.at[i]->space))
			continue;
		VEC_PUSH(snapshot->arena, &model->namespaces,
			implied_namespace(snapshot->arena, model->pods.at[i]));
		strmap_put(seen, model->pods.at[i]->space, (void *)model->namespaces.n);
	}
	if (model->namespaces.n)
		qsort(model->namespaces.at, model->namespaces.n, sizeof(Namespace *),
			namespace_compare);
}

static void merge_policies(Snapshot *snapshot, Names *names)
{
	Model *model = &snapshot->model;
	Resolving resolving = {snapshot, names};

	for (size_t i = 0; i < snapshot->choices.n; i++) {
		const Source *source = snapshot->choices.at[i].source;

		if (!source)
			continue;
		visit_set_peers(source, resolve_set, &resolving);
		visit_set_peers(source, put_set_in_model, &resolving);
		for (size_t k = 0; k < source->policies.n; k++)
			VEC_PUSH(snapshot->arena, &model->policies, source->policies.at[k]);
	}
	if (model->policies.n)
		qsort(model->policies.at, model->policies.n, sizeof(Policy *), policy_compare);
}

static void accept_choices(Snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->choices.n; i++)
		if (is_new(&snapshot->choices.at[i]))
			source_dir_accept(
				snapshot->choices.at[i].dir, snapshot->choices.at[i].index);
}

static int build(void *context)
{
	Snapshot *snapshot = context;
	Names names;

	snapshot->diags.arena = snapshot->model.arena = snapshot->arena;
	choose(snapshot, snapshot->policies);
	choose(snapshot, snapshot->inventory);
	names = settle_names(snapshot);
	merge_pods(snapshot);
	merge_namespaces(snapshot);
	merge_policies(snapshot, &names);
	accept_choices(snapshot);
	return 0;
}

int snapshot_new(SourceDir *policies, SourceDir *inventory, Snapshot **ret_snapshot)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Snapshot *snapshot;
	int r;

	if (!arena)
		return -ENOMEM;
	snapshot = ARENA_NEW(arena, Snapshot);
	*snapshot = (Snapshot){.arena = arena, .policies = policies, .inventory = inventory};
	r = arena_try(arena, build, snapshot);
	if (r < 0)
		return r;
	arena = NULL;
	*ret_snapshot = snapshot;
	return 0;
}
