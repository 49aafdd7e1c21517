/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * senders_table: a Senders as two nftables tables, `inet NAME_senders` and `bridge NAME_senders`.
 *
 * Routed packets are checked in `prerouting` of the inet table, behind connection tracking and
 * before any translation of addresses. Bridged packets are checked in `prerouting` of the bridge
 * table, the only place where a frame's port and its source are both known. How it knows whether a
 * frame begins a flow, where only such are checked, depends on what tracks connections:
 *
 *     nf_conntrack_bridge   `ct state`, in the bridge's hook
 *     br_netfilter          it passes the frame to the inet hooks in between, at the bridge's hook
 *                           with priority 0. There a packet that does not belong to an established
 *                           flow gets a priority (skb->priority) that nobody else uses, and the
 *                           bridge's chain, behind that hook, checks frames with this priority and
 *                           clears it. Only the first packets of flows lose a priority that they
 *                           may have had.
 *
 * Which rules there are depends on the mode, on the bridge, and on whether some lists are empty;
 * pods are elements of sets. Pure functions; texts are in `arena`.
 */
#include "senders.h"
#include "transaction.h"

/* Replaces both tables, whatever there is, in one transaction. There is one for bridges only if a
 * bridge leads to pods. */
const char *senders_table_render(Arena *arena, const Senders *senders);
/*
 * From `old`, which the tables hold, to `new`, by elements alone. False: the rules differ, and
 * *ret_changes is untouched.
 */
bool senders_table_difference(
	Arena *arena, const Senders *old, const Senders *new, KeyChanges *ret_changes);
/* Deletes both tables, whether they exist or not. `table`: the enforcing table's name. */
const char *senders_table_removal(Arena *arena, const char *table);

/* The set that counts refused packets by the interface at which they came; in both tables. */
#define SENDERS_FORGED_SET "forged"
