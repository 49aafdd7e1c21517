/*
 * The snapshot: which version of each file is in force, and all of them merged into one model, kept
 * up to date file by file. The accepted versions never contradict each other, so that falling back
 * always ends.
 *
 * Files are merged one by one: each costs what it holds. But which policy files are in force is
 * settled together, whenever one of them changed: what they say of each other (a name that is
 * taken, a cidr_set that is missing) shows only then.
 */
#include "directory.h"
#include <string.h>

typedef struct Choice {
	SourceDir *dir;
	Entry *entry;
	const Source *source; /* chosen; NULL: nothing of this file is in force */
	bool is_claimed;      /* the names of its policies are taken */
} Choice;

typedef VEC(const CidrSet *) CidrSets;

/* What the policy files come to. */
typedef struct Settlement {
	Arena *arena;
	VEC(Choice) choices;
	CidrSets sets; /* by name */
	Diags diags;
} Settlement;

struct Snapshot {
	Arena *arena;
	Model *model;
	SourceDir **dirs; /* of either kind, n of them */
	size_t n;
	HashTable *names; /* policies of the files in force, by namespace and name */
	Settlement settled;
	bool is_new; /* nothing was merged yet */
	/* every diagnostic: made anew when one may be another */
	Arena *diag_arena;
	Diags diags;
	bool are_diags_old;
	bool had_duplicates;
};

const Model *snapshot_model(const Snapshot *snapshot)
{
	return snapshot->model;
}

const Diags *snapshot_diags(const Snapshot *snapshot)
{
	return &snapshot->diags;
}

Snapshot *snapshot_free(Snapshot *snapshot)
{
	if (snapshot)
		arena_free(snapshot->arena);
	free(snapshot);
	return NULL;
}

/* ---- The directories ---- */
/* The next directory of this kind, from *i on, which is moved past it; NULL: there is none. */
static SourceDir *next_dir(const Snapshot *snapshot, SourceKind kind, size_t *i)
{
	while (*i < snapshot->n) {
		SourceDir *dir = snapshot->dirs[(*i)++];

		if (dir->kind == kind)
			return dir;
	}
	return NULL;
}

static bool has_changed(const Snapshot *snapshot, SourceKind kind)
{
	SourceDir *dir;

	for (size_t i = 0; (dir = next_dir(snapshot, kind, &i));)
		if (dir->changed.n > 0)
			return true;
	return false;
}

/* ---- Which version of each policy file ---- */
static const Source *good_version(const Entry *entry)
{
	bool is_good = entry->current && entry->current->diags.n_errors == 0;

	return is_good ? entry->current : entry->accepted;
}

static void choose(Settlement *s, SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.n; i++) {
		Entry *entry = dir_entry(dir, i);
		const Source *source = good_version(entry);

		VEC_PUSH(s->arena, &s->choices,
			(Choice){dir, entry, source, source && source == entry->merged});
	}
}

static bool is_new(const Choice *choice)
{
	return choice->source && choice->source != choice->entry->accepted;
}

/* ---- Names ---- */
typedef struct Names {
	Arena *arena;
	HashTable *policies; /* the snapshot's */
	StrMap *sets;	     /* name -> CidrSet */
} Names;

static uint32_t policy_hash(const Policy *policy)
{
	return hash_text(hash_text(HASH_START, policy->namespace), policy->name);
}

static int policy_compare(const void *a, const void *b)
{
	const Policy *x = *(const Policy *const *)a, *y = *(const Policy *const *)b;
	int r = strcmp(x->namespace, y->namespace);

	return r ? r : strcmp(x->name, y->name);
}

/* Who has the name of this one. */
static const Policy *find_namesake(const HashTable *policies, const Policy *policy)
{
	const Policy *other;
	size_t cursor = 0;

	while ((other = hash_table_find(policies, policy_hash(policy), &cursor)))
		if (policy_compare(&other, &policy) == 0)
			return other;
	return NULL;
}

