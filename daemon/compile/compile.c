/*
 * model -> ruleset, change by change; the first change is everything. Whatever the ruleset holds
 * follows from who holds which address. The phases of an update:
 *   1. touch    addresses that count for another pod than before, for the same pod with other
 *               labels, or for a local pod whose policies changed: how each was, and how it is
 *   2. move     each touched address out of the sets that it was in, into those that it is in
 *               (live.c)
 *   3. judge    of each touched address of a local pod: the policies that isolate it lead to its
 *               chain; pods under the same policies, with the same numbers behind named ports,
 *               share one (expand.c)
 *   4. count    chains that no address leads to go, and sets that no chain looks up
 *   5. fill     sets that chains look up for the first time
 *   6. name     chains anew that look up sets whose names changed with their sizes
 *   7. give     the ruleset: what did not change is shared with the one before
 */
#include "expand.h"
#include <string.h>

typedef struct LiveChain {
	const Chain *chain;
	size_t users; /* verdicts that lead to it */
	struct LiveChain *next_free;
} LiveChain;

typedef struct LiveVerdict {
	Address address;
	LiveChain *chain; /* of an edit: NULL: none any more */
} LiveVerdict;

typedef VEC(LiveVerdict) LiveVerdicts;

struct Compiler {
	Arena *arena;
	const Model *model;
	CompileOptions options;
	Index index;
	HashTable *locals; /* pods of this node, by name: those that count; not of is_all */
	size_t n_local;
	Uses uses;
	Live live;
	HashTable *chains; /* LiveChain by name */
	LiveChain *free_chains;
	VEC(LiveChain *) sorted; /* by name */
	/* what pods of a class lead to, as the policies are: class key -> the chain's name, which
	 * may have gone since */
	Arena *class_arena;
	StrMap *classes;
	LiveVerdicts verdicts[DIRECTION_N][FAMILY_N]; /* by address */
	bool is_started;
};

Compiler *compiler_free(Compiler *compiler)
{
	const LiveChain *chain;
	size_t cursor = 0;

	if (!compiler)
		return NULL;
	live_free(&compiler->live);
	while ((chain = hash_table_next(compiler->chains, &cursor)))
		chain_unref(chain->chain);
	arena_free(compiler->arena);
	free(compiler);
	return NULL;
}

Compiler *compiler_new(const Model *model, const CompileOptions *options)
{
	Compiler *c = MEMORY_NEW(Compiler);

	*c = (Compiler){.arena = arena_new(), .model = model, .options = *options};
	index_start(&c->index, c->arena);
	c->locals = hash_table_new(c->arena);
	uses_start(&c->uses, c->arena);
	live_start(&c->live, c->arena);
	c->chains = hash_table_new(c->arena);
	return c;
}

/* ---- An update ---- */
typedef struct Touched {
	Address address;
	Member before, after;
} Touched;

typedef struct Update {
	Compiler *c;
	Arena *scratch;
	const Changes *changes;
	Expander expander;
	StrMap *namespaces; /* namespaces that changed: name -> NamespaceChange */
	HashTable *seen;    /* of touched, by address */
	VEC(Touched *) touched;
	VEC(LiveChain *) new_chains;
	bool has_idle_chains;
	LiveVerdicts edits[DIRECTION_N][FAMILY_N];
	Ruleset *ruleset;
} Update;

static bool is_local(const Compiler *c, const Pod *pod)
{
	return c->options.is_all || text_is_equal(pod->host->name, c->options.node);
}

/* ---- 1. Touch ---- */
static const Namespace *space_before(const Update *u, const Pod *pod)
{
	const NamespaceChange *change =
		u->namespaces ? strmap_get(u->namespaces, pod->namespace) : NULL;

	return change ? change->before : model_namespace(u->c->model, pod->namespace);
}

