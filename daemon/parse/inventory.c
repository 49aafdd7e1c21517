/*
 * Inventories: PodList as kubelet serves it, NamespaceList, List, single objects. One reader of
 * events serves JSON and YAML: a tree of the few wanted paths, everything else is stepped over.
 * kubectl prints `kind` after `items`, and kubelet's items have none, so an item is judged at the
 * end of its document.
 */
#include "inventory.h"
#include "json_events.h"
#include "yaml_tree.h"
#include <string.h>

typedef enum Want {
	WANT_NOTHING,
	WANT_ITEMS,
	WANT_ITEM,
	WANT_KIND,
	WANT_NAME,
	WANT_NAMESPACE,
	WANT_VERSION,
	WANT_LABEL,
	WANT_NODE,
	WANT_HOST_NETWORK,
	WANT_CONTAINER,
	WANT_RESTART_POLICY,
	WANT_PORT,
	WANT_PORT_NAME,
	WANT_PORT_NUMBER,
	WANT_PORT_PROTOCOL,
	WANT_PHASE,
	WANT_ADDRESS,
	WANT_HOST_ADDRESS,
	WANT_STARTED
} Want;

typedef enum Shape { SHAPE_SCALAR, SHAPE_MAP, SHAPE_LIST } Shape;

/* A wanted place: `key` NULL stands for a list's items, "*" for any key. */
typedef struct Place {
	const char *key;
	Want want;
	Shape shape;
	ScalarKind scalar;
	const struct Place *children; /* ends with shape SCALAR, want NOTHING */
} Place;

/* clang-format off: a tree, to be read as one */
#define TEXT(name, what)                                                                           \
	{                                                                                          \
		.key = name, .want = what, .scalar = SCALAR_STRING                                 \
	}
#define MAP(name, what, ...)                                                                       \
	{                                                                                          \
		.key = name, .want = what, .shape = SHAPE_MAP, .children = (const Place[])         \
		{                                                                                  \
			__VA_ARGS__,                                                               \
			{                                                                          \
			}                                                                          \
		}                                                                                  \
	}
#define LIST(name, what, item)                                                                     \
	{                                                                                          \
		.key = name, .want = what, .shape = SHAPE_LIST, .children = (const Place[])        \
		{                                                                                  \
			item,                                                                      \
			{                                                                          \
			}                                                                          \
		}                                                                                  \
	}
#define CONTAINER                                                                                  \
	MAP(NULL, WANT_CONTAINER, TEXT("restartPolicy", WANT_RESTART_POLICY),                      \
		LIST("ports", WANT_NOTHING,                                                        \
			MAP(NULL, WANT_PORT, TEXT("name", WANT_PORT_NAME),                         \
				TEXT("protocol", WANT_PORT_PROTOCOL),                              \
				{.key = "containerPort",                                           \
					.want = WANT_PORT_NUMBER,                                  \
					.scalar = SCALAR_NUMBER})))
#define IP_LIST(name, what) LIST(name, WANT_NOTHING, MAP(NULL, WANT_NOTHING, TEXT("ip", what)))
#define OBJECT                                                                                     \
	TEXT("kind", WANT_KIND),                                                                   \
		MAP("metadata", WANT_NOTHING, TEXT("name", WANT_NAME),                             \
			TEXT("namespace", WANT_NAMESPACE), TEXT("resourceVersion", WANT_VERSION),  \
			MAP("labels", WANT_NOTHING, TEXT("*", WANT_LABEL))),                       \
		MAP("spec", WANT_NOTHING, TEXT("nodeName", WANT_NODE),                             \
			{.key = "hostNetwork", .want = WANT_HOST_NETWORK, .scalar = SCALAR_BOOL},  \
			LIST("containers", WANT_NOTHING, CONTAINER),                               \
			LIST("initContainers", WANT_NOTHING, CONTAINER)),                          \
		MAP("status", WANT_NOTHING, TEXT("phase", WANT_PHASE),                             \
			TEXT("podIP", WANT_ADDRESS), IP_LIST("podIPs", WANT_ADDRESS),              \
			TEXT("hostIP", WANT_HOST_ADDRESS), IP_LIST("hostIPs", WANT_HOST_ADDRESS),  \
			TEXT("startTime", WANT_STARTED))

