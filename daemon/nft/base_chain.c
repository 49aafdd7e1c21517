/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base chains as nft text, and what listed text tells. See base_chain.h. */
#include "base_chain.h"
#include "render.h"
#include <assert.h>
#include <string.h>

const char *const BASE_CHAIN_NAME[BASE_CHAIN_N] = {"forward", "input", "output"};

bool base_chain_is_used(const BaseOptions *base, BaseChain chain)
{
	return chain != BASE_OUTPUT || !table_is_bridge(base->kind);
}

/*
 * IPVS takes a packet to a Service's address, which is an address of the node, from `input` at
 * priority 99, and sends it on, translated, through `output`. A chain behind that sees only what
 * stays on the node, so that a Service's address needs no exception.
 */
static const char *priority_of(const BaseOptions *base, BaseChain chain)
{
	return chain == BASE_INPUT && !table_is_bridge(base->kind) ? "150" : "filter";
}

/* ---- The lookups ---- */
static const char *lookup_rule(Arena *arena, Direction direction, Family family, bool is_standby)
{
	return arena_printf(arena, "\t\t%s %s vmap @%s\n", render_family_keyword(family),
		direction == EGRESS ? "saddr" : "daddr",
		object_name_map(direction, family, is_standby));
}

bool base_chain_has_lookup(Arena *scratch, const char *block, Direction direction, Family family)
{
	return strstr(block, lookup_rule(scratch, direction, family, false)) != NULL;
}

/*
 * Egress before ingress: see render_chain. An empty map is not looked up, because a lookup costs
 * about one per cent of the time that the first packet of a flow takes. At `input` the destination
 * is the node, which no policy isolates, so there is no ingress lookup.
 */
static void render_lookups(
	Buf *buf, const BaseOptions *base, Family family, BaseChain chain, bool is_standby)
{
	if (!base->is_empty[EGRESS][family])
		buf_add(buf, lookup_rule(buf->arena, EGRESS, family, is_standby));
	if (chain != BASE_INPUT && !base->is_empty[INGRESS][family])
		buf_add(buf, lookup_rule(buf->arena, INGRESS, family, is_standby));
}

/* ---- Packets on a link without a pod's address ---- */
/*
 * Pods of one bridge can exchange packets that no verdict map matches, and that are never routed:
 * from and to IPv6 link-local addresses, which no inventory lists, and broadcast and multicast. If
 * any pod of this node is isolated, such packets are dropped if both ports are pods'. A pod's port
 * is recognised by its interface kind, "veth"; virtual machines and network cards have others.
 * Other containers' ports (LXC's, those of a second network) are in the set podless and left alone.
 * Who sends counts for egress, and who receives for ingress: if a pod's new port comes to a bridge
 * whose other ports are all left alone, the rules hold for it at once.
 */
#define LINK_LOCAL "fe80::/10"

static const char *const LINK_LOCAL_MATCH[DIRECTION_N] = {
	[INGRESS] = "ip6 daddr " LINK_LOCAL " ", [EGRESS] = "ip6 saddr " LINK_LOCAL " "};

bool base_chain_has_link_rule(const char *block, Direction direction)
{
	return strstr(block, LINK_LOCAL_MATCH[direction]) != NULL;
}

/* From a pod, to a pod: for the rules of the direction. */
static const char *render_pod_port(Arena *arena, Direction direction, bool is_standby)
{
	return arena_printf(arena, "%sname != @%s", direction == EGRESS ? "iif" : "oif",
		object_name_podless(is_standby));
}

static void render_link(Buf *buf, const BaseOptions *base, bool is_standby)
{
	static const char between_pods[] = "meta iifkind \"veth\" meta oifkind \"veth\"";
	const char *from = render_pod_port(buf->arena, EGRESS, is_standby);
	const char *to = render_pod_port(buf->arena, INGRESS, is_standby);

	if (base->is_isolating[EGRESS])
		buf_printf(buf, "\t\t%s%s %s goto %s\n", LINK_LOCAL_MATCH[EGRESS], between_pods,
			from, REFUSAL_CHAIN_NAME[LINK_OUT]);
	if (!base->is_isolating[INGRESS])
		return;
	buf_printf(buf, "\t\t%s%s %s goto %s\n", LINK_LOCAL_MATCH[INGRESS], between_pods, to,
		REFUSAL_CHAIN_NAME[LINK_IN]);
	buf_printf(buf,
		"\t\tmeta pkttype { broadcast, multicast } meta protocol { ip, ip6 } %s %s goto "
		"%s\n",
		between_pods, to, REFUSAL_CHAIN_NAME[LINK_IN]);
}

