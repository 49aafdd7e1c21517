/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting and logging refused packets. See denial_rules.h. */
#include "denial_rules.h"
#include "nft.h"
#include "render.h"
#include <string.h>

#define LIMIT_NAME "logged"
#define LOG_KEYWORD " log "
#define COUNTED_MAX 65536
/*
 * The limit of the table lets 100 elements a second be added, each for a minute: 6,000, and a burst
 * of 200. So the sets never fill up unless somebody else adds elements.
 */
#define SEEN_MAX 65536
/* IPv6 extension headers, which the sender chooses, may stand before the ports, and fill a packet.
 */
#define SNAPSHOT_BYTES 1500

typedef struct Names {
	const char *counted[FAMILY_N], *seen[FAMILY_N], *seen_other[FAMILY_N];
	const char *words; /* "refused by ingress" */
} Names;

static const Names NAMES[DENIAL_KIND_N] = {
	[DENIED_INGRESS] = {{"denied_in4", "denied_in6"}, {"seen_in4", "seen_in6"},
		{"seen_in4_other", "seen_in6_other"}, "refused by ingress"},
	[DENIED_EGRESS] = {{"denied_out4", "denied_out6"}, {"seen_out4", "seen_out6"},
		{"seen_out4_other", "seen_out6_other"}, "refused by egress"},
	[WOULD_DENY_INGRESS] = {{"would_in4", "would_in6"}, {"seen_would_in4", "seen_would_in6"},
		{"seen_would_in4_other", "seen_would_in6_other"}, "not allowed by audited ingress"},
	[WOULD_DENY_EGRESS] = {{"would_out4", "would_out6"}, {"seen_would_out4", "seen_would_out6"},
		{"seen_would_out4_other", "seen_would_out6_other"},
		"not allowed by audited egress"},
};

const char *const DENIAL_PREFIX[DENIED_FORGED + 1] = {
	[DENIED_INGRESS] = "in",
	[DENIED_EGRESS] = "out",
	[WOULD_DENY_INGRESS] = "audit in",
	[WOULD_DENY_EGRESS] = "audit out",
	[DENIED_FORGED] = "forged",
};

const char *denial_set_name(DenialKind kind, Family family)
{
	return NAMES[kind].counted[family];
}

static void add(
	Arena *arena, DenialObjects *objects, const char *keyword, const char *name, Buf *buf)
{
	VEC_PUSH(arena, objects, (DenialObject){keyword, name, buf_text(buf)});
}

/* ---- What the tables of the sender check use as well ---- */
void denial_render_limit(Buf *buf)
{
	buf_add(buf, "\tlimit " LIMIT_NAME " {\n\t\trate 100/second burst 200 packets\n\t}\n");
}

void denial_render_seen(Buf *buf, const char *name, const char *type, const char *comment)
{
	buf_printf(buf,
		"\tset %s {\n\t\ttype %s\n\t\tsize %d\n\t\tflags dynamic,timeout\n"
		"\t\ttimeout 1m\n\t\tcomment \"%s\"\n\t}\n",
		name, type, SEEN_MAX, comment);
}

void denial_render_log(Buf *buf, const char *match, const char *set, const char *key,
	DenialKind kind, uint16_t group)
{
	buf_printf(buf,
		"\t\t%s%s != @%s limit name \"" LIMIT_NAME "\" add @%s { %s }" LOG_KEYWORD
		"prefix \"%s\" group %u snaplen %d\n",
		match, key, set, set, key, DENIAL_PREFIX[kind], group, SNAPSHOT_BYTES);
}

/* ---- Sets ---- */
static void add_counted(Arena *arena, DenialObjects *objects, DenialKind kind, Family family)
{
	const char *name = NAMES[kind].counted[family];
	Buf buf = {.arena = arena};

	buf_printf(&buf,
		"\tset %s {\n\t\ttype %s\n\t\tsize %d\n\t\tflags dynamic\n\t\tcounter\n"
		"\t\tcomment \"%s, for each pod\"\n\t}\n",
		name, render_address_type(family), COUNTED_MAX, NAMES[kind].words);
	add(arena, objects, "set", name, &buf);
}

