/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refused packets as NFLOG messages. See include/nft/denials.h. */
#include "denial_rules.h"
#include "kernel.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>
#include <sys/socket.h>

/* A message has at most 1,500 bytes of the packet (denial_rules.c), and little else. */
#define MESSAGE_MAX (8 * 1024)
/*
 * 200 messages may come in one burst of each table, and each takes up to four kilobytes of the
 * socket's buffer.
 */
#define RECEIVE_SIZE (4 << 20)

struct DenialLog {
	struct mnl_socket *socket;
	uint16_t group;
	bool has_sequence;
	uint32_t sequence; /* of the next message, if none is lost */
	uint64_t n_lost;
};

bool nft_can_log(Nft *nft, const char *table, const char **ret_why)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *probe = object_name_table(scratch, table, TABLE_PROBE);
	const char *script = arena_printf(scratch,
		"table inet %s {\n\tchain logs {\n\t\tlog group 1\n\t}\n}\n"
		"delete table inet %s\n",
		probe, probe);

	if (kernel_run(nft, "nfnetlink_log", script) == 0)
		return true;
	*ret_why = nft->error;
	return false;
}

/* ---- Binding ---- */
/* The kernel answers before sendto() returns. 0 or -errno. */
static int configure(const DenialLog *log, struct nlmsghdr *header)
{
	char buffer[MESSAGE_MAX];
	ssize_t got;

	header->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(log->socket, header, header->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;

		got = recv(denial_log_fd(log), buffer, sizeof(buffer), MSG_DONTWAIT);
		if (got < 0)
			return -errno;
		if (mnl_nlmsg_ok(answer, (int)got) && answer->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;
	}
}

static int bind_group(const DenialLog *log)
{
	char buffer[MESSAGE_MAX] = {};
	struct nlmsghdr *header =
		nflog_nlmsg_put_header(buffer, NFULNL_MSG_CONFIG, AF_UNSPEC, log->group);

	if (nflog_attr_put_cfg_cmd(header, NFULNL_CFG_CMD_BIND) < 0)
		return -errno;
	return configure(log, header);
}

/* Each message is sent at once: an update must find all that was refused before it. */
static int set_mode(const DenialLog *log)
{
	char buffer[MESSAGE_MAX] = {};
	struct nlmsghdr *header =
		nflog_nlmsg_put_header(buffer, NFULNL_MSG_CONFIG, AF_UNSPEC, log->group);

	if (nflog_attr_put_cfg_mode(header, NFULNL_COPY_PACKET, UINT16_MAX) < 0)
		return -errno;
	mnl_attr_put_u32(header, NFULA_CFG_QTHRESH, htonl(1));
	mnl_attr_put_u16(header, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
	return configure(log, header);
}

int denial_log_open(uint16_t group, DenialLog **ret_log)
{
	DenialLog *log = MEMORY_NEW(DenialLog);
	int receive_size = RECEIVE_SIZE, r;

	log->group = group;
	log->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!log->socket || mnl_socket_bind(log->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
	} else {
		setsockopt(denial_log_fd(log), SOL_SOCKET, SO_RCVBUFFORCE, &receive_size,
			sizeof(receive_size));
		r = bind_group(log);
	}
	if (r == 0)
		r = set_mode(log);
	if (r < 0) {
		denial_log_close(log);
		return r == -EPERM ? -EBUSY : r;
	}
	*ret_log = log;
	return 0;
}

DenialLog *denial_log_close(DenialLog *log)
{
	if (log && log->socket)
		mnl_socket_close(log->socket); /* which unbinds the group */
	free(log);
	return NULL;
}

int denial_log_fd(const DenialLog *log)
{
	return mnl_socket_get_fd(log->socket);
}

uint64_t denial_log_lost(const DenialLog *log)
{
	return log->n_lost;
}

/* ---- One packet ---- */
typedef struct Packet {
	const uint8_t *at;
	size_t n;
} Packet;

static uint16_t load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* TCP, UDP and SCTP begin with the two ports. Not in a later fragment: `offset` tells it. */
static void read_ports(Packet p, size_t header, bool is_first, Tuple *tuple)
{
	if (!protocol_has_ports(tuple->protocol) || !is_first || p.n < header + 4)
		return;
	tuple->source_port = load16(p.at + header);
	tuple->port = load16(p.at + header + 2);
}

static bool read_ipv4(Packet p, Tuple *ret_tuple)
{
	if (p.n < 20)
		return false;
	*ret_tuple = (Tuple){.source = address_from_bytes(FAMILY_IPV4, p.at + 12),
		.destination = address_from_bytes(FAMILY_IPV4, p.at + 16),
		.protocol = p.at[9]};
	read_ports(p, (size_t)(p.at[0] & 15) * 4, (load16(p.at + 6) & 0x1fff) == 0, ret_tuple);
	return true;
}

/*
 * IANA's numbers of IPv6 extension headers. nftables does not look behind an authentication header:
 * `meta l4proto` is 51 then, which is what the policies' rules were compared with.
 */
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };

static bool is_extension(uint8_t type)
{
	return type == HOP_BY_HOP || type == ROUTING || type == FRAGMENT || type == DESTINATION;
}

static size_t extension_size(uint8_t type, const uint8_t *header)
{
	return type == FRAGMENT ? 8 : ((size_t)header[1] + 1) * 8;
}

/* Moves *at behind the extension headers. Returns the type of what follows. */
static uint8_t skip_extensions(Packet p, size_t *at, bool *is_first)
{
	uint8_t type = p.at[6];

	while (is_extension(type) && p.n >= *at + 8) {
		const uint8_t *header = p.at + *at;

		if (type == FRAGMENT)
			*is_first = (load16(header + 2) & ~7) == 0;
		*at += extension_size(type, header);
		type = header[0];
	}
	return type;
}

static bool read_ipv6(Packet p, Tuple *ret_tuple)
{
	bool is_first = true;
	size_t at = 40;

	if (p.n < at)
		return false;
	*ret_tuple = (Tuple){.source = address_from_bytes(FAMILY_IPV6, p.at + 8),
		.destination = address_from_bytes(FAMILY_IPV6, p.at + 24)};
	ret_tuple->protocol = skip_extensions(p, &at, &is_first);
	read_ports(p, at, is_first, ret_tuple);
	return true;
}

static bool read_packet(Packet p, Tuple *ret_tuple)
{
	if (p.n == 0)
		return false;
	return p.at[0] >> 4 == 4   ? read_ipv4(p, ret_tuple)
	       : p.at[0] >> 4 == 6 ? read_ipv6(p, ret_tuple)
				   : false;
}

/* ---- Messages ---- */
static bool read_kind(const struct nlattr *prefix, DenialKind *ret_kind)
{
	for (int i = 0; prefix && i <= DENIED_FORGED; i++)
		if (strncmp(mnl_attr_get_str(prefix), DENIAL_PREFIX[i],
			    mnl_attr_get_payload_len(prefix)) == 0) {
			*ret_kind = (DenialKind)i;
			return true;
		}
	return false;
}

/* The kernel numbers the messages, those too for which the socket had no room. */
static void count_lost(DenialLog *log, const struct nlattr *attribute)
{
	uint32_t sequence = attribute ? ntohl(mnl_attr_get_u32(attribute)) : log->sequence;

	if (log->has_sequence)
		log->n_lost += sequence - log->sequence;
	log->has_sequence = true;
	log->sequence = sequence + 1;
}

/*
 * For a bridge's hook the kernel calls the bridge itself the input interface, and its port the
 * physical one.
 */
static unsigned read_interface(struct nlattr *const *attributes)
{
	const struct nlattr *attribute = attributes[NFULA_IFINDEX_PHYSINDEV];

	if (!attribute)
		attribute = attributes[NFULA_IFINDEX_INDEV];
	return attribute ? ntohl(mnl_attr_get_u32(attribute)) : 0;
}

static bool read_message(DenialLog *log, const struct nlmsghdr *header, Denial *ret_denial)
{
	struct nlattr *attributes[NFULA_MAX + 1] = {};
	const struct nlattr *payload;

	if (header->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
		nflog_nlmsg_parse(header, attributes) < 0)
		return false;
	count_lost(log, attributes[NFULA_SEQ]);
	ret_denial->interface = read_interface(attributes);
	payload = attributes[NFULA_PAYLOAD];
	if (payload && read_kind(attributes[NFULA_PREFIX], &ret_denial->kind) &&
		read_packet(
			(Packet){mnl_attr_get_payload(payload), mnl_attr_get_payload_len(payload)},
			&ret_denial->tuple))
		return true;
	log->n_lost++;
	return false;
}

/* The messages of one datagram: with a threshold of 1 the kernel puts one packet in each. */
static size_t read_datagram(
	DenialLog *log, const char *buffer, ssize_t got, Denial *ret_denials, size_t max)
{
	int left = (int)got;
	size_t n = 0;

	for (const struct nlmsghdr *h = (const struct nlmsghdr *)buffer;
		n < max && mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
		n += read_message(log, h, &ret_denials[n]);
	return n;
}

/* ENOBUFS: messages did not fit. How many tells the number of the next one that did. */
size_t denial_log_read(DenialLog *log, Denial *ret_denials, size_t max)
{
	char buffer[MESSAGE_MAX];
	size_t n = 0;

	while (n < max) {
		ssize_t got = recv(denial_log_fd(log), buffer, sizeof(buffer), MSG_DONTWAIT);

		if (got < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (got < 0)
			break;
		n += read_datagram(log, buffer, got, ret_denials + n, max - n);
	}
	return n;
}
