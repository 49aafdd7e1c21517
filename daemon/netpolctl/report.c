/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads status.json, which has one key a line, and asks netpold's lock. */
#include "report.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool report_is_of_key(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, "  \"", 3) == 0 && strncmp(line + 3, key, n) == 0 &&
	       line[3 + n] == '"';
}

/* The next string of JSON text, without its escapes, and *json behind it; NULL: there is none. */
static char *next_string(Arena *arena, const char **json)
{
	const char *from = strchr(*json, '"');
	char *text, *to;

	if (!from)
		return NULL;
	text = to = arena_strdup(arena, ++from);
	for (; *from && *from != '"'; from++) {
		from += *from == '\\' && from[1];
		*to++ = *from;
	}
	*to = '\0';
	*json = *from ? from + 1 : from;
	return text;
}

static void take_list(Texts *list, Arena *arena, const char *value)
{
	const char *text;

	while ((text = next_string(arena, &value)))
		VEC_PUSH(arena, list, text);
}

static void take_line(Report *report, Arena *arena, const char *line)
{
	const char *value = strchr(line, ':');

	if (!value)
		return;
	if (report_is_of_key(line, "health"))
		report->health = next_string(arena, &value);
	else if (report_is_of_key(line, "checked_at"))
		report->checked_at = next_string(arena, &value);
	else if (report_is_of_key(line, "state"))
		report->state = next_string(arena, &value);
	else if (report_is_of_key(line, "pid"))
		report->pid = (int)strtol(value + 1, NULL, 10);
	else if (report_is_of_key(line, "check_seconds"))
		report->check_s = (int)strtol(value + 1, NULL, 10);
	else if (report_is_of_key(line, "reasons"))
		take_list(&report->reasons, arena, value);
	else if (report_is_of_key(line, "directories"))
		take_list(&report->directories, arena, value);
}

int report_read_lines(Arena *arena, const char *path, Texts *lines)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;

	if (!file)
		return -errno;
	while (getline(&line, &capacity, file) > 0)
		VEC_PUSH(arena, lines, arena_strdup(arena, line));
	free(line);
	fclose(file);
	return 0;
}

int report_read(Arena *arena, const char *runtime, Report *ret_report)
{
	Report report = {.path = arena_printf(arena, "%s/" RUN_STATUS_FILE, runtime)};
	int r = report_read_lines(arena, report.path, &report.lines);

	for (size_t i = 0; i < report.lines.n; i++)
		take_line(&report, arena, report.lines.at[i]);
	*ret_report = report;
	if (r < 0)
		return r;
	return report.health && report.checked_at ? 0 : -EBADMSG;
}

const char *report_error_text(int error)
{
	return error == -EBADMSG ? "it was not written by this version of netpold"
				 : strerror(-error);
}

/* Only root may ask the lock; anybody may ask whether the process exists. */
bool report_is_running(Report *report, const char *runtime)
{
	pid_t holder;

	if (run_holder(runtime, &holder) == 0) {
		report->pid = holder ? holder : report->pid;
		return holder != 0;
	}
	return report->pid > 0 && (kill(report->pid, 0) == 0 || errno == EPERM);
}