static const Place ROOT =
	MAP(NULL, WANT_ITEM, OBJECT, LIST("items", WANT_ITEMS, MAP(NULL, WANT_ITEM, OBJECT)));
/* clang-format on */

/* What is known of an object while it is read; what it is shows at the end. */
typedef struct Item {
	const char *kind;
	Pod pod;
	Host host;
	bool has_items;
} Item;

/* What was kept lately, to be kept once: the same texts, ports and hosts come again and again. */
#define RECENT 1024

typedef struct Kept {
	const void *at;
	size_t n, align;
} Kept;

typedef struct Inventory {
	Source *source;
	Arena *scratch; /* gone when the file has been read */
	Reader reader;
	const Place *stack[PARSE_DEPTH_MAX + 2];
	bool is_map[PARSE_DEPTH_MAX + 2];
	unsigned depth, skipped; /* skipped: levels below an unwanted place */
	const Place *next;	 /* where the next value of a map goes; NULL: nowhere */
	const char *label;	 /* the key of the label whose value comes */
	Item root;
	VEC(Item) items;
	Item *item;		/* the current one: &root or the last of items */
	Item work;		/* whose lists the current one of items grows in */
	Kept *recent;		/* by hash */
	Buf token;		/* a text that is only looked at */
	size_t container_ports; /* how many ports were there when the container began */
	bool is_init, is_sidecar;
	/* where we are: one of the two drivers */
	const char *text;
	size_t at, line_at, searched; /* the current token; its line; newlines are found up to */
	unsigned line;
	Origin yaml_origin;
} Inventory;

static Origin where(Inventory *v)
{
	const char *end;

	if (!v->text)
		return v->yaml_origin;
	while ((end = memchr(v->text + v->searched, '\n', v->at - v->searched))) {
		v->line++;
		v->line_at = v->searched = (size_t)(end - v->text) + 1;
	}
	v->searched = v->at;
	return (Origin){v->source->file, v->line, (unsigned)(v->at - v->line_at) + 1};
}

#define FAIL(v, ...) DIAG_ERROR(&(v)->source->diags, where(v), "inventory", NULL, __VA_ARGS__)

/* ---- Scalars ---- */
static bool add_address(Inventory *v, const char *text, bool is_host)
{
	Addresses *list = is_host ? &v->item->host.addresses : &v->item->pod.addresses;
	Address address;

	if (!*text)
		return true;
	if (!address_parse(text, &address)) {
		FAIL(v, "\"%s\" is no address", text);
		return false;
	}
	if (!addresses_have(list, address))
		VEC_PUSH(v->scratch, list, address);
	return true;
}

/* Wants whose text the object has; of the others it has what they say. */
static bool is_restored(Want want)
{
	switch (want) {
	case WANT_KIND:
	case WANT_NAME:
	case WANT_NAMESPACE:
	case WANT_LABEL:
	case WANT_NODE:
	case WANT_PORT_NAME:
	case WANT_STARTED:
		return true;
	default:
		return false;
	}
}

/* Where the same may have been kept; if not, nothing is there. */
static Kept *find_kept(Inventory *v, const void *bytes, size_t n, size_t align)
{
	uint32_t hash = hash_bytes(HASH_START, bytes, n);
	Kept *kept = &v->recent[(hash ^ hash >> 16) % RECENT];

	if (kept->n != n || kept->align != align || memcmp(kept->at, bytes, n) != 0)
		*kept = (Kept){NULL, n, align};
	return kept;
}

static const char *keep_text(Inventory *v, const char *text, size_t n)
{
	Kept *kept = find_kept(v, text, n, 1);

	if (!kept->at)
		kept->at = arena_strndup(v->source->arena, text, n);
	return kept->at;
}

