/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to a tree: fields by key and kind, and the errors about unknown keys. The strictness and
 * "null is absent" follow the API server's strict decoding (sigs.k8s.io/json, UnmarshalStrict).
 */
#include "node.h"
#include <string.h>

const char *node_kind_text(NodeKind kind)
{
	static const char *const text[] = {
		"null", "a string", "a whole number", "a number", "a boolean", "a list", "a map"};

	assert(kind < ARRAY_SIZE(text));
	return text[kind];
}

/* NULL and null maps have no pairs. */
static const Pair *find_pair(const Node *map, const char *key)
{
	assert(!map || map->kind == NODE_MAP || map->kind == NODE_NULL);
	for (size_t i = 0; map && i < map->pairs.n; i++)
		if (strcmp(map->pairs.at[i].key, key) == 0)
			return &map->pairs.at[i];
	return NULL;
}

const Node *node_get(const Node *map, const char *key)
{
	const Pair *pair = find_pair(map, key);

	return pair && pair->value->kind != NODE_NULL ? pair->value : NULL;
}

bool node_is_empty(const Node *node)
{
	return !node || (node->kind == NODE_STRING && !*node->text);
}

bool node_has(const Node *map, const char *key)
{
	return find_pair(map, key);
}

static const char *kind_hint(NodeKind wanted, NodeKind found)
{
	if (found == NODE_NULL)
		return "is something missing here?";
	if (wanted == NODE_STRING && found < NODE_LIST)
		return "write it in quotes";
	if (wanted == NODE_INT && found == NODE_STRING)
		return "write it without quotes";
	if (wanted == NODE_LIST && found == NODE_MAP)
		return "put \"- \" before its first key to make it a list item";
	return NULL;
}

const Node *node_expect(Reader *reader, const Node *node, NodeKind kind, const char *what)
{
	if (!node || node->kind == kind)
		return node;
	DIAG_ERROR(reader->diags, node->origin, "wrong-type", kind_hint(kind, node->kind),
		"%s: expected %s, found %s", what, node_kind_text(kind),
		node_kind_text(node->kind));
	return NULL;
}

const Node *node_field(Reader *reader, const Node *map, const char *key, NodeKind kind)
{
	return node_expect(reader, node_get(map, key), kind, key);
}

const char *node_field_text(Reader *reader, const Node *map, const char *key)
{
	const Node *node = node_field(reader, map, key, NODE_STRING);

	return node ? node->text : NULL;
}

static const Field *find_field(const Schema *schema, const char *key)
{
	for (const Field *field = schema->fields; field->key; field++)
		if (strcmp(field->key, key) == 0)
			return field;
	return NULL;
}

/* Whether a key that is unknown in this map would be known inside the value of `sibling`. */
static bool belongs_under(const Field *field, const Pair *sibling, const char *key)
{
	if (field->is_labels)
		return sibling->value->kind == NODE_NULL;
	return field->child && find_field(field->child, key);
}

/*
 * The hint for wrong indentation: the unknown key pairs.at[at] is a sibling of the key that it
 * belongs under. The nearest such sibling before it is named, else the first after it.
 */
static const char *indent_hint(Reader *reader, const Node *map, const Schema *schema, size_t at)
{
	const char *key = map->pairs.at[at].key;

	for (size_t i = 1; i < map->pairs.n; i++) {
		const Pair *sibling = &map->pairs.at[i <= at ? at - i : i];
		const Field *field = find_field(schema, sibling->key);

		if (field && belongs_under(field, sibling, key))
			return arena_printf(reader->arena, "did you mean to indent it under %s%s?",
				field->is_list ? "an item of " : "", sibling->key);
	}
	return NULL;
}

const char *node_key_error(Arena *arena, const Pair *pair, const char *what)
{
	assert(pair->read_as);
	return arena_printf(arena, "%s: the API server reads the unquoted key %s as %s", what,
		pair->key, pair->read_as);
}

const char *node_key_hint(Arena *arena, const Pair *pair)
{
	return arena_printf(arena, "write it in quotes: \"%s\"", pair->key);
}

const char *node_nearest_hint(Reader *reader, const char *text, const char *const *words)
{
	const char *nearest = text_nearest(text, words);

	return nearest ? arena_printf(reader->arena, "did you mean \"%s\"?", nearest) : NULL;
}

static const char *spelling_hint(Reader *reader, const Schema *schema, const char *key)
{
	Texts known = {};

	for (const Field *field = schema->fields; field->key; field++)
		VEC_PUSH(reader->arena, &known, field->key);
	VEC_PUSH(reader->arena, &known, NULL);
	return node_nearest_hint(reader, key, known.at);
}

void node_check_keys(Reader *reader, const Node *map, const Schema *schema)
{
	assert(map->kind == NODE_MAP);
	for (size_t i = 0; i < map->pairs.n; i++) {
		const Pair *pair = &map->pairs.at[i];
		const char *hint;

		if (find_field(schema, pair->key))
			continue;
		hint = indent_hint(reader, map, schema, i);
		if (!hint)
			hint = spelling_hint(reader, schema, pair->key);
		DIAG_ERROR(reader->diags, pair->origin, "unknown-field", hint,
			"unknown field \"%s\"", pair->key);
	}
}
