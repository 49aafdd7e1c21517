/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications of changes to our tables by others. See table_watch.h. */
#include "table_watch.h"
#include <arpa/inet.h>
#include <assert.h>
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
	char *table, *senders; /* NAME, NAME_senders */
	bool is_senders_changed;
	NftNotice notice;	/* read, and not yet returned by table_watch_read_notice */
	bool is_author_pending; /* a change of our tables was read, its NFT_MSG_NEWGEN not yet */
	char who[NFT_WHO_SIZE]; /* author of the change; "": not known */
	uint32_t n_foreign;	/* NFT_MSG_NEWGEN messages read */
};

TableWatch *table_watch_close(TableWatch *watch)
{
	if (!watch)
		return NULL;
	if (watch->socket)
		mnl_socket_close(watch->socket);
	free(watch->table);
	free(watch->senders);
	free(watch);
	return NULL;
}

/*
 * A notification carries the port ID of the socket that made the change. The header has it in host
 * byte order, but classic BPF loads words as big-endian: so it is compared with htonl() of the ID.
 */
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
	ARENA_CLEANUP Arena *scratch = arena_new();
	TableWatch *watch = MEMORY_NEW(TableWatch);
	int receive_size = 64 << 20, error;

	assert(*table);
	watch->table = memory_copy_text(table);
	watch->senders = memory_copy_text(object_name_table(scratch, table, TABLE_SENDERS));
	watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		table_watch_close(watch);
		return -error;
	}
	setsockopt(mnl_socket_get_fd(watch->socket), SOL_SOCKET, SO_RCVBUFFORCE, &receive_size,
		sizeof(receive_size));
	table_watch_subscribe(watch, true);
	*ret_watch = watch;
	return 0;
}

void table_watch_subscribe(TableWatch *watch, bool is_on)
{
	int group = NFNLGRP_NFTABLES;

	mnl_socket_setsockopt(watch->socket,
		is_on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
}

int table_watch_fd(const TableWatch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

/* NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE ... are all attribute 1. */
static bool is_about_table(const struct nlmsghdr *header, const char *table)
{
	const struct nfgenmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute;

	if (message->nfgen_family != NFPROTO_INET && message->nfgen_family != NFPROTO_BRIDGE)
		return false;
	mnl_attr_for_each(attribute, header, sizeof(*message))
	{
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME)
			return strncmp(mnl_attr_get_str(attribute), table,
				       mnl_attr_get_payload_len(attribute)) == 0;
	}
	return false;
}

/* NFT_MSG_NEWGEN names the process: "nft, process 4711". */
static void read_author(TableWatch *watch, const struct nlmsghdr *header)
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
		watch->n_foreign++;
		if (watch->is_author_pending && !*watch->who)
			read_author(watch, header);
		watch->is_author_pending = false;
	} else if (is_about_table(header, watch->senders)) {
		watch->is_senders_changed = true;
	} else if (is_about_table(header, watch->table)) {
		watch->notice = NFT_NOTICE_TAMPERED;
		watch->is_author_pending = true;
	}
}

void table_watch_read(TableWatch *watch)
{
	char buffer[64 * 1024];

	for (;;) {
		ssize_t got = recv(table_watch_fd(watch), buffer, sizeof(buffer), MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0 && errno == ENOBUFS && watch->notice == NFT_NOTICE_NONE)
			watch->notice = NFT_NOTICE_LOST;
		if (got < 0 && errno == ENOBUFS)
			watch->is_senders_changed = true;
		if (got < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (got < 0)
			return;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; mnl_nlmsg_ok(h, left);
			h = mnl_nlmsg_next(h, &left))
			read_message(watch, h);
	}
}

NftNotice table_watch_read_notice(TableWatch *watch, char ret_who[NFT_WHO_SIZE])
{
	NftNotice notice;

	table_watch_read(watch);
	notice = watch->notice;
	if (*watch->who)
		memcpy(ret_who, watch->who, NFT_WHO_SIZE);
	watch->notice = NFT_NOTICE_NONE;
	watch->who[0] = '\0';
	return notice;
}

bool table_watch_take_senders(TableWatch *watch)
{
	bool is_changed = watch->is_senders_changed;

	watch->is_senders_changed = false;
	return is_changed;
}

uint32_t table_watch_count_foreign(const TableWatch *watch)
{
	return watch->n_foreign;
}
