/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * links: which interface leads to which address, in a network namespace of the test's own, with
 * real links, routes, neighbours and forwarding tables. Needs root, and ip(8) and bridge(8).
 *
 * Containers are the namespaces `a` and `b`. They have names in a mount namespace of the test's
 * own.
 */
#include "links.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static Links *links;
static unsigned n_sent; /* messages to the kernel */

ssize_t __real_mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t n);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t n);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *data, size_t n)
{
	n_sent++;
	return __real_mnl_socket_sendto(socket, data, n);
}

static void sh(const char *command)
{
	char text[4096];

	cr_assert_lt(snprintf(text, sizeof(text), "set -e; %s", command), (int)sizeof(text));
	cr_assert_eq(system(text), 0, "%s", command);
}

static void set_up(void)
{
	if (geteuid() != 0)
		cr_skip("needs root: it makes network namespaces");
	cr_assert_eq(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir("/run/netns", 0755);
	cr_assert_eq(mount("none", "/run/netns", "tmpfs", 0, NULL), 0);
	/* no router solicitations and the like: a test decides what happens */
	sh("sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0");
	sh("ip link set lo up; ip netns add a; ip netns add b");
	cr_assert_eq(links_open(&links), 0);
}

static void tear_down(void)
{
	links_close(links);
}

TestSuite(links, .init = set_up, .fini = tear_down);

/* The socket of the notifications: the one that is subscribed. */
static int find_watch(struct sockaddr_nl *ret_address)
{
	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_nl address = {};
		socklen_t n = sizeof(address);

		if (getsockname(fd, (struct sockaddr *)&address, &n) < 0 ||
			address.nl_family != AF_NETLINK || !address.nl_groups)
			continue;
		*ret_address = address;
		return fd;
	}
	cr_assert_fail("no socket is subscribed");
	return -1;
}

static Address address(const char *text)
{
	Address found = {};

	cr_assert(address_parse(text, &found), "%s", text);
	return found;
}

static Place locate(const char *text)
{
	Address wanted = address(text);
	Place place;

	links_locate(links, &wanted, 1, &place);
	return place;
}

static const char *name_of(const Link *link)
{
	return link ? link->name : "none";
}

#define EXPECT_PLACE(text, wanted_certainty, wanted_bridge, wanted_port)                           \
	do {                                                                                       \
		Place found = locate(text);                                                        \
                                                                                                   \
		cr_expect_eq(found.certainty, wanted_certainty, "%s: certainty %d", text,          \
			found.certainty);                                                          \
		cr_expect_str_eq(name_of(found.bridge), wanted_bridge);                            \
		cr_expect_str_eq(name_of(found.port), wanted_port);                                \
	} while (0)

/* The kernel notifies before the system call of ip(8) ends. */
static LinksNotice after(const char *command)
{
	struct pollfd poll_fd = {.fd = links_fd(links), .events = POLLIN};

	sh(command);
	poll(&poll_fd, 1, 0);
	return links_read(links);
}

static const Link *find_name(const char *name)
{
	const Link *link;
	size_t cursor = 0;

	while ((link = links_next(links, &cursor)))
		if (strcmp(link->name, name) == 0)
			return link;
	return NULL;
}

#define ROUTED                                                                                     \
	"ip link add va type veth peer name eth0 netns a; ip link set va up;"                      \
	"ip -n a link set eth0 up;"
/* An interface that leads to no other namespace. */
#define OTHER "ip link add d0 type veth peer name d1; ip link set d1 up;"
#define BRIDGE                                                                                     \
	"ip link add br0 type bridge; ip address add 10.1.0.1/16 dev br0;"                         \
	"ip address add fd01::1/64 dev br0; ip link set br0 up;"                                   \
	"for p in a b; do ip link add v$p type veth peer name eth0 netns $p;"                      \
	"ip link set v$p master br0 up; ip -n $p link set eth0 up; done;"

