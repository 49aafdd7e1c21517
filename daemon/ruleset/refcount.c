/*
 * Reference counts: sets and chains that several rulesets share, each one piece of memory with all
 * that belongs to it; and rulesets that several threads read.
 *
 * What lives in a ruleset's arena (readback, the tables for tagged frames and for lockdown are made
 * so) goes with that arena: it has no count, and to hold it alone is a programming error that
 * set_hold and chain_hold assert. Holding the whole ruleset keeps its arena.
 */
#include "ruleset.h"
#include <assert.h>
#include <string.h>

/* A piece of memory that is measured by a first pass and written by a second. */
typedef struct Piece {
	char *at; /* NULL: only measured */
	size_t n;
} Piece;

static size_t piece_size(size_t bytes)
{
	return (bytes + 15) & ~(size_t)15;
}

static void *piece_take(Piece *piece, size_t bytes)
{
	void *memory = piece->at ? piece->at + piece->n : NULL;

	piece->n += piece_size(bytes);
	return memory;
}

static void *piece_copy(Piece *piece, const void *from, size_t bytes)
{
	void *memory = piece_take(piece, bytes);

	if (memory && bytes)
		memcpy(memory, from, bytes);
	return memory;
}

static const char *piece_text(Piece *piece, const char *text)
{
	return text ? piece_copy(piece, text, strlen(text) + 1) : NULL;
}

#define PIECE_LIST(piece, to, from)                                                                \
	do {                                                                                       \
		(to)->at = piece_copy((piece), (from)->at, (from)->n * sizeof(*(from)->at));       \
		(to)->n = (to)->capacity = (from)->n;                                              \
	} while (0)

/* ---- Owners ---- */
/* The count is the one thing that changes in what is constant otherwise. */
static void hold(const unsigned *refcount)
{
	unsigned before = __atomic_fetch_add((unsigned *)refcount, 1, __ATOMIC_RELAXED);

	assert(before > 0); /* an arena's, or freed already */
	(void)before;
}

/* Whether that was the last. */
static bool let_go(const unsigned *refcount)
{
	return __atomic_sub_fetch((unsigned *)refcount, 1, __ATOMIC_ACQ_REL) == 0;
}

static bool is_of_arena(const unsigned *refcount)
{
	return __atomic_load_n(refcount, __ATOMIC_RELAXED) == 0;
}

const Set *set_ref(const Set *set)
{
	hold(&set->refcount);
	return set;
}

void set_unref(const Set *set)
{
	if (set && !is_of_arena(&set->refcount) && let_go(&set->refcount))
		free((Set *)set);
}

const Chain *chain_ref(const Chain *chain)
{
	hold(&chain->refcount);
	return chain;
}

void chain_unref(const Chain *chain)
{
	if (chain && !is_of_arena(&chain->refcount) && let_go(&chain->refcount))
		free((Chain *)chain);
}

/* ---- Sets ---- */
static Elements take_elements(Piece *piece, uint32_t n)
{
	return (Elements){.at = piece_take(piece, n * sizeof(Element)), .capacity = n};
}

/* All but the elements, for which there is room. */
static Set write_set(Piece *piece, const Set *draft)
{
	Set set = *draft;

	set.refcount = 1;
	set.name = piece_text(piece, draft->name);
	set.comment = piece_text(piece, draft->comment);
	set.elements = take_elements(piece, draft->elements.n);
	set.added = take_elements(piece, draft->added.n);
	set.removed = take_elements(piece, draft->removed.n);
	PIECE_LIST(piece, &set.ranges, &draft->ranges);
	return set;
}

static Set *make_room(const Set *draft)
{
	Piece piece = {.n = piece_size(sizeof(Set))};
	Set *set;

	write_set(&piece, draft);
	set = memory_alloc(piece.n);
	piece = (Piece){(char *)set, piece_size(sizeof(Set))};
	*set = write_set(&piece, draft);
	return set;
}

