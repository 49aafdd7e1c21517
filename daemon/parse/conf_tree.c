/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libconfig's settings -> tree: see conf_tree.h. */
#include "conf_tree.h"
#include "conf_check.h"
#include <libconfig.h>
#include <string.h>

typedef struct Converter {
	Reader *reader;
	const char *file;
} Converter;

static const Node *convert(Converter *c, const config_setting_t *setting, unsigned depth);

static void convert_children(
	Converter *c, const config_setting_t *setting, Node *node, unsigned depth)
{
	unsigned n = (unsigned)config_setting_length(setting);

	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *child = config_setting_get_elem(setting, i);
		const Node *value = convert(c, child, depth + 1);

		if (!value)
			return;
		if (node->kind == NODE_LIST)
			VEC_PUSH(c->reader->arena, &node->items, value);
		else
			VEC_PUSH(c->reader->arena, &node->pairs,
				(Pair){arena_strdup(c->reader->arena, config_setting_name(child)),
					value->origin, value});
	}
}

static void convert_scalar(Converter *c, const config_setting_t *setting, Node *node)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		node->kind = NODE_INT;
		node->number = config_setting_get_int64(setting);
		node->text = arena_printf(c->reader->arena, "%lld", node->number);
		break;
	case CONFIG_TYPE_FLOAT:
		node->kind = NODE_FLOAT;
		node->text =
			arena_printf(c->reader->arena, "%g", config_setting_get_float(setting));
		break;
	case CONFIG_TYPE_BOOL:
		node->kind = NODE_BOOL;
		node->truth = config_setting_get_bool(setting);
		node->text = node->truth ? "true" : "false";
		break;
	case CONFIG_TYPE_STRING:
		node->kind = NODE_STRING;
		node->text = arena_strdup(c->reader->arena, config_setting_get_string(setting));
		break;
	default: /* CONFIG_TYPE_NONE: stays NODE_NULL */
		break;
	}
}

/* NULL: too deep; the error is in the diags. */
static const Node *convert(Converter *c, const config_setting_t *setting, unsigned depth)
{
	Node *node = ARENA_NEW(c->reader->arena, Node);

	node->origin = (Origin){c->file, config_setting_source_line(setting), 0};
	if (depth > PARSE_DEPTH_MAX) {
		DIAG_ERROR(c->reader->diags, node->origin, "limit", NULL,
			"nested more than %d deep", PARSE_DEPTH_MAX);
		return NULL;
	}
	if (config_setting_is_aggregate(setting)) {
		node->kind = config_setting_is_group(setting) ? NODE_MAP : NODE_LIST;
		convert_children(c, setting, node, depth);
	} else {
		convert_scalar(c, setting, node);
	}
	return node;
}

/* The arena's deferred call, which also runs when a failed allocation unwinds. */
static void config_free(void *handle)
{
	config_destroy(handle);
}

const Node *conf_tree_read(Reader *reader, const char *file, const char *text)
{
	config_t *config = ARENA_NEW(reader->arena, config_t);
	Converter c = {reader, file};

	if (!conf_check(reader, file, text))
		return NULL;
	config_init(config);
	arena_defer(reader->arena, config_free, config);
	if (!config_read_string(config, text)) {
		DIAG_ERROR(reader->diags, ((Origin){file, (unsigned)config_error_line(config), 0}),
			"syntax", NULL, "%s", config_error_text(config));
		return NULL;
	}
	return convert(&c, config_root_setting(config), 0);
}
