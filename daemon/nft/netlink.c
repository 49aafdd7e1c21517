/*
 * Elements, and the deletion of what has a name, over netlink, in messages that libmnl builds; one
 * batch is one transaction. libnftables, asked for as little, first lists every set and chain.
 */
#include "netlink.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* A message's list of elements is one attribute, and an attribute is at most 64 KiB. An element
 * takes less than 128 bytes: a key of 40 at most, a verdict with the name of a chain. */
#define ELEMENTS_A_MESSAGE 256
#define MESSAGE_ROOM ((size_t)ELEMENTS_A_MESSAGE * 128 + 4096)

struct Netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
};

int netlink_open(Netlink **ret_netlink)
{
	Netlink *n = MEMORY_NEW(Netlink);

	n->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		netlink_close(n);
		return -error;
	}
	*ret_netlink = n;
	return 0;
}

Netlink *netlink_close(Netlink *n)
{
	if (n && n->socket)
		mnl_socket_close(n->socket);
	free(n);
	return NULL;
}

uint32_t netlink_port(const Netlink *n)
{
	return mnl_socket_get_portid(n->socket);
}

static int option_of(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/* A socket that was not bound yet is, as the kernel would do it with the first message. */
static uint32_t port_of(int fd)
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

uint32_t netlink_port_beside(const Netlink *n)
{
	for (int fd = mnl_socket_get_fd(n->socket) - 1; fd >= 0; fd--)
		if (option_of(fd, SO_DOMAIN) == AF_NETLINK &&
			option_of(fd, SO_PROTOCOL) == NETLINK_NETFILTER)
			return port_of(fd);
	return 0;
}

/* ---- Keys: every part of a concatenation takes whole 4-byte registers ---- */
static uint32_t element_key(const Set *set, const Element *element, uint8_t ret_key[40])
{
	uint8_t address[16];
	size_t n = address_bytes(element->address, address);
	uint16_t port = htons(element->port);

	memset(ret_key, 0, 40);
	memcpy(ret_key, address, n);
	if (set->kind == SET_SELF) {
		memcpy(ret_key + n, address, n);
		return (uint32_t)(2 * n);
	}
	if (set->kind != SET_PORTS)
		return (uint32_t)n;
	ret_key[n] = element->protocol;
	memcpy(ret_key + n + 4, &port, sizeof(port));
	return (uint32_t)(n + 8);
}

static Element key_element(const Set *set, const uint8_t *key)
{
	Element element = {.address = address_from_bytes(set->family, key)};
	size_t n = set->family == FAMILY_IPV4 ? 4 : 16;

	if (set->kind == SET_PORTS) {
		element.protocol = key[n];
		element.port = (uint16_t)(key[n + 4] << 8 | key[n + 5]);
	}
	return element;
}

/* ---- Batches ---- */
typedef struct Batch {
	Netlink *netlink;
	Buf buf;
	uint32_t first; /* sequence number of its first message */
	unsigned elements;
} Batch;

static void batch_add(Batch *batch, const struct nlmsghdr *header)
{
	buf_add_n(&batch->buf, (const char *)header, MNL_ALIGN(header->nlmsg_len));
}

static void batch_mark(Batch *batch, uint16_t type, char *capacity)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(capacity);
	struct nfgenmsg *message;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = batch->netlink->sequence++;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	*message = (struct nfgenmsg){.nfgen_family = AF_UNSPEC,
		.version = NFNETLINK_V0,
		.res_id = htons(NFNL_SUBSYS_NFTABLES)};
	batch_add(batch, header);
}

static uint16_t table_family(const BaseOptions *base)
{
	return table_is_bridge(base->kind) ? NFPROTO_BRIDGE : NFPROTO_INET;
}

static void set_header(struct nftnl_set *set, const char *table, const char *name)
{
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
}

/* ---- Elements: written straight into the message, of which there may be hundreds of thousands */
static struct nlmsghdr *begin_elements(
	Batch *batch, char *capacity, const BaseOptions *base, const char *name, bool is_add)
{
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(capacity,
		(uint16_t)(is_add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM), table_family(base),
		(uint16_t)(is_add ? NLM_F_CREATE | NLM_F_ACK : NLM_F_ACK),
		batch->netlink->sequence++);

	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, base->table);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, name);
	return header;
}

