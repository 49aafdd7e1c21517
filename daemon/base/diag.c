/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Diagnostics: a bounded list, and its text in the format of a compiler. */
#include "base.h"
#include <stdio.h>
#include <string.h>

#define EXCERPT_MAX 160 /* bytes of a source line that are shown */

const char *severity_text(Severity severity)
{
	static const char *const text[] = {"note", "warning", "error"};

	return text[severity];
}

static const char *copy_or_null(Arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

static void diag_push(Diags *diags, Diag diag)
{
	if (diag.severity == SEVERITY_ERROR)
		diags->n_errors++;
	if (diags->list.n >= DIAGS_MAX) {
		diags->n_dropped++;
		return;
	}
	VEC_PUSH(diags->arena, &diags->list, diag);
}

void diag_add(Diags *diags, Severity severity, Origin origin, const char *code, const char *hint,
	const char *format, ...)
{
	va_list arguments;
	Diag diag = {.severity = severity, .origin = origin, .code = code};

	if (diags->list.n < DIAGS_MAX) {
		va_start(arguments, format);
		diag.message = text_printable(arena_vprintf(diags->arena, format, arguments));
		va_end(arguments);
		diag.hint = hint ? text_printable(arena_strdup(diags->arena, hint)) : NULL;
		diag.origin.file = copy_or_null(diags->arena, origin.file);
	}
	diag_push(diags, diag);
}

static bool is_after(const Origin *a, const Origin *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

void diags_sort(Diags *diags)
{
	for (size_t i = 1; i < diags->list.n; i++) { /* insertion sort: stable, n <= DIAGS_MAX */
		Diag diag = diags->list.at[i];
		size_t k = i;

		for (; k > 0 && is_after(&diags->list.at[k - 1].origin, &diag.origin); k--)
			diags->list.at[k] = diags->list.at[k - 1];
		diags->list.at[k] = diag;
	}
}

void diags_append(Diags *diags, const Diags *from)
{
	for (size_t i = 0; i < from->list.n; i++) {
		Diag diag = from->list.at[i];

		diag.origin.file = copy_or_null(diags->arena, diag.origin.file);
		diag.message = copy_or_null(diags->arena, diag.message);
		diag.hint = copy_or_null(diags->arena, diag.hint);
		diag.excerpt = copy_or_null(diags->arena, diag.excerpt);
		diag_push(diags, diag);
	}
	diags->n_dropped += from->n_dropped;
}

/* The start of line `line` (from 1), or NULL. */
static const char *line_start(const char *text, size_t n, unsigned line)
{
	const char *end = text + n;

	while (line > 1 && text) {
		text = memchr(text, '\n', (size_t)(end - text));
		text = text ? text + 1 : NULL;
		line--;
	}
	return text && text < end ? text : NULL;
}

void diags_excerpt(Diags *diags, const char *text, size_t n)
{
	for (size_t i = 0; i < diags->list.n; i++) {
		Diag *diag = &diags->list.at[i];
		const char *start =
			diag->origin.line ? line_start(text, n, diag->origin.line) : NULL;
		const char *end = start ? memchr(start, '\n', (size_t)(text + n - start)) : NULL;
		size_t length = start ? (size_t)((end ? end : text + n) - start) : 0;

		length -= length > 0 && start[length - 1] == '\r';
		if (length == 0 || diag->origin.column > EXCERPT_MAX)
			continue;
		diag->excerpt = text_printable(arena_strndup(
			diags->arena, start, length < EXCERPT_MAX ? length : EXCERPT_MAX));
	}
}

/* A diagnostic without a file is about the program or its environment. */
static void add_origin(Buf *buf, const Origin *origin)
{
	buf_add(buf,
		origin->file ? text_printable(arena_strdup(buf->arena, origin->file)) : "netpol");
	if (origin->line)
		buf_printf(buf, ":%u", origin->line);
	if (origin->line && origin->column)
		buf_printf(buf, ":%u", origin->column);
	buf_add(buf, ": ");
}

const char *diag_line(Arena *arena, const Diag *diag)
{
	Buf buf = {.arena = arena};

	add_origin(&buf, &diag->origin);
	buf_printf(&buf, "%s: %s", severity_text(diag->severity), diag->message);
	if (diag->hint)
		buf_printf(&buf, "; %s", diag->hint);
	return buf_text(&buf);
}

/* The caret line repeats the tabs of the excerpt, so that the caret is below its column. */
static void add_caret(Buf *buf, const Diag *diag)
{
	const char *s = diag->excerpt;

	buf_printf(buf, "\n%6u | %s", diag->origin.line, s);
	if (diag->origin.column == 0)
		return;
	buf_add(buf, "\n       | ");
	for (unsigned i = 1; i < diag->origin.column && *s; i++, s++)
		buf_add(buf, *s == '\t' ? "\t" : " ");
	buf_add(buf, "^");
}

const char *diag_block(Arena *arena, const Diag *diag, bool is_coloured)
{
	static const char *const colour[] = {"\033[36m", "\033[35m", "\033[31m"};
	Buf buf = {.arena = arena};

	add_origin(&buf, &diag->origin);
	buf_printf(&buf, "%s%s%s: %s", is_coloured ? colour[diag->severity] : "",
		severity_text(diag->severity), is_coloured ? "\033[0m" : "", diag->message);
	if (diag->hint)
		buf_printf(&buf, "; %s", diag->hint);
	if (diag->excerpt)
		add_caret(&buf, diag);
	buf_add(&buf, "\n");
	return buf_text(&buf);
}
