/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the sender check as nft text. See senders_table.h. */
#include "senders_table.h"
#include "denial_rules.h"
#include "render.h"
#include "senders_sets.h"
#include <assert.h>

/* Where no bridge leads to pods, other programs' bridges are left alone. */
static bool has_side(const Senders *s, Side side)
{
	return side == SIDE_INET || (s->bridge != SENDERS_NO_BRIDGE && s->bridges.n);
}

static const char *table_name(Arena *arena, const char *table, Side side)
{
	return arena_printf(arena, "%s %s", side == SIDE_INET ? "inet" : "bridge",
		object_name_table(arena, table, TABLE_SENDERS));
}

/* ---- Ranges: sets that change with the rules ---- */
static const char *target_range_text(Arena *arena, Range range)
{
	Address first = {range.first, FAMILY_IPV6}, last = {range.last, FAMILY_IPV6};

	if (range.first == range.last)
		return sender_target_text(arena, first);
	return arena_printf(
		arena, "%s-%s", sender_target_text(arena, first), sender_target_text(arena, last));
}

static bool has_blocks(const Senders *s, Family family)
{
	for (size_t i = 0; i < s->blocks.n; i++)
		if (s->blocks.at[i].range.family == family)
			return true;
	return false;
}

static bool has_subnets(const Senders *s, Family family)
{
	for (size_t i = 0; i < s->subnets.n; i++)
		if (s->subnets.at[i].family == family)
			return true;
	return false;
}

/* The text of a range as an element: of addresses, or of targets of neighbour advertisements. */
typedef const char *(*RangeWords)(Arena *arena, Range range);

static const char *address_range_text(Arena *arena, Range range)
{
	char text[RANGE_TEXT_SIZE];

	return arena_strdup(arena, range_text(range, text));
}

static Texts list_blocks(Arena *arena, const Senders *s, Family family, RangeWords words)
{
	Texts elements = {};

	for (size_t i = 0; i < s->blocks.n; i++) {
		const SenderBlock *block = &s->blocks.at[i];

		if (block->range.family == family)
			VEC_PUSH(arena, &elements,
				arena_printf(
					arena, "%u . %s", block->port, words(arena, block->range)));
	}
	return elements;
}

static Texts list_subnets(Arena *arena, const Senders *s, Family family, RangeWords words)
{
	Texts elements = {};

	for (size_t i = 0; i < s->subnets.n; i++)
		if (s->subnets.at[i].family == family)
			VEC_PUSH(arena, &elements, words(arena, s->subnets.at[i]));
	return elements;
}

/* None without elements. */
static void render_ranges(Buf *buf, const char *name, const char *type, Texts elements)
{
	if (elements.n == 0)
		return;
	buf_printf(buf, "\tset %s {\n\t\t%s\n\t\tflags interval\n\t\telements = ", name, type);
	sender_elements_render(buf, &elements);
	buf_add(buf, "\n\t}\n");
}

static void render_all_ranges(Buf *buf, const Senders *s, Side side)
{
	Arena *arena = buf->arena;

	render_ranges(buf, "blocks4", "type iface_index . ipv4_addr",
		list_blocks(arena, s, FAMILY_IPV4, address_range_text));
	render_ranges(buf, "subnets4", "type ipv4_addr",
		list_subnets(arena, s, FAMILY_IPV4, address_range_text));
	render_ranges(buf, "blocks6", "type iface_index . ipv6_addr",
		list_blocks(arena, s, FAMILY_IPV6, address_range_text));
	render_ranges(buf, "subnets6", "type ipv6_addr",
		list_subnets(arena, s, FAMILY_IPV6, address_range_text));
	if (side != SIDE_BRIDGE)
		return;
	render_ranges(buf, "block_targets", "typeof iif . " SENDER_TARGET,
		list_blocks(arena, s, FAMILY_IPV6, target_range_text));
	render_ranges(buf, "subnet_targets", "typeof " SENDER_TARGET,
		list_subnets(arena, s, FAMILY_IPV6, target_range_text));
}

