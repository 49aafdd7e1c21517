/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpold: enforces Kubernetes NetworkPolicy on this node. The command line; run/ has the rest. */
#include "run.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
	"usage: netpold [-c FILE] [--policies DIR] [--inventory DIR] [--attachments DIR]\n"
	"               [--node NAME] [--runtime DIR] [--once | --remove | --version]\n"
	"\n"
	"Compiles NetworkPolicy files and pod inventories into one nftables table, and keeps it "
	"so.\n"
	"\n"
	"  -c, --conf FILE      netpol.conf (default " RUN_CONF_DEFAULT ")\n"
	"      --policies DIR   overrides the setting of that name, as do the next four;\n"
	"      --inventory DIR  these two may be given several times\n"
	"      --attachments DIR\n"
	"      --node NAME\n"
	"      --runtime DIR    where status.json goes\n"
	"      --once           apply and exit: 0 without errors (warnings are none), 1 with\n"
	"      --remove         take netpold's tables out of the kernel and exit: enforcement "
	"ends\n"
	"      --version\n"
	"\n"
	"SIGHUP reloads; SIGTERM ends. The table stays in the kernel when netpold ends.\n";

#define EXIT_USE 2 /* wrong use; docs/service.md has the table of exit statuses */

enum { OPTION_ONCE = OPTION_OWN, OPTION_REMOVE, OPTION_NAIVE, OPTION_VERSION };

static const struct option OPTIONS[] = {SETTINGS_OPTIONS_LONG,
	{"once", no_argument, NULL, OPTION_ONCE}, {"remove", no_argument, NULL, OPTION_REMOVE},
	/* not in the usage: whole-table transactions, so that a test can show that they leak */
	{"naive-transactions", no_argument, NULL, OPTION_NAIVE},
	{"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, 'h'}, {}};

/* Prints what is wrong, unless getopt_long() has done so. */
static int wrong_use(const char *words, const char *argument)
{
	if (words)
		fprintf(stderr, "netpold: %s%s\n", words, argument);
	fputs("netpold: netpold --help has the options\n", stderr);
	return EXIT_USE;
}

/* -1: go on; else the exit status. */
static int take_option(DaemonOptions *o, int c)
{
	if (settings_option_set(&o->settings, c, optarg))
		return -1;
	switch (c) {
	case OPTION_ONCE:
		o->is_once = true;
		return -1;
	case OPTION_REMOVE:
		o->is_remove = true;
		return -1;
	case OPTION_NAIVE:
		o->is_naive = true;
		return -1;
	case OPTION_VERSION:
		puts("netpold " RUN_VERSION);
		return output_end("netpold", 0);
	case 'h':
		fputs(USAGE, stdout);
		return output_end("netpold", 0);
	default:
		return wrong_use(NULL, NULL);
	}
}

int main(int argc, char **argv)
{
	static char name[] = "netpold";
	DaemonOptions o = {.settings = SETTINGS_OPTIONS_DEFAULT};
	int c, r = -1;

	output_begin();
	argv[0] = name; /* getopt_long()'s messages begin with it */
	while (r < 0 && (c = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1)
		r = take_option(&o, c);
	if (r >= 0)
		return r;
	if (optind < argc)
		return wrong_use("it takes options only, no argument: ", argv[optind]);
	if (o.is_once && o.is_remove)
		return wrong_use("--once or --remove", ", not both");
	return daemon_run(&o);
}
