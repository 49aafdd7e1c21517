/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pods, or the address ranges, that a peer of a policy selects. */
#include "selection.h"
#include <string.h>

/* ---- Pods ---- */
Selection selection_of(const Policy *policy, const Peer *peer)
{
	return (Selection){
		peer->namespaces ? NULL : policy->namespace, peer->namespaces, peer->pods};
}

static Match namespaces_match(const Selection *s, const Member *member)
{
	if (s->namespace)
		return strcmp(member->pod->namespace, s->namespace) == 0 ? MATCH_YES : MATCH_NO;
	return member->namespace ? namespace_match(member->namespace, s->namespaces) : MATCH_NO;
}

static Match pods_match(const Selection *s, const Member *member)
{
	if (!s->pods || pod_is_selected(member->pod, s->pods))
		return MATCH_YES;
	return member->pod->known == KNOWN_ATTACHED ? MATCH_UNKNOWN : MATCH_NO;
}

Match selection_match(const Selection *s, const Member *member)
{
	Match namespaces = namespaces_match(s, member);
	Match pods = namespaces == MATCH_NO ? MATCH_NO : pods_match(s, member);

	return pods == MATCH_YES ? namespaces : pods;
}

bool selection_matches(const Selection *s, const Member *member)
{
	return selection_match(s, member) == MATCH_YES;
}

static const char *selector_text_or_star(Arena *arena, const Selector *selector)
{
	const char *text = selector ? selector_text(arena, selector) : "";

	return *text ? text : "*";
}

const char *selection_text(Arena *arena, const Selection *s)
{
	const char *pods = selector_text_or_star(arena, s->pods);

	if (s->namespace)
		return arena_printf(arena, "%s: %s", s->namespace, pods);
	return arena_printf(arena, "[%s]: %s", selector_text_or_star(arena, s->namespaces), pods);
}

uint32_t selection_hash(const Selection *s)
{
	uint32_t hash = s->namespace ? hash_text(HASH_START, s->namespace)
				     : selector_hash(HASH_START, s->namespaces);

	return selector_hash(hash, s->pods);
}

/* ---- Ranges ---- */
void peer_ranges(
	Arena *arena, const Model *model, const Peer *peer, Family family, Ranges *ret_ranges)
{
	const CidrSet *set = peer->kind == PEER_SET ? model_cidr_set(model, peer->set) : NULL;

	if (peer->kind == PEER_BLOCK && peer->block->range.family == family)
		ranges_subtract(arena, peer->block->range, peer->block->except.at,
			peer->block->except.n, ret_ranges);
	for (size_t i = 0; set && i < set->ranges.n; i++)
		if (set->ranges.at[i].family == family)
			VEC_PUSH(arena, ret_ranges, set->ranges.at[i]);
}

bool peer_has_address(const Model *model, const Peer *peer, Address address)
{
	const CidrSet *set = peer->kind == PEER_SET ? model_cidr_set(model, peer->set) : NULL;
	const Range *block = peer->kind == PEER_BLOCK ? &peer->block->range : NULL;

	if (block)
		return block->family == address.family && range_has(*block, address.value) &&
		       !ranges_have(&peer->block->except, address);
	return set && ranges_have(&set->ranges, address);
}
