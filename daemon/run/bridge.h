/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * bridge: how packets between pods on one bridge reach our rules. There are two ways in the kernel,
 * and a node may have either, or none:
 *
 *   br_netfilter   its sysctls (net.bridge.bridge-nf-call-iptables and -ip6tables) are 1: bridged
 *                  packets pass the inet table's hooks. Frames with a VLAN tag do so only if
 *                  bridge-nf-filter-vlan-tagged is 1; otherwise a bridge table refuses them.
 *   conntrack      nf_conntrack_bridge tracks connections in a bridge table of our own.
 *   off            bridged packets are not filtered, by configuration.
 *   none           neither is available: that is a fault, and is reported.
 *
 * run.c calls bridge_choose() in every reconciliation, and bridge_is_unchanged() four times a
 * second, since the kernel does not notify of a sysctl's change.
 */
#include "run.h"

/* Of br_netfilter in this network namespace: 0, 1, or -1 where the module is not loaded. */
typedef struct BridgeSysctls {
	int ipv4, ipv6, tagged;
} BridgeSysctls;

typedef struct BridgeState {
	const char *mode; /* "br_netfilter" to "none"; NULL before the first choice */
	char why[512];	  /* why this mode was chosen, for status.json */
	bool is_well;	  /* bridged packets are filtered, or need not be */
	bool has_table;	  /* a bridge table is wanted, with these options: */
	BridgeOptions options;
	BridgeSysctls seen; /* when the mode was chosen */
} BridgeState;

/* Whether the sysctls are still as when the mode was chosen. Costs three reads. */
bool bridge_is_unchanged(const BridgeState *state);
/*
 * Chooses the mode, by the setting, by the sysctls, and by trying whether the kernel can track
 * connections on bridges. `table` is the name of our tables. is_tracking: our bridge table tracks
 * connections already, so the kernel can.
 */
void bridge_choose(
	BridgeMode wanted, Nft *nft, const char *table, bool is_tracking, BridgeState *ret_state);
