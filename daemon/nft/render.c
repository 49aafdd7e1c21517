/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets, verdict maps, and the chains of pods as nft text. See render.h. */
#include "render.h"
#include <assert.h>
#include <string.h>

static const char *const FAMILY_KEYWORD[FAMILY_N] = {"ip", "ip6"};
static const char *const ADDRESS_TYPE[FAMILY_N] = {"ipv4_addr", "ipv6_addr"};

const char *render_table_name(Arena *arena, const BaseOptions *base)
{
	return arena_printf(
		arena, "%s %s", table_is_bridge(base->kind) ? "bridge" : "inet", base->table);
}

const char *render_family_keyword(Family family)
{
	return FAMILY_KEYWORD[family];
}

const char *render_address_type(Family family)
{
	return ADDRESS_TYPE[family];
}

static const char *protocol_keyword(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP ? "tcp" : protocol == PROTOCOL_UDP ? "udp" : "sctp";
}

/* ---- Sets and maps ---- */
static void render_type(Buf *buf, const Set *set)
{
	const char *address = set->kind == SET_LINKS ? "ifname" : ADDRESS_TYPE[set->family];

	buf_printf(buf, "\t\ttype %s", address);
	if (set->kind == SET_SELF)
		buf_printf(buf, " . %s", address);
	if (set->kind == SET_PORTS)
		buf_add(buf, " . inet_proto . inet_service");
	buf_add(buf, "\n");
}

static void render_element(Buf *buf, const Set *set, const Element *element)
{
	char text[ADDRESS_TEXT_SIZE], name[ELEMENT_LINK_SIZE];

	if (set->kind == SET_LINKS) {
		buf_printf(buf, "\"%s\"", element_link_name(element, name));
		return;
	}
	buf_add(buf, address_text(element->address, text));
	if (set->kind == SET_SELF)
		buf_printf(buf, " . %s", text);
	if (set->kind == SET_PORTS)
		buf_printf(buf, " . %s . %u", protocol_keyword(element->protocol), element->port);
}

#define ELEMENTS_START "\t\telements = { "
#define ELEMENTS_NEXT ",\n\t\t\t     "

static void render_elements(Buf *buf, const Set *set)
{
	char text[RANGE_TEXT_SIZE];
	const char *separator = ELEMENTS_START;

	for (size_t i = 0; i < set->elements.n; i++, separator = ELEMENTS_NEXT) {
		buf_add(buf, separator);
		render_element(buf, set, &set->elements.at[i]);
	}
	for (size_t i = 0; i < set->ranges.n; i++, separator = ELEMENTS_NEXT) {
		buf_add(buf, separator);
		buf_add(buf, range_text(set->ranges.at[i], text));
	}
	if (set->elements.n || set->ranges.n)
		buf_add(buf, " }\n");
}

#define SIZE_KEYWORD "\t\tsize "

void render_set(Buf *buf, const Set *set, bool has_elements)
{
	assert(set->kind == SET_CIDR ? set->elements.n == 0 : set->ranges.n == 0);
	buf_printf(buf, "\tset %s {\n", set->name);
	render_type(buf, set);
	if (set->kind == SET_CIDR)
		buf_add(buf, "\t\tflags interval\n");
	if (set_size(set))
		buf_printf(buf, SIZE_KEYWORD "%zu\n", set_size(set));
	if (set->comment)
		buf_printf(buf, "\t\tcomment \"%s\"\n", set->comment);
	if (has_elements)
		render_elements(buf, set);
	buf_add(buf, "\t}\n");
}

