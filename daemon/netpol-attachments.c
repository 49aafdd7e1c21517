/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpol-attachments: copies the container runtime's records, which only root may read, to where
 * netpold may: /var/lib/cni/results -> /run/netpol/attachments. A copy has what netpold reads and
 * nothing else (a record has the whole configuration of the network, too), the record's time, and
 * takes its place by rename. It ends with a record.
 *
 * Runs as root, without any capability and in a mount namespace with these two directories, so that
 * netpold itself needs no right to read files of others: see docs/service.md.
 *
 *     start, lost events, a new directory     synchronise: copy all, remove copies without a record
 *     a record is closed or renamed           copy
 *     a record is removed                     remove the copy
 *     every ten seconds                       touch .alive/records: netpold warns if that stops
 *
 * A record that cannot be used is copied as an error, which netpold reports.
 */
#include "source.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FROM_DEFAULT "/var/lib/cni/results"
#define TO_DEFAULT "/run/netpol/attachments"
#define ALIVE_MS 10000
#define ALIVE_PROMISE "30\n" /* seconds */
#define RETRY_MS 1000	     /* while there is no directory of records */
#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |               \
		IN_MOVE_SELF | IN_ONLYDIR)

typedef struct Copier {
	const char *from;
	int from_fd, to_fd; /* directories; from_fd is -1: it is missing */
	int inotify;	    /* -1: likewise */
	Arena *scratch;	    /* cleared after each record */
} Copier;

static void complain(const char *what, const char *name)
{
	fprintf(stderr, "netpol-attachments: %s: %s: %s\n", name, what, strerror(errno));
}

/* ---- One record ---- */
/* The record's text, of at most n - 1 bytes; NULL with errno. */
static char *read_record(Copier *c, const char *name, struct stat *ret_stat, size_t *ret_n)
{
	int fd = openat(c->from_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, ret_stat) == 0 && S_ISREG(ret_stat->st_mode)) {
		text = arena_alloc(c->scratch, PARSE_RECORD_BYTES_MAX + 1);
		n = read(fd, text, PARSE_RECORD_BYTES_MAX + 1);
	} else {
		errno = EINVAL;
	}
	if (n > (ssize_t)PARSE_RECORD_BYTES_MAX) {
		errno = EFBIG;
		n = -1;
	}
	close(fd);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	*ret_n = (size_t)n;
	return text;
}

/* By rename, and with the record's time, by which netpold knows which of two is the later one. */
static void put_copy(Copier *c, const char *name, const char *text, const struct stat *st)
{
	const char *temp = ".new"; /* hidden: netpold does not read it */
	int fd =
		openat(c->to_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	struct timespec times[] = {st->st_mtim, st->st_mtim};

	if (fd < 0 || source_file_write(fd, text, strlen(text)) < 0 || futimens(fd, times) < 0 ||
		renameat(c->to_fd, temp, c->to_fd, name) < 0)
		complain("cannot be copied", name);
	if (fd >= 0)
		close(fd);
}

static void remove_copy(Copier *c, const char *name)
{
	if (unlinkat(c->to_fd, name, 0) < 0 && errno != ENOENT)
		complain("its copy cannot be removed", name);
}

static const char *first_error(const Source *source)
{
	for (size_t i = 0; i < source->diags.list.n; i++)
		if (source->diags.list.at[i].severity == SEVERITY_ERROR)
			return source->diags.list.at[i].message;
	return NULL;
}

/* What the copy of this text has to be; NULL: there is none. */
static const char *trim(Copier *c, const char *name, const char *text, size_t n)
{
	Source *source;
	const char *trimmed = NULL, *error;

	/* no scratch: source_parse() would clear it */
	if (source_parse(SOURCE_ATTACHMENTS, name, text, n, NULL, &source) < 0)
		return attachment_record_error(c->scratch, strerror(ENOMEM));
	error = first_error(source);
	if (error)
		trimmed = attachment_record_error(c->scratch, error);
	else if (source->attachments.n > 0)
		trimmed = attachment_record_text(c->scratch, source->attachments.at[0]);
	source_free(source);
	return trimmed;
}

static void copy_record(Copier *c, const char *name)
{
	struct stat st = {};
	const char *text, *trimmed;
	size_t n;

	if (!source_name_is_read(SOURCE_ATTACHMENTS, name))
		return;
	text = read_record(c, name, &st, &n);
	if (!text && errno == ENOENT)
		trimmed = NULL;
	else if (!text)
		trimmed = attachment_record_error(c->scratch, strerror(errno));
	else
		trimmed = trim(c, name, text, n);
	if (trimmed)
		put_copy(c, name, trimmed, &st);
	else
		remove_copy(c, name);
	arena_clear(c->scratch);
}

/* ---- All records ---- */
/* Calls fn for each name in the directory that is not hidden. */
static void for_each_name(Copier *c, int directory, void (*fn)(Copier *c, const char *name))
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	if (!stream) {
		complain("cannot be listed", c->from);
		return;
	}
	for (struct dirent *d; (d = readdir(stream));)
		if (d->d_name[0] != '.')
			fn(c, d->d_name);
	closedir(stream);
}

