/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links out of messages. See link_table.h. */
#include "link_table.h"
#include <ctype.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#define ATTEMPTS_MAX 10

_Static_assert(LINK_NAME_SIZE == IFNAMSIZ, "LINK_NAME_SIZE");

bool link_name_is_plain(const char *name)
{
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
			return false;
	return *name;
}

/* ---- Messages ---- */
static LinkKind read_kind(const struct nlattr *linkinfo)
{
	const struct nlattr *at;
	char kind[16] = "";

	if (!linkinfo)
		return LINK_OTHER;
	mnl_attr_for_each_nested(at, linkinfo)
	{
		if (mnl_attr_get_type(at) == IFLA_INFO_KIND)
			rtnetlink_text(at, kind, sizeof(kind));
	}
	if (text_is_equal(kind, "veth"))
		return LINK_VETH;
	return text_is_equal(kind, "bridge") ? LINK_BRIDGE : LINK_OTHER;
}

static LinkEntry read_entry(const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[IFLA_LINK_NETNSID + 1];
	LinkEntry entry = {.link.index = (unsigned)info->ifi_index,
		.flags = info->ifi_flags & (IFF_UP | IFF_LOWER_UP)};

	rtnetlink_attributes(message, sizeof(*info), at, IFLA_LINK_NETNSID);
	rtnetlink_text(at[IFLA_IFNAME], entry.link.name, sizeof(entry.link.name));
	entry.link.kind = read_kind(at[IFLA_LINKINFO]);
	entry.link.master = rtnetlink_number(at[IFLA_MASTER]);
	/* with IFLA_LINK_NETNSID the index is one of another namespace */
	if (!at[IFLA_LINK_NETNSID]) {
		entry.link.lower = rtnetlink_number(at[IFLA_LINK]);
	} else if (entry.link.kind == LINK_VETH) {
		entry.link.is_far = true;
		entry.link.far_index = rtnetlink_number(at[IFLA_LINK]);
		entry.far_netns = (int)rtnetlink_number(at[IFLA_LINK_NETNSID]);
	}
	rtnetlink_bytes(at[IFLA_ADDRESS], entry.link.mac, LINK_MAC_SIZE);
	return entry;
}

/*
 * A bridge notifies of its ports by messages of its own family, whose RTM_DELLINK means that the
 * link is no port any more; and wireless drivers send RTM_NEWLINK with nothing but an event.
 */
static bool is_about_link(const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[IFLA_WIRELESS + 1];

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return false;
	rtnetlink_attributes(message, sizeof(*info), at, IFLA_WIRELESS);
	return !at[IFLA_WIRELESS];
}

/* ---- Tables ---- */
static int take_link(const struct nlmsghdr *message, void *context)
{
	LinkTable *table = context;

	if (message->nlmsg_type == RTM_NEWLINK && is_about_link(message))
		VEC_PUSH(table->arena, &table->entries, read_entry(message));
	return MNL_CB_OK;
}

static int compare_entries(const void *a, const void *b)
{
	const LinkEntry *left = a, *right = b;

	return (left->link.index > right->link.index) - (left->link.index < right->link.index);
}

static int read_once(Rtnetlink *rtnetlink, LinkTable *ret_table)
{
	char buffer[QUESTION_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	LinkTable table = {.arena = arena_new()};
	void *own;
	struct nlmsghdr *request =
		rtnetlink_request(buffer, RTM_GETLINK, sizeof(struct ifinfomsg), &own);
	int r;

	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = rtnetlink_dump(rtnetlink, request, take_link, &table);
	if (r < 0) {
		link_table_free(&table);
		return r;
	}
	if (table.entries.n)
		qsort(table.entries.at, table.entries.n, sizeof(LinkEntry), compare_entries);
	*ret_table = table;
	return 0;
}

int link_table_read(Rtnetlink *rtnetlink, LinkTable *ret_table)
{
	int r = -EINTR; /* a link came or went during the dump */

	for (int i = 0; r == -EINTR && i < ATTEMPTS_MAX; i++)
		r = read_once(rtnetlink, ret_table);
	return r;
}

void link_table_free(LinkTable *table)
{
	arena_free(table->arena);
	*table = (LinkTable){};
}

const LinkEntry *link_table_find(const LinkTable *table, unsigned index)
{
	LinkEntry wanted = {.link.index = index};

	if (!index || !table->entries.n)
		return NULL;
	return bsearch(
		&wanted, table->entries.at, table->entries.n, sizeof(LinkEntry), compare_entries);
}

/* ---- Comparison ---- */
bool link_is_same(const Link *a, const Link *b)
{
	return a->index == b->index && text_is_equal(a->name, b->name) && a->kind == b->kind &&
	       a->master == b->master && a->lower == b->lower && a->is_far == b->is_far &&
	       a->far_index == b->far_index && memcmp(a->mac, b->mac, LINK_MAC_SIZE) == 0;
}

bool link_entry_is_same(const LinkEntry *a, const LinkEntry *b)
{
	return link_is_same(&a->link, &b->link) && a->flags == b->flags &&
	       a->far_netns == b->far_netns;
}

bool link_table_contradicts(
	const LinkTable *table, const struct nlmsghdr *message, unsigned *ret_index)
{
	const LinkEntry *known;
	LinkEntry entry;

	if (!is_about_link(message))
		return false;
	entry = read_entry(message);
	*ret_index = entry.link.index;
	known = link_table_find(table, entry.link.index);
	if (message->nlmsg_type == RTM_DELLINK)
		return known != NULL;
	return !known || !link_entry_is_same(known, &entry);
}
