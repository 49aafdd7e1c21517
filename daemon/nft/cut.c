/*
 * The table of flows that were cut. A forgotten TCP connection or UDP exchange could be taken up
 * again by its answering end: the kernel takes a packet from the middle for the first one of a flow
 * that its sender began. Here such packets, of either end, are refused. A first SYN is a new
 * connection and passes on. What nobody has tried again for long is let go.
 */
#include "netlink.h"
#include <netinet/in.h>

const CutSet CUT_SET[CUT_SETS] = {{"tcp4", FAMILY_IPV4, IPPROTO_TCP},
	{"tcp6", FAMILY_IPV6, IPPROTO_TCP}, {"udp4", FAMILY_IPV4, IPPROTO_UDP},
	{"udp6", FAMILY_IPV6, IPPROTO_UDP}};

BaseOptions cut_base(Arena *arena, const BaseOptions *base)
{
	return (BaseOptions){
		.table = arena_printf(arena, "%s" NFT_CUT_SUFFIX, base->table), .kind = base->kind};
}

static void render_set_of(Buf *buf, const CutSet *set)
{
	const char *address = set->family == FAMILY_IPV4 ? "ipv4_addr" : "ipv6_addr";

	buf_printf(buf, "\tset %s {\n\t\ttype %s . inet_service . %s . inet_service\n", set->name,
		address, address);
	buf_printf(buf, "\t\ttimeout %s\n\t}\n", set->protocol == IPPROTO_TCP ? "1d" : "3m");
}

static void render_rules_of(Buf *buf, const CutSet *set, bool is_drop)
{
	bool is_tcp = set->protocol == IPPROTO_TCP;
	const char *ip = set->family == FAMILY_IPV4 ? "ip" : "ip6", *l4 = is_tcp ? "tcp" : "udp";
	const char *refusal = is_drop  ? "drop"
			      : is_tcp ? "reject with tcp reset"
				       : "reject with icmpx port-unreachable";

	for (int is_back = 0; is_back < 2; is_back++) {
		const char *one = is_back ? "daddr" : "saddr", *two = is_back ? "saddr" : "daddr";

		buf_printf(buf, "\t\t%s%s %s . %s %s . %s %s . %s %s @%s %s\n",
			is_tcp ? "tcp flags != syn " : "", ip, one, l4, is_back ? "dport" : "sport",
			ip, two, l4, is_back ? "sport" : "dport", set->name, refusal);
	}
}

static void render_hook(Buf *buf, const char *hook, bool is_drop)
{
	buf_printf(buf,
		"\tchain %s {\n\t\ttype filter hook %s priority filter - 5; policy accept;\n"
		"\t\tct state established,related accept\n",
		hook, hook);
	for (size_t i = 0; i < CUT_SETS; i++)
		render_rules_of(buf, &CUT_SET[i], is_drop);
	buf_add(buf, "\t}\n");
}

/* Also at output: the node's own end of a connection that a pod began may be the one that talks. */
const char *cut_render_table(Arena *arena, const BaseOptions *cut, bool is_drop)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", table_name(arena, cut));
	for (size_t i = 0; i < CUT_SETS; i++)
		render_set_of(&buf, &CUT_SET[i]);
	render_hook(&buf, "forward", is_drop || table_is_bridge(cut->kind));
	if (!table_is_bridge(cut->kind)) {
		render_hook(&buf, "input", is_drop);
		render_hook(&buf, "output", is_drop);
	}
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}

static const CutSet *set_of(const Tuple *tuple)
{
	for (size_t i = 0; i < CUT_SETS; i++)
		if (CUT_SET[i].family == tuple->source.family &&
			CUT_SET[i].protocol == tuple->protocol)
			return &CUT_SET[i];
	return NULL; /* of other protocols nothing is taken up from the middle */
}

const char *cut_render_elements(
	Arena *arena, const BaseOptions *cut, const char *verb, const Tuples *tuples)
{
	const char *table = table_name(arena, cut);
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < tuples->n; i++) {
		const Tuple *tuple = &tuples->at[i];
		const CutSet *set = set_of(tuple);
		char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];

		if (set)
			buf_printf(&buf, "%s element %s %s { %s . %u . %s . %u }\n", verb, table,
				set->name, address_text(tuple->source, from), tuple->source_port,
				address_text(tuple->destination, to), tuple->port);
	}
	return buf_text(&buf);
}
