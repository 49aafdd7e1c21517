/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers of an API server: see api_answer.h. Two readers see the same events: this one knows
 * what is around the objects, and the fields that identify them; trim.c writes what is kept.
 */
#include "trim.h"
#include <string.h>

const char *const API_KIND_TEXT[] = {"networkpolicies", "namespaces", "pods", NULL};
const char *const API_KIND_PATHS[] = {
	"/apis/networking.k8s.io/v1/networkpolicies", "/api/v1/namespaces", "/api/v1/pods", NULL};

static const char *const KINDS[] = {"NetworkPolicy", "Namespace", "Pod"};
static const char *const VERSIONS[] = {"networking.k8s.io/v1", "v1", "v1"};

/* Texts of the answer, and of the current object. */
typedef enum AnswerField {
	FIELD_NONE,
	FIELD_KIND,
	FIELD_TYPE,
	FIELD_LIST_VERSION,
	FIELD_CONTINUE,
	FIELD_RETRY,
	/* those of an object, or of a Status */
	FIELD_OBJECT_KIND,
	FIELD_CODE,
	FIELD_REASON,
	FIELD_MESSAGE,
	FIELD_NAME,
	FIELD_NAMESPACE,
	FIELD_VERSION,
	FIELD_NODE,
	FIELD_LISTED,
	FIELD_N
} AnswerField;

/* Which map or list is open. */
typedef enum Place {
	IN_OTHER,
	IN_ROOT, /* a list, an event of a watch, or a Status */
	IN_LIST_METADATA,
	IN_ITEMS,
	IN_OBJECT,
	IN_METADATA,
	IN_ANNOTATIONS,
	IN_SPEC,
	IN_DETAILS
} Place;

static const struct Step {
	Place in;
	const char *key;
	Place to;	   /* a map or list */
	AnswerField field; /* a scalar */
} STEPS[] = {
	{IN_ROOT, "kind", IN_OTHER, FIELD_KIND},
	{IN_ROOT, "type", IN_OTHER, FIELD_TYPE},
	{IN_ROOT, "metadata", IN_LIST_METADATA, FIELD_NONE},
	{IN_ROOT, "items", IN_ITEMS, FIELD_NONE},
	{IN_ROOT, "object", IN_OBJECT, FIELD_NONE},
	{IN_ROOT, "code", IN_OTHER, FIELD_CODE},
	{IN_ROOT, "reason", IN_OTHER, FIELD_REASON},
	{IN_ROOT, "message", IN_OTHER, FIELD_MESSAGE},
	{IN_ROOT, "details", IN_DETAILS, FIELD_NONE},
	{IN_LIST_METADATA, "resourceVersion", IN_OTHER, FIELD_LIST_VERSION},
	{IN_LIST_METADATA, "continue", IN_OTHER, FIELD_CONTINUE},
	{IN_OBJECT, "kind", IN_OTHER, FIELD_OBJECT_KIND},
	{IN_OBJECT, "metadata", IN_METADATA, FIELD_NONE},
	{IN_OBJECT, "spec", IN_SPEC, FIELD_NONE},
	{IN_OBJECT, "code", IN_OTHER, FIELD_CODE},
	{IN_OBJECT, "reason", IN_OTHER, FIELD_REASON},
	{IN_OBJECT, "message", IN_OTHER, FIELD_MESSAGE},
	{IN_OBJECT, "details", IN_DETAILS, FIELD_NONE},
	{IN_METADATA, "name", IN_OTHER, FIELD_NAME},
	{IN_METADATA, "namespace", IN_OTHER, FIELD_NAMESPACE},
	{IN_METADATA, "resourceVersion", IN_OTHER, FIELD_VERSION},
	{IN_METADATA, "annotations", IN_ANNOTATIONS, FIELD_NONE},
	/* InitialEventsAnnotationKey, k8s.io/apimachinery/pkg/apis/meta/v1/types.go */
	{IN_ANNOTATIONS, "k8s.io/initial-events-end", IN_OTHER, FIELD_LISTED},
	{IN_SPEC, "nodeName", IN_OTHER, FIELD_NODE},
	{IN_DETAILS, "retryAfterSeconds", IN_OTHER, FIELD_RETRY},
};

struct ApiReader {
	Arena *arena;
	ApiKind kind;
	const ApiHandler *handler;
	void *context;
	JsonStream *stream;
	Trim *trim;
	bool is_trimming; /* an object is open that is kept */
	bool has_object;  /* it has ended: trim_text() is this object's */
	const char *error;
	Buf fields[FIELD_N];
	Place stack[PARSE_DEPTH_MAX + 1]; /* stack[depth] is open; 0: none */
	unsigned depth;
	const struct Step *next; /* where the latest key leads; NULL: it is not read */
	size_t bytes;		 /* since the last object's end */
	bool has_items, was_fed;
	char first; /* byte of the answer */
};