/* ---- Links ---- */
Test(links, links_are_described)
{
	const Link *a, *bridge;

	after(BRIDGE "ip link add link br0 name upper type macvlan; ip link add p1 type veth peer "
		     "name p2; " OTHER "true");
	bridge = find_name("br0");
	a = find_name("va");
	cr_assert(a && bridge && find_name("p1") && find_name("upper") && find_name("d0"));
	cr_expect_eq(bridge->kind, LINK_BRIDGE);
	cr_expect_eq(bridge->master, 0);
	cr_expect_eq(a->kind, LINK_VETH);
	cr_expect_eq(a->master, bridge->index);
	cr_expect(a->is_far);
	cr_expect_eq(a->lower, 0);
	cr_expect_eq(find_name("upper")->lower, bridge->index);
	cr_expect_eq(find_name("upper")->kind, LINK_OTHER);
	cr_expect_eq(find_name("p1")->lower, find_name("p2")->index);
	cr_expect_not(find_name("p1")->is_far);
	cr_expect_eq(links_find(links, a->index), a);
	cr_expect_null(links_find(links, 0));
	cr_expect_null(links_find(links, 4711));
}

Test(links, changes_of_links_are_noticed)
{
	cr_expect(after("ip link add v type veth peer name w").has_links);
	cr_expect_not(after("true").has_links, "nothing happened");
	cr_expect_not(find_name("v")->is_far);
	cr_expect(after("ip link set w netns a").has_links, "the other end moved");
	cr_expect(find_name("v")->is_far);
	cr_expect(after("ip link add br0 type bridge; ip link set v master br0").has_links);
	cr_expect_eq(find_name("v")->master, find_name("br0")->index);
	cr_expect(after("ip link set v nomaster").has_links);
	cr_expect_not_null(find_name("v"), "it left the bridge and is still there");
	cr_expect_eq(find_name("v")->master, 0);
	cr_expect(after("ip link set v name x").has_links);
	cr_expect_null(find_name("v"));
	cr_expect_not(after("ip link set x up; ip link set x mtu 1400").has_links);
	cr_expect(after("ip -n a link delete w").has_links, "a veth goes with its other end");
	cr_expect_null(find_name("x"));
	cr_expect(links_is_complete(links));
}

Test(links, names_that_are_no_plain_text_are_told)
{
	cr_expect(link_name_is_plain("veth-1_a.b"));
	cr_expect_not(link_name_is_plain(""));
	cr_expect_not(link_name_is_plain("a\"b"));
	cr_expect_not(link_name_is_plain("a b"));
	cr_expect_not(link_name_is_plain("a*"));
	cr_expect_not(link_name_is_plain("\xc3\xa4"));
}

/* ---- Routed pods ---- */
Test(links, a_routed_address_is_at_its_veth_until_that_is_gone)
{
	after(ROUTED "ip route add 10.1.0.2 dev va;"
		     "ip -6 route add fd01::2 dev va");
	EXPECT_PLACE("10.1.0.2", PLACE_ROUTED, "none", "va");
	EXPECT_PLACE("fd01::2", PLACE_ROUTED, "none", "va");
	cr_expect(after("ip link delete va").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_GONE, "none", "none");
	EXPECT_PLACE("fd01::2", PLACE_GONE, "none", "none");
	EXPECT_PLACE("10.1.0.3", PLACE_UNKNOWN, "none", "none");
	after("ip link add vb type veth peer name eth0 netns b; ip link set vb up;"
	      "ip -n b link set eth0 up");
	EXPECT_PLACE("10.1.0.2", PLACE_GONE, "none", "none");
	cr_expect(after("ip route add 10.1.0.2 dev vb").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_ROUTED, "none", "vb");
	cr_expect(after("ip route delete 10.1.0.2 dev vb").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_UNKNOWN, "none", "none");
}