/* Of things without holes. */
static const void *keep(Inventory *v, const void *things, size_t n, size_t align)
{
	Kept *kept = n ? find_kept(v, things, n, align) : NULL;

	if (kept && !kept->at)
		kept->at = memcpy(arena_place(v->source->arena, n, align), things, n);
	return kept ? kept->at : NULL;
}

#define KEEP_LIST(v, list)                                                                         \
	((__typeof__(list)){.at = (__typeof__((list).at))keep((v), (list).at,                      \
				    (list).n * sizeof(*(list).at), __alignof__(*(list).at)),       \
		.n = (list).n,                                                                     \
		.capacity = (list).n})

static const char *look_at(Inventory *v, const char *text, size_t n)
{
	v->token.n = 0;
	buf_add_n(&v->token, text, n);
	return buf_text(&v->token);
}

static Phase phase_of(const char *text)
{
	static const char *const names[] = {"Pending", "Running", "Succeeded", "Failed"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], text) == 0)
			return (Phase)i;
	return PHASE_UNKNOWN;
}

static bool set_port_number(Inventory *v, const char *text)
{
	unsigned long number = strtoul(text, NULL, 10);

	if (number < 1 || number > 65535) {
		FAIL(v, "containerPort %s: must be between 1 and 65535, inclusive", text);
		return false;
	}
	v->item->pod.ports.at[v->item->pod.ports.n - 1].number = (uint16_t)number;
	return true;
}

static bool set_port(Inventory *v, Want want, const char *text)
{
	NamedPort *port = &v->item->pod.ports.at[v->item->pod.ports.n - 1];

	if (want == WANT_PORT_NUMBER)
		return set_port_number(v, text);
	if (want == WANT_PORT_NAME)
		port->name = text;
	else if (!protocol_parse(text, &port->protocol)) {
		FAIL(v, "protocol \"%s\" is not TCP, UDP or SCTP", text);
		return false;
	}
	return true;
}

static bool set_value(Inventory *v, Want want, const char *text)
{
	Item *item = v->item;

	switch (want) {
	case WANT_KIND:
		item->kind = text;
		return true;
	case WANT_NAME:
		item->pod.name = text;
		return true;
	case WANT_NAMESPACE:
		item->pod.namespace = text;
		return true;
	case WANT_VERSION:
		item->pod.version = strtoull(text, NULL, 10);
		return true;
	case WANT_LABEL:
		VEC_PUSH(v->scratch, &item->pod.labels.list, (Label){v->label, text});
		return true;
	case WANT_NODE:
		item->host.name = text;
		return true;
	case WANT_HOST_NETWORK:
		item->pod.is_host_network = strcmp(text, "true") == 0;
		return true;
	case WANT_RESTART_POLICY:
		v->is_sidecar = strcmp(text, "Always") == 0;
		return true;
	case WANT_PORT_NAME:
	case WANT_PORT_NUMBER:
	case WANT_PORT_PROTOCOL:
		return set_port(v, want, text);
	case WANT_PHASE:
		item->pod.phase = phase_of(text);
		return true;
	case WANT_ADDRESS:
	case WANT_HOST_ADDRESS:
		return add_address(v, text, want == WANT_HOST_ADDRESS);
	case WANT_STARTED:
		item->pod.started = text;
		return true;
	default:
		return true;
	}
}

/* ---- Places ---- */
/* Asked of every key there is, most of which nobody wants: the first letter tells most apart. */
static bool is_key(const char *wanted, const char *key, size_t n)
{
	if (*wanted == '*')
		return true;
	return n > 0 && *wanted == *key && strlen(wanted) == n && memcmp(wanted, key, n) == 0;
}

static const Place *child_of(const Place *place, const char *key, size_t n)
{
	const Place *child = place->children;

	for (; child->want || child->shape; child++)
		if (key ? child->key && is_key(child->key, key, n) : !child->key)
			return child;
	return NULL;
}

