/*
 * Claims: items by key. A key that one item claims is in one table, where it costs a slot; those
 * that several claim are crowds in another, whose items are found by where they are in memory: a
 * key of 50,000 claims costs no more than 50,000 keys.
 */
#include "base.h"
#include <string.h>

#define AMONG_CROWDS ((size_t)1 << (8 * sizeof(size_t) - 1)) /* a cursor is past those alone */

struct Crowd {
	Arena *arena; /* of its own */
	void *key;
	Table *items;
	const void *holder; /* NULL: to be found when it is asked for */
};

static uint32_t key_hash(const Claims *claims, const void *key)
{
	return hash_bytes(HASH_START, key, claims->kind->key_size(key));
}

static uint32_t item_hash(const void *item)
{
	return hash_bytes(HASH_START, &item, sizeof(item));
}

void claims_start(Claims *claims, Arena *arena, const ClaimKind *kind)
{
	*claims = (Claims){arena, kind, table_new(arena), table_new(arena)};
}

/* ---- Crowds ---- */
static Crowd *crowd_of(const Claims *claims, const void *key, uint32_t hash)
{
	size_t n = claims->kind->key_size(key), cursor = 0;
	const Crowd *crowd;

	while ((crowd = table_find(claims->crowds, hash, &cursor)))
		if (claims->kind->key_size(crowd->key) == n && memcmp(crowd->key, key, n) == 0)
			return (Crowd *)crowd;
	return NULL;
}

static Crowd *begin_crowd(Claims *claims, const void *key, uint32_t hash)
{
	Arena *arena = arena_child(claims->arena);
	Crowd *crowd = ARENA_NEW(arena, Crowd);
	size_t n = claims->kind->key_size(key);

	*crowd = (Crowd){.arena = arena,
		.key = memcpy(arena_alloc(arena, n), key, n),
		.items = table_new(arena)};
	table_add(claims->crowds, hash, crowd);
	return crowd;
}

static const void *find_holder(const Claims *claims, Crowd *crowd)
{
	const void *item;
	size_t cursor = 0;

	if (crowd->holder)
		return crowd->holder;
	while ((item = table_next(crowd->items, &cursor)))
		if (!crowd->holder || claims->kind->is_better(item, crowd->holder))
			crowd->holder = item;
	return crowd->holder;
}

/* Once there is only one left. */
static void end_crowd(Claims *claims, Crowd *crowd, uint32_t hash)
{
	table_add(claims->alone, hash, find_holder(claims, crowd));
	table_remove(claims->crowds, hash, crowd);
	arena_free(crowd->arena);
}

static void join(const Claims *claims, Crowd *crowd, const void *item)
{
	table_add(crowd->items, item_hash(item), item);
	if (crowd->holder && claims->kind->is_better(item, crowd->holder))
		crowd->holder = item;
}

static void leave(Crowd *crowd, const void *item)
{
	table_remove(crowd->items, item_hash(item), item);
	if (crowd->holder == item)
		crowd->holder = NULL;
}

/* ---- Claims ---- */
static const void *find_alone(const Claims *claims, const void *key, uint32_t hash)
{
	const void *item;
	size_t cursor = 0;

	while ((item = table_find(claims->alone, hash, &cursor)))
		if (claims->kind->has_key(item, key))
			return item;
	return NULL;
}

void claims_add(Claims *claims, const void *key, const void *item)
{
	uint32_t hash = key_hash(claims, key);
	Crowd *crowd = crowd_of(claims, key, hash);
	const void *other = crowd ? NULL : find_alone(claims, key, hash);

	if (other) {
		crowd = begin_crowd(claims, key, hash);
		table_remove(claims->alone, hash, other);
		join(claims, crowd, other);
	}
	if (crowd)
		join(claims, crowd, item);
	else
		table_add(claims->alone, hash, item);
}

void claims_remove(Claims *claims, const void *key, const void *item)
{
	uint32_t hash = key_hash(claims, key);
	Crowd *crowd = crowd_of(claims, key, hash);

	if (!crowd) {
		table_remove(claims->alone, hash, item);
		return;
	}
	leave(crowd, item);
	if (table_count(crowd->items) == 1)
		end_crowd(claims, crowd, hash);
}

void claims_replace(Claims *claims, const void *key, const void *item, const void *by)
{
	uint32_t hash = key_hash(claims, key);
	Crowd *crowd = crowd_of(claims, key, hash);
	bool holds = crowd && crowd->holder == item;

	if (!crowd) {
		table_replace(claims->alone, hash, item, by);
		return;
	}
	leave(crowd, item);
	join(claims, crowd, by);
	if (holds)
		crowd->holder = by;
}

const void *claims_holder(const Claims *claims, const void *key)
{
	uint32_t hash = key_hash(claims, key);
	Crowd *crowd = crowd_of(claims, key, hash);

	return crowd ? find_holder(claims, crowd) : find_alone(claims, key, hash);
}

bool claims_are_several(const Claims *claims, const void *key)
{
	return crowd_of(claims, key, key_hash(claims, key)) != NULL;
}

size_t claims_count(const Claims *claims)
{
	return table_count(claims->alone) + table_count(claims->crowds);
}

const void *claims_next(const Claims *claims, size_t *cursor)
{
	const void *item = *cursor & AMONG_CROWDS ? NULL : table_next(claims->alone, cursor);
	size_t at;
	const Crowd *crowd;

	if (item)
		return item;
	at = *cursor & AMONG_CROWDS ? *cursor & ~AMONG_CROWDS : 0;
	crowd = table_next(claims->crowds, &at);
	*cursor = at | AMONG_CROWDS;
	return crowd ? find_holder(claims, (Crowd *)crowd) : NULL;
}

/* ---- What more than one claims ---- */
const Crowd *claims_next_crowd(const Claims *claims, size_t *cursor)
{
	return table_next(claims->crowds, cursor);
}

size_t claims_count_crowds(const Claims *claims)
{
	return table_count(claims->crowds);
}

const void *crowd_key(const Crowd *crowd)
{
	return crowd->key;
}

const void *const *crowd_rest(const Crowd *crowd, const void *but, Arena *arena,
	int (*compare)(const void *, const void *), size_t *ret_n)
{
	const void **rest = arena_alloc(arena, table_count(crowd->items) * sizeof(*rest)), *item;
	size_t n = 0;

	for (size_t cursor = 0; (item = table_next(crowd->items, &cursor));)
		if (item != but)
			rest[n++] = item;
	qsort(rest, n, sizeof(*rest), compare);
	*ret_n = n;
	return rest;
}
