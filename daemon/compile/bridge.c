/*
 * What the table for bridged packets holds, made of what the table for routed ones holds: the same
 * sets, maps and chains, under the same names, where bridges judge for themselves; or nothing but
 * a refusal of the isolated pods, where only frames with a VLAN tag are left to judge.
 */
#include "compile.h"
#include <errno.h>
#include <string.h>

typedef struct Copying {
	const Ruleset *from;
	const BridgeOptions *options;
	Ruleset *to;
} Copying;

#define COPY_LIST(arena, to, from)                                                                 \
	for (size_t i_ = 0; i_ < (from)->n; i_++)                                                  \
	VEC_PUSH((arena), (to), (from)->at[i_])

static const char *copy_text(Arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

static Set copy_set(Arena *arena, const Set *set)
{
	Set copy = {.name = arena_strdup(arena, set->name),
		.comment = copy_text(arena, set->comment),
		.kind = set->kind,
		.family = set->family};

	COPY_LIST(arena, &copy.elements, &set->elements);
	COPY_LIST(arena, &copy.ranges, &set->ranges);
	return copy;
}

/* The kernel takes no reject at a bridge's forward hook: what is refused there is dropped. */
static Chain copy_chain(Arena *arena, const Chain *chain)
{
	Chain copy = {.name = arena_strdup(arena, chain->name),
		.direction = chain->direction,
		.is_drop = true};

	for (size_t i = 0; i < chain->rules.n; i++) {
		ChainRule rule = chain->rules.at[i];

		rule.set = copy_text(arena, rule.set);
		rule.policy = copy_text(arena, rule.policy);
		rule.origin.file = copy_text(arena, rule.origin.file);
		rule.ports = (PortRanges){};
		COPY_LIST(arena, &rule.ports, &chain->rules.at[i].ports);
		VEC_PUSH(arena, &copy.rules, rule);
	}
	return copy;
}

static void copy_verdicts(Copying *c, int direction, Family family, const char *chain)
{
	const Verdicts *from = &c->from->verdicts[direction][family];
	Arena *arena = c->to->arena;

	for (size_t i = 0; i < from->n; i++)
		VEC_PUSH(arena, &c->to->verdicts[direction][family],
			(Verdict){from->at[i].address,
				chain ? chain : arena_strdup(arena, from->at[i].chain)});
}

static void copy_all(Copying *c)
{
	Arena *arena = c->to->arena;

	c->to->sets.n = 0; /* the self sets come with the others */
	for (size_t i = 0; i < c->from->sets.n; i++)
		VEC_PUSH(arena, &c->to->sets, copy_set(arena, &c->from->sets.at[i]));
	for (size_t i = 0; i < c->from->chains.n; i++)
		VEC_PUSH(arena, &c->to->chains, copy_chain(arena, &c->from->chains.at[i]));
	for (int d = 0; d < RULESET_DIRECTIONS; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			copy_verdicts(c, d, f, NULL);
}

static void refuse_isolated(Copying *c)
{
	for (int d = 0; d < RULESET_DIRECTIONS; d++) {
		Chain chain = {.direction = d, .is_drop = true};

		if (c->from->verdicts[d][FAMILY_IPV4].n + c->from->verdicts[d][FAMILY_IPV6].n == 0)
			continue;
		chain_finish(c->to->arena, &chain);
		VEC_PUSH(c->to->arena, &c->to->chains, chain);
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			copy_verdicts(c, d, f, chain.name);
	}
}

static int run(void *context)
{
	Copying *c = context;

	c->to->base.table = arena_strdup(c->to->arena, c->from->base.table);
	c->to->base.kind = c->options->has_conntrack ? TABLE_BRIDGE : TABLE_TAGGED;
	if (c->options->has_conntrack)
		copy_all(c);
	else if (!c->options->is_tagged_judged)
		refuse_isolated(c);
	ruleset_sort(c->to);
	return 0;
}

int compile_bridge(const Ruleset *inet, const BridgeOptions *options, Ruleset **ret_ruleset)
{
	Copying c = {.from = inet, .options = options, .to = ruleset_new()};
	int r = c.to ? arena_try(c.to->arena, run, &c) : -ENOMEM;

	if (r < 0)
		ruleset_free(c.to);
	else
		*ret_ruleset = c.to;
	return r;
}
