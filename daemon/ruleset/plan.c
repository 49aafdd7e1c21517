/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans: the commits that lead from one ruleset to another while packets keep flowing.
 *
 * The guarantee. At every instant, for every packet in flight: what both rulesets allow passes, and
 * what both forbid is refused. What they disagree about may go either way until the plan has ended.
 *
 * What the kernel does (nft_do_chain, nf_tables_commit):
 *   rules    A packet reads the generation once, when it enters a base chain, and sees the rules of
 *            all chains as of then. Replacing a base chain's rules is therefore atomic. But of a
 *            chain that was made since, the packet sees no rules; of one that was deleted since, it
 *            may see none.
 *   lookups  Each lookup in a set or map sees the elements of its own instant. Two lookups of one
 *            packet may see the states before and after a commit.
 *   grace    A commit that needs a grace period begins after all packets that were in a hook have
 *            left it.
 * From that follow three rules. A chain, set or map is made in one commit; a later one, after a
 * grace period, makes it reachable. It is made unreachable in one commit, and deleted in a later
 * one, after a grace period. A grace period comes before every commit that edits what packets look
 * up: so a packet in flight sees at most one such edit half-way, and each of its lookups finds the
 * state before that edit or after it.
 *
 * What a packet from A to B looks up. Egress: A in the egress map, and if A is isolated, B in the
 * sets of A's chain. Ingress: B in the ingress map, and if B is isolated, A in the sets of B's
 * chain. The packet passes if both directions are open. A direction is open if its pod is not
 * isolated, or if any set of the pod's chain has the other end: more members never close it. A
 * packet from a pod to itself passes in both rulesets, and the self sets hold the pod's address as
 * long as it is isolated.
 *
 * IN PLACE: sets and maps are edited while packets look them up. "Members" are elements of sets
 * that rules look up; "one address" is one of each family, since a packet has one family. It is
 * correct in these cases:
 *   1. Members are only added, or only deleted; no verdict changes. Each lookup finds the old or
 *      the new state of a set, and the more members are found the more is allowed. So the result
 *      lies between those of the two rulesets: where these are equal, it is equal to them.
 *   2. Members are added and deleted, no verdict changes, and (a) all of them are one address X, or
 *      (b) only chains of one direction look up the edited sets. Then only one direction of a
 *      packet can see the edit: in (a) the one that looks up X as the other end. First members are
 *      added; then, after a grace period, others are deleted. In between a set holds the members of
 *      both rulesets, and the direction is open exactly if it is open in the old ruleset or in the
 *      new one. What both rulesets allow stays open. What both forbid stays closed, or is refused
 *      by the other direction, which is the same in both.
 *   3. Only verdicts change, of one direction or of one address. Of all lookups of a packet only
 *      one can see that, and it finds the old verdict or the new one.
 *   4. One address X is added to maps and sets, or deleted from them. A packet with X at one end
 *      sees the edit by two lookups: whether X is isolated, and whether the chain of the other end
 *      allows X. First come the edits that tighten (X is isolated, or is deleted from sets); then,
 *      after a grace period, those that loosen. The state in between allows no more than either
 *      ruleset, so what one of them forbids is refused. Each of the two lookups finds the state of
 *      one of the rulesets, so what both allow passes.
 *   5. Besides one of the others, or alone: links are added to the set podless, or deleted from it.
 *      The rules about link-local packets refuse what comes from a link, or goes to one, that is
 *      not in it. Links are deleted before all other edits and added after them, each after a grace
 *      period. So in the first stretch a packet finds the maps and other sets of the old ruleset
 *      and at most the links of it; then those of the cases above, and only links that both
 *      rulesets have; then the maps of the new one, and at most the links of it. What both rulesets
 *      allow finds its links all the time. What both forbid: if the old one forbids it by its
 * links, it is refused until the last stretch, in which the new one decides; if the new one does
 * so, it is refused from the second stretch on, and in the first the old one decides; if both do so
 * by maps, the cases above hold.
 *
 * MAKE-BEFORE-BREAK (standby.c): all other changes. Standby maps, chains and sets are made, which
 * filter as the new ruleset does, whether the real sets have been edited yet or not. After a grace
 * period (another plan may have ended a moment ago) the base chains' rules are replaced by rules
 * that look up the standby maps. A packet has the old base rules or the new ones, so it is filtered
 * by the old ruleset or by the new one. After another grace period no packet looks up the real maps
 * any more, and the chains that packets do reach give the same result for both states of the real
 * sets: so the real maps and sets are edited. Then the base chains are switched back: a packet is
 * filtered by the standby objects or by the real ones, and both are the new ruleset. After a last
 * grace period the standby objects are deleted.
 *
 * REPLACE: the state of the table is not known (a crash in the middle of a plan, an edit by another
 * program). A fallback table enforces while ours is deleted and made again. Packets pass both
 * tables, and at every instant at least one is complete.
 */
