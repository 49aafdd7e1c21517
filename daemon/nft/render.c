/* nft text in the form in which nft itself lists it, so that what is read back can be compared. */
#include "render.h"
#include <stdio.h>
#include <string.h>

const char *const BASE_NAME[BASE_N] = {"forward", "input", "output"};
static const char *const IP[FAMILY_N] = {"ip", "ip6"};
static const char *const ADDRESS_TYPE[FAMILY_N] = {"ipv4_addr", "ipv6_addr"};

const char *table_name(Arena *arena, const BaseOptions *base)
{
	return arena_printf(
		arena, "%s %s", table_is_bridge(base->kind) ? "bridge" : "inet", base->table);
}

const char *map_name(Arena *arena, Direction direction, Family family, bool is_standby)
{
	return arena_printf(arena, "%s%d%s", direction == INGRESS ? "ingress" : "egress",
		family == FAMILY_IPV4 ? 4 : 6, is_standby ? "_next" : "");
}

/* ---- Sets and maps ---- */
const char *set_type(const Set *set)
{
	static const char *const types[][FAMILY_N] = {[SET_PODS] = {"ipv4_addr", "ipv6_addr"},
		[SET_PORTS] = {"ipv4_addr . inet_proto . inet_service",
			"ipv6_addr . inet_proto . inet_service"},
		[SET_SELF] = {"ipv4_addr . ipv4_addr", "ipv6_addr . ipv6_addr"},
		[SET_CIDR] = {"ipv4_addr", "ipv6_addr"}};

	return types[set->kind][set->family];
}

static void render_element(Buf *buf, const Set *set, const Element *element)
{
	char text[ADDRESS_TEXT_SIZE];

	buf_add(buf, address_text(element->address, text));
	if (set->kind == SET_SELF)
		buf_printf(buf, " . %s", text);
	if (set->kind == SET_PORTS)
		buf_printf(buf, " . %s . %u",
			element->protocol == 6	  ? "tcp"
			: element->protocol == 17 ? "udp"
						  : "sctp",
			element->port);
}

#define ELEMENTS_START "\t\telements = { "
#define ELEMENTS_NEXT ",\n\t\t\t     "

static void render_elements(Buf *buf, const Set *set)
{
	char text[RANGE_TEXT_SIZE];
	const char *before = ELEMENTS_START;

	for (size_t i = 0; i < set->elements.n; i++, before = ELEMENTS_NEXT) {
		buf_add(buf, before);
		render_element(buf, set, &set->elements.at[i]);
	}
	for (size_t i = 0; i < set->ranges.n; i++, before = ELEMENTS_NEXT) {
		buf_add(buf, before);
		buf_add(buf, range_text(set->ranges.at[i], text));
	}
	if (set->elements.n || set->ranges.n)
		buf_add(buf, " }\n");
}

void render_set(Buf *buf, const Set *set, bool has_elements)
{
	buf_printf(buf, "\tset %s {\n\t\ttype %s\n", set->name, set_type(set));
	if (set->kind == SET_CIDR)
		buf_add(buf, "\t\tflags interval\n");
	if (set_size(set))
		buf_printf(buf, "\t\tsize %zu\n", set_size(set));
	if (set->comment)
		buf_printf(buf, "\t\tcomment \"%s\"\n", set->comment);
	if (has_elements)
		render_elements(buf, set);
	buf_add(buf, "\t}\n");
}

void render_map(Buf *buf, const BaseOptions *base, Direction direction, Family family,
	bool is_standby, const Verdicts *verdicts)
{
	const char *verb = direction == INGRESS ? "goto" : "jump";
	char text[ADDRESS_TEXT_SIZE];
	const char *before = ELEMENTS_START;

	buf_printf(buf, "\tmap %s {\n\t\ttype %s : verdict\n",
		map_name(buf->arena, direction, family, is_standby), ADDRESS_TYPE[family]);
	if (!base->is_large[direction][family])
		buf_printf(buf, "\t\tsize %d\n", MAP_SMALL_SIZE);
	for (size_t i = 0; verdicts && i < verdicts->n; i++, before = ELEMENTS_NEXT)
		buf_printf(buf, "%s%s : %s %s", before, address_text(verdicts->at[i].address, text),
			verb, verdicts->at[i].chain);
	buf_add(buf, verdicts && verdicts->n ? " }\n\t}\n" : "\t}\n");
}

/* ---- Chains ---- */
static void render_port_range(Buf *buf, PortRange range)
{
	if (range.first == range.last)
		buf_printf(buf, "%u", range.first);
	else
		buf_printf(buf, "%u-%u", range.first, range.last);
}

