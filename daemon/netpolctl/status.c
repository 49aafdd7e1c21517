/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpolctl status: what netpold says in its status.json, and whether it still says it: a netpold
 * that has ended, or hangs, leaves its last words there.
 */
#include "netpolctl.h"
#include "report.h"
#include <errno.h>
#include <string.h>
#include <time.h>

/* How late a health check may be: the machine may be busy, or reading a large inventory. */
#define LATE_SECONDS 60

typedef struct Answer {
	int exit_status;
	const char *health, *reason; /* reason may be NULL */
} Answer;

/* ---- What is true now ---- */
/* Seconds since the last check; negative: unknown. */
static long age_of(const Report *report)
{
	struct tm tm = {};

	if (!strptime(report->checked_at, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return -1;
	return (long)(time(NULL) - timegm(&tm));
}

static Answer find_answer(const Ctl *ctl, Report *report)
{
	long age = age_of(report);
	int exit_status = CTL_OK;

	if (!report_is_running(report, ctl->settings.runtime))
		return (Answer){CTL_ERROR, "not running",
			"the tables that it left in the kernel stay in force, but nothing updates "
			"them"};
	if (age > 2 * report->check_s + LATE_SECONDS)
		return (Answer){CTL_NO, HEALTH_TEXT[HEALTH_UNHEALTHY],
			arena_printf(ctl->arena,
				"netpold checks its tables every %d s, "
				"but the last check was %ld s ago: it hangs",
				report->check_s, age)};
	if (strcmp(report->health, HEALTH_TEXT[HEALTH_DEGRADED]) == 0)
		exit_status = CTL_DEGRADED;
	else if (strcmp(report->health, HEALTH_TEXT[HEALTH_OK]) != 0)
		exit_status = CTL_NO;
	return (Answer){
		exit_status, report->health, report->reasons.n ? report->reasons.at[0] : NULL};
}

/* ---- Printing ---- */
/* A line of status.json without the punctuation of JSON. */
static void print_line(const char *line)
{
	size_t n = strcspn(line, "\n");
	const char *inner = line + strspn(line, " {}[],\n");

	if (!*inner)
		return; /* brackets only */
	if (n > 0 && line[n - 1] == ',')
		n--;
	if (n > 2 && strncmp(line, "  ", 2) == 0) {
		line += 2;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++) {
		bool is_empty = line[i] == '"' || line[i] == '{' || line[i] == '}';

		if (line[i] == '\\' && i + 1 < n)
			putchar(line[++i]);
		else if (!is_empty)
			putchar(line[i]);
	}
	putchar('\n');
}

/* What the first lines say already. */
static bool is_in_head(const char *line)
{
	static const char *const keys[] = {
		"health", "reasons", "pid", "checked_at", "check_seconds"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (report_is_of_key(line, keys[i]))
			return true;
	return false;
}

static void print_text(const Report *report, const Answer *answer)
{
	printf("%s%s%s\n", answer->health, answer->reason ? ": " : "",
		answer->reason ? answer->reason : "");
	if (answer->exit_status != CTL_ERROR)
		printf("process %d, last check %ld s ago\n", report->pid, age_of(report));
	for (size_t i = 1; i < report->reasons.n && answer->exit_status != CTL_ERROR; i++)
		printf("also: %s\n", report->reasons.at[i]);
	for (size_t i = 0; i < report->lines.n; i++)
		if (!is_in_head(report->lines.at[i]))
			print_line(report->lines.at[i]);
}

/*
 * What netpol-mirror says of itself, if netpold reads its files. That it has stopped is known to
 * netpold (.alive), and among the reasons above.
 */
static void print_mirror(const Ctl *ctl, const Report *report)
{
	const char *folder = ctl->settings.mirror_directory;
	const char *path = arena_printf(ctl->arena, "%s/" MIRROR_STATUS_FILE, folder);
	Texts lines = {};
	bool is_read = false;
	int r;

	for (size_t i = 0; i < report->directories.n; i++)
		is_read |= strncmp(report->directories.at[i], folder, strlen(folder)) == 0 &&
			   report->directories.at[i][strlen(folder)] == '/';
	if (!is_read)
		return;
	r = report_read_lines(ctl->arena, path, &lines);
	if (r < 0) {
		printf("netpol-mirror: %s: %s\n", path, strerror(-r));
		return;
	}
	printf("netpol-mirror:\n");
	for (size_t i = 0; i < lines.n; i++)
		print_line(lines.at[i]);
}

static void print_json(const Report *report, const Answer *answer)
{
	for (size_t i = 0; i < report->lines.n; i++)
		if (report_is_of_key(report->lines.at[i], "health"))
			printf("  \"health\": \"%s\",\n", answer->health);
		else
			fputs(report->lines.at[i], stdout);
}

int run_status(Ctl *ctl)
{
	Report report;
	Answer answer;
	int r;

	if (ctl_load_settings(ctl) != 0)
		return CTL_ERROR;
	r = report_read(ctl->arena, ctl->settings.runtime, &report);
	if (r < 0) {
		fprintf(stderr, "netpolctl: not running: %s: %s\n", report.path,
			report_error_text(r));
		return CTL_ERROR;
	}
	answer = find_answer(ctl, &report);
	if (ctl->is_json) {
		print_json(&report, &answer);
	} else {
		print_text(&report, &answer);
		print_mirror(ctl, &report);
	}
	return answer.exit_status;
}
