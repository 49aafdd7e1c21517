/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stale flows: kills established flows that the policies no longer allow.
 *
 * Deleting a flow from connection tracking is not enough. The kernel treats a TCP packet from the
 * middle of an untracked connection, or any UDP packet, as the first of a new flow that its sender
 * opens. So a packet of the end that answered would open the flow again, in the other direction,
 * which the policies may allow. Therefore TCP and UDP flows are first added to a table that refuses
 * their packets (stale_table.h), and then deleted: at no instant can they be opened again. Flows of
 * other protocols are only deleted.
 *
 *     flow:    established --> in NAME_cut, refused --+--> expired (TCP a day; UDP three minutes)
 *                                                     +--> removed by nft_flows_review: a later
 *                                                          change allows it again
 *
 *     table:   absent --> present    at the first forbidden flow
 *              present --> absent    when nft_flows_review finds it empty
 */
#include "element_dump.h"
#include "kernel.h"
#include "render.h"
#include "stale_table.h"
#include "transaction.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- The scan ---- */
int nft_flows_start(Nft *nft)
{
	int r;

	nft->flow_scan = flow_scan_close(nft->flow_scan);
	r = flow_scan_open(&nft->flow_scan);
	return r < 0 ? r : flow_scan_fd(nft->flow_scan);
}

void nft_flows_end(Nft *nft)
{
	nft->flow_scan = flow_scan_close(nft->flow_scan);
}

/* ---- The table ---- */
/*
 * Adds the flows to the table's sets, or deletes them from these; one transaction for each set. 0
 * or -errno; -ENOENT: the table is absent, or a flow to delete has expired.
 */
static int edit_sets(
	Nft *nft, Arena *arena, const BaseOptions *stale, bool is_add, const Tuples *tuples)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < STALE_SETS_N; i++) {
		const StaleSet *set = &STALE_SET[i];
		Tuples members = {};

		for (size_t k = 0; k < tuples->n; k++)
			if (tuples->at[k].source.family == set->family &&
				tuples->at[k].protocol == set->protocol)
				VEC_PUSH(arena, &members, tuples->at[k]);
		r = transaction_send_flows(nft->netlink, arena, stale, set->name, is_add, &members);
		nft->commits += r == 0 && members.n > 0;
	}
	return r;
}

static int edit_sets_or_refuse(
	Nft *nft, Arena *arena, const BaseOptions *stale, bool is_add, const Tuples *tuples)
{
	int r = edit_sets(nft, arena, stale, is_add, tuples);

	return r < 0 ? kernel_refuse(nft, "cut", strerror(-r)) : 0;
}

/* Adds the flows; makes the table if it is absent. 0 or NFT_E_REFUSED. */
static int refuse_flows(Nft *nft, Arena *arena, const NftStaleTable *table, const Tuples *tuples)
{
	BaseOptions stale = stale_table_base(arena, table->base);
	int r = edit_sets(nft, arena, &stale, true, tuples);

	nft->has_stale_table = true;
	if (r == 0)
		return 0;
	if (r != -ENOENT)
		return kernel_refuse(nft, "cut", strerror(-r));
	r = kernel_run(nft, "stale flows", stale_table_render(arena, &stale, table->is_drop));
	return r == 0 ? edit_sets_or_refuse(nft, arena, &stale, true, tuples) : r;
}

int nft_flows_take(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context,
	NftKilled *ret_killed)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	NftKilled killed = {};
	const Tuples *forbidden;
	int r;

	assert(nft->flow_scan);
	r = flow_scan_read(nft->flow_scan, arena, allows, context, &killed.is_done);
	forbidden = flow_scan_forbidden(nft->flow_scan);
	for (size_t i = 0; forbidden->n > 0 && i < n; i++)
		killed.is_refused |= refuse_flows(nft, arena, &tables[i], forbidden) != 0;
	killed.n = flow_scan_delete(nft->flow_scan);
	*ret_killed = killed;
	return r;
}

/* ---- Review ---- */
/* Removes the flows that `allows` allows. *ret_left: how many flows the table still has. */
static int review_table(Nft *nft, Arena *arena, const BaseOptions *stale, NftAllows allows,
	void *context, size_t *ret_left)
{
	Tuples tuples = {}, allowed = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < STALE_SETS_N; i++)
		r = element_dump_flows(nft->netlink, arena, stale, STALE_SET[i].name,
			STALE_SET[i].family, STALE_SET[i].protocol, &tuples);
	if (r < 0)
		return kernel_refuse(nft, "cut", strerror(-r));
	for (size_t i = 0; i < tuples.n; i++)
		if (allows(context, &tuples.at[i]))
			VEC_PUSH(arena, &allowed, tuples.at[i]);
	*ret_left = tuples.n - allowed.n;
	return edit_sets_or_refuse(nft, arena, stale, false, &allowed);
}

static int review(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	size_t n_left = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		BaseOptions stale = stale_table_base(arena, tables[i].base);
		size_t left = 0;

		if (!nft_has_table(nft, &stale))
			continue;
		r = review_table(nft, arena, &stale, allows, context, &left);
		n_left += left;
		if (r == 0 && left == 0)
			r = kernel_run(nft, "stale flows",
				arena_printf(arena, "delete table %s\n",
					render_table_name(arena, &stale)));
	}
	nft->has_stale_table = r != 0 || n_left > 0;
	return r;
}

int nft_flows_review(
	Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context)
{
	return nft->has_stale_table ? review(nft, tables, n, allows, context) : 0;
}
