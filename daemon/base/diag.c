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

static void count(Diags *diags, Severity severity, size_t n)
{
	if (severity == SEVERITY_ERROR)
		diags->n_errors += n;
	else if (severity == SEVERITY_WARNING)
		diags->n_warnings += n;
}

void diags_count_dropped(Diags *diags, Severity severity, size_t n)
{
	count(diags, severity, n);
	diags->n_dropped += n;
}

/*
 * Makes room for one of that severity. In a full list, the last of the least severe diagnostics is
 * dropped, if it is less severe. False: it is not, so the new one has to be dropped.
 */
static bool make_room(Diags *diags, Severity severity)
{
	size_t least = 0;

	if (diags->list.n < (diags->max ? diags->max : DIAGS_MAX))
		return true;
	diags->n_dropped++;
	for (size_t i = 0; i < diags->list.n; i++)
		if (diags->list.at[i].severity <= diags->list.at[least].severity)
			least = i;
	if (diags->list.at[least].severity >= severity)
		return false;
	diags->list.n--;
	memmove(&diags->list.at[least], &diags->list.at[least + 1],
		(diags->list.n - least) * sizeof(Diag));
	return true;
}

void diag_add(Diags *diags, Severity severity, Origin origin, const char *code, const char *hint,
	const char *format, ...)
{
	va_list arguments;
	Diag diag = {.severity = severity, .origin = origin, .code = code};

	count(diags, severity, 1);
	if (!make_room(diags, severity))
		return;
	va_start(arguments, format);
	diag.message = text_printable(arena_vprintf(diags->arena, format, arguments));
	va_end(arguments);
	diag.hint = hint ? text_printable(arena_strdup(diags->arena, hint)) : NULL;
	diag.origin.file = copy_or_null(diags->arena, origin.file);
	VEC_PUSH(diags->arena, &diags->list, diag);
}

void diags_remove(Diags *diags, const char *code)
{
	uint32_t n = 0;

	for (size_t i = 0; i < diags->list.n; i++) {
		Diag diag = diags->list.at[i];

		if (strcmp(diag.code, code) != 0)
			diags->list.at[n++] = diag;
		else if (diag.severity == SEVERITY_ERROR)
			diags->n_errors--;
		else if (diag.severity == SEVERITY_WARNING)
			diags->n_warnings--;
	}
	diags->list.n = n;
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

static void append_copy(Diags *diags, Diag diag)
{
	if (!make_room(diags, diag.severity))
		return;
	diag.origin.file = copy_or_null(diags->arena, diag.origin.file);
	diag.message = copy_or_null(diags->arena, diag.message);
	diag.hint = copy_or_null(diags->arena, diag.hint);
	diag.excerpt = copy_or_null(diags->arena, diag.excerpt);
	VEC_PUSH(diags->arena, &diags->list, diag);
}

void diags_append(Diags *diags, const Diags *from)
{
	diags_append_most_severe(diags, from, from->list.n);
}

void diags_append_most_severe(Diags *diags, const Diags *from, size_t n)
{
	size_t n_of[SEVERITY_ERROR + 1] = {}, left = n;

	for (size_t i = 0; i < from->list.n; i++)
		n_of[from->list.at[i].severity]++;
	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--) {
		n_of[severity] = n_of[severity] < left ? n_of[severity] : left;
		left -= n_of[severity];
	}
	for (size_t i = 0; i < from->list.n; i++) {
		const Diag *diag = &from->list.at[i];

		if (n_of[diag->severity] > 0) {
			n_of[diag->severity]--;
			append_copy(diags, *diag);
		}
	}
	diags->n_errors += from->n_errors;
	diags->n_warnings += from->n_warnings;
	diags->n_dropped += from->n_dropped + (from->list.n > n ? from->list.n - n : 0);
}

size_t diags_fair_share(const Diags *const *lists, size_t n_lists, size_t max)
{
	for (size_t share = max; share > 1; share /= 2) {
		size_t sum = 0;

		for (size_t i = 0; i < n_lists; i++)
			sum += lists[i]->list.n < share ? lists[i]->list.n : share;
		if (sum <= max)
			return share;
	}
	return 1;
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
