/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ConflictMap: single entries in one hash table, groups in another; base/conflict_map.h has the
 * contract.
 *
 * Invariants: a key is in one of the two tables, never in both. A group has at least two items. Its
 * cached winner, unless NULL, is one of its items, and the best of them.
 */
#include "base.h"
#include <assert.h>
#include <string.h>

/* A cursor of conflict_map_next() walks the singles first; this bit is set once it is beyond. */
#define CURSOR_IN_GROUPS ((size_t)1 << (8 * sizeof(size_t) - 1))

struct ConflictGroup {
	Arena *arena; /* has the group, its key and its table */
	void *key;
	HashTable *items;   /* by address in memory */
	const void *winner; /* NULL: unknown, found on demand */
};

static uint32_t key_hash(const ConflictMap *map, const void *key)
{
	return hash_bytes(HASH_START, key, map->kind->key_size(key));
}

static uint32_t item_hash(const void *item)
{
	return hash_bytes(HASH_START, &item, sizeof(item));
}

void conflict_map_init(ConflictMap *map, Arena *arena, const ConflictKind *kind)
{
	*map = (ConflictMap){arena, kind, hash_table_new(arena), hash_table_new(arena)};
}

/* ---- Groups ---- */
static bool group_has(const ConflictGroup *group, const void *item)
{
	const void *other;
	size_t cursor = 0;

	while ((other = hash_table_find(group->items, item_hash(item), &cursor)))
		if (other == item)
			return true;
	return false;
}

/*
 * The only cast that removes const in this file. A hash table returns its items as const, but
 * groups belong to the map and were allocated as variables. Functions that take a const map write
 * nothing in them but the cached winner.
 */
static ConflictGroup *group_of_item(const void *item)
{
	return (ConflictGroup *)item;
}

static ConflictGroup *find_group(const ConflictMap *map, const void *key, uint32_t hash)
{
	size_t n = map->kind->key_size(key), cursor = 0;
	const ConflictGroup *group;

	while ((group = hash_table_find(map->groups, hash, &cursor)))
		if (map->kind->key_size(group->key) == n && memcmp(group->key, key, n) == 0)
			return group_of_item(group);
	return NULL;
}

static void group_add(const ConflictMap *map, ConflictGroup *group, const void *item)
{
	assert(!group_has(group, item));
	hash_table_add(group->items, item_hash(item), item);
	if (group->winner && map->kind->is_better(item, group->winner))
		group->winner = item;
}

static void group_remove(ConflictGroup *group, const void *item)
{
	hash_table_remove(group->items, item_hash(item), item);
	if (group->winner == item)
		group->winner = NULL;
}

static const void *group_winner(const ConflictMap *map, ConflictGroup *group)
{
	const void *item;
	size_t cursor = 0;

	if (group->winner)
		return group->winner;
	while ((item = hash_table_next(group->items, &cursor)))
		if (!group->winner || map->kind->is_better(item, group->winner))
			group->winner = item;
	return group->winner;
}

/* Makes the single entry of a key the first item of a group. */
static ConflictGroup *group_new(
	ConflictMap *map, const void *key, uint32_t hash, const void *single)
{
	Arena *arena = arena_child(map->arena);
	ConflictGroup *group = ARENA_NEW(arena, ConflictGroup);
	size_t n = map->kind->key_size(key);

	*group = (ConflictGroup){.arena = arena,
		.key = memcpy(arena_alloc(arena, n), key, n),
		.items = hash_table_new(arena)};
	hash_table_remove(map->singles, hash, single);
	hash_table_add(map->groups, hash, group);
	group_add(map, group, single);
	return group;
}

/* Makes the only item that is left a single entry, and frees the group. */
static void group_dissolve(ConflictMap *map, ConflictGroup *group, uint32_t hash)
{
	assert(hash_table_count(group->items) == 1);
	hash_table_add(map->singles, hash, group_winner(map, group));
	hash_table_remove(map->groups, hash, group);
	arena_free(group->arena);
}

