/*
 * plan: random rulesets, old and new; the plan is carried out commit by commit on a model of the
 * kernel. At the end it must hold the new ruleset and nothing else; and after every single
 * operation on the way, what both rulesets allow must be allowed, what both forbid forbidden.
 */
#include "ruleset.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ADDRESSES 6
#define SETS 4
#define PORTS 3

/* ---- A model of the kernel ---- */
typedef struct Kernel {
	Ruleset *table; /* canonical sets, chains, maps */
	Verdicts next[DIRECTION_N][FAMILY_N];
	bool has_next, is_next, is_hooked;
	bool is_gone[DIRECTION_N][FAMILY_N]; /* ours, while they are made anew */
} Kernel;

static Arena *arena;

static Address address(int i)
{
	return (Address){(AddressValue)(i + 1), FAMILY_IPV4};
}

static Set *kernel_set(Kernel *k, const char *name)
{
	for (size_t i = 0; i < k->table->sets.n; i++)
		if (strcmp(k->table->sets.at[i]->name, name) == 0)
			return (Set *)k->table->sets.at[i];
	return NULL;
}

static const Chain *kernel_chain(const Kernel *k, const char *name)
{
	for (size_t i = 0; i < k->table->chains.n; i++)
		if (strcmp(k->table->chains.at[i]->name, name) == 0)
			return k->table->chains.at[i];
	return NULL;
}

static Verdicts *kernel_map(Kernel *k, const Op *op)
{
	return op->is_next ? &k->next[op->direction][op->family]
			   : &k->table->verdicts[op->direction][op->family];
}

static void del_element(Elements *elements, const Element *element)
{
	for (size_t i = 0; i < elements->n; i++) {
		if (element_compare(&elements->at[i], element) == 0) {
			elements->at[i] = elements->at[--elements->n];
			return;
		}
	}
	cr_assert_fail("deleted an element that is not there");
}

static void del_verdict(Verdicts *verdicts, Address a)
{
	for (size_t i = 0; i < verdicts->n; i++) {
		if (address_is_equal(verdicts->at[i].address, a)) {
			verdicts->at[i] = verdicts->at[--verdicts->n];
			return;
		}
	}
	cr_assert_fail("deleted a map element that is not there");
}

static bool is_used(const Kernel *k, const char *chain)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (int m = 0; m < 2; m++) {
			const Verdicts *map =
				m ? &k->next[d][FAMILY_IPV4] : &k->table->verdicts[d][FAMILY_IPV4];

			for (size_t i = 0; i < map->n; i++)
				if (strcmp(map->at[i].chain, chain) == 0)
					return true;
		}
	return false;
}

static bool is_looked_up(const Kernel *k, const char *set)
{
	for (size_t i = 0; i < k->table->chains.n; i++)
		for (size_t r = 0; r < k->table->chains.at[i]->rules.n; r++) {
			const ChainRule *rule = &k->table->chains.at[i]->rules.at[r];

			if (text_is_equal(rule->set, set) || text_is_equal(rule->besides, set))
				return true;
		}
	return false;
}

static void do_elements(Kernel *k, const Op *op)
{
	Set *set = kernel_set(k, op->set->name);

	cr_assert_not_null(set, "elements of no set %s", op->set->name);
	for (size_t i = 0; i < op->elements.n; i++) {
		if (op->kind == OP_DEL_ELEMENTS)
			del_element(&set->elements, &op->elements.at[i]);
		else
			VEC_PUSH(arena, &set->elements, op->elements.at[i]);
	}
}

static void do_verdicts(Kernel *k, const Op *op)
{
	Verdicts *map = kernel_map(k, op);

	cr_assert(op->is_next || !k->is_gone[op->direction][op->family]);
	for (size_t i = 0; i < op->verdicts.n; i++) {
		if (op->kind == OP_DEL_VERDICTS) {
			del_verdict(map, op->verdicts.at[i].address);
			continue;
		}
		cr_assert_not_null(kernel_chain(k, op->verdicts.at[i].chain), "leads to no chain");
		for (size_t m = 0; m < map->n; m++)
			cr_assert_not(
				address_is_equal(map->at[m].address, op->verdicts.at[i].address));
		VEC_PUSH(arena, map, op->verdicts.at[i]);
	}
}

