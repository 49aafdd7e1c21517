/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * kernel: the Nft's struct, and how the module's other files run nft scripts. Private to the
 * module.
 *
 * All nft text goes through kernel_run() or kernel_query(). So every transaction made of nft text
 * is counted in nft->commits (generation.h; those of netlink are counted where they are sent), the
 * watch filters out our own notifications, and nft->error has the reason of the last refusal.
 */
#include "flow_scan.h"
#include "netlink.h"
#include "nft.h"
#include "table_watch.h"
#include <nftables/libnftables.h>

struct Nft {
	struct nft_ctx *ctx; /* libnftables, which has a netlink socket of its own */
	Netlink *netlink;
	TableWatch *watch;     /* NULL before nft_watch() */
	FlowScan *flow_scan;   /* NULL: none is running */
	bool has_stale_tables; /* this scan has seen to it that they exist */
	uint32_t ignored_port; /* libnftables' port ID that the watch filters out; 0: none */
	/* generation.c */
	uint32_t commits; /* our own transactions since nft_open() */
	bool has_mark;
	uint32_t mark;	 /* generation number less own and foreign transactions, when marked */
	bool has_missed; /* foreign transactions happened while the watch was unsubscribed */
	char error[1024];
};

/*
 * Runs the script as one transaction; "" does nothing and is no transaction. `what` names it in the
 * error message. 0 or NFT_E_REFUSED.
 */
int kernel_run(Nft *nft, const char *what, const char *script);
/* Runs a script that changes nothing. 0 or NFT_E_REFUSED. */
int kernel_query(Nft *nft, const char *what, const char *script);
/* Sets nft->error to "WHAT: " and the first line of `reason`. Returns NFT_E_REFUSED. */
int kernel_refuse(Nft *nft, const char *what, const char *reason);

/*
 * Lists an object ("set inet netpol NAME") in full, or a table ("inet netpol") without the elements
 * of its sets and maps. *ret_text is in `arena`. False: there is no such thing, or listing it was
 * refused. Only tables of ours are ever listed.
 */
bool kernel_list(Nft *nft, Arena *arena, const char *object, const char **ret_text);
bool kernel_list_table(Nft *nft, Arena *arena, const char *table, const char **ret_text);
