/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON events -> trees, with libyaml's lines and columns: see json_tree.h. */
#include "json_tree.h"
#include "json_events.h"
#include "yaml_scalar.h"
#include <string.h>

/* A list or map that is open. */
typedef struct Level {
	Node *node;
	StrMap *keys; /* of a map: the keys so far, to find duplicates */
	Pair pair;    /* of a map: the latest key; its value is the next event */
} Level;

typedef struct Tree {
	Arena *arena;
	const char *text;
	size_t end;	/* offset of the current token's end; set by json_events_read */
	size_t counted; /* offset up to which lines are counted: the last token's end */
	Origin origin;	/* line and column of text[counted] */
	Level levels[PARSE_DEPTH_MAX + 1];
	unsigned depth; /* levels[depth] is the innermost; 0: none is open */
	size_t nodes;
	Documents *roots;
	/* after the last complete root */
	uint32_t n_complete;
	Rest rest;
} Tree;

/* Columns are characters, as in libyaml: a UTF-8 continuation byte (10xxxxxx) is no column. */
static void count_to(Tree *t, size_t to)
{
	assert(t->counted <= to);
	for (; t->counted < to; t->counted++) {
		bool is_within_character = (t->text[t->counted] & 0xc0) == 0x80;

		t->origin.column += !is_within_character;
		if (t->text[t->counted] == '\n')
			t->origin = (Origin){t->origin.file, t->origin.line + 1, 1};
	}
}

/* The origin of the current token: after the blanks and separators that follow the last one. */
static Origin take_token(Tree *t)
{
	Origin origin;

	count_to(t, t->counted + strspn(t->text + t->counted, " \t\r\n,:"));
	origin = t->origin;
	count_to(t, t->end);
	return origin;
}

/* A value has ended; if it was a root, what follows may be another text. */
static void end_value(Tree *t)
{
	if (t->depth > 0)
		return;
	t->n_complete = t->roots->n;
	t->rest = (Rest){t->counted, t->origin, t->nodes};
}

/* A new node, as a root, the next item of the open list, or the value of the latest key. */
static Node *add_node(Tree *t, NodeKind kind)
{
	Node *node = ARENA_NEW(t->arena, Node);
	Level *level = &t->levels[t->depth];

	t->nodes++;
	*node = (Node){.kind = kind, .origin = take_token(t)};
	if (t->depth == 0) {
		VEC_PUSH(t->arena, t->roots, node);
	} else if (level->node->kind == NODE_LIST) {
		VEC_PUSH(t->arena, &level->node->items, node);
	} else {
		assert(level->pair.key);
		level->pair.value = node;
		VEC_PUSH(t->arena, &level->node->pairs, level->pair);
	}
	return node;
}

static bool on_begin(void *context, bool is_map)
{
	Tree *t = context;
	Node *node = add_node(t, is_map ? NODE_MAP : NODE_LIST);

	assert(t->depth < PARSE_DEPTH_MAX); /* json_events checks the depth */
	t->levels[++t->depth] = (Level){.node = node, .keys = is_map ? strmap_new(t->arena) : NULL};
	return t->nodes <= PARSE_NODES_MAX;
}

static bool on_end(void *context)
{
	Tree *t = context;

	assert(t->depth > 0);
	take_token(t);
	t->depth--;
	end_value(t);
	return true;
}

static bool on_key(void *context, const char *text, size_t n)
{
	Tree *t = context;
	Level *level = &t->levels[t->depth];
	const char *key = arena_strndup(t->arena, text, n);

	if (memchr(text, '\0', n) || strmap_get(level->keys, key))
		return false;
	strmap_put(level->keys, key, level);
	level->pair = (Pair){.key = key, .origin = take_token(t)};
	return true;
}

/* A number with a fraction or an exponent is no whole number to the API server, not even 80.0. */
static bool is_whole(const char *text)
{
	return !strpbrk(text, ".eE");
}

static bool on_scalar(void *context, ScalarKind kind, const char *text, size_t n)
{
	Tree *t = context;
	Node *node = add_node(t, NODE_STRING);

	node->text = arena_strndup(t->arena, text, n);
	if (kind == SCALAR_NUMBER && !is_whole(node->text))
		node->kind = NODE_FLOAT;
	else if (kind != SCALAR_STRING)
		yaml_scalar_resolve(node); /* what is left of JSON is a part of YAML */
	end_value(t);
	return !memchr(text, '\0', n) && t->nodes <= PARSE_NODES_MAX;
}

/* rest->at is behind the last value; the next one begins after the blanks. */
static void skip_blanks(Tree *t)
{
	t->counted = t->rest.at;
	t->origin = t->rest.origin;
	count_to(t, t->counted + strspn(t->text + t->counted, " \t\r\n"));
	t->rest.at = t->counted;
	t->rest.origin = t->origin;
}

bool json_tree_read(Reader *reader, const char *text, size_t n, Rest *rest, Documents *ret)
{
	static const JsonHandler handler = {on_begin, on_end, on_key, on_scalar};
	Tree *t = ARENA_NEW(reader->arena, Tree);
	const char *file = rest->origin.file;

	assert(rest->at == 0 && ret->n == 0);
	*t = (Tree){.arena = reader->arena,
		.text = text,
		.origin = rest->origin,
		.roots = ret,
		.rest = *rest};
	if (json_events_read(reader, file, text, n, &handler, t, &t->end))
		return true;
	ret->n = t->n_complete;
	skip_blanks(t);
	*rest = t->rest;
	return false;
}