static void do_del_chain(Kernel *k, const char *name)
{
	cr_assert_not(is_used(k, name), "%s is still used", name);
	for (size_t i = 0; i < k->table->chains.n; i++)
		if (strcmp(k->table->chains.at[i]->name, name) == 0) {
			k->table->chains.at[i] = k->table->chains.at[--k->table->chains.n];
			return;
		}
	cr_assert_fail("no chain %s", name);
}

static void do_del_set(Kernel *k, const char *name)
{
	cr_assert_not(is_looked_up(k, name), "%s is still looked up", name);
	for (size_t i = 0; i < k->table->sets.n; i++)
		if (strcmp(k->table->sets.at[i]->name, name) == 0) {
			k->table->sets.at[i] = k->table->sets.at[--k->table->sets.n];
			return;
		}
	cr_assert_fail("no set %s", name);
}

/* A map of ours that is made anew: while nobody looks at it. */
static void do_map(Kernel *k, const Op *op)
{
	bool is_there = op->kind == OP_ADD_MAP;

	if (op->is_next) {
		k->has_next = is_there;
	} else {
		cr_assert(k->is_next, "a map that is asked goes");
		cr_assert_eq(k->is_gone[op->direction][op->family], is_there);
		k->is_gone[op->direction][op->family] = !is_there;
	}
	if (!is_there && !op->is_next)
		kernel_map(k, op)->n = 0;
	cr_assert_eq(kernel_map(k, op)->n, 0);
}

static void do_op(Kernel *k, const Op *op)
{
	Set set;

	switch (op->kind) {
	case OP_ADD_SET:
		cr_assert_null(kernel_set(k, op->set->name), "set %s twice", op->set->name);
		set = *op->set;
		set.elements = (Elements){};
		ruleset_add_set(k->table, set);
		break;
	case OP_ADD_CHAIN:
		cr_assert_null(kernel_chain(k, op->chain->name), "chain twice");
		ruleset_add_chain(k->table, *op->chain);
		break;
	case OP_ADD_ELEMENTS:
	case OP_DEL_ELEMENTS:
		do_elements(k, op);
		break;
	case OP_ADD_VERDICTS:
	case OP_DEL_VERDICTS:
		do_verdicts(k, op);
		break;
	case OP_SET_BASE:
		k->is_next = op->is_next;
		for (Direction d = INGRESS; d < DIRECTION_N; d++)
			for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
				cr_assert(k->is_next || !k->is_gone[d][f]);
		k->table->base = *op->base;
		break;
	case OP_ADD_MAP:
	case OP_DEL_MAP:
		do_map(k, op);
		break;
	case OP_DEL_CHAIN:
		do_del_chain(k, op->chain->name);
		break;
	case OP_DEL_SET:
		do_del_set(k, op->set->name);
		break;
	default:
		cr_assert_fail("unexpected operation");
	}
}

/* ---- Judging a packet ---- */
static bool has(Kernel *k, const char *name, Address a)
{
	const Set *set = kernel_set(k, name);

	cr_assert_not_null(set, "rule looks up no set %s", name);
	for (size_t i = 0; i < set->elements.n; i++)
		if (address_is_equal(set->elements.at[i].address, a))
			return true;
	return false;
}

