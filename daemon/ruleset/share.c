/* Sets and chains with several owners: each is one piece of memory, with all that belongs to it. */
#include "ruleset.h"
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
		(to)->n = (to)->room = (from)->n;                                                  \
	} while (0)

/* ---- Owners ---- */
static void hold(const unsigned *owners)
{
	if (*owners)
		__atomic_add_fetch((unsigned *)owners, 1, __ATOMIC_RELAXED);
}

/* Whether that was the last. */
static bool let_go(const unsigned *owners)
{
	return *owners && __atomic_sub_fetch((unsigned *)owners, 1, __ATOMIC_ACQ_REL) == 0;
}

const Set *set_hold(const Set *set)
{
	hold(&set->owners);
	return set;
}

void set_release(const Set *set)
{
	if (set && let_go(&set->owners))
		free((Set *)set);
}

const Chain *chain_hold(const Chain *chain)
{
	hold(&chain->owners);
	return chain;
}

void chain_release(const Chain *chain)
{
	if (chain && let_go(&chain->owners))
		free((Chain *)chain);
}

/* ---- Sets ---- */
/* All but the elements, for which there is room. */
static Set write_set(Piece *piece, const Set *draft)
{
	Set set = *draft;

	set.owners = 1;
	set.name = piece_text(piece, draft->name);
	set.comment = piece_text(piece, draft->comment);
	set.elements.at = piece_take(piece, draft->elements.n * sizeof(Element));
	set.elements.room = draft->elements.n;
	PIECE_LIST(piece, &set.ranges, &draft->ranges);
	return set;
}

static Set *make_room(const Set *draft)
{
	Piece piece = {.n = piece_size(sizeof(Set))};
	Set *set;

	write_set(&piece, draft);
	set = malloc(piece.n);
	piece = (Piece){(char *)set, piece_size(sizeof(Set))};
	if (set)
		*set = write_set(&piece, draft);
	return set;
}

/* ---- Edited sets ---- */
/* Three sorted lists become one: `to` NULL, only how long it is. */
static size_t merge(const Elements *old, const Elements *add, const Elements *del, Element *to)
{
	size_t i = 0, j = 0, k = 0, n = 0;

	while (i < old->n || j < add->n) {
		int r = i == old->n   ? 1
			: j == add->n ? -1
				      : element_compare(&old->at[i], &add->at[j]);
		const Element *next = r <= 0 ? &old->at[i] : &add->at[j];

		while (k < del->n && element_compare(&del->at[k], next) < 0)
			k++;
		if (r > 0 || k == del->n || element_compare(&del->at[k], next) != 0) {
			if (to)
				to[n] = *next;
			n++;
		}
		i += r <= 0;
		j += r >= 0;
	}
	return n;
}

const Set *set_edit(const Set *set, const Elements *add, const Elements *del, const Ranges *ranges)
{
	Set draft = *set, *made;

	draft.elements =
		(Elements){.at = set->elements.at, .n = merge(&set->elements, add, del, NULL)};
	if (ranges)
		draft.ranges = *ranges;
	made = make_room(&draft);
	if (made && made->elements.n)
		merge(&set->elements, add, del, made->elements.at);
	return made;
}

/* ---- Chains ---- */
/* The rule, and the one written before it, with which it may share what says where it is from. */
typedef struct Written {
	const ChainRule *draft;
	ChainRule rule;
} Written;

static const char *text_once(Piece *piece, const char *text, const char *last, const char *written)
{
	return text && text == last ? written : piece_text(piece, text);
}

static Written write_rule(Piece *piece, const ChainRule *draft, const Written *last)
{
	ChainRule rule = *draft;
	const ChainRule *before = last->draft ? last->draft : &(ChainRule){};

	rule.set = piece_text(piece, draft->set);
	rule.besides = piece_text(piece, draft->besides);
	rule.policy = text_once(piece, draft->policy, before->policy, last->rule.policy);
	rule.origin.file =
		text_once(piece, draft->origin.file, before->origin.file, last->rule.origin.file);
	PIECE_LIST(piece, &rule.ports, &draft->ports);
	return (Written){draft, rule};
}

static Chain write_chain(Piece *piece, const Chain *draft)
{
	Chain chain = *draft;
	Written last = {};

	chain.owners = 1;
	chain.name = piece_text(piece, draft->name);
	PIECE_LIST(piece, &chain.rules, &draft->rules);
	for (size_t i = 0; i < draft->rules.n; i++) {
		last = write_rule(piece, &draft->rules.at[i], &last);
		if (piece->at)
			chain.rules.at[i] = last.rule;
	}
	return chain;
}

const Chain *chain_make(const Chain *draft)
{
	Piece piece = {.n = piece_size(sizeof(Chain))};
	Chain *chain;

	write_chain(&piece, draft);
	chain = malloc(piece.n);
	piece = (Piece){(char *)chain, piece_size(sizeof(Chain))};
	if (chain)
		*chain = write_chain(&piece, draft);
	return chain;
}

/* ---- Rulesets ---- */
typedef struct Sharing {
	const Ruleset *from;
	Ruleset *to;
} Sharing;

static int share(void *context)
{
	const Sharing *s = context;
	const Ruleset *from = s->from;
	Ruleset *to = s->to;
	Arena *arena = to->arena;

	to->base.table = arena_strdup(arena, from->base.table);
	to->base.kind = from->base.kind;
	for (size_t i = 0; i < from->base.services.n; i++)
		VEC_PUSH(arena, &to->base.services, from->base.services.at[i]);
	for (size_t i = 0; i < from->sets.n; i++) {
		VEC_PUSH(arena, &to->sets, from->sets.at[i]);
		set_hold(from->sets.at[i]);
	}
	for (size_t i = 0; i < from->chains.n; i++) {
		VEC_PUSH(arena, &to->chains, from->chains.at[i]);
		chain_hold(from->chains.at[i]);
	}
	for (int d = 0; d < RULESET_DIRECTIONS; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			for (size_t i = 0; i < from->verdicts[d][f].n; i++)
				VEC_PUSH(arena, &to->verdicts[d][f], from->verdicts[d][f].at[i]);
	return 0;
}

Ruleset *ruleset_share(const Ruleset *ruleset)
{
	Sharing s = {ruleset, ruleset_new()};

	return s.to && arena_try(s.to->arena, share, &s) < 0 ? ruleset_free(s.to) : s.to;
}
