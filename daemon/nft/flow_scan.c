/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pass over the connection tracking table. See flow_scan.h. */
#include "flow_scan.h"
#include "render.h"
#include "stale_table.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

struct FlowScan {
	/* two sockets: a deletion's answer must not come among messages of the unfinished dump */
	struct mnl_socket *dump, *deletion;
	/* arguments of the last flow_scan_read */
	Arena *arena;
	NftAllows allows;
	void *context;
	FlowChanges changes; /* of its piece; until flow_scan_carry_out */
	unsigned n_marked;   /* of its piece */
	/* addresses that flow_scan_is_new_pod() was asked about */
	Arena *pods_arena;
	HashTable *pods;
};

FlowScan *flow_scan_close(FlowScan *scan)
{
	if (!scan)
		return NULL;
	assert(scan->changes.n == 0);
	if (scan->dump)
		mnl_socket_close(scan->dump);
	if (scan->deletion)
		mnl_socket_close(scan->deletion);
	arena_free(scan->pods_arena);
	free(scan);
	return NULL;
}

static struct nlmsghdr *put_header(char *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *message;

	header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	*message = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	return header;
}

static int request_dump(const FlowScan *scan)
{
	char buffer[256];
	struct nlmsghdr *header = put_header(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	return mnl_socket_sendto(scan->dump, header, header->nlmsg_len) < 0 ? -errno : 0;
}

int flow_scan_open(FlowScan **ret_scan)
{
	FlowScan *scan = MEMORY_NEW(FlowScan);
	int r;

	scan->pods_arena = arena_new();
	scan->pods = hash_table_new(scan->pods_arena);
	scan->dump = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	scan->deletion = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!scan->dump || !scan->deletion ||
		mnl_socket_bind(scan->dump, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_bind(scan->deletion, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	else
		r = request_dump(scan);
	if (r < 0) {
		flow_scan_close(scan);
		return r;
	}
	*ret_scan = scan;
	return 0;
}

int flow_scan_fd(const FlowScan *scan)
{
	return mnl_socket_get_fd(scan->dump);
}

/* ---- One flow ---- */
static Address address_of(const struct nf_conntrack *ct, Family family, enum nf_conntrack_attr ipv4,
	enum nf_conntrack_attr ipv6)
{
	uint32_t four;

	if (family == FAMILY_IPV6)
		return address_from_bytes(family, nfct_get_attr(ct, ipv6));
	four = nfct_get_attr_u32(ct, ipv4);
	return address_from_bytes(family, (const uint8_t *)&four);
}

/*
 * The flow as the forward hook sees it: after destination NAT, before source NAT. So the source is
 * that of the original direction, and the destination is the source of the reply direction. False:
 * the entry is neither IPv4 nor IPv6, or is incomplete.
 */
static bool read_tuple(const struct nf_conntrack *ct, Tuple *ret_tuple)
{
	uint8_t l3 = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO);
	Family family = l3 == AF_INET6 ? FAMILY_IPV6 : FAMILY_IPV4;

	if ((l3 != AF_INET && l3 != AF_INET6) ||
		!nfct_attr_is_set(
			ct, family == FAMILY_IPV4 ? ATTR_REPL_IPV4_SRC : ATTR_REPL_IPV6_SRC))
		return false;
	*ret_tuple = (Tuple){
		.source = address_of(ct, family, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC),
		.destination = address_of(ct, family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC),
		.protocol = nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO),
		.port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC)),
		.source_port = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC))};
	return true;
}

static uint32_t our_mark(const struct nf_conntrack *ct)
{
	uint32_t mark = nfct_get_attr_u32(ct, ATTR_MARK);

	return (mark & STALE_MARK_MASK) == STALE_MARK ? mark : 0;
}

static bool is_reopened(uint32_t mark)
{
	return mark == STALE_MARK_REOPENED || mark == STALE_MARK_REOPENED_CUT;
}

static bool is_refused(uint32_t mark)
{
	return mark && mark != STALE_MARK_REOPENED;
}

/* The mark that the flow has to have, which has `mark`; 0: none of ours. */
static uint32_t wanted_mark(uint32_t mark, bool is_allowed, const NftForbidden *forbidden)
{
	if (is_reopened(mark))
		return is_allowed ? STALE_MARK_REOPENED : STALE_MARK_REOPENED_CUT;
	if (is_allowed)
		return 0;
	return forbidden->may_reopen ? STALE_MARK_ONE_WAY : STALE_MARK;
}

/*
 * conntrack picks a TCP flow up of which it has not seen the SYN, and is liberal with its windows
 * then. Such flows are older than our table, or were there while the table was being hooked.
 */
static bool is_picked_up(const struct nf_conntrack *ct)
{
	return nfct_attr_is_set(ct, ATTR_TCP_FLAGS_ORIG) &&
	       nfct_get_attr_u8(ct, ATTR_TCP_FLAGS_ORIG) & IP_CT_TCP_FLAG_BE_LIBERAL;
}

static NftOpener find_opener(const struct nf_conntrack *ct, const Tuple *tuple)
{
	bool is_source_high = tuple->source_port >= CLIENT_PORT_MIN;
	bool is_destination_high = tuple->port >= CLIENT_PORT_MIN;

	if (is_reopened(our_mark(ct)))
		return NFT_OPENER_DESTINATION;
	if (tuple->protocol != PROTOCOL_TCP || !is_picked_up(ct))
		return NFT_OPENER_SOURCE;
	if (is_source_high == is_destination_high)
		return NFT_OPENER_UNKNOWN;
	return is_source_high ? NFT_OPENER_SOURCE : NFT_OPENER_DESTINATION;
}

