/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch: notifications of changes to our tables (table_watch.h), as they may arrive: a
 * transaction's messages in pieces, between which netpold reads.
 *
 * The test sends the kernel's messages from a socket of its own, which needs root, in a network
 * namespace of its own, where no other process changes tables. No table is changed.
 */
#include "../../daemon/nft/table_watch.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <unistd.h>

static TableWatch *watch;
static struct mnl_socket *kernel;

static void set_up(void)
{
	if (geteuid() != 0)
		cr_skip("needs root: only root may send netlink messages to another process");
	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	cr_assert_eq(table_watch_open("ours", &watch), 0);
	kernel = mnl_socket_open(NETLINK_NETFILTER);
	cr_assert(kernel && mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID) == 0);
}

static void tear_down(void)
{
	if (kernel)
		mnl_socket_close(kernel);
	table_watch_close(watch);
}

static struct nlmsghdr *message_new(char *buffer, int type)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | type;
	*message = (struct nfgenmsg){.nfgen_family = NFPROTO_INET};
	return header;
}

static void notify(const struct nlmsghdr *header)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	socklen_t n = sizeof(to);

	cr_assert_eq(getsockname(table_watch_fd(watch), (struct sockaddr *)&to, &n), 0);
	cr_assert_eq(sendto(mnl_socket_get_fd(kernel), header, header->nlmsg_len, 0,
			     (struct sockaddr *)&to, sizeof(to)),
		(ssize_t)header->nlmsg_len);
}

/* One object of a transaction: the table `name` was deleted. */
static void notify_table(const char *name)
{
	char buffer[1024];
	struct nlmsghdr *header = message_new(buffer, NFT_MSG_DELTABLE);

	mnl_attr_put_strz(header, NFTA_TABLE_NAME, name);
	notify(header);
}

/* The end of a transaction, with the process that made it. */
static void notify_end(const char *process, uint32_t number)
{
	char buffer[1024];
	struct nlmsghdr *header = message_new(buffer, NFT_MSG_NEWGEN);

	mnl_attr_put_u32(header, NFTA_GEN_PROC_PID, htonl(number));
	mnl_attr_put_strz(header, NFTA_GEN_PROC_NAME, process);
	notify(header);
}

/* who: "nobody" if the author is unknown. */
static void expect(NftNotice notice, const char *who)
{
	char found[NFT_WHO_SIZE] = "nobody";

	cr_expect_eq(table_watch_read_notice(watch, found), notice);
	cr_expect_str_eq(found, who);
}

TestSuite(watch, .init = set_up, .fini = tear_down);

Test(watch, reports_the_author_of_a_change)
{
	notify_table("ours");
	notify_end("nft", 4711);
	expect(NFT_NOTICE_TAMPERED, "nft, process 4711");
	expect(NFT_NOTICE_NONE, "nobody");
}

Test(watch, reports_an_author_whose_message_comes_later)
{
	notify_table("ours");
	expect(NFT_NOTICE_TAMPERED, "nobody");
	notify_end("nft", 4711);
	expect(NFT_NOTICE_NONE, "nft, process 4711");
	expect(NFT_NOTICE_NONE, "nobody");
}

Test(watch, ignores_other_tables_and_their_authors)
{
	notify_table("theirs");
	notify_end("iptables-nft", 1);
	notify_table("ours");
	notify_end("nft", 4711);
	notify_table("our");
	notify_end("iptables-nft", 2);
	cr_expect_eq(table_watch_count_foreign(watch), 0,
		"nothing is read before the notice is asked for");
	expect(NFT_NOTICE_TAMPERED, "nft, process 4711");
	cr_expect_eq(table_watch_count_foreign(watch), 3);
	notify_table("our");
	notify_end("iptables-nft", 3);
	expect(NFT_NOTICE_NONE, "nobody");
}
