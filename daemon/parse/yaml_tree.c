/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libyaml's events -> trees: see yaml_tree.h. The recursion is bounded by PARSE_DEPTH_MAX. */
#include "yaml_tree.h"
#include "surrogates.h"
#include "yaml_scalar.h"
#include <string.h>
#include <yaml.h>

typedef struct Builder {
	Reader *reader;
	Origin start; /* of the text that libyaml gets */
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; libyaml's memory, valid if has_event */
	bool has_event, has_failed;
	StrMap *anchors;    /* of this document: name -> const Node *, complete ones only */
	size_t nodes;	    /* events that were nodes or aliases, in the whole file */
	size_t alias_nodes; /* the sum of the weights of the nodes that aliases named */
} Builder;

static Origin origin_of(const Builder *b, yaml_mark_t mark)
{
	Origin origin = b->start;

	if (mark.line > 0)
		origin.column = 1;
	origin.line += (unsigned)mark.line;
	origin.column += (unsigned)mark.column;
	return origin;
}

static Origin event_origin(const Builder *b)
{
	return origin_of(b, b->event.start_mark);
}

#define FAIL(b, origin, code, hint, ...)                                                           \
	do {                                                                                       \
		DIAG_ERROR((b)->reader->diags, origin, code, hint, __VA_ARGS__);                   \
		(b)->has_failed = true;                                                            \
	} while (0)

static void fail_syntax(Builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *context = p->context ? p->context : "";

	if (p->error == YAML_MEMORY_ERROR)
		arena_out_of_memory(b->reader->arena);
	FAIL(b, origin_of(b, p->error == YAML_READER_ERROR ? p->mark : p->problem_mark), "syntax",
		NULL, "%s%s%s", p->problem ? p->problem : "not YAML", *context ? " " : "", context);
}

/* Replaces the current event by the next one. False: a syntax error, or one reported before. */
static bool next_event(Builder *b)
{
	if (b->has_event)
		yaml_event_delete(&b->event);
	b->has_event = yaml_parser_parse(&b->parser, &b->event);
	if (!b->has_event && !b->has_failed)
		fail_syntax(b);
	return b->has_event;
}

/* A double-quoted "\0" is valid YAML, but would end the text of a Node before its end. */
static bool has_no_nul(Builder *b)
{
	bool has_nul = memchr(b->event.data.scalar.value, '\0', b->event.data.scalar.length);

	if (has_nul)
		FAIL(b, event_origin(b), "syntax", NULL, "a NUL character in a string");
	return !has_nul;
}

static void read_scalar(Builder *b, Node *node)
{
	const char *value = (const char *)b->event.data.scalar.value;
	const char *tag = (const char *)b->event.data.scalar.tag;

	node->text = arena_strdup(b->reader->arena, value);
	node->kind = NODE_STRING;
	if (!has_no_nul(b))
		return;
	if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0)
		FAIL(b, node->origin, "syntax", "write the value plainly", "unknown tag \"%s\"",
			tag);
	else if (!tag && b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		yaml_scalar_resolve(node);
}

/* ---- Collections ---- */
static const Node *read_node(Builder *b, unsigned depth);

static void read_list(Builder *b, Node *node, unsigned depth)
{
	node->kind = NODE_LIST;
	while (next_event(b) && b->event.type != YAML_SEQUENCE_END_EVENT) {
		const Node *item = read_node(b, depth + 1);

		if (item) {
			node->weight += item->weight;
			VEC_PUSH(b->reader->arena, &node->items, item);
		}
		if (b->has_failed)
			return;
	}
}

/*
 * The merge key "<<" (yaml.org/type/merge): adds the pairs of `from`, a map or a list of maps,
 * whose keys the node does not have yet. The map's own keys win, then those of earlier maps.
 */
