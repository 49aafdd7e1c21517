/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * element_key: converts elements to the bytes of nftables keys, and back. Pure functions.
 *
 * A key is what an nftables set or map stores of an element: the parts of its type one after the
 * other, in network byte order, each padded with zeros to whole 4-byte registers:
 *
 *     SET_PODS, verdict maps   address
 *     SET_SELF                 address . the same address
 *     SET_LINKS                the name, with NULs up to 16 bytes
 *     SET_PORTS                address . protocol (1 byte) . port (2 bytes)
 *
 * Ranges (SET_CIDR) have no keys here: libnftables writes them, and they are never edited.
 */
#include "ruleset.h"

/* The longest: two IPv6 addresses. */
#define ELEMENT_KEY_SIZE 32

/* Both return the key's length in bytes. What follows it in `ret_key` is not defined. */
uint32_t element_key_write(
	const Set *set, const Element *element, uint8_t ret_key[ELEMENT_KEY_SIZE]);
uint32_t element_key_write_address(Address address, uint8_t ret_key[ELEMENT_KEY_SIZE]);

/* From a key of `n` bytes that the kernel sent. If it is too short, missing bytes count as 0. */
Element element_key_read(const Set *set, const void *key, uint32_t n);
