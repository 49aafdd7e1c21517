/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * report: what netpold says of itself in status.json, and whether it still runs: a netpold that has
 * ended, or hangs, leaves its last words there.
 */
#include "run.h"

typedef struct Report {
	const char *path;	   /* of status.json */
	Texts lines;		   /* of it, with their ends */
	char *health, *checked_at; /* never NULL after report_read() */
	char *state;		   /* of the state directory; NULL: not told */
	Texts reasons;
	Texts directories; /* that netpold reads: of policies, then of the inventory */
	int pid, check_s;
} Report;

/*
 * All of it is in the arena; ret_report->path is set also on failure. 0; -EBADMSG: not of this
 * version of netpold; or -errno.
 */
int report_read(Arena *arena, const char *runtime, Report *ret_report);
/* Appends the lines of such a file, with their ends. 0 or -errno. */
int report_read_lines(Arena *arena, const char *path, Texts *lines);
/* What an error of report_read() means. */
const char *report_error_text(int error);
/* Whether netpold runs. Sets report->pid to the process that the lock names. */
bool report_is_running(Report *report, const char *runtime);
/* Whether a line of status.json has this key, which is of the outermost object. */
bool report_is_of_key(const char *line, const char *key);
