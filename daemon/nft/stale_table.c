/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of stale flows as nft text. See stale_table.h. */
#include "stale_table.h"
#include "render.h"

const StaleSet STALE_SET[STALE_SETS_N] = {{"tcp4", FAMILY_IPV4, PROTOCOL_TCP},
	{"tcp6", FAMILY_IPV6, PROTOCOL_TCP}, {"udp4", FAMILY_IPV4, PROTOCOL_UDP},
	{"udp6", FAMILY_IPV6, PROTOCOL_UDP}};

BaseOptions stale_table_base(Arena *arena, const BaseOptions *enforcing)
{
	return (BaseOptions){.table = object_name_table(arena, enforcing->table, TABLE_STALE_FLOWS),
		.kind = enforcing->kind};
}

/* Elements expire after a time in which both ends give up: TCP a day, UDP three minutes. */
static void render_stale_set(Buf *buf, const StaleSet *set)
{
	const char *address = set->family == FAMILY_IPV4 ? "ipv4_addr" : "ipv6_addr";

	buf_printf(buf, "\tset %s {\n\t\ttype %s . inet_service . %s . inet_service\n", set->name,
		address, address);
	buf_printf(buf, "\t\ttimeout %s\n\t}\n", set->protocol == PROTOCOL_TCP ? "1d" : "3m");
}

/*
 * Two rules, one for each direction of a flow. A TCP packet with SYN alone is not refused: it opens
 * a new connection with the same ports, and the enforcing table evaluates it.
 */
static void render_stale_rules(Buf *buf, const StaleSet *set, bool is_drop)
{
	bool is_tcp = set->protocol == PROTOCOL_TCP;
	const char *ip = render_family_keyword(set->family), *l4 = is_tcp ? "tcp" : "udp";
	const char *verdict = is_drop  ? "drop"
			      : is_tcp ? "reject with tcp reset"
				       : "reject with icmpx port-unreachable";

	for (int is_reply = 0; is_reply < 2; is_reply++) {
		const char *source = is_reply ? "daddr" : "saddr",
			   *destination = is_reply ? "saddr" : "daddr";

		buf_printf(buf, "\t\t%s%s %s . %s %s . %s %s . %s %s @%s %s\n",
			is_tcp ? "tcp flags != syn " : "", ip, source, l4,
			is_reply ? "dport" : "sport", ip, destination, l4,
			is_reply ? "sport" : "dport", set->name, verdict);
	}
}

/* Its priority puts the chain before that of the enforcing table, which is `filter`. */
static void render_hook(Buf *buf, const char *hook, bool is_drop)
{
	buf_printf(buf,
		"\tchain %s {\n\t\ttype filter hook %s priority filter - 5; policy accept;\n"
		"\t\tct state established accept\n",
		hook, hook);
	for (size_t i = 0; i < STALE_SETS_N; i++)
		render_stale_rules(buf, &STALE_SET[i], is_drop);
	buf_add(buf, "\t}\n");
}

/*
 * At a bridge's forward hook the kernel allows no reject, so packets are dropped. The output hook
 * is needed for connections that a pod opened to its node: the node may send the next packet.
 */
const char *stale_table_render(Arena *arena, const BaseOptions *base, bool is_drop)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", render_table_name(arena, base));
	for (size_t i = 0; i < STALE_SETS_N; i++)
		render_stale_set(&buf, &STALE_SET[i]);
	render_hook(&buf, "forward", is_drop || table_is_bridge(base->kind));
	if (!table_is_bridge(base->kind)) {
		render_hook(&buf, "input", is_drop);
		render_hook(&buf, "output", is_drop);
	}
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}
