/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * element_dump: the elements of one set or map, read from the kernel.
 *
 * Elements come in the kernel's order, which is that of its hash table: the caller sorts them. A
 * dump is not atomic: if a set changes meanwhile the kernel says so and the read fails with -EINTR.
 */
#include "netlink.h"
#include "transaction.h"

/* Adds the elements of the hash set `set->name` to set->elements, not sorted. 0 or -errno. */
int element_dump_set(Netlink *netlink, Arena *arena, const BaseOptions *base, Set *set);
/*
 * Adds a verdict map's elements to `verdicts`, not sorted; names of chains are copied to `arena`.
 * An element that we would not write (another verdict than the direction's) is left out, and
 * *ret_has_unexpected is set. 0 or -errno.
 */
int element_dump_map(Netlink *netlink, Arena *arena, const BaseOptions *base, Direction direction,
	Family family, Verdicts *verdicts, bool *ret_has_unexpected);
/* Adds the flows in a set of a table of stale flows to `tuples`, not sorted. 0 or -errno. */
int element_dump_flows(Netlink *netlink, Arena *arena, const BaseOptions *base, const char *set,
	Family family, uint8_t protocol, Tuples *tuples);
