/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * log: where netpold's messages go. To the journal, with fields, when systemd started us (then
 * JOURNAL_STREAM is set); otherwise to standard error, one line each, after "netpold: ".
 *
 * The fields are CODE= (a stable word for the kind of message), FILE= and LINE= of a diagnostic,
 * and GENERATION= of an applied change. priority is syslog's.
 */
#include "run.h"

void log_line(int priority, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A change was applied, with this number. CODE=applied. */
void log_generation(uint64_t generation, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A line, with its own code and severity. */
void log_diag(const Diag *diag);
/* When an error was logged last, in seconds since the epoch; 0: none was. */
int64_t log_last_error(void);
/* Every diagnostic of the list. */
void log_diags(const Diags *diags);