static void render_ports(Buf *buf, const ChainRule *rule)
{
	const char *protocol = rule->protocol == 6 ? "tcp" : rule->protocol == 17 ? "udp" : "sctp";

	if (rule->protocol == 0)
		return;
	if (rule->ports.n == 0) {
		buf_printf(buf, "meta l4proto %s ", protocol);
		return;
	}
	buf_printf(buf, "%s dport %s", protocol, rule->ports.n > 1 ? "{ " : "");
	for (size_t i = 0; i < rule->ports.n; i++) {
		buf_add(buf, i ? ", " : "");
		render_port_range(buf, rule->ports.at[i]);
	}
	buf_add(buf, rule->ports.n > 1 ? " } " : " ");
}

/* The port first: most policies are about different ones, and a lookup costs more. */
static void render_rule(Buf *buf, const Chain *chain, const ChainRule *rule)
{
	const char *side = chain->direction == INGRESS ? "saddr" : "daddr";
	const char *ip = IP[rule->family];
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

/*
 * What is never refused, asked last: nobody pays for it whom a rule lets in. A pod may always reach
 * itself. Neighbour discovery and MLD are never filtered, on bridges they come by here; real ones
 * cannot be routed (RFC 4861: hop limit 255, which every router lowers; RFC 3810: hop limit 1 and a
 * link-local or unspecified source), and what pretends to be one is refused like everything else.
 */
static const char *const NEVER_REFUSED[] = {"ip saddr . ip daddr @self4",
	"ip6 saddr . ip6 daddr @self6",
	"ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
	"nd-neighbor-advert }",
	"ip6 hoplimit 1 ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, "
	"mld-listener-done, mld2-listener-report }",
	"ip6 hoplimit 1 ip6 saddr :: icmpv6 type { mld-listener-report, mld2-listener-report }"};

const char *const REFUSAL_NAME[REFUSAL_N] = {
	[REFUSE_IN] = "refuse_in",
	[REFUSE_OUT] = "refuse_out",
	[DROP_IN] = "drop_in",
	[DROP_OUT] = "drop_out",
};

/* The kernel takes no reject at a bridge's forward hook: there what is refused is dropped. */
bool refusal_is_used(const BaseOptions *base, Refusal refusal)
{
	return refusal >= DROP_IN || !table_is_bridge(base->kind);
}

static Refusal refusal_of(const BaseOptions *base, const Chain *chain)
{
	if (chain->is_drop || table_is_bridge(base->kind))
		return chain->direction == INGRESS ? DROP_IN : DROP_OUT;
	return chain->direction == INGRESS ? REFUSE_IN : REFUSE_OUT;
}

void render_refusal(Buf *buf, Refusal refusal)
{
	bool is_in = refusal == REFUSE_IN || refusal == DROP_IN;

	buf_printf(buf, "\tchain %s {\n", REFUSAL_NAME[refusal]);
	for (size_t i = 0; i < ARRAY_SIZE(NEVER_REFUSED); i++)
		buf_printf(buf, "\t\t%s %s\n", NEVER_REFUSED[i], is_in ? "accept" : "return");
	buf_add(buf,
		refusal >= DROP_IN ? "\t\tdrop\n" : "\t\treject with icmpx port-unreachable\n");
	buf_add(buf, "\t}\n");
}

static void render_refusals(Buf *buf, const BaseOptions *base)
{
	for (Refusal r = REFUSE_IN; r < REFUSAL_N; r++)
		if (refusal_is_used(base, r))
			render_refusal(buf, r);
}

/* Ingress is judged last, by goto: accept ends our hook. Egress is judged by jump: return goes on
 * to the destination's ingress, so that neither direction ever answers for the other. */
void render_chain(Buf *buf, const BaseOptions *base, const Chain *chain)
{
	buf_printf(buf, "\tchain %s {\n", chain->name);
	for (size_t i = 0; i < chain->rules.n; i++)
		render_rule(buf, chain, &chain->rules.at[i]);
	buf_printf(buf, "\t\tgoto %s\n\t}\n", REFUSAL_NAME[refusal_of(base, chain)]);
}

/* ---- Base chains ---- */
/*
 * By the end that is isolated: what neither map knows is none of ours. A lookup costs the first
 * packet of a flow about one part in a hundred: an empty map is not asked.
 */
static void render_judging(
	Buf *buf, const BaseOptions *base, Family family, BaseChain chain, bool is_standby)
{
	if (!base->is_empty[EGRESS][family])
		buf_printf(buf, "\t\t%s saddr vmap @%s\n", IP[family],
			map_name(buf->arena, EGRESS, family, is_standby));
	if (chain != BASE_INPUT && !base->is_empty[INGRESS][family])
		buf_printf(buf, "\t\t%s daddr vmap @%s\n", IP[family],
			map_name(buf->arena, INGRESS, family, is_standby));
}

static void render_services(Buf *buf, const Ranges *services)
{
	char text[RANGE_TEXT_SIZE];

	for (size_t i = 0; i < services->n; i++)
		buf_printf(buf, "\t\t%s daddr %s accept\n", IP[services->at[i].family],
			range_text(services->at[i], text));
}

bool base_is_used(const BaseOptions *base, BaseChain chain)
{
	if (table_is_bridge(base->kind))
		return chain != BASE_OUTPUT;
	return chain != BASE_OUTPUT || base->services.n > 0;
}

/*
 * What a pod may send and get on its link without any pod's address: from and to IPv6's link-local
 * addresses, which no inventory has, and to everybody on the link. The maps know nothing of it, and
 * none of it is routed. From one pod to another (their ends of the link are of kind "veth"; those
 * of virtual machines and network cards are not) it is refused beside pods that are isolated.
 */
#define LINK_LOCAL "fe80::/10"
#define ESTABLISHED "\t\tct state established,related "

static void render_link(Buf *buf, const BaseOptions *base)
{
	static const char between[] = "meta iifkind \"veth\" meta oifkind \"veth\"";

	if (base->is_isolating[EGRESS])
		buf_printf(buf, "\t\tip6 saddr " LINK_LOCAL " %s goto %s\n", between,
			REFUSAL_NAME[DROP_OUT]);
	if (!base->is_isolating[INGRESS])
		return;
	buf_printf(
		buf, "\t\tip6 daddr " LINK_LOCAL " %s goto %s\n", between, REFUSAL_NAME[DROP_IN]);
	buf_printf(buf,
		"\t\tmeta pkttype { broadcast, multicast } meta protocol { ip, ip6 } %s goto %s\n",
		between, REFUSAL_NAME[DROP_IN]);
}

/*
 * The same from a pod to its node: before what is established goes on, for no map tells which of it
 * a change forbids. What the node itself began goes on, where that can be told.
 */
static void render_link_to_node(Buf *buf, const BaseOptions *base)
{
	static const char from[] = "ip6 saddr " LINK_LOCAL " meta iifkind \"veth\"";

	if (!base->is_isolating[EGRESS])
		return;
	if (base->kind != TABLE_TAGGED)
		buf_printf(buf, "\t\t%s ct direction reply accept\n", from);
	buf_printf(buf, "\t\t%s goto %s\n", from, REFUSAL_NAME[DROP_OUT]);
}

/* But for flows on the link, which bridges judge packet by packet, for the same reason. */
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

static bool is_all_idle(const BaseOptions *base)
{
	bool is_so = true;

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			is_so &= base->is_empty[d][f];
	return is_so;
}

/*
 * Where br_netfilter lifts frames without a tag, they are judged there. Nearly all frames are such:
 * they are told first, and by as little as does it: of an IPv6 address, 64 or 192 bits into the
 * header, ten bits tell LINK_LOCAL. (By name, nft would list the rule without its `ether type`; of
 * 32 bits a mask is cheap.)
 */
static void render_lifted(Buf *buf, const BaseOptions *base)
{
	bool is_tag_looked_at = !is_all_idle(base); /* which costs most of it */
	const char *type = is_tag_looked_at ? "ether type" : "meta protocol";

	buf_printf(buf, "\t\t%s ip meta pkttype other accept\n", type);
	buf_printf(buf, "\t\t%s ip6 meta pkttype other %s%saccept\n", type,
		base->is_isolating[EGRESS] ? "@nh,64,32 & 0xffc00000 != 0xfe800000 " : "",
		base->is_isolating[INGRESS] ? "@nh,192,32 & 0xffc00000 != 0xfe800000 " : "");
}

/*
 * Frames on bridges. The kernel has taken one VLAN tag off and kept it beside; `meta protocol` is
 * what came under it, `ether type` the tag. A tag under the tag hides the addresses, and with
 * VLAN 0 twice would arrive all the same: such frames are refused. Where br_netfilter has judged
 * the others, only tagged ones are looked at.
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

static void render_base_rules(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	if (table_is_bridge(base->kind) && chain == BASE_INPUT) {
		render_link_to_node(buf, base); /* what names a pod is judged by the node's input */
		return;
	}
	if (table_is_bridge(base->kind))
		render_bridged(buf, base);
	else
		render_routed(buf, base, chain);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		render_judging(buf, base, f, chain, is_standby);
}

