/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base chains as nft text, and back. See base_chain.h. */
#include "base_chain.h"
#include "render.h"
#include <assert.h>
#include <string.h>

const char *const BASE_CHAIN_NAME[BASE_CHAIN_N] = {"forward", "input", "output"};

bool base_chain_is_used(const BaseOptions *base, BaseChain chain)
{
	if (table_is_bridge(base->kind))
		return chain != BASE_OUTPUT;
	return chain != BASE_OUTPUT || base->services.n > 0;
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
 * Egress before ingress: see render_chain. An empty map is not looked up, since a lookup costs the
 * first packet of a flow about one per cent. At `input` the destination is the node: no ingress.
 */
static void render_lookups(
	Buf *buf, const BaseOptions *base, Family family, BaseChain chain, bool is_standby)
{
	if (!base->is_empty[EGRESS][family])
		buf_add(buf, lookup_rule(buf->arena, EGRESS, family, is_standby));
	if (chain != BASE_INPUT && !base->is_empty[INGRESS][family])
		buf_add(buf, lookup_rule(buf->arena, INGRESS, family, is_standby));
}

/* ---- The link: packets that carry no pod's address ---- */
/*
 * Between pods of one bridge there are packets that no map can match, and that are never routed:
 * from and to IPv6 link-local addresses, which no inventory lists, and broadcast and multicast. If
 * any pod of this node is isolated they are refused, from pod to pod. A pod's end of the link is an
 * interface of kind "veth"; those of virtual machines and network cards are of other kinds.
 */
#define LINK_LOCAL "fe80::/10"

static const char *const LINK_LOCAL_MATCH[DIRECTION_N] = {
	[INGRESS] = "ip6 daddr " LINK_LOCAL " ", [EGRESS] = "ip6 saddr " LINK_LOCAL " "};

bool base_chain_has_link_rule(const char *block, Direction direction)
{
	return strstr(block, LINK_LOCAL_MATCH[direction]) != NULL;
}

static void render_link(Buf *buf, const BaseOptions *base)
{
	static const char between_pods[] = "meta iifkind \"veth\" meta oifkind \"veth\"";

	if (base->is_isolating[EGRESS])
		buf_printf(buf, "\t\t%s%s goto %s\n", LINK_LOCAL_MATCH[EGRESS], between_pods,
			REFUSAL_CHAIN_NAME[DROP_OUT]);
	if (!base->is_isolating[INGRESS])
		return;
	buf_printf(buf, "\t\t%s%s goto %s\n", LINK_LOCAL_MATCH[INGRESS], between_pods,
		REFUSAL_CHAIN_NAME[DROP_IN]);
	buf_printf(buf,
		"\t\tmeta pkttype { broadcast, multicast } meta protocol { ip, ip6 } %s goto %s\n",
		between_pods, REFUSAL_CHAIN_NAME[DROP_IN]);
}

/*
 * The same from a pod to its node. It comes before the rule that accepts established flows: no map
 * can tell which of these flows a change forbids, so each packet is evaluated. Replies to what the
 * node began are accepted, in tables that track connections.
 */
static void render_link_to_node(Buf *buf, const BaseOptions *base)
{
	static const char from_pod[] = "meta iifkind \"veth\"";

	if (!base->is_isolating[EGRESS])
		return;
	if (base->kind != TABLE_TAGGED)
		buf_printf(buf, "\t\t%s%s ct direction reply accept\n", LINK_LOCAL_MATCH[EGRESS],
			from_pod);
	buf_printf(buf, "\t\t%s%s goto %s\n", LINK_LOCAL_MATCH[EGRESS], from_pod,
		REFUSAL_CHAIN_NAME[DROP_OUT]);
}

/* ---- Routed packets: TABLE_INET ---- */
#define ESTABLISHED "\t\tct state established,related "

/* On bridges not for flows of link-local addresses, for the reason in render_link_to_node. */
static void render_established(Buf *buf, const BaseOptions *base)
{
	bool is_in = base->is_isolating[INGRESS], is_out = base->is_isolating[EGRESS];

	if (base->kind != TABLE_BRIDGE || (!is_in && !is_out)) {
		buf_add(buf, ESTABLISHED "accept\n");
		return;
	}
	buf_add(buf, ESTABLISHED "meta protocol ip accept\n");
	buf_printf(buf, ESTABLISHED "%s%saccept\n", is_out ? "ip6 saddr != " LINK_LOCAL " " : "",
		is_in ? "ip6 daddr != " LINK_LOCAL " " : "");
}

static void render_services(Buf *buf, const Ranges *services)
{
	char text[RANGE_TEXT_SIZE];

	for (size_t i = 0; i < services->n; i++)
		buf_printf(buf, "\t\t%s daddr %s accept\n",
			render_family_keyword(services->at[i].family),
			range_text(services->at[i], text));
}

static void render_routed(Buf *buf, const BaseOptions *base, BaseChain chain)
{
	if (chain == BASE_INPUT)
		render_link_to_node(buf, base);
	render_established(buf, base);
	if (chain == BASE_OUTPUT)
		buf_add(buf, "\t\tfib saddr type local accept\n"); /* the node's own processes */
	if (chain == BASE_INPUT)
		render_services(buf, &base->services);
}

/* ---- Frames on bridges: TABLE_BRIDGE, TABLE_TAGGED ---- */
static bool has_no_lookup(const BaseOptions *base)
{
	bool is_empty = true;

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			is_empty &= base->is_empty[d][f];
	return is_empty;
}

/*
 * Where br_netfilter hands untagged frames to the routed hooks (with pkttype "other"), they are
 * evaluated there, and TABLE_TAGGED accepts them first. Nearly all frames are such, so the test
 * must be cheap. Ten bits of an IPv6 address, which begins 64 or 192 bits into the header, tell
 * LINK_LOCAL. They are compared as raw payload because nft, given the address by name, would list
 * the rule without its `ether type`; and as 32 bits because the kernel has a fast path for a mask
 * of one register.
 */
static void render_lifted(Buf *buf, const BaseOptions *base)
{
	bool is_tag_looked_at = !has_no_lookup(base); /* that test is most of the cost */
	const char *type = is_tag_looked_at ? "ether type" : "meta protocol";

	buf_printf(buf, "\t\t%s ip meta pkttype other accept\n", type);
	buf_printf(buf, "\t\t%s ip6 meta pkttype other %s%saccept\n", type,
		base->is_isolating[EGRESS] ? "@nh,64,32 & 0xffc00000 != 0xfe800000 " : "",
		base->is_isolating[INGRESS] ? "@nh,192,32 & 0xffc00000 != 0xfe800000 " : "");
}

/*
 * The kernel removes the outer VLAN tag from a frame and stores it aside: `ether type` matches the
 * tag, `meta protocol` what follows it. A second tag hides the addresses from our lookups, and a
 * frame with two tags of VLAN 0 is delivered all the same: frames with two tags are dropped.
 */
static void render_bridged(Buf *buf, const BaseOptions *base)
{
	if (base->kind == TABLE_TAGGED)
		render_lifted(buf, base);
	buf_add(buf, "\t\tmeta protocol { 8021q, 8021ad } drop\n");
	if (base->kind == TABLE_BRIDGE)
		render_established(buf, base);
	render_link(buf, base);
	if (base->kind == TABLE_TAGGED)
		buf_add(buf, "\t\tether type != { 8021q, 8021ad } accept\n");
}

/* ---- Whole chains ---- */
void base_chain_render_rules(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	assert(base_chain_is_used(base, chain));
	/* what carries a pod's address is evaluated by the inet table's input chain */
	if (table_is_bridge(base->kind) && chain == BASE_INPUT) {
		render_link_to_node(buf, base);
		return;
	}
	if (table_is_bridge(base->kind))
		render_bridged(buf, base);
	else
		render_routed(buf, base, chain);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		render_lookups(buf, base, f, chain, is_standby);
}

void base_chain_render(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	buf_printf(buf, "\tchain %s {\n\t\ttype filter hook %s priority filter; policy accept;\n",
		BASE_CHAIN_NAME[chain], BASE_CHAIN_NAME[chain]);
	base_chain_render_rules(buf, base, chain, is_standby);
	buf_add(buf, "\t}\n");
}
