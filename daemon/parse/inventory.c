/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The streaming reader of inventories: events (json_events.h) -> items of a document. Its state is
 * a stack of paths (inventory_path.h), one for each open map or list that leads to fields we read,
 * and `skipped`, the number of maps and lists that are open below one that we do not read:
 *
 *                  begin, at a path of the tree: push         begin: skipped + 1
 *                  end: pop                                   end: skipped - 1
 *                  scalar, at a path of the tree: set field   key, scalar: ignored
 *                  +-----+                                    +-----+
 *     begin of     |     v     begin, at no path: skipped = 1 |     v
 *     the root    +-------+  ------------------------------> +-------+
 *     ----------> | inside|                                  |skipped|
 *                 +-------+  <------------------------------ +-------+
 *                     |        end: skipped = 0
 *                     v end of the root: depth = 0
 *                   inventory_add_document; then the next document, if the text goes on
 *
 * A path whose value has another type than the API's, or an invalid value, is an error and stops
 * the reader. What opens and closes on the way: an object (item_begin, item_end), the list `items`,
 * a container and a port in it.
 */
#include "inventory.h"
#include "documents.h"
#include "empty_list.h"
#include "inventory_objects.h"
#include <string.h>

typedef struct Inventory {
	Source *source;
	Arena *scratch;
	InventoryDocument document;
	ItemReader reader;
	/* stack[depth] is the innermost open map or list; 0: none is open. YAML may nest one deeper
	   than PARSE_DEPTH_MAX, with an empty list or map. */
	const Path *stack[PARSE_DEPTH_MAX + 2];
	unsigned depth, skipped;
	uint32_t open;	  /* the number of the innermost item that is open: see item_at() */
	const Path *next; /* in a map: where the latest key leads; NULL: it is not read */
	/* JSON: the position. text is NULL for YAML, whose nodes have their origin. */
	const char *text;
	size_t at;	 /* offset of the current token's end; set by json_events_read */
	size_t searched; /* line breaks before this offset are counted */
	size_t line_at;	 /* offset where the line begins */
	unsigned line;
	Origin yaml_origin;
} Inventory;

/* The current origin. Lines are counted only as far as one is asked for; columns are bytes. */
static Origin current_origin(Inventory *v)
{
	const char *end;

	if (!v->text)
		return v->yaml_origin;
	assert(v->searched <= v->at);
	while ((end = memchr(v->text + v->searched, '\n', v->at - v->searched))) {
		v->line++;
		v->line_at = v->searched = (size_t)(end - v->text) + 1;
	}
	v->searched = v->at;
	return (Origin){v->source->file, v->line, (unsigned)(v->at - v->line_at) + 1};
}

/* Reports an error; false, which stops the reader. hint: or NULL. */
static bool fail(Inventory *v, const char *error, const char *hint)
{
	DIAG_ERROR(&v->source->diags, current_origin(v), "inventory", hint, "%s", error);
	return false;
}

static const char *scalar_text(ScalarKind kind)
{
	static const char *const text[] = {"null", "a boolean", "a number", "a string"};

	return text[kind];
}

/* is_scalar: what was found. */
static bool fail_shape(Inventory *v, const Path *path, const char *found, bool is_scalar)
{
	static const char *const shapes[] = {"a value", "an object", "a list"};
	bool is_text = path->shape == SHAPE_SCALAR && path->scalar == SCALAR_STRING;
	const char *where = path->kind == PATH_LABEL ? v->reader.label
			    : path->key		     ? path->key
			    : v->depth		     ? "item"
						     : "inventory";
	const char *expected =
		path->shape == SHAPE_SCALAR ? scalar_text(path->scalar) : shapes[path->shape];

	return fail(v,
		arena_printf(v->scratch, "%s: expected %s, found %s", where, expected, found),
		is_text && is_scalar ? "write it in quotes" : NULL);
}