static void remove_without_record(Copier *c, const char *name)
{
	struct stat st;

	if (fstatat(c->from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		remove_copy(c, name);
}

static void close_from(Copier *c)
{
	if (c->from_fd >= 0)
		close(c->from_fd);
	if (c->inotify >= 0)
		close(c->inotify);
	c->from_fd = c->inotify = -1;
}

/*
 * Opens the directory and watches it, then copies what is in it: what changes in between is an
 * event. While the directory is missing the copies stay.
 */
static void open_from(Copier *c)
{
	close_from(c);
	c->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	c->from_fd = open(c->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->from_fd < 0 || inotify_add_watch(c->inotify, c->from, EVENTS) < 0) {
		if (errno != ENOENT)
			complain("cannot be watched", c->from);
		close_from(c);
		return;
	}
	for_each_name(c, c->from_fd, copy_record);
	for_each_name(c, c->to_fd, remove_without_record);
}

/* ---- Events ---- */
static void take_events(Copier *c)
{
	_Alignas(struct inotify_event) char buffer[16 * 1024];
	bool is_lost = false;
	ssize_t n;

	while ((n = read(c->inotify, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;

			is_lost |= (e->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF |
						      IN_MOVE_SELF)) != 0;
			if (e->len > 0)
				copy_record(c, e->name);
			at += sizeof(*e) + e->len;
		}
	if (is_lost)
		open_from(c);
}

static void touch_alive(const Copier *c)
{
	int fd;

	if (mkdirat(c->to_fd, ".alive", 0755) < 0 && errno != EEXIST)
		complain("cannot be made", ".alive");
	fd = openat(c->to_fd, ".alive/records", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || source_file_write(fd, ALIVE_PROMISE, strlen(ALIVE_PROMISE)) < 0)
		complain("cannot be written", ".alive/records");
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	Copier c = {.from = argc > 1 ? argv[1] : FROM_DEFAULT, .from_fd = -1, .inotify = -1};
	const char *to = argc > 2 ? argv[2] : TO_DEFAULT;

	if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
		fputs("usage: netpol-attachments [RECORDS [COPIES]]\n", stderr);
		return 2;
	}
	umask(022);
	c.scratch = arena_new();
	c.to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.to_fd < 0) {
		complain("cannot be opened", to);
		return 1;
	}
	for (;;) {
		struct pollfd fd;

		if (c.from_fd < 0)
			open_from(&c);
		touch_alive(&c);
		fd = (struct pollfd){.fd = c.inotify, .events = POLLIN};
		while (poll(&fd, 1, c.inotify < 0 ? RETRY_MS : ALIVE_MS) > 0 && c.inotify >= 0) {
			take_events(&c);
			fd.fd = c.inotify;
		}
	}
}
