/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * flow_scan: one pass over the connection tracking table of this namespace (ctnetlink).
 *
 * One rule of our base chains accepts all established flows. So a flow that a change forbids must
 * be deleted from connection tracking: its next packet is "new" then, and is evaluated.
 *
 *     flow_scan_open --> flow_scan_read --> flow_scan_delete --+--> flow_scan_close
 *                             ^                                |
 *                             +----- until is_done or error ---+
 *
 * The dump is requested by open and read in pieces, since a node may track a million flows. Of each
 * piece, flow_scan_read collects the forbidden flows. Before flow_scan_delete the caller adds them
 * to the table of stale flows, so that their next packets are refused (stale_flows.c). A call of
 * nft_flows_take() handles one piece: read, then delete.
 */
#include "nft.h"
#include "transaction.h"

typedef struct FlowScan FlowScan;

/* Requests the dump. 0 or -errno. */
int flow_scan_open(FlowScan **ret_scan);
FlowScan *flow_scan_close(FlowScan *scan); /* takes NULL; returns NULL */
int flow_scan_fd(const FlowScan *scan);	   /* readable when the next piece has come */
/*
 * Reads one piece without blocking. *ret_is_done: it was the last. 0 or -errno. The forbidden flows
 * of the piece are in `arena`, which must live until flow_scan_delete; that must be called before
 * the next piece is read, after an error too.
 */
int flow_scan_read(
	FlowScan *scan, Arena *arena, NftAllows allows, void *context, bool *ret_is_done);
/* The forbidden flows of the piece; until flow_scan_delete. */
const Tuples *flow_scan_forbidden(const FlowScan *scan);
/* Deletes them from connection tracking. Returns how many: some may have ended meanwhile. */
unsigned flow_scan_delete(FlowScan *scan);
