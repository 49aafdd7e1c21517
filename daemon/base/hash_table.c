/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HashTable: open addressing with linear probing. Removal shifts later items back over the gap
 * (Knuth, TAOCP volume 3, 6.4, algorithm R), so there are no tombstones.
 *
 * It grows by a quarter when it is four fifths full, so right after that it is 64 % full. Doubling
 * would waste more: the indexes of all pods by name and by address are such tables.
 *
 * Invariants: a slot is free if its item is NULL. At least one slot is free, so every probe ends.
 * Between the home slot of an item and the slot that it is in, no slot is free.
 */
#include "base.h"
#include <assert.h>
#include <string.h>

#define CAPACITY_MIN 8

struct HashTable {
	Arena *parent;	    /* given by the caller */
	Arena *arena;	    /* a child of it, which has the slots */
	const void **items; /* NULL: a free slot */
	uint32_t *hashes;
	size_t n, capacity;
};

uint32_t hash_bytes(uint32_t hash, const void *data, size_t n)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 0x01000193u;
	return hash;
}

uint32_t hash_text(uint32_t hash, const char *text)
{
	return hash_bytes(hash, text, strlen(text) + 1);
}

/*
 * The slot at which the probe for a hash begins. The last bytes of the input hardly change the high
 * bits of FNV-1a. The scaling below uses the high bits, so the bits are mixed first.
 */
static size_t home(const HashTable *table, uint32_t hash)
{
	hash ^= hash >> 16;
	hash *= 0x7feb352du;
	hash ^= hash >> 15;
	return (size_t)((uint64_t)hash * table->capacity >> 32);
}

static size_t after(const HashTable *table, size_t i)
{
	return i + 1 < table->capacity ? i + 1 : 0;
}

/* The number of steps of a probe from one slot to another, around the end of the table. */
static size_t distance(const HashTable *table, size_t from, size_t to)
{
	return to >= from ? to - from : to + table->capacity - from;
}

HashTable *hash_table_new(Arena *arena)
{
	HashTable *table = ARENA_NEW(arena, HashTable);

	table->parent = arena;
	return table;
}

static void put(HashTable *table, uint32_t hash, const void *item)
{
	size_t i = home(table, hash);

	assert(table->n < table->capacity);
	while (table->items[i])
		i = after(table, i);
	table->items[i] = item;
	table->hashes[i] = hash;
}

static void grow(HashTable *table)
{
	HashTable grown = {.parent = table->parent,
		.n = table->n,
		.capacity = table->capacity ? table->capacity + table->capacity / 4 : CAPACITY_MIN};

	grown.arena = arena_child(table->parent);
	grown.items = arena_alloc(grown.arena, grown.capacity * sizeof(*grown.items));
	grown.hashes = arena_alloc(grown.arena, grown.capacity * sizeof(*grown.hashes));
	for (size_t i = 0; i < table->capacity; i++)
		if (table->items[i])
			put(&grown, table->hashes[i], table->items[i]);
	arena_free(table->arena);
	*table = grown;
}

void hash_table_add(HashTable *table, uint32_t hash, const void *item)
{
	assert(item);
	if (table->n * 5 >= table->capacity * 4)
		grow(table);
	put(table, hash, item);
	table->n++;
}

/* Asserts that the item is in the table: a probe that reaches a free slot has not found it. */
static size_t slot_of(const HashTable *table, uint32_t hash, const void *item)
{
	size_t i = home(table, hash);

	assert(table->n > 0 && item);
	while (table->items[i] != item || table->hashes[i] != hash) {
		assert(table->items[i]);
		i = after(table, i);
	}
	return i;
}

/*
 * An item after the gap moves into it if its probe passes the gap: if it is at least as far from
 * its home slot as from the gap. Its old slot is the next gap.
 */
void hash_table_remove(HashTable *table, uint32_t hash, const void *item)
{
	size_t gap = slot_of(table, hash, item);

	for (size_t i = after(table, gap); table->items[i]; i = after(table, i)) {
		size_t start = home(table, table->hashes[i]);

		if (distance(table, start, i) < distance(table, gap, i))
			continue;
		table->items[gap] = table->items[i];
		table->hashes[gap] = table->hashes[i];
		gap = i;
	}
	table->items[gap] = NULL;
	table->n--;
}

void hash_table_replace(HashTable *table, uint32_t hash, const void *item, const void *by)
{
	assert(by);
	table->items[slot_of(table, hash, item)] = by;
}

const void *hash_table_find(const HashTable *table, uint32_t hash, size_t *cursor)
{
	for (size_t i; *cursor < table->capacity;) {
		i = home(table, hash) + (*cursor)++;
		i -= i < table->capacity ? 0 : table->capacity;
		if (!table->items[i])
			return NULL;
		if (table->hashes[i] == hash)
			return table->items[i];
	}
	return NULL;
}

const void *hash_table_next(const HashTable *table, size_t *cursor)
{
	while (*cursor < table->capacity)
		if (table->items[(*cursor)++])
			return table->items[*cursor - 1];
	return NULL;
}

size_t hash_table_count(const HashTable *table)
{
	return table->n;
}