/* The kernel removes IPv4 routes of a link that goes down, and does not notify of that. */
Test(links, a_link_that_is_down_has_no_routes)
{
	after(ROUTED "ip route add 10.1.0.2 dev va");
	EXPECT_PLACE("10.1.0.2", PLACE_ROUTED, "none", "va");
	cr_expect(after("ip link set va down").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_UNKNOWN, "none", "none");
}

Test(links, addresses_elsewhere_are_not_located)
{
	after("" OTHER "ip address add 10.2.0.1/16 dev d0; ip link set d0 up;"
	      "ip route add default via 10.2.0.9; ip link add p type veth peer name q;"
	      "ip link set p up; ip link set q up; ip route add 10.3.0.1 dev p");
	EXPECT_PLACE("10.1.0.2", PLACE_UNKNOWN, "none", "none");
	EXPECT_PLACE("10.2.0.5", PLACE_OTHER_LINK, "none", "none");
	EXPECT_PLACE("10.2.0.1", PLACE_UNKNOWN, "none", "none"); /* the node's own */
	EXPECT_PLACE("10.3.0.1", PLACE_OTHER_LINK, "none", "none");
	EXPECT_PLACE("fd01::2", PLACE_UNKNOWN, "none", "none");
}

Test(links, policy_routing_decides)
{
	after(BRIDGE "" OTHER "ip link set d0 up; ip route add 10.1.0.0/16 dev d0 "
		     "table 7");
	cr_expect_str_eq(name_of(locate("10.1.0.2").route), "br0");
	cr_expect(after("ip rule add to 10.1.0.0/16 table 7").has_places);
	cr_expect_str_eq(name_of(locate("10.1.0.2").route), "d0");
	cr_expect(after("ip rule delete to 10.1.0.0/16 table 7").has_places);
	cr_expect_str_eq(name_of(locate("10.1.0.2").route), "br0");
}

Test(links, only_routes_to_an_address_make_it_doubtful)
{
	after(ROUTED "ip address add 10.8.0.1 dev va; ip route add 10.1.0.0/16 dev va");
	/* anew: what has changed is asked for again some time later, and that is a notice, too */
	links_close(links);
	cr_assert_eq(links_open(&links), 0);
	EXPECT_PLACE("10.1.0.2", PLACE_ROUTED, "none", "va");
	cr_expect_not(after("ip route add 10.9.0.0/16 dev va").has_places);
	cr_expect_not(after("ip route add 10.1.0.3 dev va").has_places);
	cr_expect_not(after("ip -6 route add fd09::/64 dev va").has_places);
	cr_expect(after("ip route add 10.1.0.0/24 dev va").has_places);
	cr_expect(after("ip address delete 10.8.0.1 dev va").has_places);
	cr_expect(after("ip route add default dev va").has_places);
}

/* ---- Pods on a bridge ---- */
Test(links, an_address_on_a_bridge_is_where_a_veths_other_end_has_it)
{
	after(BRIDGE "ip -n a address add 10.1.0.2/16 dev eth0; ip -n a address add fd01::2/64 dev "
		     "eth0; ip -n b address add 10.1.0.3/16 dev eth0; ip -n b address add "
		     "10.1.0.4/32 dev lo");
	EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "br0", "va");
	EXPECT_PLACE("fd01::2", PLACE_CONFIGURED, "br0", "va");
	EXPECT_PLACE("10.1.0.3", PLACE_CONFIGURED, "br0", "vb");
	EXPECT_PLACE("10.1.0.4", PLACE_BRIDGE, "br0", "none");
	/* what is configured later is found when it is asked for */
	sh("ip -n b address add 10.1.0.5/16 dev eth0");
	links_read(links);
	EXPECT_PLACE("10.1.0.5", PLACE_BRIDGE, "br0", "none");
	after("ip link set vb down; ip link set vb up");
	EXPECT_PLACE("10.1.0.5", PLACE_CONFIGURED, "br0", "vb");
}

