/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpol-mirror's messages. See log.h. */
#include "log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	if (getenv("JOURNAL_STREAM")) /* systemd has connected us with the journal */
		fprintf(stderr, "<%d>", priority);
	else
		fputs("netpol-mirror: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
