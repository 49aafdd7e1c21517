/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe: real connections between network namespaces, many at once, from one process.
 *
 *     probe NODENS
 *
 * First deletes all conntrack entries of NODENS: with that of an earlier flow of the same ports, a
 * new flow would be an established one. Then reads flows from standard input, one a line:
 *     SRCNS DSTNS tcp|udp|sctp|icmp SRCADDR DSTADDR PORT
 * (namespaces as in /run/netns) and prints for each, in order: allow, reject or drop.
 *
 *   tcp   a listener in DSTNS, a connect from SRCNS: allow is a connection made
 *   udp   an echo: allow is the answer received
 *   sctp  a raw INIT (not every kernel has SCTP sockets): allow is its arrival
 *   icmp  an echo request: allow is the reply
 *
 * reject: an error came back; drop: nothing did within the time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES_MAX 4096
#define SILENCE_MS                                                                                 \
	600 /* after so long without any event, flows without a result count as dropped */
/* Between namespaces an ICMPv6 error can arrive while connect() holds the socket's lock. Then it is
 * only a soft error; the one for the SYN that is retransmitted after a second is reported. */
#define SILENCE_TCP6_MS 1600
#define BATCH 400 /* flows in progress at once */

typedef struct Namespace {
	char name[64];
	int fd;
} Namespace;

typedef union SocketAddress {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} SocketAddress;

typedef enum Result { PENDING, ALLOW, REJECT, DROP } Result;

typedef struct Flow {
	int source, destination; /* namespaces */
	char protocol[8];
	SocketAddress from, to;
	socklen_t size;
	int port;
	int client, server; /* sockets; -1: none. A server may be shared */
	bool owns_server;
	uint32_t mark; /* identifies this flow's raw packets */
	Result result;
} Flow;

static Namespace namespaces[NAMESPACES_MAX];
static int n_namespaces;

static void die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int namespace_of(const char *name)
{
	char path[128];

	for (int i = 0; i < n_namespaces; i++)
		if (strcmp(namespaces[i].name, name) == 0)
			return i;
	if (n_namespaces == NAMESPACES_MAX)
		die("too many namespaces");
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	namespaces[n_namespaces].fd = open(path, O_RDONLY | O_CLOEXEC);
	if (namespaces[n_namespaces].fd < 0)
		die(path);
	snprintf(namespaces[n_namespaces].name, sizeof(namespaces[0].name), "%s", name);
	return n_namespaces++;
}

static int socket_in(int namespace, int family, int type, int protocol)
{
	static int current = -1;
	int fd, one = 1;

	if (current != namespace && setns(namespaces[namespace].fd, CLONE_NEWNET) < 0)
		die("setns");
	current = namespace;
	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

static bool parse_address(const char *text, int port, SocketAddress *ret, socklen_t *ret_size)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)port);
		*ret_size = sizeof(ret->v4);
		return true;
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons((uint16_t)port);
	*ret_size = sizeof(ret->v6);
	return inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1;
}

static bool is(const Flow *flow, const char *protocol)
{
	return strcmp(flow->protocol, protocol) == 0;
}

