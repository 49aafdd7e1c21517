/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of the kernel: carrying operations out, and evaluating packets in flight. */
#include "kernel_model.h"
#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

#define NEVER INT_MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- Objects ---- */
/* `made` and `deleted` are instants; `deleted` is NEVER while the object exists. at[i] is the
 * content at instant i. */
typedef struct ModelSet {
	const char *name;
	int made, deleted;
	uint8_t members; /* bit i: model_address(i) */
	uint8_t at[MODEL_INSTANTS];
} ModelSet;

typedef struct ModelRule {
	const ModelSet *set, *excluded; /* or NULL */
	int port;			/* -1: any */
} ModelRule;

typedef struct ModelChain {
	const char *name;
	int made, deleted;
	bool is_audit; /* ends without a refusal */
	VEC(ModelRule) rules;
} ModelChain;

typedef struct ModelMap {
	int made, deleted;
	Direction direction;
	Family family;
	bool is_standby;
	const ModelChain *chains[MODEL_ADDRESSES];
	const ModelChain *at[MODEL_INSTANTS][MODEL_ADDRESSES];
} ModelMap;

/* A base chain's rules: the maps that it looks up; NULL: it does not. */
typedef struct ModelBase {
	const ModelMap *maps[DIRECTION_N];
	const ModelSet *podless;
	bool is_isolating[DIRECTION_N]; /* it has rules about link-local packets */
} ModelBase;

typedef struct ModelTable {
	const char *name;
	int made, deleted, hooked, unhooked;
	VEC(ModelSet *) sets;
	const ModelSet *self;
	VEC(ModelChain *) chains;
	VEC(ModelMap *) maps;
	BaseOptions options;
	bool is_standby;
	ModelBase base;
	ModelBase at[MODEL_INSTANTS];
} ModelTable;

struct Kernel {
	Arena *arena;
	int now;
	VEC(ModelTable *) tables;
	bool is_after_grace[MODEL_INSTANTS];
	const char *names[MODEL_INSTANTS];
};

Address model_address(int i)
{
	return (Address){(AddressValue)(i + 1), FAMILY_IPV4};
}

Element model_link(int i)
{
	char name[] = "veth0";

	name[4] = (char)('0' + i);
	return element_of_link(name);
}

static int number_of_link(Address address)
{
	for (int i = 0; i < MODEL_ADDRESSES; i++)
		if (address_is_equal(model_link(i).address, address))
			return i;
	return -1;
}

static int number_of(Address address)
{
	int i = address.family == FAMILY_IPV4 ? (int)address.value - 1 : number_of_link(address);

	cr_assert(i >= 0 && i < MODEL_ADDRESSES);
	return i;
}

Kernel *kernel_new(Arena *arena)
{
	Kernel *k = ARENA_NEW(arena, Kernel);

	*k = (Kernel){.arena = arena};
	k->names[0] = "the start";
	return k;
}

/* ---- Finding objects that exist ---- */
#define FIND(list, is_it)                                                                          \
	for (size_t i_ = 0; i_ < (list).n; i_++)                                                   \
		if ((list).at[i_]->deleted == NEVER && (is_it((list).at[i_])))                     \
			return (list).at[i_];                                                      \
	return NULL

static ModelTable *find_table(const Kernel *k, const char *name)
{
#define IS_IT(t) strcmp((t)->name, name) == 0
	FIND(k->tables, IS_IT);
}

static ModelSet *find_set(const ModelTable *t, const char *name)
{
	FIND(t->sets, IS_IT);
}

static ModelChain *find_chain(const ModelTable *t, const char *name)
{
	FIND(t->chains, IS_IT);
#undef IS_IT
}

static ModelMap *find_map(const ModelTable *t, Direction direction, Family family, bool is_standby)
{
#define IS_IT(m)                                                                                   \
	(m)->direction == direction && (m)->family == family && (m)->is_standby == is_standby
	FIND(t->maps, IS_IT);
#undef IS_IT
}

/* ---- Operations ---- */
static const ModelSet *set_of_rule(const ModelTable *t, const char *name)
{
	const ModelSet *set = name ? find_set(t, name) : NULL;

	cr_assert(set || !name, "a rule looks up the set %s, which does not exist", name);
	return set;
}

