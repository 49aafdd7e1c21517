/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chains that verdicts lead to. See chain_index.h. */
#include "chain_index.h"
#include <assert.h>
#include <string.h>

void chain_index_init(ChainIndex *index, Arena *arena, SetIndex *sets)
{
	*index = (ChainIndex){.arena = arena, .sets = sets, .by_name = hash_table_new(arena)};
}

void chain_index_free(ChainIndex *index)
{
	const IndexedChain *chain;
	size_t cursor = 0;

	while ((chain = hash_table_next(index->by_name, &cursor)))
		chain_unref(chain->chain);
}

void chain_index_begin(ChainIndex *index, Arena *scratch)
{
	assert(!index->scratch); /* the update before has ended */
	index->scratch = scratch;
	index->new_chains = (IndexedChains){};
	index->has_unused = false;
}

IndexedChain *chain_index_find(const ChainIndex *index, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const IndexedChain *chain;
	size_t cursor = 0;

	while ((chain = hash_table_find(index->by_name, hash, &cursor)))
		if (strcmp(chain->chain->name, name) == 0)
			return (IndexedChain *)chain;
	return NULL;
}

/* `by`: 1 adds the chain's lookups to the sets' counts, -1 removes them. */
static void count_lookups(ChainIndex *index, const Chain *chain, int by)
{
	for (size_t i = 0; i < chain->rules.n; i++) {
		IndexedSet *set;

		if (!chain->rules.at[i].set)
			continue;
		set = set_index_find(index->sets, chain->rules.at[i].set);
		assert(set && (by > 0 || set->users > 0));
		set->users += (size_t)by;
	}
}

IndexedChain *chain_index_add(ChainIndex *index, const Chain *spec)
{
	IndexedChain *chain = index->free ? index->free : ARENA_NEW(index->arena, IndexedChain);

	assert(index->scratch && !chain_index_find(index, spec->name));
	index->free = chain->next_free;
	*chain = (IndexedChain){.chain = chain_make(spec)};
	hash_table_add(index->by_name, hash_text(HASH_START, spec->name), chain);
	VEC_PUSH(index->scratch, &index->new_chains, chain);
	count_lookups(index, chain->chain, 1);
	return chain;
}

void chain_index_use(IndexedChain *chain)
{
	chain->users++;
}

void chain_index_unuse(ChainIndex *index, IndexedChain *chain)
{
	assert(chain->users > 0);
	index->has_unused |= --chain->users == 0;
}

/* ---- Unused chains ---- */
static void free_chain(ChainIndex *index, IndexedChain *chain)
{
	count_lookups(index, chain->chain, -1);
	hash_table_remove(index->by_name, hash_text(HASH_START, chain->chain->name), chain);
	chain_unref(chain->chain);
	chain->next_free = index->free;
	index->free = chain;
}

static void free_unused(ChainIndex *index, IndexedChains *chains)
{
	uint32_t n = 0;

	for (size_t i = 0; i < chains->n; i++)
		if (chains->at[i]->users > 0)
			chains->at[n++] = chains->at[i];
		else
			free_chain(index, chains->at[i]);
	chains->n = n;
}

void chain_index_free_unused(ChainIndex *index)
{
	if (index->has_unused)
		free_unused(index, &index->sorted);
	/* a chain may be added and lose its last verdict in one update */
	free_unused(index, &index->new_chains);
}

/* ---- Names ---- */
static int chain_compare(const void *a, const void *b)
{
	return strcmp(
		(*(IndexedChain *const *)a)->chain->name, (*(IndexedChain *const *)b)->chain->name);
}

static void sort_chains(IndexedChains *chains)
{
	if (chains->n)
		qsort(chains->at, chains->n, sizeof(IndexedChain *), chain_compare);
}

/*
 * Replaces the chain if it looks up a set that was renamed. Names of sets are part of a chain's
 * content, so the chain's own name, a digest of the content, changes too.
 */
static void rename_chain(ChainIndex *index, IndexedChain *chain)
{
	Chain spec = {.comment = chain->chain->comment,
		.direction = chain->chain->direction,
		.is_audit = chain->chain->is_audit,
		.is_drop = chain->chain->is_drop};
	const Chain *made;
	bool has_renamed_set = false;

	for (size_t i = 0; i < chain->chain->rules.n; i++) {
		ChainRule rule = chain->chain->rules.at[i];
		const char *set = rule.set ? set_index_new_name(index->sets, rule.set) : NULL;

		has_renamed_set |= set != rule.set;
		rule.set = set;
		VEC_PUSH(index->scratch, &spec.rules, rule);
	}
	if (!has_renamed_set)
		return;
	chain_finish(index->scratch, &spec);
	made = chain_make(&spec);
	hash_table_remove(index->by_name, hash_text(HASH_START, chain->chain->name), chain);
	chain_unref(chain->chain);
	chain->chain = made;
	hash_table_add(index->by_name, hash_text(HASH_START, made->name), chain);
}

static void merge_new(ChainIndex *index)
{
	Merge walk = {.compare = chain_compare, .size = sizeof(IndexedChain *)};
	IndexedChains old;

	if (index->new_chains.n == 0)
		return;
	sort_chains(&index->new_chains);
	old = VEC_COPY(index->scratch, index->sorted);
	index->sorted.n = 0;
	merge_start(&walk, old.at, old.n, index->new_chains.at, index->new_chains.n);
	while (merge_next(&walk)) {
		assert(!walk.left || !walk.right); /* a name has one chain */
		VEC_PUSH(index->arena, &index->sorted,
			*(IndexedChain *const *)(walk.left ? walk.left : walk.right));
	}
}

/*
 * A chain that existed before this update looks up no set that was created in it, so it is only
 * renamed if one of the older sets was.
 */
void chain_index_end(ChainIndex *index)
{
	for (size_t i = 0; index->sets->renamed && i < index->new_chains.n; i++)
		rename_chain(index, index->new_chains.at[i]);
	for (size_t i = 0; index->sets->is_old_set_renamed && i < index->sorted.n; i++)
		rename_chain(index, index->sorted.at[i]);
	if (index->sets->is_old_set_renamed)
		sort_chains(&index->sorted);
	merge_new(index);
	index->scratch = NULL;
}
