/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the sender check in the kernel: written as nft text, counters read by netlink. */
#include "element_dump.h"
#include "kernel.h"
#include "senders_table.h"
#include <errno.h>

int nft_senders_apply(Nft *nft, const char *table, const Senders *old, const Senders *senders)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *text = NULL;

	if (old && senders)
		text = senders_table_difference(arena, old, senders);
	if (!text)
		text = senders ? senders_table_render(arena, senders)
			       : senders_table_removal(arena, table);
	return kernel_run(nft, "senders", text);
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
