/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What netpold reads of an object: see trim.h. metadata, spec and status are written into a buffer
 * each, so that they have the same order whatever the server's is. A map or list is written when it
 * begins, and taken back at its end if nothing followed.
 */
#include "trim.h"
#include <string.h>

static const Path POLICY_ROOT = {.kind = PATH_ITEM,
	.shape = SHAPE_MAP,
	.children = (const Path[]){
		{.key = "metadata",
			.shape = SHAPE_MAP,
			.children = (const Path[]){{.key = "name",
							   .kind = PATH_NAME,
							   .scalar = SCALAR_STRING},
				{.key = "namespace",
					.kind = PATH_NAMESPACE,
					.scalar = SCALAR_STRING},
				{.key = "annotations",
					.shape = SHAPE_MAP,
					.children =
						(const Path[]){
							{.key = POLICY_ENFORCEMENT_ANNOTATION,
								.kind = PATH_ENFORCEMENT,
								.scalar = SCALAR_STRING},
							{}}},
				{}}},
		{.key = "spec",
			.kind = PATH_WHOLE,
			.shape = SHAPE_MAP,
			.children = (const Path[]){{}}},
		{}}};

static const char *const SECTIONS[] = {"metadata", "spec", "status"};
#define SECTION_N ARRAY_SIZE(SECTIONS)

/* An open map or list that is kept. */
typedef struct Frame {
	const Path *path; /* borrowed; not of what is below a PATH_WHOLE */
	bool is_map, is_whole;
	size_t begin; /* where it was written: its section's length before */
	unsigned n;   /* items or keys that were written */
} Frame;

struct Trim {
	Arena *arena;
	const Path *root, *next; /* next: where the latest key leads; NULL: it is not kept */
	Buf sections[SECTION_N], key, token, text;
	bool has_section[SECTION_N];
	Buf *out; /* the section that is open */
	/* stack[1] is the object, stack[2] a section of it */
	Frame stack[PARSE_DEPTH_MAX + 2];
	unsigned depth, skipped; /* skipped: open maps and lists below one that is not kept */
	const char *error;
	bool is_of_kubelet;
};

Trim *trim_new(Arena *arena, ApiKind kind)
{
	Trim *t = ARENA_NEW(arena, Trim);

	t->arena = t->key.arena = t->token.arena = t->text.arena = arena;
	t->root = kind == API_POLICIES ? &POLICY_ROOT : &INVENTORY_ROOT;
	for (size_t i = 0; i < SECTION_N; i++)
		t->sections[i].arena = arena;
	return t;
}

void trim_set_of_kubelet(Trim *trim)
{
	trim->is_of_kubelet = true;
}

const char *trim_error(const Trim *trim)
{
	return trim->error;
}

static bool fail(Trim *t, const char *error)
{
	t->error = error;
	return false;
}

static bool is_in_section(const Trim *t)
{
	return t->depth >= 2;
}

/*
 * Kept by inventories for their own sake: the version, a list's fields, where kubelet has it from.
 * The last tells of an export of kubelet whether it is only just started; of an API server's list
 * it tells nothing.
 */
static bool is_left_out(const Trim *t, const Path *path)
{
	return path->kind == PATH_VERSION || path->kind == PATH_CONTINUE ||
	       (path->kind == PATH_CONFIG_SOURCE && !t->is_of_kubelet);
}

/* Before a value: the comma, and in a map its key. */
static void write_key(Trim *t)
{
	const Frame *frame = &t->stack[t->depth];

	if (frame->n > 0)
		buf_add(t->out, ",");
	if (!frame->is_map)
		return;
	text_add_json(t->out, buf_text(&t->key));
	buf_add(t->out, ":");
}

/*
 * Writes go to the section that the object's key is; nowhere if it is none. A second `metadata`
 * would take the place of the first one, whose name the reader has taken.
 */
static bool open_section(Trim *t)
{
	for (size_t i = 0; i < SECTION_N; i++) {
		if (strcmp(buf_text(&t->key), SECTIONS[i]) != 0)
			continue;
		if (t->has_section[i])
			return fail(t, arena_printf(t->arena, "%s is there twice", SECTIONS[i]));
		t->has_section[i] = true;
		t->out = &t->sections[i];
	}
	return true;
}

static void begin_object(Trim *t)
{
	for (size_t i = 0; i < SECTION_N; i++) {
		t->sections[i].n = 0;
		t->has_section[i] = false;
	}
	t->next = NULL;
	t->stack[++t->depth] = (Frame){.path = t->root, .is_map = true};
}

/* The path of the value that begins; NULL: it is not kept. Below a PATH_WHOLE there is none. */
static const Path *value_path(const Trim *t)
{
	const Frame *frame = &t->stack[t->depth];

	return frame->is_map ? t->next : path_of_items(frame->path);
}

