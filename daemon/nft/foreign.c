/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains of other policy engines, by their names. */
#include "netlink.h"
#include "nft.h"
#include <errno.h>
#include <libnftnl/chain.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

/* Each engine is found by the beginnings that it gives to the names of its chains. */
static const struct {
	const char *prefix, *engine;
} KNOWN[] = {{"KUBE-ROUTER-", "kube-router"}, {"KUBE-POD-FW-", "kube-router"},
	{"KUBE-NWPLCY-", "kube-router"}, {"cali-", "Calico"}, {"filter-cali-", "Calico"},
	{"WEAVE-NPC", "Weave Net"}};

typedef struct Reading {
	Arena *arena;
	NftForeigns *found;
} Reading;

static const char *engine_of(const char *chain)
{
	for (size_t i = 0; i < ARRAY_SIZE(KNOWN); i++)
		if (strncmp(chain, KNOWN[i].prefix, strlen(KNOWN[i].prefix)) == 0)
			return KNOWN[i].engine;
	return NULL;
}

static const char *family_text(uint32_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "other";
	}
}

static void add(Reading *reading, uint32_t family, const char *table, const char *chain)
{
	const char *engine = engine_of(chain);
	NftForeign *entry;

	if (!engine)
		return;
	for (size_t i = 0; i < reading->found->n; i++) {
		entry = &reading->found->at[i];
		if (entry->engine == engine && strcmp(entry->family, family_text(family)) == 0 &&
			strcmp(entry->table, table) == 0) {
			entry->n++;
			return;
		}
	}
	if (reading->found->n < NFT_FOREIGN_MAX)
		VEC_PUSH(reading->arena, reading->found,
			(NftForeign){.engine = engine,
				.family = family_text(family),
				.table = arena_strdup(reading->arena, table),
				.chain = arena_strdup(reading->arena, chain),
				.n = 1});
}

static int on_chain(const struct nlmsghdr *header, void *context)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	const char *table, *name;

	if (!chain)
		memory_end();
	if (nftnl_chain_nlmsg_parse(header, chain) == 0) {
		table = nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE);
		name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
		if (table && name)
			add(context, nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY), table, name);
	}
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

/* 0 or -errno. A dump that others' changes interrupt (EINTR) may lack some: it is soon made again.
 */
static int dump_chains(Netlink *netlink, Reading *reading)
{
	char buffer[NETLINK_BUFFER_SIZE] = {};
	uint32_t sequence = netlink->sequence++;
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(
		buffer, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, sequence);
	int r;

	if (mnl_socket_sendto(netlink->socket, header, header->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t got = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));

		if (got < 0)
			return -errno;
		r = mnl_cb_run(
			buffer, (size_t)got, sequence, netlink_port(netlink), on_chain, reading);
	} while (r == MNL_CB_OK);
	return r < 0 ? -errno : 0;
}

int nft_find_foreign(Arena *arena, NftForeigns *found)
{
	Reading reading = {arena, found};
	Netlink *netlink = NULL;
	/* a socket of its own: what an interrupted dump leaves in it goes with it */
	int r = netlink_open(&netlink);

	if (r == 0)
		r = dump_chains(netlink, &reading);
	netlink_close(netlink);
	return r;
}
