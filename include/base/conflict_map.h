/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ConflictMap: items by a key that several items may claim. One of them wins: the best in an order
 * that the caller defines. It answers two questions: who has the address 10.0.0.5, if two pods
 * claim it; and which pod "default/web" counts, if two files name it.
 *
 *                     conflict_map_add            conflict_map_add
 *     no entry for    --------------->  a single  --------------->  a group of two
 *     the key         <---------------  entry     <---------------  or more
 *                     conflict_map_remove         conflict_map_remove
 *
 * Single entries, nearly all, cost one slot of a hash table. A group has an arena and a hash table
 * of its own, so that 50,000 entries with one key cost no more time than 50,000 keys. The winner of
 * a group is cached. When it is removed, the next winner is searched when somebody asks for it, not
 * before: removing all items of a group one by one stays linear.
 *
 * Items are borrowed. Keys are passed by pointer and need not outlive the call. An item may be
 * added under several keys, once under each. While it is in the map, the fields that has_key()
 * reads must not change; while it is in a group, nor may those that is_better() reads.
 *
 * A lookup in a const map may write the cached winner of a group. So two threads must not use one
 * map at the same time, not even to read it.
 */
#include "base/hash_table.h"
#include <stdbool.h>

typedef struct ConflictKind {
	size_t (*key_size)(const void *key); /* bytes; keys are equal if their bytes are */
	bool (*has_key)(const void *item, const void *key);
	bool (*is_better)(const void *a, const void *b); /* a strict total order of the items */
} ConflictKind;

typedef struct ConflictMap {
	/* private */
	Arena *arena;
	const ConflictKind *kind;
	HashTable *singles; /* items, by the hash of a key that no other item has */
	HashTable *groups;  /* ConflictGroup, by the hash of the key */
} ConflictMap;

typedef struct ConflictGroup ConflictGroup;

void conflict_map_init(ConflictMap *map, Arena *arena, const ConflictKind *kind);
void conflict_map_add(ConflictMap *map, const void *key, const void *item);
/* Asserts that the item is in the map under this key. */
void conflict_map_remove(ConflictMap *map, const void *key, const void *item);
/*
 * Puts `by` in the place of `item`, which must be in the map under this key (asserted). `by` is an
 * equal copy at another address: it ranks exactly as `item` does.
 */
void conflict_map_replace(ConflictMap *map, const void *key, const void *item, const void *by);
const void *conflict_map_winner(const ConflictMap *map, const void *key); /* NULL: no item */
bool conflict_map_has_conflict(const ConflictMap *map, const void *key);  /* two items or more */
size_t conflict_map_count(const ConflictMap *map);			  /* keys */
size_t conflict_map_count_groups(const ConflictMap *map);		  /* keys in conflict */
/*
 * The winners of all keys, or all groups: one a call, in no particular order, NULL after the last.
 * *cursor is 0 at first; its highest bit but one stays free for the caller. The map must not change
 * between the calls.
 */
const void *conflict_map_next(const ConflictMap *map, size_t *cursor);
const ConflictGroup *conflict_map_next_group(const ConflictMap *map, size_t *cursor);

const void *conflict_group_key(const ConflictGroup *group);
/*
 * All items of the group but `winner`, which is conflict_map_winner() of the group's key. The array
 * is in `arena`, sorted by `compare`, which gets pointers to items as qsort() passes them.
 */
const void *const *conflict_group_losers(const ConflictGroup *group, const void *winner,
	Arena *arena, int (*compare)(const void *, const void *), size_t *ret_n);
