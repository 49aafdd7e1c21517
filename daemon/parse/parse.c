/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source_parse: selects the reader by the file's suffix, and owns the arenas: see parse.h,
 * "Memory".
 */
#include "attachment_record.h"
#include "empty_list.h"
#include "inventory.h"
#include "objects.h"
#include "policy_conf.h"
#include <assert.h>
#include <string.h>

typedef enum Format { FORMAT_NONE, FORMAT_CONF, FORMAT_YAML, FORMAT_JSON } Format;

static Format format_of(const char *name)
{
	if (text_has_suffix(name, ".conf"))
		return FORMAT_CONF;
	if (text_has_suffix(name, ".yaml") || text_has_suffix(name, ".yml"))
		return FORMAT_YAML;
	return text_has_suffix(name, ".json") ? FORMAT_JSON : FORMAT_NONE;
}

bool source_name_is_read(SourceKind kind, const char *name)
{
	Format format = format_of(name);

	if (kind == SOURCE_ATTACHMENTS)
		return attachment_record_is_read(name);
	if (name[0] == '.' || format == FORMAT_NONE)
		return false;
	return kind == SOURCE_POLICIES || format != FORMAT_CONF;
}

Source *source_free(Source *source)
{
	if (source)
		arena_free(source->arena);
	return NULL;
}

static Source *source_new(Arena *arena, const char *file)
{
	Source *source = ARENA_NEW(arena, Source);

	source->arena = arena;
	source->file = arena_strdup(arena, file);
	source->diags.arena = arena;
	return source;
}

/* ---- Parsing ---- */
typedef struct Parsing {
	Arena *scratch; /* for what only parsing needs */
	SourceKind kind;
	const char *file, *text;
	size_t n;
	Source *source; /* the result; in a child of scratch */
} Parsing;

static bool is_blank(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", text[i]))
			return false;
	return true;
}

static void parse_text(const Parsing *p, Source *source)
{
	Format format = format_of(p->file);
	size_t valid = text_utf8_check(p->text, p->n);
	const char *encoding = valid == p->n ? NULL : text_utf16_or_32(p->text, p->n);

	if (encoding)
		DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "encoding",
			PARSE_ENCODING_HINT, "this is %s, not UTF-8 text", encoding);
	else if (valid != p->n)
		DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "binary", NULL,
			"not UTF-8 text: byte 0x%02x at offset %zu", (unsigned char)p->text[valid],
			valid);
	else if (p->kind == SOURCE_ATTACHMENTS)
		attachment_record_read(source, p->scratch, p->text, p->n);
	else if (is_blank(p->text, p->n))
		empty_file_report(source, p->kind);
	else if (format == FORMAT_CONF)
		policy_conf_read(source, p->text);
	else if (p->kind == SOURCE_POLICIES)
		objects_read(source, p->text, p->n);
	else if (format == FORMAT_JSON)
		inventory_read_json(source, p->scratch, p->text, p->n);
	else
		inventory_read_yaml(source, p->scratch, p->text, p->n);
}

/* Two policies of one name in a file: an error at the second one. Across files: module source. */
static void check_duplicates(Source *source)
{
	StrMap *seen = source->policies.n ? strmap_new(source->arena) : NULL;

	for (size_t i = 0; i < source->policies.n; i++) {
		const Policy *policy = source->policies.at[i], *first;
		const char *key =
			arena_printf(source->arena, "%s/%s", policy->namespace, policy->name);

		first = strmap_get(seen, key);
		if (first && *policy->name)
			DIAG_ERROR(&source->diags, policy->origin, "duplicate-policy", NULL,
				"NetworkPolicy \"%s\" is defined twice; the first is on line %u",
				key, first->origin.line);
		strmap_put(seen, key, (void *)policy);
	}
}

static void parse_whole(const Parsing *p, Source *source)
{
	parse_text(p, source);
	check_duplicates(source);
	empty_list_check(source, p->kind);
	diags_sort(&source->diags);
	diags_excerpt(&source->diags, p->text, p->n);
}

static bool names_cidr_set(const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		if (policy_next_set(source->policies.at[i], &(PeerCursor){}))
			return true;
	return false;
}

static Origin origin_in(const Source *source, Origin origin)
{
	return (Origin){source->file, origin.line, origin.column};
}

/*
 * The trees and a first Source are in scratch; the policies, a small part of that, are copied into
 * the result.
 */
static void parse_policies(const Parsing *p)
{
	Source *parsed = source_new(p->scratch, p->file), *source = p->source;

	parse_whole(p, parsed);
	diags_append(&source->diags, &parsed->diags);
	for (size_t i = 0; i < parsed->policies.n; i++)
		VEC_PUSH(source->arena, &source->policies,
			policy_copy(source->arena, parsed->policies.at[i], source->file));
	source->uses_cidr_sets = names_cidr_set(parsed);
	source->says_nothing = parsed->says_nothing;
	source->empty_list = origin_in(source, parsed->empty_list);
	source->list = origin_in(source, parsed->list);
	for (size_t i = 0; i < parsed->sets.n; i++)
		VEC_PUSH(source->arena, &source->sets,
			cidr_set_copy(source->arena, parsed->sets.at[i], source->file));
}

/* Run by arena_try: a failed allocation ends it, and frees scratch with the result in it. */
static void parse(void *context)
{
	Parsing *p = context;

	p->source = source_new(arena_child(p->scratch), p->file);
	if (p->kind == SOURCE_POLICIES)
		parse_policies(p);
	else
		parse_whole(p, p->source);
}

int source_parse(SourceKind kind, const char *file, const char *text, size_t n, Arena *scratch,
	Source **ret_source)
{
	ARENA_CLEANUP Arena *own = scratch ? NULL : arena_new();
	size_t bom = text_bom_size(text, n);
	Parsing p = {.scratch = scratch ? scratch : own,
		.kind = kind,
		.file = file,
		.text = text + bom,
		.n = n - bom};
	int r;

	assert(text[n] == '\0');
	r = arena_try(p.scratch, parse, &p);
	if (r == 0) {
		arena_detach(p.source->arena);
		*ret_source = p.source;
	}
	arena_clear(p.scratch);
	return r;
}

Source *source_make_failed(const char *file, const char *why)
{
	Source *source = source_new(arena_new(), file);

	DIAG_ERROR(&source->diags, ((Origin){.file = source->file}), "unreadable", NULL, "%s", why);
	return source;
}
