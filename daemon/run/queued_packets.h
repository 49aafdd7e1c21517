/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * queued_packets: a packet for an address that nobody answers for yet has passed our hooks, and
 * waits in the node's neighbour entry until the pod that gets the address is there: up to three
 * seconds. So when an address becomes isolated, what waits for it is dropped, once the kernel has
 * the change: later packets pass the hooks before they can wait.
 */
#include "ruleset.h"

/* before, after: in force in the inet table; before: or NULL, at a start. */
void queued_packets_drop(const Ruleset *before, const Ruleset *after);