static bool passes(Kernel *k, Direction direction, Address subject, Address other, int port)
{
	const Verdicts *map = k->is_next ? &k->next[direction][FAMILY_IPV4]
					 : &k->table->verdicts[direction][FAMILY_IPV4];

	if (k->table->base.is_idle[direction][FAMILY_IPV4])
		return true;
	for (size_t i = 0; i < map->n; i++) {
		const Chain *chain = kernel_chain(k, map->at[i].chain);

		if (!address_is_equal(map->at[i].address, subject))
			continue;
		for (size_t r = 0; r < chain->rules.n; r++) {
			const ChainRule *rule = &chain->rules.at[r];

			if (rule->besides && has(k, rule->besides, other))
				continue;
			if (rule->set && !has(k, rule->set, other))
				continue;
			if (rule->ports.n == 0 || rule->ports.at[0].first == port)
				return true;
		}
		return false;
	}
	return true;
}

static bool allows(Kernel *k, int from, int to, int port)
{
	if (has(k, "self4", address(from)) && from == to)
		return true;
	return passes(k, EGRESS, address(from), address(to), port) &&
	       passes(k, INGRESS, address(to), address(from), port);
}

typedef struct Truth {
	bool at[ADDRESSES][ADDRESSES][PORTS];
} Truth;

static Truth truth(Kernel *k)
{
	Truth t;

	for (int a = 0; a < ADDRESSES; a++)
		for (int b = 0; b < ADDRESSES; b++)
			for (int p = 0; p < PORTS; p++)
				t.at[a][b][p] = allows(k, a, b, p);
	return t;
}

/* ---- Random rulesets ---- */
static Chain random_chain(unsigned *seed, Direction direction)
{
	Chain chain = {.direction = direction};

	for (int n = rand_r(seed) % 4; n > 0; n--) {
		ChainRule rule = {.match = MATCH_SET};
		int port = rand_r(seed) % (PORTS + 1);

		if (rand_r(seed) % 5)
			rule.set = arena_printf(arena, "pods4_%d", rand_r(seed) % SETS);
		else
			rule.match = MATCH_ANYBODY;
		if (port < PORTS) {
			rule.protocol = 6;
			VEC_PUSH(arena, &rule.ports, (PortRange){(uint16_t)port, (uint16_t)port});
		}
		VEC_PUSH(arena, &chain.rules, rule);
	}
	chain_finish(arena, &chain);
	return chain;
}

static bool has_chain(const Ruleset *r, const char *name)
{
	for (size_t i = 0; i < r->chains.n; i++)
		if (strcmp(r->chains.at[i]->name, name) == 0)
			return true;
	return false;
}

static bool needs_set(const Ruleset *r, const char *name)
{
	for (size_t i = 0; i < r->chains.n; i++)
		for (size_t k = 0; k < r->chains.at[i]->rules.n; k++)
			if (text_is_equal(r->chains.at[i]->rules.at[k].set, name))
				return true;
	return false;
}

static void add_members(unsigned *seed, Ruleset *r, unsigned members[SETS])
{
	for (int s = 0; s < SETS; s++) {
		Set set = {.name = arena_printf(arena, "pods4_%d", s), .kind = SET_PODS};

		if (!needs_set(r, set.name))
			continue;
		for (int a = 0; a < ADDRESSES; a++)
			if (members[s] >> a & 1)
				VEC_PUSH(arena, &set.elements, (Element){.address = address(a)});
		ruleset_add_set(r, set);
	}
	(void)seed;
}

/* What a ruleset is made from: to be changed a little, so that all ways of changing come up. */
typedef struct Recipe {
	unsigned members[SETS], chain_seed[DIRECTION_N][ADDRESSES];
	bool is_isolated[DIRECTION_N][ADDRESSES];
	bool is_large; /* the ingress map, whatever is in it */
} Recipe;

static Recipe random_recipe(unsigned *seed)
{
	Recipe recipe;
	int share = rand_r(seed) % 4; /* who is isolated: sometimes nobody, so that maps are idle */

	recipe.is_large = rand_r(seed) % 3 == 0;
	for (int s = 0; s < SETS; s++)
		recipe.members[s] = (unsigned)rand_r(seed) % (1u << ADDRESSES);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (int a = 0; a < ADDRESSES; a++) {
			recipe.is_isolated[d][a] = rand_r(seed) % 3 < share;
			recipe.chain_seed[d][a] = (unsigned)rand_r(seed) % 5;
		}
	return recipe;
}

