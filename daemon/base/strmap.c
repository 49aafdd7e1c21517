/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * StrMap: open addressing with linear probing over 64-bit FNV-1a. It doubles when it is two thirds
 * full, so a free slot ends every probe. The old slots stay in the arena.
 */
#include "base.h"
#include <assert.h>
#include <string.h>

typedef struct Slot {
	const char *key; /* NULL: a free slot */
	void *value;
	uint64_t hash;
} Slot;

struct StrMap {
	Arena *arena;
	Slot *slots;
	size_t n, capacity; /* capacity is a power of two */
};

static uint64_t hash_key(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h ^ h >> 32; /* slots are chosen by the low bits */
}

StrMap *strmap_new(Arena *arena)
{
	StrMap *map = ARENA_NEW(arena, StrMap);

	*map = (StrMap){.arena = arena, .capacity = 16};
	map->slots = arena_alloc(arena, map->capacity * sizeof(Slot));
	return map;
}

/* The slot of the key, or the free one where it belongs. */
static Slot *slot_of(Slot *slots, size_t capacity, const char *key, uint64_t hash)
{
	size_t i = hash & (capacity - 1);

	while (slots[i].key && (slots[i].hash != hash || strcmp(slots[i].key, key) != 0))
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static void strmap_grow(StrMap *map)
{
	size_t capacity = map->capacity * 2;
	Slot *slots = arena_alloc(map->arena, capacity * sizeof(Slot));

	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].key)
			*slot_of(slots, capacity, map->slots[i].key, map->slots[i].hash) =
				map->slots[i];
	map->slots = slots;
	map->capacity = capacity;
}

void *strmap_get(const StrMap *map, const char *key)
{
	return slot_of(map->slots, map->capacity, key, hash_key(key))->value;
}

void strmap_put(StrMap *map, const char *key, void *value)
{
	uint64_t hash = hash_key(key);
	Slot *slot;

	if (map->n * 3 >= map->capacity * 2)
		strmap_grow(map);
	assert(map->n < map->capacity);
	slot = slot_of(map->slots, map->capacity, key, hash);
	if (!slot->key)
		map->n++;
	*slot = (Slot){.key = key, .value = value, .hash = hash};
}

size_t strmap_count(const StrMap *map)
{
	return map->n;
}
