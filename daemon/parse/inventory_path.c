/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of paths, and how a key is looked up in it: see inventory_path.h. */
#include "inventory_path.h"
#include "model.h"
#include <string.h>

/* clang-format off: a tree, to be read as one */
#define TEXT(name, what)                                                                           \
	{                                                                                          \
		.key = name, .kind = what, .scalar = SCALAR_STRING                                 \
	}
#define MAP(name, what, ...)                                                                       \
	{                                                                                          \
		.key = name, .kind = what, .shape = SHAPE_MAP, .children = (const Path[])          \
		{                                                                                  \
			__VA_ARGS__,                                                               \
			{                                                                          \
			}                                                                          \
		}                                                                                  \
	}
#define LIST(name, what, item)                                                                     \
	{                                                                                          \
		.key = name, .kind = what, .shape = SHAPE_LIST, .children = (const Path[])         \
		{                                                                                  \
			item,                                                                      \
			{                                                                          \
			}                                                                          \
		}                                                                                  \
	}
#define CONTAINER                                                                                  \
	MAP(NULL, PATH_CONTAINER, TEXT("restartPolicy", PATH_RESTART_POLICY),                      \
		LIST("ports", PATH_INNER,                                                          \
			MAP(NULL, PATH_PORT, TEXT("name", PATH_PORT_NAME),                         \
				TEXT("protocol", PATH_PORT_PROTOCOL),                              \
				{.key = "containerPort",                                           \
					.kind = PATH_PORT_NUMBER,                                  \
					.scalar = SCALAR_NUMBER})))
#define IP_LIST(name, what) LIST(name, PATH_INNER, MAP(NULL, PATH_INNER, TEXT("ip", what)))
#define OBJECT                                                                                     \
	TEXT("kind", PATH_KIND),                                                                   \
		MAP("metadata", PATH_INNER, TEXT("name", PATH_NAME),                               \
			TEXT("namespace", PATH_NAMESPACE), TEXT("resourceVersion", PATH_VERSION),  \
			TEXT("uid", PATH_UID),                                                     \
			MAP("annotations", PATH_INNER,                                             \
				TEXT("kubernetes.io/config.source", PATH_CONFIG_SOURCE),           \
				TEXT("kubernetes.io/config.hash", PATH_CONFIG_HASH),               \
				TEXT(NAMESPACE_SENDERS_ANNOTATION, PATH_SENDERS)),                 \
			TEXT("continue", PATH_CONTINUE),                                           \
			MAP("labels", PATH_INNER, TEXT("*", PATH_LABEL))),                         \
		MAP("spec", PATH_INNER, TEXT("nodeName", PATH_NODE),                               \
			{.key = "hostNetwork", .kind = PATH_HOST_NETWORK, .scalar = SCALAR_BOOL},  \
			LIST("containers", PATH_INNER, CONTAINER),                                 \
			LIST("initContainers", PATH_INNER, CONTAINER)),                            \
		MAP("status", PATH_INNER, TEXT("phase", PATH_PHASE), TEXT("podIP", PATH_ADDRESS),  \
			IP_LIST("podIPs", PATH_ADDRESS), TEXT("hostIP", PATH_HOST_ADDRESS),        \
			IP_LIST("hostIPs", PATH_HOST_ADDRESS), TEXT("startTime", PATH_STARTED))

static const Path NOTHING[] = {{}};
static const Path OBJECTS[2]; /* the items of a list; each may be a list itself */

const Path INVENTORY_ROOT = MAP(NULL, PATH_ITEM, OBJECT,
	{.key = "items", .kind = PATH_ITEMS, .shape = SHAPE_LIST, .children = OBJECTS},
	{.key = "object", .kind = PATH_WATCHED, .shape = SHAPE_MAP, .children = NOTHING});
static const Path OBJECTS[2] = {
	MAP(NULL, PATH_ITEM, OBJECT,
		{.key = "items", .kind = PATH_ITEMS, .shape = SHAPE_LIST, .children = OBJECTS}),
	{}};
/* clang-format on */

/* Called for every key of the file, most of which are not read: the first letter decides often. */
static bool is_key(const char *wanted, const char *key, size_t n)
{
	if (*wanted == '*')
		return true;
	return n > 0 && *wanted == *key && strlen(wanted) == n && memcmp(wanted, key, n) == 0;
}

const Path *path_find_key(const Path *map, const char *key, size_t n)
{
	assert(map->shape == SHAPE_MAP);
	for (const Path *child = map->children; child->kind || child->shape; child++)
		if (is_key(child->key, key, n))
			return child;
	return NULL;
}

const Path *path_of_items(const Path *list)
{
	assert(list->shape == SHAPE_LIST && !list->children->key);
	return list->children;
}
