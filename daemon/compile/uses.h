#pragma once
/*
 * uses: who looks up which selection of pods. A group is the rules of one namespace's policies that
 * have the same podSelector, direction and ports: they come together always, and let through alike
 * whomever they select, who may so be one set, which a packet looks up once. That set holds the
 * addresses itself: only selections that no other group uses are in it, so that nobody is held
 * twice. The others have a set each, which groups share. Private to the room.
 */
#include "selection.h"

typedef struct Use Use;

typedef struct Uses {
	Arena *arena;
	HashTable *by_selection; /* Use by hash: selections of one hash count as one */
	Use *free;
	/* of the update under way */
	Arena *scratch;
	VEC(Use *) edited;
} Uses;

void uses_start(Uses *uses, Arena *arena);
/* An update begins: until uses_end. */
void uses_begin(Uses *uses, Arena *scratch);
/* By what the policy says: it may be another place in memory than when it was added. */
void uses_add(Uses *uses, const Policy *policy);
void uses_remove(Uses *uses, const Policy *policy);
/* Whether one group alone uses it, of a policy that was added. */
bool uses_are_of_one(const Uses *uses, const Selection *selection);
/* Whether that became otherwise in this update: of any peer; of one of that policy's. */
bool uses_turned(const Uses *uses);
bool uses_turned_of(const Uses *uses, const Policy *policy);
void uses_end(Uses *uses);

uint32_t group_hash(const Policy *policy, Direction direction, const Rule *rule);
bool group_is_equal(const Policy *a, const Rule *x, const Policy *b, const Rule *y);
