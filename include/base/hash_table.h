/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * HashTable: items by a 32-bit hash that the caller computes. The table stores item pointers only,
 * so it costs 12 bytes a slot. It does not know what equal means: several items may have one hash,
 * and the caller compares what hash_table_find() returns. Items are borrowed and never NULL.
 *
 * The slots are in a child of the arena given to hash_table_new(), so that growing frees the old
 * ones.
 */
#include "base/arena.h"

typedef struct HashTable HashTable;

HashTable *hash_table_new(Arena *arena);
void hash_table_add(HashTable *table, uint32_t hash, const void *item);
/* Both assert that `item` is in the table under this hash. `by` takes its place. */
void hash_table_remove(HashTable *table, uint32_t hash, const void *item);
void hash_table_replace(HashTable *table, uint32_t hash, const void *item, const void *by);
/*
 * The items of one hash, or all items: one a call, in no particular order, NULL after the last.
 * *cursor is 0 at first. The table must not change between the calls.
 */
const void *hash_table_find(const HashTable *table, uint32_t hash, size_t *cursor);
const void *hash_table_next(const HashTable *table, size_t *cursor);
size_t hash_table_count(const HashTable *table);

/* FNV-1a. Pass HASH_START first, then the result of the call before, to hash several parts. */
#define HASH_START 0x811c9dc5u
uint32_t hash_bytes(uint32_t hash, const void *data, size_t n);
uint32_t hash_text(uint32_t hash, const char *text); /* with its NUL, which separates parts */
