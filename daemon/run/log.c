/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to the journal or to standard error. */
/* CODE_FILE=, CODE_LINE= and CODE_FUNC= would name this file for every message. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>

static int64_t error_at;

int64_t log_last_error(void)
{
	return error_at;
}

static void note(int priority)
{
	if (priority <= LOG_ERR)
		error_at = time(NULL);
}

static bool is_journal(void)
{
	return getenv("JOURNAL_STREAM") != NULL;
}

void log_line(int priority, const char *code, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	note(priority);
	if (is_journal())
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", priority, "CODE=%s", code, NULL);
	else
		fprintf(stderr, "netpold: %s\n", text);
}

void log_generation(uint64_t generation, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (is_journal())
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", LOG_INFO, "CODE=applied",
			"GENERATION=%llu", (unsigned long long)generation, NULL);
	else
		fprintf(stderr, "netpold: generation %llu: %s\n", (unsigned long long)generation,
			text);
}

void log_diag(const Diag *diag)
{
	static const int priorities[] = {LOG_INFO, LOG_WARNING, LOG_ERR};
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *line = diag_line(arena, diag);

	note(priorities[diag->severity]);

	if (is_journal())
		sd_journal_send("MESSAGE=%s", line, "PRIORITY=%d", priorities[diag->severity],
			"CODE=%s", diag->code, "FILE=%s",
			diag->origin.file ? diag->origin.file : "", "LINE=%u", diag->origin.line,
			NULL);
	else
		fprintf(stderr, "netpold: %s\n", line);
}

void log_diags(const Diags *diags)
{
	for (size_t i = 0; i < diags->list.n; i++)
		log_diag(&diags->list.at[i]);
}
