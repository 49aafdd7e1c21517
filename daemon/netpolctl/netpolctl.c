/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl: the command line. */
#include "netpolctl.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_MAX 1000000 /* of its unit */

static const char USAGE[] =
	"usage: netpolctl [options] COMMAND\n"
	"\n"
	"  check [--strict] [PATH...]      validate files; 0 clean, 1 errors (--strict: or "
	"warnings)\n"
	"  explain SRC DST PORT[/PROTO]    allow or deny, and why; 0 allow, 1 deny\n"
	"          SRC, DST: namespace/pod or an address; PORT: a number, a port's name, or icmp\n"
	"  explain --batch                 reads \"SRC DST PORT/PROTO\" lines, prints allow or "
	"deny\n"
	"  matrix PORT[/PROTO]             who reaches whom\n"
	"  ruleset                         the nft text\n"
	"  denied [--since 5m] [--pod NAMESPACE/POD] [--audit | --refused] [--follow]\n"
	"                                  refused flows: who, to whom, why, how often; --audit:\n"
	"                                  only what audited policies would refuse; --refused:\n"
	"                                  only what was refused\n"
	"  status                          health, and what is in force: 0 ok, 1 unhealthy,\n"
	"                                  2 not running, 3 degraded\n"
	"  trim FILE                       of a list of pods only what netpold reads, as JSON\n"
	"\n"
	"explain, matrix and ruleset answer from what netpold has in force, which is not what the\n"
	"files say where one is broken, or missing after a reboot; --files: from the files alone.\n"
	"Exit status 2, of any command: no answer, and the reason is on standard error.\n"
	"\n"
	"options:\n"
	"  -c, --conf FILE      netpol.conf (default " RUN_CONF_DEFAULT ")\n"
	"      --policies DIR   overrides the setting of that name, as do the next four;\n"
	"      --inventory DIR  these two may be given several times\n"
	"      --attachments DIR\n"
	"      --node NAME\n"
	"      --runtime DIR\n"
	"      --files          see above\n"
	"  -o text|json\n"
	"      --version\n";

enum {
	OPTION_BATCH = OPTION_OWN,
	OPTION_STRICT,
	OPTION_FILES,
	OPTION_SINCE,
	OPTION_POD,
	OPTION_FOLLOW,
	OPTION_AUDIT,
	OPTION_REFUSED,
	OPTION_VERSION
};

static const struct option OPTIONS[] = {SETTINGS_OPTIONS_LONG,
	{"output", required_argument, NULL, 'o'}, {"batch", no_argument, NULL, OPTION_BATCH},
	{"strict", no_argument, NULL, OPTION_STRICT}, {"files", no_argument, NULL, OPTION_FILES},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"pod", required_argument, NULL, OPTION_POD}, {"follow", no_argument, NULL, OPTION_FOLLOW},
	{"audit", no_argument, NULL, OPTION_AUDIT}, {"refused", no_argument, NULL, OPTION_REFUSED},
	{"version", no_argument, NULL, OPTION_VERSION}, {"help", no_argument, NULL, 'h'}, {}};

/* Options of single commands; the others are for all. */
enum { TAKES_BATCH = 1, TAKES_STRICT = 2, TAKES_FILTER = 4 };

static const struct {
	const char *name;
	int (*run)(Ctl *ctl); /* an exit status */
	int options;
	int n; /* of arguments; -1: any number */
	const char *arguments, *example;
} COMMANDS[] = {
	{"check", run_check, TAKES_STRICT, -1, "[PATH...]", "check conf.d"},
	{"denied", run_denied, TAKES_FILTER, 0, "no arguments", "denied --since 5m"},
	{"explain", run_explain, TAKES_BATCH, 3, "SRC DST PORT[/PROTO]",
		"explain shop/cart shop/web 8080/TCP"},
	{"matrix", run_matrix, 0, 1, "PORT[/PROTO]", "matrix 8080/TCP"},
	{"ruleset", run_ruleset, 0, 0, "no arguments", "ruleset"},
	{"status", run_status, 0, 0, "no arguments", "status"},
	{"trim", run_trim, 0, 1, "FILE", "trim pods.json"},
};

/* These print what is wrong, and return CTL_ERROR. */
static int see_help(void)
{
	fputs("netpolctl: netpolctl --help has the commands and options\n", stderr);
	return CTL_ERROR;
}

