/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public functions, and the notifications. See links.h. */
#include "links.h"
#include "notices.h"
#include "places.h"
#include "podless.h"
#include <errno.h>
#include <linux/rtnetlink.h>

struct Links {
	Rtnetlink rtnetlink;
	Notices notices;
	LinkTable table;
	Places *places;
	PodlessState podless;
	bool is_complete; /* the table has been read since the last doubt */
};

/* One call reads at most that many messages: a pod can cause more by flooding MAC addresses. */
#define READS_MAX 1000

/* ---- Opening ---- */
int links_open(Links **ret_links)
{
	Links *links = MEMORY_NEW(Links);
	int r;

	links->places = places_new();
	r = notices_open(&links->notices);
	if (r == 0)
		r = rtnetlink_open(&links->rtnetlink);
	/* after the subscription: what changes from now on is notified */
	if (r == 0)
		r = link_table_read(&links->rtnetlink, &links->table);
	if (r < 0) {
		links_close(links);
		return r;
	}
	links->is_complete = true;
	*ret_links = links;
	return 0;
}

Links *links_close(Links *links)
{
	if (!links)
		return NULL;
	notices_close(&links->notices);
	rtnetlink_close(&links->rtnetlink);
	places_free(links->places);
	podless_state_free(&links->podless);
	link_table_free(&links->table);
	free(links);
	return NULL;
}

int links_fd(const Links *links)
{
	return links->notices.both;
}

/* ---- Notifications ---- */
static void doubt_routes(Links *links, bool is_any_changed, LinksNotice *notice)
{
	if (!is_any_changed)
		return;
	notice->has_places = true;
	notices_pause(&links->notices);
}

static void read_message(Links *links, const struct nlmsghdr *message, LinksNotice *notice)
{
	Neighbour neighbour;
	unsigned index;
	Range range;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (link_table_contradicts(&links->table, message, &index)) {
			places_link_doubted(links->places, index);
			links->is_complete = false;
		}
		return;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (ask_read_neighbour(message, &neighbour))
			notice->has_places |=
				places_neighbour_changed(links->places, &links->table, &neighbour);
		return;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (ask_read_route(message, &range)) {
			doubt_routes(links, places_route_changed(links->places, range), notice);
			return;
		}
		break;
	default:
		break;
	}
	doubt_routes(links, places_routes_changed(links->places), notice);
}

static void read_messages(Links *links, LinksNotice *notice)
{
	char buffer[64 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t got = notices_receive(&links->notices, buffer, sizeof(buffer));
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got < 0) { /* ENOBUFS: some were lost */
			links->is_complete = false;
			continue;
		}
		for (const struct nlmsghdr *message = (const void *)buffer;
			mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			read_message(links, message, notice);
	}
}

static bool are_links_equal(const LinkTable *a, const LinkTable *b)
{
	for (size_t i = 0; a->entries.n == b->entries.n && i < a->entries.n; i++)
		if (!link_is_same(&a->entries.at[i].link, &b->entries.at[i].link))
			return false;
	return a->entries.n == b->entries.n;
}

static void read_links(Links *links, LinksNotice *notice)
{
	LinkTable before = links->table;

	if (link_table_read(&links->rtnetlink, &links->table) < 0)
		return;
	links->is_complete = true;
	notice->has_links |= !are_links_equal(&before, &links->table);
	doubt_routes(links, places_links_changed(links->places, &before, &links->table), notice);
	link_table_free(&before);
}

LinksNotice links_read(Links *links)
{
	LinksNotice notice = {};

	if (notices_has_paused(&links->notices))
		notice.has_places |= places_routes_changed(links->places);
	read_messages(links, &notice);
	if (!links->is_complete)
		read_links(links, &notice);
	return notice;
}

bool links_is_complete(const Links *links)
{
	return links->is_complete;
}

/* ---- Links and places ---- */
const Link *links_find(const Links *links, unsigned index)
{
	const LinkEntry *entry = link_table_find(&links->table, index);

	return entry ? &entry->link : NULL;
}

const Link *links_next(const Links *links, size_t *cursor)
{
	return *cursor < links->table.entries.n ? &links->table.entries.at[(*cursor)++].link : NULL;
}

void links_locate(Links *links, const Address *addresses, size_t n, Place *ret_places)
{
	places_locate(links->places, &links->rtnetlink, &links->table, addresses, n, ret_places);
}

const char *links_find_podless(
	Links *links, const Address *addresses, size_t n, Arena *arena, Texts *ret_names)
{
	Place *places;
	const char *why;

	*ret_names = (Texts){};
	if (n > PODLESS_ADDRESSES_MAX)
		return arena_printf(
			arena, "more than %d addresses are isolated", PODLESS_ADDRESSES_MAX);
	if (!links->is_complete)
		return "the kernel does not say which interfaces there are";
	places = arena_alloc(arena, n * sizeof(Place));
	links_locate(links, addresses, n, places);
	why = podless_list(&links->podless, &links->table, addresses, places, n, arena, ret_names);
	if (ret_names->n)
		qsort(ret_names->at, ret_names->n, sizeof(*ret_names->at), text_compare_p);
	return why;
}
