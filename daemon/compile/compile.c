/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the ruleset from the model, change by change; the first change is the whole model. An
 * update has these phases, in this order:
 *
 *   1. dirty    find the addresses whose owner, labels, ports or policies changed (dirty.c), and
 *               the policies that are over their namespace's budget (budget.c)
 *   2. members  move each of them from the sets that it was in to those that it is in now
 *               (set_index.c)
 *   3. isolate  find the policies that isolate it and the chain that these lead to; pods under the
 *               same policies, with the same numbers for named ports, share a chain (expand.c)
 *   4. free     chains that no verdict leads to; their lookups no longer count for the sets
 *   5. fill     sets that were created in phase 3
 *   6. names    sets whose size changed, and chains that look these up, get other names
 *   7. publish  the ruleset; unchanged sets and chains are shared with the one before
 */
#include "dirty.h"
#include "isolation.h"
#include <assert.h>
#include <string.h>

Compiler *compiler_free(Compiler *compiler)
{
	if (!compiler)
		return NULL;
	set_index_free(&compiler->sets);
	chain_index_free(&compiler->chains);
	budget_free(&compiler->budget);
	arena_free(compiler->arena);
	free(compiler);
	return NULL;
}

Compiler *compiler_new(const Model *model, const CompileOptions *options)
{
	Compiler *c = MEMORY_NEW(Compiler);

	*c = (Compiler){.arena = arena_new(), .model = model, .options = *options};
	address_index_init(&c->addresses, c->arena);
	c->local_pods = hash_table_new(c->arena);
	selector_usage_init(&c->usage, c->arena);
	budget_init(&c->budget, c->arena, &options->budget);
	set_index_init(&c->sets, c->arena);
	chain_index_init(&c->chains, c->arena, &c->sets);
	return c;
}

/* ---- 2. Members ---- */
static void move_members(Update *u)
{
	for (size_t i = 0; i < u->dirty.n; i++) {
		const DirtyAddress *d = u->dirty.at[i];

		if (d->before.pod != d->after.pod || d->before.namespace != d->after.namespace)
			set_index_move(&u->c->sets, d->address, d->before, d->after);
	}
}

/* ---- 3. Isolate ---- */
#define CACHE_MAX 4096 /* keys; a cache with more is emptied at the next update */

static void prepare_cache(Update *u)
{
	Compiler *c = u->c;

	if (c->chain_names && u->changes->policies.n == 0 && u->toggled.n == 0 &&
		strmap_count(c->chain_names) <= CACHE_MAX)
		return;
	c->cache_arena = arena_free(c->cache_arena);
	c->cache_arena = arena_child(c->arena);
	c->chain_names = strmap_new(c->cache_arena);
}

static IndexedChain *chain_of(Update *u, const ChainClass *class)
{
	Compiler *c = u->c;
	const char *key = expand_key(u->scratch, class);
	const char *name = strmap_get(c->chain_names, key);
	IndexedChain *chain = name ? chain_index_find(&c->chains, name) : NULL;
	Chain spec;

	if (chain)
		return chain;
	spec = expand(&u->expander, class);
	chain = chain_index_find(&c->chains, spec.name);
	if (!chain)
		chain = chain_index_add(&c->chains, &spec);
	if (!name)
		strmap_put(c->chain_names, arena_strdup(c->cache_arena, key),
			arena_strdup(c->cache_arena, spec.name));
	return chain;
}

static int chain_verdict_compare(const void *a, const void *b)
{
	return address_compare(
		((const ChainVerdict *)a)->address, ((const ChainVerdict *)b)->address);
}

/* The chain that the address led to before this update; NULL: none. */
static IndexedChain *verdict_before(const Compiler *c, Direction direction, Address address)
{
	const ChainVerdicts *map = &c->verdicts[direction][address.family];
	ChainVerdict wanted = {.address = address}, *found = NULL;

	if (map->n)
		found = bsearch(
			&wanted, map->at, map->n, sizeof(ChainVerdict), chain_verdict_compare);
	return found ? found->chain : NULL;
}

static Standing standing_by(const IndexedChain *chain)
{
	if (!chain)
		return STANDING_FREE;
	return chain->chain->is_audit ? STANDING_AUDITED : STANDING_ISOLATED;
}

/* What the address was in a direction before this update, and is after it. */
typedef struct Change {
	Standing was, is;
} Change;

static Change isolate(Update *u, const DirtyAddress *d, Direction direction)
{
	ChainClass class = {
		.direction = direction, .family = d->address.family, .pod = d->after.pod};
	IndexedChain *old = verdict_before(u->c, direction, d->address), *chain = NULL;
	Change change = {.was = standing_by(old)};

	if (class.pod && pod_is_local(u->c, class.pod))
		change.is = standing_of(u->c->model, &u->c->options, u->scratch, class.pod,
			direction, &class.policies);
	class.is_audit = change.is == STANDING_AUDITED;
	if (change.is != STANDING_FREE)
		chain = chain_of(u, &class);
	if (chain != old) {
		VEC_PUSH(u->scratch, &u->edits[direction][d->address.family],
			(ChainVerdict){d->address, chain});
		if (chain)
			chain_index_use(chain);
		if (old)
			chain_index_unuse(&u->c->chains, old);
	}
	return change;
}

/* It may always reach itself. */
static void edit_self(Update *u, Address address, Standing standing, Change in, Change out)
{
	bool was = in.was == standing || out.was == standing;
	bool is = in.is == standing || out.is == standing;

	if (was != is)
		set_index_edit_self(&u->c->sets, address, standing == STANDING_AUDITED, is);
}