static void add_table(Kernel *k, const char *name)
{
	ModelTable *t = ARENA_NEW(k->arena, ModelTable);

	cr_assert_null(find_table(k, name), "table %s exists already", name);
	*t = (ModelTable){.name = name,
		.made = k->now + 1,
		.deleted = NEVER,
		.hooked = NEVER,
		.unhooked = NEVER};
	VEC_PUSH(k->arena, &k->tables, t);
}

static void add_set(Kernel *k, ModelTable *t, const char *name)
{
	ModelSet *set = ARENA_NEW(k->arena, ModelSet);

	cr_assert_null(find_set(t, name), "set %s exists already", name);
	*set = (ModelSet){.name = name, .made = k->now + 1, .deleted = NEVER};
	VEC_PUSH(k->arena, &t->sets, set);
	if (strcmp(name, object_name_self(FAMILY_IPV4, false)) == 0)
		t->self = set;
}

static void add_chain(Kernel *k, ModelTable *t, const Chain *from)
{
	ModelChain *chain = ARENA_NEW(k->arena, ModelChain);

	cr_assert_null(find_chain(t, from->name), "chain %s exists already", from->name);
	*chain = (ModelChain){.name = from->name,
		.made = k->now + 1,
		.deleted = NEVER,
		.is_audit = from->is_audit};
	for (size_t i = 0; i < from->rules.n; i++) {
		const ChainRule *rule = &from->rules.at[i];

		VEC_PUSH(k->arena, &chain->rules,
			(ModelRule){set_of_rule(t, rule->set), set_of_rule(t, rule->excluded),
				rule->ports.n ? rule->ports.at[0].first : -1});
	}
	VEC_PUSH(k->arena, &t->chains, chain);
}

static void add_map(Kernel *k, ModelTable *t, Direction direction, Family family, bool is_standby)
{
	ModelMap *map = ARENA_NEW(k->arena, ModelMap);

	cr_assert_null(find_map(t, direction, family, is_standby), "the map exists already");
	*map = (ModelMap){.direction = direction,
		.family = family,
		.is_standby = is_standby,
		.made = k->now + 1,
		.deleted = NEVER};
	VEC_PUSH(k->arena, &t->maps, map);
}

static void edit_elements(ModelTable *t, const Op *op)
{
	ModelSet *set = find_set(t, op->set->name);

	cr_assert_not_null(set, "set %s, whose elements are edited, does not exist", op->set->name);
	for (size_t i = 0; i < op->elements.n; i++) {
		uint8_t bit = (uint8_t)(1u << number_of(op->elements.at[i].address));

		if (op->kind == OP_ADD_ELEMENTS) {
			set->members |= bit;
			continue;
		}
		cr_assert(set->members & bit, "deleted an element that is not there");
		set->members &= (uint8_t)~bit;
	}
}

static void edit_verdicts(ModelTable *t, const Op *op)
{
	ModelMap *map = find_map(t, op->direction, op->family, op->is_standby);

	cr_assert_not_null(map, "the map whose verdicts are edited does not exist");
	for (size_t i = 0; i < op->verdicts.n; i++) {
		const ModelChain **chain = &map->chains[number_of(op->verdicts.at[i].address)];

		if (op->kind == OP_DEL_VERDICTS) {
			cr_assert_not_null(*chain, "deleted a verdict that is not there");
			*chain = NULL;
			continue;
		}
		cr_assert_null(*chain, "two verdicts for an address");
		*chain = find_chain(t, op->verdicts.at[i].chain);
		cr_assert_not_null(*chain, "the chain %s of a verdict does not exist",
			op->verdicts.at[i].chain);
	}
}

static void del_set(Kernel *k, ModelTable *t, const char *name)
{
	ModelSet *set = find_set(t, name);

	cr_assert_not_null(set, "set %s does not exist", name);
	cr_assert_neq(t->base.podless, set, "deleted a set that a base chain looks up");
	for (size_t i = 0; i < t->chains.n; i++)
		for (size_t r = 0;
			t->chains.at[i]->deleted == NEVER && r < t->chains.at[i]->rules.n; r++) {
			const ModelRule *rule = &t->chains.at[i]->rules.at[r];

			cr_assert(rule->set != set && rule->excluded != set,
				"%s is still looked up", name);
		}
	set->deleted = k->now + 1;
}