static Recipe changed(unsigned *seed, Recipe recipe)
{
	recipe.is_large ^= rand_r(seed) % 5 == 0;
	for (int n = 1 + rand_r(seed) % 4; n > 0; n--) {
		int kind = rand_r(seed) % 4, d = rand_r(seed) % 2, a = rand_r(seed) % ADDRESSES;

		if (kind <= 1)
			recipe.members[rand_r(seed) % SETS] ^= 1u << a;
		else if (kind == 2)
			recipe.is_isolated[d][a] = !recipe.is_isolated[d][a];
		else
			recipe.chain_seed[d][a] = (unsigned)rand_r(seed) % 5;
	}
	return recipe;
}

static Ruleset *cook(const Recipe *recipe)
{
	Ruleset *r = ruleset_new();
	Set *self;

	r->base.table = "netpol";
	ruleset_add_self(r, FAMILY_IPV6);
	self = ruleset_add_self(r, FAMILY_IPV4);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (int a = 0; a < ADDRESSES; a++) {
			unsigned seed = recipe->chain_seed[d][a];
			Chain chain;

			if (!recipe->is_isolated[d][a])
				continue;
			chain = random_chain(&seed, d);
			if (!has_chain(r, chain.name))
				ruleset_add_chain(r, chain);
			VEC_PUSH(arena, &r->verdicts[d][FAMILY_IPV4],
				(Verdict){address(a), chain.name});
			VEC_PUSH(arena, &self->elements, (Element){.address = address(a)});
		}
	add_members(NULL, r, (unsigned *)recipe->members);
	ruleset_sort(r);
	r->base.is_large[INGRESS][FAMILY_IPV4] = recipe->is_large;
	return r;
}

static void put_all(Kernel *k, const Ruleset *r)
{
	k->table->sets.n = 0;
	k->table->base = r->base;
	for (size_t i = 0; i < r->sets.n; i++) {
		Set set = *r->sets.at[i];

		set.elements = (Elements){};
		for (size_t e = 0; e < r->sets.at[i]->elements.n; e++)
			VEC_PUSH(arena, &set.elements, r->sets.at[i]->elements.at[e]);
		ruleset_add_set(k->table, set);
	}
	for (size_t i = 0; i < r->chains.n; i++)
		ruleset_add_chain(k->table, *r->chains.at[i]);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; i < r->verdicts[d][FAMILY_IPV4].n; i++)
			VEC_PUSH(arena, &k->table->verdicts[d][FAMILY_IPV4],
				r->verdicts[d][FAMILY_IPV4].at[i]);
}

static void compare(
	const Truth *old, const Truth *new, const Truth *now, const char *commit, unsigned seed)
{
	for (int a = 0; a < ADDRESSES; a++)
		for (int b = 0; b < ADDRESSES; b++)
			for (int p = 0; p < PORTS; p++)
				if (old->at[a][b][p] == new->at[a][b][p])
					cr_assert_eq(now->at[a][b][p], old->at[a][b][p],
						"seed %u, %s: %d -> %d port %d", seed, commit, a, b,
						p);
}

/* A verdict that moves is two operations of one transaction. */
static bool is_half_a_move(const Commit *commit, size_t o)
{
	const Op *op = &commit->ops.at[o], *next = o + 1 < commit->ops.n ? op + 1 : NULL;

	return op->kind == OP_DEL_VERDICTS && next && next->kind == OP_ADD_VERDICTS &&
	       next->direction == op->direction && next->family == op->family &&
	       next->is_next == op->is_next &&
	       address_is_equal(next->verdicts.at[0].address, op->verdicts.at[0].address);
}