void render_base(Buf *buf, const BaseOptions *base, BaseChain chain, bool is_standby)
{
	buf_printf(buf, "\tchain %s {\n\t\ttype filter hook %s priority filter; policy accept;\n",
		BASE_NAME[chain], BASE_NAME[chain]);
	render_base_rules(buf, base, chain, is_standby);
	buf_add(buf, "\t}\n");
}

/* ---- Whole tables ---- */
static void render_maps(Buf *buf, const Ruleset *ruleset)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			render_map(buf, &ruleset->base, d, f, false, &ruleset->verdicts[d][f]);
}

const char *nft_ruleset_text(Arena *arena, const Ruleset *ruleset)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", table_name(arena, &ruleset->base));
	for (size_t i = 0; i < ruleset->sets.n; i++)
		render_set(&buf, ruleset->sets.at[i], true);
	render_maps(&buf, ruleset);
	render_refusals(&buf, &ruleset->base);
	for (size_t i = 0; i < ruleset->chains.n; i++)
		render_chain(&buf, &ruleset->base, ruleset->chains.at[i]);
	for (BaseChain c = BASE_FORWARD; c < BASE_N; c++)
		if (base_is_used(&ruleset->base, c))
			render_base(&buf, &ruleset->base, c, false);
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}

/* ---- Operations ---- */
static void render_addition(Buf *buf, const Op *op)
{
	if (op->kind == OP_ADD_TABLE)
		render_refusals(buf, op->base);
	else if (op->kind == OP_ADD_SET)
		render_set(buf, op->set, op->set->kind == SET_CIDR);
	else if (op->kind == OP_ADD_CHAIN)
		render_chain(buf, op->base, op->chain);
	else if (op->kind == OP_ADD_MAP)
		render_map(buf, op->base, op->direction, op->family, op->is_standby, NULL);
}