/* An anonymous set: the kernel looks it up fast, and one of a single element is a comparison. */
static void render_broadcast_rule(Buf *buf, const Senders *s)
{
	char text[ADDRESS_TEXT_SIZE];
	const char *separator = "\t\tip daddr { ";

	for (size_t i = 0; i < s->broadcasts.n; i++) {
		buf_printf(buf, "%s%s", separator, address_text(s->broadcasts.at[i], text));
		separator = ", ";
	}
	if (*separator == ',')
		buf_add(buf, " } jump everybody\n");
}

/* ---- Rules of both tables ---- */
static const char *const SEEN[FAMILY_N] = {"seen4", "seen6"};

static void render_seen(Buf *buf)
{
	denial_render_limit(buf);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const char *address = render_address_type(f);

		denial_render_seen(buf, SEEN[f],
			arena_printf(
				buf->arena, "iface_index . %s . %s . inet_proto", address, address),
			"forged and logged");
	}
}

/* Without the port: a pod that tries all ports of another one makes one entry a minute. */
static void render_forged_log(Buf *buf, const Senders *s, Family family)
{
	const char *ip = render_family_keyword(family);
	const char *key =
		arena_printf(buf->arena, "iif . %s saddr . %s daddr . meta l4proto", ip, ip);

	denial_render_log(buf, "", SEEN[family], key, DENIED_FORGED, s->log_group);
}

/*
 * Refused packets are counted by the interface, and logged as refused flows are (denial_rules.h).
 * The drop is a rule of its own: when the set is full, the rule that counts ends early.
 */
static void render_refuse(Buf *buf, const Senders *s)
{
	buf_add(buf, "\tset " SENDERS_FORGED_SET " {\n\t\ttype iface_index\n\t\tsize 65535\n"
		     "\t\tflags dynamic\n\t}\n");
	if (s->log_group)
		render_seen(buf);
	buf_add(buf, "\tchain refuse {\n\t\tupdate @" SENDERS_FORGED_SET " { iif counter }\n");
	for (Family f = FAMILY_IPV4; s->log_group && f < FAMILY_N; f++)
		render_forged_log(buf, s, f);
	buf_add(buf, "\t\tdrop\n\t}\n");
}

static void render_block_rules(Buf *buf, const Senders *s)
{
	if (has_blocks(s, FAMILY_IPV4))
		buf_add(buf, "\t\tiif . ip saddr @blocks4 accept\n");
	if (has_blocks(s, FAMILY_IPV6))
		buf_add(buf, "\t\tiif . ip6 saddr @blocks6 accept\n");
}

static const char HITS[] = "\t\tiif . ip saddr @senders4 accept\n"
			   "\t\tiif . ip6 saddr @senders6 accept\n";
static const char OWNED[] = "\t\tip saddr @owned4 goto refuse\n"
			    "\t\tip6 saddr @owned6 goto refuse\n";
/* Addresses that a host sends from before it has one, or that stay on the link. */
static const char LINK_ONLY[] = "\t\tip6 saddr fe80::/10 accept\n"
				"\t\tip6 saddr :: meta l4proto ipv6-icmp accept\n"
				"\t\tip saddr 0.0.0.0 udp dport 67 accept\n"
				"\t\tip saddr 0.0.0.0 ip protocol igmp accept\n";
/*
 * Without the protocol nft would write "ether type ip6", or arp, in front of such a match, and that
 * is the tag's in a frame that has one; "meta protocol" is that of the packet behind it.
 */
#define ICMPV6 "meta protocol ip6 icmpv6 type "
#define LINK_LOCAL_TARGET "@th,64,32 & 0xffc00000 == 0xfe800000"
#define ARP "meta protocol arp "
#define ROUTER ICMPV6 "{ nd-router-advert, nd-redirect }"

/* ---- Routed packets ---- */
/* They change seldom: an anonymous set, as above. */
static const char *match_bridges(Arena *arena, const Senders *s)
{
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < s->bridges.n; i++)
		buf_printf(&buf, "%s%u", i ? ", " : "iif { ", s->bridges.at[i]);
	buf_add(&buf, " } ");
	return buf_text(&buf);
}

/* See senders_table.h: a tc handle, of letters "NP". */
#define NEW_FLOW "4e50:1"

static bool is_checked_once(const Senders *s)
{
	return s->mode == SENDERS_CHECK;
}

