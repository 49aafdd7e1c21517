/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Batches of netlink messages, built and sent. See transaction.h. */
#include "transaction.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

/*
 * A message's list of elements is one attribute, and an attribute's length has 16 bits. An element
 * takes less than 128 bytes: a key of at most 40, and a verdict with the name of a chain.
 */
#define ELEMENTS_PER_MESSAGE 256
#define MESSAGE_SIZE ((size_t)ELEMENTS_PER_MESSAGE * 128 + 4096)

typedef struct Batch {
	Netlink *netlink;
	Buf buf;	/* the messages so far */
	size_t n_begin; /* bytes of its BEGIN message */
	char *message;	/* MESSAGE_SIZE bytes: the message that is being built */
	unsigned elements;
} Batch;

static void batch_add(Batch *batch, const struct nlmsghdr *header)
{
	assert(header->nlmsg_len <= MESSAGE_SIZE);
	buf_add_n(&batch->buf, (const char *)header, MNL_ALIGN(header->nlmsg_len));
}

/* NFNL_MSG_BATCH_BEGIN or _END. */
static void batch_add_boundary(Batch *batch, uint16_t type)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(batch->message);
	struct nfgenmsg *payload;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = batch->netlink->sequence++;
	payload = mnl_nlmsg_put_extra_header(header, sizeof(*payload));
	*payload = (struct nfgenmsg){.nfgen_family = AF_UNSPEC,
		.version = NFNETLINK_V0,
		.res_id = htons(NFNL_SUBSYS_NFTABLES)};
	batch_add(batch, header);
}

static Batch batch_new(Netlink *netlink, Arena *scratch)
{
	Batch batch = {.netlink = netlink,
		.buf = {.arena = scratch},
		.message = arena_alloc(scratch, MESSAGE_SIZE)};

	batch_add_boundary(&batch, NFNL_MSG_BATCH_BEGIN);
	batch.n_begin = batch.buf.n;
	return batch;
}

/*
 * ---- Elements ----
 * Attributes are written directly into the message, without an nftnl object for each element: there
 * may be 300,000.
 */
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

static void put_op_element(struct nlmsghdr *header, const void *of, size_t i)
{
	const Op *op = of;
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	uint8_t key[ELEMENT_KEY_SIZE];

	if (is_about_map(op))
		put_key(header, key, element_key_write_address(op->verdicts.at[i].address, key));
	else
		put_key(header, key, element_key_write(op->set, &op->elements.at[i], key));
	if (op->kind == OP_ADD_VERDICTS)
		put_verdict(header, op->direction, op->verdicts.at[i].chain);
	mnl_attr_nest_end(header, nest);
}

static void put_key_element(struct nlmsghdr *header, const void *of, size_t i)
{
	const KeyChange *change = of;
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_LIST_ELEM);

	put_key(header, change->keys.at[i].bytes, change->keys.at[i].n);
	mnl_attr_nest_end(header, nest);
}

/* Elements that are added to a set or map, or deleted from it. put() writes the one of index i. */
typedef struct ElementList {
	const BaseOptions *base;
	const char *set;
	bool is_add;
	size_t n;
	void (*put)(struct nlmsghdr *header, const void *of, size_t i);
	const void *of;
} ElementList;

/* One message: elements `from` to `to`, `to` not included. */
static void add_element_message(Batch *batch, const ElementList *elements, size_t from, size_t to)
{
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(batch->message,
		(uint16_t)(elements->is_add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
		netlink_table_family(elements->base),
		(uint16_t)(elements->is_add ? NLM_F_CREATE : 0), batch->netlink->sequence++);
	struct nlattr *list;

	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, elements->base->table);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, elements->set);
	list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = from; i < to; i++)
		elements->put(header, elements->of, i);
	mnl_attr_nest_end(header, list);
	batch_add(batch, header);
	batch->elements += (unsigned)(to - from);
}

static void add_elements(Batch *batch, const ElementList *elements)
{
	for (size_t i = 0; i < elements->n; i += ELEMENTS_PER_MESSAGE) {
		size_t end = i + ELEMENTS_PER_MESSAGE;

		add_element_message(batch, elements, i, end < elements->n ? end : elements->n);
	}
}

static void add_keys(Batch *batch, const KeyChange *change)
{
	const ElementList elements = {.base = change->base,
		.set = change->set,
		.is_add = change->is_add,
		.n = change->keys.n,
		.put = put_key_element,
		.of = change};

	add_elements(batch, &elements);
}

