/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replacing a file by rename. See replace_file.h. */
#include "replace_file.h"
#include "source.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int replace_file(const char *dir, const char *name, const char *text, size_t n)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/%s", dir, name);
	const char *temp = arena_printf(arena, "%s/.%s.new", dir, name);
	int r, fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0644) < 0 ? -errno : source_file_write(fd, text, n);
	close(fd);
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	return r;
}
