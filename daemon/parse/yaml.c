/*
 * YAML, and manifests that are nearly JSON (json_tree.c has the others): libyaml's events into a
 * tree that keeps line, column and scalar style. The guards that libyaml lacks are here: depth,
 * nodes, anchors, alias budget, cycles, duplicate keys, NULs, surrogate pairs of JSON strings.
 */
#include "node.h"
#include <errno.h>
#include <string.h>
#include <yaml.h>

typedef struct Builder {
	Reader *reader;
	const char *file;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	bool has_event, has_failed;
	StrMap *anchors; /* of this document */
	size_t nodes, alias_nodes;
} Builder;

static Origin origin_of(const Builder *b, yaml_mark_t mark)
{
	return (Origin){b->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static Origin here(const Builder *b)
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

static bool next(Builder *b)
{
	if (b->has_event)
		yaml_event_delete(&b->event);
	b->has_event = yaml_parser_parse(&b->parser, &b->event);
	if (!b->has_event && !b->has_failed)
		fail_syntax(b);
	return b->has_event;
}

/* ---- Scalars: the YAML 1.1 types as the API server's decoder resolves them ---- */
static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool number_parse(const char *text, long long *ret_number)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;

	if (!*digits || strspn(digits, "0123456789abcdefABCDEFxo") != strlen(digits))
		return false;
	if (digits[0] == '0' && digits[1] == 'o')
		return false;
	errno = 0;
	*ret_number = strtoll(text, &end, 0); /* YAML 1.1: 0x and leading-zero octal too */
	return errno == 0 && *end == '\0';
}

static bool is_float(const char *text)
{
	char *end;

	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text) ||
		!strpbrk(text, "0123456789"))
		return false;
	strtod(text, &end);
	return *end == '\0';
}