/* To be called before what touches the address is done to the index: the first time counts. */
static void touch(Update *u, Address address)
{
	uint32_t hash = hash_bytes(HASH_START, &address.value, sizeof(address.value));
	const Pod *owner;
	const Touched *seen;
	Touched *new;
	size_t cursor = 0;

	while ((seen = hash_table_find(u->seen, hash, &cursor)))
		if (address_is_equal(seen->address, address))
			return;
	owner = index_owner(&u->c->index, address);
	new = ARENA_NEW(u->scratch, Touched);
	*new = (Touched){
		.address = address, .before = {owner, owner ? space_before(u, owner) : NULL}};
	hash_table_add(u->seen, hash, new);
	VEC_PUSH(u->scratch, &u->touched, new);
}

/* The first time there is nothing to move: only verdicts are to be found, of local pods. */
static void touch_pod(Update *u, const Pod *pod)
{
	if (!u->c->is_started && !is_local(u->c, pod))
		return;
	for (size_t i = 0; pod_is_subject(pod) && i < pod->addresses.n; i++)
		touch(u, pod->addresses.at[i]);
}

static void count_local(Compiler *c, const Pod *pod, bool is_there)
{
	uint32_t hash = hash_text(HASH_START, pod->name);

	if (!is_local(c, pod))
		return;
	c->n_local += is_there ? 1 : (size_t)-1;
	if (c->options.is_all || !pod_is_subject(pod))
		return;
	if (is_there)
		hash_table_add(c->locals, hash, pod);
	else
		hash_table_remove(c->locals, hash, pod);
}

static void change_pod(Update *u, const PodChange *change)
{
	Compiler *c = u->c;

	if (change->before && change->after && pod_is_equal(change->before, change->after)) {
		index_replace(&c->index, change->before, change->after);
	} else {
		if (change->before)
			touch_pod(u, change->before);
		if (change->after)
			touch_pod(u, change->after);
		if (change->before)
			index_remove(&c->index, change->before);
		if (change->after)
			index_add(&c->index, change->after);
	}
	if (change->before)
		count_local(c, change->before, false);
	if (change->after)
		count_local(c, change->after, true);
}

static void note_namespaces(Update *u)
{
	if (u->changes->namespaces.n)
		u->namespaces = strmap_new(u->scratch);
	for (size_t i = 0; i < u->changes->namespaces.n; i++) {
		const NamespaceChange *change = &u->changes->namespaces.at[i];

		/* of several changes the first knows how it was */
		if (!strmap_get(u->namespaces, change->namespace->name))
			strmap_put(u->namespaces, change->namespace->name, (void *)change);
	}
}

static bool has_same_labels(const Namespace *a, const Namespace *b)
{
	return a && b && labels_are_equal(&a->labels, &b->labels);
}

/* Its pods are whom they were, under another namespace. */
static void touch_namespaces(Update *u)
{
	for (size_t i = 0; i < u->changes->namespaces.n; i++) {
		const NamespaceChange *change = &u->changes->namespaces.at[i];
		const Pod *pod;
		size_t cursor = 0;

		if (has_same_labels(change->before, change->after))
			continue;
		while ((pod = namespace_next_pod(change->namespace, &cursor)))
			touch_pod(u, pod);
	}
}

static bool any_selects(const Policies *policies, const Pod *pod)
{
	for (size_t i = 0; policies && i < policies->n; i++)
		if (selector_matches(&policies->at[i]->pods, &pod->labels))
			return true;
	return false;
}

static void list_policy(Update *u, StrMap *by_space, const Policy *policy)
{
	Policies *list = strmap_get(by_space, policy->namespace);

	if (!list) {
		list = ARENA_NEW(u->scratch, Policies);
		strmap_put(by_space, policy->namespace, list);
	}
	VEC_PUSH(u->scratch, list, policy);
}

static void touch_selected(Update *u, StrMap *by_space)
{
	const Pod *pod;
	size_t cursor = 0;

	while ((pod = hash_table_next(u->c->locals, &cursor)))
		if (any_selects(strmap_get(by_space, pod->namespace), pod))
			touch_pod(u, pod);
}