/* The first policy or set of the source whose name is taken, as words; NULL if none is. */
static const char *find_conflict(const Names *names, const Source *source, Origin *ret_origin)
{
	for (size_t i = 0; i < source->policies.n; i++) {
		const Policy *policy = source->policies.at[i];
		const Policy *other = find_namesake(names->policies, policy);

		*ret_origin = policy->origin;
		if (other)
			return arena_printf(names->arena,
				"NetworkPolicy \"%s/%s\" is defined twice; the other is at %s:%u",
				policy->namespace, policy->name, other->origin.file,
				other->origin.line);
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

static void claim_policies(HashTable *policies, const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		hash_table_add(
			policies, policy_hash(source->policies.at[i]), source->policies.at[i]);
}

static void release_policies(HashTable *policies, const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		hash_table_remove(
			policies, policy_hash(source->policies.at[i]), source->policies.at[i]);
}

static void claim(Names *names, Choice *choice)
{
	const Source *source = choice->source;

	if (!choice->is_claimed)
		claim_policies(names->policies, source);
	choice->is_claimed = true;
	for (size_t i = 0; i < source->sets.n; i++)
		strmap_put(names->sets, source->sets.at[i]->name, (void *)source->sets.at[i]);
}

static void release(HashTable *policies, Choice *choice)
{
	if (choice->is_claimed)
		release_policies(policies, choice->source);
	choice->is_claimed = false;
}

static void reject(Settlement *s, const Names *names, Choice *choice, Origin origin,
	const char *code, const char *message)
{
	release(names->policies, choice);
	DIAG_ERROR(&s->diags, origin, code,
		choice->entry->accepted ? "the file's last good version stays in force" : NULL,
		"%s", message);
	choice->source = choice->entry->accepted;
}

typedef void (*PeerVisit)(void *context, const Source *source, const Peer *peer);

static void visit_set_peers(const Source *source, PeerVisit visit, void *context)
{
	for (size_t i = 0; source->uses_cidr_sets && i < source->policies.n; i++) {
		PeerCursor cursor = {};
		const Peer *peer;

		while ((peer = policy_next_set(source->policies.at[i], &cursor)))
			visit(context, source, peer);
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
static bool reject_conflicts(Settlement *s, Names *names)
{
	bool has_rejected = false;

	for (int pass_new = 0; pass_new < 2; pass_new++)
		for (size_t i = 0; i < s->choices.n; i++) {
			Choice *choice = &s->choices.at[i];
			const char *conflict;
			Origin origin;

			if (!choice->source || is_new(choice) != pass_new)
				continue;
			conflict = pass_new ? find_conflict(names, choice->source, &origin) : NULL;
			if (conflict) {
				reject(s, names, choice, origin, "duplicate-policy", conflict);
				has_rejected = true;
			} else {
				claim(names, choice);
			}
		}
	return has_rejected;
}

static bool reject_unresolved(Settlement *s, const Names *names)
{
	bool has_rejected = false;

	for (size_t i = 0; i < s->choices.n; i++) {
		Choice *choice = &s->choices.at[i];
		Unresolved u = {.names = names};

		if (!is_new(choice))
			continue;
		visit_set_peers(choice->source, find_unresolved, &u);
		if (!u.peer)
			continue;
		reject(s, names, choice, u.peer->origin, "unknown-set",
			arena_printf(
				s->arena, "cidr_set \"%s\" is not defined anywhere", u.peer->set));
		has_rejected = true;
	}
	return has_rejected;
}

static void release_deleted(Snapshot *snapshot, const Pointers *changed)
{
	for (size_t i = 0; i < changed->n; i++) {
		const Entry *entry = changed->at[i];

		if (entry->is_deleted && entry->merged)
			release_policies(snapshot->names, entry->merged);
	}
}

/* What is in force no more, or perhaps not, has no claim on its names. */
static void release_replaced(Snapshot *snapshot, const Settlement *s)
{
	const SourceDir *dir;

	for (size_t i = 0; i < s->choices.n; i++) {
		const Choice *choice = &s->choices.at[i];

		if (choice->entry->merged && choice->source != choice->entry->merged)
			release_policies(snapshot->names, choice->entry->merged);
	}
	for (size_t i = 0; (dir = next_dir(snapshot, SOURCE_POLICIES, &i));)
		release_deleted(snapshot, &dir->changed);
}

static void release_new(HashTable *policies, Settlement *s)
{
	for (size_t i = 0; i < s->choices.n; i++)
		if (is_new(&s->choices.at[i]))
			release(policies, &s->choices.at[i]);
}

static Names settle_names(Snapshot *snapshot, Settlement *s, Arena *scratch)
{
	Names names;

	release_replaced(snapshot, s);
	do {
		release_new(snapshot->names, s);
		names = (Names){scratch, snapshot->names, strmap_new(scratch)};
	} while (reject_conflicts(s, &names) || reject_unresolved(s, &names));
	return names;
}

/* ---- cidr_sets: what a file was accepted with, it keeps ---- */
typedef struct Resolving {
	Settlement *s;
	Names *names;
	StrMap *pending; /* sets that are in the settlement */
} Resolving;

static void keep_set(Source *source, const CidrSet *set)
{
	Arena *arena = source->arena;
	const CidrSet *copy = cidr_set_copy(arena, set, arena_strdup(arena, set->origin.file));

	if (!source->resolved)
		source->resolved = strmap_new(arena);
	strmap_put(source->resolved, copy->name, (void *)copy);
}

static void resolve_set(void *context, const Source *source, const Peer *peer)
{
	Resolving *r = context;
	Source *mine = (Source *)source;
	const CidrSet *set = strmap_get(r->names->sets, peer->set);
	const CidrSet *last = mine->resolved ? strmap_get(mine->resolved, peer->set) : NULL;

	if (!set && last) {
		DIAG_ERROR(&r->s->diags, peer->origin, "unknown-set",
			"its last definition stays in force",
			"cidr_set \"%s\" is not defined any more", peer->set);
		strmap_put(r->names->sets, last->name, (void *)last);
		return;
	}
	if (set && !(last && ranges_are_equal(&set->ranges, &last->ranges)))
		keep_set(mine, set);
}

static void note_set(void *context, const Source *source, const Peer *peer)
{
	Resolving *r = context;
	const CidrSet *set = strmap_get(r->names->sets, peer->set);

	(void)source;
	if (!set || strmap_get(r->pending, set->name))
		return;
	strmap_put(r->pending, set->name, (void *)set);
	VEC_PUSH(r->s->arena, &r->s->sets, set);
}

static int set_compare(const void *a, const void *b)
{
	return strcmp((*(const CidrSet *const *)a)->name, (*(const CidrSet *const *)b)->name);
}

static void gather_sets(Settlement *s, Names *names)
{
	Resolving resolving = {s, names, strmap_new(names->arena)};

	for (size_t i = 0; i < s->choices.n; i++) {
		const Source *source = s->choices.at[i].source;

		if (!source)
			continue;
		visit_set_peers(source, resolve_set, &resolving);
		visit_set_peers(source, note_set, &resolving);
	}
	if (s->sets.n)
		qsort(s->sets.at, s->sets.n, sizeof(CidrSet *), set_compare);
}

static const CidrSet *find_set(const CidrSets *sets, const char *name)
{
	const CidrSet wanted = {.name = name}, *key = &wanted, **found = NULL;

	if (sets->n)
		found = bsearch(&key, sets->at, sets->n, sizeof(CidrSet *), set_compare);
	return found ? *found : NULL;
}

static bool is_set_same(const Settlement *a, const Settlement *b, const char *name)
{
	const CidrSet *x = find_set(&a->sets, name), *y = find_set(&b->sets, name);

	return x && y ? ranges_are_equal(&x->ranges, &y->ranges) : x == y;
}

/* A policy that is the same may name a cidr_set that is not. */
static bool has_other_set(const Settlement *old, const Settlement *new, const Policy *policy)
{
	PeerCursor cursor = {};
	const Peer *peer;

	while ((peer = policy_next_set(policy, &cursor)))
		if (!is_set_same(old, new, peer->set))
			return true;
	return false;
}

/* ---- The policies in force ---- */
typedef struct Replaced {
	Arena *arena;
	Policies before, after; /* of the files of which another version is in force now */
} Replaced;

static void add_policies(Arena *arena, Policies *policies, const Source *source)
{
	for (size_t i = 0; source && i < source->policies.n; i++)
		VEC_PUSH(arena, policies, source->policies.at[i]);
}

static void replace(Replaced *r, Entry *entry, const Source *source)
{
	if (source == entry->merged)
		return;
	add_policies(r->arena, &r->before, entry->merged);
	add_policies(r->arena, &r->after, source);
	entry->merged = source;
}

static void replace_deleted(Replaced *r, const Pointers *changed)
{
	for (size_t i = 0; i < changed->n; i++)
		if (((Entry *)changed->at[i])->is_deleted)
			replace(r, changed->at[i], NULL);
}

static void replace_policies(Replaced *r, const Snapshot *snapshot, const Settlement *s)
{
	const SourceDir *dir;

	for (size_t i = 0; i < s->choices.n; i++)
		replace(r, s->choices.at[i].entry, s->choices.at[i].source);
	for (size_t i = 0; (dir = next_dir(snapshot, SOURCE_POLICIES, &i));)
		replace_deleted(r, &dir->changed);
	if (r->before.n)
		qsort(r->before.at, r->before.n, sizeof(Policy *), policy_compare);
	if (r->after.n)
		qsort(r->after.at, r->after.n, sizeof(Policy *), policy_compare);
}

/* A policy may have gone from one file to another. */
static void merge_policies(
	Snapshot *snapshot, const Settlement *old, const Settlement *new, Changes *changes)
{
	Replaced r = {.arena = arena_child(new->arena)};
	size_t i = 0, j = 0;

	replace_policies(&r, snapshot, new);
	while (i < r.before.n || j < r.after.n) {
		const Policy *before = i < r.before.n ? r.before.at[i] : NULL;
		const Policy *after = j < r.after.n ? r.after.at[j] : NULL;
		int order = !before ? 1 : !after ? -1 : policy_compare(&before, &after);

		model_set_policy(snapshot->model, order <= 0 ? before : NULL,
			order >= 0 ? after : NULL, order == 0 && has_other_set(old, new, after),
			changes);
		i += order <= 0;
		j += order >= 0;
	}
	arena_free(r.arena);
}

/* Files that are as they were may name a cidr_set that is not. Before what was merged is replaced.
 */
static void merge_same(
	Snapshot *snapshot, const Settlement *old, const Settlement *new, Changes *changes)
{
	for (size_t i = 0; i < new->choices.n; i++) {
		const Source *source = new->choices.at[i].source;

		if (!source || !source->uses_cidr_sets ||
			source != new->choices.at[i].entry->merged)
			continue;
		for (size_t k = 0; k < source->policies.n; k++)
			if (has_other_set(old, new, source->policies.at[k]))
				model_set_policy(snapshot->model, source->policies.at[k],
					source->policies.at[k], true, changes);
	}
}

static void accept_choices(const Settlement *s)
{
	for (size_t i = 0; i < s->choices.n; i++)
		if (is_new(&s->choices.at[i]))
			entry_accept(s->choices.at[i].dir, s->choices.at[i].entry);
}

static void settle(Snapshot *snapshot, Changes *changes)
{
	Settlement new = {.arena = arena_child(snapshot->arena)}, old = snapshot->settled;
	Arena *scratch = arena_child(new.arena);
	Names names;
	SourceDir *dir;

	new.diags.arena = new.arena;
	for (size_t i = 0; (dir = next_dir(snapshot, SOURCE_POLICIES, &i));)
		choose(&new, dir);
	names = settle_names(snapshot, &new, scratch);
	gather_sets(&new, &names);
	arena_free(scratch);
	merge_same(snapshot, &old, &new, changes);
	merge_policies(snapshot, &old, &new, changes);
	model_set_cidr_sets(snapshot->model, new.sets.at, new.sets.n);
	snapshot->settled = new;
	arena_free(old.arena);
	accept_choices(&new);
}

/* ---- The inventory ---- */
static InventoryPart part_of(const Source *source)
{
	if (!source)
		return (InventoryPart){};
	return (InventoryPart){
		source->pods.at, source->pods.n, source->namespaces.at, source->namespaces.n};
}

static void merge_entry(Snapshot *snapshot, SourceDir *dir, Entry *entry, Changes *changes)
{
	const Source *chosen = entry->is_deleted ? NULL : good_version(entry);
	InventoryPart old = part_of(entry->merged), new = part_of(chosen);
	InPlace folded = IN_PLACE_NO;

	if (chosen == entry->merged)
		return;
	if (chosen && entry->merged)
		folded = source_update_in_place(entry->accepted, chosen, snapshot->model, changes);
	if (folded != IN_PLACE_NO) {
		entry_updated_in_place(dir, entry, folded == IN_PLACE_SAME);
		return;
	}
	model_replace(snapshot->model, &old, &new, changes);
	entry->merged = chosen;
	if (chosen && chosen == entry->current)
		entry_accept(dir, entry);
}

static void merge_inventories(Snapshot *snapshot, Changes *changes)
{
	SourceDir *dir;

	for (size_t i = 0; (dir = next_dir(snapshot, SOURCE_INVENTORY, &i));)
		for (size_t k = 0; k < dir->changed.n; k++)
			merge_entry(snapshot, dir, dir->changed.at[k], changes);
}

/* ---- Diagnostics ---- */
static void note_diags(Snapshot *snapshot, SourceDir *dir)
{
	bool has_diags = dir->diags.list.n > 0;

	snapshot->are_diags_old |= has_diags || dir->had_diags;
	dir->had_diags = has_diags;
	for (size_t i = 0; i < dir->changed.n; i++) {
		Entry *entry = dir->changed.at[i];

		has_diags = entry->current && entry->current->diags.list.n > 0;
		snapshot->are_diags_old |= has_diags || entry->had_diags;
		entry->had_diags = has_diags;
	}
}

static void append_diags(Diags *diags, const SourceDir *dir)
{
	diags_append(diags, &dir->diags);
	for (size_t i = 0; i < dir->entries.n; i++)
		if (dir_entry(dir, i)->current)
			diags_append(diags, &dir_entry(dir, i)->current->diags);
}

static void renew_diags(Snapshot *snapshot)
{
	arena_free(snapshot->diag_arena);
	snapshot->diag_arena = arena_child(snapshot->arena);
	snapshot->diags = (Diags){.arena = snapshot->diag_arena};
	for (size_t i = 0; i < snapshot->n; i++)
		append_diags(&snapshot->diags, snapshot->dirs[i]);
	diags_append(&snapshot->diags, &snapshot->settled.diags);
	model_warn_duplicates(snapshot->model, &snapshot->diags);
	snapshot->are_diags_old = false;
}

/* ---- Update ---- */
void snapshot_update(Snapshot *snapshot, Changes *changes)
{
	bool has_policies = has_changed(snapshot, SOURCE_POLICIES), has_twice;

	model_purge(snapshot->model);
	merge_inventories(snapshot, changes);
	if (has_policies || snapshot->is_new)
		settle(snapshot, changes);
	for (size_t i = 0; i < snapshot->n; i++)
		note_diags(snapshot, snapshot->dirs[i]);
	has_twice = model_counts(snapshot->model).duplicates > 0;
	snapshot->are_diags_old |= has_policies || has_twice || snapshot->had_duplicates;
	snapshot->had_duplicates = has_twice;
	if (snapshot->are_diags_old)
		renew_diags(snapshot);
	for (size_t i = 0; i < snapshot->n; i++)
		dir_end_changes(snapshot->dirs[i]);
	snapshot->is_new = false;
}

Snapshot *snapshot_new(SourceDir *const *dirs, size_t n)
{
	Snapshot *snapshot = MEMORY_NEW(Snapshot);

	*snapshot = (Snapshot){.arena = arena_new(), .n = n, .is_new = true, .are_diags_old = true};
	snapshot->model = model_new(snapshot->arena);
	snapshot->names = hash_table_new(snapshot->arena);
	snapshot->dirs = arena_alloc(snapshot->arena, n * sizeof(SourceDir *));
	for (size_t i = 0; i < n; i++) {
		snapshot->dirs[i] = dirs[i];
		dir_begin_changes(dirs[i]);
	}
	return snapshot;
}
