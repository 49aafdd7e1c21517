/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps, batches of questions, attributes. See rtnetlink.h. */
#include "rtnetlink.h"
#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* One recv() reads at most that; the kernel's messages are smaller. */
#define BUFFER_SIZE (64 * 1024)
/* Questions of one message: their answers must have room in the socket's queue, 212 KB. */
#define BATCH_MAX 32

int rtnetlink_open(Rtnetlink *ret_rtnetlink)
{
	int on = 1, error;
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	/* strict: the kernel obeys all fields of a request: IFA_TARGET_NETNSID, ifa_index */
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0) {
		error = errno;
		if (socket)
			mnl_socket_close(socket);
		return -error;
	}
	*ret_rtnetlink = (Rtnetlink){.socket = socket, .sequence = 1};
	return 0;
}

void rtnetlink_close(Rtnetlink *rtnetlink)
{
	if (rtnetlink->socket)
		mnl_socket_close(rtnetlink->socket);
	rtnetlink->socket = NULL;
}

struct nlmsghdr *rtnetlink_request(void *buffer, int type, size_t size, void **ret_own)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = (uint16_t)type;
	request->nlmsg_flags = NLM_F_REQUEST;
	*ret_own = mnl_nlmsg_put_extra_header(request, size);
	return request;
}

static ssize_t receive(const Rtnetlink *rtnetlink, void *buffer)
{
	ssize_t got;

	do
		got = recv(mnl_socket_get_fd(rtnetlink->socket), buffer, BUFFER_SIZE, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* What is left of an answer that was not read to its end must not be taken for the next one's. */
static void discard(const Rtnetlink *rtnetlink, void *buffer)
{
	ssize_t got;

	do
		got = receive(rtnetlink, buffer);
	while (got >= 0 || got == -ENOBUFS);
}

/* ---- Dumps ---- */
int rtnetlink_dump(
	Rtnetlink *rtnetlink, struct nlmsghdr *request, mnl_cb_t take, void *take_context)
{
	char buffer[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint32_t port = mnl_socket_get_portid(rtnetlink->socket);
	int more = MNL_CB_OK;

	request->nlmsg_flags |= NLM_F_DUMP;
	request->nlmsg_seq = rtnetlink->sequence++;
	if (mnl_socket_sendto(rtnetlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = receive(rtnetlink, buffer);

		/* EINTR: the table changed during the dump */
		more = got < 0 ? -1
			       : mnl_cb_run(buffer, (size_t)got, request->nlmsg_seq, port, take,
					 take_context);
		if (more < 0) {
			int error = got < 0 ? (int)got : -errno;

			discard(rtnetlink, buffer);
			return error;
		}
	}
	return 0;
}

/* ---- Batches ---- */
/* Takes the answers to questions first, first + 1, ...; returns how many came, errors included. */
static size_t take_answers(const Questions *questions, size_t first, size_t n, uint32_t sequence,
	const void *buffer, ssize_t size)
{
	const struct nlmsghdr *answer = buffer;
	size_t taken = 0;
	int left = (int)size;

	for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
		uint32_t i = answer->nlmsg_seq - sequence;

		if (i >= n)
			continue;
		taken++;
		if (answer->nlmsg_type != NLMSG_ERROR)
			questions->take(questions->context, first + i, answer);
	}
	return taken;
}

static int ask_batch(Rtnetlink *rtnetlink, const Questions *questions, size_t first, size_t n)
{
	char batch[BATCH_MAX * QUESTION_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	char buffer[BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint32_t sequence = rtnetlink->sequence;
	size_t used = 0;

	rtnetlink->sequence += (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		struct nlmsghdr *request =
			questions->write(questions->context, first + i, batch + used);

		request->nlmsg_seq = sequence + (uint32_t)i;
		assert(request->nlmsg_len <= QUESTION_SIZE);
		used += MNL_ALIGN(request->nlmsg_len);
	}
	if (mnl_socket_sendto(rtnetlink->socket, batch, used) < 0)
		return -errno;
	for (size_t taken = 0; taken < n;) {
		ssize_t got = receive(rtnetlink, buffer);

		if (got < 0) {
			discard(rtnetlink, buffer);
			return (int)got;
		}
		taken += take_answers(questions, first, n, sequence, buffer, got);
	}
	return 0;
}

int rtnetlink_ask(Rtnetlink *rtnetlink, const Questions *questions)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < questions->n; i += BATCH_MAX)
		r = ask_batch(rtnetlink, questions, i,
			questions->n - i < BATCH_MAX ? questions->n - i : BATCH_MAX);
	return r;
}

/* ---- Attributes ---- */
void rtnetlink_attributes(
	const struct nlmsghdr *message, size_t size, const struct nlattr **ret_at, unsigned max)
{
	const struct nlattr *at;

	memset(ret_at, 0, (max + 1) * sizeof(*ret_at));
	mnl_attr_for_each(at, message, size)
	{
		if (mnl_attr_get_type(at) <= max)
			ret_at[mnl_attr_get_type(at)] = at;
	}
}

uint32_t rtnetlink_number(const struct nlattr *at)
{
	uint32_t number = 0;

	rtnetlink_bytes(at, &number, sizeof(number));
	return number;
}

void rtnetlink_text(const struct nlattr *at, char *ret_text, size_t size)
{
	size_t n = at ? strnlen(mnl_attr_get_payload(at), mnl_attr_get_payload_len(at)) : 0;

	n = n < size ? n : size - 1;
	if (n)
		memcpy(ret_text, mnl_attr_get_payload(at), n);
	ret_text[n] = '\0';
}

bool rtnetlink_bytes(const struct nlattr *at, void *ret_bytes, size_t size)
{
	if (!at || mnl_attr_get_payload_len(at) != size)
		return false;
	memcpy(ret_bytes, mnl_attr_get_payload(at), size);
	return true;
}

bool rtnetlink_address(const struct nlattr *at, Family family, Address *ret_address)
{
	uint8_t bytes[16];

	if (!rtnetlink_bytes(at, bytes, family == FAMILY_IPV4 ? 4 : 16))
		return false;
	*ret_address = address_from_bytes(family, bytes);
	return true;
}

void rtnetlink_put_address(struct nlmsghdr *message, uint16_t type, Address address)
{
	uint8_t bytes[16];
	size_t size = address_bytes(address, bytes);

	mnl_attr_put(message, type, size, bytes);
}

int rtnetlink_family(Family family)
{
	return family == FAMILY_IPV4 ? AF_INET : AF_INET6;
}

bool rtnetlink_read_family(int af, Family *ret_family)
{
	*ret_family = af == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
	return af == AF_INET || af == AF_INET6;
}
