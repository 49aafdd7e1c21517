/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lockdown ruleset: isolates the same pods as a ruleset, and has no rule that accepts anything.
 * While a large table that somebody has damaged or deleted is made again, it is the fallback table:
 * it is small, so the kernel loads it within milliseconds.
 */
#include "ruleset.h"

/*
 * All isolated pods of a direction lead to one chain without rules: it refuses everything. What
 * audited pods exchange is not evaluated meanwhile.
 */
static void isolate_pods(Ruleset *lockdown, const Ruleset *ruleset, Direction direction)
{
	Chain *chain;

	if (!ruleset_isolates(ruleset, direction))
		return;
	chain = ruleset_add_chain(lockdown,
		(Chain){.direction = direction, .is_drop = ruleset->chains.at[0]->is_drop});
	chain_finish(lockdown->arena, chain);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const Verdicts *map = &ruleset->verdicts[direction][f];

		for (size_t i = 0; i < map->n; i++)
			if (verdict_isolates(&map->at[i]))
				VEC_PUSH(lockdown->arena, &lockdown->verdicts[direction][f],
					(Verdict){map->at[i].address, chain->name});
	}
}

Ruleset *ruleset_lockdown(const Ruleset *ruleset, const char *table)
{
	Ruleset *lockdown = ruleset_new();
	const Set *podless;
	Set *copy;

	lockdown->base = (BaseOptions){.table = arena_strdup(lockdown->arena, table),
		.kind = ruleset->base.kind,
		.log_group = ruleset->base.log_group,
		.is_transit = ruleset->base.is_transit,
		.is_fallback = true};
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const Set *self = ruleset_set(ruleset, object_name_self(f, false));

		ruleset_add_self(lockdown, f, true);
		copy = ruleset_add_self(lockdown, f, false);
		if (self)
			copy->elements = VEC_COPY(lockdown->arena, self->elements);
	}
	podless = ruleset_set(ruleset, object_name_podless(false));
	copy = ruleset_add_podless(lockdown);
	if (podless)
		copy->elements = VEC_COPY(lockdown->arena, podless->elements);
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		isolate_pods(lockdown, ruleset, direction);
	ruleset_sort(lockdown);
	return lockdown;
}
