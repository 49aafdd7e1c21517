/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * places: where addresses are; a cache, which notifications invalidate.
 *
 *     asked for ---> route unknown ---> route known, port unknown ---> both known
 *                     ^   ^               ^      |                        |
 *                     |   |               |      `-- next call: asks again|
 *                     |   |               `--- neighbour, forwarding table, links changed
 *                     |   `--- a route to it, a rule, an address of the node, a link changed
 *                     `------- its link was deleted: gone, until a direct route comes
 */
#include "ask.h"
#include "far_ends.h"

typedef struct Places Places;

Places *places_new(void);
Places *places_free(Places *places); /* takes NULL; returns NULL */

void places_locate(Places *places, Rtnetlink *rtnetlink, const LinkTable *table,
	const Address *addresses, size_t n, Place *ret_places);

/* ---- Invalidation. Each returns whether a place may be another now. ---- */
bool places_route_changed(Places *places, Range range); /* a route to these addresses */
bool places_routes_changed(Places *places);		/* any route: rules, links, addresses */
bool places_neighbour_changed(Places *places, const LinkTable *table, const Neighbour *neighbour);
/* Before places_links_changed(): a link that the tables may show as unchanged, down and up again.
 */
void places_link_doubted(Places *places, unsigned index);
bool places_links_changed(Places *places, const LinkTable *before, const LinkTable *now);
