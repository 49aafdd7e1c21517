/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table in family `bridge`, made from the table in family `inet`.
 *
 * If the kernel tracks connections on bridges, the bridge table filters bridged packets by the same
 * sets and chains, which it shares (TABLE_BRIDGE). If not, br_netfilter passes bridged packets to
 * the hooks of the inet table, and the bridge table only refuses, from and to isolated pods, what
 * br_netfilter does not pass on: frames with a VLAN tag (TABLE_TAGGED). Either bridge table also
 * refuses link-local, broadcast and multicast packets between pods, if pods are isolated: no
 * verdict map has such an address.
 */
#include "compile.h"
#include <string.h>

/* Those that isolate: frames of audited pods that are not tracked are not evaluated. */
static void copy_verdicts(
	Ruleset *to, const Ruleset *from, Direction direction, Family family, const char *chain)
{
	const Verdicts *map = &from->verdicts[direction][family];

	for (size_t i = 0; i < map->n; i++)
		if (verdict_isolates(&map->at[i]))
			VEC_PUSH(to->arena, &to->verdicts[direction][family],
				(Verdict){map->at[i].address, chain});
}

static void refuse_isolated(Ruleset *to, const Ruleset *from)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		Chain *chain;

		if (!ruleset_isolates(from, d))
			continue;
		chain = ruleset_add_chain(to, (Chain){.direction = d, .is_drop = true});
		chain_finish(to->arena, chain);
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			copy_verdicts(to, from, d, f, chain->name);
	}
}

static Ruleset *compile_tagged(const Ruleset *inet, const BridgeOptions *options)
{
	Ruleset *to = ruleset_new();

	to->base = (BaseOptions){.table = arena_strdup(to->arena, inet->base.table),
		.kind = TABLE_TAGGED,
		.log_group = inet->base.log_group};
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		ruleset_add_self(to, f, false);
		ruleset_add_self(to, f, true);
	}
	ruleset_add_podless(to);
	if (!options->is_tagged_filtered)
		refuse_isolated(to, inet);
	ruleset_sort(to);
	ruleset_set_podless(to, ruleset_set(inet, object_name_podless(false)));
	/* ruleset_sort derived it from verdicts that this table may not have */
	memcpy(to->base.is_isolating, inet->base.is_isolating, sizeof(to->base.is_isolating));
	return to;
}

Ruleset *compile_bridge(const Ruleset *inet, const BridgeOptions *options)
{
	Ruleset *bridge;

	if (!options->has_conntrack)
		return compile_tagged(inet, options);
	bridge = ruleset_clone(inet);
	bridge->base.kind = TABLE_BRIDGE;
	return bridge;
}