#include "standby.h"
#include <assert.h>

/* ---- In place, or make-before-break ---- */
/* Added members and deleted verdicts can only allow more; every other edit may forbid something. */
static bool may_tighten(const Difference *d)
{
	const EditCounts *n = &d->counts;

	return n->set_dels + n->map_adds + n->map_moves > 0 || d->is_base_changed;
}

/* Case 2 (b): whether all chains that look up an edited set are of one direction. */
static bool is_one_direction(const Difference *d)
{
	StrMap *edited = strmap_new(d->arena);
	bool is_used[DIRECTION_N] = {};

	for (size_t i = 0; i < d->edits.n; i++)
		strmap_put(edited, d->edits.at[i].set->name, (void *)d->edits.at[i].set);
	for (size_t i = 0; i < d->new->chains.n; i++) {
		const Chain *chain = d->new->chains.at[i];

		for (size_t r = 0; r < chain->rules.n; r++)
			if (chain->rules.at[r].set && strmap_get(edited, chain->rules.at[r].set))
				is_used[chain->direction] = true;
	}
	return !is_used[INGRESS] || !is_used[EGRESS];
}

/* The numbers are those of the cases at the head of this file. */
static bool can_edit_in_place(const Difference *d)
{
	const EditCounts *n = &d->counts;
	bool has_set_edits = n->set_adds + n->set_dels > 0;

	if (d->is_base_changed)
		return false;
	if (n->directions == 0) /* 1, 2 */
		return !n->has_many || n->set_adds == 0 || n->set_dels == 0 || is_one_direction(d);
	if (!has_set_edits) /* 3 */
		return !n->has_many || n->directions == 1;
	return !n->has_many && n->map_moves == 0 && /* 4 */
	       (n->set_dels + n->map_dels == 0 || n->set_adds + n->map_adds == 0);
}

/* ---- In place ---- */
static void edit_sets(Steps *steps, const Difference *d, OpKind kind)
{
	for (size_t i = 0; i < d->edits.n; i++)
		steps_edit_set(steps, kind, d->edits.at[i].set,
			kind == OP_ADD_ELEMENTS ? d->edits.at[i].add : d->edits.at[i].del);
}

/* Case 2. Adds first: loosen, then tighten. */
static void swap_members(Steps *steps, const Difference *d)
{
	steps_begin(steps, "loosen", true);
	steps_grow_selves(steps, d);
	edit_sets(steps, d, OP_ADD_ELEMENTS);
	steps_begin(steps, "tighten", true);
	edit_sets(steps, d, OP_DEL_ELEMENTS);
}

static void tighten(Steps *steps, const Difference *d)
{
	steps_begin(steps, "tighten", true);
	steps_grow_selves(steps, d);
	edit_sets(steps, d, OP_DEL_ELEMENTS);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const MapEdit *map = &d->maps[direction][f];

			steps_move_verdicts(steps, direction, f, map->move);
			steps_edit_map(steps, OP_ADD_VERDICTS, direction, f, false, map->add);
		}
}

