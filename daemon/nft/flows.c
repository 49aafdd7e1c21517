/*
 * Flows that the kernel tracks. Established ones pass our chains by, so those that a change forbids
 * must be forgotten: then their next packet is a new one, and judged.
 */
#include "netlink.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

struct Flows {
	struct mnl_socket *dump, *erase;
	NftAllows allows;
	void *context;
	/* of the piece that was taken last, until it is forgotten */
	Arena *arena;
	VEC(struct nf_conntrack *) forbidden;
	Tuples tuples;
};

Flows *flows_close(Flows *flows)
{
	if (!flows)
		return NULL;
	if (flows->dump)
		mnl_socket_close(flows->dump);
	if (flows->erase)
		mnl_socket_close(flows->erase);
	free(flows);
	return NULL;
}

static struct nlmsghdr *put_header(char *capacity, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(capacity);
	struct nfgenmsg *message;

	header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	*message = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	return header;
}

static int ask_for_all(const Flows *flows)
{
	char capacity[256];
	struct nlmsghdr *header = put_header(capacity, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);

	return mnl_socket_sendto(flows->dump, header, header->nlmsg_len) < 0 ? -errno : 0;
}

int flows_open(Flows **ret_flows)
{
	Flows *flows = MEMORY_NEW(Flows);
	int r;

	flows->dump = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	flows->erase = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!flows->dump || !flows->erase ||
		mnl_socket_bind(flows->dump, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_bind(flows->erase, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	else
		r = ask_for_all(flows);
	if (r < 0) {
		flows_close(flows);
		return r;
	}
	*ret_flows = flows;
	return 0;
}

int flows_fd(const Flows *flows)
{
	return mnl_socket_get_fd(flows->dump);
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

/* As the forward hook sees it: behind the translation of the destination, before the source's. */
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
	Flows *flows = context;
	struct nf_conntrack *ct = nfct_new();
	Tuple tuple;

	if (!ct)
		memory_end();
	if (nfct_nlmsg_parse(header, ct) < 0 || !read_tuple(ct, &tuple) ||
		flows->allows(flows->context, &tuple)) {
		nfct_destroy(ct);
		return MNL_CB_OK;
	}
	VEC_PUSH(flows->arena, &flows->forbidden, ct);
	VEC_PUSH(flows->arena, &flows->tuples, tuple);
	return MNL_CB_OK;
}

int flows_take(Flows *flows, Arena *arena, NftAllows allows, void *context)
{
	char capacity[32 * 1024];
	ssize_t got = recv(flows_fd(flows), capacity, sizeof(capacity), 0);
	int r;

	flows->arena = arena;
	flows->allows = allows;
	flows->context = context;
	flows->forbidden.n = flows->forbidden.capacity = 0;
	flows->tuples.n = flows->tuples.capacity = 0;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	r = mnl_cb_run(
		capacity, (size_t)got, 0, mnl_socket_get_portid(flows->dump), on_flow, flows);
	return r < 0 ? -errno : r == MNL_CB_OK;
}

const Tuples *flows_forbidden(const Flows *flows)
{
	return &flows->tuples;
}

/* That one has ended by itself meanwhile is as good. */
static bool forget(const Flows *flows, const struct nf_conntrack *ct)
{
	char capacity[4096];
	struct nlmsghdr *header = put_header(
		capacity, IPCTNL_MSG_CT_DELETE, 0, nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO));

	if (nfct_nlmsg_build(header, ct) < 0 ||
		mnl_socket_sendto(flows->erase, header, header->nlmsg_len) < 0)
		return false;
	/* an answer there is only to what failed */
	return recv(mnl_socket_get_fd(flows->erase), capacity, sizeof(capacity), 0) < 0;
}

unsigned flows_forget(Flows *flows)
{
	unsigned n = 0;

	for (size_t i = 0; i < flows->forbidden.n; i++) {
		n += forget(flows, flows->forbidden.at[i]);
		nfct_destroy(flows->forbidden.at[i]);
	}
	flows->forbidden.n = 0;
	return n;
}