/*
 * The same for packets from a pod to its node. These rules come before the one that accepts
 * established flows. If a policy begins to isolate a pod, the scan for stale flows cannot find its
 * link-local flows, since no map has their addresses: so each of their packets is evaluated. In
 * tables that track connections, replies to flows that the node opened are accepted.
 */
static void render_link_to_node(Buf *buf, const BaseOptions *base, bool is_standby)
{
	static const char from_pod[] = "meta iifkind \"veth\"";

	if (!base->is_isolating[EGRESS])
		return;
	if (base->kind != TABLE_TAGGED)
		buf_printf(buf, "\t\t%s%s ct direction reply accept\n", LINK_LOCAL_MATCH[EGRESS],
			from_pod);
	buf_printf(buf, "\t\t%s%s %s goto %s\n", LINK_LOCAL_MATCH[EGRESS], from_pod,
		render_pod_port(buf->arena, EGRESS, is_standby), REFUSAL_CHAIN_NAME[LINK_OUT]);
}

/* ---- Routed packets: TABLE_INET ---- */
#define ESTABLISHED "\t\tct state established "

/*
 * A SYN without ACK begins a connection, whatever conntrack calls it, and is always evaluated. A
 * SYN "from" B to A, forged or sent by B's pod, makes conntrack take the SYN of A to B for the
 * other half of a simultaneous open, and so for established: A's policy would not be asked. Two
 * rules, since one cannot say "no TCP, or TCP but no SYN", in the form in which nft lists them.
 */
static const char *const NO_SYN[] = {"meta l4proto != tcp ", "tcp flags != syn / syn,ack "};

/*
 * Accepts established flows. On bridges all but those of link-local addresses: each packet of these
 * is evaluated, for the reason given at render_link_to_node.
 */
static void render_established(Buf *buf, const BaseOptions *base)
{
	bool is_in = base->is_isolating[INGRESS], is_out = base->is_isolating[EGRESS];
	bool is_link_local_apart = base->kind == TABLE_BRIDGE && (is_in || is_out);

	for (size_t i = 0; i < ARRAY_SIZE(NO_SYN); i++) {
		if (!is_link_local_apart) {
			buf_printf(buf, ESTABLISHED "%saccept\n", NO_SYN[i]);
			continue;
		}
		buf_printf(buf, ESTABLISHED "meta protocol ip %saccept\n", NO_SYN[i]);
		buf_printf(buf, ESTABLISHED "%s%s%saccept\n",
			is_out ? "ip6 saddr != " LINK_LOCAL " " : "",
			is_in ? "ip6 daddr != " LINK_LOCAL " " : "", NO_SYN[i]);
	}
}

/*
 * Accepts ICMP errors about tracked flows. RELATED says more: it also holds for what a conntrack
 * helper (FTP, TFTP, SIP) expects, and that is evaluated like every new flow. conntrack takes an
 * ICMP packet for related only if it is an error about a tracked flow: no helper expects ICMP.
 */
static void render_errors(Buf *buf)
{
	buf_add(buf, "\t\tct state related meta l4proto { icmp, ipv6-icmp } accept\n");
}

/*
 * The reset by which a rule refuses a TCP packet goes through `output`, and through `input` if the
 * node's own process is refused. Its source is the address that the packet was for. conntrack calls
 * it related, and no other packet is both that and a reset.
 */
static void render_resets(Buf *buf)
{
	buf_add(buf, "\t\tct state related tcp flags rst accept\n");
}

static bool has_lookup(const BaseOptions *base)
{
	bool is_empty = true;

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			is_empty &= base->is_empty[d][f];
	return !is_empty;
}

static void render_midstream_jump(Buf *buf, const BaseOptions *base)
{
	bool is_isolating = base->is_isolating[INGRESS] || base->is_isolating[EGRESS];

	if (!base->is_transit && is_isolating)
		buf_printf(buf, "\t\t" MATCH_MIDSTREAM "jump %s\n", REFUSAL_CHAIN_NAME[MIDSTREAM]);
}

