/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stale flows: cuts established flows that the policies no longer allow.
 *
 * Deleting a flow from connection tracking is not enough. The kernel treats a TCP packet from the
 * middle of an untracked connection, or any UDP packet, as the first of a new flow that its sender
 * opens. So a packet of the end that answered would open the flow again, in the other direction,
 * which the policies may allow.
 *
 *     TCP      The pods whose policies forbid the flow go into a set of NAME_cut, and then the flow
 *              is deleted. What such a pod's server sends, by its ports, or is sent, is refused if
 *              it belongs to no tracked flow, by a reset that ends the connection. What a client
 *              sends is evaluated by the enforcing table, which resets as well. So the set has an
 *              element for a pod, however many flows it had, and nobody has to read it.
 *     others   The flow stays tracked, with a mark that makes NAME_cut refuse its packets, from
 *              either end, until none have come for the time after which connection tracking
 *              forgets it. No element is needed. A later scan that finds the flow allowed removes
 *              the mark.
 *
 *     table:   absent --> present    at the first forbidden flow
 *              present --> absent    nft_flows_delete_tables()
 */
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
	nft->has_stale_tables = false;
	r = flow_scan_open(&nft->flow_scan);
	return r < 0 ? r : flow_scan_fd(nft->flow_scan);
}

void nft_flows_end(Nft *nft)
{
	nft->flow_scan = flow_scan_close(nft->flow_scan);
}

/* ---- The table ---- */
/* Makes the table, unless there is one of this version. 0 or NFT_E_REFUSED. */
static int make_table(Nft *nft, Arena *arena, const NftStaleTable *table)
{
	BaseOptions stale = stale_table_base(arena, table->base);
	const char *name = render_table_name(arena, &stale), *listed;
	const char *text = stale_table_render(arena, &stale, table->is_drop);

	if (kernel_list_table(nft, arena, name, &listed)) {
		if (stale_table_is_current(listed))
			return 0;
		text = arena_printf(arena, "delete table %s\n%s", name, text);
	}
	return kernel_run(nft, "stale flows", text);
}

/* Once a scan, since somebody else may have deleted them. */
static int make_tables(Nft *nft, Arena *arena, const NftStaleTable *tables, size_t n)
{
	int result = 0;

	for (size_t i = 0; !nft->has_stale_tables && i < n; i++) {
		int r = make_table(nft, arena, &tables[i]);

		result = r ? r : result;
	}
	nft->has_stale_tables = result == 0;
	return result;
}

/* ---- TCP: the set of pods ---- */
/* is_renewal: the element is deleted before it is added, which makes its time begin anew. */
static int send_pod(Nft *nft, Arena *arena, const BaseOptions *stale, Address pod, bool is_renewal)
{
	const Set set = {
		.name = STALE_SET_NAME[pod.family], .kind = SET_PODS, .family = pod.family};
	Op op = {.kind = OP_DEL_ELEMENTS, .set = &set, .base = stale};
	Commit commit = {.name = "cut"};
	TransactionResult result;
	int r;

	VEC_PUSH(arena, &op.elements, (Element){.address = pod});
	if (is_renewal)
		VEC_PUSH(arena, &commit.ops, op);
	op.kind = OP_ADD_ELEMENTS;
	VEC_PUSH(arena, &commit.ops, op);
	r = transaction_send_commit(nft->netlink, arena, &commit, &result);
	nft->commits += r == 0;
	return r;
}

static int refuse_pod(Nft *nft, Arena *arena, const NftStaleTable *table, Address pod)
{
	BaseOptions stale = stale_table_base(arena, table->base);
	int r = send_pod(nft, arena, &stale, pod, true);

	if (r == -ENOENT)
		r = send_pod(nft, arena, &stale, pod, false);
	return r < 0 ? kernel_refuse(nft, "cut", strerror(-r)) : 0;
}

/* ---- A piece ---- */
/* Sees to it that the flows of the piece are refused once they are deleted, or marked. */
static void prepare_refusal(
	Nft *nft, Arena *arena, const NftStaleTable *tables, size_t n, NftCut *cut)
{
	const FlowChanges *changes = flow_scan_changes(nft->flow_scan);

	if ((changes->n > 0 || cut->n_marked > 0) && make_tables(nft, arena, tables, n) != 0)
		cut->is_refused = true;
	for (size_t i = 0; i < changes->n; i++) {
		const FlowChange *change = &changes->at[i];

		cut->has_tcp |= change->is_deletion;
		for (size_t p = 0; change->is_deletion && p < change->forbidden.n_pods; p++) {
			Address pod = change->forbidden.pods[p];

			if (!flow_scan_is_new_pod(nft->flow_scan, pod))
				continue;
			for (size_t t = 0; t < n; t++)
				cut->is_refused |= refuse_pod(nft, arena, &tables[t], pod) != 0;
		}
	}
}

int nft_flows_take(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context,
	NftCut *ret_cut)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	NftCut cut = {};
	int r;

	assert(nft->flow_scan);
	r = flow_scan_read(nft->flow_scan, arena, allows, context, &cut.is_done);
	cut.n_marked = flow_scan_n_marked(nft->flow_scan);
	prepare_refusal(nft, arena, tables, n, &cut);
	cut.n = flow_scan_carry_out(nft->flow_scan);
	*ret_cut = cut;
	return r;
}

/* ---- The end ---- */
bool nft_flows_have_table(Nft *nft, const NftStaleTable *tables, size_t n)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	for (size_t i = 0; i < n; i++) {
		BaseOptions stale = stale_table_base(arena, tables[i].base);

		if (nft_has_table(nft, &stale))
			return true;
	}
	return false;
}

int nft_flows_delete_tables(Nft *nft, const NftStaleTable *tables, size_t n)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	int result = 0;

	for (size_t i = 0; i < n; i++) {
		BaseOptions stale = stale_table_base(arena, tables[i].base);
		int r = 0;

		if (nft_has_table(nft, &stale))
			r = kernel_run(nft, "stale flows",
				arena_printf(arena, "delete table %s\n",
					render_table_name(arena, &stale)));
		result = r ? r : result;
	}
	return result;
}
