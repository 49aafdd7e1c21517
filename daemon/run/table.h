/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * table: one nftables table of ours: what is known of it, and how it becomes what is wanted.
 *
 * A Table remembers the ruleset that was applied last, and whether the kernel is known to hold just
 * that. While it is known, a change is a plan from the old ruleset to the new one. Otherwise the
 * kernel's table is read back first: one that we wrote is adopted and changed (netpold was
 * restarted), another one is replaced.
 *
 *     UNKNOWN --table_apply(ruleset)--> KNOWN  --lost--> LOST
 *        |  ^                           |   ^              |
 *        |  |                           |   +--------------+ table_repair(), table_apply(ruleset)
 *        |  | lost                      |
 *        v  |                           |
 *     ABSENT <-------table_apply(NULL)--+  (from LOST too; back with table_apply(ruleset))
 *
 * UNKNOWN: the start. Nothing was applied; the kernel may hold the table of an earlier netpold.
 *
 * ABSENT: the kernel holds no such table, and none is wanted.
 *
 * KNOWN: the kernel holds exactly what was applied last.
 *
 * LOST: something was applied, but the kernel may hold anything.
 *
 * The event `lost` is table_forget(), a change that the kernel refused, or a foreign change that
 * may have been missed.
 *
 * One name has up to three tables of a family: NAME itself; NAME_guard, the fallback table, which
 * exists only while NAME is being replaced or repaired and isolates the pods meanwhile; and
 * NAME_cut, for killed flows (nft.h). The family is inet or bridge.
 *
 * Called by the enforcer only. Errors: RUN_E_REFUSED (logged; nft_error() has the reason) or
 * -errno. A change that failed may have been carried out in part. Even then a packet that the old
 * and the new ruleset both deny is denied, and one that both allow is allowed (ruleset.h, Plan).
 */
#include "run.h"

typedef struct Table Table;

/* What happened in one or more calls; the caller clears it. */
typedef struct TableResult {
	NftCounts counts;
	bool may_tighten; /* a flow that was allowed may be forbidden now */
} TableResult;

/*
 * Borrows nft, copies the name. kind: TABLE_INET or TABLE_BRIDGE, as a family. is_naive:
 * whole-table transactions. on_removing(context): before a change that deletes this table or its
 * fallback table, and so their counters.
 */
Table *table_new(Nft *nft, TableKind kind, const char *name, bool is_naive,
	void (*on_removing)(void *context), void *context);
Table *table_free(Table *table);
/* What was applied last; NULL: none. */
const Ruleset *table_applied(const Table *table);
bool table_is_known(const Table *table);
/* Whether the kernel is known to hold exactly this ruleset. */
bool table_is_as_wanted(const Table *table, const Ruleset *wanted);
/*
 * Makes the kernel's table the wanted one. Takes `wanted` over; NULL: no table is wanted. On
 * failure table_applied() still is the ruleset of before.
 */
int table_apply(Table *table, Ruleset *wanted, TableResult *result);
/* The same with the ruleset that was applied last; after table_forget(). */
int table_repair(Table *table, TableResult *result);
void table_forget(Table *table);
/*
 * Loads the fallback table of what was applied last, in one small transaction, if anything was: our
 * table may be gone or accept everything, and restoring it takes longer. Established flows go on.
 */
void table_load_fallback(Table *table);
/* Deletes all tables of this name from the kernel, of both families, NAME_cut included. */
int tables_remove(Nft *nft, const char *name);
