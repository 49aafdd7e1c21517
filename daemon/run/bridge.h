#pragma once
/* bridge: by which way bridged packets are seen, design.md 5.4. */
#include "compile.h"
#include "run.h"

/* The namespace's switches of br_netfilter: 0, 1, or -1 where the module is not loaded. */
typedef struct BridgeSwitches {
	int ipv4, ipv6, tagged;
} BridgeSwitches;

typedef struct BridgeState {
	const char *mode; /* static: "br_netfilter", "conntrack", "off", "none" */
	char why[512];
	bool is_well;
	bool has_table; /* a bridge table is wanted, with these options */
	BridgeOptions options;
	BridgeSwitches seen;
} BridgeState;

BridgeSwitches bridge_switches(void);
bool bridge_is_as_seen(const BridgeState *state); /* costs next to nothing */
/*
 * Decides, by the switches and by asking the kernel. What cannot be had is said, never pretended.
 * `table` is the name of ours; is_tracking: it stands and tracks connections on bridges already.
 */
void bridge_look(
	BridgeMode wanted, Nft *nft, const char *table, bool is_tracking, BridgeState *state);