static void del_chain(Kernel *k, ModelTable *t, const char *name)
{
	ModelChain *chain = find_chain(t, name);

	cr_assert_not_null(chain, "chain %s does not exist", name);
	for (size_t i = 0; i < t->maps.n; i++)
		for (int a = 0; t->maps.at[i]->deleted == NEVER && a < MODEL_ADDRESSES; a++)
			cr_assert(t->maps.at[i]->chains[a] != chain, "%s is still used", name);
	chain->deleted = k->now + 1;
}

static void del_map(Kernel *k, ModelTable *t, Direction direction, Family family, bool is_standby)
{
	ModelMap *map = find_map(t, direction, family, is_standby);

	cr_assert_not_null(map, "the map does not exist");
	cr_assert(t->base.maps[direction] != map, "deleted a map that a base chain looks up");
	map->deleted = k->now + 1;
}

static void set_base(Kernel *k, ModelTable *t, const BaseOptions *options, bool is_standby)
{
	cr_assert_eq(t->unhooked, NEVER);
	t->base = (ModelBase){};
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const ModelMap *map = find_map(t, d, f, is_standby);

			if (options->is_empty[d][f])
				continue;
			cr_assert_not_null(
				map, "the base chain looks up a map that does not exist");
			if (f == FAMILY_IPV4)
				t->base.maps[d] = map;
		}
	t->base.podless = find_set(t, object_name_podless(is_standby));
	cr_assert_not_null(t->base.podless, "the base chain looks up a set that does not exist");
	memcpy(t->base.is_isolating, options->is_isolating, sizeof(t->base.is_isolating));
	t->options = *options;
	t->is_standby = is_standby;
	t->hooked = MIN(t->hooked, k->now + 1);
}

static void del_table(Kernel *k, ModelTable *t)
{
	t->deleted = k->now + 1;
	t->unhooked = MIN(t->unhooked, t->deleted);
	for (size_t i = 0; i < t->sets.n; i++)
		t->sets.at[i]->deleted = MIN(t->sets.at[i]->deleted, t->deleted);
	for (size_t i = 0; i < t->chains.n; i++)
		t->chains.at[i]->deleted = MIN(t->chains.at[i]->deleted, t->deleted);
	for (size_t i = 0; i < t->maps.n; i++)
		t->maps.at[i]->deleted = MIN(t->maps.at[i]->deleted, t->deleted);
}

static void do_op(Kernel *k, const Op *op)
{
	ModelTable *t = find_table(k, op->base->table);

	cr_assert(t || op->kind == OP_ADD_TABLE, "table %s does not exist", op->base->table);
	switch (op->kind) {
	case OP_ADD_TABLE:
		add_table(k, op->base->table);
		break;
	case OP_ADD_SET:
		add_set(k, t, op->set->name);
		break;
	case OP_ADD_MAP:
		add_map(k, t, op->direction, op->family, op->is_standby);
		break;
	case OP_ADD_CHAIN:
		add_chain(k, t, op->chain);
		break;
	case OP_ADD_ELEMENTS:
	case OP_DEL_ELEMENTS:
		edit_elements(t, op);
		break;
	case OP_ADD_VERDICTS:
	case OP_DEL_VERDICTS:
		edit_verdicts(t, op);
		break;
	case OP_SET_BASE:
		set_base(k, t, op->base, op->is_standby);
		break;
	case OP_DEL_BASE:
		t->unhooked = MIN(t->unhooked, k->now + 1);
		break;
	case OP_DEL_MAP:
		del_map(k, t, op->direction, op->family, op->is_standby);
		break;
	case OP_DEL_CHAIN:
		del_chain(k, t, op->chain->name);
		break;
	case OP_DEL_SET:
		del_set(k, t, op->set->name);
		break;
	case OP_DEL_TABLE:
		del_table(k, t);
		break;
	}
}

