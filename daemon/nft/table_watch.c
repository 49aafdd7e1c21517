/*
 * Whether somebody else changes our tables: the kernel tells of every change to nftables. Our own
 * are filtered out in the kernel, by the port of the socket that asked for them, so that a change
 * of ours with 100,000 elements fills no queue. Should one slip by all the same, that costs a look,
 * no more.
 */
#include "netlink.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct TableWatch {
	struct mnl_socket *socket;
	char *table;
	NftNotice news;	    /* read and not taken yet */
	bool is_unfinished; /* a change of our tables was read, and not yet whose it was */
	char who[NFT_WHO_SIZE];
	uint32_t foreign;
};

TableWatch *table_watch_close(TableWatch *watch)
{
	if (!watch)
		return NULL;
	if (watch->socket)
		mnl_socket_close(watch->socket);
	free(watch->table);
	free(watch);
	return NULL;
}

/* Drops what these two ports asked for; classic BPF loads words in network order. */
int table_watch_ignore(TableWatch *watch, uint32_t one, uint32_t two)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(one), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(two), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {ARRAY_SIZE(code), code};

	return setsockopt(table_watch_fd(watch), SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)) < 0
		       ? -errno
		       : 0;
}

int table_watch_open(const char *table, TableWatch **ret_watch)
{
	TableWatch *watch = MEMORY_NEW(TableWatch);
	int capacity = 64 << 20, error;

	watch->table = memory_copy_text(table);
	watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		table_watch_close(watch);
		return -error;
	}
	setsockopt(mnl_socket_get_fd(watch->socket), SOL_SOCKET, SO_RCVBUFFORCE, &capacity,
		sizeof(capacity));
	table_watch_listen(watch, true);
	*ret_watch = watch;
	return 0;
}

void table_watch_listen(TableWatch *watch, bool is_on)
{
	int group = NFNLGRP_NFTABLES;

	mnl_socket_setsockopt(watch->socket,
		is_on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
}

int table_watch_fd(const TableWatch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

/* The first attribute of every object's message is the name of its table. */
static bool concerns(const TableWatch *watch, const struct nlmsghdr *header)
{
	const struct nfgenmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute;

	if (message->nfgen_family != NFPROTO_INET && message->nfgen_family != NFPROTO_BRIDGE)
		return false;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME)
			return strncmp(mnl_attr_get_str(attribute), watch->table,
				       mnl_attr_get_payload_len(attribute)) == 0;
	}
	return false;
}

/* A transaction's last message says whose it was. */
static void read_who(TableWatch *watch, const struct nlmsghdr *header)
{
	const struct nlattr *attribute;
	const char *name = NULL;
	uint32_t process = 0;

	mnl_attr_for_each(attribute, header, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) == NFTA_GEN_PROC_NAME &&
			mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
			name = mnl_attr_get_str(attribute);
		if (mnl_attr_get_type(attribute) == NFTA_GEN_PROC_PID)
			process = ntohl(mnl_attr_get_u32(attribute));
	}
	if (name)
		snprintf(watch->who, sizeof(watch->who), "%s, process %u", name, process);
}

static void read_message(TableWatch *watch, const struct nlmsghdr *header)
{
	if ((header->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
		watch->foreign++;
		if (watch->is_unfinished && !*watch->who)
			read_who(watch, header);
		watch->is_unfinished = false;
	} else if (concerns(watch, header)) {
		watch->news = NFT_NOTICE_TAMPERED;
		watch->is_unfinished = true;
	}
}

void table_watch_read(TableWatch *watch)
{
	char capacity[64 * 1024];

	for (;;) {
		ssize_t got = recv(table_watch_fd(watch), capacity, sizeof(capacity), MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0 && errno == ENOBUFS && watch->news == NFT_NOTICE_NONE)
			watch->news = NFT_NOTICE_LOST;
		if (got < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (got < 0)
			return;
		for (struct nlmsghdr *h = (struct nlmsghdr *)capacity; mnl_nlmsg_ok(h, left);
			h = mnl_nlmsg_next(h, &left))
			read_message(watch, h);
	}
}

NftNotice table_watch_read_notice(TableWatch *watch, char ret_who[NFT_WHO_SIZE])
{
	NftNotice news;

	table_watch_read(watch);
	news = watch->news;
	if (*watch->who)
		memcpy(ret_who, watch->who, NFT_WHO_SIZE);
	watch->news = NFT_NOTICE_NONE;
	watch->who[0] = '\0';
	return news;
}

uint32_t table_watch_count_foreign(const TableWatch *watch)
{
	return watch->foreign;
}
