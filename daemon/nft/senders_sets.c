/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sets of the sender check whose elements change with the pods. See senders_sets.h. */
#include "senders_sets.h"
#include "render.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Which sets there are ---- */
static void add_interfaces(Arena *arena, const Interfaces *interfaces, SenderSet *set)
{
	assert(set->key == SENDER_KEY_PORT);
	for (size_t i = 0; i < interfaces->n; i++)
		VEC_PUSH(arena, &set->elements, (Sender){.port = interfaces->at[i]});
}

static void add_addresses(Arena *arena, const Addresses *addresses, Family family, SenderSet *set)
{
	assert(set->key == SENDER_KEY_SOURCE);
	for (size_t i = 0; i < addresses->n; i++)
		if (addresses->at[i].family == family)
			VEC_PUSH(arena, &set->elements, (Sender){.address = addresses->at[i]});
}

static void add_senders(Arena *arena, const Senders *s, Family family, SenderSet *set)
{
	assert(set->key == SENDER_KEY_PAIR);
	for (size_t i = 0; i < s->senders.n; i++)
		if (s->senders.at[i].address.family == family)
			VEC_PUSH(arena, &set->elements, s->senders.at[i]);
}

static void list_sets_of_pods(Arena *arena, const Senders *s, SenderSets *sets)
{
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		int n = f == FAMILY_IPV4 ? 4 : 6;
		const char *address = render_address_type(f);
		SenderSet senders = {.name = arena_printf(arena, "senders%d", n),
			.type = arena_printf(arena, "type iface_index . %s", address),
			.key = SENDER_KEY_PAIR,
			.is_sized = true};
		SenderSet owned = {.name = arena_printf(arena, "owned%d", n),
			.type = arena_printf(arena, "type %s", address),
			.key = SENDER_KEY_SOURCE};
		SenderSet unplaced = {.name = arena_printf(arena, "unplaced%d", n),
			.type = owned.type,
			.key = SENDER_KEY_SOURCE};

		add_senders(arena, s, f, &senders);
		add_addresses(arena, &s->owned, f, &owned);
		add_addresses(arena, &s->unplaced, f, &unplaced);
		VEC_PUSH(arena, sets, senders);
		VEC_PUSH(arena, sets, owned);
		VEC_PUSH(arena, sets, unplaced);
	}
}

static void list_gateways(Arena *arena, const Senders *s, SenderSets *sets)
{
	SenderSet gateways4 = {
		.name = "gateways4", .type = "type ipv4_addr", .key = SENDER_KEY_SOURCE};
	SenderSet gateways6 = {
		.name = "gateways6", .type = "type ipv6_addr", .key = SENDER_KEY_SOURCE};

	add_addresses(arena, &s->gateways, FAMILY_IPV4, &gateways4);
	add_addresses(arena, &s->gateways, FAMILY_IPV6, &gateways6);
	VEC_PUSH(arena, sets, gateways4);
	VEC_PUSH(arena, sets, gateways6);
}

static void list_interfaces(
	Arena *arena, const char *name, const Interfaces *interfaces, SenderSets *sets)
{
	SenderSet set = {.name = name, .type = "type iface_index", .key = SENDER_KEY_PORT};

	add_interfaces(arena, interfaces, &set);
	VEC_PUSH(arena, sets, set);
}

/* What the rules about neighbour advertisements look up. */
static void list_targets(Arena *arena, const Senders *s, SenderSets *sets)
{
	SenderSet targets = {.name = "targets",
		.type = "typeof iif . " SENDER_TARGET,
		.key = SENDER_KEY_PAIR,
		.is_target = true};
	SenderSet owned = {.name = "owned_targets",
		.type = "typeof " SENDER_TARGET,
		.key = SENDER_KEY_SOURCE,
		.is_target = true};
	SenderSet unplaced = {.name = "unplaced_targets",
		.type = owned.type,
		.key = SENDER_KEY_SOURCE,
		.is_target = true};

	add_senders(arena, s, FAMILY_IPV6, &targets);
	add_addresses(arena, &s->owned, FAMILY_IPV6, &owned);
	add_addresses(arena, &s->gateways, FAMILY_IPV6, &owned);
	add_addresses(arena, &s->unplaced, FAMILY_IPV6, &unplaced);
	VEC_PUSH(arena, sets, targets);
	VEC_PUSH(arena, sets, owned);
	VEC_PUSH(arena, sets, unplaced);
}

static int compare_elements(const void *a, const void *b)
{
	const Sender *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return address_compare(x->address, y->address);
}

