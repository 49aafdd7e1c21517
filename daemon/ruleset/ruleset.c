/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rulesets: how they are filled, shared, looked up and compared. */
#include "ruleset.h"
#include "element.h"
#include "refcount.h"
#include <assert.h>
#include <string.h>

Ruleset *ruleset_new(void)
{
	Ruleset *ruleset = MEMORY_NEW(Ruleset);

	ruleset->refcount = 1;
	ruleset->arena = arena_new();
	return ruleset;
}

const Ruleset *ruleset_ref(const Ruleset *ruleset)
{
	reference_take(&ruleset->refcount);
	return ruleset;
}

Ruleset *ruleset_unref(const Ruleset *ruleset)
{
	if (!ruleset || !reference_drop(&ruleset->refcount))
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

	assert(from->is_complete);
	to->base = from->base;
	to->base.table = arena_strdup(arena, from->base.table);
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
	to->is_complete = true;
	return to;
}

/* ---- Filling ---- */
Set *ruleset_add_set(Ruleset *ruleset, Set spec)
{
	Set *set = ARENA_NEW(ruleset->arena, Set);

	assert(!ruleset->is_complete);
	*set = spec;
	VEC_PUSH(ruleset->arena, &ruleset->sets, set);
	VEC_PUSH(ruleset->arena, &ruleset->unsorted, set);
	return set;
}

Chain *ruleset_add_chain(Ruleset *ruleset, Chain spec)
{
	Chain *chain = ARENA_NEW(ruleset->arena, Chain);

	assert(!ruleset->is_complete);
	*chain = spec;
	VEC_PUSH(ruleset->arena, &ruleset->chains, chain);
	return chain;
}

Set *ruleset_add_self(Ruleset *ruleset, Family family, bool is_audit)
{
	return ruleset_add_set(ruleset, (Set){.name = object_name_self(family, is_audit),
						.kind = SET_SELF,
						.family = family});
}

Set *ruleset_add_podless(Ruleset *ruleset)
{
	return ruleset_add_set(ruleset, (Set){.name = object_name_podless(false),
						.kind = SET_LINKS,
						.family = FAMILY_IPV6});
}

void ruleset_set_podless(Ruleset *ruleset, const Set *podless)
{
	const Set **at, *wanted = podless;

	assert(ruleset->is_complete && ruleset->refcount == 1 && podless->kind == SET_LINKS);
	at = bsearch(&wanted, ruleset->sets.at, ruleset->sets.n, sizeof(Set *), set_compare);
	assert(at); /* every ruleset has it */
	set_ref(podless);
	set_unref(*at);
	*at = podless;
}

/* ---- Sizes ---- */
enum { SET_SIZE_MIN = 1024, SET_SIZE_STEP = 8, SET_SIZE_MAX = 524288 };

/*
 * Measured: a new flow costs 1 % less time if an IPv4 address is looked up in a hash table of fixed
 * size. For IPv6 addresses there is no difference, so their sets state no size.
 */
size_t set_size(const Set *set)
{
	if (set->kind != SET_PODS || set->family != FAMILY_IPV4)
		return 0;
	for (size_t size = SET_SIZE_MIN; size <= SET_SIZE_MAX; size *= SET_SIZE_STEP)
		if (set->elements.n <= size / 2)
			return size;
	return 0;
}

bool ruleset_isolates(const Ruleset *ruleset, Direction direction)
{
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		for (size_t i = 0; i < ruleset->verdicts[direction][f].n; i++)
			if (verdict_isolates(&ruleset->verdicts[direction][f].at[i]))
				return true;
	return false;
}

static void count_maps(Ruleset *ruleset)
{
	BaseOptions *base = &ruleset->base;

	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		base->is_isolating[d] = ruleset_isolates(ruleset, d);
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			size_t n = ruleset->verdicts[d][f].n;

			base->is_empty[d][f] = n == 0;
			base->is_large[d][f] = n > MAP_SMALL_MAX;
		}
	}
}

static bool is_sorted(const Ruleset *ruleset)
{
	for (size_t i = 1; i < ruleset->sets.n; i++)
		if (set_compare(&ruleset->sets.at[i - 1], &ruleset->sets.at[i]) >= 0)
			return false;
	for (size_t i = 1; i < ruleset->chains.n; i++)
		if (chain_compare(&ruleset->chains.at[i - 1], &ruleset->chains.at[i]) >= 0)
			return false;
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (!verdicts_are_sorted(&ruleset->verdicts[d][f]))
				return false;
	return true;
}

void ruleset_complete(Ruleset *ruleset)
{
	assert(!ruleset->is_complete && is_sorted(ruleset));
	count_maps(ruleset);
	ruleset->is_complete = true;
}