static void merge(Builder *b, Node *node, const Node *from)
{
	if (from->kind == NODE_LIST) {
		for (size_t i = 0; i < from->items.n; i++)
			merge(b, node, from->items.at[i]);
		return;
	}
	if (from->kind != NODE_MAP) {
		FAIL(b, from->origin, "syntax", NULL, "\"<<\" takes a map or a list of maps");
		return;
	}
	for (size_t i = 0; i < from->pairs.n; i++)
		if (!node_has(node, from->pairs.at[i].key))
			VEC_PUSH(b->reader->arena, &node->pairs, from->pairs.at[i]);
}

static bool read_pair(Builder *b, Node *node, StrMap *keys, Documents *merges, unsigned depth);

static void read_map(Builder *b, Node *node, unsigned depth)
{
	StrMap *keys = strmap_new(b->reader->arena);
	Documents merges = {};

	node->kind = NODE_MAP;
	while (next_event(b) && b->event.type != YAML_MAPPING_END_EVENT)
		if (!read_pair(b, node, keys, &merges, depth))
			return;
	for (size_t i = 0; i < merges.n; i++)
		merge(b, node, merges.at[i]);
}

/* A document begins with these keys: the second one is often the next document's. */
static const char *separator_hint(const Pair *pair, unsigned depth)
{
	bool is_first = strcmp(pair->key, "apiVersion") == 0 || strcmp(pair->key, "kind") == 0;

	return depth == 0 && pair->origin.column == 1 && is_first
		       ? "is a \"---\" missing between two documents?"
		       : NULL;
}

/*
 * A key, which is the current event, and its value. Merge keys are collected in *merges, for the
 * end of the map. A duplicate key is an error, as in the API server's strict decoding.
 */
static bool read_pair(Builder *b, Node *node, StrMap *keys, Documents *merges, unsigned depth)
{
	Pair pair = {.origin = event_origin(b)};
	const Node *first;
	bool is_plain;

	if (b->event.type != YAML_SCALAR_EVENT) {
		FAIL(b, pair.origin, "syntax", NULL, "a key must be a plain word or a string");
		return false;
	}
	if (!has_no_nul(b))
		return false;
	is_plain = b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	pair.key = arena_strdup(b->reader->arena, (const char *)b->event.data.scalar.value);
	if (is_plain && !b->event.data.scalar.tag)
		pair.read_as = yaml_key_read_as(b->reader->arena, pair.key);
	first = strmap_get(keys, pair.key);
	if (first) {
		FAIL(b, pair.origin, "duplicate-key", separator_hint(&pair, depth),
			"duplicate key \"%s\"; it is on line %u already", pair.key,
			first->origin.line);
		return false;
	}
	pair.value = next_event(b) ? read_node(b, depth + 1) : NULL;
	if (!pair.value)
		return false;
	node->weight += pair.value->weight;
	strmap_put(keys, pair.key, (void *)pair.value);
	if (is_plain && strcmp(pair.key, "<<") == 0)
		VEC_PUSH(b->reader->arena, merges, pair.value);
	else
		VEC_PUSH(b->reader->arena, &node->pairs, pair);
	return !b->has_failed;
}

/* The anchor's node itself, shared. Its weight is bounded, against "billion laughs" files. */
static const Node *read_alias(Builder *b)
{
	const char *name = (const char *)b->event.data.alias.anchor;
	const Node *node = strmap_get(b->anchors, name);

	if (!node) {
		FAIL(b, event_origin(b), "alias", NULL, "alias \"*%s\" names no finished anchor",
			name);
		return NULL;
	}
	b->alias_nodes += node->weight;
	if (b->alias_nodes > PARSE_ALIAS_NODES_MAX) {
		FAIL(b, event_origin(b), "limit", NULL,
			"aliases expand to more than %zu values; this looks like an alias bomb",
			PARSE_ALIAS_NODES_MAX);
		return NULL;
	}
	return node;
}

static const char *anchor_of(const yaml_event_t *event)
{
	const yaml_char_t *anchor =
		event->type == YAML_SCALAR_EVENT	   ? event->data.scalar.anchor
		: event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
		: event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
							   : NULL;

	return (const char *)anchor;
}

