/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Diagnostics: errors and warnings about the input, as values. Modules collect them in a bounded
 * list; only the programs (netpold, netpolctl) print them. The list is bounded because the input is
 * not: a file may contain a million errors. What does not fit is counted all the same, and a full
 * list drops notes for warnings, and both for errors: whether there are errors, and the first of
 * them, is never lost.
 */
#include "base/arena.h"
#include <stdbool.h>

typedef enum Severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR } Severity;

/* A place in a file. `file` is borrowed from the source that was parsed; a Diag has a copy. */
typedef struct Origin {
	const char *file;
	unsigned line, column; /* from 1; 0: unknown */
} Origin;

typedef struct Diag {
	Severity severity;
	Origin origin;
	const char *code; /* static, such as "unknown-field" */
	const char *message;
	const char *hint;    /* what was probably meant, or NULL */
	const char *excerpt; /* the line of the file, or NULL */
} Diag;

#define DIAGS_MAX 100	   /* of one file */
#define DIAGS_ALL_MAX 1000 /* of all files together */
typedef struct Diags {
	Arena *arena; /* owns the texts */
	VEC(Diag) list;
	size_t max;		     /* the capacity of the list; 0: DIAGS_MAX */
	size_t n_errors, n_warnings; /* added so far, dropped ones included */
	size_t n_dropped;	     /* of any severity: added, but not in the list */
} Diags;

/* Copies all texts but `code`; message and hint are made printable. `hint` may be NULL. */
void diag_add(Diags *diags, Severity severity, Origin origin, const char *code, const char *hint,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
#define DIAG_ERROR(diags, origin, code, hint, ...)                                                 \
	diag_add(diags, SEVERITY_ERROR, origin, code, hint, __VA_ARGS__)
#define DIAG_WARNING(diags, origin, code, hint, ...)                                               \
	diag_add(diags, SEVERITY_WARNING, origin, code, hint, __VA_ARGS__)
/*
 * Counts `n` diagnostics as dropped that the caller does not make at all, because they are more
 * than a list can hold.
 */
void diags_count_dropped(Diags *diags, Severity severity, size_t n);
/* Appends deep copies of the diagnostics of `from`, and adds its counts, dropped ones included. */
void diags_append(Diags *diags, const Diags *from);
/*
 * The same, but copies at most `n`: the most severe ones, in the order of the list. The others are
 * counted as dropped.
 */
void diags_append_most_severe(Diags *diags, const Diags *from, size_t n);
/*
 * How many diagnostics of each list to append to one of capacity `max`, so that no list hides
 * another: `max`, halved until as many of each list fit together; at least 1.
 */
size_t diags_fair_share(const Diags *const *lists, size_t n_lists, size_t max);
/*
 * Removes the diagnostics of that code from the list and from the counts. Those that were dropped
 * before stay counted.
 */
void diags_remove(Diags *diags, const char *code);
/* Sorts by line and column, stable. Only for the diagnostics of a single file. */
void diags_sort(Diags *diags);
/* Sets the excerpts, out of the text of the file that the diagnostics are about. */
void diags_excerpt(Diags *diags, const char *text, size_t n);
const char *severity_text(Severity severity); /* "note", "warning", "error" */
/* "file:line:column: error: message; hint" */
const char *diag_line(Arena *arena, const Diag *diag);
/* The same, then the excerpt with a caret below it, as a compiler prints it; ends in a newline. */
const char *diag_block(Arena *arena, const Diag *diag, bool is_coloured);
