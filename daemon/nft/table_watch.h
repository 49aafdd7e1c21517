/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * table_watch: the kernel's notifications of changes to nf_tables (NFNLGRP_NFTABLES).
 *
 * A transaction is notified as one message per changed object, and one NFT_MSG_NEWGEN at its end,
 * which names the process. The watch reports a change if an object of a table of ours changed, and
 * counts the transactions (generation.h). A socket filter drops our own messages in the kernel, so
 * that a change of ours with 100,000 elements does not fill the queue; a message of ours that
 * passes the filter costs one needless reading of the table.
 *
 * The socket's queue may overflow: then NFT_NOTICE_LOST is reported.
 */
#include "nft.h"

typedef struct TableWatch TableWatch;

/* Watches all tables of that name, of families inet and bridge; subscribed. 0 or -errno. */
int table_watch_open(const char *table, TableWatch **ret_watch);
TableWatch *table_watch_close(TableWatch *watch); /* takes NULL; returns NULL */
int table_watch_fd(const TableWatch *watch);
/* From now on drops what the sockets with these port IDs changed. 0 or -errno. */
int table_watch_ignore(TableWatch *watch, uint32_t one, uint32_t two);
/* Joins or leaves the group of notifications: see generation.h. */
void table_watch_subscribe(TableWatch *watch, bool is_on);
/* Reads everything that has come, without blocking, and keeps it for table_watch_read_notice. */
void table_watch_read(TableWatch *watch);
/* Reads everything, and returns what came since the last call: as nft_watch_read. */
NftNotice table_watch_read_notice(TableWatch *watch, char ret_who[NFT_WHO_SIZE]);
/* The number of transactions of others that were read since table_watch_open, of any table. */
uint32_t table_watch_count_foreign(const TableWatch *watch);
