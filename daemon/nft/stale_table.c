/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of stale flows as nft text. See stale_table.h. */
#include "stale_table.h"
#include "render.h"
#include <string.h>

const char *const STALE_SET_NAME[FAMILY_N] = {"tcp_pods4", "tcp_pods6"};

/* Renamed whenever the rules change: an older netpold may have left its table. */
#define MARKED_CHAIN_NAME "refuse_stale"
#define MARKED_CHAIN "\tchain " MARKED_CHAIN_NAME " {\n"

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
 * SCTP and TCP say when they open something, UDP and others do not: what the other end sends there
 * may be an answer, and is refused until the flow has ended. A reset would end a marked TCP flow in
 * conntrack after seconds, but tell one of its ends only.
 */
static void render_refusals(Buf *buf, bool is_drop)
{
	buf_add(buf, MARKED_CHAIN);
	buf_printf(buf,
		"\t\tct mark 0x%x ct direction reply sctp chunk init exists ct mark set 0x%x "
		"accept\n"
		"\t\tct mark 0x%x ct direction reply tcp flags syn / fin,syn,rst,ack ct mark set "
		"0x%x accept\n"
		"\t\tmeta l4proto tcp drop\n",
		STALE_MARK_ONE_WAY, STALE_MARK_REOPENED, STALE_MARK_ONE_WAY, STALE_MARK_REOPENED);
	buf_printf(buf, "\t\t%s\n\t}\n", is_drop ? "drop" : "reject with icmpx port-unreachable");
	buf_add(buf, "\tchain refuse_tcp {\n");
	if (is_drop)
		buf_add(buf, "\t\tdrop\n");
	else
		render_reset(buf);
	buf_add(buf, "\t}\n");
}

/*
 * Errors about a marked flow pass, our own among them. For TCP only packets are refused that would
 * open a flow again, not those that conntrack calls invalid: they may belong to a flow that is
 * allowed. A SYN without ACK, with ECN's bits or without, begins a connection, and the enforcing
 * table evaluates it; so it does with what comes from a client, by its ports.
 */
static void render_hook(Buf *buf, const char *hook)
{
	buf_printf(buf,
		"\tchain %s {\n\t\ttype filter hook %s priority filter - 5; policy accept;\n"
		"\t\tct state related accept\n"
		"\t\tct mark & 0x%x == 0x%x ct mark != 0x%x goto " MARKED_CHAIN_NAME "\n"
		"\t\tct state != new accept\n"
		"\t\tmeta l4proto != tcp accept\n"
		"\t\ttcp flags syn / fin,syn,rst,ack accept\n"
		"\t\t" MATCH_CLIENT_PORTS "accept\n",
		hook, hook, STALE_MARK_MASK, STALE_MARK, STALE_MARK_REOPENED);
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
