/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * transaction: changes that go to the kernel as netlink messages of our own.
 *
 * A transaction is a batch: a BEGIN message, the changes, an END message, sent with one sendto().
 * The kernel takes all of it or nothing. This file sends two kinds of change: elements of hash sets
 * and verdict maps, added and deleted; and chains, sets and maps, deleted by name. Everything else
 * of a Commit is nft text (script.h).
 *
 * A Commit is about the enforcing table. The elements of our other tables come as keys.
 */
#include "element_key.h"
#include "netlink.h"

typedef struct TransactionResult {
	bool is_sent;	   /* false: the commit has no such change, and nothing was sent */
	unsigned elements; /* set and map elements added or deleted */
} TransactionResult;

/*
 * Carries out the commit's element operations and deletions, in their order. 0, or -errno of the
 * first message that the kernel refused. `scratch` is for the messages.
 */
int transaction_send_commit(
	Netlink *netlink, Arena *scratch, const Commit *commit, TransactionResult *ret_result);

typedef struct SetKey {
	uint8_t bytes[ELEMENT_KEY_SIZE]; /* see element_key.h */
	uint32_t n;
} SetKey;

/* Keys that are added to a hash set, or deleted from it. */
typedef struct KeyChange {
	const BaseOptions *base; /* the table's name and kind */
	const char *set;
	bool is_add;
	VEC(SetKey) keys;
} KeyChange;

typedef VEC(KeyChange) KeyChanges;

/* Carries all of them out, in their order, in one transaction. As transaction_send_commit(). */
int transaction_send_keys(
	Netlink *netlink, Arena *scratch, const KeyChanges *changes, TransactionResult *ret_result);
