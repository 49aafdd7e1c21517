/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_totals: packets and bytes that each pod has refused, or would have refused if audited
 * policies were enforced, in each direction, since netpol counts them on this node.
 *
 * The kernel counts for an address, in a table that may be made again at any time. So each reading
 * is compared with the one before of the same table (its handle tells), and the difference is added
 * to the total of the pod that has the address. The totals and the last readings are saved
 * together: after a restart of netpold, and after a crash too, a counter that still exists is
 * counted neither twice nor in part. Pure.
 */
#include "run.h"

/* The tables that count. The fallback tables do while ours are made again. */
typedef enum CountedTable {
	COUNTED_INET,
	COUNTED_BRIDGE,
	COUNTED_INET_FALLBACK,
	COUNTED_BRIDGE_FALLBACK,
	COUNTED_TABLE_N
} CountedTable;

typedef struct DenialTotals DenialTotals;

/* The pod that has the address now; NULL: none. */
typedef const Pod *(*DenialOwner)(const void *context, Address address);

DenialTotals *denial_totals_new(void);
DenialTotals *denial_totals_free(DenialTotals *totals);
/* Adds what a table has counted since the last call for this table. */
void denial_totals_add(DenialTotals *totals, CountedTable table, const DenialCounts *counts,
	DenialOwner owner, const void *context);
/* A refused flow was logged, as the entry of that number. */
void denial_totals_add_flow(DenialTotals *totals, DenialKind kind, uint64_t number);
/* The last one; 0: none. It is saved with the totals, so entries above it are not counted yet. */
uint64_t denial_totals_entry(const DenialTotals *totals);
uint64_t denial_totals_flows(const DenialTotals *totals, DenialKind kind);
/*
 * Drops the totals of pods that the model does not have any more, DENIAL_GONE_S seconds after that
 * was first seen. now_s: of a clock that does not go back.
 */
void denial_totals_prune(DenialTotals *totals, const Model *model, int64_t now_s);
#define DENIAL_GONE_S 300
/* By namespace, pod, kind; in the arena. */
void denial_totals_list(const DenialTotals *totals, Arena *arena, DenialTotalList *ret_list);
uint64_t denial_totals_changes(const DenialTotals *totals); /* goes up when a total changes */

/* ---- Saved and loaded ---- */
/* boot: readings of another boot say nothing about the tables of this one. In the arena. */
const char *denial_totals_text(const DenialTotals *totals, Arena *arena, const char *boot);
/* Into new, empty totals. Lines that are not understood are left out. */
void denial_totals_load(DenialTotals *totals, const char *text, const char *boot);
