/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * update: the compiler's state, which lives as long as the compiler, and that of an update in
 * progress, which is in a scratch arena. Private to the module.
 */
#include "chain_index.h"
#include "expand.h"

/* What an address leads to in a verdict map. */
typedef struct ChainVerdict {
	Address address;
	IndexedChain *chain; /* in an edit, NULL: the address leaves the map */
} ChainVerdict;

typedef VEC(ChainVerdict) ChainVerdicts;

struct Compiler {
	Arena *arena;
	const Model *model; /* borrowed */
	CompileOptions options;
	AddressIndex addresses;
	HashTable *local_pods; /* subject pods of this node, by name; unused with is_all */
	size_t n_local;	       /* pods of this node, subject or not */
	SelectorUsage usage;
	Budget budget;
	SetIndex sets;
	ChainIndex chains;
	/*
	 * A cache: expand_key() -> the name of the chain that expand() made for it. The chain may
	 * have been freed since. The cache is emptied when a policy changes or is toggled (Update),
	 * since the key has only the policies' names, and when sets and chains are renamed.
	 */
	Arena *cache_arena;
	StrMap *chain_names;
	ChainVerdicts verdicts[DIRECTION_N][FAMILY_N]; /* by address */
	/* that refuse everything; NULL: not kept. See keep_refusals() */
	IndexedChain *refusals[DIRECTION_N][FAMILY_N];
	bool is_started; /* an update has been made */
};

/* An address whose memberships or verdicts may change in this update. */
typedef struct DirtyAddress {
	Address address;
	Member before, after; /* the pod that it belongs to, before and after this update */
} DirtyAddress;

typedef struct Update {
	Compiler *c;
	Arena *scratch;
	const Changes *changes;
	StrMap *namespaces; /* name -> NamespaceChange of those that changed; NULL: none did */
	HashTable *dirty_by_address;
	VEC(DirtyAddress *) dirty;
	Policies toggled; /* that came over their namespace's budget, or are within it again */
	Expander expander;
	ChainVerdicts edits[DIRECTION_N][FAMILY_N];
	Ruleset *ruleset;
} Update;
