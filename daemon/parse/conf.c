/*
 * libconfig text -> tree. libconfig gives lines, no columns, and no file name. Its own @include
 * would open any path, so it is refused: every file of the directory is read anyway.
 */
#include "node.h"
#include <ctype.h>
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
	default:
		break;
	}
}

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

/* The end of the comment or string that begins at s; s itself where neither does. */
static const char *skip_opaque(const char *s)
{
	const char *end = NULL;

	if (s[0] == '/' && s[1] == '*')
		return (end = strstr(s + 2, "*/")) ? end + 2 : s + strlen(s);
	if (s[0] == '#' || (s[0] == '/' && s[1] == '/'))
		return s + strcspn(s, "\n");
	if (s[0] != '"')
		return s;
	for (s++; *s && *s != '"'; s++)
		if (s[0] == '\\' && s[1])
			s++;
	return *s ? s + 1 : s;
}

/* A name or a number ends where none of its characters follows. */
static const char *skip_word(const char *s)
{
	return s + strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*");
}

static bool has_nul(const char *s, const char *end)
{
	for (; s < end; s++) {
		if (s[0] != '\\')
			continue;
		if ((s[1] == 'x' || s[1] == 'X') && s[2] == '0' && s[3] == '0')
			return true;
		s++;
	}
	return false;
}

static bool is_too_large(const char *s)
{
	bool is_hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');

	return isdigit((unsigned char)s[0]) && strtoull(s, NULL, is_hex ? 16 : 10) > INT32_MAX;
}

/* What libconfig cuts off, or takes modulo 2^32, without a word. */
static const char *why_unfit(const char *s, const char *end)
{
	if (*s == '"' && has_nul(s, end))
		return "a NUL character in a string";
	return is_too_large(s) ? "a number greater than 2147483647" : NULL;
}

static bool is_token_fit(Reader *reader, Origin origin, const char *s, const char *end)
{
	const char *why = why_unfit(s, end);

	if (strncmp(s, "@include", 8) == 0)
		DIAG_ERROR(reader->diags, origin, "include",
			"every file of the directory is read by itself; put it there",
			"@include is not followed");
	else if (why)
		DIAG_ERROR(reader->diags, origin, "syntax", NULL, "%s", why);
	else
		return true;
	return false;
}

static bool is_fit(Reader *reader, const char *file, const char *text)
{
	unsigned line = 1;

	for (const char *s = text, *end; *s; s = end) {
		end = skip_opaque(s);
		end = end == s ? skip_word(s) : end;
		end = end == s ? s + 1 : end;
		if (!is_token_fit(reader, (Origin){file, line, 0}, s, end))
			return false;
		for (const char *c = s; c < end; c++)
			line += *c == '\n';
	}
	return true;
}

static void config_free(void *handle)
{
	config_destroy(handle);
}

const Node *conf_read(Reader *reader, const char *file, const char *text)
{
	config_t *config = ARENA_NEW(reader->arena, config_t);
	Converter c = {reader, file};

	if (!is_fit(reader, file, text))
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
