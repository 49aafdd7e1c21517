/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The API server's validation of ObjectMeta: see metadata.h. "apivalidation." is
 * apimachinery/pkg/api/validation/objectmeta.go; types are those of apimachinery's metav1.
 */
#include "metadata.h"
#include "validate.h"
#include <ctype.h>
#include <string.h>
#include <time.h>

#define ANNOTATIONS_BYTES_MAX ((size_t)256 << 10) /* apivalidation.TotalAnnotationSizeLimitB */

__attribute__((format(printf, 3, 4))) static void refuse(
	Reader *reader, Origin origin, const char *format, ...)
{
	va_list arguments;
	const char *words;

	va_start(arguments, format);
	words = arena_vprintf(reader->arena, format, arguments);
	va_end(arguments);
	DIAG_WARNING(reader->diags, origin, PARSE_CODE_METADATA,
		"it is enforced, but `kubectl apply` would refuse it", "metadata.%s", words);
}

/* error: what is wrong with the text, or NULL. */
static void refuse_text(
	Reader *reader, Origin origin, const char *what, const char *text, const char *error)
{
	if (error)
		refuse(reader, origin, "%s: Invalid value: \"%s\": %s", what, text, error);
}

/* Whether the node is there, and of that kind. */
static bool is_kind(Reader *reader, const Node *node, NodeKind kind, const char *what)
{
	if (node && node->kind != kind)
		refuse(reader, node->origin, "%s: expected %s, found %s", what,
			node_kind_text(kind), node_kind_text(node->kind));
	return node && node->kind == kind;
}

/* Items and values that are null are the type's zero: an empty string, an object without fields. */
static bool is_null_or_kind(Reader *reader, const Node *node, NodeKind kind, const char *what)
{
	return node->kind == NODE_NULL || is_kind(reader, node, kind, what);
}

