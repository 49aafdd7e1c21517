/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps of set and map elements. See element_dump.h. */
#include "element_dump.h"
#include "element_key.h"
#include <assert.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

/* Called for each element by nftnl_set_elem_foreach(). Returns 0, or -1 to stop. */
typedef int (*ElementVisit)(struct nftnl_set_elem *element, void *context);

typedef struct Dump {
	ElementVisit visit;
	void *context;
} Dump;

static struct nftnl_set *set_alloc(void)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		memory_end();
	return set;
}

static int on_dump(const struct nlmsghdr *header, void *context)
{
	Dump *dump = context;
	struct nftnl_set *set = set_alloc();

	if (nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, dump->visit, dump->context);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static int request_dump(
	Netlink *netlink, const BaseOptions *base, const char *name, uint32_t sequence)
{
	char buffer[4096] = {};
	struct nftnl_set *set = set_alloc();
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(
		buffer, NFT_MSG_GETSETELEM, netlink_table_family(base), NLM_F_DUMP, sequence);

	nftnl_set_set_str(set, NFTNL_SET_TABLE, base->table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_elems_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	return mnl_socket_sendto(netlink->socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}

static int dump_elements(Netlink *netlink, const BaseOptions *base, const char *name, Dump *dump)
{
	char buffer[NETLINK_BUFFER_SIZE];
	uint32_t sequence = netlink->sequence++;
	int r = request_dump(netlink, base, name, sequence);

	if (r < 0)
		return r;
	do {
		ssize_t got = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));

		if (got < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)got, sequence, netlink_port(netlink), on_dump, dump);
	} while (r == MNL_CB_OK);
	if (r < 0) {
		r = -errno;
		netlink_discard(netlink);
	}
	return r;
}

/* ---- Sets ---- */
typedef struct SetReading {
	Arena *arena;
	Set *set;
} SetReading;

static int visit_set(struct nftnl_set_elem *element, void *context)
{
	SetReading *reading = context;
	uint32_t n = 0;
	const void *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);

	VEC_PUSH(reading->arena, &reading->set->elements, element_key_read(reading->set, key, n));
	return 0;
}

int element_dump_set(Netlink *netlink, Arena *arena, const BaseOptions *base, Set *set)
{
	SetReading reading = {arena, set};

	assert(set->kind != SET_CIDR && set->refcount == 0);
	return dump_elements(netlink, base, set->name, &(Dump){visit_set, &reading});
}

/* ---- Verdict maps ---- */
typedef struct MapReading {
	Arena *arena;
	Family family;
	uint32_t verdict_code; /* NFT_GOTO or NFT_JUMP, by the map's direction */
	bool has_unexpected;
	Verdicts *verdicts;
} MapReading;

static int visit_map(struct nftnl_set_elem *element, void *context)
{
	MapReading *reading = context;
	uint32_t n = 0;
	const void *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);
	const char *chain = nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN);

	if (!chain ||
		nftnl_set_elem_get_u32(element, NFTNL_SET_ELEM_VERDICT) != reading->verdict_code) {
		reading->has_unexpected = true;
		return 0;
	}
	VEC_PUSH(reading->arena, reading->verdicts,
		(Verdict){address_from_bytes(reading->family, key),
			arena_strdup(reading->arena, chain)});
	return 0;
}

int element_dump_map(Netlink *netlink, Arena *arena, const BaseOptions *base, Direction direction,
	Family family, Verdicts *verdicts, bool *ret_has_unexpected)
{
	MapReading reading = {.arena = arena,
		.family = family,
		.verdict_code = (uint32_t)(direction == INGRESS ? NFT_GOTO : NFT_JUMP),
		.verdicts = verdicts};
	int r = dump_elements(netlink, base, object_name_map(direction, family, false),
		&(Dump){visit_map, &reading});

	if (r == 0)
		*ret_has_unexpected = reading.has_unexpected;
	return r;
}

/* ---- Counters ---- */
typedef struct CounterReading {
	Arena *arena;
	NftForgedCounts *counts;
} CounterReading;

static int visit_counter(struct nftnl_set_elem *element, void *context)
{
	CounterReading *reading = context;
	uint32_t n = 0;
	const void *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);
	const struct nftnl_expr *counter = nftnl_set_elem_get(element, NFTNL_SET_ELEM_EXPR, &n);
	NftForged forged = {};

	if (!key || !counter)
		return 0;
	memcpy(&forged.interface, key, sizeof(forged.interface)); /* in host byte order */
	forged.packets = nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_PACKETS);
	VEC_PUSH(reading->arena, reading->counts, forged);
	return 0;
}

int element_dump_counters(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *set,
	NftForgedCounts *counts)
{
	CounterReading reading = {arena, counts};

	return dump_elements(netlink, base, set, &(Dump){visit_counter, &reading});
}

/* ---- Counters of refused packets ---- */
typedef struct DenialReading {
	Arena *arena;
	DenialKind kind;
	Family family;
	DenialCounts *counts;
} DenialReading;

static int add_counter(struct nftnl_expr *expression, void *context)
{
	DenialCount *count = context;

	count->packets += nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
	count->bytes += nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES);
	return 0;
}

static int visit_denied(struct nftnl_set_elem *element, void *context)
{
	DenialReading *reading = context;
	uint32_t n = 0;
	const uint8_t *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);
	DenialCount count = {.kind = reading->kind};

	if (n < (reading->family == FAMILY_IPV4 ? 4u : 16u))
		return 0;
	count.address = address_from_bytes(reading->family, key);
	nftnl_set_elem_expr_foreach(element, add_counter, &count);
	VEC_PUSH(reading->arena, &reading->counts->list, count);
	return 0;
}

int element_dump_denied(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *set,
	DenialKind kind, Family family, DenialCounts *counts)
{
	DenialReading reading = {arena, kind, family, counts};

	return dump_elements(netlink, base, set, &(Dump){visit_denied, &reading});
}
