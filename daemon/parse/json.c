/* yajl behind json.h. Its memory is the arena's (it does not check malloc), numbers stay raw. */
#include "json.h"
#include <string.h>
#include <yajl/yajl_parse.h>

typedef struct Parse {
	const JsonHandler *handler;
	void *context;
	Reader *reader;
	yajl_handle yajl;
	size_t n, *at;
	unsigned depth;
	bool is_stopped, is_too_deep;
	bool is_at_end; /* yajl ends by a blank of its own, and counts anew for it */
} Parse;

static size_t position(const Parse *p)
{
	return p->is_at_end ? p->n : yajl_get_bytes_consumed(p->yajl);
}

Origin json_origin(const char *file, const char *text, size_t at)
{
	Origin origin = {file, 1, 1};

	for (size_t i = 0; i < at; i++) {
		origin.column++;
		if (text[i] == '\n')
			origin = (Origin){file, origin.line + 1, 1};
	}
	return origin;
}

static int keep_going(Parse *p, bool is_well)
{
	p->is_stopped |= !is_well;
	return is_well;
}

static int on_scalar(Parse *p, ScalarKind kind, const char *text, size_t n)
{
	*p->at = position(p);
	return keep_going(p, p->handler->scalar(p->context, kind, text, n));
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
	Parse *p = context;

	*p->at = position(p);
	return keep_going(p, p->handler->key(p->context, (const char *)text, n));
}

static int on_begin(Parse *p, bool is_map)
{
	*p->at = position(p);
	p->is_too_deep = ++p->depth > PARSE_DEPTH_MAX;
	return !p->is_too_deep && keep_going(p, p->handler->begin(p->context, is_map));
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
	Parse *p = context;

	*p->at = position(p);
	p->depth--;
	return keep_going(p, p->handler->end(p->context));
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

/* ---- Memory: each block has its size in front, for realloc ---- */
typedef struct Header {
	_Alignas(max_align_t) size_t n;
} Header;

static void *memory_get(void *arena, size_t n)
{
	Header *header = arena_alloc(arena, sizeof(Header) + n);

	header->n = n;
	return header + 1;
}

static void *memory_resize(void *arena, void *old, size_t n)
{
	size_t was = old ? ((Header *)old)[-1].n : 0;
	void *memory = memory_get(arena, n);

	if (was)
		memcpy(memory, old, was < n ? was : n);
	return memory;
}

static void memory_drop(void *arena, void *old)
{
	(void)arena, (void)old;
}

static void say_error(Parse *p, const char *file, const char *text, size_t n)
{
	size_t at = position(p);
	Origin origin = json_origin(file, text, at < n ? at : n);
	unsigned char *words;
	char *line;

	if (p->is_stopped)
		return;
	if (p->is_too_deep) {
		DIAG_ERROR(p->reader->diags, origin, "limit", NULL, "nested more than %d deep",
			PARSE_DEPTH_MAX);
		return;
	}
	words = yajl_get_error(p->yajl, 0, NULL, 0);
	line = arena_strdup(p->reader->arena, (const char *)words);
	line[strcspn(line, "\n")] = '\0';
	DIAG_ERROR(p->reader->diags, origin, "syntax", NULL, "%s", line);
}

bool json_read(Reader *reader, const char *file, const char *text, size_t n,
	const JsonHandler *handler, void *context, size_t *at)
{
	yajl_alloc_funcs memory = {memory_get, memory_resize, memory_drop, reader->arena};
	Parse p = {.handler = handler, .context = context, .reader = reader, .n = n, .at = at};
	yajl_status status;

	p.yajl = yajl_alloc(&CALLBACKS, &memory, &p);
	status = yajl_parse(p.yajl, (const unsigned char *)text, n);
	p.is_at_end = status == yajl_status_ok;
	if (p.is_at_end)
		status = yajl_complete_parse(p.yajl);
	if (status != yajl_status_ok)
		say_error(&p, file, text, n);
	return status == yajl_status_ok;
}
