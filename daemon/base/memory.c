/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Heap memory outside of arenas, and the end of the process when there is none; base/memory.h has
 * the policy. The only file of the pure modules that prints: abort() alone would leave no reason in
 * the journal.
 */
#include "base.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Formats on the stack and calls write(): buffered stdio may allocate. */
void memory_end(void)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%.60s: out of memory: the process ends here\n",
		program_invocation_short_name);

	if (n < 0 || write(STDERR_FILENO, text, (size_t)n) < 0) {
		/* standard error is closed: SIGABRT is the only report left */
	}
	abort();
}

static void *or_end(void *memory)
{
	if (!memory)
		memory_end();
	return memory;
}

void *memory_alloc(size_t bytes)
{
	return or_end(malloc(bytes));
}

void *memory_calloc(size_t n, size_t bytes)
{
	return or_end(calloc(n, bytes));
}

void *memory_grow(void *at, size_t n, size_t bytes)
{
	return or_end(reallocarray(at, n, bytes));
}

char *memory_copy_text(const char *text)
{
	return or_end(strdup(text));
}

char *memory_printf(const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	return or_end(n < 0 ? NULL : text);
}
