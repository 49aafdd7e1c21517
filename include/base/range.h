/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * IPv4 and IPv6 addresses and ranges of them. A value is a number in host byte order; an IPv4
 * address is in its low 32 bits. Both families use the same type, so that the code that subtracts
 * `except` blocks or joins ranges exists once.
 *
 * A list of ranges is *normalised* if it is sorted by family, then value, and no two ranges overlap
 * or are adjacent. ranges_normalise() makes it so.
 */
#include "base/arena.h"
#include <stdbool.h>

typedef enum Family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_N } Family;
/* 4-byte alignment keeps padding out of Address: a cluster has hundreds of thousands of them, and
 * their bytes serve as keys. */
typedef unsigned __int128 AddressValue __attribute__((aligned(4)));

typedef struct Address {
	AddressValue value;
	Family family;
} Address;
_Static_assert(sizeof(Address) == sizeof(AddressValue) + sizeof(Family), "Address has padding");

typedef struct Range {
	AddressValue first, last; /* both included; first <= last */
	Family family;
} Range;

typedef VEC(Address) Addresses;
typedef VEC(Range) Ranges;

#define ADDRESS_TEXT_SIZE 48
#define RANGE_TEXT_SIZE 100

/* ---- Addresses ---- */
bool address_parse(const char *text, Address *ret_address); /* no leading zeros, no zone */
const char *address_text(Address address, char ret_text[ADDRESS_TEXT_SIZE]);
bool address_is_equal(Address a, Address b);
int address_compare(Address a, Address b); /* by family, then value */
bool address_is_mapped(Address address);   /* ::ffff:0:0/96, RFC 4291 section 2.5.5.2 */
Address address_unmapped(Address address); /* a mapped one as IPv4, others as they are */
/* Writes network byte order; returns the number of bytes, 4 or 16. */
size_t address_bytes(Address address, uint8_t ret_bytes[16]);
Address address_from_bytes(Family family, const uint8_t *bytes);
AddressValue family_last(Family family); /* the highest address: all ones */
bool addresses_are_equal(const Addresses *a, const Addresses *b); /* in the same order */
bool addresses_have(const Addresses *addresses, Address address); /* linear */

/* ---- Ranges ---- */
/* Returns NULL, or what is wrong with the CIDR, as words. Bits beyond the prefix are an error. */
const char *range_parse_cidr(const char *text, Range *ret_range);
/*
 * The CIDRs that API servers before 1.36 take, read as they read them (ParseCIDRSloppy of
 * k8s.io/utils/net): bits beyond the prefix are cleared, leading zeros in IPv4 octets and in the
 * prefix length mean nothing, and an IPv4-mapped one is IPv4. False: they refuse it, too.
 */
bool range_parse_legacy_cidr(const char *text, Range *ret_range);
bool range_has(Range range, AddressValue value); /* of the range's family */
bool range_is_within(Range inner, Range outer);
bool range_is_equal(Range a, Range b);
bool range_is_everything(Range range); /* all addresses of its family */
/* The prefix length if the range is exactly one CIDR, else -1. */
int range_prefix(Range range);
/* As nft prints it: an address, a CIDR, or first-last. */
const char *range_text(Range range, char ret_text[RANGE_TEXT_SIZE]);

void ranges_normalise(Ranges *ranges);
/*
 * Appends the addresses of `block` that are in none of `except`, as disjoint ascending ranges. The
 * `except` ranges may overlap, lie outside of the block, or be of the other family.
 */
void ranges_subtract(Arena *arena, Range block, const Range *except, size_t n, Ranges *ret_ranges);
bool ranges_have(const Ranges *ranges, Address address); /* linear; any order */
bool ranges_find(const Ranges *ranges, Address address); /* binary search; normalised only */
bool ranges_are_equal(const Ranges *a, const Ranges *b); /* in the same order */
