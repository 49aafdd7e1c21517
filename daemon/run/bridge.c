/* What the bridge switches of this network namespace say. */
#include "bridge.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static void say(BridgeState *state, const char *mode, bool is_well, const char *why)
{
	state->mode = mode;
	state->is_well = is_well;
	snprintf(state->why, sizeof(state->why), "%s", why);
}

void bridge_look(BridgeMode wanted, BridgeState *ret_state)
{
	int v4 = read_switch("/proc/sys/net/bridge/bridge-nf-call-iptables");
	int v6 = read_switch("/proc/sys/net/bridge/bridge-nf-call-ip6tables");

	if (wanted == BRIDGE_OFF)
		say(ret_state, "off", true, "configured: bridged packets are not judged");
	else if (wanted == BRIDGE_CONNTRACK)
		say(ret_state, "none", false,
			"bridge = \"conntrack\" is not available in this version; use "
			"\"br_netfilter\", or \"off\" where pods are routed");
	else if (v4 == 1 && v6 == 1)
		say(ret_state, "br_netfilter", true,
			"bridge-nf-call-iptables and -ip6tables are 1: bridged packets pass "
			"forward");
	else if (v4 < 0 || v6 < 0)
		say(ret_state, "none", false,
			"packets between pods on one bridge are not seen: module br_netfilter is "
			"not "
			"loaded (modprobe br_netfilter, or bridge = \"off\" where pods are "
			"routed)");
	else
		say(ret_state, "none", false,
			"packets between pods on one bridge are not seen: set "
			"net.bridge.bridge-nf-call-iptables and -ip6tables to 1");
}
