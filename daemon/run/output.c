/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output of a program that prints an answer: an answer that was cut off is a failure. */
#include "run.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

/* A reader that has gone shall be a message and an exit status, like a full disk. */
void output_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
}

/* By fclose(), since some file systems (NFS) report a full disk only when a file is closed. */
int output_end(const char *program, int exit_status)
{
	bool has_failed = ferror(stdout);
	bool is_empty = __fpending(stdout) == 0;

	errno = 0;
	if (fclose(stdout) != 0 && !(is_empty && errno == EBADF)) /* closed, and not needed */
		has_failed = true;
	if (!has_failed)
		return exit_status;
	fprintf(stderr, "%s: standard output: %s\n", program,
		errno ? strerror(errno) : "not all of it could be written");
	return OUTPUT_FAILED;
}