/* ---- History ---- */
/* A deleted object keeps its last content. */
static void remember_table(ModelTable *t, int now)
{
	for (size_t i = 0; i < t->sets.n; i++)
		t->sets.at[i]->at[now] = t->sets.at[i]->members;
	for (size_t i = 0; i < t->maps.n; i++)
		memcpy(t->maps.at[i]->at[now], t->maps.at[i]->chains,
			sizeof(t->maps.at[i]->chains));
	t->at[now] = t->base;
}

/* Ends the instant: the operations since the last one become visible. */
static void end_instant(Kernel *k, const char *name)
{
	k->now++;
	cr_assert_lt(k->now, MODEL_INSTANTS);
	k->names[k->now] = name;
	for (size_t i = 0; i < k->tables.n; i++)
		remember_table(k->tables.at[i], k->now);
}

void kernel_load(Kernel *k, const Ruleset *ruleset)
{
	BaseOptions base = ruleset->base;
	ModelTable *t;

	add_table(k, base.table);
	t = find_table(k, base.table);
	for (size_t i = 0; i < ruleset->sets.n; i++) {
		Op elements = {.kind = OP_ADD_ELEMENTS,
			.set = ruleset->sets.at[i],
			.elements = ruleset->sets.at[i]->elements};

		add_set(k, t, ruleset->sets.at[i]->name);
		edit_elements(t, &elements);
	}
	for (size_t i = 0; i < ruleset->chains.n; i++)
		add_chain(k, t, ruleset->chains.at[i]);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			Op verdicts = {.kind = OP_ADD_VERDICTS,
				.direction = d,
				.family = f,
				.verdicts = ruleset->verdicts[d][f]};

			add_map(k, t, d, f, false);
			edit_verdicts(t, &verdicts);
		}
	set_base(k, t, &base, false);
	end_instant(k, "load");
}

/* A verdict is replaced by two operations of one transaction: a lookup finds the old or the new. */
static bool is_first_half_of_replacement(const Commit *commit, size_t o)
{
	const Op *op = &commit->ops.at[o], *next = o + 1 < commit->ops.n ? op + 1 : NULL;

	return op->kind == OP_DEL_VERDICTS && next && next->kind == OP_ADD_VERDICTS &&
	       next->direction == op->direction && next->family == op->family &&
	       next->is_standby == op->is_standby &&
	       address_is_equal(next->verdicts.at[0].address, op->verdicts.at[0].address);
}

void kernel_commit(Kernel *k, const Commit *commit)
{
	if (commit->needs_grace_period) { /* an instant without any operation */
		k->is_after_grace[k->now + 1] = true;
		end_instant(k, commit->name);
	}
	for (size_t o = 0; o < commit->ops.n; o++) {
		do_op(k, &commit->ops.at[o]);
		if (!is_first_half_of_replacement(commit, o))
			end_instant(k, commit->name);
	}
}

int kernel_now(const Kernel *k)
{
	return k->now;
}

const char *kernel_commit_name(const Kernel *k, int instant)
{
	return k->names[instant];
}

int kernel_last_seen(const Kernel *k, int entered)
{
	int last = entered;

	while (last < k->now && !k->is_after_grace[last + 1])
		last++;
	return last;
}

bool kernel_is_first(const Kernel *k, int instant)
{
	bool is_first = instant == 0 || k->is_after_grace[instant];

	for (size_t i = 0; i < k->tables.n; i++)
		is_first |=
			k->tables.at[i]->hooked == instant || k->tables.at[i]->unhooked == instant;
	return is_first;
}

/* ---- A packet in flight ---- */
/*
 * The earliest instants at which the packet may have passed, and may be refused. The earliest is
 * enough, because the packet may be delayed where it is until any later one. NEVER: it cannot. The
 * functions below return NEVER if they are called with NEVER.
 */
typedef struct Times {
	int passes, refused;
} Times;

typedef struct Walk {
	Flow flow;
	const ModelSet *self;
	int entered; /* when it entered the base chain: it sees the rules of this instant */
	int last;    /* the last instant that its lookups may see */
} Walk;