static void touch_selected_of_all(Update *u, StrMap *by_space)
{
	const NamespaceIndex *namespace;
	size_t at_space = 0;

	while ((namespace = model_next_namespace(u->c->model, &at_space))) {
		const Policies *policies = strmap_get(by_space, namespace->name);
		const Pod *pod;
		size_t at_pod = 0;

		while (policies && (pod = namespace_next_pod(namespace, &at_pod)))
			if (any_selects(policies, pod))
				touch_pod(u, pod);
	}
}

static void list_changed(Update *u, StrMap *by_space)
{
	for (size_t i = 0; i < u->changes->policies.n; i++) {
		const PolicyChange *change = &u->changes->policies.at[i];

		if (change->before)
			list_policy(u, by_space, change->before);
		if (change->after && change->after != change->before)
			list_policy(u, by_space, change->after);
	}
}

/* Those that look up what another looks up now too, or no longer does. */
static void list_turned(Update *u, StrMap *by_space)
{
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	if (!uses_turned(&u->c->uses))
		return;
	while ((namespace = model_next_namespace(u->c->model, &cursor)))
		for (size_t i = 0; i < namespace->policies.n; i++)
			if (uses_turned_of(&u->c->uses, namespace->policies.at[i]))
				list_policy(u, by_space, namespace->policies.at[i]);
}

static void count_uses(Update *u)
{
	for (size_t i = 0; i < u->changes->policies.n; i++) {
		const PolicyChange *change = &u->changes->policies.at[i];

		if (change->before)
			uses_remove(&u->c->uses, change->before);
		if (change->after)
			uses_add(&u->c->uses, change->after);
	}
}

/* The first time every local pod is touched anyway. */
static void touch_policies(Update *u)
{
	StrMap *by_space;

	if (!u->c->is_started || u->changes->policies.n == 0)
		return;
	by_space = strmap_new(u->scratch);
	list_changed(u, by_space);
	list_turned(u, by_space);
	if (u->c->options.is_all)
		touch_selected_of_all(u, by_space);
	else
		touch_selected(u, by_space);
}

static void touch_all(Update *u)
{
	u->seen = hash_table_new(u->scratch);
	note_namespaces(u);
	for (size_t i = 0; i < u->changes->pods.n; i++)
		change_pod(u, &u->changes->pods.at[i]);
	touch_namespaces(u);
	count_uses(u);
	touch_policies(u);
	for (size_t i = 0; i < u->touched.n; i++) {
		Touched *t = u->touched.at[i];

		t->after.pod = index_owner(&u->c->index, t->address);
		if (t->after.pod)
			t->after.namespace = model_namespace(u->c->model, t->after.pod->namespace);
	}
}

/* ---- 2. Move ---- */
static void move_all(Update *u)
{
	for (size_t i = 0; i < u->touched.n; i++) {
		const Touched *t = u->touched.at[i];

		if (t->before.pod != t->after.pod || t->before.namespace != t->after.namespace)
			live_move(&u->c->live, t->address, t->before, t->after);
	}
}

/* ---- 3. Judge ---- */
static LiveChain *find_chain(const Compiler *c, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const LiveChain *chain;
	size_t cursor = 0;

	while ((chain = hash_table_find(c->chains, hash, &cursor)))
		if (strcmp(chain->chain->name, name) == 0)
			return (LiveChain *)chain;
	return NULL;
}

static void use_sets(Compiler *c, const Chain *chain, size_t by)
{
	for (size_t i = 0; i < chain->rules.n; i++)
		if (chain->rules.at[i].set)
			live_find(&c->live, chain->rules.at[i].set)->users += by;
}

static LiveChain *add_chain(Update *u, const Chain *draft)
{
	Compiler *c = u->c;
	LiveChain *chain = c->free_chains ? c->free_chains : ARENA_NEW(c->arena, LiveChain);

	c->free_chains = chain->next_free;
	*chain = (LiveChain){.chain = chain_make(draft)};
	hash_table_add(c->chains, hash_text(HASH_START, draft->name), chain);
	VEC_PUSH(u->scratch, &u->new_chains, chain);
	use_sets(c, chain->chain, 1);
	return chain;
}