/* ---- Fields ---- */
static const char *field(const ApiReader *r, AnswerField field)
{
	return r->fields[field].n ? buf_text(&r->fields[field]) : "";
}

static void clear_fields(ApiReader *r, AnswerField first)
{
	for (AnswerField f = first; f < FIELD_N; f++)
		r->fields[f].n = 0;
}

static bool fail(ApiReader *r, const char *error)
{
	r->error = error;
	return false;
}

/* ---- Objects ---- */
/* DNS-1123, which names of objects are; so that one is also a safe part of a file's name. */
static bool is_name(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= 253 && *text != '.' && *text != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

static const char *object_error(ApiReader *r)
{
	const char *kind = KINDS[r->kind], *found = field(r, FIELD_OBJECT_KIND);

	if (!r->has_object)
		return "an event without an object, or with two types";
	if (*found && strcmp(found, kind) != 0)
		return arena_printf(
			r->arena, "a %s in a list of %s", found, API_KIND_TEXT[r->kind]);
	if (!is_name(field(r, FIELD_NAME)))
		return arena_printf(
			r->arena, "a %s whose name is \"%s\"", kind, field(r, FIELD_NAME));
	if (r->kind != API_NAMESPACES && !is_name(field(r, FIELD_NAMESPACE)))
		return arena_printf(r->arena, "the %s %s: its namespace is \"%s\"", kind,
			field(r, FIELD_NAME), field(r, FIELD_NAMESPACE));
	if (*field(r, FIELD_NODE) && !is_name(field(r, FIELD_NODE)))
		return arena_printf(r->arena, "the %s %s: its node is \"%s\"", kind,
			field(r, FIELD_NAME), field(r, FIELD_NODE));
	return NULL;
}

static bool emit_object(ApiReader *r, ApiEvent event)
{
	ApiObject object = {.namespace = field(r, FIELD_NAMESPACE),
		.name = field(r, FIELD_NAME),
		.node = r->kind == API_PODS ? field(r, FIELD_NODE) : "",
		.version = strtoull(field(r, FIELD_VERSION), NULL, 10),
		.text = trim_text(r->trim)};

	r->error = object_error(r);
	r->bytes = 0;
	return !r->error && r->handler->object && r->handler->object(r->context, event, &object);
}

static bool emit_status(ApiReader *r)
{
	ApiStatus status = {.code = (unsigned)strtoul(field(r, FIELD_CODE), NULL, 10),
		.reason = field(r, FIELD_REASON),
		.message = field(r, FIELD_MESSAGE),
		.retry_after_s = (unsigned)strtoul(field(r, FIELD_RETRY), NULL, 10)};

	return r->handler->status && r->handler->status(r->context, &status);
}

static bool emit_bookmark(ApiReader *r)
{
	r->bytes = 0;
	return r->handler->bookmark && r->handler->bookmark(r->context, field(r, FIELD_VERSION),
					       strcmp(field(r, FIELD_LISTED), "true") == 0);
}

/* Types of watch events, and what they mean. */
static bool emit_event(ApiReader *r, const char *type)
{
	if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		return emit_object(r, API_ADDED);
	if (strcmp(type, "DELETED") == 0)
		return emit_object(r, API_DELETED);
	if (strcmp(type, "BOOKMARK") == 0)
		return emit_bookmark(r);
	if (strcmp(type, "ERROR") == 0)
		return emit_status(r);
	return fail(r, arena_printf(r->arena, "an event of the unknown type \"%s\"", type));
}

static bool end_root(ApiReader *r)
{
	const char *kind = field(r, FIELD_KIND);

	if (*field(r, FIELD_TYPE))
		return emit_event(r, field(r, FIELD_TYPE));
	if (strcmp(kind, "Status") == 0)
		return emit_status(r);
	if (!text_has_suffix(kind, "List"))
		return fail(r,
			arena_printf(r->arena, "kind \"%s\": neither a list nor an event", kind));
	return r->has_items || fail(r, arena_printf(r->arena, "a %s without items", kind));
}

/* ---- The handler of events ---- */
static Place place_of_value(const ApiReader *r)
{
	if (r->depth == 0)
		return IN_ROOT;
	if (r->stack[r->depth] == IN_ITEMS)
		return IN_OBJECT;
	return r->next ? r->next->to : IN_OTHER;
}

/* The object of an event that says something of the watch itself is not kept. */
static bool is_kept(const ApiReader *r)
{
	const char *type = field(r, FIELD_TYPE);

	return strcmp(type, "BOOKMARK") != 0 && strcmp(type, "ERROR") != 0;
}

static bool on_begin(void *context, bool is_map)
{
	ApiReader *r = context;
	Place place = place_of_value(r);

	if (place == IN_ROOT)
		clear_fields(r, FIELD_NONE);
	if (place == IN_ROOT || place == IN_OBJECT)
		r->has_object = false;
	if (place == IN_ROOT && !is_map)
		return fail(r, "expected an object");
	if ((place == IN_ITEMS) == is_map && (place == IN_ITEMS || place == IN_OBJECT))
		return fail(r, "a list where an object is expected, or the other way round");
	if (place == IN_OBJECT) {
		clear_fields(r, FIELD_OBJECT_KIND);
		r->is_trimming = is_kept(r);
	}
	r->has_items |= place == IN_ITEMS;
	assert(r->depth + 1 < ARRAY_SIZE(r->stack));
	r->stack[++r->depth] = place;
	r->next = NULL;
	return !r->is_trimming || trim_begin(r->trim, is_map);
}

static bool on_end(void *context)
{
	ApiReader *r = context;
	Place place = r->stack[r->depth--];

	if (r->is_trimming && !trim_end(r->trim))
		return false;
	r->next = NULL;
	if (place == IN_OBJECT) {
		r->has_object = r->is_trimming;
		r->is_trimming = false;
	}
	if (place == IN_OBJECT && r->stack[r->depth] == IN_ITEMS)
		return emit_object(r, API_LISTED);
	return place != IN_ROOT || end_root(r);
}

static bool on_key(void *context, const char *text, size_t n)
{
	ApiReader *r = context;
	Place in = r->stack[r->depth];

	r->next = NULL;
	for (size_t i = 0; in != IN_OTHER && i < ARRAY_SIZE(STEPS); i++)
		if (STEPS[i].in == in && strlen(STEPS[i].key) == n &&
			memcmp(STEPS[i].key, text, n) == 0)
			r->next = &STEPS[i];
	return !r->is_trimming || trim_key(r->trim, text, n);
}

static bool on_scalar(void *context, ScalarKind kind, const char *text, size_t n)
{
	ApiReader *r = context;
	Buf *buf;

	if (r->depth == 0 || r->stack[r->depth] == IN_ITEMS)
		return fail(r, "expected an object");
	/* "items": null is an empty list of Go's */
	if (r->next && r->next->to == IN_ITEMS && kind == SCALAR_NULL)
		r->has_items = true;
	if (r->next && r->next->field != FIELD_NONE && kind != SCALAR_NULL) {
		bool has_nul = memchr(text, '\0', n);

		/* anybody may write any value of an annotation: that one counts in a bookmark only
		 */
		if (has_nul && r->next->field != FIELD_LISTED)
			return fail(r, "a NUL character in a string");
		buf = &r->fields[r->next->field];
		buf->n = 0;
		buf_add_n(buf, text, has_nul ? 0 : n);
	}
	return !r->is_trimming || trim_scalar(r->trim, kind, text, n);
}

/* ---- The reader ---- */
ApiReader *api_reader_new(Arena *arena, ApiKind kind, const ApiHandler *handler, void *context)
{
	static const JsonHandler events = {on_begin, on_end, on_key, on_scalar};
	ApiReader *r = ARENA_NEW(arena, ApiReader);

	*r = (ApiReader){.arena = arena,
		.kind = kind,
		.handler = handler,
		.context = context,
		.stream = json_stream_new(arena, &events, r),
		.trim = trim_new(arena, kind)};
	for (size_t i = 0; i < FIELD_N; i++)
		r->fields[i].arena = arena;
	return r;
}

void api_reader_set_of_kubelet(ApiReader *r)
{
	trim_set_of_kubelet(r->trim);
}

bool api_reader_feed(ApiReader *r, const char *text, size_t n)
{
	r->bytes += n;
	if (!r->was_fed && n > 0)
		r->first = *text;
	r->was_fed |= n > 0;
	if (!json_stream_feed(r->stream, text, n))
		return false;
	return r->bytes <= API_OBJECT_BYTES_MAX || fail(r, "an object of more than 16 MiB");
}

bool api_reader_end(ApiReader *r)
{
	if (!r->was_fed || json_stream_end(r->stream))
		return true;
	return fail(r, r->error ? r->error : "the answer ends in the middle of an object");
}

bool api_reader_list(const ApiReader *r, ApiList *ret_list)
{
	*ret_list = (ApiList){field(r, FIELD_LIST_VERSION), field(r, FIELD_CONTINUE)};
	return r->has_items && r->depth == 0;
}

const char *api_reader_error(const ApiReader *r)
{
	const char *error = r->error ? r->error : trim_error(r->trim);

	if (error)
		return error;
	error = json_stream_error(r->stream);
	if (error && r->first == '<')
		return "HTML in place of JSON: a proxy between us and the API server?";
	return error ? arena_printf(r->arena, "no JSON: %s", error) : NULL;
}

void api_object_add_line(Buf *buf, ApiKind kind, uint64_t version, const char *text)
{
	buf_printf(buf, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{", VERSIONS[kind],
		KINDS[kind]);
	if (version)
		buf_printf(buf, "\"resourceVersion\":\"%llu\"", (unsigned long long)version);
	buf_add(buf, version ? text : text + 1);
}