/* The earliest instant in `from` to `last` at which a lookup finds, or misses, the address. */
static int earliest(const ModelSet *set, int address, bool is_found, int from, int last)
{
	for (int t = from; t <= last; t++) {
		bool has = set->at[t] >> address & 1;

		if (has == is_found || (t >= set->deleted && !is_found))
			return t;
	}
	return NEVER;
}

/* No rule accepted: a pod may always reach itself, everything else is refused. */
static Times walk_refusal(const Walk *w, int t)
{
	if (w->flow.from != w->flow.to)
		return (Times){NEVER, t};
	return (Times){earliest(w->self, w->flow.from, true, t, w->last),
		earliest(w->self, w->flow.from, false, t, w->last)};
}

/* The packet enters the chain at the instant t. */
static Times walk_chain(const Walk *w, const ModelChain *chain, int other, int t)
{
	Times out = {NEVER, NEVER}, end;

	if (chain->is_audit)
		return (Times){t, NEVER};
	if (chain->made > w->entered)
		out.passes = t;
	else if (chain->deleted <= w->last)
		out.passes = MAX(t, chain->deleted);
	for (size_t i = 0; i < chain->rules.n; i++) {
		const ModelRule *rule = &chain->rules.at[i];
		int matches = t, missed = NEVER;

		if (rule->port >= 0 && rule->port != w->flow.port)
			continue;
		if (rule->excluded) {
			matches = earliest(rule->excluded, other, false, t, w->last);
			missed = earliest(rule->excluded, other, true, t, w->last);
		}
		if (rule->set) {
			int not_found = earliest(rule->set, other, false, matches, w->last);

			missed = MIN(missed, not_found);
			matches = earliest(rule->set, other, true, matches, w->last);
		}
		out.passes = MIN(out.passes, matches);
		t = missed;
	}
	end = walk_refusal(w, t);
	return (Times){MIN(out.passes, end.passes), end.refused};
}

static Times walk_direction(const Walk *w, const ModelMap *map, int subject, int other, int t)
{
	Times out = {NEVER, NEVER};
	const ModelChain *before = NULL;

	if (!map || t == NEVER)
		return (Times){t, NEVER};
	for (; t <= w->last; t++) {
		const ModelChain *chain = map->at[t][subject];

		if (!chain || t >= map->deleted)
			out.passes = MIN(out.passes, t);
		if (chain && chain != before) {
			Times one = walk_chain(w, chain, other, t);

			out.passes = MIN(out.passes, one.passes);
			out.refused = MIN(out.refused, one.refused);
		}
		before = chain;
	}
	return out;
}

/* The rules about link-local packets: the interface is in podless, or the packet is refused. */
static Times walk_link(const Walk *w, const ModelBase *base, Direction direction, int link, int t)
{
	if (!w->flow.is_link || !base->is_isolating[direction] || t == NEVER)
		return (Times){t, NEVER};
	return (Times){earliest(base->podless, link, true, t, w->last),
		earliest(base->podless, link, false, t, w->last)};
}

static Times walk_table(const ModelTable *t, Flow flow, int entered, int last)
{
	const Walk w = {flow, t->self, entered, last};
	const ModelBase *base = &t->at[entered];
	Times from = walk_link(&w, base, EGRESS, flow.from, entered),
	      to = walk_link(&w, base, INGRESS, flow.to, from.passes),
	      out = walk_direction(&w, base->maps[EGRESS], flow.from, flow.to, to.passes),
	      in = walk_direction(&w, base->maps[INGRESS], flow.to, flow.from, out.passes);

	return (Times){t->unhooked <= entered ? entered : in.passes,
		MIN(MIN(from.refused, to.refused), MIN(out.refused, in.refused))};
}

/* The packet enters the base chain at any instant from `from` on. */
static Times walk_hook(const ModelTable *t, Flow flow, int from, int last)
{
	Times out = {NEVER, NEVER};

	for (int entered = from; entered <= last; entered++) {
		Times one = walk_table(t, flow, entered, last);

		out.passes = MIN(out.passes, one.passes);
		out.refused = MIN(out.refused, one.refused);
	}
	return out;
}

