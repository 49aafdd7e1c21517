/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * table_watch: the kernel's notifications of changes to nf_tables (NFNLGRP_NFTABLES).
 *
 * For each transaction the kernel sends one message for each changed object, and at the end one
 * NFT_MSG_NEWGEN, which names the process. The watch reports a change if an object of one of our
 * tables changed, and counts the transactions (generation.h). A socket filter drops messages about
 * our own transactions in the kernel, so that a change of ours with 100,000 elements does not fill
 * the socket's queue. If such a message passes the filter, the table is read back once needlessly.
 *
 * The socket's queue may overflow. Then messages are lost, and NFT_NOTICE_LOST is reported.
 */
#include "nft.h"

typedef struct TableWatch TableWatch;

/* Watches all tables of that name, of families inet and bridge; subscribed. 0 or -errno. */
int table_watch_open(const char *table, TableWatch **ret_watch);
TableWatch *table_watch_close(TableWatch *watch); /* takes NULL; returns NULL */
int table_watch_fd(const TableWatch *watch);
/* From now on drops notifications of changes that the sockets with these port IDs made. 0, -errno.
 */
int table_watch_ignore(TableWatch *watch, uint32_t one, uint32_t two);
/* Joins or leaves the group of notifications: see generation.h. */
void table_watch_subscribe(TableWatch *watch, bool is_on);
/* Reads everything that has come, without blocking, and keeps it for table_watch_read_notice. */
void table_watch_read(TableWatch *watch);
/* Reads everything, and returns what came since the last call: see nft_watch_read(). */
NftNotice table_watch_read_notice(TableWatch *watch, char ret_who[NFT_WHO_SIZE]);
/* Whether the tables NAME_senders were changed, or may have been, since the last call. */
bool table_watch_take_senders(TableWatch *watch);
/* The number of transactions of others that were read since table_watch_open, of any table. */
uint32_t table_watch_count_foreign(const TableWatch *watch);