/* "goto" for ingress, "jump" for egress: see render_chain. */
void render_map(Buf *buf, const BaseOptions *base, Direction direction, Family family,
	bool is_standby, const Verdicts *verdicts)
{
	const char *verdict = direction == INGRESS ? "goto" : "jump";
	char text[ADDRESS_TEXT_SIZE];
	const char *separator = ELEMENTS_START;

	buf_printf(buf, "\tmap %s {\n\t\ttype %s : verdict\n",
		object_name_map(direction, family, is_standby), ADDRESS_TYPE[family]);
	if (!base->is_large[direction][family])
		buf_printf(buf, SIZE_KEYWORD "%d\n", MAP_SMALL_SIZE);
	for (size_t i = 0; verdicts && i < verdicts->n; i++, separator = ELEMENTS_NEXT)
		buf_printf(buf, "%s%s : %s %s", separator,
			address_text(verdicts->at[i].address, text), verdict,
			verdicts->at[i].chain);
	buf_add(buf, verdicts && verdicts->n ? " }\n\t}\n" : "\t}\n");
}

bool render_map_has_size(const char *block)
{
	return strstr(block, SIZE_KEYWORD) != NULL;
}

/* ---- Rules of a pod's chain ---- */
static void render_port_range(Buf *buf, PortRange range)
{
	if (range.first == range.last)
		buf_printf(buf, "%u", range.first);
	else
		buf_printf(buf, "%u-%u", range.first, range.last);
}

static void render_ports(Buf *buf, const ChainRule *rule)
{
	if (rule->protocol == PROTOCOL_ANY)
		return;
	if (rule->ports.n == 0) {
		buf_printf(buf, "meta l4proto %s ", protocol_keyword(rule->protocol));
		return;
	}
	buf_printf(buf, "%s dport %s", protocol_keyword(rule->protocol),
		rule->ports.n > 1 ? "{ " : "");
	for (size_t i = 0; i < rule->ports.n; i++) {
		buf_add(buf, i ? ", " : "");
		render_port_range(buf, rule->ports.at[i]);
	}
	buf_add(buf, rule->ports.n > 1 ? " } " : " ");
}

/* Ports come first: comparing a port is cheaper than a set lookup, and most rules differ by it. */
static void render_rule(Buf *buf, const Chain *chain, const ChainRule *rule)
{
	const char *side = chain->direction == INGRESS ? "saddr" : "daddr";
	const char *ip = FAMILY_KEYWORD[rule->family];
	char text[RANGE_TEXT_SIZE];

	buf_add(buf, "\t\t");
	render_ports(buf, rule);
	if (rule->excluded)
		buf_printf(buf, "%s %s != @%s ", ip, side, rule->excluded);
	if (rule->match == MATCH_BLOCK)
		buf_printf(buf, "%s %s %s ", ip, side, range_text(rule->block, text));
	else if (rule->match == MATCH_SET)
		buf_printf(buf, "%s %s @%s ", ip, side, rule->set);
	else if (rule->match == MATCH_PORT_SET)
		buf_printf(buf, "%s %s . meta l4proto . th dport @%s ", ip, side, rule->set);
	buf_add(buf, chain->direction == INGRESS ? "accept\n" : "return\n");
}

/* ---- Refusal chains ---- */
/*
 * What is never refused. The rules are in the refusal chains, so that a packet that a policy allows
 * is not compared with them.
 *
 * A pod may always reach itself. Neighbour discovery and MLD are never filtered; between pods of a
 * bridge they pass our hooks. Genuine messages are never routed: RFC 4861 demands hop limit 255,
 * which a router would have lowered; RFC 3810 demands hop limit 1 and a source that is link-local
 * or unspecified. ICMPv6 messages of these types without that are refused like any other packet.
 */
static const char *const NEVER_REFUSED[] = {
	"ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
	"nd-neighbor-advert }",
	"ip6 hoplimit 1 ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, "
	"mld-listener-done, mld2-listener-report }",
	"ip6 hoplimit 1 ip6 saddr :: icmpv6 type { mld-listener-report, mld2-listener-report }"};

const char *const REFUSAL_CHAIN_NAME[REFUSAL_CHAIN_N] = {
	[REFUSE_IN] = "refuse_in",
	[REFUSE_OUT] = "refuse_out",
	[DROP_IN] = "drop_in",
	[DROP_OUT] = "drop_out",
	[LINK_IN] = "drop_link_in",
	[LINK_OUT] = "drop_link_out",
	[RESET] = "refuse_tcp",
	[MIDSTREAM] = "midstream",
	[AUDITED_IN] = "audited_in",
	[AUDITED_OUT] = "audited_out",
};