void yaml_resolve(Node *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const truths[] = {
		"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const untruths[] = {
		"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};

	node->kind = NODE_STRING;
	if (is_one_of(node->text, nulls))
		node->kind = NODE_NULL;
	else if (is_one_of(node->text, truths) || is_one_of(node->text, untruths))
		node->kind = NODE_BOOL;
	else if (number_parse(node->text, &node->number))
		node->kind = NODE_INT;
	else if (is_float(node->text))
		node->kind = NODE_FLOAT;
	node->truth = node->kind == NODE_BOOL && is_one_of(node->text, truths);
}

static bool is_text(Builder *b)
{
	bool has_nul = memchr(b->event.data.scalar.value, '\0', b->event.data.scalar.length);

	if (has_nul)
		FAIL(b, here(b), "syntax", NULL, "a NUL character in a string");
	return !has_nul;
}

static void read_scalar(Builder *b, Node *node)
{
	const char *value = (const char *)b->event.data.scalar.value;
	const char *tag = (const char *)b->event.data.scalar.tag;

	node->text = arena_strdup(b->reader->arena, value);
	node->kind = NODE_STRING;
	if (!is_text(b))
		return;
	if (tag && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0)
		FAIL(b, node->origin, "syntax", "write the value plainly", "unknown tag \"%s\"",
			tag);
	else if (!tag && b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		yaml_resolve(node);
}

/* ---- Collections ---- */
static const Node *read_node(Builder *b, unsigned depth);

static void read_list(Builder *b, Node *node, unsigned depth)
{
	node->kind = NODE_LIST;
	while (next(b) && b->event.type != YAML_SEQUENCE_END_EVENT) {
		const Node *item = read_node(b, depth + 1);

		if (item) {
			node->weight += item->weight;
			VEC_PUSH(b->reader->arena, &node->items, item);
		}
		if (b->has_failed)
			return;
	}
}

/* Merge keys ("<<"): pairs of the merged map that are not there already. */
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
	while (next(b) && b->event.type != YAML_MAPPING_END_EVENT)
		if (!read_pair(b, node, keys, &merges, depth))
			return;
	for (size_t i = 0; i < merges.n; i++)
		merge(b, node, merges.at[i]);
}

static bool read_pair(Builder *b, Node *node, StrMap *keys, Documents *merges, unsigned depth)
{
	Pair pair = {.origin = here(b)};
	const Node *first;
	bool is_plain;

	if (b->event.type != YAML_SCALAR_EVENT) {
		FAIL(b, pair.origin, "syntax", NULL, "a key must be a plain word or a string");
		return false;
	}
	if (!is_text(b))
		return false;
	is_plain = b->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	pair.key = arena_strdup(b->reader->arena, (const char *)b->event.data.scalar.value);
	first = strmap_get(keys, pair.key);
	if (first) {
		FAIL(b, pair.origin, "duplicate-key", NULL,
			"duplicate key \"%s\"; it is on line %u already", pair.key,
			first->origin.line);
		return false;
	}
	pair.value = next(b) ? read_node(b, depth + 1) : NULL;
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

static const Node *read_alias(Builder *b)
{
	const char *name = (const char *)b->event.data.alias.anchor;
	const Node *node = strmap_get(b->anchors, name);

	if (!node) {
		FAIL(b, here(b), "alias", NULL, "alias \"*%s\" names no finished anchor", name);
		return NULL;
	}
	b->alias_nodes += node->weight;
	if (b->alias_nodes > PARSE_ALIAS_NODES_MAX) {
		FAIL(b, here(b), "limit", NULL,
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
		FAIL(b, here(b), "limit", NULL, "nested more than %d deep", PARSE_DEPTH_MAX);
	else if (++b->nodes > PARSE_NODES_MAX)
		FAIL(b, here(b), "limit", NULL, "more than %zu values in one file",
			PARSE_NODES_MAX);
	else if (strmap_count(b->anchors) >= PARSE_ANCHORS_MAX)
		FAIL(b, here(b), "limit", NULL, "more than %d anchors", PARSE_ANCHORS_MAX);
	return !b->has_failed;
}

/* The node that begins at the current event; after a failure what there was of it, or NULL. */
static const Node *read_node(Builder *b, unsigned depth)
{
	const char *anchor = anchor_of(&b->event);
	Node *node;

	if (!is_within_limits(b, depth))
		return NULL;
	if (b->event.type == YAML_ALIAS_EVENT)
		return read_alias(b);
	anchor = anchor ? arena_strdup(b->reader->arena, anchor) : NULL;
	node = ARENA_NEW(b->reader->arena, Node);
	node->origin = here(b);
	node->weight = 1;
	if (b->event.type == YAML_SCALAR_EVENT)
		read_scalar(b, node);
	else if (b->event.type == YAML_SEQUENCE_START_EVENT)
		read_list(b, node, depth);
	else
		read_map(b, node, depth);
	if (anchor && !b->has_failed)
		strmap_put(b->anchors, anchor, node);
	return node;
}

static bool read_documents(Builder *b, Documents *ret_documents)
{
	while (next(b) && b->event.type != YAML_STREAM_END_EVENT) {
		const Node *node;

		if (b->event.type != YAML_DOCUMENT_START_EVENT)
			continue; /* stream start, document end */
		b->anchors = strmap_new(b->reader->arena);
		node = next(b) ? read_node(b, 0) : NULL;
		if (node)
			VEC_PUSH(b->reader->arena, ret_documents, node);
		if (b->has_failed)
			break;
	}
	return !b->has_failed;
}

/* ---- JSON's surrogate pairs: "\ud83d\ude00" is one character, which libyaml refuses ---- */
static unsigned surrogate_at(const char *s, const char *end)
{
	unsigned code = 0;

	if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
		return 0;
	for (int i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i]);

		if (!digit || !*digit)
			return 0;
		code = code << 4 | (unsigned)(digit - digits);
	}
	return code;
}

/* The text with every pair written as \UXXXXXXXX and two blanks less; columns after it shift. */
static const char *join_surrogates(Arena *arena, const char *text, size_t *n)
{
	const char *end = text + *n;
	Buf buf = {.arena = arena};

	if (!memmem(text, *n, "\\ud", 3) && !memmem(text, *n, "\\uD", 3))
		return text;
	for (const char *s = text; s < end;) {
		unsigned high = surrogate_at(s, end), low = surrogate_at(s + 6, end);

		if (high >> 10 == 0x36 && s + 6 < end && low >> 10 == 0x37) {
			buf_printf(
				&buf, "\\U%08X", 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff));
			s += 12;
		} else if (*s == '\\' && s + 1 < end) {
			buf_add_n(&buf, s, 2);
			s += 2;
		} else {
			buf_add_n(&buf, s++, 1);
		}
	}
	*n = buf.n;
	return buf_text(&buf);
}

static void builder_end(void *handle)
{
	Builder *b = handle;

	if (b->has_event)
		yaml_event_delete(&b->event);
	b->has_event = false;
	yaml_parser_delete(&b->parser);
}

bool yaml_read(Reader *reader, const char *file, const char *text, size_t n, Documents *ret)
{
	Builder *b = ARENA_NEW(reader->arena, Builder);

	*b = (Builder){.reader = reader, .file = file};
	if (!yaml_parser_initialize(&b->parser))
		arena_out_of_memory(reader->arena);
	arena_defer(reader->arena, builder_end, b);
	if (text_has_suffix(file, ".json"))
		text = join_surrogates(reader->arena, text, &n);
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, n);
	return read_documents(b, ret);
}
