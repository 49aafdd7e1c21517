/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * generation: whether every transaction of nf_tables in this namespace is accounted for.
 *
 * The kernel numbers transactions: each adds one to the generation number, whoever made it. We know
 * two kinds: our own (nft->commits) and foreign ones of which the watch read the notification
 * (table_watch_count_foreign). So
 *
 *     generation number - own - foreign
 *
 * is constant as long as no notification is lost. nft_generation_mark() remembers that value when
 * the table's content is known; while nft_generation_is_accounted() finds the same value, our table
 * is what we wrote, and a health check need not read it back, which takes half a second if it is
 * large.
 *
 * Foreign transactions are counted whatever table they change. Those that change our tables are
 * also reported by the watch.
 *
 *              generation_unsubscribe (large change)
 *     subscribed ------------------------------------> unsubscribed
 *         ^                                                 |
 *         +---------------- generation_resubscribe --------+
 *            the number rose by more than our own transactions: has_missed is set
 *
 * Why unsubscribe: as long as any socket is subscribed, the kernel makes a notification for each
 * element that changes, even if a socket filter drops it; that costs ten times the change itself.
 * While unsubscribed we receive nothing, and only the generation number shows that a foreign
 * transaction happened. Then nft_has_missed() returns true, and the caller reads the table back.
 */
#include "kernel.h"

typedef struct Unsubscribed {
	bool is_on;	  /* false: there is no watch, or the change is small */
	uint32_t number;  /* the generation number before the change */
	uint32_t commits; /* own transactions before it */
} Unsubscribed;

/*
 * Called before and after a change. The first returns what the second needs, and does nothing if
 * the change is not large. Calls do not nest.
 */
Unsubscribed generation_unsubscribe(Nft *nft, bool is_large);
void generation_resubscribe(Nft *nft, Unsubscribed unsubscribed);
