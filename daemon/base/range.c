/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and ranges: parsing, printing, set operations on sorted ranges. */
#include "base.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

AddressValue family_last(Family family)
{
	return family == FAMILY_IPV4 ? (AddressValue)UINT32_MAX : ~(AddressValue)0;
}

Address address_from_bytes(Family family, const uint8_t *bytes)
{
	Address address = {.family = family};

	for (size_t i = 0; i < (family == FAMILY_IPV4 ? 4u : 16u); i++)
		address.value = address.value << 8 | bytes[i];
	return address;
}

size_t address_bytes(Address address, uint8_t ret_bytes[16])
{
	size_t n = address.family == FAMILY_IPV4 ? 4 : 16;

	for (size_t i = n; i > 0; i--, address.value >>= 8)
		ret_bytes[i - 1] = (uint8_t)address.value;
	return n;
}

bool address_parse(const char *text, Address *ret_address)
{
	uint8_t bytes[16];
	Family family = strchr(text, ':') ? FAMILY_IPV6 : FAMILY_IPV4;

	if (inet_pton(family == FAMILY_IPV4 ? AF_INET : AF_INET6, text, bytes) != 1)
		return false;
	*ret_address = address_from_bytes(family, bytes);
	return true;
}

const char *address_text(Address address, char ret_text[ADDRESS_TEXT_SIZE])
{
	uint8_t bytes[16];

	address_bytes(address, bytes);
	inet_ntop(address.family == FAMILY_IPV4 ? AF_INET : AF_INET6, bytes, ret_text,
		ADDRESS_TEXT_SIZE);
	return ret_text;
}

bool address_is_equal(Address a, Address b)
{
	return a.family == b.family && a.value == b.value;
}

bool addresses_have(const Addresses *addresses, Address address)
{
	for (size_t i = 0; i < addresses->n; i++)
		if (address_is_equal(addresses->at[i], address))
			return true;
	return false;
}

bool addresses_are_equal(const Addresses *a, const Addresses *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!address_is_equal(a->at[i], b->at[i]))
			return false;
	return true;
}

int address_compare(Address a, Address b)
{
	if (a.family != b.family)
		return a.family < b.family ? -1 : 1;
	return a.value < b.value ? -1 : a.value > b.value;
}

bool address_is_mapped(Address address)
{
	return address.family == FAMILY_IPV6 && address.value >> 32 == 0xffff;
}

Address address_unmapped(Address address)
{
	if (address_is_mapped(address))
		return (Address){address.value & family_last(FAMILY_IPV4), FAMILY_IPV4};
	return address;
}

/* The bits beyond the prefix. Prefix 0 is a case of its own: in C, a shift by 128 is undefined. */
static AddressValue host_mask(Family family, unsigned prefix)
{
	unsigned bits = family == FAMILY_IPV4 ? 32 : 128;

	return prefix == 0 ? family_last(family) : (((AddressValue)1 << (bits - prefix)) - 1);
}

/* The decimal number after the slash; -1 unless it is 1 to 3 digits without a leading zero. */
static int prefix_parse(const char *text)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 3 || text[n] || (n > 1 && text[0] == '0'))
		return -1;
	return (int)strtol(text, NULL, 10);
}

/* Copies the text without the zeros before a number's other digits: "010.00.0.1" is "10.0.0.1". */
static bool strip_zeros(const char *text, size_t n, char *ret_text, size_t size)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_first = i == 0 || !isxdigit((unsigned char)text[i - 1]);
		bool has_more = i + 1 < n && isxdigit((unsigned char)text[i + 1]);

		while (is_first && has_more && text[i] == '0') {
			i++;
			has_more = i + 1 < n && isxdigit((unsigned char)text[i + 1]);
		}
		if (k + 1 >= size)
			return false;
		ret_text[k++] = text[i];
	}
	ret_text[k] = '\0';
	return true;
}

bool range_parse_legacy_cidr(const char *text, Range *ret_range)
{
	const char *slash = strchr(text, '/');
	char head[ADDRESS_TEXT_SIZE], tail[4];
	Address address;
	AddressValue mask;
	int prefix;

	if (!slash || !strip_zeros(text, (size_t)(slash - text), head, sizeof(head)) ||
		!strip_zeros(slash + 1, strlen(slash + 1), tail, sizeof(tail)) ||
		!address_parse(head, &address))
		return false;
	prefix = prefix_parse(tail);
	if (prefix < 0 || prefix > (address.family == FAMILY_IPV4 ? 32 : 128))
		return false;
	if (prefix >= 96 && address_is_mapped(address)) {
		address = address_unmapped(address);
		prefix -= 96;
	}
	mask = host_mask(address.family, (unsigned)prefix);
	*ret_range = (Range){address.value & ~mask, address.value | mask, address.family};
	return true;
}

/* Of a CIDR of which a part is not read: what is wrong with it. */
static const char *part_error(const char *text, const char *words)
{
	return range_parse_legacy_cidr(text, &(Range){}) ? "it has leading zeros" : words;
}