Test(links, a_pod_whose_address_comes_last_is_found)
{
	after(BRIDGE);
	EXPECT_PLACE("10.1.0.2", PLACE_BRIDGE, "br0", "none");
	sh("ip -n a address add 10.1.0.2/16 dev eth0");
	links_read(links);
	EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "br0", "va");
}

Test(links, an_address_that_two_pods_have_is_at_neither)
{
	after(BRIDGE "for p in a b; do ip -n $p address add 10.1.0.2/16 dev eth0; done");
	EXPECT_PLACE("10.1.0.2", PLACE_BRIDGE, "br0", "none");
	cr_expect(after("ip link delete vb").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "br0", "va");
}

Test(links, a_pod_that_moves_to_another_bridge_is_there)
{
	after(BRIDGE "ip -n a address add 10.1.0.2/16 dev eth0; ip link add other type bridge;"
		     "ip link set other up");
	EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "br0", "va");
	cr_expect(after("ip link set va master other").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_BRIDGE, "br0", "none");
	cr_expect(after("ip route add 10.1.0.2 dev other").has_places);
	EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "other", "va");
}

/* Ports that are no veths: the neighbour entry's MAC, and the forwarding table. */
#define LEARNED                                                                                    \
	"for p in d0 e0; do ip link add $p type veth peer name x$p; ip link set $p master br0 "    \
	"up; done;"                                                                                \
	"ip neighbour add 10.1.0.9 lladdr 02:00:00:00:00:09 dev br0;"                              \
	"ip neighbour add fd01::9 lladdr 02:00:00:00:00:09 dev br0;"
#define FDB "bridge fdb replace 02:00:00:00:00:09 master static dev "

Test(links, a_learned_port_is_found_and_followed)
{
	after(BRIDGE LEARNED);
	EXPECT_PLACE("10.1.0.9", PLACE_BRIDGE, "br0", "none");
	EXPECT_PLACE("fd01::9", PLACE_BRIDGE, "br0", "none");
	cr_expect(after(FDB "d0").has_places);
	EXPECT_PLACE("10.1.0.9", PLACE_LEARNED, "br0", "d0");
	EXPECT_PLACE("fd01::9", PLACE_LEARNED, "br0", "d0");
	cr_expect(after(FDB "e0").has_places);
	EXPECT_PLACE("10.1.0.9", PLACE_LEARNED, "br0", "e0");
	cr_expect_not(
		after("bridge fdb replace 02:00:00:00:00:77 dev d0 master static").has_places);
	cr_expect(after("bridge fdb delete 02:00:00:00:00:09 dev e0 master").has_places);
	EXPECT_PLACE("10.1.0.9", PLACE_BRIDGE, "br0", "none");
	after(FDB "d0");
	EXPECT_PLACE("10.1.0.9", PLACE_LEARNED, "br0", "d0");
	cr_expect(
		after("ip neighbour replace 10.1.0.9 lladdr 02:00:00:00:00:08 dev br0").has_places);
	EXPECT_PLACE("10.1.0.9", PLACE_BRIDGE, "br0", "none");
	cr_expect(after("ip link delete d0").has_places);
}

Test(links, what_a_pod_has_configured_counts_more_than_what_was_learned)
{
	after(BRIDGE LEARNED FDB "d0; ip -n a address add 10.1.0.9/16 dev eth0");
	EXPECT_PLACE("10.1.0.9", PLACE_CONFIGURED, "br0", "va");
}

Test(links, the_bridges_own_mac_is_no_port)
{
	after(BRIDGE "ip link set br0 address 02:00:00:00:00:01;"
		     "ip neighbour add 10.1.0.9 lladdr 02:00:00:00:00:01 dev br0");
	EXPECT_PLACE("10.1.0.9", PLACE_BRIDGE, "br0", "none");
}

/* ---- Links that lead to no pod ---- */
#define CONTAINER(name, more)                                                                      \
	"ip netns add " name "; ip link add v-" name " type veth peer name eth0 netns " name       \
	"; ip link set v-" name " up " more ";"