static void judge_round(unsigned round, unsigned *n_in_place)
{
	unsigned seed = round;
	Recipe recipe = random_recipe(&seed), after = changed(&seed, recipe);
	Ruleset *old = cook(&recipe), *new = cook(&after);
	Kernel before = {.table = ruleset_new()}, later = {.table = ruleset_new()},
	       k = {.table = ruleset_new()};
	Truth truth_old, truth_new, now;
	BaseOptions base;
	Plan plan;

	put_all(&before, old);
	put_all(&later, new);
	put_all(&k, old);
	truth_old = truth(&before);
	truth_new = truth(&later);
	plan_change(arena, old, new, &plan);
	for (size_t i = 0; i < plan.commits.n; i++) {
		const Commit *commit = &plan.commits.at[i];

		*n_in_place +=
			strcmp(commit->name, "tighten") == 0 || strcmp(commit->name, "loosen") == 0;
		for (size_t o = 0; o < commit->ops.n; o++) {
			do_op(&k, &commit->ops.at[o]);
			if (is_half_a_move(commit, o))
				continue;
			now = truth(&k);
			compare(&truth_old, &truth_new, &now, commit->name, round);
		}
	}
	now = truth(&k);
	cr_assert_arr_eq(&now, &truth_new, sizeof(now), "seed %u: the end judges otherwise", round);
	base = k.table->base;
	ruleset_sort(k.table);
	k.table->base = base;
	cr_assert(ruleset_is_equal(k.table, new), "seed %u: the end is not the new ruleset", round);
	cr_assert_eq(k.table->base.is_large[INGRESS][FAMILY_IPV4],
		new->base.is_large[INGRESS][FAMILY_IPV4]);
	cr_assert_not(k.has_next || k.is_next);
	ruleset_free(old);
	ruleset_free(new);
	ruleset_free(before.table);
	ruleset_free(later.table);
	ruleset_free(k.table);
}

Test(plan, no_step_is_more_open_or_more_closed_than_both_ends)
{
	unsigned n_in_place = 0;

	for (unsigned round = 1; round <= 4000; round++) {
		arena = arena_new();
		judge_round(round, &n_in_place);
		arena_free(arena);
	}
	cr_assert_gt(n_in_place, 100, "the way in place was hardly taken");
}

Test(plan, equal_rulesets_differ_in_nothing)
{
	unsigned seed = 3;

	arena = arena_new();
	Recipe recipe = random_recipe(&seed);
	Ruleset *one = cook(&recipe), *two = cook(&recipe);
	Plan plan;

	plan_change(arena, one, two, &plan);
	cr_assert_eq(plan.commits.n, 0);
	cr_assert(ruleset_is_equal(one, two));
	ruleset_free(one);
	ruleset_free(two);
	arena_free(arena);
}

/* Nothing reaches an isolated pod, or comes from it, but itself; nobody else is touched. */
Test(plan, shut_is_closed_for_isolated_pods_and_only_for_them)
{
	for (unsigned round = 1; round <= 200; round++) {
		unsigned seed = round;
		Recipe recipe = random_recipe(&seed);
		Kernel k = {.table = ruleset_new()};
		Ruleset *ruleset, *shut;

		arena = arena_new();
		ruleset = cook(&recipe);
		shut = ruleset_shut(ruleset, "guard");
		put_all(&k, shut);
		for (int a = 0; a < ADDRESSES; a++)
			for (int b = 0; b < ADDRESSES; b++) {
				bool is_self = a == b && (recipe.is_isolated[EGRESS][a] ||
								 recipe.is_isolated[INGRESS][a]);
				bool is_open = !recipe.is_isolated[EGRESS][a] &&
					       !recipe.is_isolated[INGRESS][b];

				cr_assert_eq(allows(&k, a, b, 0), is_self || is_open,
					"seed %u: %d -> %d", round, a, b);
			}
		cr_assert_str_eq(shut->base.table, "guard");
		cr_assert_leq(shut->chains.n, 2);
		ruleset_free(ruleset);
		ruleset_free(shut);
		ruleset_free(k.table);
		arena_free(arena);
	}
}
