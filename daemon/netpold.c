/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpold: enforces Kubernetes NetworkPolicy on this node. The command line; run/ has the rest. */
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
	"      --policies DIR   overrides the setting of that name, as do the next three\n"
	"      --inventory DIR\n"
	"      --node NAME\n"
	"      --runtime DIR    where status.json goes\n"
	"      --once           apply and exit: 0 clean, 1 when something is wrong\n"
	"      --remove         take netpold's tables out of the kernel and exit: enforcement "
	"ends\n"
	"      --version\n"
	"\n"
	"SIGHUP reloads; SIGTERM ends. The table stays in the kernel when netpold ends.\n";

enum { OPTION_ONCE = OPTION_OWN, OPTION_REMOVE, OPTION_NAIVE, OPTION_VERSION };

static const struct option OPTIONS[] = {SETTINGS_OPTIONS_LONG,
	{"once", no_argument, NULL, OPTION_ONCE}, {"remove", no_argument, NULL, OPTION_REMOVE},
	/* not in the usage: whole-table transactions, so that a test can show that they leak */
	{"naive-transactions", no_argument, NULL, OPTION_NAIVE},
	{"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, 'h'}, {}};

int main(int argc, char **argv)
{
	DaemonOptions o = {.settings = SETTINGS_OPTIONS_DEFAULT};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1) {
		if (settings_option_set(&o.settings, c, optarg))
			continue;
		if (c == OPTION_ONCE) {
			o.is_once = true;
		} else if (c == OPTION_REMOVE) {
			o.is_remove = true;
		} else if (c == OPTION_NAIVE) {
			o.is_naive = true;
		} else if (c == OPTION_VERSION) {
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
