#pragma once
/*
 * Node: the tree that libyaml and libconfig files become, each node with its place. Private to
 * the room. Aliases share nodes, so a tree is read, never changed.
 */
#include "parse.h"

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
} Pair;

struct Node {
	NodeKind kind;
	Origin origin;
	const char *text;	 /* of scalars, as written */
	long long number;	 /* NODE_INT */
	bool truth;		 /* NODE_BOOL */
	size_t weight;		 /* of YAML: nodes below and itself, aliases expanded */
	VEC(const Node *) items; /* NODE_LIST */
	VEC(Pair) pairs;	 /* NODE_MAP */
};

/* What a map may hold: what makes unknown keys known, and says where they belong. */
typedef struct Schema Schema;
typedef struct Field {
	const char *key;
	const Schema *child; /* of a map, or of a list's items; NULL for others */
	bool is_list, is_labels;
} Field;
struct Schema {
	const Field *fields; /* ends with key NULL */
};

/* What every reading function of the room gets. */
typedef struct Reader {
	Arena *arena;
	Diags *diags;
} Reader;

const char *node_kind_text(NodeKind kind); /* "a string", "a list", ... */
/* The value of a key, or NULL when it is absent or null: to the API these are the same. */
const Node *node_get(const Node *map, const char *key);
bool node_has(const Node *map, const char *key); /* present, be it null */
/* NULL passes (absent); any other kind is an error, and NULL is returned. `what` names it. */
const Node *node_expect(Reader *reader, const Node *node, NodeKind kind, const char *what);
/* node_get and node_expect in one. */
const Node *node_field(Reader *reader, const Node *map, const char *key, NodeKind kind);
const char *node_text_field(Reader *reader, const Node *map, const char *key); /* or NULL */
/* Every key that the schema lacks is an error, with where it probably belongs. */
void node_check_keys(Reader *reader, const Node *map, const Schema *schema);
/* The list's items; null items are errors. */
static inline size_t node_count(const Node *list)
{
	return list ? list->items.n : 0;
}

/* yaml.c: every document of the text, in order. False after an error in diags; then the last
 * document is what had been read of it. */
typedef VEC(const Node *) Documents;
bool yaml_read(Reader *reader, const char *file, const char *text, size_t n, Documents *ret);
/* The kind of a scalar that was written without quotes, and its value. */
void yaml_resolve(Node *node);
/*
 * json_tree.c: the tree of a JSON text, the same as yaml_read's; NULL if it is none, or one that
 * yaml_read says an error of.
 */
const Node *json_tree(Arena *arena, const char *file, const char *text, size_t n);
/* conf.c: the root group of a libconfig text; NULL after an error in diags. */
const Node *conf_read(Reader *reader, const char *file, const char *text);

/*
 * manifest.c, policy_conf.c, inventory.c: fill a Source. What the first two do not need any longer
 * is in its arena, too; the others leave that in `scratch`.
 */
void manifest_read(Source *source, const char *text, size_t n);
void policy_conf_read(Source *source, const char *text);
void inventory_read_json(Source *source, Arena *scratch, const char *text, size_t n);
void inventory_read_yaml(Source *source, Arena *scratch, const char *text, size_t n);