const char *range_parse_cidr(const char *text, Range *ret_range)
{
	const char *slash = strchr(text, '/');
	char head[ADDRESS_TEXT_SIZE];
	Address address;
	AddressValue mask;
	int prefix;

	if (!slash)
		return address_parse(text, &address) ? "a prefix length is missing" : "not a CIDR";
	if ((size_t)(slash - text) >= sizeof(head))
		return "not a CIDR";
	memcpy(head, text, (size_t)(slash - text));
	head[slash - text] = '\0';
	if (!address_parse(head, &address))
		return part_error(text, "the part before the slash is no address");
	prefix = prefix_parse(slash + 1);
	if (prefix < 0 || prefix > (address.family == FAMILY_IPV4 ? 32 : 128))
		return part_error(text, "the prefix length is out of range");
	if (address_is_mapped(address))
		return "it is an IPv4-mapped IPv6 address";
	mask = host_mask(address.family, (unsigned)prefix);
	if (address.value & mask)
		return "it has bits set beyond its prefix length";
	*ret_range = (Range){address.value, address.value | mask, address.family};
	return NULL;
}

bool range_has(Range range, AddressValue value)
{
	return range.first <= value && value <= range.last;
}

bool range_is_within(Range inner, Range outer)
{
	return inner.family == outer.family && range_has(outer, inner.first) &&
	       range_has(outer, inner.last);
}

bool range_is_equal(Range a, Range b)
{
	return a.family == b.family && a.first == b.first && a.last == b.last;
}

bool range_is_everything(Range range)
{
	return range.first == 0 && range.last == family_last(range.family);
}

int range_prefix(Range range)
{
	int bits = range.family == FAMILY_IPV4 ? 32 : 128;

	for (int prefix = 0; prefix <= bits; prefix++) {
		AddressValue mask = host_mask(range.family, (unsigned)prefix);

		if ((range.first & mask) == 0 && range.last == (range.first | mask))
			return prefix;
	}
	return -1;
}

const char *range_text(Range range, char ret_text[RANGE_TEXT_SIZE])
{
	char first[ADDRESS_TEXT_SIZE], last[ADDRESS_TEXT_SIZE];
	int prefix = range_prefix(range);

	assert(range.first <= range.last && range.last <= family_last(range.family));
	address_text((Address){range.first, range.family}, first);
	address_text((Address){range.last, range.family}, last);
	if (range.first == range.last)
		snprintf(ret_text, RANGE_TEXT_SIZE, "%s", first);
	else if (prefix >= 0)
		snprintf(ret_text, RANGE_TEXT_SIZE, "%s/%d", first, prefix);
	else
		snprintf(ret_text, RANGE_TEXT_SIZE, "%s-%s", first, last);
	return ret_text;
}

static int range_compare(const void *a, const void *b)
{
	const Range *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

/* Whether b, which does not begin before a, overlaps a or is adjacent to it. */
static bool is_joinable(Range a, Range b)
{
	return a.family == b.family && (a.last == family_last(a.family) || b.first <= a.last + 1);
}

void ranges_normalise(Ranges *ranges)
{
	size_t last = 0; /* the index of the last range that is normalised so far */

	if (ranges->n == 0)
		return;
	qsort(ranges->at, ranges->n, sizeof(Range), range_compare);
	for (size_t i = 1; i < ranges->n; i++) {
		Range *top = &ranges->at[last], next = ranges->at[i];

		assert(next.first <= next.last);
		if (is_joinable(*top, next))
			top->last = next.last > top->last ? next.last : top->last;
		else
			ranges->at[++last] = next;
	}
	ranges->n = last + 1;
}

void ranges_subtract(Arena *arena, Range block, const Range *except, size_t n, Ranges *ret_ranges)
{
	Ranges holes = {};
	AddressValue next = block.first; /* the lowest address not yet appended or excluded */

	for (size_t i = 0; i < n; i++)
		if (except[i].family == block.family)
			VEC_PUSH(arena, &holes, except[i]);
	ranges_normalise(&holes);
	for (size_t i = 0; i < holes.n; i++) {
		if (holes.at[i].last < next || holes.at[i].first > block.last)
			continue;
		if (holes.at[i].first > next)
			VEC_PUSH(arena, ret_ranges,
				(Range){next, holes.at[i].first - 1, block.family});
		if (holes.at[i].last >= block.last)
			return;
		next = holes.at[i].last + 1;
	}
	assert(next <= block.last);
	VEC_PUSH(arena, ret_ranges, (Range){next, block.last, block.family});
}

bool ranges_have(const Ranges *ranges, Address address)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (ranges->at[i].family == address.family &&
			range_has(ranges->at[i], address.value))
			return true;
	return false;
}

static bool is_before(Range a, Range b)
{
	return a.family != b.family ? a.family < b.family : !is_joinable(a, b);
}

/* For assert(), in O(1): whether the range is sorted and disjoint with its two neighbours. */
static bool is_in_order(const Ranges *ranges, size_t i)
{
	const Range *at = &ranges->at[i];

	return (i == 0 || is_before(at[-1], at[0])) &&
	       (i + 1 == ranges->n || is_before(at[0], at[1]));
}

/* Negative if the address is before the range, 0 if in it, positive if after it. */
static int address_compare_range(Address address, Range range)
{
	if (address.family != range.family)
		return address.family < range.family ? -1 : 1;
	return address.value < range.first ? -1 : address.value > range.last;
}

bool ranges_find(const Ranges *ranges, Address address)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = address_compare_range(address, ranges->at[middle]);

		assert(is_in_order(ranges, middle));
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

bool ranges_are_equal(const Ranges *a, const Ranges *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!range_is_equal(a->at[i], b->at[i]))
			return false;
	return true;
}
