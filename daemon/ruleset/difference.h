/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * difference: what has to be added, edited and deleted to come from one ruleset to another, and
 * how much of each. Everything is borrowed from the two rulesets, or lives in `arena`. Private to
 * the module.
 */
#include "ruleset.h"

/* A set that is in both rulesets: the elements to add and to delete. */
typedef struct SetEdit {
	const Set *set; /* of the new ruleset */
	Elements add, del;
} SetEdit;

typedef struct MapEdit {
	Verdicts add, del;
	Verdicts move; /* of the new ruleset: the old one has the address, with another chain */
} MapEdit;

/*
 * Which cases of an edit in place (plan.c) apply follows from these. The self sets are not counted:
 * a plan can always edit them in place, since a pod may reach itself in every version.
 */
typedef struct EditCounts {
	size_t set_adds, set_dels;
	size_t map_adds, map_dels, map_moves;
	size_t directions;	    /* directions whose maps change: 0 to 2 */
	bool has_many;		    /* the edits concern several addresses of one family */
	bool has_address[FAMILY_N]; /* they concern an address of the family: */
	Address address[FAMILY_N];  /* the last one that was counted */
} EditCounts;

typedef struct Difference {
	Arena *arena;
	const Ruleset *old, *new;
	VEC(const Set *) new_sets, old_sets; /* in the new ruleset only; in the old one only */
	VEC(const Chain *) new_chains, old_chains;
	VEC(SetEdit) edits;	 /* of sets that rules look up */
	SetEdit podless;	 /* set: NULL if it is the same */
	VEC(SetEdit) self_edits; /* of self4 and self6, which the refusal chains look up */
	MapEdit maps[DIRECTION_N][FAMILY_N];
	bool is_base_changed;
	EditCounts counts;
} Difference;

/* Both rulesets are complete, and outlive the difference. */
Difference difference_find(Arena *arena, const Ruleset *old, const Ruleset *new);
bool difference_is_empty(const Difference *d);