static void render_inet_prerouting(Buf *buf, const Senders *s)
{
	bool is_marked = is_checked_once(s) && s->bridge == SENDERS_LIFTED;

	buf_add(buf, "\tchain prerouting {\n\t\ttype filter hook prerouting priority mangle; "
		     "policy accept;\n");
	if (is_checked_once(s))
		buf_add(buf, "\t\tct state established accept\n");
	if (s->bridges.n) /* the bridge table's business */
		buf_printf(buf, "\t\t%s%saccept\n", match_bridges(buf->arena, s),
			is_marked ? "meta priority set " NEW_FLOW " " : "");
	buf_printf(buf, "%s\t\tgoto other\n\t}\n", HITS);
}

/*
 * What is not a pod's own address at its port. A VRF passes a packet to this hook a second time, as
 * if the VRF's device had received it. A port's routes tell which addresses are behind it even if
 * the inventory does not: the kernel looks them up. It finds 0.0.0.0 everywhere for a broadcast.
 */
static void render_inet_other(Buf *buf, const Senders *s)
{
	buf_add(buf, "\tchain other {\n\t\tiifname \"lo\" accept\n\t\tmeta iifkind \"vrf\" accept\n"
		     "\t\tiif @free accept\n");
	render_block_rules(buf, s);
	buf_add(buf, "\t\tmeta iifkind \"veth\" iif != @uplinks " ROUTER " goto refuse\n");
	buf_printf(buf, "%s%s", LINK_ONLY, OWNED);
	buf_add(buf, "\t\tmeta iifkind != \"veth\" accept\n\t\tiif @uplinks accept\n"
		     "\t\tip saddr 0.0.0.0 goto refuse\n"
		     "\t\tfib saddr . iif oif missing goto refuse\n\t}\n");
}

/*
 * VXLAN, Geneve, IP in IP, SIT and GRE from a pod to this node, which would take out a packet that
 * is somebody else's. Here the port of a bridged packet is not known, but its source was checked.
 */
static void render_tunnels(Buf *buf, const Senders *s)
{
	if (s->allows_tunnels)
		return;
	buf_add(buf, "\tchain tunnels {\n\t\tiif @free return\n");
	buf_add(buf, OWNED);
	buf_add(buf, "\t\tip saddr @unplaced4 goto refuse\n\t\tip6 saddr @unplaced6 goto refuse\n");
	if (s->bridges.n)
		buf_printf(buf, "\t\t%sip6 saddr fe80::/10 goto refuse\n",
			match_bridges(buf->arena, s));
	buf_add(buf, "\t\tmeta iifkind \"veth\" iif != @uplinks goto refuse\n\t}\n"
		     "\tchain input {\n\t\ttype filter hook input priority filter - 10; "
		     "policy accept;\n\t\tct state established accept\n"
		     "\t\tudp dport { 4789, 6081, 8472 } jump tunnels\n"
		     "\t\tmeta l4proto { 4, 41, 47 } jump tunnels\n\t}\n");
}

/* ---- Bridged packets ---- */
static void render_bridge_prerouting(Buf *buf, const Senders *s)
{
	bool is_marked = is_checked_once(s) && s->bridge == SENDERS_LIFTED;

	buf_printf(buf,
		"\tchain prerouting {\n\t\ttype filter hook prerouting priority %d; policy "
		"accept;\n",
		s->bridge == SENDERS_LIFTED ? 10 : -150);
	if (is_marked) /* br_netfilter leaves out tagged frames: "ether type" is the tag's */
		buf_add(buf, "\t\tmeta priority != " NEW_FLOW " ether type ip accept\n"
			     "\t\tmeta priority != " NEW_FLOW " ether type ip6 accept\n"
			     "\t\tmeta priority " NEW_FLOW " meta priority set none\n");
	if (is_checked_once(s) && s->bridge == SENDERS_TRACKED)
		buf_add(buf, "\t\tct state established accept\n");
	buf_add(buf, "\t\t" ICMPV6 "{ nd-router-advert, nd-neighbor-advert, nd-redirect } jump "
		     "advertisements\n"
		     "\t\tip6 saddr :: " ICMPV6 "nd-neighbor-solicit jump claims\n");
	buf_add(buf, "\t\tip daddr 224.0.0.0-255.255.255.255 jump everybody\n"
		     "\t\tip6 daddr ff00::/8 jump everybody\n");
	render_broadcast_rule(buf, s);
	buf_printf(buf, "%s\t\tgoto other\n\t}\n", HITS);
}

