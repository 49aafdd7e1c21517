/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that wait in neighbour entries: see links_drop_waiting(). */
#include "links.h"
#include "rtnetlink.h"
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define TRIES_MAX 10

typedef struct Entry {
	int link;
	Address address;
} Entry;

typedef struct Search {
	Arena *arena;
	const Addresses *addresses; /* sorted */
	VEC(Entry) found;
} Search;

static int compare_addresses(const void *a, const void *b)
{
	return address_compare(*(const Address *)a, *(const Address *)b);
}

/* Only in the state INCOMPLETE do packets wait: neigh_event_send() in net/core/neighbour.c. */
static int take_entry(const struct nlmsghdr *message, void *context)
{
	const struct ndmsg *own = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[NDA_DST + 1];
	Search *search = context;
	Entry entry = {};

	if (message->nlmsg_type != RTM_NEWNEIGH ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*own) ||
		!(own->ndm_state & NUD_INCOMPLETE) ||
		!rtnetlink_read_family(own->ndm_family, &entry.address.family))
		return MNL_CB_OK;
	rtnetlink_attributes(message, sizeof(*own), at, NDA_DST);
	if (!rtnetlink_address(at[NDA_DST], entry.address.family, &entry.address))
		return MNL_CB_OK;
	entry.link = own->ndm_ifindex;
	if (bsearch(&entry.address, search->addresses->at, search->addresses->n, sizeof(Address),
		    compare_addresses))
		VEC_PUSH(search->arena, &search->found, entry);
	return MNL_CB_OK;
}

/* Again, if entries came or went meanwhile: what waited from the start is found all the same. */
static int find(Rtnetlink *rtnetlink, Search *search)
{
	char buffer[QUESTION_SIZE];
	void *own;
	int r = -EINTR;

	for (int i = 0; i < TRIES_MAX && r == -EINTR; i++) {
		search->found.n = 0;
		r = rtnetlink_dump(rtnetlink,
			rtnetlink_request(buffer, RTM_GETNEIGH, sizeof(struct ndmsg), &own),
			take_entry, search);
	}
	return r;
}

/* Without its entry the kernel frees the packets that wait in it. */
static struct nlmsghdr *write_deletion(void *context, size_t i, void *buffer)
{
	const Entry *entry = &((const Search *)context)->found.at[i];
	void *own;
	struct nlmsghdr *request =
		rtnetlink_request(buffer, RTM_DELNEIGH, sizeof(struct ndmsg), &own);

	request->nlmsg_flags |= NLM_F_ACK;
	*(struct ndmsg *)own =
		(struct ndmsg){.ndm_family = (uint8_t)rtnetlink_family(entry->address.family),
			.ndm_ifindex = entry->link};
	rtnetlink_put_address(request, NDA_DST, entry->address);
	return request;
}

/* The answer to a deletion has nothing to say: an entry that went by itself is as good. */
static void take_nothing(void *context, size_t i, const struct nlmsghdr *answer)
{
	(void)context, (void)i, (void)answer;
}

int links_drop_waiting(const Addresses *addresses)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Addresses sorted = VEC_COPY(arena, *addresses);
	Search search = {.arena = arena, .addresses = &sorted};
	Questions deletions = {.write = write_deletion, .take = take_nothing, .context = &search};
	Rtnetlink rtnetlink = {};
	int r;

	if (addresses->n == 0)
		return 0;
	qsort(sorted.at, sorted.n, sizeof(Address), compare_addresses);
	r = rtnetlink_open(&rtnetlink);
	if (r < 0)
		return r;
	r = find(&rtnetlink, &search);
	deletions.n = search.found.n;
	if (r == 0 && deletions.n > 0)
		r = rtnetlink_ask(&rtnetlink, &deletions);
	rtnetlink_close(&rtnetlink);
	return r;
}
