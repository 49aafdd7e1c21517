/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where addresses are. See places.h. */
#include "places.h"
#include <assert.h>

typedef struct Located {
	Address address;
	bool is_route_known; /* `route` is what the kernel answers */
	bool is_port_known;  /* nothing is asked for it */
	bool is_gone;	     /* its link was deleted, and it was not located since */
	bool is_configured;  /* how `port` was found */
	bool has_mac;	     /* by the neighbour entry: to find the port that has learned it */
	uint8_t mac[LINK_MAC_SIZE];
	unsigned route, port; /* indices of links; 0: none */
	unsigned asked;	      /* the last call that asked for it */
} Located;

typedef VEC(Located *) LocatedList;

struct Places {
	Arena *arena; /* of the entries; anew when old ones are forgotten */
	HashTable *by_address;
	FarEnds *far_ends;
	unsigned n_calls;
};

Places *places_new(void)
{
	Places *places = MEMORY_NEW(Places);

	places->arena = arena_new();
	places->by_address = hash_table_new(places->arena);
	places->far_ends = far_ends_new();
	return places;
}

Places *places_free(Places *places)
{
	if (!places)
		return NULL;
	far_ends_free(places->far_ends);
	arena_free(places->arena);
	free(places);
	return NULL;
}

/* ---- Entries ---- */
static uint32_t hash_address(Address address)
{
	return hash_bytes(HASH_START, &address, sizeof(address));
}

static Located *find(const Places *places, Address address)
{
	const Located *entry;
	size_t cursor = 0;

	while ((entry = hash_table_find(places->by_address, hash_address(address), &cursor)))
		if (address_is_equal(entry->address, address))
			return (Located *)entry;
	return NULL;
}

static Located *find_or_add(Places *places, Address address)
{
	Located *entry = find(places, address);

	if (!entry) {
		entry = ARENA_NEW(places->arena, Located);
		entry->address = address;
		hash_table_add(places->by_address, hash_address(address), entry);
	}
	return entry;
}

static Located *next(const Places *places, size_t *cursor)
{
	return (Located *)hash_table_next(places->by_address, cursor);
}

/* Addresses that nobody asks for any more. */
static void forget_old(Places *places)
{
	Arena *arena;
	HashTable *by_address;
	Located *entry;
	size_t cursor = 0;

	if (places->n_calls % LINKS_FORGET != 0)
		return;
	arena = arena_new();
	by_address = hash_table_new(arena);
	while ((entry = next(places, &cursor))) {
		Located *kept;

		if (places->n_calls - entry->asked >= LINKS_FORGET)
			continue;
		kept = ARENA_NEW(arena, Located);
		*kept = *entry;
		hash_table_add(by_address, hash_address(kept->address), kept);
	}
	arena_free(places->arena);
	places->arena = arena;
	places->by_address = by_address;
}

/* ---- Asking ---- */
static Answers questions_of(Arena *scratch, const LocatedList *list)
{
	Answers answers = {};

	for (size_t i = 0; i < list->n; i++) {
		const Located *entry = list->at[i];
		Answer question = {.address = entry->address,
			.bridge = entry->route,
			.has_mac = entry->has_mac};

		memcpy(question.mac, entry->mac, LINK_MAC_SIZE);
		VEC_PUSH(scratch, &answers, question);
	}
	return answers;
}

static void locate_routes(
	Rtnetlink *rtnetlink, const LinkTable *table, Arena *scratch, const LocatedList *list)
{
	Answers answers = questions_of(scratch, list);

	ask_routes(rtnetlink, &answers);
	for (size_t i = 0; i < list->n; i++) {
		Located *entry = list->at[i];
		const LinkEntry *link = link_table_find(table, answers.at[i].link);

		if (entry->route != (link ? link->link.index : 0))
			entry->has_mac = entry->is_configured = false, entry->port = 0;
		entry->route = link ? link->link.index : 0;
		entry->is_gone &= !link;
		/* a link that is not in the table yet: its notification will come */
		entry->is_route_known = !answers.at[i].link || link;
		entry->is_port_known = !link || link->link.kind != LINK_BRIDGE;
	}
}

static bool is_wanted(const void *context, Address address)
{
	return find(context, address) != NULL;
}

/* The far ends of each bridge that one of the list is on. Leaves in the list what has none. */
static void locate_far_ends(
	Places *places, Rtnetlink *rtnetlink, const LinkTable *table, LocatedList *list)
{
	size_t n = 0;

	for (size_t i = 0; i < table->entries.n; i++) {
		unsigned bridge = table->entries.at[i].link.index;

		for (size_t j = 0; j < list->n; j++)
			if (list->at[j]->route == bridge) {
				far_ends_read(places->far_ends, rtnetlink, table, bridge, is_wanted,
					places);
				break;
			}
	}
	for (size_t i = 0; i < list->n; i++) {
		Located *entry = list->at[i];

		entry->has_mac = false;
		entry->port = far_ends_find(places->far_ends, table, entry->route, entry->address);
		entry->is_configured = entry->is_port_known = entry->port != 0;
		if (!entry->port)
			list->at[n++] = entry;
	}
	list->n = (uint32_t)n;
}

/* Whether a forwarding table's answer is a port of the bridge: it also has the bridge's own MAC. */
static bool is_port_of(const LinkTable *table, unsigned port, unsigned bridge)
{
	const LinkEntry *link = link_table_find(table, port);

	return link && link->link.master == bridge;
}

