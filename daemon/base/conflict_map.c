/*
 * Claims: items by key. A key that one item claims is in one table, where it costs a slot; those
 * that several claim are crowds in another, whose items are found by where they are in memory: a
 * key of 50,000 claims costs no more than 50,000 keys.
 */
#include "base.h"
#include <string.h>

#define AMONG_CROWDS ((size_t)1 << (8 * sizeof(size_t) - 1)) /* a cursor is past those alone */

struct ConflictGroup {
	Arena *arena; /* of its own */
	void *key;
	HashTable *items;
	const void *holder; /* NULL: to be found when it is asked for */
};

static uint32_t key_hash(const ConflictMap *claims, const void *key)
{
	return hash_bytes(HASH_START, key, claims->kind->key_size(key));
}

static uint32_t item_hash(const void *item)
{
	return hash_bytes(HASH_START, &item, sizeof(item));
}

void conflict_map_init(ConflictMap *claims, Arena *arena, const ConflictKind *kind)
{
	*claims = (ConflictMap){arena, kind, hash_table_new(arena), hash_table_new(arena)};
}

/* ---- Crowds ---- */
static ConflictGroup *crowd_of(const ConflictMap *claims, const void *key, uint32_t hash)
{
	size_t n = claims->kind->key_size(key), cursor = 0;
	const ConflictGroup *group;

	while ((group = hash_table_find(claims->groups, hash, &cursor)))
		if (claims->kind->key_size(group->key) == n && memcmp(group->key, key, n) == 0)
			return (ConflictGroup *)group;
	return NULL;
}

static ConflictGroup *begin_crowd(ConflictMap *claims, const void *key, uint32_t hash)
{
	Arena *arena = arena_child(claims->arena);
	ConflictGroup *group = ARENA_NEW(arena, ConflictGroup);
	size_t n = claims->kind->key_size(key);

	*group = (ConflictGroup){.arena = arena,
		.key = memcpy(arena_alloc(arena, n), key, n),
		.items = hash_table_new(arena)};
	hash_table_add(claims->groups, hash, group);
	return group;
}

static const void *find_holder(const ConflictMap *claims, ConflictGroup *group)
{
	const void *item;
	size_t cursor = 0;

	if (group->holder)
		return group->holder;
	while ((item = hash_table_next(group->items, &cursor)))
		if (!group->holder || claims->kind->is_better(item, group->holder))
			group->holder = item;
	return group->holder;
}

/* Once there is only one left. */
static void end_crowd(ConflictMap *claims, ConflictGroup *group, uint32_t hash)
{
	hash_table_add(claims->alone, hash, find_holder(claims, group));
	hash_table_remove(claims->groups, hash, group);
	arena_free(group->arena);
}

static void join(const ConflictMap *claims, ConflictGroup *group, const void *item)
{
	hash_table_add(group->items, item_hash(item), item);
	if (group->holder && claims->kind->is_better(item, group->holder))
		group->holder = item;
}

static void leave(ConflictGroup *group, const void *item)
{
	hash_table_remove(group->items, item_hash(item), item);
	if (group->holder == item)
		group->holder = NULL;
}

/* ---- Claims ---- */
static const void *find_alone(const ConflictMap *claims, const void *key, uint32_t hash)
{
	const void *item;
	size_t cursor = 0;

	while ((item = hash_table_find(claims->alone, hash, &cursor)))
		if (claims->kind->has_key(item, key))
			return item;
	return NULL;
}

void conflict_map_add(ConflictMap *claims, const void *key, const void *item)
{
	uint32_t hash = key_hash(claims, key);
	ConflictGroup *group = crowd_of(claims, key, hash);
	const void *other = group ? NULL : find_alone(claims, key, hash);

	if (other) {
		group = begin_crowd(claims, key, hash);
		hash_table_remove(claims->alone, hash, other);
		join(claims, group, other);
	}
	if (group)
		join(claims, group, item);
	else
		hash_table_add(claims->alone, hash, item);
}

void conflict_map_remove(ConflictMap *claims, const void *key, const void *item)
{
	uint32_t hash = key_hash(claims, key);
	ConflictGroup *group = crowd_of(claims, key, hash);

	if (!group) {
		hash_table_remove(claims->alone, hash, item);
		return;
	}
	leave(group, item);
	if (hash_table_count(group->items) == 1)
		end_crowd(claims, group, hash);
}

void conflict_map_replace(ConflictMap *claims, const void *key, const void *item, const void *by)
{
	uint32_t hash = key_hash(claims, key);
	ConflictGroup *group = crowd_of(claims, key, hash);
	bool holds = group && group->holder == item;

	if (!group) {
		hash_table_replace(claims->alone, hash, item, by);
		return;
	}
	leave(group, item);
	join(claims, group, by);
	if (holds)
		group->holder = by;
}

const void *conflict_map_winner(const ConflictMap *claims, const void *key)
{
	uint32_t hash = key_hash(claims, key);
	ConflictGroup *group = crowd_of(claims, key, hash);

	return group ? find_holder(claims, group) : find_alone(claims, key, hash);
}

bool conflict_map_has_conflict(const ConflictMap *claims, const void *key)
{
	return crowd_of(claims, key, key_hash(claims, key)) != NULL;
}

size_t conflict_map_count(const ConflictMap *claims)
{
	return hash_table_count(claims->alone) + hash_table_count(claims->groups);
}

const void *conflict_map_next(const ConflictMap *claims, size_t *cursor)
{
	const void *item = *cursor & AMONG_CROWDS ? NULL : hash_table_next(claims->alone, cursor);
	size_t at;
	const ConflictGroup *group;

	if (item)
		return item;
	at = *cursor & AMONG_CROWDS ? *cursor & ~AMONG_CROWDS : 0;
	group = hash_table_next(claims->groups, &at);
	*cursor = at | AMONG_CROWDS;
	return group ? find_holder(claims, (ConflictGroup *)group) : NULL;
}

/* ---- What more than one claims ---- */
const ConflictGroup *conflict_map_next_group(const ConflictMap *claims, size_t *cursor)
{
	return hash_table_next(claims->groups, cursor);
}

size_t conflict_map_count_groups(const ConflictMap *claims)
{
	return hash_table_count(claims->groups);
}

const void *conflict_group_key(const ConflictGroup *group)
{
	return group->key;
}

const void *const *conflict_group_losers(const ConflictGroup *group, const void *but, Arena *arena,
	int (*compare)(const void *, const void *), size_t *ret_n)
{
	const void **rest = arena_alloc(arena, hash_table_count(group->items) * sizeof(*rest)),
		   *item;
	size_t n = 0;

	for (size_t cursor = 0; (item = hash_table_next(group->items, &cursor));)
		if (item != but)
			rest[n++] = item;
	qsort(rest, n, sizeof(*rest), compare);
	*ret_n = n;
	return rest;
}