/* ---- Edited sets ---- */
/* The first from `at` on that is not before the element. */
static size_t find_place(const Elements *elements, size_t at, const Element *element)
{
	size_t end = elements->n;

	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (element_compare(&elements->at[middle], element) < 0)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

static void copy_span(Elements *to, const Elements *from, size_t begin, size_t end)
{
	if (end > begin)
		memcpy(to->at + to->n, from->at + begin, (end - begin) * sizeof(Element));
	to->n += (uint32_t)(end - begin);
}

static bool is_at(const Elements *elements, size_t at, const Element *element)
{
	return at < elements->n && element_compare(&elements->at[at], element) == 0;
}

/* What lies between two edits is copied as it is: a large set costs its copying, no comparisons. */
static void write_elements(Set *to, const Elements *old, const Elements *add, const Elements *del)
{
	size_t i = 0, j = 0, k = 0;

	while (j < add->n || k < del->n) {
		bool is_add = k == del->n ||
			      (j < add->n && element_compare(&add->at[j], &del->at[k]) <= 0);
		const Element *next = is_add ? &add->at[j] : &del->at[k];
		bool is_del = is_at(del, k, next), was = false;
		size_t place = find_place(old, i, next);

		copy_span(&to->elements, old, i, place);
		was = is_at(old, place, next);
		i = place + was;
		if (!is_del)
			to->elements.at[to->elements.n++] = *next;
		if (was && is_del && to->edit_of)
			to->removed.at[to->removed.n++] = *next;
		if (!was && !is_del && to->edit_of)
			to->added.at[to->added.n++] = *next;
		j += is_add;
		k += is_del;
	}
	copy_span(&to->elements, old, i, old->n);
}

static uint64_t next_serial(void)
{
	static uint64_t serial;

	return __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
}

const Set *set_edit(const Set *set, const Elements *add, const Elements *del)
{
	bool is_small = add->n + del->n <= set->elements.n / 4; /* else it is not worth noting */
	Set draft = *set, *made;

	draft.serial = next_serial();
	draft.edit_of = is_small ? set->serial : 0;
	draft.elements.n = set->elements.n + add->n;
	draft.added.n = draft.edit_of ? add->n : 0;
	draft.removed.n = draft.edit_of ? del->n : 0;
	made = make_room(&draft);
	write_elements(made, &set->elements, add, del);
	return made;
}

const Set *set_make(const Set *draft)
{
	Set original = *draft;

	original.serial = 0; /* what is made is no edit of it */
	return set_edit(&original, &(Elements){}, &(Elements){});
}

/* ---- Chains ---- */
static ChainRule write_rule(Piece *piece, const ChainRule *draft)
{
	ChainRule rule = *draft;

	rule.set = piece_text(piece, draft->set);
	rule.excluded = piece_text(piece, draft->excluded);
	PIECE_LIST(piece, &rule.ports, &draft->ports);
	return rule;
}

static Chain write_chain(Piece *piece, const Chain *draft)
{
	Chain chain = *draft;

	chain.refcount = 1;
	chain.name = piece_text(piece, draft->name);
	PIECE_LIST(piece, &chain.rules, &draft->rules);
	for (size_t i = 0; i < draft->rules.n; i++) {
		ChainRule rule = write_rule(piece, &draft->rules.at[i]);

		if (piece->at)
			chain.rules.at[i] = rule;
	}
	return chain;
}

const Chain *chain_make(const Chain *draft)
{
	Piece piece = {.n = piece_size(sizeof(Chain))};
	Chain *chain;

	write_chain(&piece, draft);
	chain = memory_alloc(piece.n);
	piece = (Piece){(char *)chain, piece_size(sizeof(Chain))};
	*chain = write_chain(&piece, draft);
	return chain;
}

/* ---- Rulesets ---- */
const Ruleset *ruleset_ref(const Ruleset *ruleset)
{
	hold(&ruleset->refcount);
	return ruleset;
}

Ruleset *ruleset_unref(const Ruleset *ruleset)
{
	if (!ruleset || !let_go(&ruleset->refcount))
		return NULL;
	for (size_t i = 0; i < ruleset->sets.n; i++)
		set_unref(ruleset->sets.at[i]);
	for (size_t i = 0; i < ruleset->chains.n; i++)
		chain_unref(ruleset->chains.at[i]);
	arena_free(ruleset->arena);
	free((Ruleset *)ruleset);
	return NULL;
}

Ruleset *ruleset_clone(const Ruleset *from)
{
	Ruleset *to = ruleset_new();
	Arena *arena = to->arena;

	to->base = from->base;
	to->base.table = arena_strdup(arena, from->base.table);
	to->base.services = VEC_COPY(arena, from->base.services);
	for (size_t i = 0; i < from->sets.n; i++) {
		VEC_PUSH(arena, &to->sets, set_ref(from->sets.at[i]));
	}
	for (size_t i = 0; i < from->chains.n; i++) {
		VEC_PUSH(arena, &to->chains, chain_ref(from->chains.at[i]));
	}
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			for (size_t i = 0; i < from->verdicts[d][f].n; i++)
				VEC_PUSH(arena, &to->verdicts[d][f], from->verdicts[d][f].at[i]);
	return to;
}