static bool is_addition(const Op *op)
{
	return op->kind == OP_ADD_TABLE || op->kind == OP_ADD_SET || op->kind == OP_ADD_CHAIN ||
	       op->kind == OP_ADD_MAP;
}

const char *render_additions(Arena *arena, const Commit *commit)
{
	Buf buf = {.arena = arena};
	const BaseOptions *base = NULL;

	for (size_t i = 0; i < commit->ops.n; i++) {
		if (!is_addition(&commit->ops.at[i]))
			continue;
		if (!base)
			buf_printf(&buf, "table %s {\n", table_name(arena, commit->ops.at[i].base));
		base = commit->ops.at[i].base;
		render_addition(&buf, &commit->ops.at[i]);
	}
	buf_add(&buf, base ? "}\n" : "");
	return buf_text(&buf);
}

/* A chain that may or may not be there, gone: add, then delete. */
static void render_no_chain(Buf *buf, const char *table, const char *chain)
{
	buf_printf(buf, "add chain %s %s\ndelete chain %s %s\n", table, chain, table, chain);
}

static void render_set_base(Buf *buf, const Op *op, const char *table)
{
	for (BaseChain c = BASE_FORWARD; c < BASE_N; c++) {
		if (!base_is_used(op->base, c)) {
			if (!table_is_bridge(op->base->kind))
				render_no_chain(buf, table, BASE_NAME[c]);
			continue;
		}
		buf_printf(buf,
			"add chain %s %s { type filter hook %s priority filter; policy "
			"accept; }\nflush chain %s %s\ntable %s {\n\tchain %s {\n",
			table, BASE_NAME[c], BASE_NAME[c], table, BASE_NAME[c], table,
			BASE_NAME[c]);
		render_base_rules(buf, op->base, c, op->is_standby);
		buf_add(buf, "\t}\n}\n");
	}
}

static void render_del_base(Buf *buf, const char *table)
{
	for (BaseChain c = BASE_FORWARD; c < BASE_N; c++)
		render_no_chain(buf, table, BASE_NAME[c]);
}

const char *render_changes(Arena *arena, const Commit *commit)
{
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < commit->ops.n; i++) {
		const Op *op = &commit->ops.at[i];
		const char *table = table_name(arena, op->base);

		if (op->kind == OP_SET_BASE)
			render_set_base(&buf, op, table);
		else if (op->kind == OP_DEL_BASE)
			render_del_base(&buf, table);
		else if (op->kind == OP_DEL_TABLE)
			buf_printf(&buf, "delete table %s\n", table);
	}
	return buf_text(&buf);
}
