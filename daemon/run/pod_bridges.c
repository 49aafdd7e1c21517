/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places of pods -> bridges; getifaddrs(3) -> their subnets. See pod_bridges.h. */
#include "pod_bridges.h"
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct PodBridges {
	Arena *arena; /* of the list */
	Interfaces list;
};

PodBridges *pod_bridges_new(void)
{
	PodBridges *bridges = MEMORY_NEW(PodBridges);

	*bridges = (PodBridges){.arena = arena_new()};
	return bridges;
}

PodBridges *pod_bridges_free(PodBridges *bridges)
{
	if (!bridges)
		return NULL;
	arena_free(bridges->arena);
	free(bridges);
	return NULL;
}

/* ---- The list ---- */
static bool has_interface(const Interfaces *interfaces, unsigned index)
{
	for (size_t i = 0; i < interfaces->n; i++)
		if (interfaces->at[i] == index)
			return true;
	return false;
}

bool pod_bridges_have(const PodBridges *bridges, unsigned index)
{
	return has_interface(&bridges->list, index);
}

void pod_bridges_update(PodBridges *bridges, const Links *links, const SenderFacts *facts)
{
	Arena *arena = arena_new();
	Interfaces list = {};

	for (size_t i = 0; i < facts->pods.n; i++)
		for (size_t k = 0; k < facts->pods.at[i].places.n; k++) {
			unsigned bridge = facts->pods.at[i].places.at[k].bridge;

			if (bridge && !has_interface(&list, bridge))
				VEC_PUSH(arena, &list, bridge);
		}
	for (size_t i = 0; i < bridges->list.n; i++) {
		const Link *link = links_find(links, bridges->list.at[i]);

		if (link && link->kind == LINK_BRIDGE && !has_interface(&list, link->index))
			VEC_PUSH(arena, &list, link->index);
	}
	arena_free(bridges->arena);
	bridges->arena = arena;
	bridges->list = list;
}

/* ---- Subnets ---- */
static bool read_range(const struct sockaddr *address, const struct sockaddr *mask,
	Address *ret_address, Range *ret_range)
{
	const uint8_t *bytes, *mask_bytes;
	AddressValue ones;
	Family family;

	if (!address || !mask)
		return false;
	if (address->sa_family == AF_INET) {
		family = FAMILY_IPV4;
		bytes = (const void *)&((const struct sockaddr_in *)(const void *)address)
				->sin_addr;
		mask_bytes =
			(const void *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr;
	} else if (address->sa_family == AF_INET6) {
		family = FAMILY_IPV6;
		bytes = (const void *)&((const struct sockaddr_in6 *)(const void *)address)
				->sin6_addr;
		mask_bytes =
			(const void *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
	} else {
		return false;
	}
	ones = address_from_bytes(family, mask_bytes).value;
	*ret_address = address_from_bytes(family, bytes);
	ret_range->family = family;
	ret_range->first = ret_address->value & ones;
	ret_range->last = ret_range->first | (family_last(family) & ~ones);
	return true;
}

static bool is_name_of_bridge(const PodBridges *bridges, const Links *links, const char *name)
{
	for (size_t i = 0; i < bridges->list.n; i++) {
		const Link *link = links_find(links, bridges->list.at[i]);

		if (link && strcmp(link->name, name) == 0)
			return true;
	}
	return false;
}

void pod_bridges_subnets(
	const PodBridges *bridges, const Links *links, Arena *arena, SenderFacts *facts)
{
	struct ifaddrs *list;
	Address address;
	Range range;

	if (bridges->list.n == 0 || getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (is_name_of_bridge(bridges, links, at->ifa_name) &&
			read_range(at->ifa_addr, at->ifa_netmask, &address, &range)) {
			VEC_PUSH(arena, &facts->subnets, range);
			VEC_PUSH(arena, &facts->gateways, address);
		}
	freeifaddrs(list);
}