static const char *text_of(const Node *node)
{
	return node && node->kind == NODE_STRING ? node->text : "";
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static void check_keys(Reader *reader, const Node *map, const char *const *known, const char *what)
{
	for (size_t i = 0; i < map->pairs.n; i++)
		if (!is_one_of(map->pairs.at[i].key, known))
			refuse(reader, map->pairs.at[i].origin, "%s: unknown field \"%s\"", what,
				map->pairs.at[i].key);
}

/* ---- Labels and annotations ---- */
static void check_labels(Reader *reader, const Node *labels)
{
	static const char *const what = "labels";

	for (size_t i = 0; i < labels->pairs.n; i++) {
		const Pair *pair = &labels->pairs.at[i];

		refuse_text(reader, pair->origin, what, pair->key, label_key_error(pair->key));
		if (is_null_or_kind(reader, pair->value, NODE_STRING, what))
			refuse_text(reader, pair->value->origin, what, text_of(pair->value),
				label_value_error(text_of(pair->value)));
	}
}

/* apivalidation.ValidateAnnotations: a key is a label's key, but capital letters do not matter. */
static void check_annotations(Reader *reader, const Node *annotations)
{
	static const char *const what = "annotations";
	size_t bytes = 0;

	for (size_t i = 0; i < annotations->pairs.n; i++) {
		const Pair *pair = &annotations->pairs.at[i];
		char *lower = arena_strdup(reader->arena, pair->key);

		for (char *c = lower; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		refuse_text(reader, pair->origin, what, pair->key, label_key_error(lower));
		if (is_null_or_kind(reader, pair->value, NODE_STRING, what))
			bytes += strlen(pair->key) + strlen(text_of(pair->value));
	}
	if (bytes > ANNOTATIONS_BYTES_MAX)
		refuse(reader, annotations->origin, "%s: Too long: may not be more than %zu bytes",
			what, ANNOTATIONS_BYTES_MAX);
}

/* ---- Owners ---- */
/* runtime.schema.ParseGroupVersion: "v1" or "apps/v1". */
static bool is_group_version(const char *text)
{
	const char *slash = strchr(text, '/');

	return *text && (!slash || (slash[1] && !strchr(slash + 1, '/')));
}

/* apivalidation.validateOwnerReference. Whether it is the controller. */
static bool check_owner(Reader *reader, const Node *owner)
{
	static const char *const known[] = {
		"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion", NULL};
	const char *version = text_of(node_get(owner, "apiVersion"));
	const char *kind = text_of(node_get(owner, "kind"));
	const Node *controller = node_get(owner, "controller");

	check_keys(reader, owner, known, "ownerReferences");
	for (int i = 0; i < 4; i++) {
		const Node *field = node_get(owner, known[i]);

		if ((!field || is_kind(reader, field, NODE_STRING, "ownerReferences")) &&
			!*text_of(field))
			refuse(reader, owner->origin, "ownerReferences.%s: must not be empty",
				known[i]);
	}
	if (*version && !is_group_version(version))
		refuse(reader, owner->origin, "ownerReferences.apiVersion: Invalid value: \"%s\"",
			version);
	if (strcmp(version, "v1") == 0 && strcmp(kind, "Event") == 0)
		refuse(reader, owner->origin, "ownerReferences: an Event cannot be an owner");
	is_kind(reader, node_get(owner, "blockOwnerDeletion"), NODE_BOOL, "ownerReferences");
	return is_kind(reader, controller, NODE_BOOL, "ownerReferences") && controller->truth;
}

static void check_owners(Reader *reader, const Node *owners)
{
	size_t n_controllers = 0;

	for (size_t i = 0; i < owners->items.n; i++)
		if (is_null_or_kind(reader, owners->items.at[i], NODE_MAP, "ownerReferences"))
			n_controllers += check_owner(reader, owners->items.at[i]);
	if (n_controllers > 1)
		refuse(reader, owners->origin,
			"ownerReferences: only one reference can have controller set to true");
}

/* ---- Finalizers: apivalidation.ValidateFinalizers ---- */
static const char *finalizer_error(const char *name)
{
	static const char *const standard[] = {"kubernetes", "orphan", "foregroundDeletion", NULL};
	const char *error = label_key_error(name);

	if (error || strchr(name, '/') || is_one_of(name, standard))
		return error;
	return "name is neither a standard finalizer name nor is it fully qualified";
}

static void check_finalizers(Reader *reader, const Node *finalizers)
{
	bool has_orphan = false, has_foreground = false;

	for (size_t i = 0; i < finalizers->items.n; i++) {
		const Node *item = finalizers->items.at[i];

		if (!is_null_or_kind(reader, item, NODE_STRING, "finalizers"))
			continue;
		refuse_text(reader, item->origin, "finalizers", text_of(item),
			finalizer_error(text_of(item)));
		has_orphan |= strcmp(text_of(item), "orphan") == 0;
		has_foreground |= strcmp(text_of(item), "foregroundDeletion") == 0;
	}
	if (has_orphan && has_foreground)
		refuse(reader, finalizers->origin,
			"finalizers: orphan and foregroundDeletion cannot be both set");
}

/* ---- What the API server writes ---- */
static void check_managed(Reader *reader, const Node *managed)
{
	static const char *const known[] = {"manager", "operation", "apiVersion", "time",
		"fieldsType", "fieldsV1", "subresource", NULL};

	for (size_t i = 0; i < managed->items.n; i++)
		if (is_null_or_kind(reader, managed->items.at[i], NODE_MAP, "managedFields"))
			check_keys(reader, managed->items.at[i], known, "managedFields");
}

/* RFC 3339: "2006-01-02T15:04:05Z", with a fraction of a second and an offset. */
static bool is_time(const char *text)
{
	struct tm tm = {};
	const char *rest;

	if (strspn(text, "0123456789") != 4)
		return false;
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || rest - text != 19)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	return strcmp(rest, "Z") == 0 ||
	       ((*rest == '+' || *rest == '-') && strlen(rest) == 6 && rest[3] == ':');
}

static void check_times(Reader *reader, const Node *metadata)
{
	static const char *const keys[] = {"creationTimestamp", "deletionTimestamp"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const Node *node = node_get(metadata, keys[i]);

		if (is_kind(reader, node, NODE_STRING, keys[i]) && !is_time(node->text))
			refuse_text(reader, node->origin, keys[i], node->text,
				"must be a time, such as 2006-01-02T15:04:05Z");
	}
}

/* A prefix that the API server appends to: it may end in a hyphen. */
static void check_generate_name(Reader *reader, const Node *node)
{
	char *name;
	size_t n;

	if (!is_kind(reader, node, NODE_STRING, "generateName") || !*node->text)
		return;
	name = arena_strdup(reader->arena, node->text);
	n = strlen(name);
	if (n > 1 && name[n - 1] == '-')
		name[n - 1] = 'a';
	refuse_text(reader, node->origin, "generateName", node->text, validate_subdomain(name));
}

static void check_values(Reader *reader, const Node *metadata)
{
	static const char *const texts[] = {"selfLink", "uid", "resourceVersion"};
	static const char *const numbers[] = {"generation", "deletionGracePeriodSeconds"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		is_kind(reader, node_get(metadata, texts[i]), NODE_STRING, texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		is_kind(reader, node_get(metadata, numbers[i]), NODE_INT, numbers[i]);
}

void metadata_check(Reader *reader, const Node *metadata)
{
	static const struct {
		const char *key;
		NodeKind kind;
		void (*check)(Reader *reader, const Node *node);
	} fields[] = {{"labels", NODE_MAP, check_labels},
		{"annotations", NODE_MAP, check_annotations},
		{"ownerReferences", NODE_LIST, check_owners},
		{"finalizers", NODE_LIST, check_finalizers},
		{"managedFields", NODE_LIST, check_managed}};

	check_values(reader, metadata);
	check_times(reader, metadata);
	check_generate_name(reader, node_get(metadata, "generateName"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const Node *node = node_get(metadata, fields[i].key);

		if (is_kind(reader, node, fields[i].kind, fields[i].key))
			fields[i].check(reader, node);
	}
}