/* The place of the value that comes now; NULL when nobody wants it. */
static const Place *place_here(Inventory *v)
{
	if (v->depth == 0)
		return &ROOT;
	return v->is_map[v->depth] ? v->next : child_of(v->stack[v->depth], NULL, 0);
}

static bool fail_shape(Inventory *v, const Place *place, const char *found)
{
	static const char *const shapes[] = {"a value", "an object", "a list"};
	static const char *const scalars[] = {"null", "a truth value", "a number", "a string"};

	FAIL(v, "%s: expected %s, found %s",
		place->key ? place->key
		: v->depth ? "item"
			   : "inventory",
		place->shape == SHAPE_SCALAR ? scalars[place->scalar] : shapes[place->shape],
		found);
	return false;
}

/* ---- Items: read into lists that grow, kept in lists that fit ---- */
static void take_lists(Item *item, const Item *work)
{
	Pod *pod = &item->pod;

	pod->labels = work->pod.labels;
	pod->addresses = work->pod.addresses;
	pod->ports = work->pod.ports;
	item->host.addresses = work->host.addresses;
	pod->labels.list.n = pod->addresses.n = pod->ports.n = item->host.addresses.n = 0;
}

static void drop_unnamed_ports(Pod *pod)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < pod->ports.n; i++)
		if (pod->ports.at[i].name && pod->ports.at[i].number)
			pod->ports.at[kept++] = pod->ports.at[i];
	pod->ports.n = kept;
}

static void fit_item(Inventory *v)
{
	Arena *arena = v->source->arena;
	Pod *pod = &v->item->pod;
	Host host = v->item->host;

	labels_sort(&pod->labels);
	drop_unnamed_ports(pod);
	if (v->item != &v->root)
		v->work = *v->item;
	pod->labels.list = VEC_COPY(arena, pod->labels.list);
	pod->addresses = VEC_COPY(arena, pod->addresses);
	pod->ports = KEEP_LIST(v, pod->ports);
	host.addresses = KEEP_LIST(v, host.addresses);
	pod->host = keep(v, &host, sizeof(host), _Alignof(Host));
}

static void begin_item(Inventory *v)
{
	if (v->depth == 0) {
		v->item = &v->root;
	} else {
		VEC_PUSH(v->scratch, &v->items, (Item){});
		v->item = &v->items.at[v->items.n - 1];
	}
	*v->item = (Item){.pod = {.origin = where(v), .phase = PHASE_UNKNOWN, .started = ""}};
	if (v->depth > 0)
		take_lists(v->item, &v->work);
}

static void begin_place(Inventory *v, const Place *place)
{
	if (place->want == WANT_ITEM)
		begin_item(v);
	else if (place->want == WANT_ITEMS)
		v->root.has_items = true;
	else if (place->want == WANT_CONTAINER) {
		v->container_ports = v->item->pod.ports.n;
		v->is_init = strcmp(v->stack[v->depth]->key, "initContainers") == 0;
		v->is_sidecar = false;
	} else if (place->want == WANT_PORT) {
		VEC_PUSH(v->scratch, &v->item->pod.ports, (NamedPort){.protocol = PROTOCOL_TCP});
	}
}

static void end_place(Inventory *v, const Place *place)
{
	/* an init container's ports are gone when it has ended, unless it is a sidecar */
	if (place->want == WANT_CONTAINER && v->is_init && !v->is_sidecar)
		v->item->pod.ports.n = v->container_ports;
	if (place->want == WANT_ITEM)
		fit_item(v);
	if (place->want == WANT_ITEMS)
		v->item = &v->root;
}

static bool on_begin(void *context, bool is_map)
{
	Inventory *v = context;
	const Place *place = v->skipped ? NULL : place_here(v);

	if (!place) {
		v->skipped++;
		return true;
	}
	if (place->shape != (is_map ? SHAPE_MAP : SHAPE_LIST))
		return fail_shape(v, place, is_map ? "an object" : "a list");
	begin_place(v, place);
	v->stack[++v->depth] = place;
	v->is_map[v->depth] = is_map;
	v->next = NULL;
	return true;
}