static bool fail_shape(Trim *t, const Path *path)
{
	return fail(t, arena_printf(t->arena, "%s: not the type that the API has there",
			       path->key ? path->key : "an item of a list"));
}

bool trim_begin(Trim *t, bool is_map)
{
	const Frame *frame = &t->stack[t->depth];
	bool is_whole = t->depth > 0 && frame->is_whole;
	const Path *path;
	size_t begin;

	if (t->skipped) {
		t->skipped++;
		return true;
	}
	if (t->depth == 0) {
		begin_object(t);
		return is_map || fail(t, "expected an object");
	}
	path = is_whole ? NULL : value_path(t);
	if (path && path->shape != (is_map ? SHAPE_MAP : SHAPE_LIST))
		return fail_shape(t, path);
	if (t->depth == 1) {
		t->out = NULL;
		if (path && !open_section(t))
			return false;
	}
	if (!t->out || (!path && !is_whole)) {
		t->skipped = 1;
		return true;
	}
	begin = t->out->n;
	if (is_in_section(t)) {
		write_key(t);
		buf_add(t->out, is_map ? "{" : "[");
	}
	assert(t->depth + 1 < ARRAY_SIZE(t->stack));
	t->stack[++t->depth] = (Frame){.path = path,
		.is_map = is_map,
		.is_whole = is_whole || path->kind == PATH_WHOLE,
		.begin = begin};
	t->next = NULL;
	return true;
}

/* A section's braces, and those of the object, are written by compose(). */
static void end_frame(Trim *t)
{
	const Frame *frame = &t->stack[t->depth];

	if (t->depth <= 2)
		return;
	if (frame->n == 0 && !frame->is_whole) {
		t->out->n = frame->begin;
		return;
	}
	buf_add(t->out, frame->is_map ? "}" : "]");
	t->stack[t->depth - 1].n++;
}

static void compose(Trim *t)
{
	t->text.n = 0;
	buf_add(&t->text, ",");
	buf_add_n(&t->text, buf_text(&t->sections[0]), t->sections[0].n);
	buf_add(&t->text, "}");
	for (size_t i = 1; i < SECTION_N; i++)
		if (t->has_section[i] && (t->sections[i].n > 0 || t->root == &POLICY_ROOT)) {
			buf_printf(&t->text, ",\"%s\":{", SECTIONS[i]);
			buf_add_n(&t->text, buf_text(&t->sections[i]), t->sections[i].n);
			buf_add(&t->text, "}");
		}
	buf_add(&t->text, "}");
}

bool trim_end(Trim *t)
{
	assert(t->skipped || t->depth > 0);
	if (t->skipped) {
		t->skipped--;
		return true;
	}
	end_frame(t);
	if (--t->depth == 0)
		compose(t);
	t->next = NULL;
	return true;
}

static bool copy(Trim *t, Buf *buf, const char *text, size_t n)
{
	buf->n = 0;
	buf_add_n(buf, text, n);
	return !memchr(text, '\0', n) || fail(t, "a NUL character in a string");
}

bool trim_key(Trim *t, const char *text, size_t n)
{
	const Frame *frame = &t->stack[t->depth];

	if (t->skipped)
		return true;
	t->next = frame->is_whole ? NULL : path_find_key(frame->path, text, n);
	if (t->next && is_left_out(t, t->next))
		t->next = NULL;
	return (!t->next && !frame->is_whole) || copy(t, &t->key, text, n);
}

static bool is_annotation(const Path *path)
{
	PathKind kind = path->kind;

	return kind == PATH_CONFIG_SOURCE || kind == PATH_CONFIG_HASH || kind == PATH_SENDERS ||
	       kind == PATH_ENFORCEMENT;
}

bool trim_scalar(Trim *t, ScalarKind kind, const char *text, size_t n)
{
	Frame *frame = &t->stack[t->depth];
	const Path *path;

	if (t->depth == 0)
		return fail(t, "expected an object");
	if (t->skipped)
		return true;
	path = frame->is_whole ? NULL : value_path(t);
	if (!frame->is_whole && (!path || kind == SCALAR_NULL))
		return true; /* null is the same as absent */
	if (path && (path->shape != SHAPE_SCALAR || path->scalar != kind))
		return fail_shape(t, path);
	if (!is_in_section(t))
		return true;
	/* the server checks no annotation's value: one object must not stop the list of all */
	if (path && is_annotation(path) && memchr(text, '\0', n)) {
		if (path->kind != PATH_ENFORCEMENT)
			return true;
		n = 0; /* an error to netpold; without the annotation the policy would be enforced
			*/
	}
	write_key(t);
	frame->n++;
	if (kind != SCALAR_STRING) {
		buf_add_n(t->out, text, n);
		return true;
	}
	if (!copy(t, &t->token, text, n))
		return false;
	text_add_json(t->out, buf_text(&t->token));
	return true;
}

const char *trim_text(const Trim *trim)
{
	return buf_text(&trim->text);
}