/*
 * A packet to everybody in a frame to one host: the rules that refuse broadcast and multicast to
 * isolated pods tell them by the frame (base_chain.c), and no map has the packet's destination.
 */
static void render_everybody(Buf *buf)
{
	buf_add(buf, "\tchain everybody {\n\t\tiif @free return\n\t\tiif @outside return\n"
		     "\t\tmeta iifkind != \"veth\" return\n"
		     "\t\tether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 goto refuse\n"
		     "\t}\n");
}

/*
 * A pod is no router, and answers for its own addresses, for what its namespace's annotation allows
 * and for link-local ones alone. Whoever is not known yet may answer for what it may send from.
 */
static void render_advertisements(Buf *buf, const Senders *s)
{
	buf_add(buf, "\tchain advertisements {\n\t\tiif @free return\n\t\tiif @outside return\n"
		     "\t\tmeta iifkind != \"veth\" return\n"
		     "\t\t" ROUTER " goto refuse\n"
		     "\t\tiif . " SENDER_TARGET " @targets return\n");
	if (has_blocks(s, FAMILY_IPV6))
		buf_add(buf, "\t\tiif . " SENDER_TARGET " @block_targets return\n");
	buf_add(buf, "\t\t" SENDER_TARGET " @owned_targets goto refuse\n"
		     "\t\t" LINK_LOCAL_TARGET " return\n"
		     "\t\tiif @known goto refuse\n"
		     "\t\t" SENDER_TARGET " @unplaced_targets return\n");
	if (has_subnets(s, FAMILY_IPV6))
		buf_add(buf, "\t\t" SENDER_TARGET " @subnet_targets return\n");
	buf_add(buf, "\t\tgoto refuse\n\t}\n");
}

/*
 * Duplicate address detection, a solicitation from ::, claims its target: a host that is about to
 * take that address gives it up (RFC 4862, 5.4.3). A pod that is known cannot send from addresses
 * that nobody has, so it need not claim them; a new pod may be about to take one. A pod that has
 * the target answers.
 */
static void render_claims(Buf *buf, const Senders *s)
{
	buf_add(buf, "\tchain claims {\n\t\tiif != @known return\n"
		     "\t\tiif . " SENDER_TARGET " @targets return\n");
	if (has_blocks(s, FAMILY_IPV6))
		buf_add(buf, "\t\tiif . " SENDER_TARGET " @block_targets return\n");
	buf_add(buf, "\t\t" SENDER_TARGET " @owned_targets return\n"
		     "\t\t" SENDER_TARGET " @unplaced_targets return\n"
		     "\t\t" LINK_LOCAL_TARGET " return\n\t\tgoto refuse\n\t}\n");
}

/* Addresses that may come from a port of which no pod is known: see senders.h. */
static void render_unknown_port(Buf *buf, const Senders *s, Family family, const char *match)
{
	int n = family == FAMILY_IPV4 ? 4 : 6;

	buf_printf(buf, "\t\t%s @gateways%d goto refuse\n", match, n);
	buf_printf(buf, "\t\t%s @unplaced%d accept\n", match, n);
	if (has_subnets(s, family))
		buf_printf(buf, "\t\t%s @subnets%d accept\n", match, n);
}

static void render_bridge_other(Buf *buf, const Senders *s)
{
	buf_add(buf,
		"\tchain other {\n\t\tiif @free accept\n\t\tmeta protocol arp goto resolution\n");
	render_block_rules(buf, s);
	buf_printf(buf, "%s\t\tiif @outside accept\n\t\tmeta iifkind != \"veth\" accept\n%s", OWNED,
		LINK_ONLY);
	/* behind one tag the protocol is the next one's, and a receiver takes off any number */
	buf_add(buf, "\t\tmeta protocol { 8021q, 8021ad } goto refuse\n"
		     "\t\tmeta protocol != ip meta protocol != ip6 accept\n"
		     "\t\tiif @known goto refuse\n");
	render_unknown_port(buf, s, FAMILY_IPV4, "ip saddr");
	render_unknown_port(buf, s, FAMILY_IPV6, "ip6 saddr");
	buf_add(buf, "\t\tgoto refuse\n\t}\n");
}