const char *const COUNT_CHAIN_NAME[DENIAL_KIND_N] = {
	[DENIED_INGRESS] = "count_in",
	[DENIED_EGRESS] = "count_out",
	[WOULD_DENY_INGRESS] = "count_would_in",
	[WOULD_DENY_EGRESS] = "count_would_out",
};

static const char *const REFUSAL_COMMENT[REFUSAL_CHAIN_N] = {
	[REFUSE_IN] = "no rule of the pod's ingress policies matched",
	[REFUSE_OUT] = "no rule of the pod's egress policies matched",
	[DROP_IN] = "no rule of the pod's ingress policies matched",
	[DROP_OUT] = "no rule of the pod's egress policies matched",
	[LINK_IN] = "to no pod's address, while pods are isolated for ingress",
	[LINK_OUT] = "from no pod's address, while pods are isolated for egress",
	[RESET] = "TCP of an unknown flow: a reset",
	[MIDSTREAM] = "TCP of an unknown flow that begins none",
	[AUDITED_IN] = "no rule of the pod's audited ingress policies matched: it passes",
	[AUDITED_OUT] = "no rule of the pod's audited egress policies matched: it passes",
};

/* In bridge tables the kernel allows `reject` at the prerouting and input hooks, not at forward. */
bool render_has_refusal_chain(const BaseOptions *base, RefusalChain refusal)
{
	switch (refusal) {
	case REFUSE_IN:
	case REFUSE_OUT:
	case RESET:
		return !table_is_bridge(base->kind);
	case MIDSTREAM:
	case AUDITED_IN:
	case AUDITED_OUT:
		return base->kind != TABLE_TAGGED;
	default:
		return true;
	}
}

static RefusalChain refusal_of(const BaseOptions *base, const Chain *chain)
{
	if (chain->is_audit)
		return chain->direction == INGRESS ? AUDITED_IN : AUDITED_OUT;
	if (chain->is_drop || table_is_bridge(base->kind))
		return chain->direction == INGRESS ? DROP_IN : DROP_OUT;
	return chain->direction == INGRESS ? REFUSE_IN : REFUSE_OUT;
}

/*
 * The reset of a packet that br_netfilter has passed up goes out by the bridge, without
 * translation. So the destination of a client's packet to a Service is put back first: the reset
 * has to come from there. For other packets connection tracking would do the same later.
 */
void render_reset(Buf *buf)
{
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const char *ip = FAMILY_KEYWORD[f];

		buf_printf(buf,
			"\t\tct status dnat ct direction original %s daddr set ct original %s "
			"daddr tcp dport set ct original proto-dst\n",
			ip, ip);
	}
	buf_add(buf, "\t\tmeta l4proto tcp reject with tcp reset\n");
}

/*
 * conntrack takes the end that sends the first packet for the one that opened the flow. So a packet
 * of the server would open a flow, in the other direction, that its policies forbid. Who opened it
 * is told by the ports. A client's packet is evaluated. A server's is dropped, until the client has
 * sent one, a keepalive at least. If the ports do not tell, a reset makes both ends begin anew.
 */
static void render_midstream(Buf *buf, const BaseOptions *base)
{
	const char *verdict = table_is_bridge(base->kind) ? "drop" : "goto refuse_tcp";

	buf_add(buf, "\t\t" MATCH_CLIENT_PORTS "return\n");
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		for (int is_to = 0; is_to < 2; is_to++) {
			const char *ip = FAMILY_KEYWORD[f], *end = is_to ? "daddr" : "saddr";

			buf_printf(buf,
				"\t\ttcp sport 0-32767 tcp dport 32768-65535 %s %s . %s %s @%s "
				"drop\n",
				ip, end, ip, end, object_name_self(f, false));
			buf_printf(buf, "\t\t%s %s . %s %s @%s %s\n", ip, end, ip, end,
				object_name_self(f, false), verdict);
		}
}

