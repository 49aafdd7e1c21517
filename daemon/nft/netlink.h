/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * netlink: the module's own nf_tables socket.
 *
 * libnftables is slow at small edits: before each of them it lists every set and chain of the
 * machine. So elements, and the deletion of objects by name, go over this socket in messages that
 * we build ourselves: microseconds an element, whatever other tables hold. transaction.c
 * sends changes over it, element_dump.c reads elements; others ask for a table's handle or for the
 * generation number.
 *
 * An Nft owns one Netlink, from nft_open() to nft_close(). Requests are synchronous: each function
 * sends, and then reads or drops all answers, so that no request reads an answer to the one before
 * it. Only one thread may use it.
 */
#include "base.h"
#include "ruleset.h"
#include <libmnl/libmnl.h>

/* What one recv() reads at most; the kernel's own dump messages are smaller. */
#define NETLINK_BUFFER_SIZE (64 * 1024)

typedef struct Netlink {
	struct mnl_socket *socket;
	uint32_t sequence; /* of the next message */
} Netlink;

/* Opens the socket in the caller's network namespace. 0 or -errno. */
int netlink_open(Netlink **ret_netlink);
/* Takes NULL; returns NULL. */
Netlink *netlink_close(Netlink *netlink);
/* The port ID: the number by which the kernel names this socket in messages. */
uint32_t netlink_port(const Netlink *netlink);
/*
 * The port ID of libnftables' socket. Its API does not tell it, so we take the netfilter socket
 * with the highest file descriptor below ours: nft_open() lets libnftables open its socket just
 * before. 0: there is none.
 */
uint32_t netlink_libnftables_port(const Netlink *netlink);
/* The number of the last transaction that changed nf_tables in this namespace. 0 or -errno. */
int netlink_read_generation(Netlink *netlink, uint32_t *ret_generation);
/*
 * The handle by which the kernel tells a table from a later one of the same name; 0: there is no
 * such table. 0 or -errno.
 */
int netlink_read_handle(Netlink *netlink, const BaseOptions *base, uint64_t *ret_handle);
/*
 * Reads and drops all messages that wait in this socket. After a dump that failed half-way: the
 * next request would take the rest of it for its own answer.
 */
void netlink_discard(Netlink *netlink);
/* The family of our table in netlink messages: NFPROTO_INET or NFPROTO_BRIDGE. */
uint16_t netlink_table_family(const BaseOptions *base);
