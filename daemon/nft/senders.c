/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the sender check in the kernel. Written as nft text as a whole, by netlink where
 * only elements change; counters are read by netlink. */
#include "element_dump.h"
#include "kernel.h"
#include "senders_table.h"
#include <errno.h>
#include <string.h>

static int send_changes(Nft *nft, Arena *scratch, const KeyChanges *changes)
{
	TransactionResult sent = {};
	int r = transaction_send_keys(nft->netlink, scratch, changes, &sent);

	nft->commits += sent.is_sent;
	return r < 0 ? kernel_refuse(nft, "senders", strerror(-r)) : 0;
}

int nft_senders_apply(Nft *nft, const char *table, const Senders *old, const Senders *senders)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	KeyChanges changes;

	if (old && senders && senders_table_difference(scratch, old, senders, &changes))
		return send_changes(nft, scratch, &changes);
	return kernel_run(nft, "senders",
		senders ? senders_table_render(scratch, senders)
			: senders_table_removal(scratch, table));
}

bool nft_senders_take_notice(Nft *nft)
{
	return nft->watch && table_watch_take_senders(nft->watch);
}

int nft_senders_count(Nft *nft, const char *table, Arena *arena, NftForgedCounts *counts)
{
	const TableKind kinds[] = {TABLE_INET, TABLE_BRIDGE};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++) {
		BaseOptions base = {
			.table = object_name_table(arena, table, TABLE_SENDERS), .kind = kinds[i]};

		r = element_dump_counters(nft->netlink, arena, &base, SENDERS_FORGED_SET, counts);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}
