/* netpold: makes Kubernetes NetworkPolicy real on this node. */
#include "run.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
	"usage: netpold [-c FILE] [--policies DIR] [--inventory DIR] [--node NAME] [--runtime "
	"DIR]\n"
	"               [--once | --remove]\n"
	"\n"
	"Compiles NetworkPolicy files and pod inventories into one nftables table, and keeps it "
	"so.\n"
	"\n"
	"  -c, --conf FILE      netpol.conf (default " RUN_CONF_DEFAULT ")\n"
	"      --policies DIR   over the setting of that name; so with the next three\n"
	"      --inventory DIR\n"
	"      --node NAME\n"
	"      --runtime DIR    where status.json goes\n"
	"      --once           apply and exit: 0 clean, 1 when something is wrong\n"
	"      --remove         take netpold's tables out of the kernel and exit: enforcement "
	"ends\n"
	"      --version\n"
	"\n"
	"SIGHUP reloads; SIGTERM ends. The table stays in the kernel when netpold ends.\n";

enum {
	OPT_POLICIES = 256,
	OPT_INVENTORY,
	OPT_NODE,
	OPT_RUNTIME,
	OPT_ONCE,
	OPT_REMOVE,
	OPT_NAIVE,
	OPT_VERSION
};

static const struct option OPTIONS[] = {{"conf", required_argument, NULL, 'c'},
	{"policies", required_argument, NULL, OPT_POLICIES},
	{"inventory", required_argument, NULL, OPT_INVENTORY},
	{"node", required_argument, NULL, OPT_NODE},
	{"runtime", required_argument, NULL, OPT_RUNTIME}, {"once", no_argument, NULL, OPT_ONCE},
	{"remove", no_argument, NULL, OPT_REMOVE},
	/* not in the usage: whole-table transactions, so that a test can see what they let through
	 */
	{"naive-transactions", no_argument, NULL, OPT_NAIVE},
	{"version", no_argument, NULL, OPT_VERSION}, {"help", no_argument, NULL, 'h'}, {}};

int main(int argc, char **argv)
{
	DaemonOptions o = {.conf = RUN_CONF_DEFAULT, .is_conf_default = true};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1) {
		if (c == 'c') {
			o.conf = optarg;
			o.is_conf_default = false;
		} else if (c == OPT_POLICIES) {
			o.policies = optarg;
		} else if (c == OPT_INVENTORY) {
			o.inventory = optarg;
		} else if (c == OPT_NODE) {
			o.node = optarg;
		} else if (c == OPT_RUNTIME) {
			o.runtime = optarg;
		} else if (c == OPT_ONCE) {
			o.is_once = true;
		} else if (c == OPT_REMOVE) {
			o.is_remove = true;
		} else if (c == OPT_NAIVE) {
			o.is_naive = true;
		} else if (c == OPT_VERSION) {
			puts("netpold " RUN_VERSION);
			return 0;
		} else {
			fputs(USAGE, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fputs(USAGE, stderr);
		return 2;
	}
	return daemon_run(&o);
}