static bool may_be_isolated(const Compiler *c, const DirtyAddress *d)
{
	return (d->before.pod && pod_is_local(c, d->before.pod)) ||
	       (d->after.pod && pod_is_local(c, d->after.pod));
}

static void isolate_all(Update *u)
{
	prepare_cache(u);
	for (size_t i = 0; i < u->dirty.n; i++) {
		const DirtyAddress *d = u->dirty.at[i];
		Change in, out;

		if (!may_be_isolated(u->c, d))
			continue;
		in = isolate(u, d, INGRESS);
		out = isolate(u, d, EGRESS);
		edit_self(u, d->address, STANDING_ISOLATED, in, out);
		edit_self(u, d->address, STANDING_AUDITED, in, out);
	}
}

/*
 * A pod that the container runtime attaches becomes isolated by the chains that refuse everything,
 * until its labels are known. While there are such pods, these chains are kept even if no verdict
 * leads to them: then a new pod takes an element in each map, and no chain has to be made first.
 */
static void keep_refusals(Update *u)
{
	static const Pod nobody = {.namespace = ""};
	ModelCounts counts = model_counts(u->c->model);
	bool is_kept = counts.attached > 0 && counts.policies > counts.audited &&
		       !u->c->options.is_unknown_allowed;

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			IndexedChain **kept = &u->c->refusals[d][f];

			if (is_kept && !*kept) {
				*kept = chain_of(u,
					&(ChainClass){.direction = d, .family = f, .pod = &nobody});
				chain_index_use(*kept);
			} else if (!is_kept && *kept) {
				chain_index_unuse(&u->c->chains, *kept);
				*kept = NULL;
			}
		}
}

/* ---- 7. Publish ---- */
static void edit_verdicts(Update *u, ChainVerdicts *map, ChainVerdicts *edits)
{
	Merge walk = {.compare = chain_verdict_compare, .size = sizeof(ChainVerdict)};
	ChainVerdicts old;

	if (edits->n == 0)
		return;
	qsort(edits->at, edits->n, sizeof(ChainVerdict), chain_verdict_compare);
	old = VEC_COPY(u->scratch, *map);
	map->n = 0;
	merge_start(&walk, old.at, old.n, edits->at, edits->n);
	while (merge_next(&walk)) {
		const ChainVerdict *verdict = walk.right ? walk.right : walk.left;

		if (verdict->chain)
			VEC_PUSH(u->c->arena, map, *verdict);
	}
}

static void publish_verdicts(Update *u, Direction direction, Family family)
{
	ChainVerdicts *map = &u->c->verdicts[direction][family];
	Verdicts *published = &u->ruleset->verdicts[direction][family];

	edit_verdicts(u, map, &u->edits[direction][family]);
	published->at = arena_alloc(u->ruleset->arena, map->n * sizeof(Verdict));
	published->capacity = map->n;
	for (size_t i = 0; i < map->n; i++)
		VEC_PUSH(u->ruleset->arena, published,
			(Verdict){map->at[i].address, map->at[i].chain->chain->name});
}

static void publish(Update *u)
{
	const Compiler *c = u->c;
	Ruleset *ruleset = u->ruleset;

	ruleset->base.table = arena_strdup(ruleset->arena, c->options.table);
	ruleset->base.log_group = c->options.log_group;
	ruleset->base.is_transit = c->options.is_all;
	for (size_t i = 0; i < c->sets.sorted.n; i++) {
		VEC_PUSH(ruleset->arena, &ruleset->sets, set_ref(c->sets.sorted.at[i]->set));
	}
	for (size_t i = 0; i < c->chains.sorted.n; i++) {
		VEC_PUSH(
			ruleset->arena, &ruleset->chains, chain_ref(c->chains.sorted.at[i]->chain));
	}
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			publish_verdicts(u, d, f);
	ruleset_complete(ruleset);
}

Ruleset *compiler_update(Compiler *c, const Changes *changes)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Update u = {.c = c, .scratch = scratch, .changes = changes, .ruleset = ruleset_new()};

	u.expander =
		(Expander){scratch, c->model, &c->sets, &c->usage, &c->budget, c->options.is_drop};
	set_index_begin(&c->sets, scratch);
	selector_usage_begin(&c->usage, scratch);
	chain_index_begin(&c->chains, scratch);
	dirty_find(&u);
	if (c->is_started) /* else all sets are new, and set_index_fill fills them */
		move_members(&u);
	isolate_all(&u);
	keep_refusals(&u);
	chain_index_free_unused(&c->chains);
	set_index_fill(&c->sets, c->model, &c->addresses);
	set_index_end(&c->sets);
	chain_index_end(&c->chains);
	if (c->sets.renamed) /* chains were renamed too, and the cache has their names of before */
		c->chain_names = NULL;
	selector_usage_end(&c->usage);
	publish(&u);
	c->is_started = true;
	return u.ruleset;
}

void compiler_warn(const Compiler *c, Diags *diags)
{
	budget_warn(&c->budget, c->model, diags);
	address_index_warn(&c->addresses, diags);
	if (c->n_local == 0 && model_counts(c->model).pods > 0)
		DIAG_WARNING(diags, ((Origin){}), "no-local-pod", "is `node` in netpol.conf right?",
			"no pod of the inventory runs on node \"%s\": nothing is isolated here",
			c->options.node);
}

bool compiler_is_over_budget(const Compiler *c, const Policy *policy)
{
	return budget_is_over(&c->budget, policy);
}

const Pod *compiler_owner(const Compiler *c, Address address)
{
	return address_index_owner(&c->addresses, address);
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