static void put_key(struct nlmsghdr *header, const uint8_t *key, uint32_t n)
{
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_SET_ELEM_KEY);

	mnl_attr_put(header, NFTA_DATA_VALUE, n, key);
	mnl_attr_nest_end(header, nest);
}

static void put_verdict(struct nlmsghdr *header, Direction direction, const char *chain)
{
	struct nlattr *data = mnl_attr_nest_start(header, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(header, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(header, NFTA_VERDICT_CODE,
		htonl((uint32_t)(direction == INGRESS ? NFT_GOTO : NFT_JUMP)));
	mnl_attr_put_strz(header, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(header, verdict);
	mnl_attr_nest_end(header, data);
}

static bool is_about_map(const Op *op)
{
	return op->kind == OP_ADD_VERDICTS || op->kind == OP_DEL_VERDICTS;
}

static void put_element(struct nlmsghdr *header, const Op *op, size_t i)
{
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	uint8_t key[40];

	if (is_about_map(op))
		put_key(header, key, (uint32_t)address_bytes(op->verdicts.at[i].address, key));
	else
		put_key(header, key, element_key(op->set, &op->elements.at[i], key));
	if (op->kind == OP_ADD_VERDICTS)
		put_verdict(header, op->direction, op->verdicts.at[i].chain);
	mnl_attr_nest_end(header, nest);
}

static void batch_elements(
	Batch *batch, char *capacity, const Op *op, const char *name, size_t from, size_t to)
{
	bool is_add = op->kind == OP_ADD_ELEMENTS || op->kind == OP_ADD_VERDICTS;
	struct nlmsghdr *header = begin_elements(batch, capacity, op->base, name, is_add);
	struct nlattr *list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);

	for (size_t i = from; i < to; i++)
		put_element(header, op, i);
	mnl_attr_nest_end(header, list);
	batch_add(batch, header);
	batch->elements += (unsigned)(to - from);
}

static void batch_element_op(Batch *batch, char *capacity, const Op *op)
{
	size_t n = is_about_map(op) ? op->verdicts.n : op->elements.n;
	const char *name;

	name = is_about_map(op)
		       ? map_name(batch->buf.arena, op->direction, op->family, op->is_standby)
		       : op->set->name;
	for (size_t i = 0; i < n; i += ELEMENTS_A_MESSAGE) {
		size_t end = i + ELEMENTS_A_MESSAGE < n ? i + ELEMENTS_A_MESSAGE : n;

		batch_elements(batch, capacity, op, name, i, end);
	}
}

/* ---- What goes, by its name: a chain goes with its rules, and is what holds sets ---- */
static void batch_deletion(
	Batch *batch, char *capacity, const BaseOptions *base, uint16_t message, const char *name)
{
	bool is_chain = message == NFT_MSG_DELCHAIN;
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(
		capacity, message, table_family(base), NLM_F_ACK, batch->netlink->sequence++);

	mnl_attr_put_strz(header, is_chain ? NFTA_CHAIN_TABLE : NFTA_SET_TABLE, base->table);
	mnl_attr_put_strz(header, is_chain ? NFTA_CHAIN_NAME : NFTA_SET_NAME, name);
	batch_add(batch, header);
}

static void batch_op(Batch *batch, char *capacity, const Op *op)
{
	switch (op->kind) {
	case OP_ADD_ELEMENTS:
	case OP_DEL_ELEMENTS:
	case OP_ADD_VERDICTS:
	case OP_DEL_VERDICTS:
		batch_element_op(batch, capacity, op);
		break;
	case OP_DEL_CHAIN:
		batch_deletion(batch, capacity, op->base, NFT_MSG_DELCHAIN, op->chain->name);
		break;
	case OP_DEL_SET:
		batch_deletion(batch, capacity, op->base, NFT_MSG_DELSET, op->set->name);
		break;
	case OP_DEL_MAP:
		batch_deletion(batch, capacity, op->base, NFT_MSG_DELSET,
			map_name(batch->buf.arena, op->direction, op->family, op->is_standby));
		break;
	default: /* libnftables' */
		break;
	}
}

/* The kernel works while we send: when sendto returns, every answer is waiting. */
static int take_answers(Netlink *n)
{
	char capacity[64 * 1024];
	int result = 0;

	for (;;) {
		ssize_t got = recv(
			mnl_socket_get_fd(n->socket), capacity, sizeof(capacity), MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0)
			return errno == EAGAIN ? result : errno == ENOBUFS ? -ENOBUFS : -errno;
		for (struct nlmsghdr *h = (struct nlmsghdr *)capacity; mnl_nlmsg_ok(h, left);
			h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_ERROR && answer->error && !result)
				result = answer->error;
		}
	}
}

static int batch_send(Batch *batch)
{
	int fd = mnl_socket_get_fd(batch->netlink->socket);
	int capacity = (int)(batch->buf.n + 4096), answers = 4 << 20;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &capacity, sizeof(capacity));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &answers, sizeof(answers));
	if (sendto(fd, batch->buf.text, batch->buf.n, 0, (struct sockaddr *)&kernel,
		    sizeof(kernel)) < 0)
		return -errno;
	return take_answers(batch->netlink);
}