static void locate_learned(
	Rtnetlink *rtnetlink, const LinkTable *table, Arena *scratch, const LocatedList *list)
{
	Answers answers = questions_of(scratch, list);
	LocatedList with_mac = {};

	ask_neighbours(rtnetlink, &answers);
	for (size_t i = 0; i < list->n; i++) {
		Located *entry = list->at[i];

		entry->has_mac = answers.at[i].has_mac;
		memcpy(entry->mac, answers.at[i].mac, LINK_MAC_SIZE);
		if (entry->has_mac)
			VEC_PUSH(scratch, &with_mac, entry);
	}
	answers = questions_of(scratch, &with_mac);
	ask_ports(rtnetlink, &answers);
	for (size_t i = 0; i < with_mac.n; i++) {
		Located *entry = with_mac.at[i];

		entry->port = is_port_of(table, answers.at[i].link, entry->route)
				      ? answers.at[i].link
				      : 0;
		entry->is_port_known = entry->port != 0;
	}
}

static Place place_of(const LinkTable *table, const Located *entry)
{
	const LinkEntry *route = link_table_find(table, entry->route);
	const LinkEntry *port = link_table_find(table, entry->port);
	Place place = {.certainty = entry->is_gone ? PLACE_GONE : PLACE_UNKNOWN};

	if (!route)
		return place;
	place.route = &route->link;
	if (route->link.kind == LINK_BRIDGE) {
		place.bridge = &route->link;
		place.port = port ? &port->link : NULL;
		place.certainty = !port			 ? PLACE_BRIDGE
				  : entry->is_configured ? PLACE_CONFIGURED
							 : PLACE_LEARNED;
	} else if (route->link.is_far) {
		place.port = &route->link;
		place.certainty = PLACE_ROUTED;
	} else {
		place.certainty = PLACE_OTHER_LINK;
	}
	return place;
}

void places_locate(Places *places, Rtnetlink *rtnetlink, const LinkTable *table,
	const Address *addresses, size_t n, Place *ret_places)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	LocatedList all = {}, routes = {}, ports = {};

	places->n_calls++;
	forget_old(places);
	for (size_t i = 0; i < n; i++) {
		Located *entry = find_or_add(places, addresses[i]);

		entry->asked = places->n_calls;
		VEC_PUSH(scratch, &all, entry);
		if (!entry->is_route_known)
			VEC_PUSH(scratch, &routes, entry);
	}
	locate_routes(rtnetlink, table, scratch, &routes);
	for (size_t i = 0; i < n; i++)
		if (!all.at[i]->is_port_known && all.at[i]->route)
			VEC_PUSH(scratch, &ports, all.at[i]);
	if (ports.n) {
		locate_far_ends(places, rtnetlink, table, &ports);
		locate_learned(rtnetlink, table, scratch, &ports);
	}
	for (size_t i = 0; i < n; i++)
		ret_places[i] = place_of(table, all.at[i]);
}

/* ---- Invalidation ---- */
bool places_route_changed(Places *places, Range range)
{
	Located *entry;
	size_t cursor = 0;
	bool has_any = false;

	while ((entry = next(places, &cursor)))
		if (entry->address.family == range.family &&
			range_has(range, entry->address.value)) {
			entry->is_route_known = false;
			has_any = true;
		}
	return has_any;
}

bool places_routes_changed(Places *places)
{
	Located *entry;
	size_t cursor = 0;

	while ((entry = next(places, &cursor)))
		entry->is_route_known = false;
	return cursor > 0 && hash_table_count(places->by_address) > 0;
}

/*
 * A neighbour entry of an address that was asked for, with another MAC; a MAC that was learned at
 * another port; a MAC at a port of a bridge where an address is whose port is not known.
 */
static bool is_about(const Located *entry, const LinkTable *table, const Neighbour *neighbour)
{
	bool is_same_mac = entry->has_mac && neighbour->has_mac &&
			   memcmp(entry->mac, neighbour->mac, LINK_MAC_SIZE) == 0;

	if (!entry->route || entry->is_configured)
		return false;
	if (!neighbour->is_forwarding)
		return neighbour->link == entry->route &&
		       address_is_equal(neighbour->address, entry->address) && !is_same_mac;
	if (!is_port_of(table, neighbour->link, entry->route))
		return false;
	return !entry->port ||
	       (is_same_mac && (neighbour->link != entry->port) != neighbour->is_deleted);
}

bool places_neighbour_changed(Places *places, const LinkTable *table, const Neighbour *neighbour)
{
	Located *entry;
	size_t cursor = 0;
	bool has_any = false;

	while ((entry = next(places, &cursor))) {
		if (!is_about(entry, table, neighbour))
			continue;
		has_any = true;
		entry->is_port_known = false;
	}
	return has_any;
}

void places_link_doubted(Places *places, unsigned index)
{
	far_ends_forget(places->far_ends, index);
}

bool places_links_changed(Places *places, const LinkTable *before, const LinkTable *now)
{
	Located *entry;
	size_t cursor = 0;

	far_ends_forget_changed(places->far_ends, before, now);
	while ((entry = next(places, &cursor))) {
		const LinkEntry *was = link_table_find(before, entry->route);

		entry->is_gone |= was && was->link.is_far && !link_table_find(now, entry->route);
		/* an end that came may have the address too, or be the better answer */
		entry->is_route_known = false;
		entry->is_configured = false;
	}
	return hash_table_count(places->by_address) > 0;
}
