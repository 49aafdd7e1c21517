/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getifaddrs(3), sorted. */
#include "node_addresses.h"
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

struct NodeAddresses {
	Arena *arena;
	Elements elements; /* sorted */
};

static bool read_address(const struct sockaddr *from, Address *ret_address)
{
	if (from && from->sa_family == AF_INET)
		*ret_address = address_from_bytes(FAMILY_IPV4,
			(const uint8_t *)&((const struct sockaddr_in *)(const void *)from)
				->sin_addr);
	else if (from && from->sa_family == AF_INET6)
		*ret_address = address_from_bytes(FAMILY_IPV6,
			(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)from)
				->sin6_addr);
	else
		return false;
	return true;
}

NodeAddresses *node_addresses_read(void)
{
	Arena *arena = arena_new();
	NodeAddresses *addresses = ARENA_NEW(arena, NodeAddresses);
	struct ifaddrs *list;
	Element element = {};

	*addresses = (NodeAddresses){.arena = arena};
	if (getifaddrs(&list) < 0) {
		int error = errno;

		arena_free(arena);
		errno = error;
		return NULL;
	}
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (read_address(at->ifa_addr, &element.address))
			VEC_PUSH(arena, &addresses->elements, element);
	freeifaddrs(list);
	elements_sort(&addresses->elements);
	return addresses;
}

NodeAddresses *node_addresses_free(NodeAddresses *addresses)
{
	if (addresses)
		arena_free(addresses->arena);
	return NULL;
}

bool node_addresses_have(const NodeAddresses *addresses, Address address)
{
	const Elements *all = &addresses->elements;
	Element wanted = {.address = address};

	return all->n && bsearch(&wanted, all->at, all->n, sizeof(Element), element_compare);
}
