/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpol-mirror: the API server's objects as files for netpold. The command line; mirror/ has the
 * rest. */
#include "mirror.h"
#include <getopt.h>
#include <stdio.h>

static const char USAGE[] =
	"usage: netpol-mirror [-c FILE] [--kubeconfig FILE] [--directory DIR]\n"
	"\n"
	"Lists and watches pods, namespaces and NetworkPolicies at the API server, and keeps "
	"files\n"
	"of them below DIR, for netpold.\n"
	"\n"
	"  -c, --conf FILE        netpol.conf (default " MIRROR_CONF_DEFAULT ")\n"
	"      --kubeconfig FILE  overrides $KUBECONFIG, systemd's credential of that name, and "
	"the\n"
	"                         setting\n"
	"      --directory DIR    overrides the setting\n"
	"      --version\n"
	"\n"
	"SIGTERM ends it; the files stay.\n";

#define EXIT_USE 2 /* wrong use */

enum { OPTION_CONF = 'c', OPTION_KUBECONFIG = 256, OPTION_DIRECTORY, OPTION_VERSION };

static const struct option OPTIONS[] = {{"conf", required_argument, NULL, OPTION_CONF},
	{"kubeconfig", required_argument, NULL, OPTION_KUBECONFIG},
	{"directory", required_argument, NULL, OPTION_DIRECTORY},
	{"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, 'h'}, {}};

static int wrong_use(void)
{
	fputs("netpol-mirror: netpol-mirror --help has the options\n", stderr);
	return EXIT_USE;
}

/* -1: go on; else the exit status. */
static int take_option(MirrorOptions *o, int c)
{
	switch (c) {
	case OPTION_CONF:
		o->conf = optarg;
		o->is_conf_default = false;
		return -1;
	case OPTION_KUBECONFIG:
		o->kubeconfig = optarg;
		return -1;
	case OPTION_DIRECTORY:
		o->directory = optarg;
		return -1;
	case OPTION_VERSION:
		puts("netpol-mirror " NETPOL_VERSION);
		return 0;
	case 'h':
		fputs(USAGE, stdout);
		return 0;
	default:
		return wrong_use();
	}
}

int main(int argc, char **argv)
{
	static char name[] = "netpol-mirror";
	MirrorOptions o = {.conf = MIRROR_CONF_DEFAULT, .is_conf_default = true};
	int c, r = -1;

	argv[0] = name; /* getopt_long()'s messages begin with it */
	while (r < 0 && (c = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1)
		r = take_option(&o, c);
	if (r >= 0)
		return r;
	if (optind < argc) {
		fprintf(stderr, "netpol-mirror: it takes options only, no argument: %s\n",
			argv[optind]);
		return wrong_use();
	}
	return mirror_run(&o);
}
