/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What feeds promise: a program that writes to the directory and knows that it comes by again and
 * again says so by a file below .alive, whose content is a number of seconds and which it touches
 * each time. A feed that has stopped is found by that; the inventory itself, which is written only
 * when it changes, does not tell. The number 0, a space and a reason say that the feed cannot do
 * its work, and why.
 */
#include "directory.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ALIVE_FOLDER ".alive"
#define FEEDS_MAX 100 /* that are looked at */
#define TEXT_MAX 300  /* bytes of such a file that are read */
/* A program that has just made the directory has this long to write its first promise. */
#define FIRST_PROMISE_S 30

typedef struct Promise {
	long seconds;	     /* 0: none */
	const char *trouble; /* what comes after the number; "": nothing */
	int64_t touched_at;
} Promise;

/* A line of text, without what a terminal would take for a command. */
static const char *first_line(char *text)
{
	char *end = text;

	while ((unsigned char)*end >= ' ' && *end != '\177')
		end++;
	*end = '\0';
	return text;
}

static Promise read_promise(int folder, const char *name, Arena *arena)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = arena_alloc(arena, TEXT_MAX + 1), *end;
	Promise promise = {.trouble = ""};
	ssize_t n = -1;
	struct stat st;

	if (fd < 0)
		return promise;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, TEXT_MAX);
	close(fd);
	if (n <= 0)
		return promise;
	text[n] = '\0';
	promise.touched_at = st.st_mtim.tv_sec;
	promise.seconds = strtol(text, &end, 10);
	if (end > text && *end == ' ')
		promise.trouble = first_line(end + 1);
	return promise;
}

static void check_feed(
	const SourceDir *dir, int folder, const char *name, int64_t now_s, Diags *diags)
{
	Promise promise = read_promise(folder, name, diags->arena);
	Origin origin = {
		.file = arena_printf(diags->arena, "%s/" ALIVE_FOLDER "/%s", dir->path, name)};

	if (promise.seconds <= 0 && *promise.trouble)
		DIAG_WARNING(diags, origin, "feed", "what it wrote last stays in force",
			"the feed cannot do its work: %s", promise.trouble);
	else if (promise.seconds <= 0)
		DIAG_WARNING(diags, origin, "feed", "write the number of seconds as digits",
			"the file does not say how often its feed touches it");
	else if (now_s - promise.touched_at > promise.seconds)
		DIAG_WARNING(diags, origin, "feed",
			"is the feed running? what it wrote last stays in force",
			"the feed promised to touch this file every %ld s, and has not since %s",
			promise.seconds, text_of_time(diags->arena, promise.touched_at));
}

/* Whether the directory is there and nobody has written a promise for so long. */
static bool is_without_feed(const SourceDir *dir, int64_t now_s)
{
	struct stat st;

	return stat(dir->path, &st) == 0 && now_s - (int64_t)st.st_mtim.tv_sec > FIRST_PROMISE_S;
}

void source_dir_check_feeds(const SourceDir *dir, int64_t now_s, Diags *diags)
{
	const char *path = arena_printf(diags->arena, "%s/" ALIVE_FOLDER, dir->path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), n = 0;
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	/* the default directory of records is a feed's; another may be the runtime's own */
	if (!stream && dir->kind == SOURCE_ATTACHMENTS && dir->is_optional &&
		is_without_feed(dir, now_s))
		DIAG_WARNING(diags, ((Origin){.file = dir->path}), "feed",
			"is netpol-attachments.service running? attachments = \"\" in netpol.conf "
			"is for nodes without a container runtime",
			"nobody copies the container runtime's records");
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
