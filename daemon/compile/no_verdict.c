/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses about which neither policies nor the inventory say anything. */
#include "explainer.h"

static const char LOOPBACK[] = "a loopback address: its packets stay within the pod, or within the "
			       "node, and are not filtered";
static const char MULTICAST[] = "a multicast address: the inventory does not say which pods "
				"receive its packets";
static const char UNSPECIFIED[] = "the unspecified address: no connection is to it or from it";

static const struct {
	const char *cidr, *words;
} SPECIAL[] = {{"127.0.0.0/8", LOOPBACK}, {"::1/128", LOOPBACK}, {"224.0.0.0/4", MULTICAST},
	{"ff00::/8", MULTICAST}, {"0.0.0.0/32", UNSPECIFIED}, {"::/128", UNSPECIFIED},
	{"255.255.255.255/32",
		"the broadcast address: the inventory does not say which pods receive its packets"},
	{"fe80::/10",
		"link-local: the inventory does not say which pod has it; between pods on one "
		"bridge it is refused while any pod is isolated"}};

static bool is_in(Address address, const char *cidr)
{
	Range range;

	return !range_parse_cidr(cidr, &range) && range.family == address.family &&
	       range_has(range, address.value);
}

static const char *special_words(Address address)
{
	for (size_t i = 0; i < ARRAY_SIZE(SPECIAL); i++)
		if (is_in(address, SPECIAL[i].cidr))
			return SPECIAL[i].words;
	return NULL;
}

static const char *mapped_words(Arena *arena, Address address)
{
	char text[ADDRESS_TEXT_SIZE];

	return arena_printf(arena, "an IPv4-mapped address, and its packets are IPv4: ask for %s",
		address_text(address_unmapped(address), text));
}

/* Private addresses. Service objects are not read. */
bool may_be_service(Address address)
{
	static const char *const private[] = {
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};

	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		if (is_in(address, private[i]))
			return true;
	return false;
}

const char *why_no_verdict(Explainer *x, Address address)
{
	const char *words;
	char text[ADDRESS_TEXT_SIZE];

	if (address_is_mapped(address))
		words = mapped_words(x->arena, address);
	else
		words = special_words(address);
	if (!words)
		return NULL;
	return arena_printf(x->arena, "\"%s\" is %s", address_text(address, text), words);
}
