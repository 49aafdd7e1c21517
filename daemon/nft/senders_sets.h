/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * senders_sets: the sets of the sender check's tables (senders_table.h) whose elements change with
 * the pods, and the difference between two versions of them.
 *
 * A new pod changes elements alone. They go to the kernel as keys, in our own netlink messages:
 * libnftables would list all sets and chains of the machine first. Pure functions; what they return
 * is in `arena`.
 */
#include "senders.h"
#include "transaction.h"

/* Which of the two tables. */
typedef enum Side { SIDE_INET, SIDE_BRIDGE, SIDE_N } Side;

/* What an element of a set is. */
typedef enum SenderKey {
	SENDER_KEY_PORT,   /* an interface's index */
	SENDER_KEY_SOURCE, /* an address */
	SENDER_KEY_PAIR	   /* an interface's index, and an address that it may send from */
} SenderKey;

typedef struct SenderSet {
	const char *name, *type; /* as nft writes them */
	SenderKey key;
	bool is_target; /* the addresses are targets of neighbour advertisements */
	bool is_sized;
	VEC(Sender) elements; /* sorted, unique; what is not part of the key is 0 */
} SenderSet;

typedef VEC(SenderSet) SenderSets;

/* nft has no keyword for the target of a neighbour advertisement: it is raw payload, a number. A
 * set of raw payload needs `typeof` in place of `type`. */
#define SENDER_TARGET "@th,64,128"

/* All sets of the table; always all of them, in the same order. */
SenderSets sender_sets_list(Arena *arena, const Senders *senders, Side side);
/* Appends what leads from `before` to `after`, two lists of the table `base`, which is borrowed. */
void sender_sets_compare(Arena *arena, const BaseOptions *base, const SenderSets *before,
	const SenderSets *after, KeyChanges *changes);

/* ---- Text ---- */
void sender_set_render(Buf *buf, const SenderSet *set, bool has_elements);
void sender_elements_render(Buf *buf, const Texts *elements); /* "{ A, B }" */
const char *sender_target_text(Arena *arena, Address address);
