/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What feeds promise: a program that writes to the directory and knows that it comes by again and
 * again says so by a file below .alive, whose content is a number of seconds and which it touches
 * each time. A feed that has stopped is found by that; the inventory itself, which is written only
 * when it changes, does not tell.
 */
#include "directory.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ALIVE_FOLDER ".alive"
#define FEEDS_MAX 100 /* that are looked at */

/* The content of the file as seconds; 0: it is none. */
static long read_seconds(int folder, const char *name, struct stat *ret_stat)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[16];
	ssize_t n = -1;

	if (fd < 0)
		return 0;
	if (fstat(fd, ret_stat) == 0 && S_ISREG(ret_stat->st_mode))
		n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

static void check_feed(
	const SourceDir *dir, int folder, const char *name, int64_t now_s, Diags *diags)
{
	struct stat st;
	long seconds = read_seconds(folder, name, &st);
	Origin origin = {
		.file = arena_printf(diags->arena, "%s/" ALIVE_FOLDER "/%s", dir->path, name)};

	if (seconds <= 0)
		DIAG_WARNING(diags, origin, "feed", "write the number of seconds as digits",
			"the file does not say how often its feed touches it");
	else if (now_s - (int64_t)st.st_mtim.tv_sec > seconds)
		DIAG_WARNING(diags, origin, "feed",
			"is the feed running? what it wrote last stays in force",
			"the feed promised to touch this file every %ld s, and has not since %s",
			seconds, text_of_time(diags->arena, (int64_t)st.st_mtim.tv_sec));
}

void source_dir_check_feeds(const SourceDir *dir, int64_t now_s, Diags *diags)
{
	const char *path = arena_printf(diags->arena, "%s/" ALIVE_FOLDER, dir->path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), n = 0;
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *d; n < FEEDS_MAX && (d = readdir(stream));)
		if (d->d_name[0] != '.') {
			check_feed(dir, fd, d->d_name, now_s, diags);
			n++;
		}
	closedir(stream);
}
