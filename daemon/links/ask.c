/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions and answers about routes, neighbours and forwarding tables. See ask.h. */
#include "ask.h"
#include <assert.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define NUD_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

static uint8_t bits(Address address)
{
	return address.family == FAMILY_IPV4 ? 32 : 128;
}

static void ask_all(Rtnetlink *rtnetlink, Answers *answers,
	struct nlmsghdr *(*write)(void *context, size_t i, void *buffer),
	void (*take)(void *context, size_t i, const struct nlmsghdr *answer))
{
	Questions questions = {.n = answers->n, .write = write, .take = take, .context = answers};

	/* what was not answered stays 0: not known */
	rtnetlink_ask(rtnetlink, &questions);
}

/* ---- Routes ---- */
static struct nlmsghdr *write_route(void *context, size_t i, void *buffer)
{
	Address address = ((const Answers *)context)->at[i].address;
	void *own;
	struct nlmsghdr *request =
		rtnetlink_request(buffer, RTM_GETROUTE, sizeof(struct rtmsg), &own);

	*(struct rtmsg *)own =
		(struct rtmsg){.rtm_family = (uint8_t)rtnetlink_family(address.family),
			.rtm_dst_len = bits(address)};
	rtnetlink_put_address(request, RTA_DST, address);
	return request;
}

static void take_route(void *context, size_t i, const struct nlmsghdr *answer)
{
	const struct rtmsg *own = mnl_nlmsg_get_payload(answer);
	const struct nlattr *at[RTA_VIA + 1];

	if (answer->nlmsg_type != RTM_NEWROUTE ||
		mnl_nlmsg_get_payload_len(answer) < sizeof(*own) ||
		own->rtm_type != RTN_UNICAST) /* not RTN_LOCAL: an address of the node */
		return;
	rtnetlink_attributes(answer, sizeof(*own), at, RTA_VIA);
	if (!at[RTA_GATEWAY] && !at[RTA_VIA])
		((Answers *)context)->at[i].link = rtnetlink_number(at[RTA_OIF]);
}

void ask_routes(Rtnetlink *rtnetlink, Answers *answers)
{
	for (size_t i = 0; i < answers->n; i++)
		answers->at[i].link = 0;
	ask_all(rtnetlink, answers, write_route, take_route);
}

bool ask_read_route(const struct nlmsghdr *message, Range *ret_range)
{
	const struct rtmsg *own = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[RTA_DST + 1];
	Address first = {};
	AddressValue host_bits;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*own) ||
		!rtnetlink_read_family(own->rtm_family, &first.family) ||
		own->rtm_dst_len > bits(first))
		return false;
	rtnetlink_attributes(message, sizeof(*own), at, RTA_DST);
	if (own->rtm_dst_len && !rtnetlink_address(at[RTA_DST], first.family, &first))
		return false;
	host_bits = own->rtm_dst_len == 128 ? 0 : family_last(first.family) >> own->rtm_dst_len;
	*ret_range = (Range){.family = first.family,
		.first = first.value & ~host_bits,
		.last = first.value | host_bits};
	return true;
}

/* ---- Neighbours ---- */
static struct nlmsghdr *write_neighbour(void *context, size_t i, void *buffer)
{
	const Answer *question = &((const Answers *)context)->at[i];
	void *own;
	struct nlmsghdr *request =
		rtnetlink_request(buffer, RTM_GETNEIGH, sizeof(struct ndmsg), &own);

	*(struct ndmsg *)own =
		(struct ndmsg){.ndm_family = (uint8_t)rtnetlink_family(question->address.family),
			.ndm_ifindex = (int)question->bridge};
	rtnetlink_put_address(request, NDA_DST, question->address);
	return request;
}

bool ask_read_neighbour(const struct nlmsghdr *message, Neighbour *ret_neighbour)
{
	const struct ndmsg *own = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[NDA_LLADDR + 1];
	Neighbour n = {.is_deleted = message->nlmsg_type == RTM_DELNEIGH};

	if ((message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*own))
		return false;
	rtnetlink_attributes(message, sizeof(*own), at, NDA_LLADDR);
	n.is_forwarding = own->ndm_family == AF_BRIDGE;
	n.link = (unsigned)own->ndm_ifindex;
	n.has_mac = rtnetlink_bytes(at[NDA_LLADDR], n.mac, LINK_MAC_SIZE) &&
		    (n.is_forwarding || (own->ndm_state & NUD_VALID));
	if (!n.is_forwarding &&
		(!rtnetlink_read_family(own->ndm_family, &n.address.family) ||
			!rtnetlink_address(at[NDA_DST], n.address.family, &n.address)))
		return false;
	*ret_neighbour = n;
	return true;
}

static void take_neighbour(void *context, size_t i, const struct nlmsghdr *answer)
{
	Answer *to = &((Answers *)context)->at[i];
	Neighbour n;

	if (!ask_read_neighbour(answer, &n) || n.is_deleted || n.is_forwarding || !n.has_mac)
		return;
	to->has_mac = true;
	memcpy(to->mac, n.mac, LINK_MAC_SIZE);
}

void ask_neighbours(Rtnetlink *rtnetlink, Answers *answers)
{
	for (size_t i = 0; i < answers->n; i++)
		answers->at[i].has_mac = false;
	ask_all(rtnetlink, answers, write_neighbour, take_neighbour);
}

/* ---- Forwarding tables ---- */
static struct nlmsghdr *write_port(void *context, size_t i, void *buffer)
{
	const Answer *question = &((const Answers *)context)->at[i];
	void *own;
	struct nlmsghdr *request =
		rtnetlink_request(buffer, RTM_GETNEIGH, sizeof(struct ndmsg), &own);

	assert(question->has_mac);
	*(struct ndmsg *)own = (struct ndmsg){.ndm_family = AF_BRIDGE};
	mnl_attr_put(request, NDA_LLADDR, LINK_MAC_SIZE, question->mac);
	mnl_attr_put_u32(request, NDA_MASTER, question->bridge);
	return request;
}

static void take_port(void *context, size_t i, const struct nlmsghdr *answer)
{
	Neighbour n;

	if (ask_read_neighbour(answer, &n) && n.is_forwarding && !n.is_deleted)
		((Answers *)context)->at[i].link = n.link;
}

void ask_ports(Rtnetlink *rtnetlink, Answers *answers)
{
	for (size_t i = 0; i < answers->n; i++)
		answers->at[i].link = 0;
	ask_all(rtnetlink, answers, write_port, take_port);
}
