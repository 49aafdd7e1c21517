/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of stale flows as nft text. See stale_table.h. */
#include "stale_table.h"
#include "render.h"
#include <string.h>

const char *const STALE_SET_NAME[FAMILY_N] = {"tcp_pods4", "tcp_pods6"};

#define MARKED_CHAIN "\tchain refuse_marked {\n"

BaseOptions stale_table_base(Arena *arena, const BaseOptions *enforcing)
{
	return (BaseOptions){.table = object_name_table(arena, enforcing->table, TABLE_STALE_FLOWS),
		.kind = enforcing->kind};
}

bool stale_table_is_current(const char *listed)
{
	return strstr(listed, MARKED_CHAIN) != NULL;
}

/* Elements expire after a day: by then keepalives have told both ends. */
static void render_pod_set(Buf *buf, Family family)
{
	buf_printf(buf, "\tset %s {\n\t\ttype %s\n\t\ttimeout 1d\n\t}\n", STALE_SET_NAME[family],
		family == FAMILY_IPV4 ? "ipv4_addr" : "ipv6_addr");
}

/*
 * The reset of a packet that br_netfilter has passed up goes out by the bridge, without
 * translation. So the destination of a client's packet to a Service is put back first: the reset
 * has to come from there. For other packets connection tracking would do the same later.
 */
static void render_reset(Buf *buf)
{
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const char *ip = render_family_keyword(f);

		buf_printf(buf,
			"\t\tct status dnat ct direction original %s daddr set ct original %s "
			"daddr tcp dport set ct original proto-dst\n",
			ip, ip);
	}
	buf_add(buf, "\t\treject with tcp reset\n");
}

/*
 * SCTP says when it opens an association, UDP and others do not: what the other end sends there may
 * be an answer, and is refused until the flow has ended.
 */
static void render_refusals(Buf *buf, bool is_drop)
{
	buf_add(buf, MARKED_CHAIN);
	buf_printf(buf,
		"\t\tct mark 0x%x ct direction reply sctp chunk init exists ct mark set 0 accept\n",
		STALE_MARK_ONE_WAY);
	buf_printf(buf, "\t\t%s\n\t}\n", is_drop ? "drop" : "reject with icmpx port-unreachable");
	buf_add(buf, "\tchain refuse_tcp {\n");
	if (is_drop)
		buf_add(buf, "\t\tdrop\n");
	else
		render_reset(buf);
	buf_add(buf, "\t}\n");
}

/*
 * Errors about a marked flow pass, our own among them. A SYN without ACK begins a connection, with
 * ECN's bits or without, and the enforcing table evaluates it; a reset ends one.
 */
static void render_hook(Buf *buf, const char *hook)
{
	buf_printf(buf,
		"\tchain %s {\n\t\ttype filter hook %s priority filter - 5; policy accept;\n"
		"\t\tct state related accept\n"
		"\t\tct mark & 0x%x == 0x%x goto refuse_marked\n"
		"\t\tct state established accept\n"
		"\t\tmeta l4proto != tcp accept\n"
		"\t\ttcp flags syn / fin,syn,rst,ack accept\n"
		"\t\ttcp flags rst accept\n",
		hook, hook, STALE_MARK_MASK, STALE_MARK);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const char *ip = render_family_keyword(f);

		buf_printf(buf, "\t\t%s saddr @%s goto refuse_tcp\n", ip, STALE_SET_NAME[f]);
		buf_printf(buf, "\t\t%s daddr @%s goto refuse_tcp\n", ip, STALE_SET_NAME[f]);
	}
	buf_add(buf, "\t}\n");
}

/*
 * At a bridge's forward hook the kernel allows no reject, so packets are dropped. The output hook
 * is needed for flows that a pod opened to its node, where the node may send the next packet; and
 * for what IPVS has translated.
 */
const char *stale_table_render(Arena *arena, const BaseOptions *base, bool is_drop)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", render_table_name(arena, base));
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		render_pod_set(&buf, f);
	render_refusals(&buf, is_drop || table_is_bridge(base->kind));
	render_hook(&buf, "forward");
	if (!table_is_bridge(base->kind)) {
		render_hook(&buf, "input");
		render_hook(&buf, "output");
	}
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}
