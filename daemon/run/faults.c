/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of faults, as text. */
#include "faults.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void faults_clear(Faults *faults)
{
	faults->text[0] = '\0';
}

bool faults_is_empty(const Faults *faults)
{
	return faults->text[0] == '\0';
}

void faults_add(Faults *faults, const char *format, ...)
{
	size_t n = strlen(faults->text);
	va_list arguments;

	if (n > 0) {
		snprintf(faults->text + n, sizeof(faults->text) - n, "; ");
		n = strlen(faults->text);
	}
	va_start(arguments, format);
	vsnprintf(faults->text + n, sizeof(faults->text) - n, format, arguments);
	va_end(arguments);
}
