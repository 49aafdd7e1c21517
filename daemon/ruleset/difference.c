/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The difference of two rulesets. Sets and chains that both share, by pointer, are not compared: so
 * the cost follows what differs.
 */
#include "difference.h"
#include "element.h"
#include <assert.h>

/* ---- Sets ---- */
static void diff_set(Difference *d, const Set *old, const Set *new)
{
	SetEdit edit = {.set = new};

	if (old->serial && new->edit_of == old->serial) { /* made from `old`: the edit is known */
		edit.add = new->added;
		edit.del = new->removed;
	} else {
		elements_diff(d->arena, &old->elements, &new->elements, &edit.add, &edit.del);
	}
	if (edit.add.n + edit.del.n == 0)
		return;
	if (new->kind == SET_LINKS)
		d->podless = edit;
	else if (new->kind == SET_SELF)
		VEC_PUSH(d->arena, &d->self_edits, edit);
	else
		VEC_PUSH(d->arena, &d->edits, edit);
}

static void diff_sets(Difference *d)
{
	Merge walk = {.compare = set_compare, .size = sizeof(Set *)};

	merge_start(&walk, d->old->sets.at, d->old->sets.n, d->new->sets.at, d->new->sets.n);
	while (merge_next(&walk)) {
		const Set *const *old = walk.left, *const *new = walk.right;

		if (!new)
			VEC_PUSH(d->arena, &d->old_sets, *old);
		else if (!old)
			VEC_PUSH(d->arena, &d->new_sets, *new);
		else if (*old != *new)
			diff_set(d, *old, *new);
	}
}

/* ---- Chains: the name is a digest of the content, so equal names are equal chains ---- */
static void diff_chains(Difference *d)
{
	Merge walk = {.compare = chain_compare, .size = sizeof(Chain *)};

	merge_start(
		&walk, d->old->chains.at, d->old->chains.n, d->new->chains.at, d->new->chains.n);
	while (merge_next(&walk)) {
		if (!walk.right)
			VEC_PUSH(d->arena, &d->old_chains, *(const Chain *const *)walk.left);
		if (!walk.left)
			VEC_PUSH(d->arena, &d->new_chains, *(const Chain *const *)walk.right);
	}
}

/* ---- Maps ---- */
static void diff_map(Arena *arena, const Verdicts *old, const Verdicts *new, MapEdit *edit)
{
	Merge walk = {.compare = verdict_compare, .size = sizeof(Verdict)};

	merge_start(&walk, old->at, old->n, new->at, new->n);
	while (merge_next(&walk)) {
		const Verdict *before = walk.left, *after = walk.right;

		if (!after)
			VEC_PUSH(arena, &edit->del, *before);
		else if (!before)
			VEC_PUSH(arena, &edit->add, *after);
		else if (!text_is_equal(before->chain, after->chain))
			VEC_PUSH(arena, &edit->move, *after);
	}
}

/* ---- Counts ---- */
static void count_address(EditCounts *counts, Address address)
{
	Family f = address.family;

	if (counts->has_address[f] && !address_is_equal(counts->address[f], address))
		counts->has_many = true;
	counts->address[f] = address;
	counts->has_address[f] = true;
}

static void count_elements(EditCounts *counts, const Elements *elements, size_t *n)
{
	*n += elements->n;
	for (size_t i = 0; i < elements->n; i++)
		count_address(counts, elements->at[i].address);
}

static void count_verdicts(EditCounts *counts, const Verdicts *verdicts, size_t *n)
{
	*n += verdicts->n;
	for (size_t i = 0; i < verdicts->n; i++)
		count_address(counts, verdicts->at[i].address);
}

static void count_maps(EditCounts *counts, const MapEdit maps[FAMILY_N])
{
	size_t before = counts->map_adds + counts->map_dels + counts->map_moves;

	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		count_verdicts(counts, &maps[f].add, &counts->map_adds);
		count_verdicts(counts, &maps[f].del, &counts->map_dels);
		count_verdicts(counts, &maps[f].move, &counts->map_moves);
	}
	counts->directions += counts->map_adds + counts->map_dels + counts->map_moves > before;
}

static void count_edits(Difference *d)
{
	for (size_t i = 0; i < d->edits.n; i++) {
		count_elements(&d->counts, &d->edits.at[i].add, &d->counts.set_adds);
		count_elements(&d->counts, &d->edits.at[i].del, &d->counts.set_dels);
	}
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		count_maps(&d->counts, d->maps[direction]);
}

Difference difference_find(Arena *arena, const Ruleset *old, const Ruleset *new)
{
	Difference d = {.arena = arena, .old = old, .new = new};

	assert(old->is_complete && new->is_complete);
	diff_sets(&d);
	diff_chains(&d);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			diff_map(arena, &old->verdicts[direction][f], &new->verdicts[direction][f],
				&d.maps[direction][f]);
	d.is_base_changed = !base_is_equal(&old->base, &new->base);
	count_edits(&d);
	return d;
}

bool difference_is_empty(const Difference *d)
{
	return !d->is_base_changed && d->counts.directions == 0 && !d->podless.set &&
	       d->edits.n + d->self_edits.n + d->new_sets.n + d->old_sets.n + d->new_chains.n +
			       d->old_chains.n ==
		       0;
}
