/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * link_table: all links of this network namespace, sorted by index; read by one dump.
 *
 * A table is constant. When a notification shows that a link is another than in the table, a new
 * table is read: one message does not tell all. When the other end of a veth moves into another
 * namespace, for example, only that end's removal is notified.
 */
#include "links.h"
#include "rtnetlink.h"

/* What is known of a link beyond its public part. */
typedef struct LinkEntry {
	Link link;	/* first: a Link * of the table is a LinkEntry * */
	unsigned flags; /* IFF_UP, IFF_LOWER_UP: the kernel removes routes of a link that is down */
	int far_netns;	/* the id of the other end's namespace, if is_far */
} LinkEntry;

typedef struct LinkTable {
	Arena *arena;
	VEC(LinkEntry) entries;
} LinkTable;

/* 0 or -errno. */
int link_table_read(Rtnetlink *rtnetlink, LinkTable *ret_table);
void link_table_free(LinkTable *table); /* leaves it empty */
const LinkEntry *link_table_find(const LinkTable *table, unsigned index);
/*
 * Whether a notification (RTM_NEWLINK, RTM_DELLINK) says something that the table does not, and of
 * which link.
 */
bool link_table_contradicts(
	const LinkTable *table, const struct nlmsghdr *message, unsigned *ret_index);
bool link_is_same(const Link *a, const Link *b);
bool link_entry_is_same(const LinkEntry *a, const LinkEntry *b);