/* ---- SCTP INIT with its CRC32c (conntrack drops the others as invalid) ---- */
static uint32_t crc32c(const uint8_t *data, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static size_t make_init(const Flow *flow, uint8_t packet[32])
{
	uint16_t source = htons((uint16_t)(20000 + flow->mark % 40000));
	uint16_t destination = htons((uint16_t)flow->port), chunk = htons(20), streams = htons(1);
	uint32_t tag = htonl(flow->mark | 1), window = htonl(65535), crc;

	memset(packet, 0, 32);
	memcpy(packet, &source, 2);
	memcpy(packet + 2, &destination, 2);
	packet[12] = 1; /* INIT */
	memcpy(packet + 14, &chunk, 2);
	memcpy(packet + 16, &tag, 4);
	memcpy(packet + 20, &window, 4);
	memcpy(packet + 24, &streams, 2);
	memcpy(packet + 26, &streams, 2);
	memcpy(packet + 28, &tag, 4);
	crc = crc32c(packet, 32);
	memcpy(packet + 8, &crc, 4);
	return 32;
}

/* ---- Opening ---- */
static int shared_server(const Flow *flows, const Flow *flow)
{
	for (const Flow *f = flows; f < flow; f++)
		if (f->server >= 0 && f->destination == flow->destination &&
			strcmp(f->protocol, flow->protocol) == 0 && f->size == flow->size &&
			(is(flow, "sctp") || memcmp(&f->to, &flow->to, flow->size) == 0))
			return f->server;
	return -1;
}

static void open_server(const Flow *flows, Flow *flow)
{
	int family = flow->to.any.sa_family, one = 1;

	flow->server = shared_server(flows, flow);
	flow->owns_server = flow->server < 0;
	if (!flow->owns_server)
		return;
	if (is(flow, "sctp")) {
		flow->server = socket_in(flow->destination, family, SOCK_RAW, IPPROTO_SCTP);
		return;
	}
	flow->server =
		socket_in(flow->destination, family, is(flow, "tcp") ? SOCK_STREAM : SOCK_DGRAM, 0);
	setsockopt(flow->server, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (bind(flow->server, &flow->to.any, flow->size) < 0)
		die("bind of a server");
	if (is(flow, "tcp") && listen(flow->server, 1024) < 0)
		die("listen");
}

static void send_echo_request(Flow *flow)
{
	bool is_v6 = flow->to.any.sa_family == AF_INET6;
	uint8_t packet[8] = {(uint8_t)(is_v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO)};
	uint16_t id = htons((uint16_t)flow->mark), sum;

	memcpy(packet + 4, &id, 2);
	packet[7] = 1;
	sum = (uint16_t) ~((uint32_t)(packet[0] << 8) + ntohs(id) + 1);
	if ((uint32_t)(packet[0] << 8) + ntohs(id) + 1 > 0xffff)
		sum--;
	packet[2] = (uint8_t)(sum >> 8);
	packet[3] = (uint8_t)sum;
	sendto(flow->client, packet, sizeof(packet), 0, &flow->to.any, flow->size);
}

static void open_raw_client(Flow *flow)
{
	int family = flow->to.any.sa_family;
	int protocol = is(flow, "sctp")	    ? IPPROTO_SCTP
		       : family == AF_INET6 ? IPPROTO_ICMPV6
					    : IPPROTO_ICMP;
	uint8_t packet[32];

	if (family == AF_INET6)
		flow->to.v6.sin6_port = 0;
	flow->client = socket_in(flow->source, family, SOCK_RAW, protocol);
	if (bind(flow->client, &flow->from.any, flow->size) < 0)
		die("bind of a raw client");
	if (is(flow, "icmp"))
		send_echo_request(flow);
	else
		sendto(flow->client, packet, make_init(flow, packet), 0, &flow->to.any, flow->size);
}

static void open_client(Flow *flow)
{
	bool is_tcp = is(flow, "tcp");
	int one = 1;

	if (is(flow, "sctp") || is(flow, "icmp")) {
		open_raw_client(flow);
		return;
	}
	flow->client = socket_in(
		flow->source, flow->to.any.sa_family, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	setsockopt(flow->client, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	setsockopt(flow->client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(flow->client, &flow->from.any, flow->size) < 0)
		die("bind of a client");
	if (connect(flow->client, &flow->to.any, flow->size) < 0 && errno != EINPROGRESS)
		flow->result = REJECT;
	else if (!is_tcp && send(flow->client, "?", 1, MSG_NOSIGNAL) < 0)
		flow->result = REJECT;
}

/* ---- What happened ---- */
static void take_sctp(Flow *flows, int n, int server)
{
	uint8_t packet[256];
	ssize_t got;

	while ((got = recv(server, packet, sizeof(packet), 0)) > 0) {
		/* a raw IPv4 socket shows the IP header too */
		size_t skip = packet[0] >> 4 == 4 && got >= 52 ? (size_t)(packet[0] & 15) * 4 : 0;
		uint32_t tag;

		if ((size_t)got < skip + 32)
			continue;
		memcpy(&tag, packet + skip + 16, 4);
		for (int i = 0; i < n; i++)
			if (is(&flows[i], "sctp") && flows[i].server == server &&
				(flows[i].mark | 1) == ntohl(tag))
				flows[i].result = ALLOW;
	}
}

static void serve(Flow *flows, int n, Flow *flow)
{
	SocketAddress peer;
	socklen_t size = sizeof(peer);
	char byte;
	int fd;

	if (is(flow, "tcp")) {
		while ((fd = accept(flow->server, NULL, NULL)) >= 0)
			close(fd);
	} else if (is(flow, "udp")) {
		while (recvfrom(flow->server, &byte, 1, 0, &peer.any, &size) > 0)
			sendto(flow->server, "!", 1, 0, &peer.any, size);
	} else if (is(flow, "sctp")) {
		take_sctp(flows, n, flow->server);
	}
}

static void take_icmp(Flow *flow)
{
	uint8_t packet[512];
	ssize_t got;
	bool is_v6 = flow->to.any.sa_family == AF_INET6;

	while ((got = recv(flow->client, packet, sizeof(packet), 0)) > 0) {
		size_t skip = is_v6 ? 0 : (size_t)(packet[0] & 15) * 4;
		uint16_t id;

		if ((size_t)got < skip + 8)
			continue;
		memcpy(&id, packet + skip + 4, 2);
		if (packet[skip] == (is_v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) &&
			ntohs(id) == (uint16_t)flow->mark)
			flow->result = ALLOW;
	}
}

static void look(Flow *flow, short events)
{
	int error = 0;
	socklen_t size = sizeof(error);
	char byte;

	if (is(flow, "icmp")) {
		take_icmp(flow);
		return;
	}
	getsockopt(flow->client, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		flow->result = REJECT;
	else if (is(flow, "tcp"))
		flow->result = events & POLLOUT ? ALLOW : PENDING;
	else if (events & POLLIN)
		flow->result = recv(flow->client, &byte, 1, 0) == 1 ? ALLOW : REJECT;
}

static int fill_polls(Flow *flows, int n, struct pollfd *polls, Flow **refcount, int *ret_pending,
	int *ret_silence)
{
	int count = 0;

	*ret_pending = 0;
	*ret_silence = SILENCE_MS;
	for (int i = 0; i < n; i++) {
		if (flows[i].owns_server && flows[i].server >= 0) {
			refcount[count] = &flows[i];
			polls[count++] = (struct pollfd){.fd = flows[i].server, .events = POLLIN};
		}
		if (flows[i].result != PENDING)
			continue;
		(*ret_pending)++;
		if (is(&flows[i], "tcp") && flows[i].to.any.sa_family == AF_INET6)
			*ret_silence = SILENCE_TCP6_MS;
		if (is(&flows[i], "sctp"))
			continue; /* the server sees it arrive */
		refcount[count] = &flows[i];
		polls[count++] = (struct pollfd){
			.fd = flows[i].client, .events = is(&flows[i], "tcp") ? POLLOUT : POLLIN};
	}
	return count;
}

static void run_batch(Flow *flows, int n)
{
	static struct pollfd polls[2 * BATCH];
	static Flow *refcount[2 * BATCH];
	int64_t quiet_since = now_ms();
	int pending, silence, last = -1;

	for (int i = 0; i < n; i++)
		if (!is(&flows[i], "icmp"))
			open_server(flows, &flows[i]);
	for (int i = 0; i < n; i++)
		open_client(&flows[i]);
	for (;;) {
		int count = fill_polls(flows, n, polls, refcount, &pending, &silence);

		if (pending != last)
			quiet_since = now_ms();
		last = pending;
		if (pending == 0 || now_ms() - quiet_since > silence)
			break;
		if (poll(polls, (nfds_t)count, 20) <= 0)
			continue;
		for (int i = 0; i < count; i++) {
			if (!polls[i].revents)
				continue;
			if (polls[i].fd == refcount[i]->server)
				serve(flows, n, refcount[i]);
			else
				look(refcount[i], polls[i].revents);
		}
	}
	for (int i = 0; i < n; i++) {
		struct linger reset = {.l_onoff = 1};

		if (flows[i].result == PENDING)
			flows[i].result = DROP;
		setsockopt(flows[i].client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(flows[i].client);
		if (flows[i].owns_server)
			close(flows[i].server);
	}
}

static void forget_connections(int namespace)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg message;
	} flush = {.header = {.nlmsg_len = sizeof(flush),
			   .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char capacity[256];
	} answer = {};
	int fd = socket_in(namespace, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);

	if (send(fd, &flush, sizeof(flush), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		die("conntrack");
	errno = -answer.error.error;
	if (errno)
		die("conntrack");
	close(fd);
}

static Flow parse_flow(char *line)
{
	char source[64], destination[64], from[64], to[64];
	Flow flow = {.client = -1, .server = -1};
	socklen_t size;

	if (sscanf(line, "%63s %63s %7s %63s %63s %d", source, destination, flow.protocol, from, to,
		    &flow.port) != 6 ||
		!parse_address(from, 0, &flow.from, &size) ||
		!parse_address(to, flow.port, &flow.to, &flow.size) || size != flow.size) {
		fprintf(stderr, "probe: not a flow: %s", line);
		exit(2);
	}
	flow.source = namespace_of(source);
	flow.destination = namespace_of(destination);
	flow.mark = (uint32_t)random() << 1;
	return flow;
}

int main(int argc, char **argv)
{
	static const char *const words[] = {"?", "allow", "reject", "drop"};
	struct rlimit files = {65536, 65536};
	static Flow flows[BATCH];
	char line[512];
	int n = 0;

	if (argc != 2)
		die("usage: probe NODENS < flows");
	setrlimit(RLIMIT_NOFILE, &files);
	forget_connections(namespace_of(argv[1]));
	srandom((unsigned)(now_ms() ^ getpid()));
	for (bool more = true; more;) {
		more = fgets(line, sizeof(line), stdin);
		if (more)
			flows[n++] = parse_flow(line);
		if (n < BATCH && more)
			continue;
		run_batch(flows, n);
		for (int i = 0; i < n; i++)
			puts(words[flows[i].result]);
		n = 0;
	}
	return 0;
}
