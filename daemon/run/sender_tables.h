/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * sender_tables: the tables NAME_senders in the kernel: what was written last, whether the kernel
 * is known to hold just that, and how the tables become what is wanted.
 *
 *     KNOWN    the kernel holds exactly sender_tables_applied(): a change writes what differs
 *     UNKNOWN  at the start, after a refusal, after a change by somebody else: a change replaces
 *              the tables
 *
 * sender_check decides what is wanted and when it is applied, and tries again after a refusal.
 */
#include "run.h"
#include "senders.h"

typedef struct SenderTables SenderTables;

/* Borrows nft and the settings, for the table's name. */
SenderTables *sender_tables_new(Nft *nft, const Settings *settings);
SenderTables *sender_tables_free(SenderTables *tables); /* they stay in the kernel */
/*
 * Makes the kernel's tables the wanted ones. Takes `wanted` over; NULL: no tables. 0; or
 * RUN_E_REFUSED: the kernel may hold anything, sender_tables_applied() stays.
 */
int sender_tables_apply(SenderTables *tables, Senders *wanted);
/*
 * Whether they have to be written again, because somebody else changed them, which is logged, or
 * because of `is_doubtful`. Then they are UNKNOWN.
 */
bool sender_tables_are_lost(SenderTables *tables, bool is_doubtful);
const Senders *sender_tables_applied(const SenderTables *tables); /* NULL: none */
/* Of the last sender_tables_apply(); "": it was not refused. */
const char *sender_tables_refusal(const SenderTables *tables);
/* How many packets they have refused, in the arena. False: there are none, or no answer. */
bool sender_tables_count(const SenderTables *tables, Arena *arena, NftForgedCounts *ret_counts);
