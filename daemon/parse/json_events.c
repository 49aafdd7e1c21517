/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * yajl as json_events.h wants it. yajl does not check its allocations, so it gets the arena's
 * functions, which do not return on failure.
 */
#include "json_events.h"
#include <string.h>
#include <yajl/yajl_parse.h>

struct JsonStream {
	const JsonHandler *handler;
	void *context;
	Arena *arena;
	yajl_handle yajl;
	size_t n, *ret_at; /* bytes of the text that is fed; ret_at: NULL if nobody asks */
	unsigned depth;	   /* open lists and maps */
	bool is_stopped, is_too_deep;
	/* yajl_complete_parse feeds a blank of its own, and counts bytes from 0 again */
	bool is_at_end;
};

/* The offset of the current token's end. */
static size_t position(const JsonStream *p)
{
	return p->is_at_end ? p->n : yajl_get_bytes_consumed(p->yajl);
}

static void note_position(const JsonStream *p)
{
	if (p->ret_at)
		*p->ret_at = position(p);
}

/* Columns are bytes here. */
static Origin origin_at(const char *file, const char *text, size_t at)
{
	Origin origin = {file, 1, 1};

	for (size_t i = 0; i < at; i++) {
		origin.column++;
		if (text[i] == '\n')
			origin = (Origin){file, origin.line + 1, 1};
	}
	return origin;
}

/* yajl's callbacks return 0 to cancel. */
static int go_on(JsonStream *p, bool is_accepted)
{
	p->is_stopped |= !is_accepted;
	return is_accepted;
}

static int on_scalar(JsonStream *p, ScalarKind kind, const char *text, size_t n)
{
	note_position(p);
	return go_on(p, p->handler->scalar(p->context, kind, text, n));
}

static int on_null(void *context)
{
	return on_scalar(context, SCALAR_NULL, "null", 4);
}

static int on_bool(void *context, int truth)
{
	return on_scalar(context, SCALAR_BOOL, truth ? "true" : "false", truth ? 4 : 5);
}

static int on_number(void *context, const char *text, size_t n)
{
	return on_scalar(context, SCALAR_NUMBER, text, n);
}

static int on_string(void *context, const unsigned char *text, size_t n)
{
	return on_scalar(context, SCALAR_STRING, (const char *)text, n);
}

static int on_key(void *context, const unsigned char *text, size_t n)
{
	JsonStream *p = context;

	note_position(p);
	return go_on(p, p->handler->key(p->context, (const char *)text, n));
}

static int on_begin(JsonStream *p, bool is_map)
{
	note_position(p);
	p->is_too_deep = ++p->depth > PARSE_DEPTH_MAX;
	return !p->is_too_deep && go_on(p, p->handler->begin(p->context, is_map));
}

static int on_begin_map(void *context)
{
	return on_begin(context, true);
}

static int on_begin_list(void *context)
{
	return on_begin(context, false);
}

static int on_end(void *context)
{
	JsonStream *p = context;

	note_position(p);
	assert(p->depth > 0);
	p->depth--;
	return go_on(p, p->handler->end(p->context));
}

static const yajl_callbacks CALLBACKS = {.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_map_key = on_key,
	.yajl_start_map = on_begin_map,
	.yajl_end_map = on_end,
	.yajl_start_array = on_begin_list,
	.yajl_end_array = on_end};

/* ---- yajl's memory: each block has its size in front, for realloc; the arena frees all ---- */
typedef struct Header {
	_Alignas(max_align_t) size_t n;
} Header;

static void *yajl_memory_alloc(void *arena, size_t n)
{
	Header *header = arena_alloc(arena, sizeof(Header) + n);

	header->n = n;
	return header + 1;
}

static void *yajl_memory_resize(void *arena, void *old, size_t n)
{
	size_t was = old ? ((Header *)old)[-1].n : 0;
	void *memory = yajl_memory_alloc(arena, n);

	if (was)
		memcpy(memory, old, was < n ? was : n);
	return memory;
}

static void yajl_memory_free(void *arena, void *old)
{
	(void)arena, (void)old;
}

JsonStream *json_stream_new(Arena *arena, const JsonHandler *handler, void *context)
{
	yajl_alloc_funcs memory = {yajl_memory_alloc, yajl_memory_resize, yajl_memory_free, arena};
	JsonStream *p = ARENA_NEW(arena, JsonStream);

	*p = (JsonStream){.handler = handler, .context = context, .arena = arena};
	p->yajl = yajl_alloc(&CALLBACKS, &memory, p);
	yajl_config(p->yajl, yajl_allow_multiple_values, 1);
	return p;
}

bool json_stream_feed(JsonStream *p, const char *text, size_t n)
{
	p->n = n;
	return yajl_parse(p->yajl, (const unsigned char *)text, n) == yajl_status_ok;
}

bool json_stream_end(JsonStream *p)
{
	bool is_good;

	p->is_at_end = true;
	is_good = yajl_complete_parse(p->yajl) == yajl_status_ok;
	assert(!is_good || p->depth == 0);
	return is_good;
}

const char *json_stream_error(const JsonStream *p)
{
	unsigned char *words;
	char *line;

	if (p->is_stopped)
		return NULL;
	if (p->is_too_deep)
		return arena_printf(p->arena, "nested more than %d deep", PARSE_DEPTH_MAX);
	/* one line, without the excerpt that yajl adds; freed with the arena */
	words = yajl_get_error(p->yajl, 0, NULL, 0);
	line = arena_strdup(p->arena, (const char *)words);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void report_error(const JsonStream *p, Reader *reader, const char *file, const char *text)
{
	size_t at = position(p);
	Origin origin = origin_at(file, text, at < p->n ? at : p->n);
	const char *error = json_stream_error(p);

	if (error) /* else the handler has reported it */
		DIAG_ERROR(reader->diags, origin, p->is_too_deep ? "limit" : "syntax", NULL, "%s",
			error);
}

bool json_events_read(Reader *reader, const char *file, const char *text, size_t n,
	const JsonHandler *handler, void *context, size_t *ret_at)
{
	JsonStream *p = json_stream_new(reader->arena, handler, context);
	bool is_good;

	p->ret_at = ret_at;
	is_good = json_stream_feed(p, text, n) && json_stream_end(p);
	if (!is_good)
		report_error(p, reader, file, text);
	return is_good;
}
