/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Applying: plans and whole tables, to the kernel.
 *
 * A commit of a plan is up to three transactions, in this order: what is added (nft script),
 * elements and deletions (netlink), what is switched (nft script). Objects exist before elements
 * and base chains refer to them, and nothing that is referred to is deleted.
 */
#include "generation.h"
#include "grace_period.h"
#include "kernel.h"
#include "priority.h"
#include "render.h"
#include "script.h"
#include "transaction.h"
#include <assert.h>
#include <string.h>

/* The watch is unsubscribed during a change of more elements than this: see generation.h. */
#define LARGE_ELEMENTS 1000
/* The same limit for nft text, in bytes: an element takes at least ten. */
#define LARGE_TEXT (10 * (size_t)LARGE_ELEMENTS)

static int send_elements(Nft *nft, Arena *scratch, const Commit *commit, TransactionResult *result)
{
	int r = transaction_send_commit(nft->netlink, scratch, commit, result);

	nft->commits += result->is_sent;
	return r < 0 ? kernel_refuse(nft, commit->name, strerror(-r)) : 0;
}

/* Renders the text before the grace period, which takes time that would delay the transaction. */
static int apply_commit(Nft *nft, const Commit *commit, NftCounts *counts)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *additions = script_render_additions(scratch, commit);
	const char *changes = script_render_changes(scratch, commit);
	TransactionResult sent = {};
	int r;

	assert(commit->ops.n > 0); /* plan.c leaves out commits without operations */
	if (commit->needs_grace_period)
		grace_period_wait();
	r = kernel_run(nft, commit->name, additions);
	if (r == 0)
		r = send_elements(nft, scratch, commit, &sent);
	if (r == 0)
		r = kernel_run(nft, commit->name, changes);
	counts->commits += (*additions != 0) + sent.is_sent + (*changes != 0);
	counts->elements += sent.elements;
	return r;
}

static size_t count_elements(const Plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->commits.n; i++)
		for (size_t k = 0; k < plan->commits.at[i].ops.n; k++)
			n += plan->commits.at[i].ops.at[k].elements.n +
			     plan->commits.at[i].ops.at[k].verdicts.n;
	return n;
}

int nft_apply(Nft *nft, const Plan *plan, NftCounts *ret_counts)
{
	bool is_large = count_elements(plan) > LARGE_ELEMENTS;
	Unsubscribed unsubscribed = generation_unsubscribe(nft, is_large);
	/* a large change would keep other threads from a processor for long: only its waits are
	 * raised */
	bool is_raised = !is_large && priority_raise();
	NftCounts counts = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->commits.n; i++)
		r = apply_commit(nft, &plan->commits.at[i], &counts);
	priority_restore(is_raised);
	generation_resubscribe(nft, unsubscribed);
	*ret_counts = counts;
	return r;
}

int nft_load(Nft *nft, const char *text)
{
	Unsubscribed unsubscribed = generation_unsubscribe(nft, strlen(text) > LARGE_TEXT);
	int r = kernel_run(nft, "load", text);

	generation_resubscribe(nft, unsubscribed);
	return r;
}

int nft_apply_naively(Nft *nft, const Ruleset *new)
{
	ARENA_CLEANUP Arena *scratch = arena_new();

	return kernel_run(nft, "whole table",
		arena_printf(scratch, "delete table %s\n%s", render_table_name(scratch, &new->base),
			nft_ruleset_text(scratch, new)));
}
