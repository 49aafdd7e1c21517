#pragma once
/* index: who holds which address. Private to the room. */
#include "compile.h"

typedef struct Index {
	ConflictMap claims; /* of addresses, by every pod that counts */
} Index;

void index_start(Index *index, Arena *arena);
/* The claims of a pod that counts; of another, nothing. */
void index_add(Index *index, const Pod *pod);
void index_remove(Index *index, const Pod *pod);
/* `by` says the same, at another place in memory. */
void index_replace(Index *index, const Pod *pod, const Pod *by);
/* Who holds the address: of several claimants the one that runs and started last. NULL: nobody. */
const Pod *index_owner(const Index *index, Address address);
/* Whether a pod that counts, and has the address, is the one that holds it. */
bool index_holds(const Index *index, const Pod *pod, Address address);
/* Two pods with one address. */
void index_warn(const Index *index, Diags *diags);