/* `names`: the links that lead to none of both addresses, with blanks between. */
static void expect_podless(const char *names)
{
	Arena *arena = arena_new();
	Address all[] = {address("10.1.0.2"), address("fd01::2")};
	Buf buf = {.arena = arena};
	Texts found;

	links_find_podless(links, all, ARRAY_SIZE(all), arena, &found);
	for (size_t i = 0; i < found.n; i++)
		buf_printf(&buf, "%s%s", i ? " " : "", found.at[i]);
	cr_expect_str_eq(buf_text(&buf), names);
	arena_free(arena);
}

Test(links, links_of_other_containers_lead_to_no_pod)
{
	after(BRIDGE "ip link add lxc type bridge; ip link set lxc up;" CONTAINER("x", "master lxc")
			CONTAINER("y", "master lxc") CONTAINER("z", ""));
	expect_podless("v-x v-y v-z");
	after(CONTAINER("w", "master br0"));
	expect_podless("v-x v-y v-z");
	after("ip link set v-z master br0");
	expect_podless("v-x v-y");
	after("ip link set v-z nomaster; ip route add 10.1.0.2 dev v-z");
	expect_podless("v-x v-y");
	after("ip -6 route add fd01::2 dev v-z");
	expect_podless("v-w v-x v-y va vb");
}

Test(links, no_link_is_left_alone_while_a_pod_is_not_located)
{
	after(BRIDGE OTHER CONTAINER("x", ""));
	expect_podless("v-x"); /* not d0 and d1, a pair of this namespace */
	after("ip route add unreachable 10.1.0.2");
	expect_podless("");
	after("ip route replace 10.1.0.2 via 10.1.0.9");
	expect_podless("");
	after("ip route delete 10.1.0.2");
	expect_podless("v-x");
	after("ip -6 route delete fd01::/64 dev br0");
	expect_podless("");
}

/* Frames of the pods' bridge reach the ports of lxc. */
Test(links, bridges_that_are_connected_are_one)
{
	after(BRIDGE
		"ip link add lxc type bridge; ip link set lxc up;" CONTAINER("x", "master lxc"));
	expect_podless("v-x");
	after("ip link add p type veth peer name q; ip link set p master br0; ip link set q master "
	      "lxc");
	expect_podless("");
	after("ip link set q nomaster");
	expect_podless("v-x");
	after("ip link add link lxc name upper type macvlan; ip link set upper master br0");
	expect_podless("");
	after("ip link delete upper");
	expect_podless("v-x");
	after("ip link add link lxc name upper type macvlan; ip link set upper up;"
	      "ip route add 10.1.0.2 dev upper");
	expect_podless("");
}

Test(links, while_a_pod_is_gone_no_new_link_is_left_alone)
{
	after(ROUTED "ip route add 10.1.0.2 dev va; ip -6 route add fd01::2 dev va;" CONTAINER(
		"x", "") CONTAINER("y", ""));
	expect_podless("v-x v-y");
	after("ip link delete va");
	expect_podless("v-x v-y");
	after(CONTAINER("z", ""));
	expect_podless("v-x v-y");
	after("ip link delete v-y");
	expect_podless("v-x");
	after("ip route add 10.1.0.2 dev v-z; ip -6 route add fd01::2 dev v-z");
	expect_podless("v-x");
	after("ip link set v-x down; ip link set v-x name odd#name");
	expect_podless("");
}

/* ---- Cost, and lost notifications ---- */
#define MANY 500

Test(links, nothing_is_asked_again_while_nothing_has_changed)
{
	Address all[MANY];
	Place places[MANY];
	unsigned first;

	after(ROUTED "ip route add 10.1.0.0/16 dev va");
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = address("10.1.0.0");
		all[i].value += i;
	}
	n_sent = 0;
	links_locate(links, all, MANY, places);
	first = n_sent;
	cr_expect(first > 0 && first <= MANY / 16, "%u messages", first);
	for (size_t i = 0; i < MANY; i++)
		cr_expect_eq(places[i].certainty, PLACE_ROUTED);
	for (int i = 0; i < 3 * LINKS_FORGET; i++)
		links_locate(links, all, MANY, places);
	cr_expect_eq(n_sent, first);
	after("ip route add 10.1.0.7 dev va");
	links_locate(links, all, MANY, places);
	cr_expect_eq(n_sent, first + 1, "one address is asked for");
}

