#pragma once
/*
 * base: what every other room stands on. Memory, diagnostics with file:line:column, address
 * ranges, text buffers, tables, claims, content names. libc only; pure: no clock, no I/O, no
 * globals; but the last line of a process that is out of memory.
 *
 * The error law, everywhere in this project: a function that can fail returns int; 0 is success,
 * negative is -errno (the environment failed: forward it), positive is ROOM_E_... (the input is
 * wrong: say so and go on). `ret_` parameters come last and stay untouched on failure.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * ---- Memory: one policy ----
 * An allocation that fails ends the process: a line on standard error, and abort(). No function
 * returns "out of memory", so nothing is ever half done for want of it. For a firewall that is
 * safe: the table stays in the kernel and enforces what it did, systemd starts netpold again in
 * less than a second, and the new process adopts the table and goes on from it.
 *
 * One exception: reading one file. Its size is somebody else's choice, and a restart would only
 * meet it again. So source_parse() parses inside an arena_try, and the read buffer may be refused:
 * then reading that file fails with -ENOMEM, what it said before stays in force, and it is tried
 * again later.
 *
 * What the kernel refuses is an error like any other and is returned: no file descriptors (EMFILE,
 * ENFILE), ENOMEM and ENOBUFS of a system call or of netlink.
 */

/* ---- Heap: what outlives a pass and has an owner of its own. Given back with free(). ---- */
void *memory_alloc(size_t bytes) __attribute__((returns_nonnull, malloc)); /* not zeroed */
void *memory_calloc(size_t n, size_t bytes) __attribute__((returns_nonnull, malloc)); /* zeroed */
void *memory_grow(void *at, size_t n, size_t bytes) __attribute__((returns_nonnull)); /* realloc */
char *memory_copy_text(const char *text) __attribute__((returns_nonnull, malloc));
char *memory_printf(const char *format, ...)
	__attribute__((format(printf, 1, 2), returns_nonnull, malloc));
#define MEMORY_NEW(T) ((T *)memory_calloc(1, sizeof(T)))
/* Says that there is no memory, and ends the process: for what a library could not allocate. */
void memory_end(void) __attribute__((noreturn));

/* ---- Arena: memory that is freed as a whole. Its owner is named where it is created. ---- */
typedef struct Arena Arena;

Arena *arena_new(void) __attribute__((returns_nonnull));
Arena *arena_free(Arena *arena); /* takes NULL; returns NULL; runs deferred calls, last first */
/* As if freed, and ready again, with room for as much as it held before in one piece. */
void arena_clear(Arena *arena);
size_t arena_bytes(const Arena *arena);
/* An arena that is freed with its parent at the latest, and unwinds to the parent's try. */
Arena *arena_child(Arena *parent) __attribute__((returns_nonnull));
/* From now on the child is the caller's to free. */
void arena_detach(Arena *child);

/*
 * Runs fn(context); an allocation of `arena` or a child of it that fails meanwhile unwinds to here,
 * with longjmp, and 0 or -ENOMEM is returned. Only for the parsing of one file; does not nest.
 */
int arena_try(Arena *arena, void (*fn)(void *context), void *context);
/* As if an allocation of `arena` had failed: unwinds, or ends the process. */
void arena_out_of_memory(Arena *arena) __attribute__((noreturn));
/* Calls fn(handle) when the arena is freed: how a library's handles survive an unwinding. */
void arena_defer(Arena *arena, void (*fn)(void *handle), void *handle);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(Arena *arena, size_t bytes) __attribute__((returns_nonnull));
/* The same, aligned as far as `align` says, a power of two: texts leave odd places behind. */
void *arena_place(Arena *arena, size_t bytes, size_t align) __attribute__((returns_nonnull));
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list arguments);

static inline void arena_free_p(Arena **arena)
{
	arena_free(*arena);
}
#define ARENA_CLEANUP __attribute__((cleanup(arena_free_p)))
#define ARENA_NEW(arena, T) ((T *)arena_place((arena), sizeof(T), _Alignof(T)))

