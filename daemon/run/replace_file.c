/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replacing a file by rename. See replace_file.h. */
#include "replace_file.h"
#include "source.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int replace_file(const char *dir, const char *name, const char *text, size_t n)
{
	int r, fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	r = source_file_replace(fd, name, text, n, 0);
	close(fd);
	return r;
}
