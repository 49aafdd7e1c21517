/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket: opening it, port IDs, generation number, a table's handle. See netlink.h. */
#include "netlink.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

int netlink_open(Netlink **ret_netlink)
{
	Netlink *netlink = MEMORY_NEW(Netlink);

	netlink->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		netlink_close(netlink);
		return -error;
	}
	*ret_netlink = netlink;
	return 0;
}

Netlink *netlink_close(Netlink *netlink)
{
	if (netlink && netlink->socket)
		mnl_socket_close(netlink->socket);
	free(netlink);
	return NULL;
}

uint16_t netlink_table_family(const BaseOptions *base)
{
	return table_is_bridge(base->kind) ? NFPROTO_BRIDGE : NFPROTO_INET;
}

void netlink_discard(Netlink *netlink)
{
	char buffer[NETLINK_BUFFER_SIZE];

	while (recv(mnl_socket_get_fd(netlink->socket), buffer, sizeof(buffer), MSG_DONTWAIT) >=
			0 ||
		errno == EINTR || errno == ENOBUFS)
		;
}

/* ---- Port IDs ---- */
uint32_t netlink_port(const Netlink *netlink)
{
	return mnl_socket_get_portid(netlink->socket);
}

/* The value of an integer socket option, or -1 where `fd` is no socket. */
static int socket_option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/*
 * A netlink socket gets its port ID when it is bound. libnftables does not bind; the kernel does,
 * at the first message. If that has not happened yet we bind the socket ourselves, and leave the
 * choice of the port to the kernel likewise: the port stays the same afterwards.
 */
static uint32_t socket_port(int fd)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	if (address.nl_pid == 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 0;
	size = sizeof(address);
	return getsockname(fd, (struct sockaddr *)&address, &size) < 0 ? 0 : address.nl_pid;
}

uint32_t netlink_libnftables_port(const Netlink *netlink)
{
	for (int fd = mnl_socket_get_fd(netlink->socket) - 1; fd >= 0; fd--)
		if (socket_option(fd, SO_DOMAIN) == AF_NETLINK &&
			socket_option(fd, SO_PROTOCOL) == NETLINK_NETFILTER)
			return socket_port(fd);
	return 0;
}

/* ---- Short questions ---- */
/* Sends the request, and gives the one answer to on_answer. 0 or -errno, also the kernel's own. */
static int ask(Netlink *netlink, const struct nlmsghdr *request, mnl_cb_t on_answer, void *context)
{
	char buffer[8192];
	ssize_t got;

	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	got = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));
	if (got < 0 || mnl_cb_run(buffer, (size_t)got, request->nlmsg_seq, netlink_port(netlink),
			       on_answer, context) < 0)
		return -errno;
	return 0;
}

static int on_generation(const struct nlmsghdr *header, void *context)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, header, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) == NFTA_GEN_ID)
			*(uint32_t *)context = ntohl(mnl_attr_get_u32(attribute));
	}
	return MNL_CB_STOP;
}

int netlink_read_generation(Netlink *netlink, uint32_t *ret_generation)
{
	char buffer[256];
	uint32_t generation = 0;
	int r = ask(netlink,
		nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, AF_UNSPEC, 0, netlink->sequence++),
		on_generation, &generation);

	if (r == 0)
		*ret_generation = generation;
	return r;
}

static int on_table(const struct nlmsghdr *header, void *context)
{
	struct nftnl_table *table = nftnl_table_alloc();

	if (!table)
		memory_end();
	if (nftnl_table_nlmsg_parse(header, table) == 0)
		*(uint64_t *)context = nftnl_table_get_u64(table, NFTNL_TABLE_HANDLE);
	nftnl_table_free(table);
	return MNL_CB_STOP;
}

int netlink_read_handle(Netlink *netlink, const BaseOptions *base, uint64_t *ret_handle)
{
	char buffer[4096] = {};
	uint64_t handle = 0;
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr(
		buffer, NFT_MSG_GETTABLE, netlink_table_family(base), 0, netlink->sequence++);
	int r;

	mnl_attr_put_strz(request, NFTA_TABLE_NAME, base->table);
	r = ask(netlink, request, on_table, &handle);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_handle = handle;
	return 0;
}
