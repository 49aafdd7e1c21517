/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * unreached: which pods of this node send packets that do not pass the node's netfilter hooks, or
 * pass them with another interface than the rules expect. Policies do not hold for such packets, so
 * the status has to name the pod: nothing else would show it.
 */
#include "links.h"
#include "run.h"

/*
 * Adds the pod's address to the list if its packets are unreached. gateways: of gateways_read().
 * Texts are in the arena.
 */
void unreached_add(Arena *arena, const Links *links, const Texts *gateways, const Pod *pod,
	Address address, const Place *place, Unreached *list);