/* Growable array that lives in an arena: VEC(T) v = {}; VEC_PUSH(arena, &v, item). */
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

/* The list as it is, in just the room that it needs. */
#define VEC_COPY(arena, v)                                                                         \
	((__typeof__(v)){.at = (v).n ? memcpy(arena_place((arena), (v).n * sizeof(*(v).at),        \
						      __alignof__(*(v).at)),                       \
					       (v).at, (v).n * sizeof(*(v).at))                    \
				     : NULL,                                                       \
		.n = (v).n,                                                                        \
		.capacity = (v).n})

typedef VEC(const char *) Texts;

/*
 * ---- Merge: a walk over two sorted arrays, in their common order ----
 *
 * Both arrays have items of `size` bytes, sorted by `compare` without equal items among themselves.
 * Each step sets `left`, `right`, or both (two equal items) and leaves the other NULL:
 *
 *     Merge walk = {.compare = name_compare, .size = sizeof(Item)};
 *
 *     merge_start(&walk, old.at, old.n, new.at, new.n);
 *     while (merge_next(&walk))
 *             if (!walk.right) ... walk.left is in the first only ...
 */
typedef struct Merge {
	int (*compare)(const void *left, const void *right);
	size_t size;
	const void *left, *right; /* of this step */
	const char *left_next, *left_end, *right_next, *right_end;
} Merge;

void merge_start(
	Merge *walk, const void *left, size_t n_superseded, const void *right, size_t n_right);
bool merge_next(Merge *walk); /* false: both have ended */

/* ---- StrMap: text -> pointer. Keys are borrowed, memory is the arena's. ---- */
typedef struct StrMap StrMap;

StrMap *strmap_new(Arena *arena);
void *strmap_get(const StrMap *map, const char *key); /* NULL if absent */
void strmap_put(StrMap *map, const char *key, void *value);
size_t strmap_count(const StrMap *map);

/* ---- Table: items by hash, several of which may share one. Items are borrowed. ---- */
typedef struct HashTable HashTable;

HashTable *hash_table_new(
	Arena *arena); /* grows in a child of the arena: what it outgrows is freed */
void hash_table_add(HashTable *table, uint32_t hash, const void *item);
void hash_table_remove(HashTable *table, uint32_t hash, const void *item); /* which is there */
void hash_table_replace(HashTable *table, uint32_t hash, const void *item, const void *by);
/* The items of that hash, one a call, in no order; *cursor is 0 at first. NULL: no more. */
const void *hash_table_find(const HashTable *table, uint32_t hash, size_t *cursor);
/* All items, one a call, likewise. The table must not change meanwhile. */
const void *hash_table_next(const HashTable *table, size_t *cursor);
size_t hash_table_count(const HashTable *table);

#define HASH_START 0x811c9dc5u
uint32_t hash_bytes(uint32_t hash, const void *data, size_t n); /* goes on from `hash` */
uint32_t hash_text(uint32_t hash, const char *text);		/* its end included */

/* ---- Claims: items by key, several of which may claim one: the best of them holds it. ---- */
typedef struct ConflictKind {
	size_t (*key_size)(const void *key); /* its bytes tell keys apart */
	bool (*has_key)(const void *item, const void *key);
	bool (*is_better)(const void *a, const void *b); /* always one or the other */
} ConflictKind;

typedef struct ConflictMap {
	Arena *arena;
	const ConflictKind *kind;
	HashTable *alone, *groups; /* keys of one claim; of several */
} ConflictMap;

typedef struct ConflictGroup ConflictGroup;

/* Items are borrowed, keys copied. An item may claim several keys, each of them once. */
void conflict_map_init(ConflictMap *claims, Arena *arena, const ConflictKind *kind);
void conflict_map_add(ConflictMap *claims, const void *key, const void *item);
void conflict_map_remove(
	ConflictMap *claims, const void *key, const void *item); /* which is there */