SenderSets sender_sets_list(Arena *arena, const Senders *s, Side side)
{
	SenderSets sets = {};

	list_sets_of_pods(arena, s, &sets);
	list_interfaces(arena, "free", &s->free, &sets);
	if (side == SIDE_INET) {
		list_interfaces(arena, "uplinks", &s->uplinks, &sets);
	} else {
		list_gateways(arena, s, &sets);
		list_interfaces(arena, "known", &s->known, &sets);
		list_interfaces(arena, "outside", &s->outside, &sets);
		list_targets(arena, s, &sets);
	}
	for (size_t i = 0; i < sets.n; i++)
		if (sets.at[i].elements.n)
			qsort(sets.at[i].elements.at, sets.at[i].elements.n, sizeof(Sender),
				compare_elements);
	return sets;
}

/* ---- Text ---- */
const char *sender_target_text(Arena *arena, Address address)
{
	return arena_printf(arena, "0x%016llx%016llx", (unsigned long long)(address.value >> 64),
		(unsigned long long)address.value);
}

static const char *element_text(Arena *arena, const SenderSet *set, const Sender *element)
{
	char text[ADDRESS_TEXT_SIZE];
	const char *address;

	if (set->key == SENDER_KEY_PORT)
		return arena_printf(arena, "%u", element->port);
	address = set->is_target ? sender_target_text(arena, element->address)
				 : address_text(element->address, text);
	if (set->key == SENDER_KEY_PAIR)
		return arena_printf(arena, "%u . %s", element->port, address);
	return arena_strdup(arena, address);
}

void sender_elements_render(Buf *buf, const Texts *elements)
{
	for (size_t i = 0; i < elements->n; i++)
		buf_printf(buf, "%s%s", i ? ", " : "{ ", elements->at[i]);
	buf_add(buf, " }");
}

#define SET_SIZE_MIN 1024

/* A set of a declared size costs a packet less. It has room for some more, or each new pod would
 * change the rules: a change of elements alone deletes before it adds. */
static size_t size_of(const SenderSet *set)
{
	size_t size = SET_SIZE_MIN;

	while (size < 2 * (size_t)set->elements.n)
		size *= 2;
	return size;
}

void sender_set_render(Buf *buf, const SenderSet *set, bool has_elements)
{
	Texts texts = {};

	buf_printf(buf, "\tset %s {\n\t\t%s\n", set->name, set->type);
	if (set->is_sized)
		buf_printf(buf, "\t\tsize %zu\n", size_of(set));
	if (has_elements && set->elements.n) {
		for (size_t i = 0; i < set->elements.n; i++)
			VEC_PUSH(buf->arena, &texts,
				element_text(buf->arena, set, &set->elements.at[i]));
		buf_add(buf, "\t\telements = ");
		sender_elements_render(buf, &texts);
		buf_add(buf, "\n");
	}
	buf_add(buf, "\t}\n");
}

/* ---- Differences ---- */
/* The kernel has an interface's index as a number of the machine's own byte order. */
static SetKey key_of(const SenderSet *set, const Sender *element)
{
	SetKey key = {};
	uint32_t port = element->port;

	if (set->key != SENDER_KEY_SOURCE) {
		memcpy(key.bytes, &port, sizeof(port));
		key.n = sizeof(port);
	}
	if (set->key != SENDER_KEY_PORT)
		key.n += (uint32_t)address_bytes(element->address, key.bytes + key.n);
	return key;
}

static void compare_sets(Arena *arena, const BaseOptions *base, const SenderSet *before,
	const SenderSet *after, KeyChanges *changes)
{
	KeyChange gone = {.base = base, .set = before->name, .is_add = false};
	KeyChange come = {.base = base, .set = before->name, .is_add = true};
	Merge walk = {.compare = compare_elements, .size = sizeof(Sender)};

	assert(text_is_equal(before->name, after->name));
	merge_start(&walk, before->elements.at, before->elements.n, after->elements.at,
		after->elements.n);
	while (merge_next(&walk))
		if (!walk.right)
			VEC_PUSH(arena, &gone.keys, key_of(before, walk.left));
		else if (!walk.left)
			VEC_PUSH(arena, &come.keys, key_of(after, walk.right));
	if (gone.keys.n)
		VEC_PUSH(arena, changes, gone);
	if (come.keys.n)
		VEC_PUSH(arena, changes, come);
}

void sender_sets_compare(Arena *arena, const BaseOptions *base, const SenderSets *before,
	const SenderSets *after, KeyChanges *changes)
{
	assert(before->n == after->n);
	for (size_t i = 0; i < before->n; i++)
		compare_sets(arena, base, &before->at[i], &after->at[i], changes);
}
