/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arenas: lists of blocks that are freed together, in a tree. base/arena.h has the contract. */
#include "base.h"
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_MIN ((size_t)1024)
#define BLOCK_MAX ((size_t)1024 * 1024)
#define ALIGN _Alignof(max_align_t)

typedef struct Block {
	struct Block *next;
	size_t n, capacity; /* bytes of `data`: used, allocated */
	_Alignas(max_align_t) char data[];
} Block;

typedef struct Deferred {
	struct Deferred *next;
	void (*fn)(void *);
	void *handle;
} Deferred;

struct Arena {
	Arena *parent, *children;
	Arena *next, *previous; /* siblings */
	Block *blocks;		/* newest first */
	Deferred *deferred;	/* newest first */
	jmp_buf *unwind;	/* of the running arena_try(), or NULL */
	size_t bytes;		/* of all blocks, headers included */
	size_t bytes_before;	/* `bytes` when it was last cleared with several blocks */
};

Arena *arena_new(void)
{
	return MEMORY_NEW(Arena);
}

void arena_out_of_memory(Arena *arena)
{
	for (; arena; arena = arena->parent)
		if (arena->unwind)
			longjmp(*arena->unwind, 1);
	memory_end();
}

Arena *arena_child(Arena *parent)
{
	Arena *child = calloc(1, sizeof(*child));

	if (!child)
		arena_out_of_memory(parent);
	child->parent = parent;
	child->next = parent->children;
	if (child->next)
		child->next->previous = child;
	parent->children = child;
	return child;
}

static void leave_parent(Arena *arena)
{
	if (arena->next)
		arena->next->previous = arena->previous;
	if (arena->previous)
		arena->previous->next = arena->next;
	else if (arena->parent)
		arena->parent->children = arena->next;
	arena->parent = arena->next = arena->previous = NULL;
}

void arena_detach(Arena *child)
{
	assert(child->parent);
	leave_parent(child);
}

static void release(Arena *arena);

/* Frees children and library handles. The arena's own blocks stay: handles may point into them. */
static void release_contents(Arena *arena)
{
	for (Arena *child = arena->children, *next; child; child = next) {
		next = child->next;
		release(child);
	}
	for (Deferred *d = arena->deferred; d; d = d->next)
		d->fn(d->handle);
}

static void release_blocks(Arena *arena)
{
	for (Block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
}

/*
 * Frees the arena and its children. Does not update the parent's list of children: the caller has
 * taken the arena out of it, or is freeing the parent too.
 */
static void release(Arena *arena)
{
	assert(!arena->unwind);
	release_contents(arena);
	release_blocks(arena);
	free(arena);
}

void arena_clear(Arena *arena)
{
	assert(!arena->unwind);
	release_contents(arena);
	arena->children = NULL;
	arena->deferred = NULL;
	if (arena->blocks && !arena->blocks->next) {
		arena->blocks->n = 0;
		return;
	}
	release_blocks(arena);
	arena->blocks = NULL;
	arena->bytes_before = arena->bytes;
	arena->bytes = 0;
}

Arena *arena_free(Arena *arena)
{
	if (!arena)
		return NULL;
	leave_parent(arena);
	release(arena);
	return NULL;
}

size_t arena_bytes(const Arena *arena)
{
	return arena->bytes;
}

static bool is_in_try(const Arena *arena)
{
	for (; arena; arena = arena->parent)
		if (arena->unwind)
			return true;
	return false;
}

int arena_try(Arena *arena, void (*fn)(void *context), void *context)
{
	jmp_buf here;

	assert(!is_in_try(arena));
	if (setjmp(here)) {
		arena->unwind = NULL;
		return -ENOMEM;
	}
	arena->unwind = &here;
	fn(context);
	arena->unwind = NULL;
	return 0;
}

/*
 * A new block is a sixteenth of what the arena has so far, within BLOCK_MIN and BLOCK_MAX: so
 * blocks are few, and the unused end of the newest one is a small part of the whole. After
 * arena_clear() the first block has the size of all blocks before.
 */
static size_t next_capacity(const Arena *arena)
{
	size_t capacity = arena->bytes / 16;

	if (arena->bytes_before > arena->bytes)
		return arena->bytes_before;
	return capacity < BLOCK_MIN ? BLOCK_MIN : capacity > BLOCK_MAX ? BLOCK_MAX : capacity;
}

static Block *block_add(Arena *arena, size_t min)
{
	size_t capacity = next_capacity(arena);
	Block *block;

	capacity = (min > capacity ? min : capacity) + ALIGN - 1;
	block = capacity > SIZE_MAX / 2 || capacity < min ? NULL : malloc(sizeof(Block) + capacity);
	if (!block)
		arena_out_of_memory(arena);
	*block = (Block){.next = arena->blocks, .capacity = capacity};
	arena->blocks = block;
	arena->bytes += sizeof(Block) + capacity;
	return block;
}

/* NULL if the block has too little left, or is NULL. */
static void *take_from(Block *block, size_t bytes, size_t align)
{
	size_t at = block ? (block->n + align - 1) & ~(align - 1) : 0;

	if (!block || at > block->capacity || block->capacity - at < bytes)
		return NULL;
	block->n = at + bytes;
	return block->data + at;
}

/*
 * An allocation that does not fit into the newest block starts another, although the block has some
 * space left. Smaller allocations can use that, so the block before the newest is tried first.
 */
static void *take(Arena *arena, size_t bytes, size_t align)
{
	Block *newest = arena->blocks;
	void *memory = newest ? take_from(newest->next, bytes, align) : NULL;

	if (!memory)
		memory = take_from(newest, bytes, align);
	return memory ? memory : take_from(block_add(arena, bytes), bytes, align);
}

void *arena_place(Arena *arena, size_t bytes, size_t align)
{
	assert(align > 0 && (align & (align - 1)) == 0 && align <= ALIGN);
	return memset(take(arena, bytes, align), 0, bytes);
}

void *arena_alloc(Arena *arena, size_t bytes)
{
	return arena_place(arena, bytes, ALIGN);
}

void arena_defer(Arena *arena, void (*fn)(void *handle), void *handle)
{
	Deferred *deferred = ARENA_NEW(arena, Deferred);

	*deferred = (Deferred){.next = arena->deferred, .fn = fn, .handle = handle};
	arena->deferred = deferred;
}

char *arena_strndup(Arena *arena, const char *text, size_t length)
{
	char *copy = take(arena, length + 1, 1); /* no padding between texts */

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *arena_strdup(Arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(Arena *arena, const char *format, va_list arguments)
{
	char small[256], *text;
	va_list again;
	int n;

	va_copy(again, arguments);
	n = vsnprintf(small, sizeof(small), format, again);
	va_end(again);
	if (n < 0)
		return arena_strdup(arena, "");
	if ((size_t)n < sizeof(small))
		return arena_strndup(arena, small, (size_t)n);
	text = take(arena, (size_t)n + 1, 1);
	vsnprintf(text, (size_t)n + 1, format, arguments);
	return text;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = arena_vprintf(arena, format, arguments);
	va_end(arguments);
	return text;
}

void *vec_grow(Arena *arena, void *at, uint32_t n, uint32_t *capacity, size_t item, size_t align)
{
	uint32_t more = *capacity ? *capacity * 2 : 4;
	void *grown;

	if (more < *capacity)
		arena_out_of_memory(arena);
	grown = arena_place(arena, more * item, align);
	if (n)
		memcpy(grown, at, n * item);
	*capacity = more;
	return grown;
}
