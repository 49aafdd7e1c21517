#pragma once
/* bridge: by which way bridged packets are seen, design.md 5.4. */
#include "control.h"

typedef struct BridgeState {
	const char *mode; /* static: "br_netfilter", "off", "none" */
	char why[160];
	bool is_well;
} BridgeState;

/* Looks at the namespace's switches. What cannot be had is said, never pretended. */
void bridge_look(BridgeMode wanted, BridgeState *ret_state);
