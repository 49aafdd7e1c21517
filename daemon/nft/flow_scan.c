/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pass over the connection tracking table. See flow_scan.h. */
#include "flow_scan.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
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
	/* parallel arrays: the forbidden flows of its piece; until flow_scan_delete */
	VEC(struct nf_conntrack *) forbidden;
	Tuples tuples;
};

FlowScan *flow_scan_close(FlowScan *scan)
{
	if (!scan)
		return NULL;
	assert(scan->forbidden.n == 0);
	if (scan->dump)
		mnl_socket_close(scan->dump);
	if (scan->deletion)
		mnl_socket_close(scan->deletion);
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

static int on_flow(const struct nlmsghdr *header, void *context)
{
	FlowScan *scan = context;
	struct nf_conntrack *ct = nfct_new();
	Tuple tuple;

	if (!ct)
		memory_end();
	if (nfct_nlmsg_parse(header, ct) < 0 || !read_tuple(ct, &tuple) ||
		scan->allows(scan->context, &tuple)) {
		nfct_destroy(ct);
		return MNL_CB_OK;
	}
	VEC_PUSH(scan->arena, &scan->forbidden, ct);
	VEC_PUSH(scan->arena, &scan->tuples, tuple);
	return MNL_CB_OK;
}

int flow_scan_read(FlowScan *scan, Arena *arena, NftAllows allows, void *context, bool *ret_is_done)
{
	char buffer[32 * 1024]; /* the size of the kernel's dump messages */
	ssize_t got;
	int r = MNL_CB_OK;

	assert(scan->forbidden.n == 0);
	scan->arena = arena;
	scan->allows = allows;
	scan->context = context;
	scan->forbidden.at = NULL;
	scan->forbidden.capacity = 0;
	scan->tuples = (Tuples){};
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

const Tuples *flow_scan_forbidden(const FlowScan *scan)
{
	return &scan->tuples;
}

/* False: it was not deleted: it has ended already, or the kernel refused. */
static bool delete_flow(const FlowScan *scan, const struct nf_conntrack *ct)
{
	char buffer[4096];
	struct nlmsghdr *header = put_header(
		buffer, IPCTNL_MSG_CT_DELETE, 0, nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO));

	if (nfct_nlmsg_build(header, ct) < 0 ||
		mnl_socket_sendto(scan->deletion, header, header->nlmsg_len) < 0)
		return false;
	/* without NLM_F_ACK the kernel answers an error only, and before sendto() returns */
	return recv(mnl_socket_get_fd(scan->deletion), buffer, sizeof(buffer), 0) < 0;
}

unsigned flow_scan_delete(FlowScan *scan)
{
	unsigned n = 0;

	for (size_t i = 0; i < scan->forbidden.n; i++) {
		n += delete_flow(scan, scan->forbidden.at[i]);
		nfct_destroy(scan->forbidden.at[i]);
	}
	scan->forbidden.n = 0;
	return n;
}
