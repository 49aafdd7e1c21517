/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * far_ends: the addresses that are configured at the other ends of veths, in pods' namespaces.
 *
 * The kernel answers such a question (IFA_TARGET_NETNSID, Linux 4.20) to whoever has CAP_NET_ADMIN
 * in the user namespace that owns the other one. It notifies of changes there only those who have
 * CAP_NET_BROADCAST, which netpold has not: so an end is read again while no address of it is
 * wanted, and when its link changes.
 */
#include "link_table.h"

typedef struct FarEnds FarEnds;

FarEnds *far_ends_new(void);
FarEnds *far_ends_free(FarEnds *ends); /* takes NULL; returns NULL */
void far_ends_forget(FarEnds *ends, unsigned port);
/* Forgets the ends of links that `now` does not have, or has otherwise than `before`. */
void far_ends_forget_changed(FarEnds *ends, const LinkTable *before, const LinkTable *now);
/*
 * Reads the ends of all veths that belong to `bridge`: those that were never read, and those of
 * which is_wanted(context, address) holds for no address.
 */
void far_ends_read(FarEnds *ends, Rtnetlink *rtnetlink, const LinkTable *table, unsigned bridge,
	bool (*is_wanted)(const void *context, Address address), const void *context);
/*
 * The index of the only veth of `bridge` whose other end has the address; 0: none, or several.
 */
unsigned far_ends_find(
	const FarEnds *ends, const LinkTable *table, unsigned bridge, Address address);