/* `by` says the same, at another place in memory. */
void conflict_map_replace(ConflictMap *claims, const void *key, const void *item, const void *by);
const void *conflict_map_winner(
	const ConflictMap *claims, const void *key); /* NULL: nobody claims it */
bool conflict_map_has_conflict(const ConflictMap *claims, const void *key);
size_t conflict_map_count(const ConflictMap *claims); /* keys that are claimed */
/* The holders of all keys, one a call, in no order; *cursor is 0 at first. NULL: no more. */
const void *conflict_map_next(const ConflictMap *claims, size_t *cursor);
/* The keys of several claims, and their claims, likewise. */
const ConflictGroup *conflict_map_next_group(const ConflictMap *claims, size_t *cursor);
size_t conflict_map_count_groups(const ConflictMap *claims);
const void *conflict_group_key(const ConflictGroup *group);
/* Its claims but one of them, in the arena, sorted: `compare` as qsort wants it, of pointers. */
const void *const *conflict_group_losers(const ConflictGroup *group, const void *but, Arena *arena,
	int (*compare)(const void *, const void *), size_t *ret_n);

/* ---- Buf: text being written. Always NUL-terminated once something was added. ---- */
typedef struct Buf {
	Arena *arena;
	char *text;
	size_t n, capacity;
} Buf;

void buf_add(Buf *buf, const char *text);
void buf_add_n(Buf *buf, const char *text, size_t n);
void buf_printf(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *buf_text(const Buf *buf); /* never NULL */

/* ---- Text ---- */
bool text_is_equal(const char *a, const char *b); /* either may be NULL: equal to NULL only */
bool text_has_suffix(const char *text, const char *suffix);
/* The offset of the first byte that is not valid UTF-8 (or is NUL), or `n` if all is well. */
size_t text_utf8_check(const char *text, size_t n);
/* The entry of `known` (NULL-terminated) within two edits of `word`, or NULL. */
const char *text_nearest(const char *word, const char *const *known);
int text_compare_p(const void *a, const void *b); /* for qsort of const char * */
void text_add_json(Buf *buf, const char *text);	  /* with quotes; valid, whatever the text */
/* The same text, with '?' for what a terminal would obey and what is no UTF-8. */
char *text_printable(char *text);

/* ---- Content names: SHA-256, because whoever writes a policy must not choose what collides. ----
 */
typedef struct Digest {
	uint32_t state[8];
	uint8_t block[64];
	uint64_t n; /* bytes taken so far */
} Digest;

void digest_start(Digest *digest);
void digest_add(Digest *digest, const void *data, size_t n);
/* A string with its length before it, so that "a","bc" and "ab","c" differ. */
void digest_add_text(Digest *digest, const char *text);
void digest_end(Digest *digest, uint8_t ret_hash[32]);
/* The first 96 bits in hex: the tail of a chain's or set's name. */
#define DIGEST_NAME_LENGTH 24
void digest_end_name(Digest *digest, char ret_name[DIGEST_NAME_LENGTH + 1]);

/* ---- Addresses and ranges. Values are in host order, IPv4 in the low 32 bits. ---- */
typedef enum Family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_N } Family;
/* aligned so that an Address has no holes: they are kept by the hundred thousand */
typedef unsigned __int128 AddressValue __attribute__((aligned(4)));

typedef struct Address {
	AddressValue value;
	Family family;
} Address;

typedef struct Range {
	AddressValue first, last; /* both included */
	Family family;
} Range;

typedef VEC(Range) Ranges;

#define ADDRESS_TEXT_SIZE 48
#define RANGE_TEXT_SIZE 100

bool address_parse(const char *text, Address *ret_address); /* no leading zeros, no zone */
const char *address_text(Address address, char ret_text[ADDRESS_TEXT_SIZE]);
bool address_is_equal(Address a, Address b);
typedef VEC(Address) Addresses;
bool addresses_are_equal(const Addresses *a, const Addresses *b); /* item by item */
bool addresses_have(const Addresses *addresses, Address address);
int address_compare(Address a, Address b);
bool address_is_mapped(Address address);     /* ::ffff:0:0/96 */
bool address_is_link_local(Address address); /* fe80::/10 */
/* Network byte order; returns how many bytes: 4 or 16. */
size_t address_bytes(Address address, uint8_t ret_bytes[16]);
Address address_from_bytes(Family family, const uint8_t *bytes);
AddressValue family_last(Family family); /* all ones */

