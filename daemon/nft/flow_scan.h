/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * flow_scan: one pass over the connection tracking table of this namespace (ctnetlink).
 *
 * One rule of our base chains accepts all established flows. So a flow that a change forbids must
 * be deleted from connection tracking, or be marked there, so that another table refuses it.
 *
 *     flow_scan_open --> flow_scan_read --> flow_scan_carry_out --+--> flow_scan_close
 *                             ^                                   |
 *                             +------- until is_done or error ----+
 *
 * The dump is requested by open and read in pieces, since a node may track a million flows. Of each
 * piece, flow_scan_read collects the changes that are due. Before flow_scan_carry_out the caller
 * sees to it that the table of stale flows refuses those flows (stale_flows.c). A call of
 * nft_flows_take() handles one piece.
 */
#include "nft.h"
#include "transaction.h"

struct nf_conntrack; /* libnetfilter_conntrack's */
typedef struct FlowScan FlowScan;

typedef struct FlowChange {
	struct nf_conntrack *ct; /* the scan's */
	NftForbidden forbidden;	 /* unless `mark` is 0 */
	uint32_t mark;		 /* STALE_MARK..., or 0: released */
	bool is_deletion;	 /* deleted from connection tracking, in place of a mark */
	bool is_new;		 /* it was allowed until now */
} FlowChange;

typedef VEC(FlowChange) FlowChanges;

/* Requests the dump. 0 or -errno. */
int flow_scan_open(FlowScan **ret_scan);
FlowScan *flow_scan_close(FlowScan *scan); /* takes NULL; returns NULL */
int flow_scan_fd(const FlowScan *scan);	   /* readable when the next piece has come */
/*
 * Reads one piece without blocking. *ret_is_done: it was the last. 0 or -errno. The changes of the
 * piece are in `arena`, which must live until flow_scan_carry_out; that must be called before the
 * next piece is read, after an error too.
 */
int flow_scan_read(
	FlowScan *scan, Arena *arena, NftAllows allows, void *context, bool *ret_is_done);
/* The changes that are due in the piece; until flow_scan_carry_out. */
const FlowChanges *flow_scan_changes(const FlowScan *scan);
/* How many flows of the piece are marked, or will be. */
unsigned flow_scan_n_marked(const FlowScan *scan);
/* Whether this is the first call of the scan with that address. */
bool flow_scan_is_new_pod(FlowScan *scan, Address pod);
/* Returns how many flows were allowed until now. Some may have ended meanwhile. */
unsigned flow_scan_carry_out(FlowScan *scan);
