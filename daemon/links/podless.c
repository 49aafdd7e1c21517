/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which veths certainly lead to none of the located addresses.
 *
 * From the link that an address is routed by, everything is marked that a frame may reach: a
 * bridge's ports, and through a port what is below it, a VLAN interface's link, or the other end of
 * a veth pair and the bridge that that end belongs to. What is left leads elsewhere.
 */
#include "podless.h"

typedef struct Marks {
	const LinkTable *table;
	bool *at; /* by position in the table */
} Marks;

static void mark(const Marks *marks, unsigned index);

static void mark_ports(const Marks *marks, unsigned master)
{
	for (size_t i = 0; i < marks->table->entries.n; i++)
		if (marks->table->entries.at[i].link.master == master)
			mark(marks, marks->table->entries.at[i].link.index);
}

static bool is_bridge(const LinkEntry *entry)
{
	return entry && entry->link.kind == LINK_BRIDGE;
}

static void mark(const Marks *marks, unsigned index)
{
	const LinkEntry *entry = link_table_find(marks->table, index);
	bool *is_marked = entry ? &marks->at[entry - marks->table->entries.at] : NULL;

	if (!entry || *is_marked)
		return;
	*is_marked = true;
	if (is_bridge(link_table_find(marks->table, entry->link.master)))
		mark(marks, entry->link.master);
	if (entry->link.is_far)
		return;
	mark_ports(marks, index);
	mark(marks, entry->link.lower);
}

/* In no VRF or bond: its pods' addresses would be routed by tables that were not asked. */
static bool is_plain_port(const LinkTable *table, const LinkEntry *entry)
{
	for (int depth = 0; entry && entry->link.master; depth++) {
		entry = link_table_find(table, entry->link.master);
		if (!is_bridge(entry) || depth > 1)
			return false;
	}
	return entry != NULL;
}

/* NULL, or why no link can be left alone. */
static const char *why_unknown(
	Arena *arena, const Address *addresses, const Place *places, size_t n)
{
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < n; i++)
		if (places[i].certainty == PLACE_UNKNOWN)
			return arena_printf(arena,
				"the node has no direct route to %s, which is isolated",
				address_text(addresses[i], text));
	return NULL;
}

static bool is_any_gone(const Place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].certainty == PLACE_GONE)
			return true;
	return false;
}

static bool had(const PodlessState *before, unsigned index)
{
	for (size_t i = 0; i < before->links.n; i++)
		if (before->links.at[i] == index)
			return true;
	return false;
}

void podless_state_free(PodlessState *state)
{
	arena_free(state->arena);
	*state = (PodlessState){};
}

const char *podless_list(PodlessState *state, const LinkTable *table, const Address *addresses,
	const Place *places, size_t n, Arena *arena, Texts *ret_names)
{
	PodlessState now = {.arena = arena_new()};
	Marks marks = {.table = table, .at = arena_alloc(arena, table->entries.n)};
	const char *why = why_unknown(arena, addresses, places, n);
	bool is_gone = is_any_gone(places, n);

	for (size_t i = 0; i < n; i++)
		mark(&marks, places[i].route ? places[i].route->index : 0);
	for (size_t i = 0; !why && i < table->entries.n; i++) {
		const LinkEntry *entry = &table->entries.at[i];

		if (!entry->link.is_far || marks.at[i] || !is_plain_port(table, entry) ||
			!link_name_is_plain(entry->link.name) || ret_names->n == PODLESS_MAX)
			continue;
		/* the pod that is gone may be back, at a link that is new */
		if (is_gone && !had(state, entry->link.index))
			continue;
		VEC_PUSH(now.arena, &now.links, entry->link.index);
		VEC_PUSH(arena, ret_names, arena_strdup(arena, entry->link.name));
	}
	podless_state_free(state);
	*state = now;
	return why;
}
