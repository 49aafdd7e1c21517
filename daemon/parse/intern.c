/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A direct-mapped cache of copies: see intern.h. */
#include "intern.h"
#include <assert.h>
#include <string.h>

#define SLOTS 1024

typedef struct Slot {
	const void *copy; /* NULL: none yet */
	size_t n, align;
} Slot;

struct Interner {
	Arena *copies;
	Slot slots[SLOTS];
};

Interner *interner_new(Arena *cache, Arena *copies)
{
	Interner *interner = ARENA_NEW(cache, Interner);

	interner->copies = copies;
	return interner;
}

/* The slot of these bytes. If another entry is in it, it is evicted: then the copy is NULL. */
static Slot *find_slot(Interner *interner, const void *bytes, size_t n, size_t align)
{
	uint32_t hash = hash_bytes(HASH_START, bytes, n);
	Slot *slot = &interner->slots[(hash ^ hash >> 16) % SLOTS];

	if (slot->n != n || slot->align != align || memcmp(slot->copy, bytes, n) != 0)
		*slot = (Slot){NULL, n, align};
	return slot;
}

const char *intern_text(Interner *interner, const char *text, size_t n)
{
	Slot *slot = find_slot(interner, text, n, 1);

	if (!slot->copy)
		slot->copy = arena_strndup(interner->copies, text, n);
	return slot->copy;
}

const void *intern_bytes(Interner *interner, const void *bytes, size_t n, size_t align)
{
	Slot *slot;

	assert(align > 1);
	if (n == 0)
		return NULL;
	slot = find_slot(interner, bytes, n, align);
	if (!slot->copy)
		slot->copy = memcpy(arena_place(interner->copies, n, align), bytes, n);
	return slot->copy;
}