/* What is wrong with the text of a CIDR, as words, or NULL. Host bits are wrong. */
const char *range_parse_cidr(const char *text, Range *ret_range);
bool range_has(Range range, AddressValue value);
bool range_is_within(Range inner, Range outer);
bool range_is_equal(Range a, Range b);
bool range_is_everything(Range range);
/* The prefix length if the range is exactly one CIDR, else -1. */
int range_prefix(Range range);
const char *range_text(Range range, char ret_text[RANGE_TEXT_SIZE]);
/* Sorts, and joins what overlaps or touches: afterwards disjoint, with gaps between. */
void ranges_normalise(Ranges *ranges);
/* Adds to ret_ranges what of `block` none of `except` covers. */
void ranges_subtract(Arena *arena, Range block, const Range *except, size_t n, Ranges *ret_ranges);
bool ranges_have(const Ranges *ranges, Address address);
bool ranges_find(const Ranges *ranges, Address address); /* the same of normalised ones, faster */
bool ranges_are_equal(const Ranges *a, const Ranges *b); /* item by item */

/* ---- Directions: INGRESS is to the pod, EGRESS from it. ---- */
typedef enum Direction { INGRESS, EGRESS, DIRECTION_N } Direction;
const char *direction_text(Direction direction); /* "ingress", "egress" */

/* ---- Protocols: IP's numbers ---- */
typedef enum Protocol {
	PROTOCOL_ANY = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_SCTP = 132
} Protocol;

const char *protocol_text(Protocol protocol);		       /* "TCP"; "any" for PROTOCOL_ANY */
bool protocol_parse(const char *text, Protocol *ret_protocol); /* upper case, as the API has it */

/* ---- Diagnostics: values, collected in a bounded list, printed by whoever is a program. ---- */
typedef enum Severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR } Severity;

typedef struct Origin {
	const char
		*file; /* borrowed from the source that the thing came from; a Diag has its own */
	unsigned line, column; /* from 1; 0: not known */
} Origin;

typedef struct Diag {
	Severity severity;
	Origin origin;
	const char *code; /* static, such as "unknown-field" */
	const char *message;
	const char *hint;    /* what was probably meant, or NULL */
	const char *excerpt; /* the source line, or NULL */
} Diag;

#define DIAGS_MAX 100
typedef struct Diags {
	Arena *arena; /* owner of the messages */
	VEC(Diag) list;
	size_t n_errors, n_dropped; /* dropped: beyond DIAGS_MOST, counted and said */
} Diags;

/* All texts are copied but the code; `hint` may be NULL. */
void diag_add(Diags *diags, Severity severity, Origin origin, const char *code, const char *hint,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
#define DIAG_ERROR(diags, origin, code, hint, ...)                                                 \
	diag_add(diags, SEVERITY_ERROR, origin, code, hint, __VA_ARGS__)
#define DIAG_WARNING(diags, origin, code, hint, ...)                                               \
	diag_add(diags, SEVERITY_WARNING, origin, code, hint, __VA_ARGS__)
/* Copies every diagnostic of `from` (deeply) to `diags`. */
void diags_append(Diags *diags, const Diags *from);
/* By line and column; to be used on the diagnostics of one file. */
void diags_sort(Diags *diags);
/* Gives each diagnostic that has a line the text of that line of the file. */
void diags_excerpt(Diags *diags, const char *text, size_t n);
const char *severity_text(Severity severity);
/* "file:line:column: error: message (hint)", without the excerpt. */
const char *diag_line(Arena *arena, const Diag *diag);
/* The same with source line, caret and hint below, as a compiler prints it. */
const char *diag_block(Arena *arena, const Diag *diag, bool is_coloured);
