/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of refused packets, read and cleaned up. See include/nft/denials.h. */
#include "denial_rules.h"
#include "element_dump.h"
#include "kernel.h"
#include "transaction.h"

/* ---- Reading ---- */
int nft_read_denied(Nft *nft, Arena *arena, const BaseOptions *base, DenialCounts *ret_counts)
{
	DenialCounts counts = {};
	int r = netlink_read_handle(nft->netlink, base, &counts.handle);

	for (int kind = 0; counts.handle && kind < denial_kinds(base); kind++)
		for (Family f = FAMILY_IPV4; r == 0 && f < FAMILY_N; f++)
			r = element_dump_denied(nft->netlink, arena, base,
				denial_set_name((DenialKind)kind, f), (DenialKind)kind, f, &counts);
	if (r == 0)
		*ret_counts = counts;
	return r;
}

/* ---- Cleaning up ---- */
/* Deletions of one set, as an operation that transaction.c can send. */
static void add_deletion(Commit *commit, Arena *arena, const BaseOptions *base,
	const DenialCounts *counts, DenialKind kind, Family family)
{
	Set *set = ARENA_NEW(arena, Set);
	Op op = {.kind = OP_DEL_ELEMENTS, .set = set, .base = base};

	*set = (Set){.name = denial_set_name(kind, family), .kind = SET_PODS, .family = family};
	for (size_t i = 0; i < counts->list.n; i++)
		if (counts->list.at[i].kind == kind && counts->list.at[i].address.family == family)
			VEC_PUSH(arena, &op.elements,
				(Element){.address = counts->list.at[i].address});
	if (op.elements.n)
		VEC_PUSH(arena, &commit->ops, op);
}

int nft_forget_denied(Nft *nft, const BaseOptions *base, const DenialCounts *counts)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Commit commit = {.name = "forget"};
	TransactionResult sent = {};
	int r;

	for (int kind = 0; kind < DENIAL_KIND_N; kind++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			add_deletion(&commit, scratch, base, counts, (DenialKind)kind, f);
	r = transaction_send_commit(nft->netlink, scratch, &commit, &sent);
	nft->commits += sent.is_sent;
	return r;
}
