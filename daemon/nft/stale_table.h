/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * stale_table: the table that refuses packets of flows that were established and are now forbidden.
 * The enforcing table is NAME, this one is NAME_cut. stale_flows.c says when it exists.
 *
 * It refuses two kinds of packets. Those of flows with STALE_MARK: such a flow stays tracked, as
 * long as packets of it come from either end. And TCP packets of the pods in its sets that belong
 * to no tracked flow and do not begin one: those flows were deleted from connection tracking.
 * Pure functions.
 */
#include "ruleset.h"

/*
 * Connection marks (`ct mark`) of refused flows. Others mark flows too, mostly by single bits, so
 * all bits are compared. STALE_MARK_ONE_WAY: the end that answered may open the flow anew. When it
 * has, the mark is STALE_MARK_REOPENED and nothing is refused: conntrack keeps the tuple of the
 * first opener, so only the mark tells who opened the flow. STALE_MARK_REOPENED_CUT: that was
 * forbidden.
 */
#define STALE_MARK 0x6e7063f0u
#define STALE_MARK_ONE_WAY 0x6e7063f1u
#define STALE_MARK_REOPENED 0x6e7063f2u
#define STALE_MARK_REOPENED_CUT 0x6e7063f3u
#define STALE_MARK_MASK 0xfffffffcu /* any of them */

/* The sets of pods whose TCP flows were deleted, by family. */
extern const char *const STALE_SET_NAME[FAMILY_N];

/* The table's name (in `arena`) and kind, derived from those of the enforcing table. */
BaseOptions stale_table_base(Arena *arena, const BaseOptions *enforcing);
/* The whole table as nft text, without elements. is_drop: it drops packets; else it rejects them.
 */
const char *stale_table_render(Arena *arena, const BaseOptions *base, bool is_drop);
/* Whether a listed table is one of this version. */
bool stale_table_is_current(const char *listed);
