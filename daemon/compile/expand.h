/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * expand: the chain of the pods that a list of policies isolates. Each policy rule becomes
 * accepting rules, peers x ports; the sets that these look up are created in the set index. A chain
 * is for one family, so an IPv4 packet never meets a condition on an IPv6 address. Private to the
 * module.
 */
#include "set_index.h"
#include "selector_usage.h"

typedef struct Expander {
	Arena *scratch; /* of everything that is returned */
	const Model *model;
	SetIndex *sets;
	const SelectorUsage *usage;
	bool is_drop;
} Expander;

/* Pods of equal keys have the same chain, as long as no policy changes. */
const char *expand_key(
	Arena *arena, Direction direction, Family family, const Policies *policies, const Pod *pod);
/* Finished, in the scratch arena. `pod`: any pod of the key. */
Chain expand(const Expander *x, Direction direction, Family family, const Policies *policies,
	const Pod *pod);
