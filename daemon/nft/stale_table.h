/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * stale_table: the table that refuses flows which were deleted from connection tracking.
 *
 * It has a set per family and protocol, of source, source port, destination, destination port; and
 * a chain per hook that refuses what matches a set, in either direction. It is named NAME_cut after
 * the enforcing table NAME. stale_flows.c says when it exists. Pure functions.
 */
#include "ruleset.h"

typedef struct StaleSet {
	const char *name;
	Family family;
	uint8_t protocol;
} StaleSet;

#define STALE_SETS_N 4
extern const StaleSet STALE_SET[STALE_SETS_N];

/* The table's name (in `arena`) and kind, by those of the enforcing table. */
BaseOptions stale_table_base(Arena *arena, const BaseOptions *enforcing);
/* The whole table, without elements. is_drop: it drops, and rejects otherwise. */
const char *stale_table_render(Arena *arena, const BaseOptions *base, bool is_drop);
