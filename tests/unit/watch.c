/*
 * watch: the kernel's news of our tables, as they may come: in pieces, between which netpold looks.
 * The kernel's part is played by a socket of the test, which needs root, in a network namespace of
 * its own: whoever changes the machine's tables meanwhile would be heard too. No table is touched.
 */
#include "../../daemon/nft/netlink.h"
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
		cr_skip("needs root: to speak as the kernel does");
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

static struct nlmsghdr *begin(char *capacity, int type)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(capacity);
	struct nfgenmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | type;
	*message = (struct nfgenmsg){.nfgen_family = NFPROTO_INET};
	return header;
}

static void tell(const struct nlmsghdr *header)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	socklen_t n = sizeof(to);

	cr_assert_eq(getsockname(table_watch_fd(watch), (struct sockaddr *)&to, &n), 0);
	cr_assert_eq(sendto(mnl_socket_get_fd(kernel), header, header->nlmsg_len, 0,
			     (struct sockaddr *)&to, sizeof(to)),
		(ssize_t)header->nlmsg_len);
}

static void tell_of_table(const char *name)
{
	char capacity[1024];
	struct nlmsghdr *header = begin(capacity, NFT_MSG_DELTABLE);

	mnl_attr_put_strz(header, NFTA_TABLE_NAME, name);
	tell(header);
}

static void tell_end(const char *process, uint32_t number)
{
	char capacity[1024];
	struct nlmsghdr *header = begin(capacity, NFT_MSG_NEWGEN);

	mnl_attr_put_u32(header, NFTA_GEN_PROC_PID, htonl(number));
	mnl_attr_put_strz(header, NFTA_GEN_PROC_NAME, process);
	tell(header);
}

static void expect(NftNotice news, const char *who)
{
	char found[NFT_WHO_SIZE] = "nobody";

	cr_expect_eq(table_watch_read_notice(watch, found), news);
	cr_expect_str_eq(found, who);
}

TestSuite(watch, .init = set_up, .fini = tear_down);

Test(watch, says_who_changed_our_table)
{
	tell_of_table("ours");
	tell_end("nft", 4711);
	expect(NFT_NOTICE_TAMPERED, "nft, process 4711");
	expect(NFT_NOTICE_NONE, "nobody");
}

Test(watch, says_who_when_that_comes_after_the_change_was_taken)
{
	tell_of_table("ours");
	expect(NFT_NOTICE_TAMPERED, "nobody");
	tell_end("nft", 4711);
	expect(NFT_NOTICE_NONE, "nft, process 4711");
	expect(NFT_NOTICE_NONE, "nobody");
}

Test(watch, is_silent_of_other_tables_and_names_nobody_for_them)
{
	tell_of_table("theirs");
	tell_end("iptables-nft", 1);
	tell_of_table("ours");
	tell_end("nft", 4711);
	tell_of_table("our");
	tell_end("iptables-nft", 2);
	cr_expect_eq(table_watch_count_foreign(watch), 0, "nothing is read before it is asked for");
	expect(NFT_NOTICE_TAMPERED, "nft, process 4711");
	cr_expect_eq(table_watch_count_foreign(watch), 3);
	tell_of_table("our");
	tell_end("iptables-nft", 3);
	expect(NFT_NOTICE_NONE, "nobody");
}
