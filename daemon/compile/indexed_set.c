/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Definitions of sets, and the elements that they select. See indexed_set.h. */
#include "indexed_set.h"

static Definition copy_definition(Arena *arena, const Definition *from)
{
	Definition to = {.kind = from->kind, .family = from->family, .is_any = from->is_any};

	to.key = arena_strdup(arena, from->key);
	to.comment = from->comment ? comment_truncate(arena, from->comment) : NULL;
	for (size_t i = 0; i < from->peers.n; i++) {
		const Selection *peer = &from->peers.at[i];

		VEC_PUSH(arena, &to.peers,
			(Selection){peer->namespace ? arena_strdup(arena, peer->namespace) : NULL,
				peer->namespaces ? selector_copy(arena, peer->namespaces) : NULL,
				peer->pods ? selector_copy(arena, peer->pods) : NULL});
	}
	for (size_t i = 0; i < from->ranges.n; i++)
		VEC_PUSH(arena, &to.ranges, from->ranges.at[i]);
	for (size_t i = 0; i < from->ports.n; i++)
		VEC_PUSH(arena, &to.ports,
			(NamedPort){arena_strdup(arena, from->ports.at[i].name),
				from->ports.at[i].protocol, 0});
	return to;
}

void indexed_set_init(IndexedSet *set, Arena *arena, const Definition *definition)
{
	*set = (IndexedSet){.arena = arena, .definition = copy_definition(arena, definition)};
	set->peers = arena_alloc(arena, set->definition.peers.n * sizeof(IndexedPeer));
	for (size_t i = 0; i < set->definition.peers.n; i++)
		set->peers[i] =
			(IndexedPeer){.set = set, .selection = &set->definition.peers.at[i]};
}

static void add_ports(Arena *arena, const Definition *definition, Address address, const Pod *pod,
	Elements *elements)
{
	for (size_t i = 0; i < definition->ports.n; i++) {
		const NamedPort *wanted = &definition->ports.at[i];

		for (size_t k = 0; k < pod->ports.n; k++)
			if (named_port_is(&pod->ports.at[k], wanted->name, wanted->protocol))
				VEC_PUSH(arena, elements,
					(Element){address, (uint8_t)wanted->protocol,
						pod->ports.at[k].number});
	}
}

void indexed_set_add_elements(
	Arena *arena, const IndexedSet *set, Address address, const Pod *pod, Elements *elements)
{
	if (set->definition.kind == SET_PORTS)
		add_ports(arena, &set->definition, address, pod, elements);
	else
		VEC_PUSH(arena, elements, (Element){.address = address});
}
