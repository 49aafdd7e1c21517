/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flood: new UDP flows as fast as one core sends them, from the namespace that it runs in.
 *
 *     flood [-r] [-s] [-n FLOWS] IFNAME DSTMAC SRCADDR DSTADDR PORT [PORT...]
 *
 * Frames for each PORT in turn, over FLOWS source ports in random order (a UDP flow that nobody
 * answers stays new to conntrack). -r: the answers to these, from each PORT to those many ports.
 * -s: over FLOWS source addresses too, from SRCADDR on.
 * Runs until SIGTERM, then prints how many frames went out.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <net/ethernet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOURCE_PORTS 2048 /* unless -n is given */
#define FRAMES_MAX 65536
#define BATCH 64
#define FRAME_SIZE_MAX 128

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint32_t sum16(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Pseudo header and header; there is no payload. */
static void put_udp(struct udphdr *udp, const void *addresses, size_t n, int from, int to)
{
	uint32_t sum;

	*udp = (struct udphdr){.source = htons((uint16_t)from),
		.dest = htons((uint16_t)to),
		.len = htons(sizeof(*udp))};
	sum = sum16(IPPROTO_UDP + (uint32_t)sizeof(*udp), addresses, n);
	udp->check = fold(sum16(sum, udp, sizeof(*udp)));
	if (udp->check == 0)
		udp->check = 0xffff;
}

static size_t put_v4(uint8_t *at, const uint8_t *from, const uint8_t *to, int source, int port)
{
	struct iphdr ip = {.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons(sizeof(ip) + sizeof(struct udphdr))};
	struct udphdr udp;

	memcpy(&ip.saddr, from, 4);
	memcpy(&ip.daddr, to, 4);
	ip.check = fold(sum16(0, &ip, sizeof(ip)));
	put_udp(&udp, &ip.saddr, 8, source, port);
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &udp, sizeof(udp));
	return sizeof(ip) + sizeof(udp);
}

static size_t put_v6(uint8_t *at, const uint8_t *from, const uint8_t *to, int source, int port)
{
	struct ip6_hdr ip = {.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(sizeof(struct udphdr)),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = 64};
	struct udphdr udp;

	memcpy(&ip.ip6_src, from, 16);
	memcpy(&ip.ip6_dst, to, 16);
	put_udp(&udp, &ip.ip6_src, 32, source, port);
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &udp, sizeof(udp));
	return sizeof(ip) + sizeof(udp);
}

static void next_address(uint8_t *bytes, size_t n)
{
	while (n > 0 && ++bytes[--n] == 0)
		;
}

static int open_socket(const char *name, uint8_t ret_mac[6])
{
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct ifreq request = {};
	struct sockaddr_ll link = {.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
		.sll_protocol = 0};

	if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof(link)) < 0)
		die(name);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		die("hardware address");
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, 6);
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t frames[FRAMES_MAX][FRAME_SIZE_MAX];
	static struct iovec parts[FRAMES_MAX];
	static struct mmsghdr messages[FRAMES_MAX];
	unsigned d[6];
	uint8_t from[16], to[16], mac[6];
	unsigned long long sent = 0;
	size_t n = 0;
	int fd, option, flows = SOURCE_PORTS;
	bool is_reply = false, has_sources = false, is_v6;

	while ((option = getopt(argc, argv, "+rsn:")) != -1) {
		is_reply |= option == 'r';
		has_sources |= option == 's';
		flows = option == 'n' ? atoi(optarg) : flows;
	}
	argc -= optind - 1;
	argv += optind - 1;
	is_v6 = argc > 3 && strchr(argv[3], ':');
	if (argc < 6 || flows < 1 || flows * (argc - 5) > FRAMES_MAX || flows > 45000 ||
		sscanf(argv[2], "%x:%x:%x:%x:%x:%x", d, d + 1, d + 2, d + 3, d + 4, d + 5) != 6 ||
		inet_pton(is_v6 ? AF_INET6 : AF_INET, argv[3], from) != 1 ||
		inet_pton(is_v6 ? AF_INET6 : AF_INET, argv[4], to) != 1) {
		fputs("usage: flood [-r] [-s] [-n FLOWS] IFNAME DSTMAC SRCADDR DSTADDR PORT...\n",
			stderr);
		return 2;
	}
	signal(SIGTERM, on_stop);
	fd = open_socket(argv[1], mac);
	for (int s = 0; s < flows; s++) {
		if (s && has_sources)
			next_address(from, is_v6 ? 16 : 4);
		for (int p = 5; p < argc; p++, n++) {
			uint16_t type = htons(is_v6 ? ETH_P_IPV6 : ETH_P_IP);
			int port = atoi(argv[p]), other = 20000 + s;

			for (int i = 0; i < 6; i++)
				frames[n][i] = (uint8_t)d[i];
			memcpy(frames[n] + 6, mac, 6);
			memcpy(frames[n] + 12, &type, 2);
			parts[n] = (struct iovec){frames[n],
				14 + (is_v6 ? put_v6 : put_v4)(frames[n] + 14, from, to,
					     is_reply ? port : other, is_reply ? other : port)};
			messages[n].msg_hdr =
				(struct msghdr){.msg_iov = &parts[n], .msg_iovlen = 1};
		}
	}
	for (size_t i = n - 1; i > 0; i--) { /* shuffled */
		size_t k = (size_t)random() % (i + 1);
		struct mmsghdr other = messages[k];

		messages[k] = messages[i];
		messages[i] = other;
	}
	for (size_t at = 0; !stopped; at = at + BATCH < n ? at + BATCH : 0) {
		int done =
			sendmmsg(fd, messages + at, (unsigned)(n - at < BATCH ? n - at : BATCH), 0);

		sent += done > 0 ? (unsigned)done : 0;
	}
	printf("%llu\n", sent);
	return 0;
}
