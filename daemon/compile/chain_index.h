/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * chain_index: the chains that verdicts lead to. Each chain is in it once, with the number of
 * verdicts that lead to it (its users). The index is kept from one update to the next. It also
 * maintains the users of the sets: the rules of all chains that look them up.
 *
 * In an update:
 *
 *     chain_index_begin
 *     chain_index_find, _add, _use, _unuse    as verdicts change
 *     chain_index_free_unused                 before set_index_end, which frees sets without users
 *     chain_index_end                         after it: names follow the sets' new names
 *
 * Private to the module.
 */
#include "set_index.h"

typedef struct IndexedChain {
	const Chain *chain; /* a reference */
	size_t users;	    /* verdicts that lead to it */
	struct IndexedChain *next_free;
} IndexedChain;

typedef VEC(IndexedChain *) IndexedChains;

typedef struct ChainIndex {
	Arena *arena;
	SetIndex *sets;
	HashTable *by_name;   /* IndexedChain */
	IndexedChain *free;   /* list of unused ones */
	IndexedChains sorted; /* by name; as of the last update */
	/* of the update in progress */
	Arena *scratch;
	IndexedChains new_chains;
	bool has_unused; /* a chain has lost its last verdict */
} ChainIndex;

void chain_index_init(ChainIndex *index, Arena *arena, SetIndex *sets);
void chain_index_free(ChainIndex *index);
/* Opens an update; `scratch` lives until chain_index_end. */
void chain_index_begin(ChainIndex *index, Arena *scratch);
IndexedChain *chain_index_find(const ChainIndex *index, const char *name); /* NULL if absent */
/* Adds a chain that chain_finish() has named, and that is not in the index. It has no user yet. */
IndexedChain *chain_index_add(ChainIndex *index, const Chain *spec);
void chain_index_use(IndexedChain *chain);
void chain_index_unuse(ChainIndex *index, IndexedChain *chain);
void chain_index_free_unused(ChainIndex *index);
void chain_index_end(ChainIndex *index);
