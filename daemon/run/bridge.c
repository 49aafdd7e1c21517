/* Which way bridged packets take: what the switches say, and what the kernel can do. */
#include "bridge.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SWITCH "/proc/sys/net/bridge/bridge-nf-"

/* The switch's value, or -1 where br_netfilter is not loaded. */
static int read_switch(const char *path)
{
	char c = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c != '0';
}

BridgeSwitches bridge_switches(void)
{
	return (BridgeSwitches){read_switch(SWITCH "call-iptables"),
		read_switch(SWITCH "call-ip6tables"), read_switch(SWITCH "filter-vlan-tagged")};
}

bool bridge_is_as_seen(const BridgeState *state)
{
	BridgeSwitches now = bridge_switches();

	return now.ipv4 == state->seen.ipv4 && now.ipv6 == state->seen.ipv6 &&
	       now.tagged == state->seen.tagged;
}

/* ---- The ways ---- */
static void take_off(BridgeState *state)
{
	state->mode = "off";
	state->is_well = true;
	snprintf(state->why, sizeof(state->why), "configured: bridged packets are not judged");
}

static void take_br_netfilter(BridgeState *state)
{
	state->mode = "br_netfilter";
	state->is_well = state->has_table = true;
	state->options = (BridgeOptions){.is_tagged_judged = state->seen.tagged == 1};
	snprintf(state->why, sizeof(state->why),
		"bridge-nf-call-iptables and -ip6tables are 1: bridged packets pass forward; "
		"frames with a VLAN tag %s",
		state->options.is_tagged_judged
			? "too"
			: "do not, and are refused from and to isolated pods "
			  "(net.bridge.bridge-nf-filter-vlan-tagged=1 has them judged)");
}

static void take_conntrack(BridgeState *state, const char *because)
{
	state->mode = "conntrack";
	state->is_well = state->has_table = true;
	state->options = (BridgeOptions){.has_conntrack = true};
	snprintf(state->why, sizeof(state->why),
		"%s: bridged packets are judged in a bridge table with nf_conntrack_bridge; what "
		"is refused there is dropped, for the kernel rejects nothing at that hook",
		because);
}

static const char *why_not_lifted(const BridgeSwitches *seen)
{
	return seen->ipv4 < 0 || seen->ipv6 < 0
		       ? "module br_netfilter is not loaded"
		       : "net.bridge.bridge-nf-call-iptables and -ip6tables are not both 1";
}

static void say_none(BridgeState *state, const char *lifted, const char *tracked)
{
	state->mode = "none";
	snprintf(state->why, sizeof(state->why),
		"packets between pods on one bridge are not seen: %s%s%s (%s, or bridge = \"off\" "
		"where pods are routed)",
		lifted, *lifted && *tracked ? "; " : "", tracked,
		*lifted ? "modprobe br_netfilter and set both switches to 1"
			: "load module nf_conntrack_bridge, or set bridge = \"br_netfilter\"");
}

void bridge_look(
	BridgeMode wanted, Nft *nft, const char *table, bool is_tracking, BridgeState *state)
{
	const char *lifted = "", *why = "";
	char tracked[256] = "";

	*state = (BridgeState){.seen = bridge_switches()};
	if (wanted == BRIDGE_OFF) {
		take_off(state);
		return;
	}
	if (wanted != BRIDGE_CONNTRACK) {
		if (state->seen.ipv4 == 1 && state->seen.ipv6 == 1) {
			take_br_netfilter(state);
			return;
		}
		lifted = why_not_lifted(&state->seen);
	}
	if (wanted != BRIDGE_BR_NETFILTER) {
		if (is_tracking || nft_can_track_bridges(nft, table, &why)) {
			take_conntrack(state, *lifted ? lifted : "configured");
			return;
		}
		snprintf(tracked, sizeof(tracked),
			"module nf_conntrack_bridge is not to be had (%s)", why);
	}
	say_none(state, lifted, tracked);
}