/*
 * A TCP flow of which the server's packets would look like a client's is not deleted: nothing would
 * tell its next packet from one of a flow that the server opened.
 */
static bool is_deletable(const Tuple *tuple)
{
	bool is_reversed = tuple->source_port < CLIENT_PORT_MIN && tuple->port >= CLIENT_PORT_MIN;

	return tuple->protocol == PROTOCOL_TCP && !is_reversed;
}

/* False: the flow stays as it is. */
static bool find_change(FlowScan *scan, struct nf_conntrack *ct, FlowChange *ret_change)
{
	FlowChange change = {.ct = ct};
	Tuple tuple;
	bool is_allowed;

	if (!read_tuple(ct, &tuple))
		return false;
	is_allowed =
		scan->allows(scan->context, &tuple, find_opener(ct, &tuple), &change.forbidden);
	change.mark = wanted_mark(our_mark(ct), is_allowed, &change.forbidden);
	change.is_deletion = !is_allowed && is_deletable(&tuple);
	change.is_new = !is_allowed && !is_refused(our_mark(ct));
	scan->n_marked += !is_allowed && !change.is_deletion;
	*ret_change = change;
	return change.is_deletion || change.mark != our_mark(ct);
}

static int on_flow(const struct nlmsghdr *header, void *context)
{
	FlowScan *scan = context;
	struct nf_conntrack *ct = nfct_new();
	FlowChange change;

	if (!ct)
		memory_end();
	if (nfct_nlmsg_parse(header, ct) < 0 || !find_change(scan, ct, &change)) {
		nfct_destroy(ct);
		return MNL_CB_OK;
	}
	VEC_PUSH(scan->arena, &scan->changes, change);
	return MNL_CB_OK;
}

int flow_scan_read(FlowScan *scan, Arena *arena, NftAllows allows, void *context, bool *ret_is_done)
{
	char buffer[32 * 1024]; /* the size of the kernel's dump messages */
	ssize_t got;
	int r = MNL_CB_OK;

	assert(scan->changes.n == 0);
	scan->arena = arena;
	scan->allows = allows;
	scan->context = context;
	scan->changes = (FlowChanges){};
	scan->n_marked = 0;
	got = recv(flow_scan_fd(scan), buffer, sizeof(buffer), 0);
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (got >= 0)
		r = mnl_cb_run(
			buffer, (size_t)got, 0, mnl_socket_get_portid(scan->dump), on_flow, scan);
	if (r < 0)
		return -errno;
	*ret_is_done = r == MNL_CB_STOP;
	return 0;
}

const FlowChanges *flow_scan_changes(const FlowScan *scan)
{
	return &scan->changes;
}

unsigned flow_scan_n_marked(const FlowScan *scan)
{
	return scan->n_marked;
}

bool flow_scan_is_new_pod(FlowScan *scan, Address pod)
{
	uint32_t hash = hash_bytes(HASH_START, &pod.value, sizeof(pod.value));
	size_t cursor = 0;
	const Address *known;
	Address *copy;

	while ((known = hash_table_find(scan->pods, hash, &cursor)) != NULL)
		if (address_is_equal(*known, pod))
			return false;
	copy = ARENA_NEW(scan->pods_arena, Address);
	*copy = pod;
	hash_table_add(scan->pods, hash, copy);
	return true;
}

/* ---- Changes ---- */
/* False: it was not changed: it has ended already, or the kernel refused. */
static bool send_change(
	const FlowScan *scan, uint16_t type, const struct nf_conntrack *of, struct nf_conntrack *ct)
{
	char buffer[4096];
	struct nlmsghdr *header =
		put_header(buffer, type, 0, nfct_get_attr_u8(of, ATTR_ORIG_L3PROTO));

	if (nfct_nlmsg_build(header, ct) < 0 ||
		mnl_socket_sendto(scan->deletion, header, header->nlmsg_len) < 0)
		return false;
	/* without NLM_F_ACK the kernel answers an error only, and before sendto() returns */
	return recv(mnl_socket_get_fd(scan->deletion), buffer, sizeof(buffer), 0) < 0;
}

/* The message has the flow's tuple and the mark alone: the kernel takes the rest for a change. */
static bool set_mark(const FlowScan *scan, const struct nf_conntrack *of, uint32_t mark)
{
	struct nf_conntrack *ct = nfct_new();
	bool is_done;

	if (!ct)
		memory_end();
	nfct_copy(ct, of, NFCT_CP_ORIG);
	if (nfct_attr_is_set(of, ATTR_ZONE))
		nfct_set_attr_u16(ct, ATTR_ZONE, nfct_get_attr_u16(of, ATTR_ZONE));
	nfct_set_attr_u32(ct, ATTR_MARK, mark);
	is_done = send_change(scan, IPCTNL_MSG_CT_NEW, of, ct);
	nfct_destroy(ct);
	return is_done;
}

unsigned flow_scan_carry_out(FlowScan *scan)
{
	unsigned n = 0;

	for (size_t i = 0; i < scan->changes.n; i++) {
		const FlowChange *change = &scan->changes.at[i];
		bool is_done = change->is_deletion ? send_change(scan, IPCTNL_MSG_CT_DELETE,
							     change->ct, change->ct)
						   : set_mark(scan, change->ct, change->mark);

		n += is_done && change->is_new;
		nfct_destroy(change->ct);
	}
	scan->changes = (FlowChanges){};
	return n;
}
