/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening an Nft, running scripts, listing. See kernel.h. */
#include "kernel.h"
#include "render.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

int nft_open(Nft **ret_nft)
{
	Nft *nft = MEMORY_NEW(Nft);
	int r;

	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx)
		memory_end();
	/* after nft_ctx_new has opened libnftables' socket: see netlink_libnftables_port */
	r = netlink_open(&nft->netlink);
	if (r < 0) {
		nft_close(nft);
		return r;
	}
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
	flow_scan_close(nft->flow_scan);
	free(nft);
	return NULL;
}

int nft_watch(Nft *nft, const char *table)
{
	int r;

	assert(!nft->watch);
	r = table_watch_open(table, &nft->watch);
	return r < 0 ? r : table_watch_fd(nft->watch);
}

NftNotice nft_watch_read(Nft *nft, char ret_who[NFT_WHO_SIZE])
{
	assert(nft->watch);
	return table_watch_read_notice(nft->watch, ret_who);
}

const char *nft_error(const Nft *nft)
{
	return nft->error;
}

/* ---- Scripts ---- */
int kernel_refuse(Nft *nft, const char *what, const char *reason)
{
	snprintf(nft->error, sizeof(nft->error), "%s: %.*s", what, (int)strcspn(reason, "\n"),
		reason);
	return NFT_E_REFUSED;
}

/* libnftables may close its socket and open another one, with another port ID, at any time. */
static void filter_own_ports(Nft *nft)
{
	uint32_t port = nft->watch ? netlink_libnftables_port(nft->netlink) : 0;

	if (port != nft->ignored_port &&
		table_watch_ignore(nft->watch, netlink_port(nft->netlink), port) == 0)
		nft->ignored_port = port;
}

int kernel_query(Nft *nft, const char *what, const char *script)
{
	filter_own_ports(nft);
	if (nft_run_cmd_from_buffer(nft->ctx, script) != 0)
		return kernel_refuse(nft, what, nft_ctx_get_error_buffer(nft->ctx));
	return 0;
}

int kernel_run(Nft *nft, const char *what, const char *script)
{
	int r = *script ? kernel_query(nft, what, script) : 0;

	nft->commits += *script && r == 0;
	return r;
}

/* ---- Listing ---- */
static bool list(Nft *nft, Arena *arena, const char *object, unsigned flags, const char **ret_text)
{
	int r;

	nft_ctx_output_set_flags(nft->ctx, flags);
	r = kernel_query(nft, "list", arena_printf(arena, "list %s\n", object));
	nft_ctx_output_set_flags(nft->ctx, 0);
	if (r == 0)
		*ret_text = arena_strdup(arena, nft_ctx_get_output_buffer(nft->ctx));
	return r == 0;
}

bool kernel_list(Nft *nft, Arena *arena, const char *object, const char **ret_text)
{
	return list(nft, arena, object, 0, ret_text);
}

bool kernel_list_table(Nft *nft, Arena *arena, const char *table, const char **ret_text)
{
	return list(
		nft, arena, arena_printf(arena, "table %s", table), NFT_CTX_OUTPUT_TERSE, ret_text);
}

bool nft_has_table(Nft *nft, const BaseOptions *base)
{
	uint64_t handle;

	return netlink_read_handle(nft->netlink, base, &handle) == 0 && handle != 0;
}

bool nft_can_track_bridges(Nft *nft, const char *table, const char **ret_why)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *probe = object_name_table(scratch, table, TABLE_PROBE);
	const char *script = arena_printf(scratch,
		"table bridge %s {\n\tchain forward {\n\t\ttype filter hook forward priority "
		"filter; policy accept;\n\t\tct state established accept\n\t}\n}\n"
		"delete table bridge %s\n",
		probe, probe);

	if (kernel_run(nft, "nf_conntrack_bridge", script) == 0)
		return true;
	*ret_why = nft->error;
	return false;
}