/* The kernel notifies of a route before it deletes it: the answer to a question of then is old. */
Test(links, a_route_that_changed_is_asked_for_again)
{
	struct pollfd poll_fd = {.fd = links_fd(links), .events = POLLIN};

	after(ROUTED "ip route add 10.1.0.0/16 dev va; ip route add 10.1.0.2 dev va");
	locate("10.1.0.2");
	after("ip route delete 10.1.0.2");
	locate("10.1.0.2");
	for (int i = 0; i < 4; i++) {
		LinksNotice notice = {};

		n_sent = 0;
		while (!notice.has_places) {
			cr_assert_eq(poll(&poll_fd, 1, 60 * 1000), 1);
			notice = links_read(links);
		}
		locate("10.1.0.2");
		cr_expect_eq(n_sent, 1);
	}
}

Test(links, what_nobody_asks_for_is_forgotten)
{
	after(ROUTED "ip route add 10.1.0.0/16 dev va");
	locate("10.1.0.2");
	for (int i = 0; i < 2 * LINKS_FORGET; i++)
		locate("10.1.0.3");
	n_sent = 0;
	locate("10.1.0.3");
	cr_expect_eq(n_sent, 0);
	locate("10.1.0.2");
	cr_expect_eq(n_sent, 1);
}

Test(links, after_lost_notifications_all_is_read_anew)
{
	struct sockaddr_nl own;
	int size = 1, fd = find_watch(&own);
	LinksNotice notice;

	after(ROUTED "ip route add 10.1.0.2 dev va");
	EXPECT_PLACE("10.1.0.2", PLACE_ROUTED, "none", "va");
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	notice = after("for i in $(seq 50); do ip link add d$i type bridge; done;"
		       "ip link add vb type veth peer name eth0 netns b; ip link set vb up;"
		       "ip -n b link set eth0 up; ip route replace 10.1.0.2 dev vb");
	cr_expect(notice.has_links && notice.has_places);
	cr_expect(links_is_complete(links));
	cr_expect_not_null(find_name("d50"));
	EXPECT_PLACE("10.1.0.2", PLACE_ROUTED, "none", "vb");
}

/* Root could send us anything: no message leads outside of its bytes, or to a wrong answer. */
Test(links, odd_messages_change_nothing)
{
	struct sockaddr_nl to = {};
	struct mnl_socket *other = mnl_socket_open(NETLINK_ROUTE);
	char buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned seed = 1;

	after(BRIDGE "ip -n a address add 10.1.0.2/16 dev eth0");
	EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "br0", "va");
	cr_assert(other && mnl_socket_bind(other, 0, MNL_SOCKET_AUTOPID) == 0);
	find_watch(&to);
	to.nl_groups = 0;
	for (int i = 0; i < 5000; i++) {
		struct nlmsghdr *header = (void *)buffer;
		size_t size = sizeof(*header) + (size_t)rand_r(&seed) % 200;

		for (size_t at = 0; at < size; at++)
			buffer[at] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) % 40 : rand_r(&seed));
		header->nlmsg_len = (uint32_t)size;
		header->nlmsg_type = (uint16_t)(RTM_NEWLINK + rand_r(&seed) % 20);
		cr_assert_eq(sendto(mnl_socket_get_fd(other), buffer, size, 0,
				     (struct sockaddr *)&to, sizeof(to)),
			(ssize_t)size);
		links_read(links);
		EXPECT_PLACE("10.1.0.2", PLACE_CONFIGURED, "br0", "va");
	}
	mnl_socket_close(other);
}
