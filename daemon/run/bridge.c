/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How bridged packets reach our rules: by the sysctls and what the kernel can do. */
#include "bridge.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYSCTL "/proc/sys/net/bridge/bridge-nf-"

/* 0 or 1; -1: br_netfilter is not loaded. */
static int read_sysctl(const char *path)
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

static BridgeSysctls read_sysctls(void)
{
	return (BridgeSysctls){read_sysctl(SYSCTL "call-iptables"),
		read_sysctl(SYSCTL "call-ip6tables"), read_sysctl(SYSCTL "filter-vlan-tagged")};
}

bool bridge_is_unchanged(const BridgeState *state)
{
	BridgeSysctls now = read_sysctls();

	return now.ipv4 == state->seen.ipv4 && now.ipv6 == state->seen.ipv6 &&
	       now.tagged == state->seen.tagged;
}

/* ---- The modes ---- */
static void use_off(BridgeState *state)
{
	state->mode = "off";
	state->is_well = true;
	snprintf(state->why, sizeof(state->why),
		"bridge = \"off\" in netpol.conf: bridged packets are not filtered");
}

static void use_br_netfilter(BridgeState *state)
{
	state->mode = "br_netfilter";
	state->is_well = state->has_table = true;
	state->options = (BridgeOptions){.is_tagged_filtered = state->seen.tagged == 1};
	snprintf(state->why, sizeof(state->why),
		"bridge-nf-call-iptables and -ip6tables are 1: bridged packets are filtered by the "
		"inet table; frames with a VLAN tag %s",
		state->options.is_tagged_filtered
			? "are, too"
			: "are not, and are dropped from and to isolated pods (to filter them, "
			  "set net.bridge.bridge-nf-filter-vlan-tagged=1)");
}

static void use_conntrack(BridgeState *state, const char *because)
{
	state->mode = "conntrack";
	state->is_well = state->has_table = true;
	state->options = (BridgeOptions){.has_conntrack = true};
	snprintf(state->why, sizeof(state->why),
		"%s: bridged packets are filtered in a bridge table with nf_conntrack_bridge; "
		"refused packets are dropped, since the kernel cannot reject at that hook",
		because);
}

static const char *why_no_br_netfilter(const BridgeSysctls *seen)
{
	return seen->ipv4 < 0 || seen->ipv6 < 0
		       ? "module br_netfilter is not loaded"
		       : "net.bridge.bridge-nf-call-iptables and -ip6tables are not both 1";
}

static void use_none(BridgeState *state, const char *no_br_netfilter, const char *no_conntrack)
{
	state->mode = "none";
	snprintf(state->why, sizeof(state->why),
		"packets between pods on one bridge bypass the policies: %s%s%s (%s; if pods are "
		"routed, set bridge = \"off\")",
		no_br_netfilter, *no_br_netfilter && *no_conntrack ? "; " : "", no_conntrack,
		*no_br_netfilter
			? "modprobe br_netfilter, and set both sysctls to 1"
			: "load module nf_conntrack_bridge, or set bridge = \"br_netfilter\"");
}

void bridge_choose(
	BridgeMode wanted, Nft *nft, const char *table, bool is_tracking, BridgeState *ret_state)
{
	const char *no_br_netfilter = "", *why = "";
	char no_conntrack[256] = "";

	*ret_state = (BridgeState){.seen = read_sysctls()};
	if (wanted == BRIDGE_OFF) {
		use_off(ret_state);
		return;
	}
	if (wanted != BRIDGE_CONNTRACK) {
		if (ret_state->seen.ipv4 == 1 && ret_state->seen.ipv6 == 1) {
			use_br_netfilter(ret_state);
			return;
		}
		no_br_netfilter = why_no_br_netfilter(&ret_state->seen);
	}
	if (wanted != BRIDGE_BR_NETFILTER) {
		if (is_tracking || nft_can_track_bridges(nft, table, &why)) {
			use_conntrack(ret_state, *no_br_netfilter
							 ? no_br_netfilter
							 : "bridge = \"conntrack\" in netpol.conf");
			return;
		}
		snprintf(no_conntrack, sizeof(no_conntrack),
			"module nf_conntrack_bridge is not available (%s)", why);
	}
	use_none(ret_state, no_br_netfilter, no_conntrack);
}
