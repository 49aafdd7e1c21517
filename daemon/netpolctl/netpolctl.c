/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl: the command line. */
#include "netpolctl.h"
#include <getopt.h>
#include <string.h>

static const char USAGE[] =
	"usage: netpolctl [options] COMMAND\n"
	"\n"
	"  check [--strict] [PATH...]      validate files; 0 clean, 1 errors (--strict: or "
	"warnings), 2 usage\n"
	"  explain SRC DST PORT[/PROTO]    allow or deny, and why; 0 allow, 1 deny, 2 error\n"
	"          SRC, DST: namespace/pod or an address; PORT: a number, a port's name, or icmp\n"
	"  explain --batch                 reads \"SRC DST PORT/PROTO\" lines, prints allow or "
	"deny\n"
	"  matrix PORT[/PROTO]             who reaches whom\n"
	"  ruleset                         the nft text\n"
	"  status                          health, and what is in force: 0 ok, 1 unhealthy,\n"
	"                                  2 not running, 3 degraded\n"
	"\n"
	"explain, matrix and ruleset answer from what netpold has in force, which is not what the\n"
	"files say where one is broken, or missing after a reboot; --files: from the files alone.\n"
	"\n"
	"options:\n"
	"  -c, --conf FILE      netpol.conf (default " RUN_CONF_DEFAULT ")\n"
	"      --policies DIR   overrides the setting of that name, as do the next three\n"
	"      --inventory DIR\n"
	"      --node NAME\n"
	"      --runtime DIR\n"
	"      --files          see above\n"
	"  -o text|json\n"
	"      --version\n";

enum { OPTION_BATCH = OPTION_OWN, OPTION_STRICT, OPTION_FILES, OPTION_VERSION };

static const struct option OPTIONS[] = {SETTINGS_OPTIONS_LONG,
	{"output", required_argument, NULL, 'o'}, {"batch", no_argument, NULL, OPTION_BATCH},
	{"strict", no_argument, NULL, OPTION_STRICT}, {"files", no_argument, NULL, OPTION_FILES},
	{"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, 'h'}, {}};

static const struct {
	const char *name;
	int (*run)(Ctl *ctl); /* an exit status, or CTL_USAGE */
} COMMANDS[] = {{"check", run_check}, {"explain", run_explain}, {"matrix", run_matrix},
	{"ruleset", run_ruleset}, {"status", run_status}};

static int usage(void)
{
	fputs(USAGE, stderr);
	return CTL_ERROR;
}

/* -1: go on; else the exit status. */
static int take_option(Ctl *ctl, int c)
{
	if (settings_option_set(&ctl->options, c, optarg))
		return -1;
	if (c == 'o' && (strcmp(optarg, "json") == 0 || strcmp(optarg, "text") == 0)) {
		ctl->is_json = strcmp(optarg, "json") == 0;
	} else if (c == OPTION_BATCH) {
		ctl->is_batch = true;
	} else if (c == OPTION_STRICT) {
		ctl->is_strict = true;
	} else if (c == OPTION_FILES) {
		ctl->is_files = true;
	} else if (c == OPTION_VERSION) {
		puts("netpolctl " RUN_VERSION);
		return CTL_OK;
	} else if (c == 'h') {
		fputs(USAGE, stdout);
		return CTL_OK;
	} else {
		return usage();
	}
	return -1;
}

static int run_command(Ctl *ctl)
{
	const char *name = ctl->arguments[0];

	ctl->arguments++;
	ctl->n--;
	for (size_t i = 0; i < ARRAY_SIZE(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, name) == 0) {
			int r = COMMANDS[i].run(ctl);

			return r == CTL_USAGE ? usage() : r;
		}
	fprintf(stderr, "netpolctl: unknown command \"%s\"\n", name);
	return usage();
}

int main(int argc, char **argv)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Ctl ctl = {.arena = arena, .options = SETTINGS_OPTIONS_DEFAULT};
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "c:o:h", OPTIONS, NULL)) != -1)
		r = take_option(&ctl, c);
	if (r < 0 && optind == argc)
		r = usage();
	if (r < 0) {
		ctl.arguments = argv + optind;
		ctl.n = argc - optind;
		r = run_command(&ctl);
	}
	ctl_free(&ctl);
	return r;
}
