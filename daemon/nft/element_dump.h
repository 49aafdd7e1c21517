/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * element_dump: the elements of one set or map, read from the kernel.
 *
 * Elements come in the order of the kernel's hash table; the caller sorts them. A dump is not
 * atomic: if a transaction changes nf_tables during the dump, the kernel flags it as inconsistent
 * (NLM_F_DUMP_INTR), and the function fails with -EINTR.
 */
#include "netlink.h"
#include "nft.h"
#include "transaction.h"

/* Adds the elements of the hash set `set->name` to set->elements, not sorted. 0 or -errno. */
int element_dump_set(Netlink *netlink, Arena *arena, const BaseOptions *base, Set *set);
/*
 * Adds a verdict map's elements to `verdicts`, not sorted; names of chains are copied to `arena`.
 * We only write `goto` into ingress maps and `jump` into egress maps. An element with another
 * verdict is left out, and *ret_has_unexpected is true. 0 or -errno.
 */
int element_dump_map(Netlink *netlink, Arena *arena, const BaseOptions *base, Direction direction,
	Family family, Verdicts *verdicts, bool *ret_has_unexpected);
/* The counters of a set of interfaces (senders_table.h): appended. -ENOENT: there is no such table.
 */
int element_dump_counters(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *set,
	NftForgedCounts *counts);
/*
 * Adds the elements of a set with counters, whose keys are addresses, to counts->list. 0 or -errno.
 */
int element_dump_denied(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *set,
	DenialKind kind, Family family, DenialCounts *counts);
