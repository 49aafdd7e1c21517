/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * node: the tree between a file's syntax and its meaning.
 *
 *     text --> tree of Nodes (yaml_tree, json_tree, conf_tree)
 *          --> fields: kinds, unknown keys, defaults, validation (node, fields)
 *          --> model values (manifest, policy_conf, settings)
 *
 * One tree type serves all formats, so that a field is validated once. Each Node keeps its line and
 * column for diagnostics. A tree lives in the arena of the Reader that made it. It is read-only
 * when it is complete: a YAML alias shares the node of its anchor, so one node may have several
 * parents. JSON inventories do not go this way: they are streamed (inventory.h).
 *
 * The functions below report a wrong type or an unknown key as an error in the Reader's diags, and
 * return NULL; the caller goes on, to find the other errors of the file too.
 */
#include "parse.h"
#include <assert.h>

typedef enum NodeKind {
	NODE_NULL,
	NODE_STRING,
	NODE_INT,
	NODE_FLOAT,
	NODE_BOOL,
	NODE_LIST,
	NODE_MAP
} NodeKind;

typedef struct Node Node;
typedef struct Pair {
	const char *key;
	Origin origin; /* of the key */
	const Node *value;
	const char *read_as; /* YAML: see yaml_key_read_as(); NULL: the key is its text */
} Pair;

struct Node {
	NodeKind kind;
	Origin origin;
	const char *text;	 /* of scalars, as written; without NUL characters */
	long long number;	 /* NODE_INT */
	bool truth;		 /* NODE_BOOL */
	size_t weight;		 /* YAML only: nodes of the subtree, aliases expanded; at least 1 */
	VEC(const Node *) items; /* NODE_LIST */
	VEC(Pair) pairs;	 /* NODE_MAP: keys are unique, in the order of the file */
};

/* The roots of a text, in order: YAML documents, or JSON values one after the other. */
typedef VEC(const Node *) Documents;

/* Where the rest of a text begins, when another reader has read what comes before it. */
typedef struct Rest {
	size_t at; /* offset */
	Origin origin;
	size_t nodes; /* made so far, of PARSE_NODES_MAX */
} Rest;

/* The keys that a map may have: for the error about an unknown key, and for its hint. */
typedef struct Schema Schema;
typedef struct Field {
	const char *key;
	const Schema *child; /* of the map, or of each item of the list; NULL: not checked here */
	bool is_list, is_labels; /* is_labels: a map with any keys */
} Field;
struct Schema {
	const Field *fields; /* ends with key NULL */
};

/* The context of every reader function: where results live, and where errors go. */
typedef struct Reader {
	Arena *arena;
	Diags *diags;
} Reader;

const char *node_kind_text(NodeKind kind); /* "a string", "a list", ... */
/* The value of a key; NULL if it is absent or null, which are the same to the API. */
const Node *node_get(const Node *map, const char *key);
bool node_is_empty(const Node *node);		 /* NULL, or an empty string */
bool node_has(const Node *map, const char *key); /* whether the key is present, be it null */
/* The node if it is of that kind; NULL stays NULL. Else an error about `what`, and NULL. */
const Node *node_expect(Reader *reader, const Node *node, NodeKind kind, const char *what);
/* node_get, then node_expect. */
const Node *node_field(Reader *reader, const Node *map, const char *key, NodeKind kind);
const char *node_field_text(Reader *reader, const Node *map, const char *key); /* or NULL */
/* One error for each key that the schema lacks, with the place where it probably belongs. */
void node_check_keys(Reader *reader, const Node *map, const Schema *schema);
/* The number of items; 0 for NULL. */
static inline size_t node_count(const Node *list)
{
	assert(!list || list->kind == NODE_LIST);
	return list ? list->items.n : 0;
}
/* About an unquoted label key that the API server reads as something else: pair->read_as. */
const char *node_key_error(Arena *arena, const Pair *pair, const char *what);
const char *node_key_hint(Arena *arena, const Pair *pair);
/* "did you mean ...?" with the nearest of the NULL-terminated words; NULL if none is near. */
const char *node_nearest_hint(Reader *reader, const char *text, const char *const *words);