int netlink_edit(Netlink *n, Arena *scratch, const Commit *commit, unsigned *ret_elements)
{
	Batch batch = {.netlink = n, .buf = {.arena = scratch}};
	char *capacity = arena_alloc(scratch, MESSAGE_ROOM);
	size_t empty;
	int r;

	batch_mark(&batch, NFNL_MSG_BATCH_BEGIN, capacity);
	empty = batch.buf.n;
	for (size_t i = 0; i < commit->ops.n; i++)
		batch_op(&batch, capacity, &commit->ops.at[i]);
	*ret_elements = batch.elements;
	if (batch.buf.n == empty)
		return 0;
	batch_mark(&batch, NFNL_MSG_BATCH_END, capacity);
	r = batch_send(&batch);
	return r < 0 ? r : 1;
}

/* ---- Reading ---- */
typedef int (*ElementVisit)(struct nftnl_set_elem *element, void *context);

typedef struct Dump {
	ElementVisit visit;
	void *context;
} Dump;

static int on_dump(const struct nlmsghdr *header, void *context)
{
	Dump *dump = context;
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		memory_end();
	if (nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, dump->visit, dump->context);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static int dump_elements(Netlink *n, const BaseOptions *base, const char *name, Dump *dump)
{
	char capacity[64 * 1024] = {};
	struct nftnl_set *set = nftnl_set_alloc();
	struct nlmsghdr *header;
	uint32_t sequence = n->sequence++;
	int r = MNL_CB_OK;

	if (!set)
		memory_end();
	set_header(set, base->table, name);
	header = nftnl_nlmsg_build_hdr(
		capacity, NFT_MSG_GETSETELEM, table_family(base), NLM_F_DUMP, sequence);
	nftnl_set_elems_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	if (mnl_socket_sendto(n->socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (r == MNL_CB_OK) {
		ssize_t got = mnl_socket_recvfrom(n->socket, capacity, sizeof(capacity));

		if (got < 0)
			return -errno;
		r = mnl_cb_run(capacity, (size_t)got, sequence, mnl_socket_get_portid(n->socket),
			on_dump, dump);
	}
	return r < 0 ? -errno : 0;
}

typedef struct SetReading {
	Arena *arena;
	Set *set;
} SetReading;

static int visit_set(struct nftnl_set_elem *element, void *context)
{
	SetReading *reading = context;
	uint8_t padded[40] = {};
	uint32_t n = 0;
	const void *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);

	memcpy(padded, key, n < sizeof(padded) ? n : sizeof(padded));
	VEC_PUSH(reading->arena, &reading->set->elements, key_element(reading->set, padded));
	return 0;
}

int netlink_read_set(Netlink *n, Arena *arena, const BaseOptions *base, Set *set)
{
	SetReading reading = {arena, set};

	return dump_elements(n, base, set->name, &(Dump){visit_set, &reading});
}

typedef struct MapReading {
	Arena *arena;
	Family family;
	uint32_t verb;
	bool is_odd;
	Verdicts *verdicts;
} MapReading;

static int visit_map(struct nftnl_set_elem *element, void *context)
{
	MapReading *reading = context;
	uint32_t n = 0;
	const void *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);
	const char *chain = nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN);

	if (!chain || nftnl_set_elem_get_u32(element, NFTNL_SET_ELEM_VERDICT) != reading->verb) {
		reading->is_odd = true;
		return 0;
	}
	VEC_PUSH(reading->arena, reading->verdicts,
		(Verdict){address_from_bytes(reading->family, key),
			arena_strdup(reading->arena, chain)});
	return 0;
}

