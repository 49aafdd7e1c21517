/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of the kernel, and their names. */
#include "limits.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

const char *error_text(int error)
{
	switch (error) {
	case EMFILE:
		return "netpold has as many files open as it may (raise LimitNOFILE= in its unit)";
	case ENFILE:
		return "the system has as many files open as it may (raise the sysctl fs.file-max)";
	default:
		return strerror(error);
	}
}

static bool has_free_descriptor(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* inotify(7): EMFILE is either limit, and ENOSPC is not about space. */
const char *inotify_error_text(int error)
{
	if (error == EMFILE && has_free_descriptor())
		return "netpold's user has as many inotify instances as it may (raise the sysctl "
		       "fs.inotify.max_user_instances)";
	if (error == ENOSPC)
		return "netpold's user has as many inotify watches as it may (raise the sysctl "
		       "fs.inotify.max_user_watches)";
	return error_text(error);
}