/* ---- Entries ---- */
static const void *find_single(const ConflictMap *map, const void *key, uint32_t hash)
{
	const void *item;
	size_t cursor = 0;

	while ((item = hash_table_find(map->singles, hash, &cursor)))
		if (map->kind->has_key(item, key))
			return item;
	return NULL;
}

void conflict_map_add(ConflictMap *map, const void *key, const void *item)
{
	uint32_t hash = key_hash(map, key);
	ConflictGroup *group = find_group(map, key, hash);
	const void *single = group ? NULL : find_single(map, key, hash);

	assert(single != item && map->kind->has_key(item, key));
	if (single)
		group = group_new(map, key, hash, single);
	if (group)
		group_add(map, group, item);
	else
		hash_table_add(map->singles, hash, item);
}

void conflict_map_remove(ConflictMap *map, const void *key, const void *item)
{
	uint32_t hash = key_hash(map, key);
	ConflictGroup *group = find_group(map, key, hash);

	if (!group) {
		hash_table_remove(map->singles, hash, item);
		return;
	}
	assert(hash_table_count(group->items) >= 2);
	group_remove(group, item);
	if (hash_table_count(group->items) == 1)
		group_dissolve(map, group, hash);
}

void conflict_map_replace(ConflictMap *map, const void *key, const void *item, const void *by)
{
	uint32_t hash = key_hash(map, key);
	ConflictGroup *group = find_group(map, key, hash);
	bool is_winner = group && group->winner == item;

	assert(map->kind->has_key(by, key));
	if (!group) {
		hash_table_replace(map->singles, hash, item, by);
		return;
	}
	group_remove(group, item);
	group_add(map, group, by);
	if (is_winner) /* a copy that is equal to the winner is the winner: no search is needed */
		group->winner = by;
}

const void *conflict_map_winner(const ConflictMap *map, const void *key)
{
	uint32_t hash = key_hash(map, key);
	ConflictGroup *group = find_group(map, key, hash);

	return group ? group_winner(map, group) : find_single(map, key, hash);
}

bool conflict_map_has_conflict(const ConflictMap *map, const void *key)
{
	return find_group(map, key, key_hash(map, key)) != NULL;
}

size_t conflict_map_count(const ConflictMap *map)
{
	return hash_table_count(map->singles) + hash_table_count(map->groups);
}

size_t conflict_map_count_groups(const ConflictMap *map)
{
	return hash_table_count(map->groups);
}

const void *conflict_map_next(const ConflictMap *map, size_t *cursor)
{
	bool is_in_groups = *cursor & CURSOR_IN_GROUPS;
	const void *item = is_in_groups ? NULL : hash_table_next(map->singles, cursor);
	size_t group_cursor = is_in_groups ? *cursor & ~CURSOR_IN_GROUPS : 0;

	if (item)
		return item;
	item = hash_table_next(map->groups, &group_cursor);
	*cursor = group_cursor | CURSOR_IN_GROUPS;
	return item ? group_winner(map, group_of_item(item)) : NULL;
}

const ConflictGroup *conflict_map_next_group(const ConflictMap *map, size_t *cursor)
{
	return hash_table_next(map->groups, cursor);
}

/* ---- One group, for reports of conflicts ---- */
const void *conflict_group_key(const ConflictGroup *group)
{
	return group->key;
}

const void *const *conflict_group_losers(const ConflictGroup *group, const void *winner,
	Arena *arena, int (*compare)(const void *, const void *), size_t *ret_n)
{
	size_t n_items = hash_table_count(group->items), n = 0;
	const void **losers = arena_alloc(arena, (n_items - 1) * sizeof(*losers)), *item;

	assert(group->winner == winner);
	for (size_t cursor = 0; (item = hash_table_next(group->items, &cursor));)
		if (item != winner)
			losers[n++] = item;
	assert(n == n_items - 1);
	qsort(losers, n, sizeof(*losers), compare);
	*ret_n = n;
	return losers;
}
