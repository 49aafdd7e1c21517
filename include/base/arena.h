/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Arenas: memory that is freed as a whole, and growable arrays in it.
 *
 * An arena is a list of blocks. Allocating moves a pointer; single allocations are never freed.
 * Arenas form a tree: a child is freed by itself or, at the latest, with its parent. Typical owners
 * are a parsed file, a ruleset, and the scratch arena of one pass; each names its arena where it is
 * created.
 *
 * A failed allocation ends the process (base/memory.h), unless arena_try() is running on the arena
 * or on one of its ancestors: then it unwinds to there with longjmp(). Handles of libraries
 * survive this through arena_defer(); children made meanwhile are freed with their parent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Arena Arena;

Arena *arena_new(void) __attribute__((returns_nonnull));
/* Frees the children, runs the deferred calls (last first), frees the memory. */
Arena *arena_free(Arena *arena); /* takes NULL; returns NULL */
/*
 * The same, but the arena stays usable. If it had several blocks, the next allocation gets one
 * block of their total size, so that an arena cleared after each pass settles on a single block.
 */
void arena_clear(Arena *arena);
size_t arena_bytes(const Arena *arena); /* allocated from the heap; without its children */

Arena *arena_child(Arena *parent) __attribute__((returns_nonnull));
/* Moves the child out of the tree: the caller owns it and must free it. */
void arena_detach(Arena *child);

/*
 * Runs fn(context). Returns 0, or -ENOMEM if an allocation in `arena` or a descendant failed. Only
 * for parsing one file. Does not nest: no ancestor may be inside a try (asserted). `fn` must not
 * free `arena`.
 */
int arena_try(Arena *arena, void (*fn)(void *context), void *context);
/* Acts like a failed allocation in `arena`: unwinds to the try, or ends the process. */
void arena_out_of_memory(Arena *arena) __attribute__((noreturn));
/* Calls fn(handle) when the arena is freed or cleared. Frees what a library allocated. */
void arena_defer(Arena *arena, void (*fn)(void *handle), void *handle);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(Arena *arena, size_t bytes) __attribute__((returns_nonnull));
/* Zeroed memory, aligned to `align`, a power of two up to that of max_align_t. */
void *arena_place(Arena *arena, size_t bytes, size_t align) __attribute__((returns_nonnull));
char *arena_strdup(Arena *arena, const char *text);
/* Copies exactly `length` bytes and adds a NUL. */
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list arguments);

static inline void arena_free_p(Arena **arena)
{
	arena_free(*arena);
}
/* Frees the arena when the variable leaves its scope. */
#define ARENA_CLEANUP __attribute__((cleanup(arena_free_p)))
#define ARENA_NEW(arena, T) ((T *)arena_place((arena), sizeof(T), _Alignof(T)))

/*
 * A growable array in an arena: VEC(T) v = {}; VEC_PUSH(arena, &v, item). Capacity doubles; the old
 * array stays in the arena, so pointers into it remain readable, but are stale.
 */
#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *at;                                                                             \
		uint32_t n, capacity;                                                              \
	}
#define VEC_PUSH(arena, v, ...)                                                                    \
	do {                                                                                       \
		if ((v)->n == (v)->capacity)                                                       \
			(v)->at = vec_grow((arena), (v)->at, (v)->n, &(v)->capacity,               \
				sizeof(*(v)->at), __alignof__(*(v)->at));                          \
		(v)->at[(v)->n++] = __VA_ARGS__;                                                   \
	} while (0)
void *vec_grow(Arena *arena, void *at, uint32_t n, uint32_t *capacity, size_t item, size_t align)
	__attribute__((returns_nonnull));

/* A shallow copy whose capacity is exactly its length. */
#define VEC_COPY(arena, v)                                                                         \
	((__typeof__(v)){.at = (v).n ? memcpy(arena_place((arena), (v).n * sizeof(*(v).at),        \
						      __alignof__(*(v).at)),                       \
					       (v).at, (v).n * sizeof(*(v).at))                    \
				     : NULL,                                                       \
		.n = (v).n,                                                                        \
		.capacity = (v).n})

typedef VEC(const char *) Texts;
