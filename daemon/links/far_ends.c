/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses in other network namespaces. See far_ends.h. */
#include "far_ends.h"
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* A pod that configures more at one interface is not located by the others. */
#define FAR_ADDRESSES_MAX 64

typedef struct FarEnd {
	unsigned port; /* the index of the end in this namespace */
	uint32_t n;
	Address addresses[];
} FarEnd;

struct FarEnds {
	Arena *arena;	    /* of the tables; the ends themselves are on the heap */
	HashTable *by_port; /* FarEnd */
};

static uint32_t hash_port(unsigned port)
{
	return hash_bytes(HASH_START, &port, sizeof(port));
}

FarEnds *far_ends_new(void)
{
	FarEnds *ends = MEMORY_NEW(FarEnds);

	ends->arena = arena_new();
	ends->by_port = hash_table_new(ends->arena);
	return ends;
}

FarEnds *far_ends_free(FarEnds *ends)
{
	size_t cursor = 0;
	const void *end;

	if (!ends)
		return NULL;
	while ((end = hash_table_next(ends->by_port, &cursor)))
		free((void *)end);
	arena_free(ends->arena);
	free(ends);
	return NULL;
}

static FarEnd *find_end(const FarEnds *ends, unsigned port)
{
	const FarEnd *end;
	size_t cursor = 0;

	while ((end = hash_table_find(ends->by_port, hash_port(port), &cursor)))
		if (end->port == port)
			return (FarEnd *)end;
	return NULL;
}

void far_ends_forget(FarEnds *ends, unsigned port)
{
	FarEnd *end = find_end(ends, port);

	if (!end)
		return;
	hash_table_remove(ends->by_port, hash_port(port), end);
	free(end);
}

void far_ends_forget_changed(FarEnds *ends, const LinkTable *before, const LinkTable *now)
{
	for (size_t i = 0; i < before->entries.n; i++) {
		const LinkEntry *old = &before->entries.at[i];
		const LinkEntry *new = link_table_find(now, old->link.index);

		if (!new || !link_entry_is_same(old, new))
			far_ends_forget(ends, old->link.index);
	}
}

/* ---- Reading ---- */
typedef struct FarReading {
	const LinkEntry *entry;
	Address addresses[FAR_ADDRESSES_MAX];
	uint32_t n;
} FarReading;

static int take_address(const struct nlmsghdr *message, void *context)
{
	const struct ifaddrmsg *own = mnl_nlmsg_get_payload(message);
	const struct nlattr *at[IFA_LOCAL + 1];
	FarReading *reading = context;
	Family family;

	if (message->nlmsg_type != RTM_NEWADDR ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*own) ||
		!rtnetlink_read_family(own->ifa_family, &family) ||
		own->ifa_index != reading->entry->link.far_index || reading->n == FAR_ADDRESSES_MAX)
		return MNL_CB_OK;
	/* IFA_ADDRESS is the peer's of a point-to-point address; IPv6 has IFA_LOCAL only then */
	rtnetlink_attributes(message, sizeof(*own), at, IFA_LOCAL);
	if (rtnetlink_address(at[IFA_LOCAL] ? at[IFA_LOCAL] : at[IFA_ADDRESS], family,
		    &reading->addresses[reading->n]))
		reading->n++;
	return MNL_CB_OK;
}

/* Of one family: the kernel filters by index only then. */
static int read_addresses(Rtnetlink *rtnetlink, FarReading *reading, Family family)
{
	char buffer[QUESTION_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	void *own;
	struct nlmsghdr *request =
		rtnetlink_request(buffer, RTM_GETADDR, sizeof(struct ifaddrmsg), &own);

	*(struct ifaddrmsg *)own =
		(struct ifaddrmsg){.ifa_family = (uint8_t)rtnetlink_family(family),
			.ifa_index = reading->entry->link.far_index};
	mnl_attr_put_u32(request, IFA_TARGET_NETNSID, (uint32_t)reading->entry->far_netns);
	return rtnetlink_dump(rtnetlink, request, take_address, reading);
}

/* What cannot be read has no address, and is read again. */
static void read_end(FarEnds *ends, Rtnetlink *rtnetlink, const LinkEntry *entry)
{
	FarReading reading = {.entry = entry};
	FarEnd *end;

	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		if (read_addresses(rtnetlink, &reading, f) < 0)
			reading.n = 0;
	far_ends_forget(ends, entry->link.index);
	end = memory_alloc(sizeof(*end) + reading.n * sizeof(Address));
	*end = (FarEnd){.port = entry->link.index, .n = reading.n};
	if (end->n)
		memcpy(end->addresses, reading.addresses, end->n * sizeof(Address));
	hash_table_add(ends->by_port, hash_port(end->port), end);
}

static bool is_end_wanted(const FarEnd *end,
	bool (*is_wanted)(const void *context, Address address), const void *context)
{
	for (uint32_t i = 0; i < end->n; i++)
		if (is_wanted(context, end->addresses[i]))
			return true;
	return false;
}

static bool is_far_port(const LinkEntry *entry, unsigned bridge)
{
	return entry->link.is_far && entry->link.master == bridge;
}

void far_ends_read(FarEnds *ends, Rtnetlink *rtnetlink, const LinkTable *table, unsigned bridge,
	bool (*is_wanted)(const void *context, Address address), const void *context)
{
	for (size_t i = 0; i < table->entries.n; i++) {
		const LinkEntry *entry = &table->entries.at[i];
		const FarEnd *end;

		if (!is_far_port(entry, bridge))
			continue;
		end = find_end(ends, entry->link.index);
		if (!end || !is_end_wanted(end, is_wanted, context))
			read_end(ends, rtnetlink, entry);
	}
}

static bool has_address(const FarEnd *end, Address address)
{
	for (uint32_t i = 0; i < end->n; i++)
		if (address_is_equal(end->addresses[i], address))
			return true;
	return false;
}

unsigned far_ends_find(
	const FarEnds *ends, const LinkTable *table, unsigned bridge, Address address)
{
	const FarEnd *end, *found = NULL;
	size_t cursor = 0;

	while ((end = hash_table_next(ends->by_port, &cursor))) {
		const LinkEntry *entry = link_table_find(table, end->port);

		if (!entry || !is_far_port(entry, bridge) || !has_address(end, address))
			continue;
		if (found)
			return 0;
		found = end;
	}
	return found ? found->port : 0;
}
