/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * difference: what has to be added, edited and deleted to come from one ruleset to another, and
 * how much of each. Everything is borrowed from the two rulesets, or lives in `arena`. Private to
 * the module.
 */
#include "ruleset.h"

/* Elements that come into a set, and that go. */
typedef struct SetEdit {
	const Set *set; /* as in the new ruleset */
	Elements add, del;
} SetEdit;

typedef struct MapEdit {
	Verdicts add, del;
	Verdicts move; /* the address stays, and leads to another chain; as in the new ruleset */
} MapEdit;

/* The self sets are not counted: whatever they hold, a plan can edit them in place. */
typedef struct EditCounts {
	size_t set_adds, set_dels;
	size_t map_adds, map_dels, map_moves;
	size_t directions;	/* in whose maps something changes: 0 to 2 */
	bool has_many;		/* the edits concern more than one address of a family */
	bool has_one[FAMILY_N]; /* ... at least one, */
	Address one[FAMILY_N];	/* and this is it */
} EditCounts;

typedef struct Difference {
	Arena *arena;
	const Ruleset *old, *new;
	VEC(const Set *) new_sets, old_sets; /* in one ruleset only */
	VEC(const Chain *) new_chains, old_chains;
	VEC(SetEdit) edits;	 /* sets of both rulesets that rules look up */
	VEC(SetEdit) self_edits; /* the self sets */
	MapEdit maps[DIRECTION_N][FAMILY_N];
	bool is_base_changed;
	EditCounts counts;
} Difference;

/* Both rulesets are complete, and outlive the difference. */
Difference difference_find(Arena *arena, const Ruleset *old, const Ruleset *new);
bool difference_is_empty(const Difference *d);
