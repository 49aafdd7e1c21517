/* An Nft, and carrying plans out. */
#include "kernel.h"
#include <stdio.h>
#include <string.h>

int nft_open(Nft **ret_nft)
{
	Nft *nft = MEMORY_NEW(Nft);
	int r;

	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx)
		memory_end();
	r = netlink_open(&nft->netlink);
	if (r < 0) {
		nft_close(nft);
		return r;
	}
	nft->has_stale_table = true; /* from before, it may be */
	nft_ctx_buffer_output(nft->ctx);
	nft_ctx_buffer_error(nft->ctx);
	*ret_nft = nft;
	return 0;
}

Nft *nft_close(Nft *nft)
{
	if (!nft)
		return NULL;
	if (nft->ctx)
		nft_ctx_free(nft->ctx);
	netlink_close(nft->netlink);
	table_watch_close(nft->watch);
	flows_close(nft->flows);
	free(nft);
	return NULL;
}

int nft_watch(Nft *nft, const char *table)
{
	int r = table_watch_open(table, &nft->watch);

	return r < 0 ? r : table_watch_fd(nft->watch);
}

NftNotice nft_watch_read(Nft *nft, char ret_who[NFT_WHO_SIZE])
{
	return table_watch_read_notice(nft->watch, ret_who);
}

const char *nft_error(const Nft *nft)
{
	return nft->error;
}

static int refuse(Nft *nft, const char *doing, const char *words)
{
	snprintf(nft->error, sizeof(nft->error), "%s: %.*s", doing, (int)strcspn(words, "\n"),
		words);
	return NFT_E_REFUSED;
}

/* libnftables opens its socket anew when it likes: then its port is another. */
static void ignore_ourselves(Nft *nft)
{
	uint32_t port = nft->watch ? netlink_port_beside(nft->netlink) : 0;

	if (port != nft->ignored &&
		table_watch_ignore(nft->watch, netlink_port(nft->netlink), port) == 0)
		nft->ignored = port;
}

int kernel_ask(Nft *nft, const char *doing, const char *script)
{
	ignore_ourselves(nft);
	if (nft_run_cmd_from_buffer(nft->ctx, script) != 0)
		return refuse(nft, doing, nft_ctx_get_error_buffer(nft->ctx));
	return 0;
}

/* The script as one transaction. */
int kernel_run(Nft *nft, const char *doing, const char *script)
{
	int r = *script ? kernel_ask(nft, doing, script) : 0;

	nft->commits += *script && r == 0;
	return r;
}

/* ---- Applying ---- */
static int apply_commit(Nft *nft, const Commit *commit, NftCounts *counts)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	unsigned elements = 0;
	const char *additions = render_additions(scratch, commit);
	const char *changes = render_changes(scratch, commit);
	bool is_sent = false;
	int r;

	if (commit->needs_grace_period)
		grace_period_wait();
	r = kernel_run(nft, commit->name, additions);
	if (r == 0) {
		r = netlink_edit(nft->netlink, scratch, commit, &elements);
		is_sent = r > 0;
		r = r < 0 ? refuse(nft, commit->name, strerror(-r)) : 0;
		nft->commits += is_sent;
	}
	if (r == 0)
		r = kernel_run(nft, commit->name, changes);
	counts->commits += (*additions != 0) + is_sent + (*changes != 0);
	counts->elements += elements;
	return r;
}

static size_t plan_elements(const Plan *plan)
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
	Unsubscribed unsubscribed =
		generation_unsubscribe(nft, plan_elements(plan) > LARGE_ELEMENTS);
	NftCounts counts = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->commits.n; i++)
		r = apply_commit(nft, &plan->commits.at[i], &counts);
	generation_resubscribe(nft, unsubscribed, counts.commits);
	*ret_counts = counts;
	return r;
}

int nft_load(Nft *nft, const char *text)
{
	Unsubscribed unsubscribed =
		generation_unsubscribe(nft, strlen(text) > 10 * (size_t)LARGE_ELEMENTS);
	int r = kernel_run(nft, "load", text);

	generation_resubscribe(nft, unsubscribed, r == 0);
	return r;
}

int nft_apply_naively(Nft *nft, const Ruleset *new)
{
	ARENA_CLEANUP Arena *scratch = arena_new();

	return kernel_run(nft, "whole table",
		arena_printf(scratch, "delete table %s\n%s", table_name(scratch, &new->base),
			nft_ruleset_text(scratch, new)));
}

/* ---- Asking ---- */
int kernel_list(Nft *nft, Arena *arena, const char *what, unsigned flags, const char **ret_text)
{
	int r;

	nft_ctx_output_set_flags(nft->ctx, flags);
	r = kernel_ask(nft, "list", arena_printf(arena, "list %s\n", what));
	nft_ctx_output_set_flags(nft->ctx, 0);
	if (r == 0)
		*ret_text = arena_strdup(arena, nft_ctx_get_output_buffer(nft->ctx));
	return r;
}

bool kernel_list_table(Nft *nft, Arena *arena, const char *table, const char **ret_text)
{
	return kernel_list(nft, arena, arena_printf(arena, "table %s", table), NFT_CTX_OUTPUT_TERSE,
		       ret_text) == 0;
}

bool nft_has_table(Nft *nft, const BaseOptions *base)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *text;

	return kernel_list_table(nft, scratch, table_name(scratch, base), &text);
}

bool nft_can_track_bridges(Nft *nft, const char *table, const char **ret_why)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *script = arena_printf(scratch,
		"table bridge %s_try {\n\tchain forward {\n\t\ttype filter hook forward priority "
		"filter; policy accept;\n\t\tct state established accept\n\t}\n}\n"
		"delete table bridge %s_try\n",
		table, table);
	if (kernel_run(nft, "nf_conntrack_bridge", script) == 0)
		return true;
	*ret_why = nft->error;
	return false;
}