static void loosen(Steps *steps, const Difference *d)
{
	steps_begin(steps, "loosen", true);
	edit_sets(steps, d, OP_ADD_ELEMENTS);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			steps_edit_map(steps, OP_DEL_VERDICTS, direction, f, false,
				d->maps[direction][f].del);
}

static void edit_podless(Steps *steps, const Difference *d, OpKind kind)
{
	if (!d->podless.set)
		return;
	steps_begin(steps, kind == OP_ADD_ELEMENTS ? "leave alone" : "filter links", true);
	steps_edit_set(steps, kind, d->podless.set,
		kind == OP_ADD_ELEMENTS ? d->podless.add : d->podless.del);
}

static void plan_in_place(Steps *steps, const Difference *d)
{
	const EditCounts *n = &d->counts;

	steps_begin(steps, "grow", false);
	steps_grow(steps, d);
	edit_podless(steps, d, OP_DEL_ELEMENTS);
	if (n->directions == 0 && n->set_adds && n->set_dels) {
		swap_members(steps, d);
	} else {
		tighten(steps, d);
		loosen(steps, d);
	}
	edit_podless(steps, d, OP_ADD_ELEMENTS);
	steps_begin(steps, "shrink", true);
	steps_shrink(steps, d);
}

void plan_change(Arena *arena, const Ruleset *old, const Ruleset *new, Plan *ret_plan)
{
	Steps steps = {.plan = ret_plan, .base = &new->base};
	Difference d;

	assert(text_is_equal(old->base.table, new->base.table));
	assert(table_is_bridge(old->base.kind) == table_is_bridge(new->base.kind));
	*ret_plan = (Plan){.arena = arena};
	d = difference_find(arena, old, new);
	if (difference_is_empty(&d))
		return;
	ret_plan->may_tighten = may_tighten(&d);
	if (can_edit_in_place(&d))
		plan_in_place(&steps, &d);
	else
		plan_standby(&steps, &d);
	steps_end(&steps);
}

/* ---- Create, replace, remove ---- */
static void create(Plan *plan, const Ruleset *new)
{
	Steps steps = {.plan = plan, .base = &new->base};

	assert(new->is_complete);
	steps_begin(&steps, "grow", false);
	steps_table(&steps, OP_ADD_TABLE);
	for (size_t i = 0; i < new->sets.n; i++)
		steps_add_set(&steps, new->sets.at[i]);
	for (size_t i = 0; i < new->chains.n; i++)
		steps_add_chain(&steps, new->chains.at[i]);
	steps_all_maps(&steps, OP_ADD_MAP, false);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			steps_edit_map(&steps, OP_ADD_VERDICTS, direction, f, false,
				new->verdicts[direction][f]);
	/* no packet can be in a base chain that is not hooked yet: no grace period */
	steps_begin(&steps, "switch", false);
	steps_set_base(&steps, false);
}

static void destroy(Plan *plan, const BaseOptions *base)
{
	Steps steps = {.plan = plan, .base = base};

	steps_begin(&steps, "unhook", true);
	steps_table(&steps, OP_DEL_BASE);
	steps_begin(&steps, "delete", true);
	steps_table(&steps, OP_DEL_TABLE);
}

void plan_create(Arena *arena, const Ruleset *new, Plan *ret_plan)
{
	*ret_plan = (Plan){.arena = arena, .may_tighten = true};
	create(ret_plan, new);
}

void plan_replace(Arena *arena, const Ruleset *new, const Ruleset *fallback, bool has_table,
	bool has_fallback, Plan *ret_plan)
{
	assert(!text_is_equal(new->base.table, fallback->base.table));
	*ret_plan = (Plan){.arena = arena, .may_tighten = true};
	if (!has_fallback && has_table)
		create(ret_plan, fallback);
	if (has_table)
		destroy(ret_plan, &new->base);
	create(ret_plan, new);
	if (has_fallback || has_table)
		destroy(ret_plan, &fallback->base);
}

void plan_remove(Arena *arena, const BaseOptions *base, Plan *ret_plan)
{
	*ret_plan = (Plan){.arena = arena};
	destroy(ret_plan, base);
}
