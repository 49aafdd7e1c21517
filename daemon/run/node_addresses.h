/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * node_addresses: the addresses of this node's own interfaces, at one moment. Stale flows need
 * them, since the node may always reach its pods: those flows are never killed.
 */
#include "base.h"
#include "ruleset.h"

typedef struct NodeAddresses NodeAddresses;

/* NULL: the kernel did not list them, and errno says why. */
NodeAddresses *node_addresses_read(void);
NodeAddresses *node_addresses_free(NodeAddresses *addresses);
bool node_addresses_have(const NodeAddresses *addresses, Address address);
