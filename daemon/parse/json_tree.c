/*
 * JSON manifests as the trees that yaml_read makes of them: JSON is YAML, but libyaml takes eight
 * times as long over it as yajl. No error is said here: what this does not read, yaml_read refuses
 * in its words, or reads.
 */
#include "json.h"
#include <string.h>

/* A list or map whose end has not come. */
typedef struct Level {
	Node *node;
	StrMap *keys; /* of a map: those that came */
	Pair pair;    /* of a map: the key whose value comes */
} Level;

typedef struct Tree {
	Arena *arena;
	const char *text;
	size_t end;	/* of the current token */
	size_t counted; /* lines and columns are, up to here */
	Origin origin;	/* of that */
	Level levels[PARSE_DEPTH_MAX + 1];
	unsigned depth; /* levels[depth] is the innermost; 0: none */
	size_t nodes;
	Node *root;
} Tree;

/* Columns are characters, as libyaml's. */
static void count_to(Tree *t, size_t to)
{
	for (; t->counted < to; t->counted++) {
		bool is_within_character = (t->text[t->counted] & 0xc0) == 0x80;

		t->origin.column += !is_within_character;
		if (t->text[t->counted] == '\n')
			t->origin = (Origin){t->origin.file, t->origin.line + 1, 1};
	}
}

/* Where the current token begins: behind what may be between it and the one before. */
static Origin take_token(Tree *t)
{
	Origin origin;

	count_to(t, t->counted + strspn(t->text + t->counted, " \t\r\n,:"));
	origin = t->origin;
	count_to(t, t->end);
	return origin;
}

static Node *add_node(Tree *t, NodeKind kind)
{
	Node *node = ARENA_NEW(t->arena, Node);
	Level *level = &t->levels[t->depth];

	t->nodes++;
	*node = (Node){.kind = kind, .origin = take_token(t)};
	if (t->depth == 0) {
		t->root = node;
	} else if (level->node->kind == NODE_LIST) {
		VEC_PUSH(t->arena, &level->node->items, node);
	} else {
		level->pair.value = node;
		VEC_PUSH(t->arena, &level->node->pairs, level->pair);
	}
	return node;
}

static bool on_begin(void *context, bool is_map)
{
	Tree *t = context;
	Node *node = add_node(t, is_map ? NODE_MAP : NODE_LIST);

	t->levels[++t->depth] = (Level){.node = node, .keys = is_map ? strmap_new(t->arena) : NULL};
	return t->nodes <= PARSE_NODES_MAX;
}

static bool on_end(void *context)
{
	Tree *t = context;

	take_token(t);
	t->depth--;
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

static bool on_scalar(void *context, ScalarKind kind, const char *text, size_t n)
{
	Tree *t = context;
	Node *node = add_node(t, NODE_STRING);

	node->text = arena_strndup(t->arena, text, n);
	if (kind != SCALAR_STRING)
		yaml_resolve(node);
	return !memchr(text, '\0', n) && t->nodes <= PARSE_NODES_MAX;
}

const Node *json_tree(Arena *arena, const char *file, const char *text, size_t n)
{
	static const JsonHandler handler = {on_begin, on_end, on_key, on_scalar};
	Tree *t = ARENA_NEW(arena, Tree);
	Diags unsaid = {.arena = arena};
	Reader reader = {arena, &unsaid};

	*t = (Tree){.arena = arena, .text = text, .origin = {file, 1, 1}};
	return json_read(&reader, file, text, n, &handler, t, &t->end) ? t->root : NULL;
}