/* Tries base chains of one priority in any order, because the kernel guarantees none. */
Outcome kernel_outcome(const Kernel *k, Flow flow, int entered, int last)
{
	const ModelTable *hooks[2];
	size_t n = 0;
	Outcome outcome = {};

	for (size_t i = 0; i < k->tables.n; i++)
		if (k->tables.at[i]->hooked <= entered && entered < k->tables.at[i]->unhooked) {
			cr_assert_lt(n, ARRAY_SIZE(hooks));
			hooks[n++] = k->tables.at[i];
		}
	for (size_t first = 0; first < MAX(n, 1); first++) {
		Times out = {entered, NEVER};

		for (size_t i = 0; i < n; i++) {
			Times one = walk_hook(hooks[(first + i) % n], flow, out.passes, last);

			out.passes = one.passes;
			out.refused = MIN(out.refused, one.refused);
		}
		outcome.may_pass |= out.passes != NEVER;
		outcome.may_be_refused |= out.refused != NEVER;
	}
	return outcome;
}

/* ---- The state at the end ---- */
static const char *difference_of_maps(const ModelTable *t, const Ruleset *r)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		const ModelMap *map = find_map(t, d, FAMILY_IPV4, false);

		if (!map || t->base.maps[d] != (r->base.is_empty[d][FAMILY_IPV4] ? NULL : map))
			return "the base chain looks up other maps";
		for (int a = 0; a < MODEL_ADDRESSES; a++) {
			const Verdict *verdict = ruleset_verdict(r, d, model_address(a));

			if (!verdict != !map->chains[a] ||
				(verdict && strcmp(verdict->chain, map->chains[a]->name) != 0))
				return "the verdicts of a map";
		}
	}
	return NULL;
}

static const char *difference_of_sets(const ModelTable *t, const Ruleset *r)
{
	for (size_t i = 0; i < r->sets.n; i++) {
		const ModelSet *set = find_set(t, r->sets.at[i]->name);
		uint8_t members = 0;

		for (size_t e = 0; e < r->sets.at[i]->elements.n; e++)
			members |=
				(uint8_t)(1u << number_of(r->sets.at[i]->elements.at[e].address));
		if (!set || set->members != members)
			return r->sets.at[i]->name;
	}
	for (size_t i = 0; i < r->chains.n; i++)
		if (!find_chain(t, r->chains.at[i]->name))
			return r->chains.at[i]->name;
	return NULL;
}

#define COUNT(list)                                                                                \
	({                                                                                         \
		size_t n_ = 0;                                                                     \
		for (size_t i_ = 0; i_ < (list).n; i_++)                                           \
			n_ += (list).at[i_]->deleted == NEVER;                                     \
		n_;                                                                                \
	})

/* Does not use base_is_equal(), because the planner does: that function may be at fault. */
static bool has_options(const BaseOptions *held, const BaseOptions *wanted)
{
	return held->kind == wanted->kind &&
	       memcmp(held->is_empty, wanted->is_empty, sizeof(held->is_empty)) == 0 &&
	       memcmp(held->is_large, wanted->is_large, sizeof(held->is_large)) == 0 &&
	       memcmp(held->is_isolating, wanted->is_isolating, sizeof(held->is_isolating)) == 0;
}

const char *kernel_difference(const Kernel *k, const Ruleset *r)
{
	const ModelTable *t = find_table(k, r->base.table);
	const char *what;

	if (!t || t->hooked == NEVER || t->unhooked != NEVER)
		return "the table is missing or not hooked";
	if (COUNT(t->sets) != r->sets.n || COUNT(t->chains) != r->chains.n)
		return "another number of sets or chains";
	if (COUNT(t->maps) != DIRECTION_N * FAMILY_N || t->is_standby)
		return "another number of maps, or standby base chains";
	if (!has_options(&t->options, &r->base))
		return "the options of the base chains";
	what = difference_of_sets(t, r);
	return what ? what : difference_of_maps(t, r);
}

size_t kernel_count_tables(const Kernel *k)
{
	return COUNT(k->tables);
}