static void render_never_refused(Buf *buf, bool is_audit, const char *verdict)
{
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		buf_printf(buf, "\t\t%s saddr . %s daddr @%s %s\n", FAMILY_KEYWORD[f],
			FAMILY_KEYWORD[f], object_name_self(f, is_audit), verdict);
	for (size_t i = 0; i < ARRAY_SIZE(NEVER_REFUSED); i++)
		buf_printf(buf, "\t\t%s %s\n", NEVER_REFUSED[i], verdict);
}

/*
 * What comes back from here goes on as a packet of a pod that is not isolated: after egress, which
 * the base chain led to by `jump`, with the ingress lookup; after ingress the base chain ends. Of a
 * flow that conntrack picks up in the middle, only a client's packet says who opened it. A fallback
 * table counts nothing here: a packet that passes both tables would count twice.
 */
static void render_audited(Buf *buf, const BaseOptions *base, RefusalChain refusal)
{
	Direction direction = refusal == AUDITED_IN ? INGRESS : EGRESS;

	if (base->is_fallback)
		return;
	render_never_refused(buf, true, "return");
	buf_add(buf, "\t\t" MATCH_MIDSTREAM "tcp sport 0-32767 return\n");
	buf_add(buf, "\t\t" MATCH_MIDSTREAM "tcp dport 32768-65535 return\n");
	buf_printf(buf, "\t\tjump %s\n", COUNT_CHAIN_NAME[denial_kind(direction, true)]);
}

static void render_refusal(Buf *buf, RefusalChain refusal)
{
	bool is_ingress = refusal == REFUSE_IN || refusal == DROP_IN || refusal == LINK_IN;
	bool is_drop = refusal != REFUSE_IN && refusal != REFUSE_OUT;

	render_never_refused(buf, false, is_ingress ? "accept" : "return");
	if (refusal < LINK_IN)
		buf_printf(buf, "\t\tjump %s\n",
			COUNT_CHAIN_NAME[denial_kind(is_ingress ? INGRESS : EGRESS, false)]);
	if (!is_drop)
		buf_add(buf, "\t\t" MATCH_MIDSTREAM "goto refuse_tcp\n");
	buf_add(buf, is_drop ? "\t\tdrop\n" : "\t\treject with icmpx port-unreachable\n");
}

void render_refusal_chain(Buf *buf, const BaseOptions *base, RefusalChain refusal)
{
	buf_printf(buf, "\tchain %s {\n\t\tcomment \"%s\"\n", REFUSAL_CHAIN_NAME[refusal],
		REFUSAL_COMMENT[refusal]);
	if (refusal == RESET)
		render_reset(buf);
	else if (refusal == MIDSTREAM)
		render_midstream(buf, base);
	else if (refusal == AUDITED_IN || refusal == AUDITED_OUT)
		render_audited(buf, base, refusal);
	else
		render_refusal(buf, refusal);
	buf_add(buf, "\t}\n");
}

void render_refusal_chains(Buf *buf, const BaseOptions *base)
{
	for (RefusalChain r = REFUSE_IN; r < REFUSAL_CHAIN_N; r++)
		if (render_has_refusal_chain(base, r))
			render_refusal_chain(buf, base, r);
}

/*
 * A base chain evaluates egress first and ingress last. The ingress map leads to its chains by
 * `goto`, and their `accept` ends the evaluation. The egress map leads to its chains by `jump`, and
 * their `return` goes back to the base chain, which evaluates the destination's ingress next. So a
 * packet that egress allows is still subject to ingress.
 */
void render_chain(Buf *buf, const BaseOptions *base, const Chain *chain)
{
	buf_printf(buf, "\tchain %s {\n", chain->name);
	if (chain->comment)
		buf_printf(buf, "\t\tcomment \"%s\"\n", chain->comment);
	for (size_t i = 0; i < chain->rules.n; i++)
		render_rule(buf, chain, &chain->rules.at[i]);
	buf_printf(buf, "\t\tgoto %s\n\t}\n", REFUSAL_CHAIN_NAME[refusal_of(base, chain)]);
}