/* The path of the value that begins now; NULL: it is not read. */
static const Path *current_path(const Inventory *v)
{
	if (v->depth == 0)
		return &INVENTORY_ROOT;
	return v->stack[v->depth]->shape == SHAPE_MAP ? v->next : path_of_items(v->stack[v->depth]);
}

/* The first one is the root. */
static void begin_item(Inventory *v)
{
	InventoryDocument *document = &v->document;
	Item *item = &document->root;
	uint32_t list = v->open;

	if (v->depth == 0) {
		document->items.n = 0;
		document->has_object = false;
	} else {
		item_at(document, list)->n_items++;
		VEC_PUSH(v->scratch, &document->items, (Item){});
		v->open = document->items.n;
		item = item_at(document, v->open);
	}
	item_begin(&v->reader, item, current_origin(v));
	item->list = list;
}

/* A list's `kind` may follow its items. */
static void end_item(Inventory *v)
{
	if (!v->reader.item->has_items)
		item_end(&v->reader);
	v->open = v->reader.item->list;
	v->reader.item = item_at(&v->document, v->open);
}

/* Whether the container that begins is one of initContainers: the list that is open. */
static bool is_of_init(const Inventory *v)
{
	const Path *list = v->depth > 0 ? v->stack[v->depth] : NULL;

	assert(list && list->shape == SHAPE_LIST);
	return strcmp(list->key, "initContainers") == 0;
}

static void begin_path(Inventory *v, const Path *path)
{
	if (path->kind == PATH_ITEM)
		begin_item(v);
	else if (path->kind == PATH_ITEMS)
		v->reader.item->has_items = true;
	else if (path->kind == PATH_WATCHED)
		v->document.has_object = true;
	else if (path->kind == PATH_CONTAINER)
		item_begin_container(&v->reader, is_of_init(v));
	else if (path->kind == PATH_PORT)
		item_begin_port(&v->reader);
}

static void end_path(Inventory *v, const Path *path)
{
	if (path->kind == PATH_CONTAINER)
		item_end_container(&v->reader);
	else if (path->kind == PATH_ITEM)
		end_item(v);
}

/* ---- The handler of events ---- */
static bool on_begin(void *context, bool is_map)
{
	Inventory *v = context;
	const Path *path = v->skipped ? NULL : current_path(v);

	if (!path) {
		v->skipped++;
		return true;
	}
	if (path->shape != (is_map ? SHAPE_MAP : SHAPE_LIST))
		return fail_shape(v, path, is_map ? "an object" : "a list", false);
	begin_path(v, path);
	assert(v->depth + 1 < ARRAY_SIZE(v->stack));
	v->stack[++v->depth] = path;
	v->next = NULL;
	return true;
}

static bool on_end(void *context)
{
	Inventory *v = context;

	assert(v->skipped || v->depth > 0);
	if (v->skipped)
		v->skipped--;
	else
		end_path(v, v->stack[v->depth--]);
	if (v->depth == 0 && !v->skipped)
		inventory_add_document(v->source, &v->document);
	return true;
}

/* A label "app\0x" must not be stored as "app": policies would select the pod. */
static bool fail_nul(Inventory *v)
{
	return fail(v, "a NUL character in a string", NULL);
}

static bool on_key(void *context, const char *text, size_t n)
{
	Inventory *v = context;

	if (v->skipped)
		return true;
	v->next = path_find_key(v->stack[v->depth], text, n);
	if (!v->next || v->next->kind != PATH_LABEL)
		return true;
	if (memchr(text, '\0', n))
		return fail_nul(v);
	item_set_label_key(&v->reader, text, n);
	return true;
}