static bool on_end(void *context)
{
	Inventory *v = context;

	if (v->skipped)
		v->skipped--;
	else
		end_place(v, v->stack[v->depth--]);
	return true;
}

static bool fail_nul(Inventory *v)
{
	FAIL(v, "a NUL character in a string");
	return false;
}

static bool on_key(void *context, const char *text, size_t n)
{
	Inventory *v = context;

	if (v->skipped)
		return true;
	v->next = child_of(v->stack[v->depth], text, n);
	if (!v->next || v->next->want != WANT_LABEL)
		return true;
	if (memchr(text, '\0', n))
		return fail_nul(v);
	v->label = keep_text(v, text, n);
	return true;
}

static bool on_scalar(void *context, ScalarKind kind, const char *text, size_t n)
{
	static const char *const found[] = {"null", "a truth value", "a number", "a string"};
	Inventory *v = context;
	const Place *place = v->skipped ? NULL : place_here(v);

	if (!place)
		return true;
	if (kind == SCALAR_NULL && v->depth > 0) {
		v->root.has_items |= place->want == WANT_ITEMS;
		return true; /* as absent */
	}
	if (place->shape != SHAPE_SCALAR || place->scalar != kind)
		return fail_shape(v, place, found[kind]);
	if (memchr(text, '\0', n))
		return fail_nul(v);
	return set_value(v, place->want,
		is_restored(place->want) ? keep_text(v, text, n) : look_at(v, text, n));
}

/* ---- What the objects are ---- */
static void add_pod(Inventory *v, Item *item)
{
	Pod *pod = ARENA_NEW(v->source->arena, Pod);

	*pod = item->pod;
	pod->namespace = pod->namespace ? pod->namespace : "default";
	VEC_PUSH(v->source->arena, &v->source->pods, pod);
}

static void add_namespace(Inventory *v, Item *item)
{
	static const char *const key = "kubernetes.io/metadata.name";
	Namespace *namespace = ARENA_NEW(v->source->arena, Namespace);

	*namespace = (Namespace){.origin = item->pod.origin,
		.name = item->pod.name,
		.labels = item->pod.labels,
		.version = item->pod.version};
	if (!labels_get(&namespace->labels, key)) {
		VEC_PUSH(v->source->arena, &namespace->labels.list, (Label){key, namespace->name});
		labels_sort(&namespace->labels);
	}
	VEC_PUSH(v->source->arena, &v->source->namespaces, namespace);
}

static void add_object(Inventory *v, Item *item, const char *kind)
{
	bool is_pod = text_is_equal(kind, "Pod"), is_namespace = text_is_equal(kind, "Namespace");

	if (!is_pod && !is_namespace)
		return; /* Services and the like in a kubectl list */
	if (!item->pod.name) {
		DIAG_ERROR(&v->source->diags, item->pod.origin, "required", NULL,
			"metadata.name: Required value");
		return;
	}
	if (is_pod)
		add_pod(v, item);
	else
		add_namespace(v, item);
}

static const char *item_kind(const char *list_kind)
{
	if (text_is_equal(list_kind, "PodList"))
		return "Pod";
	return text_is_equal(list_kind, "NamespaceList") ? "Namespace" : NULL;
}

/* One piece of the right size, instead of all the sizes that a list grows through. */
static void make_room(Source *source, size_t pods)
{
	source->pods.at = arena_alloc(source->arena, pods * sizeof(*source->pods.at));
	source->pods.capacity = (uint32_t)pods;
}

static void add_list(Inventory *v)
{
	if (v->source->pods.n == 0)
		make_room(v->source, v->items.n);
	for (size_t i = 0; i < v->items.n; i++) {
		Item *item = &v->items.at[i];
		const char *kind = item->kind ? item->kind : item_kind(v->root.kind);

		if (kind)
			add_object(v, item, kind);
		else
			DIAG_ERROR(&v->source->diags, item->pod.origin, "required", NULL,
				"kind: Required value: an item of a List says what it is");
	}
}

