/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Make-before-break. The base chains are switched to standby objects that filter as the new ruleset
 * does. Then the real maps and sets are edited, while no packet's verdict depends on whether they
 * have been edited yet. Then the base chains are switched back.
 *
 *     base chains --> ingress4      --> in_A      --> pods4_S                    before, and after
 *     base chains --> ingress4_next --> in_A_next --> pods4_S without moving4    meanwhile
 *                                              `----> pods4_S_next
 *
 * moving4 and moving6 hold every address that is added to or deleted from any edited set.
 * pods4_S_next holds those of them that the new pods4_S has. A standby chain asks pods4_S_next for
 * the moving addresses and pods4_S for all others, so its result does not depend on whether the
 * edit of pods4_S has been committed yet. A chain that looks up no edited set needs no standby
 * chain: the standby map leads to the chain itself.
 *
 * podless_next is the new podless, as a whole; the base chains look it up while podless is edited.
 */
#include "standby.h"
#include <assert.h>

typedef struct Standby {
	const Difference *d;
	Arena *arena;
	Set *moving[FAMILY_N]; /* NULL: no address of the family moves */
	StrMap *set_of;	       /* an edited set's name -> its standby Set */
	StrMap *chain_of;      /* a chain's name -> its standby Chain, if it needs one */
	VEC(const Set *) sets; /* all sets that are made: standby sets, moving4, moving6, podless */
	VEC(const Chain *) chains;
} Standby;

/* ---- Addresses that move ---- */
static Set *moving_set(Standby *s, Family family)
{
	if (!s->moving[family]) {
		s->moving[family] = ARENA_NEW(s->arena, Set);
		*s->moving[family] = (Set){
			.name = object_name_moving(family), .kind = SET_PODS, .family = family};
		VEC_PUSH(s->arena, &s->sets, s->moving[family]);
	}
	return s->moving[family];
}

static void add_moving(Standby *s, const Elements *elements)
{
	for (size_t i = 0; i < elements->n; i++) {
		Element element = {.address = elements->at[i].address};
		Set *set = moving_set(s, element.address.family);

		VEC_PUSH(s->arena, &set->elements, element);
	}
}

static void collect_moving(Standby *s)
{
	for (size_t i = 0; i < s->d->edits.n; i++) {
		add_moving(s, &s->d->edits.at[i].add);
		add_moving(s, &s->d->edits.at[i].del);
	}
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		if (s->moving[f])
			elements_sort(&s->moving[f]->elements);
}

static bool is_moving(const Standby *s, Address address)
{
	const Set *set = s->moving[address.family];
	Element wanted = {.address = address};

	return set && bsearch(&wanted, set->elements.at, set->elements.n, sizeof(Element),
			      element_compare);
}

/* ---- Standby objects ---- */
static void make_set(Standby *s, const Set *set)
{
	Set *standby = ARENA_NEW(s->arena, Set);

	*standby = set_spec(set);
	standby->name = object_name_standby(s->arena, set->name);
	standby->comment = NULL;
	standby->elements = (Elements){};
	for (size_t i = 0; i < set->elements.n; i++)
		if (is_moving(s, set->elements.at[i].address))
			VEC_PUSH(s->arena, &standby->elements, set->elements.at[i]);
	strmap_put(s->set_of, set->name, standby);
	VEC_PUSH(s->arena, &s->sets, standby);
}

/* A rule that looks up an edited set becomes two: one for moving addresses, one for all others. */
static void make_chain(Standby *s, const Chain *chain)
{
	Chain *standby = ARENA_NEW(s->arena, Chain);
	bool is_needed = false;

	*standby = (Chain){.name = object_name_standby(s->arena, chain->name),
		.comment = chain->comment,
		.direction = chain->direction,
		.is_audit = chain->is_audit,
		.is_drop = chain->is_drop};
	for (size_t i = 0; i < chain->rules.n; i++) {
		ChainRule rule = chain->rules.at[i];
		const Set *set = rule.set ? strmap_get(s->set_of, rule.set) : NULL;

		assert(!rule.excluded);
		if (set) {
			is_needed = true;
			rule.set = set->name;
			VEC_PUSH(s->arena, &standby->rules, rule);
			rule.set = chain->rules.at[i].set;
			rule.excluded = s->moving[rule.family]->name;
		}
		VEC_PUSH(s->arena, &standby->rules, rule);
	}
	if (!is_needed)
		return;
	strmap_put(s->chain_of, chain->name, standby);
	VEC_PUSH(s->arena, &s->chains, standby);
}

static void make_podless(Standby *s)
{
	Set *standby = ARENA_NEW(s->arena, Set);

	*standby = set_spec(ruleset_set(s->d->new, object_name_podless(false)));
	standby->name = object_name_podless(true);
	VEC_PUSH(s->arena, &s->sets, standby);
}

static void make_objects(Standby *s)
{
	const Difference *d = s->d;

	make_podless(s);
	collect_moving(s);
	for (size_t i = 0; i < d->edits.n; i++)
		make_set(s, d->edits.at[i].set);
	for (size_t i = 0; d->edits.n && i < d->new->chains.n; i++)
		make_chain(s, d->new->chains.at[i]);
}

static Verdicts standby_verdicts(const Standby *s, const Verdicts *verdicts)
{
	Verdicts result = {};

	for (size_t i = 0; i < verdicts->n; i++) {
		const Chain *chain = strmap_get(s->chain_of, verdicts->at[i].chain);

		VEC_PUSH(s->arena, &result,
			(Verdict){verdicts->at[i].address,
				chain ? chain->name : verdicts->at[i].chain});
	}
	return result;
}

static void edit_standby_maps(const Standby *s, Steps *steps, OpKind kind)
{
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			steps_edit_map(steps, kind, direction, f, true,
				standby_verdicts(s, &s->d->new->verdicts[direction][f]));
}

static void grow_standby(const Standby *s, Steps *steps)
{
	steps_grow(steps, s->d);
	steps_grow_selves(steps, s->d);
	for (size_t i = 0; i < s->sets.n; i++)
		steps_add_set(steps, s->sets.at[i]);
	for (size_t i = 0; i < s->chains.n; i++)
		steps_add_chain(steps, s->chains.at[i]);
	steps_all_maps(steps, OP_ADD_MAP, true);
	edit_standby_maps(s, steps, OP_ADD_VERDICTS);
}

static void shrink_standby(const Standby *s, Steps *steps)
{
	edit_standby_maps(s, steps, OP_DEL_VERDICTS); /* they refer to the chains that go */
	steps_all_maps(steps, OP_DEL_MAP, true);
	for (size_t i = 0; i < s->chains.n; i++)
		steps_del_chain(steps, s->chains.at[i]);
	steps_shrink(steps, s->d);
	for (size_t i = 0; i < s->sets.n; i++)
		steps_del_set(steps, s->sets.at[i]);
}

/* ---- The real maps and sets, while packets look up the standby maps ---- */
/*
 * The kernel cannot change a map's size: a map that becomes large or small is deleted in one
 * commit and made again in the next, because in one commit additions come before deletions.
 */
static bool is_map_remade(const Difference *d, Direction direction, Family family)
{
	return d->old->base.is_large[direction][family] != d->new->base.is_large[direction][family];
}

static void edit_map(const Difference *d, Steps *steps, Direction direction, Family family)
{
	const MapEdit *map = &d->maps[direction][family];

	if (is_map_remade(d, direction, family)) {
		steps_map(steps, OP_DEL_MAP, direction, family, false);
		return;
	}
	steps_edit_map(steps, OP_DEL_VERDICTS, direction, family, false, map->del);
	steps_move_verdicts(steps, direction, family, map->move);
	steps_edit_map(steps, OP_ADD_VERDICTS, direction, family, false, map->add);
}

static void edit_real_set(const SetEdit *edit, Steps *steps)
{
	steps_edit_set(steps, OP_DEL_ELEMENTS, edit->set, edit->del);
	steps_edit_set(steps, OP_ADD_ELEMENTS, edit->set, edit->add);
}

static void edit_real_objects(const Difference *d, Steps *steps)
{
	for (size_t i = 0; i < d->edits.n; i++)
		edit_real_set(&d->edits.at[i], steps);
	if (d->podless.set)
		edit_real_set(&d->podless, steps);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			edit_map(d, steps, direction, f);
}

static void remake_maps(const Difference *d, Steps *steps)
{
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			if (!is_map_remade(d, direction, f))
				continue;
			steps_map(steps, OP_ADD_MAP, direction, f, false);
			steps_edit_map(steps, OP_ADD_VERDICTS, direction, f, false,
				d->new->verdicts[direction][f]);
		}
}

void plan_standby(Steps *steps, const Difference *d)
{
	Standby s = {.d = d,
		.arena = d->arena,
		.set_of = strmap_new(d->arena),
		.chain_of = strmap_new(d->arena)};

	make_objects(&s);
	steps_begin(steps, "grow", false);
	grow_standby(&s, steps);
	steps_begin(steps, "switch", true);
	steps_set_base(steps, true);
	steps_begin(steps, "edit", true);
	edit_real_objects(d, steps);
	steps_begin(steps, "maps", false);
	remake_maps(d, steps);
	steps_begin(steps, "switch back", false);
	steps_set_base(steps, false);
	steps_begin(steps, "shrink", true);
	shrink_standby(&s, steps);
}