static bool on_scalar(void *context, ScalarKind kind, const char *text, size_t n)
{
	Inventory *v = context;
	const Path *path = v->skipped ? NULL : current_path(v);
	const char *error;

	if (!path)
		return true;
	if (kind == SCALAR_NULL && path->kind == PATH_LABEL) {
		item_set(&v->reader, PATH_LABEL, "", 0); /* as the API's decoder does */
		return true;
	}
	if (kind == SCALAR_NULL && v->depth > 0) {
		if (path->kind == PATH_ITEMS)
			v->reader.item->has_items = true;
		return true; /* null is the same as absent */
	}
	if (path->shape != SHAPE_SCALAR || path->scalar != kind)
		return fail_shape(v, path, scalar_text(kind), true);
	if (memchr(text, '\0', n))
		return fail_nul(v);
	error = item_set(&v->reader, path->kind, text, n);
	return error ? fail(v, error, NULL) : true;
}

/* ---- JSON ---- */
static Inventory *inventory_new(Source *source, Arena *scratch, const char *text)
{
	Inventory *v = ARENA_NEW(scratch, Inventory);

	*v = (Inventory){.source = source,
		.scratch = scratch,
		.reader = item_reader_make(source->arena, scratch),
		.text = text,
		.line = 1};
	return v;
}

void inventory_read_json(Source *source, Arena *scratch, const char *text, size_t n)
{
	static const JsonHandler handler = {on_begin, on_end, on_key, on_scalar};
	Inventory *v = inventory_new(source, scratch, text);
	Reader reader = {scratch, &source->diags};

	json_events_read(&reader, source->file, text, n, &handler, v, &v->at);
}

/* ---- YAML: the nodes of a tree as the same events ---- */
static bool replay(Inventory *v, const Node *node);

static bool replay_scalar(Inventory *v, const Node *node)
{
	static const ScalarKind kinds[] = {[NODE_NULL] = SCALAR_NULL,
		[NODE_STRING] = SCALAR_STRING,
		[NODE_INT] = SCALAR_NUMBER,
		[NODE_FLOAT] = SCALAR_NUMBER,
		[NODE_BOOL] = SCALAR_BOOL};
	const char *text = node->text;

	if (node->kind == NODE_BOOL) /* as JSON spells it; YAML has "yes" and "On", too */
		text = node->truth ? "true" : "false";
	if (node->kind == NODE_INT) /* in decimal; YAML has 0x50, too */
		text = arena_printf(v->scratch, "%lld", node->number);
	return on_scalar(v, kinds[node->kind], text, strlen(text));
}

static bool replay_pair(Inventory *v, const Pair *pair)
{
	if (!on_key(v, pair->key, strlen(pair->key)))
		return false;
	if (pair->read_as && !v->skipped && v->next && v->next->kind == PATH_LABEL) {
		v->yaml_origin = pair->origin;
		return fail(v, node_key_error(v->scratch, pair, "labels"),
			node_key_hint(v->scratch, pair));
	}
	return replay(v, pair->value);
}

static bool replay(Inventory *v, const Node *node)
{
	bool is_map = node->kind == NODE_MAP, goes_on;

	v->yaml_origin = node->origin;
	if (!is_map && node->kind != NODE_LIST)
		return replay_scalar(v, node);
	goes_on = on_begin(v, is_map);
	for (size_t i = 0; goes_on && i < node->pairs.n; i++)
		goes_on = replay_pair(v, &node->pairs.at[i]);
	for (size_t i = 0; goes_on && i < node->items.n; i++)
		goes_on = replay(v, node->items.at[i]);
	return goes_on && on_end(v);
}

void inventory_read_yaml(Source *source, Arena *scratch, const char *text, size_t n)
{
	Reader reader = {scratch, &source->diags};
	Documents documents = {};
	bool is_good = documents_read(&reader, source->file, text, n, &documents), is_empty = true;

	for (size_t i = 0; is_good && i < documents.n; i++) {
		Inventory *v;

		if (documents.at[i]->kind == NODE_NULL)
			continue; /* an empty document between two "---" */
		is_empty = false;
		v = inventory_new(source, arena_child(scratch), NULL);
		is_good = replay(v, documents.at[i]);
		arena_free(v->scratch);
	}
	if (is_good && is_empty)
		empty_file_report(source, SOURCE_INVENTORY);
}
