/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * expand: makes the chain of the pods that a list of policies isolates. Each rule of a policy
 * becomes accepting rules of the chain, one for each pair of a condition on the peer's address and
 * a condition on the port; the sets that they look up are created in the set index. A chain is for
 * one family, so an IPv4 packet is never compared with an IPv6 address. Private to the module.
 */
#include "budget.h"
#include "set_index.h"
#include "selector_usage.h"

typedef struct Expander {
	Arena *scratch; /* of everything that is returned */
	const Model *model;
	SetIndex *sets;
	const SelectorUsage *usage;
	const Budget *budget;
	bool is_drop;
} Expander;

/* What a chain is made of. */
typedef struct ChainClass {
	Direction direction;
	Family family;
	bool is_audit;	   /* the policies are audited ones */
	Policies policies; /* that isolate its pods, by name */
	const Pod *pod;	   /* any of them: named ports of ingress rules are resolved by it */
} ChainClass;

/*
 * A text of all that the chain depends on while no policy changes: direction, family, the policies'
 * names, and the numbers that the pod has for their named ports. Pods of equal keys share a chain.
 */
const char *expand_key(Arena *arena, const ChainClass *class);
/*
 * The chain, finished (chain_finish), in the scratch arena. Policies over the budget add no rules.
 */
Chain expand(const Expander *x, const ChainClass *class);