/* An ARP packet says which address its sender has. A probe (RFC 5227) says none. */
static void render_arp(Buf *buf, const Senders *s)
{
	buf_add(buf, "\tchain resolution {\n\t\t" ARP "iif . arp saddr ip @senders4 accept\n"
		     "\t\t" ARP "arp saddr ip 0.0.0.0 accept\n");
	if (has_blocks(s, FAMILY_IPV4))
		buf_add(buf, "\t\t" ARP "iif . arp saddr ip @blocks4 accept\n");
	buf_add(buf, "\t\t" ARP "arp saddr ip @owned4 goto refuse\n\t\tiif @outside accept\n"
		     "\t\tmeta iifkind != \"veth\" accept\n\t\tiif @known goto refuse\n");
	render_unknown_port(buf, s, FAMILY_IPV4, ARP "arp saddr ip");
	buf_add(buf, "\t\tgoto refuse\n\t}\n");
}

/* ---- Whole tables ---- */
/* sets: those of the side. */
static const char *render_side(
	Arena *arena, const Senders *s, Side side, const SenderSets *sets, bool has_elements)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", table_name(arena, s->table, side));
	for (size_t i = 0; i < sets->n; i++)
		sender_set_render(&buf, &sets->at[i], has_elements);
	render_all_ranges(&buf, s, side);
	render_refuse(&buf, s);
	if (side == SIDE_INET) {
		render_inet_other(&buf, s);
		render_tunnels(&buf, s);
		render_inet_prerouting(&buf, s);
	} else {
		render_everybody(&buf);
		render_advertisements(&buf, s);
		render_claims(&buf, s);
		render_arp(&buf, s);
		render_bridge_other(&buf, s);
		render_bridge_prerouting(&buf, s);
	}
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}

/* nft has no "delete if it exists". To add a table that exists does nothing, so it is added first.
 */
const char *senders_table_removal(Arena *arena, const char *table)
{
	Buf buf = {.arena = arena};

	for (Side side = SIDE_INET; side < SIDE_N; side++) {
		const char *name = table_name(arena, table, side);

		buf_printf(&buf, "add table %s\ndelete table %s\n", name, name);
	}
	return buf_text(&buf);
}

const char *senders_table_render(Arena *arena, const Senders *s)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, senders_table_removal(arena, s->table));
	for (Side side = SIDE_INET; side < SIDE_N; side++) {
		SenderSets sets;

		if (!has_side(s, side))
			continue;
		sets = sender_sets_list(arena, s, side);
		buf_add(&buf, render_side(arena, s, side, &sets, true));
	}
	return buf_text(&buf);
}

/* ---- Differences ---- */
static bool are_rules_equal(Arena *arena, const Senders *a, const Senders *b, Side side,
	const SenderSets *sets_of_a, const SenderSets *sets_of_b)
{
	return text_is_equal(render_side(arena, a, side, sets_of_a, false),
		render_side(arena, b, side, sets_of_b, false));
}

bool senders_table_difference(
	Arena *arena, const Senders *old, const Senders *new, KeyChanges *ret_changes)
{
	KeyChanges changes = {};

	if (!text_is_equal(old->table, new->table))
		return false;
	for (Side side = SIDE_INET; side < SIDE_N; side++) {
		SenderSets before, after;
		BaseOptions *base;

		if (has_side(old, side) != has_side(new, side))
			return false;
		if (!has_side(new, side))
			continue;
		before = sender_sets_list(arena, old, side);
		after = sender_sets_list(arena, new, side);
		if (!are_rules_equal(arena, old, new, side, &before, &after))
			return false;
		base = arena_alloc(arena, sizeof(*base));
		*base = (BaseOptions){.table = object_name_table(arena, new->table, TABLE_SENDERS),
			.kind = side == SIDE_INET ? TABLE_INET : TABLE_BRIDGE};
		sender_sets_compare(arena, base, &before, &after, &changes);
	}
	*ret_changes = changes;
	return true;
}
