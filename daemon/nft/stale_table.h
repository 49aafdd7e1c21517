/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * stale_table: the table that refuses packets of flows that were deleted from connection tracking.
 *
 * It has a set for each family and protocol, with elements source . source port . destination .
 * destination port; and a chain at each hook that refuses packets of the flows in the sets, in both
 * directions. The enforcing table is NAME, this one is NAME_cut. stale_flows.c says when it exists.
 * Pure functions.
 */
#include "ruleset.h"

typedef struct StaleSet {
	const char *name;
	Family family;
	uint8_t protocol;
} StaleSet;

#define STALE_SETS_N 4
extern const StaleSet STALE_SET[STALE_SETS_N];

/* The table's name (in `arena`) and kind, derived from those of the enforcing table. */
BaseOptions stale_table_base(Arena *arena, const BaseOptions *enforcing);
/* The whole table as nft text, without elements. is_drop: it drops packets; else it rejects them.
 */
const char *stale_table_render(Arena *arena, const BaseOptions *base, bool is_drop);