static void render_routed(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	if (chain == BASE_INPUT)
		render_link_to_node(buf, base, is_standby);
	render_established(buf, base);
	render_errors(buf);
	if (chain != BASE_FORWARD)
		render_resets(buf);
	render_midstream_jump(buf, base);
	/* `output` is for what IPVS has translated, with the client's address */
	if (chain == BASE_OUTPUT)
		buf_add(buf, "\t\tfib saddr type local accept\n"); /* the node's own processes */
}

/* ---- Frames on bridges: TABLE_BRIDGE, TABLE_TAGGED ---- */
/*
 * Accepts the frames that the inet table evaluates: br_netfilter passes untagged unicast IP frames
 * between two ports (pkttype "other") to the routed hooks. Nearly all frames are such, so this
 * comes first in TABLE_TAGGED and has to be cheap. `ether type` is most of the cost: it is needed
 * to tell tagged frames, and left out (`meta protocol` ignores tags) if no map would be looked up
 * for them.
 *
 * IPv6 frames of link-local addresses are not accepted here. The first ten bits of the source
 * address, 64 bits into the header, and of the destination address, 192 bits into it, tell these.
 * They are compared as raw payload because nft would list a rule with `ip6 saddr` without its
 * `ether type`; and as 32 bits because the kernel has a fast path for a mask of one register.
 */
static void render_br_netfilter_accept(Buf *buf, const BaseOptions *base)
{
	bool is_tag_looked_at = has_lookup(base);
	const char *type = is_tag_looked_at ? "ether type" : "meta protocol";

	buf_printf(buf, "\t\t%s ip meta pkttype other accept\n", type);
	buf_printf(buf, "\t\t%s ip6 meta pkttype other %s%saccept\n", type,
		base->is_isolating[EGRESS] ? "@nh,64,32 & 0xffc00000 != 0xfe800000 " : "",
		base->is_isolating[INGRESS] ? "@nh,192,32 & 0xffc00000 != 0xfe800000 " : "");
}

/*
 * The kernel removes the outer VLAN tag from a frame and keeps it in the packet's metadata: `ether
 * type` matches that tag, `meta protocol` the type that follows it. Frames with two tags are
 * dropped: behind the second tag our lookups do not find the addresses, and a pod receives even a
 * frame with two tags of VLAN 0.
 */
static void render_bridged(Buf *buf, const BaseOptions *base, bool is_standby)
{
	if (base->kind == TABLE_TAGGED)
		render_br_netfilter_accept(buf, base);
	buf_add(buf, "\t\tmeta protocol { 8021q, 8021ad } drop\n");
	if (base->kind == TABLE_BRIDGE)
		render_established(buf, base);
	render_link(buf, base, is_standby);
	if (base->kind == TABLE_BRIDGE)
		render_errors(buf); /* after the link rules: not those of link-local addresses */
	if (base->kind == TABLE_BRIDGE)
		render_midstream_jump(buf, base);
	if (base->kind == TABLE_TAGGED)
		buf_add(buf, "\t\tether type != { 8021q, 8021ad } accept\n");
}

/* ---- Whole chains ---- */
void base_chain_render_rules(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	assert(base_chain_is_used(base, chain));
	/* packets with a pod's address are evaluated by `input` of the inet table */
	if (table_is_bridge(base->kind) && chain == BASE_INPUT) {
		render_link_to_node(buf, base, is_standby);
		return;
	}
	if (table_is_bridge(base->kind))
		render_bridged(buf, base, is_standby);
	else
		render_routed(buf, base, chain, is_standby);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		render_lookups(buf, base, f, chain, is_standby);
}

const char *base_chain_declaration(Arena *arena, const BaseOptions *base, BaseChain chain)
{
	return arena_printf(arena, "type filter hook %s priority %s; policy accept;",
		BASE_CHAIN_NAME[chain], priority_of(base, chain));
}

void base_chain_render(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	buf_printf(buf, "\tchain %s {\n\t\t%s\n", BASE_CHAIN_NAME[chain],
		base_chain_declaration(buf->arena, base, chain));
	base_chain_render_rules(buf, base, chain, is_standby);
	buf_add(buf, "\t}\n");
}