__attribute__((format(printf, 1, 2))) static int wrong(const char *format, ...)
{
	va_list args;

	fputs("netpolctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	return see_help();
}

/* "30", "30s", "5m", "2h", "1d"; 0: it is none of these, or too long. */
static long parse_duration(const char *text)
{
	static const struct {
		char letter;
		long seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	long n = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;

	for (size_t i = 0; n > 0 && n <= DURATION_MAX && i < ARRAY_SIZE(units); i++)
		if (*end == units[i].letter && (!*end || !end[1]))
			return n * units[i].seconds;
	return 0;
}

/* The options of denied. -1: go on; else the exit status. */
static int take_filter(Ctl *ctl, int c)
{
	if (c == OPTION_FOLLOW) {
		ctl->is_follow = true;
	} else if (c == OPTION_AUDIT || c == OPTION_REFUSED) {
		*(c == OPTION_AUDIT ? &ctl->is_audit : &ctl->is_refused) = true;
		if (ctl->is_audit && ctl->is_refused)
			return wrong("--audit or --refused, not both: without them denied prints "
				     "both kinds");
	} else if (c == OPTION_POD) {
		ctl->pod = optarg;
		if (!strchr(optarg, '/'))
			return wrong("--pod: namespace/pod, not \"%s\"", optarg);
	} else {
		ctl->since_s = parse_duration(optarg);
		if (!ctl->since_s)
			return wrong(
				"--since: a number of s, m, h or d, for example 5m, not \"%s\"",
				optarg);
	}
	return -1;
}

/* -1: go on; else the exit status. */
static int take_option(Ctl *ctl, int c)
{
	if (settings_option_set(&ctl->options, c, optarg))
		return -1;
	if (c == 'o' && (strcmp(optarg, "json") == 0 || strcmp(optarg, "text") == 0)) {
		ctl->is_json = strcmp(optarg, "json") == 0;
	} else if (c == 'o') {
		return wrong("-o: text or json, not \"%s\"", optarg);
	} else if (c == OPTION_BATCH) {
		ctl->is_batch = true;
	} else if (c == OPTION_STRICT) {
		ctl->is_strict = true;
	} else if (c == OPTION_FILES) {
		ctl->is_files = true;
	} else if (c == OPTION_SINCE || c == OPTION_POD || c == OPTION_FOLLOW ||
		   c == OPTION_AUDIT || c == OPTION_REFUSED) {
		return take_filter(ctl, c);
	} else if (c == OPTION_VERSION) {
		puts("netpolctl " RUN_VERSION);
		return CTL_OK;
	} else if (c == 'h') {
		fputs(USAGE, stdout);
		return CTL_OK;
	} else {
		return see_help(); /* getopt_long() has printed what is wrong */
	}
	return -1;
}

static int unknown_command(const char *name)
{
	const char *names[ARRAY_SIZE(COMMANDS) + 1] = {};
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(COMMANDS); i++)
		names[i] = COMMANDS[i].name;
	near = text_nearest(name, names);
	return near ? wrong("unknown command \"%s\"; did you mean \"%s\"?", name, near)
		    : wrong("unknown command \"%s\"", name);
}

/* Whether the command takes these options and arguments; if not, says what is wrong. */
static bool is_well_called(const Ctl *ctl, size_t command)
{
	const char *name = COMMANDS[command].name;
	int n = ctl->is_batch ? 0 : COMMANDS[command].n;

	if (ctl->is_batch && !(COMMANDS[command].options & TAKES_BATCH))
		wrong("--batch is for explain, not for %s", name);
	else if (ctl->is_strict && !(COMMANDS[command].options & TAKES_STRICT))
		wrong("--strict is for check, not for %s", name);
	else if ((ctl->since_s || ctl->pod || ctl->is_follow || ctl->is_audit || ctl->is_refused) &&
		 !(COMMANDS[command].options & TAKES_FILTER))
		wrong("--since, --pod, --audit, --refused and --follow are for denied, not for %s",
			name);
	else if (ctl->n > n && ctl->is_batch)
		wrong("superfluous argument \"%s\": with --batch explain reads standard input",
			ctl->arguments[0]);
	else if (n >= 0 && ctl->n > n)
		wrong("superfluous argument \"%s\": %s takes %s", ctl->arguments[n], name,
			COMMANDS[command].arguments);
	else if (ctl->n < n)
		wrong("missing argument: %s takes %s, for example: netpolctl %s", name,
			COMMANDS[command].arguments, COMMANDS[command].example);
	else
		return true;
	return false;
}

static int run_command(Ctl *ctl)
{
	const char *name = ctl->arguments[0];

	ctl->arguments++;
	ctl->n--;
	for (size_t i = 0; i < ARRAY_SIZE(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			return is_well_called(ctl, i) ? COMMANDS[i].run(ctl) : CTL_ERROR;
	return unknown_command(name);
}

int main(int argc, char **argv)
{
	static char name[] = "netpolctl";
	ARENA_CLEANUP Arena *arena = arena_new();
	Ctl ctl = {.arena = arena, .options = SETTINGS_OPTIONS_DEFAULT};
	int c, r = -1;

	output_begin();
	argv[0] = name; /* getopt_long()'s messages begin with it */
	while (r < 0 && (c = getopt_long(argc, argv, "c:o:h", OPTIONS, NULL)) != -1)
		r = take_option(&ctl, c);
	if (r < 0 && optind >= argc)
		r = wrong(
			"missing command: check, denied, explain, matrix, ruleset, status or trim");
	if (r < 0) {
		ctl.arguments = argv + optind;
		ctl.n = argc - optind;
		r = run_command(&ctl);
	}
	ctl_free(&ctl);
	return output_end("netpolctl", r);
}