int netlink_read_map(Netlink *n, Arena *arena, const BaseOptions *base, const char *map,
	Family family, Direction direction, Verdicts *ret_verdicts)
{
	MapReading reading = {arena, family, (uint32_t)(direction == INGRESS ? NFT_GOTO : NFT_JUMP),
		false, ret_verdicts};
	int r = dump_elements(n, base, map, &(Dump){visit_map, &reading});

	return r < 0 ? r : reading.is_odd ? NFT_E_REFUSED : 0;
}

/* ---- Flows that are cut: address . port . address . port, each in whole registers ---- */
static uint32_t write_cut_key(const Tuple *tuple, uint8_t ret_key[40])
{
	size_t n = tuple->source.family == FAMILY_IPV4 ? 4 : 16;
	uint16_t source_port = htons(tuple->source_port), port = htons(tuple->port);

	memset(ret_key, 0, 40);
	address_bytes(tuple->source, ret_key);
	memcpy(ret_key + n, &source_port, sizeof(source_port));
	address_bytes(tuple->destination, ret_key + n + 4);
	memcpy(ret_key + 2 * n + 4, &port, sizeof(port));
	return (uint32_t)(2 * n + 8);
}

static void batch_cut(Batch *batch, char *capacity, const BaseOptions *base, const char *name,
	bool is_add, const Tuple *tuples, size_t n)
{
	struct nlmsghdr *header = begin_elements(batch, capacity, base, name, is_add);
	struct nlattr *list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);

	for (size_t i = 0; i < n; i++) {
		struct nlattr *nest = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
		uint8_t key[40];

		put_key(header, key, write_cut_key(&tuples[i], key));
		mnl_attr_nest_end(header, nest);
	}
	mnl_attr_nest_end(header, list);
	batch_add(batch, header);
}

int netlink_edit_stale(Netlink *n, Arena *scratch, const BaseOptions *base, const char *set,
	bool is_add, const Tuples *tuples)
{
	Batch batch = {.netlink = n, .buf = {.arena = scratch}};
	char *capacity = arena_alloc(scratch, MESSAGE_ROOM);

	if (tuples->n == 0)
		return 0;
	batch_mark(&batch, NFNL_MSG_BATCH_BEGIN, capacity);
	for (size_t i = 0; i < tuples->n; i += ELEMENTS_A_MESSAGE) {
		size_t some =
			tuples->n - i < ELEMENTS_A_MESSAGE ? tuples->n - i : ELEMENTS_A_MESSAGE;

		batch_cut(&batch, capacity, base, set, is_add, tuples->at + i, some);
	}
	batch_mark(&batch, NFNL_MSG_BATCH_END, capacity);
	return batch_send(&batch);
}

typedef struct CutReading {
	Arena *arena;
	Family family;
	uint8_t protocol;
	Tuples *tuples;
} CutReading;

static uint16_t read_port(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static int visit_cut(struct nftnl_set_elem *element, void *context)
{
	CutReading *reading = context;
	size_t size = reading->family == FAMILY_IPV4 ? 4 : 16;
	uint32_t n = 0;
	const uint8_t *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &n);

	if (n < 2 * size + 8)
		return 0;
	VEC_PUSH(reading->arena, reading->tuples,
		(Tuple){.source = address_from_bytes(reading->family, key),
			.source_port = read_port(key + size),
			.destination = address_from_bytes(reading->family, key + size + 4),
			.port = read_port(key + 2 * size + 4),
			.protocol = reading->protocol});
	return 0;
}

int netlink_read_stale(Netlink *n, Arena *arena, const BaseOptions *base, const char *set,
	Family family, uint8_t protocol, Tuples *ret_tuples)
{
	CutReading reading = {arena, family, protocol, ret_tuples};

	return dump_elements(n, base, set, &(Dump){visit_cut, &reading});
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

int netlink_generation(Netlink *n, uint32_t *ret_generation)
{
	char capacity[8192];
	uint32_t sequence = n->sequence++, generation = 0;
	struct nlmsghdr *header =
		nftnl_nlmsg_build_hdr(capacity, NFT_MSG_GETGEN, AF_UNSPEC, 0, sequence);
	ssize_t got;

	if (mnl_socket_sendto(n->socket, header, header->nlmsg_len) < 0)
		return -errno;
	got = mnl_socket_recvfrom(n->socket, capacity, sizeof(capacity));
	if (got < 0 || mnl_cb_run(capacity, (size_t)got, sequence, mnl_socket_get_portid(n->socket),
			       on_generation, &generation) < 0)
		return -errno;
	*ret_generation = generation;
	return 0;
}