/* Of more classes than this nothing is remembered until the next update. */
#define CLASSES_MAX 4096

static void begin_classes(Update *u)
{
	Compiler *c = u->c;

	if (c->classes && u->changes->policies.n == 0 && strmap_count(c->classes) <= CLASSES_MAX)
		return;
	c->class_arena = arena_free(c->class_arena);
	c->class_arena = arena_child(c->arena);
	c->classes = strmap_new(c->class_arena);
}

static LiveChain *chain_of(
	Update *u, Direction direction, Family family, const Policies *policies, const Pod *pod)
{
	Compiler *c = u->c;
	const char *key = expand_key(u->scratch, direction, family, policies, pod);
	const char *name = strmap_get(c->classes, key);
	LiveChain *chain = name ? find_chain(c, name) : NULL;
	Chain draft;

	if (chain)
		return chain;
	draft = expand(&u->expander, direction, family, policies, pod);
	chain = find_chain(c, draft.name);
	if (!chain)
		chain = add_chain(u, &draft);
	if (!name)
		strmap_put(c->classes, arena_strdup(c->class_arena, key),
			arena_strdup(c->class_arena, draft.name));
	return chain;
}

/* The policies that isolate the pod in that direction, by name. */
static Policies isolating(const Update *u, const Pod *pod, Direction direction)
{
	const NamespaceIndex *namespace = model_namespace_index(u->c->model, pod->namespace);
	Policies policies = {};

	for (size_t i = 0; namespace && i < namespace->policies.n; i++)
		if (namespace->policies.at[i]->isolates[direction] &&
			selector_matches(&namespace->policies.at[i]->pods, &pod->labels))
			VEC_PUSH(u->scratch, &policies, namespace->policies.at[i]);
	return policies;
}

static int live_verdict_compare(const void *a, const void *b)
{
	return address_compare(
		((const LiveVerdict *)a)->address, ((const LiveVerdict *)b)->address);
}

/* Where the address leads to as yet; NULL: nowhere. */
static LiveChain *verdict_of(const Compiler *c, Direction direction, Address address)
{
	const LiveVerdicts *map = &c->verdicts[direction][address.family];
	LiveVerdict wanted = {.address = address}, *found = NULL;

	if (map->n)
		found = bsearch(
			&wanted, map->at, map->n, sizeof(LiveVerdict), live_verdict_compare);
	return found ? found->chain : NULL;
}

/* Whether the address was, and is, isolated in that direction. */
typedef struct Isolation {
	bool was, is;
} Isolation;

static Isolation judge(Update *u, const Touched *t, Direction direction)
{
	const Pod *pod = t->after.pod;
	Policies policies = {};
	LiveChain *old = verdict_of(u->c, direction, t->address), *chain = NULL;

	if (pod && is_local(u->c, pod))
		policies = isolating(u, pod, direction);
	if (policies.n)
		chain = chain_of(u, direction, t->address.family, &policies, pod);
	if (chain != old) {
		VEC_PUSH(u->scratch, &u->edits[direction][t->address.family],
			(LiveVerdict){t->address, chain});
		if (chain)
			chain->users++;
		if (old)
			u->has_idle_chains |= --old->users == 0;
	}
	return (Isolation){old != NULL, chain != NULL};
}

static bool may_be_isolated(const Compiler *c, const Touched *t)
{
	return (t->before.pod && is_local(c, t->before.pod)) ||
	       (t->after.pod && is_local(c, t->after.pod));
}

static void judge_all(Update *u)
{
	begin_classes(u);
	for (size_t i = 0; i < u->touched.n; i++) {
		const Touched *t = u->touched.at[i];
		Isolation in, out;

		if (!may_be_isolated(u->c, t))
			continue;
		in = judge(u, t, INGRESS);
		out = judge(u, t, EGRESS);
		if ((in.was || out.was) != (in.is || out.is)) /* it may always reach itself */
			live_edit_self(&u->c->live, t->address, in.is || out.is);
	}
}