static void add_seen(
	Arena *arena, DenialObjects *objects, DenialKind kind, Family family, bool has_ports)
{
	const char *name = (has_ports ? NAMES[kind].seen : NAMES[kind].seen_other)[family];
	const char *address = render_address_type(family);
	const char *type = arena_printf(arena, "%s . %s . inet_proto%s", address, address,
		has_ports ? " . inet_service" : "");
	Buf buf = {.arena = arena};

	denial_render_seen(
		&buf, name, type, arena_printf(arena, "%s and logged", NAMES[kind].words));
	add(arena, objects, "set", name, &buf);
}

static void add_limit(Arena *arena, DenialObjects *objects)
{
	Buf buf = {.arena = arena};

	denial_render_limit(&buf);
	add(arena, objects, "limit", LIMIT_NAME, &buf);
}

/* ---- Chains ---- */
static void render_count(Buf *buf, DenialKind kind, Family family)
{
	buf_printf(buf, "\t\tupdate @%s { %s %s }\n", NAMES[kind].counted[family],
		render_family_keyword(family),
		denial_direction(kind) == INGRESS ? "daddr" : "saddr");
}

/* "th dport" would read other protocols' bytes: a checksum of ICMP. */
static void render_log(
	Buf *buf, const BaseOptions *base, DenialKind kind, Family family, bool has_ports)
{
	const char *set = (has_ports ? NAMES[kind].seen : NAMES[kind].seen_other)[family];
	const char *ip = render_family_keyword(family);
	const char *key = arena_printf(buf->arena, "%s saddr . %s daddr . meta l4proto%s", ip, ip,
		has_ports ? " . th dport" : "");

	denial_render_log(buf,
		arena_printf(
			buf->arena, "meta l4proto %s{ tcp, udp, sctp } ", has_ports ? "" : "!= "),
		set, key, kind, base->log_group);
}

static void add_chain(
	Arena *arena, const BaseOptions *base, DenialObjects *objects, DenialKind kind)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "\tchain %s {\n", COUNT_CHAIN_NAME[kind]);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		render_count(&buf, kind, f);
	for (Family f = FAMILY_IPV4; base->log_group && f < FAMILY_N; f++) {
		render_log(&buf, base, kind, f, true);
		render_log(&buf, base, kind, f, false);
	}
	buf_add(&buf, "\t}\n");
	add(arena, objects, "chain", COUNT_CHAIN_NAME[kind], &buf);
}

int denial_kinds(const BaseOptions *base)
{
	return base->is_fallback ? WOULD_DENY_INGRESS : DENIAL_KIND_N;
}

void denial_objects(Arena *arena, const BaseOptions *base, DenialObjects *ret_objects)
{
	int n_kinds = denial_kinds(base);
	DenialObjects objects = {};

	if (base->log_group)
		add_limit(arena, &objects);
	for (int kind = 0; kind < n_kinds; kind++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			add_counted(arena, &objects, (DenialKind)kind, f);
			if (!base->log_group)
				continue;
			add_seen(arena, &objects, (DenialKind)kind, f, true);
			add_seen(arena, &objects, (DenialKind)kind, f, false);
		}
	for (int kind = 0; kind < n_kinds; kind++)
		add_chain(arena, base, &objects, (DenialKind)kind);
	*ret_objects = objects;
}

void denial_render(Buf *buf, const BaseOptions *base)
{
	DenialObjects objects;

	denial_objects(buf->arena, base, &objects);
	for (size_t i = 0; i < objects.n; i++)
		buf_add(buf, objects.at[i].text);
}

/* A rule that logs ends with the log statement; a comment with these words is quoted. */
static bool is_log_rule(const char *line, size_t n)
{
	const char *at = memmem(line, n, LOG_KEYWORD "prefix \"", strlen(LOG_KEYWORD "prefix \""));

	return at && !memmem(line, n, "comment", strlen("comment"));
}

const char *nft_text_without_log(Arena *arena, const char *text)
{
	Buf buf = {.arena = arena};

	while (*text) {
		size_t n = strcspn(text, "\n");

		n += text[n] == '\n';
		if (!is_log_rule(text, n))
			buf_add_n(&buf, text, n);
		text += n;
	}
	return buf_text(&buf);
}