static bool is_within_limits(Builder *b, unsigned depth)
{
	if (depth > PARSE_DEPTH_MAX)
		FAIL(b, event_origin(b), "limit", NULL, "nested more than %d deep",
			PARSE_DEPTH_MAX);
	else if (++b->nodes > PARSE_NODES_MAX)
		FAIL(b, event_origin(b), "limit", NULL, "more than %zu values in one file",
			PARSE_NODES_MAX);
	else if (strmap_count(b->anchors) >= PARSE_ANCHORS_MAX)
		FAIL(b, event_origin(b), "limit", NULL, "more than %d anchors", PARSE_ANCHORS_MAX);
	return !b->has_failed;
}

/* The node that begins at the current event. After a failure: an incomplete node, or NULL. */
static const Node *read_node(Builder *b, unsigned depth)
{
	const char *anchor = anchor_of(&b->event);
	Node *node;

	if (!is_within_limits(b, depth))
		return NULL;
	if (b->event.type == YAML_ALIAS_EVENT)
		return read_alias(b);
	/* copied, since the event and its texts go with the next one */
	anchor = anchor ? arena_strdup(b->reader->arena, anchor) : NULL;
	node = ARENA_NEW(b->reader->arena, Node);
	node->origin = event_origin(b);
	node->weight = 1;
	if (b->event.type == YAML_SCALAR_EVENT)
		read_scalar(b, node);
	else if (b->event.type == YAML_SEQUENCE_START_EVENT)
		read_list(b, node, depth);
	else
		read_map(b, node, depth);
	assert(node->weight >= 1 && node->weight <= b->nodes + b->alias_nodes);
	if (anchor && !b->has_failed)
		strmap_put(b->anchors, anchor, node);
	return node;
}

static bool read_documents(Builder *b, Documents *ret_documents)
{
	while (next_event(b) && b->event.type != YAML_STREAM_END_EVENT) {
		const Node *node;

		if (b->event.type != YAML_DOCUMENT_START_EVENT)
			continue; /* stream start, document end */
		b->anchors = strmap_new(b->reader->arena);
		node = next_event(b) ? read_node(b, 0) : NULL;
		if (node)
			VEC_PUSH(b->reader->arena, ret_documents, node);
		if (b->has_failed)
			break;
	}
	return !b->has_failed;
}

/* The arena's deferred call: frees libyaml's memory, also when an allocation failure unwinds. */
static void builder_end(void *handle)
{
	Builder *b = handle;

	if (b->has_event)
		yaml_event_delete(&b->event);
	b->has_event = false;
	yaml_parser_delete(&b->parser);
}

/*
 * The text without byte order marks at the beginning of lines: files with a mark each that were
 * put together. kubectl reads each document alone, with its mark; libyaml takes only one, at the
 * beginning of the text.
 */
static const char *skip_boms(Arena *arena, const char *text, size_t *n)
{
	static const char bom[] = "\n\xef\xbb\xbf";
	const char *end = text + *n, *found = memmem(text, *n, bom, 4);
	Buf buf = {.arena = arena};

	if (!found)
		return text;
	for (; found; found = memmem(text, (size_t)(end - text), bom, 4)) {
		buf_add_n(&buf, text, (size_t)(found + 1 - text));
		text = found + 4;
	}
	buf_add_n(&buf, text, (size_t)(end - text));
	*n = buf.n;
	return buf_text(&buf);
}

bool yaml_tree_read(Reader *reader, const char *text, size_t n, Rest rest, Documents *ret)
{
	Builder *b = ARENA_NEW(reader->arena, Builder);

	assert(rest.at <= n);
	*b = (Builder){.reader = reader, .start = rest.origin, .nodes = rest.nodes};
	if (!yaml_parser_initialize(&b->parser))
		arena_out_of_memory(reader->arena);
	arena_defer(reader->arena, builder_end, b);
	text += rest.at;
	n -= rest.at;
	if (text_has_suffix(rest.origin.file, ".json"))
		text = surrogates_join(reader->arena, text, &n);
	text = skip_boms(reader->arena, text, &n);
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, n);
	return read_documents(b, ret);
}