/* ---- 4. Count ---- */
static void drop_chain(Compiler *c, LiveChain *chain)
{
	use_sets(c, chain->chain, (size_t)-1);
	hash_table_remove(c->chains, hash_text(HASH_START, chain->chain->name), chain);
	chain_unref(chain->chain);
	chain->next_free = c->free_chains;
	c->free_chains = chain;
}

static size_t drop_idle(Compiler *c, LiveChain **chains, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (chains[i]->users > 0)
			chains[kept++] = chains[i];
		else
			drop_chain(c, chains[i]);
	return kept;
}

static void count_chains(Update *u)
{
	if (u->has_idle_chains)
		u->c->sorted.n = (uint32_t)drop_idle(u->c, u->c->sorted.at, u->c->sorted.n);
	u->new_chains.n = (uint32_t)drop_idle(u->c, u->new_chains.at, u->new_chains.n);
}

/* ---- 6. Name ---- */
static int chain_compare(const void *a, const void *b)
{
	return strcmp((*(LiveChain *const *)a)->chain->name, (*(LiveChain *const *)b)->chain->name);
}

static void rename_chain(Update *u, LiveChain *chain)
{
	Compiler *c = u->c;
	Chain draft = {.direction = chain->chain->direction, .is_drop = chain->chain->is_drop};
	const Chain *made;
	bool is_another = false;

	for (size_t i = 0; i < chain->chain->rules.n; i++) {
		ChainRule rule = chain->chain->rules.at[i];
		const char *set = rule.set ? live_new_name(&c->live, rule.set) : NULL;

		is_another |= set != rule.set;
		rule.set = set;
		VEC_PUSH(u->scratch, &draft.rules, rule);
	}
	if (!is_another)
		return;
	chain_finish(u->scratch, &draft);
	made = chain_make(&draft);
	hash_table_remove(c->chains, hash_text(HASH_START, chain->chain->name), chain);
	chain_unref(chain->chain);
	chain->chain = made;
	hash_table_add(c->chains, hash_text(HASH_START, made->name), chain);
}

/* The sorted list of those that were there, with the new ones in their places. */
static void merge_chains(Update *u)
{
	Compiler *c = u->c;
	VEC(LiveChain *) old = {};
	size_t i = 0, j = 0;

	if (u->new_chains.n == 0)
		return;
	qsort(u->new_chains.at, u->new_chains.n, sizeof(LiveChain *), chain_compare);
	for (; i < c->sorted.n; i++)
		VEC_PUSH(u->scratch, &old, c->sorted.at[i]);
	c->sorted.n = i = 0;
	while (i < old.n || j < u->new_chains.n) {
		bool is_old = j == u->new_chains.n ||
			      (i < old.n && chain_compare(&old.at[i], &u->new_chains.at[j]) < 0);

		VEC_PUSH(c->arena, &c->sorted, is_old ? old.at[i] : u->new_chains.at[j]);
		i += is_old;
		j += !is_old;
	}
}

/* Chains that were there before look up no set that is new. */
static void name_chains(Update *u)
{
	Compiler *c = u->c;

	for (size_t i = 0; c->live.renamed && i < u->new_chains.n; i++)
		rename_chain(u, u->new_chains.at[i]);
	for (size_t i = 0; c->live.is_old_renamed && i < c->sorted.n; i++)
		rename_chain(u, c->sorted.at[i]);
	if (c->live.renamed) /* what was remembered of chains is by name */
		c->classes = NULL;
	if (c->live.is_old_renamed && c->sorted.n)
		qsort(c->sorted.at, c->sorted.n, sizeof(LiveChain *), chain_compare);
	merge_chains(u);
}

