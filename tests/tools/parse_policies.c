/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module parse makes of many policy files, in one process. On standard input, for each
 * file: a line "NAME SIZE", then SIZE bytes of content. On standard output, for each file, one line
 * of JSON:
 *
 *     {"name": NAME, "diags": [[SEVERITY, CODE, TEXT]...], "policies": [TEXT...]}
 *
 * A policy's text has its meaning, not its form: files that mean the same have the same texts.
 */
#include "parse.h"
#include <stdio.h>

#define NAME_SIZE 256

static void add_selector(Buf *buf, const Selector *selector)
{
	if (selector)
		buf_printf(buf, "[%s]", selector_text(buf->arena, selector));
	else
		buf_add(buf, "-");
}

static void add_peer(Buf *buf, const Peer *peer)
{
	char text[RANGE_TEXT_SIZE];

	if (peer->kind == PEER_SET) {
		buf_printf(buf, " set=%s", peer->set);
	} else if (peer->kind == PEER_BLOCK) {
		buf_printf(buf, " block=%s", range_text(peer->block->range, text));
		for (size_t i = 0; i < peer->block->except.n; i++)
			buf_printf(buf, " except=%s", range_text(peer->block->except.at[i], text));
	} else {
		buf_add(buf, " namespaces=");
		add_selector(buf, peer->namespaces);
		buf_add(buf, " pods=");
		add_selector(buf, peer->pods);
	}
}

static void add_port(Buf *buf, const Port *port)
{
	buf_printf(buf, " %s/", protocol_text(port->protocol));
	if (port->kind == PORT_NAME)
		buf_printf(buf, "name=%s", port->name);
	else if (port->kind == PORT_RANGE)
		buf_printf(buf, "%u-%u", port->first, port->last);
	else
		buf_add(buf, "all");
}

static void add_rule(Buf *buf, Direction direction, const Rule *rule)
{
	buf_printf(buf, "\n%s:%s", direction_text(direction), rule->is_any_peer ? " any peer" : "");
	for (size_t i = 0; i < rule->peers.n; i++)
		add_peer(buf, &rule->peers.at[i]);
	buf_printf(buf, "%s", rule->is_any_port ? " any port" : "");
	for (size_t i = 0; i < rule->ports.n; i++)
		add_port(buf, &rule->ports.at[i]);
}

static const char *policy_text(Arena *arena, const Policy *policy)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "%s/%s pods=", policy->namespace, policy->name);
	add_selector(&buf, &policy->pods);
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		buf_printf(&buf, "%s%s", policy->isolates[d] ? " isolates " : "",
			policy->isolates[d] ? direction_text(d) : "");
		for (size_t i = 0; i < policy->rules[d].n; i++)
			add_rule(&buf, d, &policy->rules[d].at[i]);
	}
	return buf_text(&buf);
}

static void add_diag(Buf *buf, const Diag *diag)
{
	buf_add(buf, "[");
	text_add_json(buf, severity_text(diag->severity));
	buf_add(buf, ", ");
	text_add_json(buf, diag->code);
	buf_add(buf, ", ");
	text_add_json(buf, diag_line(buf->arena, diag));
	buf_add(buf, "]");
}

static void print_source(Arena *arena, const char *name, const Source *source)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, "{\"name\": ");
	text_add_json(&buf, name);
	buf_add(&buf, ", \"diags\": [");
	for (size_t i = 0; i < source->diags.list.n; i++) {
		buf_add(&buf, i ? ", " : "");
		add_diag(&buf, &source->diags.list.at[i]);
	}
	buf_add(&buf, "], \"policies\": [");
	for (size_t i = 0; i < source->policies.n; i++) {
		buf_add(&buf, i ? ", " : "");
		text_add_json(&buf, policy_text(arena, source->policies.at[i]));
	}
	buf_add(&buf, "]}");
	puts(buf_text(&buf));
}

/* False at the end of the input, or if it is not as above. */
static bool read_file(Arena *arena, char *name, char **ret_text, size_t *ret_n)
{
	if (scanf("%255s %zu", name, ret_n) != 2 || *ret_n > PARSE_POLICY_BYTES_MAX ||
		getchar() != '\n')
		return false;
	*ret_text = arena_alloc(arena, *ret_n + 1);
	(*ret_text)[*ret_n] = '\0';
	return fread(*ret_text, 1, *ret_n, stdin) == *ret_n;
}

int main(void)
{
	ARENA_CLEANUP Arena *arena = arena_new(), *scratch = arena_new();
	char name[NAME_SIZE], *text;
	size_t n;

	while (read_file(arena, name, &text, &n)) {
		Source *source;

		if (source_parse(SOURCE_POLICIES, name, text, n, scratch, &source) != 0)
			return 1;
		print_source(arena, name, source);
		source_free(source);
		arena_clear(arena);
	}
	return feof(stdin) ? 0 : 1;
}
