/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Set and map keys as bytes. See element_key.h. */
#include "element_key.h"
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define REGISTER_SIZE 4

static size_t address_size(Family family)
{
	return family == FAMILY_IPV4 ? 4 : 16;
}

static void write_port(uint8_t *at, uint16_t port)
{
	uint16_t in_network_order = htons(port);

	memcpy(at, &in_network_order, sizeof(in_network_order));
}

static uint16_t read_port(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* ---- Writing ---- */
uint32_t element_key_write(
	const Set *set, const Element *element, uint8_t ret_key[ELEMENT_KEY_SIZE])
{
	size_t n;

	assert(set->kind != SET_CIDR && element->address.family == set->family);
	memset(ret_key, 0, ELEMENT_KEY_SIZE);
	n = address_bytes(element->address, ret_key);
	if (set->kind == SET_SELF)
		return (uint32_t)(n + address_bytes(element->address, ret_key + n));
	if (set->kind != SET_PORTS)
		return (uint32_t)n;
	ret_key[n] = element->protocol;
	write_port(ret_key + n + REGISTER_SIZE, element->port);
	return (uint32_t)(n + 2 * REGISTER_SIZE);
}

uint32_t element_key_write_address(Address address, uint8_t ret_key[ELEMENT_KEY_SIZE])
{
	return (uint32_t)address_bytes(address, ret_key);
}

/* ---- Reading ---- */
Element element_key_read(const Set *set, const void *key, uint32_t n)
{
	uint8_t padded[ELEMENT_KEY_SIZE] = {};
	size_t size = address_size(set->family);
	Element element;

	memcpy(padded, key, n < sizeof(padded) ? n : sizeof(padded));
	element = (Element){.address = address_from_bytes(set->family, padded)};
	if (set->kind == SET_PORTS) {
		element.protocol = padded[size];
		element.port = read_port(padded + size + REGISTER_SIZE);
	}
	return element;
}