static void add_element_op(Batch *batch, const Op *op)
{
	const ElementList elements = {.base = op->base,
		.set = is_about_map(op) ? object_name_map(op->direction, op->family, op->is_standby)
					: op->set->name,
		.is_add = op->kind == OP_ADD_ELEMENTS || op->kind == OP_ADD_VERDICTS,
		.n = is_about_map(op) ? op->verdicts.n : op->elements.n,
		.put = put_op_element,
		.of = op};

	add_elements(batch, &elements);
}

/*
 * ---- Deletions ----
 * The kernel deletes a chain's rules with it. Only rules refer to sets and maps, so after the
 * chains these can be deleted too.
 */
static void add_deletion(Batch *batch, const BaseOptions *base, uint16_t type, const char *name)
{
	bool is_chain = type == NFT_MSG_DELCHAIN;
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(
		batch->message, type, netlink_table_family(base), 0, batch->netlink->sequence++);

	mnl_attr_put_strz(header, is_chain ? NFTA_CHAIN_TABLE : NFTA_SET_TABLE, base->table);
	mnl_attr_put_strz(header, is_chain ? NFTA_CHAIN_NAME : NFTA_SET_NAME, name);
	batch_add(batch, header);
}

static void add_op(Batch *batch, const Op *op)
{
	switch (op->kind) {
	case OP_ADD_ELEMENTS:
	case OP_DEL_ELEMENTS:
	case OP_ADD_VERDICTS:
	case OP_DEL_VERDICTS:
		add_element_op(batch, op);
		break;
	case OP_DEL_CHAIN:
		add_deletion(batch, op->base, NFT_MSG_DELCHAIN, op->chain->name);
		break;
	case OP_DEL_SET:
		add_deletion(batch, op->base, NFT_MSG_DELSET, op->set->name);
		break;
	case OP_DEL_MAP: /* to the kernel a map is a set with data */
		add_deletion(batch, op->base, NFT_MSG_DELSET,
			object_name_map(op->direction, op->family, op->is_standby));
		break;
	default: /* nft text: script.c */
		break;
	}
}

/* ---- Sending ---- */
/*
 * The kernel carries out a batch inside sendto(): when that returns, all answers are in the
 * socket's queue, and EAGAIN means that all have been read. Only what it refuses is answered: a
 * batch may have more messages than the queue has room for acknowledgements (NLM_F_ACK). The result
 * is the first error. ENOBUFS: an answer had no room, thus an error; the others are read all the
 * same, or the next request would take them for its own.
 */
static int read_answers(Netlink *netlink)
{
	char buffer[NETLINK_BUFFER_SIZE];
	int result = 0;

	for (;;) {
		ssize_t got = recv(
			mnl_socket_get_fd(netlink->socket), buffer, sizeof(buffer), MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0 && (errno == ENOBUFS || errno == EINTR)) {
			if (errno == ENOBUFS && !result)
				result = -ENOBUFS;
			continue;
		}
		if (got < 0)
			return errno == EAGAIN ? result : -errno;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; mnl_nlmsg_ok(h, left);
			h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_ERROR && answer->error && !result)
				result = answer->error;
		}
	}
}

/* The send buffer must hold the whole batch. An error has a copy of the message that it is about.
 */
static int batch_send(Batch *batch)
{
	int fd = mnl_socket_get_fd(batch->netlink->socket);
	int send_size = (int)(batch->buf.n + 4096), receive_size = 4 << 20;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_size, sizeof(send_size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_size, sizeof(receive_size));
	if (sendto(fd, batch->buf.text, batch->buf.n, 0, (struct sockaddr *)&kernel,
		    sizeof(kernel)) < 0)
		return -errno;
	return read_answers(batch->netlink);
}

/* Ends the batch and sends it; one without any change is not sent. */
static int batch_finish(Batch *batch, TransactionResult *ret_result)
{
	bool has_changes = batch->buf.n > batch->n_begin;
	int r = 0;

	if (has_changes) {
		batch_add_boundary(batch, NFNL_MSG_BATCH_END);
		r = batch_send(batch);
	}
	if (r == 0)
		*ret_result =
			(TransactionResult){.is_sent = has_changes, .elements = batch->elements};
	return r;
}

int transaction_send_commit(
	Netlink *netlink, Arena *scratch, const Commit *commit, TransactionResult *ret_result)
{
	Batch batch = batch_new(netlink, scratch);

	for (size_t i = 0; i < commit->ops.n; i++)
		add_op(&batch, &commit->ops.at[i]);
	return batch_finish(&batch, ret_result);
}

int transaction_send_keys(
	Netlink *netlink, Arena *scratch, const KeyChanges *changes, TransactionResult *ret_result)
{
	Batch batch = batch_new(netlink, scratch);

	for (size_t i = 0; i < changes->n; i++)
		add_keys(&batch, &changes->at[i]);
	return batch_finish(&batch, ret_result);
}
