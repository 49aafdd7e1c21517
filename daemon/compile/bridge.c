/*
 * What the table for bridged packets holds, made of what the table for routed ones holds: the same
 * sets and chains, shared with it, where bridges judge for themselves; or nothing but a refusal of
 * the isolated pods, where only frames with a VLAN tag are left to judge. Either refuses what names
 * no pod's address.
 */
#include "compile.h"
#include <errno.h>
#include <string.h>

typedef struct Copying {
	const Ruleset *from;
	const BridgeOptions *options;
	Ruleset *to;
} Copying;

static void copy_verdicts(Copying *c, Direction direction, Family family, const char *chain)
{
	const Verdicts *from = &c->from->verdicts[direction][family];
	Arena *arena = c->to->arena;

	for (size_t i = 0; i < from->n; i++)
		VEC_PUSH(arena, &c->to->verdicts[direction][family],
			(Verdict){from->at[i].address, chain});
}

static void refuse_isolated(Copying *c)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		Chain *chain;

		if (c->from->verdicts[d][FAMILY_IPV4].n + c->from->verdicts[d][FAMILY_IPV6].n == 0)
			continue;
		chain = ruleset_add_chain(c->to, (Chain){.direction = d, .is_drop = true});
		chain_finish(c->to->arena, chain);
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			copy_verdicts(c, d, f, chain->name);
	}
}

static int run(void *context)
{
	Copying *c = context;

	c->to->base = (BaseOptions){
		.table = arena_strdup(c->to->arena, c->from->base.table), .kind = TABLE_TAGGED};
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		ruleset_add_self(c->to, f);
	if (!c->options->is_tagged_judged)
		refuse_isolated(c);
	ruleset_sort(c->to);
	memcpy(c->to->base.is_isolating, c->from->base.is_isolating,
		sizeof(c->to->base.is_isolating));
	return 0;
}

static int compile_tagged(const Ruleset *inet, const BridgeOptions *options, Ruleset **ret_ruleset)
{
	Copying c = {.from = inet, .options = options, .to = ruleset_new()};
	int r = c.to ? arena_try(c.to->arena, run, &c) : -ENOMEM;

	if (r < 0)
		ruleset_free(c.to);
	else
		*ret_ruleset = c.to;
	return r;
}

int compile_bridge(const Ruleset *inet, const BridgeOptions *options, Ruleset **ret_ruleset)
{
	Ruleset *bridge;

	if (!options->has_conntrack)
		return compile_tagged(inet, options, ret_ruleset);
	bridge = ruleset_share(inet);
	if (!bridge)
		return -ENOMEM;
	bridge->base.kind = TABLE_BRIDGE;
	bridge->base.services = (Ranges){}; /* those of the node's own hooks */
	*ret_ruleset = bridge;
	return 0;
}