void ruleset_sort(Ruleset *ruleset)
{
	assert(!ruleset->is_complete);
	for (size_t i = 0; i < ruleset->unsorted.n; i++)
		elements_sort(&ruleset->unsorted.at[i]->elements);
	if (ruleset->sets.n)
		qsort(ruleset->sets.at, ruleset->sets.n, sizeof(Set *), set_compare);
	if (ruleset->chains.n)
		qsort(ruleset->chains.at, ruleset->chains.n, sizeof(Chain *), chain_compare);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (ruleset->verdicts[d][f].n)
				qsort(ruleset->verdicts[d][f].at, ruleset->verdicts[d][f].n,
					sizeof(Verdict), verdict_compare);
	ruleset_complete(ruleset);
}

/* ---- Lookups ---- */
const Set *ruleset_set(const Ruleset *ruleset, const char *name)
{
	const Set wanted = {.name = name}, *key = &wanted, **found = NULL;

	assert(ruleset->is_complete); /* the search is binary */
	if (ruleset->sets.n)
		found = bsearch(
			&key, ruleset->sets.at, ruleset->sets.n, sizeof(Set *), set_compare);
	return found ? *found : NULL;
}

const Chain *ruleset_chain(const Ruleset *ruleset, const char *name)
{
	const Chain wanted = {.name = name}, *key = &wanted, **found = NULL;

	assert(ruleset->is_complete); /* the search is binary */
	if (ruleset->chains.n)
		found = bsearch(&key, ruleset->chains.at, ruleset->chains.n, sizeof(Chain *),
			chain_compare);
	return found ? *found : NULL;
}

const Verdict *ruleset_verdict(const Ruleset *ruleset, Direction direction, Address address)
{
	const Verdicts *map = &ruleset->verdicts[direction][address.family];
	Verdict wanted = {.address = address};

	assert(ruleset->is_complete); /* the search is binary */
	return map->n ? bsearch(&wanted, map->at, map->n, sizeof(Verdict), verdict_compare) : NULL;
}

/* ---- Comments ---- */
/* A string in nft's syntax ends at the next double quote; there are no escape sequences. */
static char *replace_syntax(char *text)
{
	for (char *c = text; *c; c++)
		if (*c == '"')
			*c = '\'';
		else if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\')
			*c = '?';
	return text;
}

const char *comment_truncate(Arena *arena, const char *text)
{
	size_t n = strlen(text);

	if (n <= RULESET_COMMENT_MAX)
		return replace_syntax(arena_strdup(arena, text));
	n = RULESET_COMMENT_MAX - 3;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return replace_syntax(arena_printf(arena, "%.*s...", (int)n, text));
}

/* ---- Cost ---- */
/* Measured: a rule, chain or set costs the kernel about as much as 20 elements. */
enum { OBJECT_COST = 20 };

size_t ruleset_cost(const Ruleset *ruleset)
{
	size_t cost = OBJECT_COST * ruleset->sets.n;

	for (size_t i = 0; i < ruleset->sets.n; i++)
		cost += ruleset->sets.at[i]->elements.n + ruleset->sets.at[i]->ranges.n;
	for (size_t i = 0; i < ruleset->chains.n; i++)
		cost += OBJECT_COST * (1 + ruleset->chains.at[i]->rules.n);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			cost += ruleset->verdicts[d][f].n;
	return cost;
}

/* ---- Equality ---- */
static bool is_set_equal(const Set *a, const Set *b)
{
	if (a == b)
		return true;
	if (strcmp(a->name, b->name) != 0 || a->elements.n != b->elements.n)
		return false;
	for (size_t i = 0; i < a->elements.n; i++)
		if (element_compare(&a->elements.at[i], &b->elements.at[i]) != 0)
			return false;
	return ranges_are_equal(&a->ranges, &b->ranges);
}

static bool is_map_equal(const Verdicts *a, const Verdicts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!address_is_equal(a->at[i].address, b->at[i].address) ||
			!text_is_equal(a->at[i].chain, b->at[i].chain))
			return false;
	return true;
}

bool base_is_equal(const BaseOptions *a, const BaseOptions *b)
{
	return a->kind == b->kind && a->log_group == b->log_group &&
	       a->is_transit == b->is_transit &&
	       memcmp(a->is_empty, b->is_empty, sizeof(a->is_empty)) == 0 &&
	       memcmp(a->is_large, b->is_large, sizeof(a->is_large)) == 0 &&
	       memcmp(a->is_isolating, b->is_isolating, sizeof(a->is_isolating)) == 0;
}

bool table_is_bridge(TableKind kind)
{
	return kind != TABLE_INET;
}

bool ruleset_is_equal(const Ruleset *a, const Ruleset *b)
{
	if (a->sets.n != b->sets.n || a->chains.n != b->chains.n ||
		!base_is_equal(&a->base, &b->base))
		return false;
	for (size_t i = 0; i < a->sets.n; i++)
		if (!is_set_equal(a->sets.at[i], b->sets.at[i]))
			return false;
	for (size_t i = 0; i < a->chains.n; i++)
		if (a->chains.at[i] != b->chains.at[i] &&
			strcmp(a->chains.at[i]->name, b->chains.at[i]->name) != 0)
			return false;
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (!is_map_equal(&a->verdicts[d][f], &b->verdicts[d][f]))
				return false;
	return true;
}
