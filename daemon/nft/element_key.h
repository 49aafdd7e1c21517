/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * element_key: the bytes of set and map keys, written and read.
 *
 * A key is what an nftables set holds of an element: the parts of its type one after the other, in
 * network byte order, each padded with zeros to whole 4-byte registers:
 *
 *     SET_PODS, verdict maps   address
 *     SET_SELF                 address . the same address
 *     SET_PORTS                address . protocol (1 byte) . port (2 bytes)
 *     stale flows              source . source port . destination . destination port
 *
 * Ranges (SET_CIDR) have no keys here: libnftables writes them, and they are never edited.
 */
#include "ruleset.h"

/* The longest: two IPv6 addresses and two ports. */
#define ELEMENT_KEY_SIZE 40

/* All three return the key's length in bytes; what follows it in `ret_key` is zero or untouched. */
uint32_t element_key_write(
	const Set *set, const Element *element, uint8_t ret_key[ELEMENT_KEY_SIZE]);
uint32_t element_key_write_address(Address address, uint8_t ret_key[ELEMENT_KEY_SIZE]);
uint32_t element_key_write_flow(const Tuple *tuple, uint8_t ret_key[ELEMENT_KEY_SIZE]);

/* A key of `n` bytes that the kernel sent; what it lacks counts as zero. */
Element element_key_read(const Set *set, const void *key, uint32_t n);
/* Of a set of stale flows of that family and protocol. False: the key is too short for one. */
bool element_key_read_flow(
	Family family, uint8_t protocol, const uint8_t *key, uint32_t n, Tuple *ret_tuple);