static void finish(Inventory *v)
{
	static const char *const kinds[] = {
		"PodList", "NamespaceList", "List", "Pod", "Namespace", NULL};
	const char *kind = v->root.kind;
	bool is_known = false, is_list = kind && text_has_suffix(kind, "List");

	for (int i = 0; kinds[i]; i++)
		is_known |= text_is_equal(kind, kinds[i]);
	if (!is_known)
		DIAG_ERROR(&v->source->diags, v->root.pod.origin, PARSE_CODE_NO_INVENTORY, NULL,
			"%s%s%s: an inventory is a PodList, NamespaceList, List, Pod or Namespace",
			kind ? "kind \"" : "no kind", kind ? kind : "", kind ? "\"" : "");
	else if (is_list && !v->root.has_items)
		DIAG_ERROR(&v->source->diags, v->root.pod.origin, "inventory", NULL,
			"%s without items: the export has failed", kind);
	else if (is_list)
		add_list(v);
	else
		add_object(v, &v->root, kind);
}

static const JsonHandler HANDLER = {on_begin, on_end, on_key, on_scalar};

static Inventory *inventory_new(Source *source, Arena *scratch, const char *text)
{
	Inventory *v = ARENA_NEW(scratch, Inventory);

	*v = (Inventory){.source = source,
		.scratch = scratch,
		.recent = arena_alloc(scratch, RECENT * sizeof(Kept)),
		.token = {.arena = scratch},
		.reader = {scratch, &source->diags},
		.text = text,
		.line = 1};
	return v;
}

void inventory_read_json(Source *source, Arena *scratch, const char *text, size_t n)
{
	Inventory *v = inventory_new(source, scratch, text);

	if (json_events_read(&v->reader, source->file, text, n, &HANDLER, v, &v->at))
		finish(v);
}

/* ---- YAML: the tree told as the same events ---- */
static bool replay(Inventory *v, const Node *node)
{
	static const ScalarKind kinds[] = {[NODE_NULL] = SCALAR_NULL,
		[NODE_STRING] = SCALAR_STRING,
		[NODE_INT] = SCALAR_NUMBER,
		[NODE_FLOAT] = SCALAR_NUMBER,
		[NODE_BOOL] = SCALAR_BOOL};
	bool is_map = node->kind == NODE_MAP, is_list = node->kind == NODE_LIST;
	bool is_well;

	v->yaml_origin = node->origin;
	if (node->kind == NODE_BOOL)
		return on_scalar(
			v, SCALAR_BOOL, node->truth ? "true" : "false", node->truth ? 4 : 5);
	if (!is_map && !is_list)
		return on_scalar(v, kinds[node->kind], node->text, strlen(node->text));
	is_well = on_begin(v, is_map);
	for (size_t i = 0; is_well && i < node->pairs.n; i++)
		is_well = on_key(v, node->pairs.at[i].key, strlen(node->pairs.at[i].key)) &&
			  replay(v, node->pairs.at[i].value);
	for (size_t i = 0; is_well && i < node->items.n; i++)
		is_well = replay(v, node->items.at[i]);
	return is_well && on_end(v);
}

void inventory_read_yaml(Source *source, Arena *scratch, const char *text, size_t n)
{
	Reader reader = {scratch, &source->diags};
	Documents documents = {};
	bool is_well = yaml_tree_read(&reader, source->file, text, n, &documents);

	for (size_t i = 0; is_well && i < documents.n; i++) {
		Inventory *v = inventory_new(source, arena_child(scratch), NULL);

		is_well = documents.at[i]->kind == NODE_NULL || replay(v, documents.at[i]);
		if (is_well && documents.at[i]->kind != NODE_NULL)
			finish(v);
		arena_free(v->scratch);
	}
}
