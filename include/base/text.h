/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Text: a buffer to write into, comparison, UTF-8 checks, JSON strings, spelling suggestions. */
#include "base/arena.h"
#include <stdbool.h>

/* ---- Buf: text that is being written. NUL-terminated as soon as something was added. ---- */
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
bool text_is_equal(const char *a, const char *b); /* NULL equals NULL only */
bool text_has_suffix(const char *text, const char *suffix);
bool text_has_prefix(const char *text, const char *prefix);
/* The offset of the first byte that is NUL or not valid UTF-8; `n` if there is none. */
size_t text_utf8_check(const char *text, size_t n);
/*
 * The entry of `known` (ends with NULL) that was probably meant by `word`: one that differs in case
 * only, else the nearest one within two edits. NULL: there is none.
 */
const char *text_nearest(const char *word, const char *const *known);
/* The length of the UTF-8 byte order mark that the text begins with; 0: there is none. */
size_t text_bom_size(const char *text, size_t n);
/* "UTF-16LE", "UTF-16BE", "UTF-32LE" or "UTF-32BE" by the first bytes of an ASCII text; or NULL. */
const char *text_utf16_or_32(const char *text, size_t n);
int text_compare_p(const void *a, const void *b); /* for qsort() of const char * */
void texts_sort_unique(Texts *texts);		  /* sorts them, and drops duplicates */
/* Adds a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void text_add_json(Buf *buf, const char *text);
/*
 * Replaces control characters (but tabs) and bytes that are not UTF-8 by '?', in place, so that
 * text out of a file cannot send escape sequences to a terminal. Returns `text`.
 */
char *text_printable(char *text);
/* RFC 3339, in UTC; seconds since the epoch. */
const char *text_of_time(Arena *arena, int64_t seconds);