/* ---- 7. Give ---- */
static void edit_verdicts(Update *u, LiveVerdicts *map, LiveVerdicts *edits)
{
	LiveVerdicts old = {};
	size_t i = 0, j = 0;

	if (edits->n == 0)
		return;
	qsort(edits->at, edits->n, sizeof(LiveVerdict), live_verdict_compare);
	for (; i < map->n; i++)
		VEC_PUSH(u->scratch, &old, map->at[i]);
	map->n = i = 0;
	while (i < old.n || j < edits->n) {
		int r = i == old.n	? 1
			: j == edits->n ? -1
					: live_verdict_compare(&old.at[i], &edits->at[j]);
		const LiveVerdict *verdict = r < 0 ? &old.at[i] : &edits->at[j];

		if (verdict->chain)
			VEC_PUSH(u->c->arena, map, *verdict);
		i += r <= 0;
		j += r >= 0;
	}
}

static void give_verdicts(Update *u, Direction direction, Family family)
{
	LiveVerdicts *map = &u->c->verdicts[direction][family];
	Verdicts *given = &u->ruleset->verdicts[direction][family];

	edit_verdicts(u, map, &u->edits[direction][family]);
	given->at = arena_alloc(u->ruleset->arena, map->n * sizeof(Verdict));
	given->capacity = map->n;
	for (size_t i = 0; i < map->n; i++)
		VEC_PUSH(u->ruleset->arena, given,
			(Verdict){map->at[i].address, map->at[i].chain->chain->name});
}

static void give(Update *u)
{
	const Compiler *c = u->c;
	Ruleset *ruleset = u->ruleset;

	ruleset->base.table = arena_strdup(ruleset->arena, c->options.table);
	for (size_t i = 0; i < c->options.services.n; i++)
		VEC_PUSH(ruleset->arena, &ruleset->base.services, c->options.services.at[i]);
	for (size_t i = 0; i < c->live.sorted.n; i++) {
		VEC_PUSH(ruleset->arena, &ruleset->sets, set_ref(c->live.sorted.at[i]->set));
	}
	for (size_t i = 0; i < c->sorted.n; i++) {
		VEC_PUSH(ruleset->arena, &ruleset->chains, chain_ref(c->sorted.at[i]->chain));
	}
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			give_verdicts(u, d, f);
	ruleset_count_maps(ruleset);
}

Ruleset *compiler_update(Compiler *c, const Changes *changes)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Update u = {.c = c, .scratch = scratch, .changes = changes, .ruleset = ruleset_new()};

	u.expander = (Expander){scratch, c->model, &c->live, &c->uses, c->options.is_drop};
	live_begin(&c->live, scratch);
	uses_begin(&c->uses, scratch);
	touch_all(&u);
	if (c->is_started) /* else there is no set yet: all of them are filled below */
		move_all(&u);
	judge_all(&u);
	count_chains(&u);
	live_fill(&c->live, c->model, &c->index);
	live_end(&c->live);
	name_chains(&u);
	uses_end(&c->uses);
	give(&u);
	c->is_started = true;
	return u.ruleset;
}

void compiler_warn(const Compiler *c, Diags *diags)
{
	index_warn(&c->index, diags);
	if (c->n_local == 0 && model_counts(c->model).pods > 0)
		DIAG_WARNING(diags, ((Origin){}), "no-local-pod", "is `node` in netpol.conf right?",
			"no pod of the inventory runs on node \"%s\": nothing is isolated here",
			c->options.node);
}

const Pod *compiler_owner(const Compiler *c, Address address)
{
	return index_owner(&c->index, address);
}

/* ---- All at once ---- */
Ruleset *compile(const Model *model, const CompileOptions *options, Diags *diags)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Compiler *compiler = compiler_new(model, options);
	Changes changes = {.arena = arena};
	Ruleset *ruleset;

	model_list_changes(model, &changes);
	ruleset = compiler_update(compiler, &changes);
	compiler_warn(compiler, diags);
	compiler_free(compiler);
	return ruleset;
}
