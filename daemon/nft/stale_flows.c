/*
 * The table of flows that were cut. A forgotten TCP connection or UDP exchange could be taken up
 * again by its answering end: the kernel takes a packet from the middle for the first one of a flow
 * that its sender began. Here such packets, of either end, are refused. A first SYN is a new
 * connection and passes on. What nobody has tried again for long is let go.
 */
#include "kernel.h"
#include <errno.h>
#include <netinet/in.h>

typedef struct CutSet {
	const char *name;
	Family family;
	uint8_t protocol;
} CutSet;

static const CutSet CUT_SET[] = {{"tcp4", FAMILY_IPV4, IPPROTO_TCP},
	{"tcp6", FAMILY_IPV6, IPPROTO_TCP}, {"udp4", FAMILY_IPV4, IPPROTO_UDP},
	{"udp6", FAMILY_IPV6, IPPROTO_UDP}};

/* The name of ours, with NFT_CUT_SUFFIX. */
static BaseOptions cut_base(Arena *arena, const BaseOptions *base)
{
	return (BaseOptions){.table = arena_printf(arena, "%s" NFT_STALE_SUFFIX, base->table),
		.kind = base->kind};
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
	for (size_t i = 0; i < ARRAY_SIZE(CUT_SET); i++)
		render_rules_of(buf, &CUT_SET[i], is_drop);
	buf_add(buf, "\t}\n");
}

/* Also at output: the node's own end of a connection that a pod began may be the one that talks. */
static const char *cut_render_table(Arena *arena, const BaseOptions *cut, bool is_drop)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", table_name(arena, cut));
	for (size_t i = 0; i < ARRAY_SIZE(CUT_SET); i++)
		render_set_of(&buf, &CUT_SET[i]);
	render_hook(&buf, "forward", is_drop || table_is_bridge(cut->kind));
	if (!table_is_bridge(cut->kind)) {
		render_hook(&buf, "input", is_drop);
		render_hook(&buf, "output", is_drop);
	}
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}

/* ---- Cutting ---- */
int nft_flows_start(Nft *nft)
{
	int r;

	nft->flows = flows_close(nft->flows);
	r = flows_open(&nft->flows);
	return r < 0 ? r : flows_fd(nft->flows);
}

void nft_flows_end(Nft *nft)
{
	nft->flows = flows_close(nft->flows);
}

/* Set by set; of other protocols than these nothing is taken up from the middle. */
static int edit_sets(
	Nft *nft, Arena *arena, const BaseOptions *cut, bool is_add, const Tuples *tuples)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(CUT_SET); i++) {
		Tuples some = {};

		for (size_t k = 0; k < tuples->n; k++)
			if (tuples->at[k].source.family == CUT_SET[i].family &&
				tuples->at[k].protocol == CUT_SET[i].protocol)
				VEC_PUSH(arena, &some, tuples->at[k]);
		r = netlink_edit_stale(nft->netlink, arena, cut, CUT_SET[i].name, is_add, &some);
		nft->commits += r == 0 && some.n > 0;
	}
	return r;
}

/* First refused, then forgotten: between the two nothing can take the flow up again. */
static int cut_in(Nft *nft, Arena *arena, const NftStaleTable *table, const Tuples *tuples)
{
	BaseOptions cut = cut_base(arena, table->base);
	int r = edit_sets(nft, arena, &cut, true, tuples);

	nft->has_stale_table = true;
	if (r != -ENOENT)
		return r;
	r = kernel_run(nft, "cut", cut_render_table(arena, &cut, table->is_drop));
	return r == 0 ? edit_sets(nft, arena, &cut, true, tuples) : r;
}

int nft_flows_take(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context,
	NftKilled *ret_forgotten)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	int r = flows_take(nft->flows, arena, allows, context);
	const Tuples *tuples = flows_forbidden(nft->flows);
	NftKilled forgotten = {};

	for (size_t i = 0; tuples->n > 0 && i < n; i++)
		forgotten.is_refused |= cut_in(nft, arena, &tables[i], tuples) != 0;
	forgotten.n = flows_forget(nft->flows);
	*ret_forgotten = forgotten;
	return r;
}

/* What may go on now is let go; 0 and how many are left. */
static int review_table(Nft *nft, Arena *arena, const BaseOptions *cut, NftAllows allows,
	void *context, size_t *ret_left)
{
	Tuples tuples = {}, allowed = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(CUT_SET); i++)
		r = netlink_read_stale(nft->netlink, arena, cut, CUT_SET[i].name, CUT_SET[i].family,
			CUT_SET[i].protocol, &tuples);
	for (size_t i = 0; r == 0 && i < tuples.n; i++)
		if (allows(context, &tuples.at[i]))
			VEC_PUSH(arena, &allowed, tuples.at[i]);
	*ret_left = tuples.n - allowed.n;
	return r == 0 ? edit_sets(nft, arena, cut, false, &allowed) : r;
}

static int review(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	size_t left_at_all = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		BaseOptions cut = cut_base(arena, tables[i].base);
		size_t left = 0;

		if (!nft_has_table(nft, &cut))
			continue;
		r = review_table(nft, arena, &cut, allows, context, &left);
		left_at_all += left;
		if (r == 0 && left == 0)
			r = kernel_run(nft, "cut",
				arena_printf(arena, "delete table %s\n", table_name(arena, &cut)));
	}
	nft->has_stale_table = r != 0 || left_at_all > 0;
	return r;
}

int nft_flows_review(
	Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context)
{
	return nft->has_stale_table ? review(nft, tables, n, allows, context) : 0;
}
