/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpol-attachments: copies the container runtime's records, which only root may read, to where
 * netpold may: /var/lib/cni/results -> /run/netpol-attachments. A copy has what netpold reads of a
 * record and nothing else, for a record has the whole configuration of the network. It has the
 * record's modification time, is put in place by rename, and is removed with the record.
 *
 * Runs as root, without any capability and in a mount namespace with these two directories, so that
 * netpold itself needs no right to read files of others: see docs/service.md.
 *
 *     start, lost events, another directory   synchronise: copy all, remove copies without a record
 *     a record is closed or renamed           copy
 *     a record is removed                     remove the copy
 *     every second                            is the directory the one that is watched?
 *     every ten seconds                       write .alive/records: netpold warns if that stops
 *
 * .alive/records has a promise (daemon/source/alive.c) only while the directory is watched and
 * every record could be copied since the last synchronisation. Otherwise it says what is wrong,
 * which netpold reports, and all is synchronised each second. While there is no directory of
 * records the copies stay.
 *
 * Of a record that cannot be used the copy has an error, which netpold reports.
 */
#include "source.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FROM_DEFAULT "/var/lib/cni/results"
#define TO_DEFAULT "/run/netpol-attachments"
#define ALIVE_MS 10000
#define ALIVE_PROMISE "30\n" /* seconds */
#define CHECK_MS 1000
#define MISSING_MS 2000 /* without the parent of the directory: a restart looks again */
#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |               \
		IN_MOVE_SELF | IN_ONLYDIR)
#define PARENT_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)

typedef struct Copier {
	const char *from;
	const char *parent, *name; /* of `from` */
	int from_fd, to_fd;	   /* directories; from_fd is -1: it is missing */
	int inotify;		   /* -1: there is none */
	int parent_watch;	   /* where the directory would appear */
	char trouble[256];	   /* of the last synchronisation or since; "": none */
	char told[256];		   /* the trouble that .alive/records has */
	int64_t told_at;	   /* milliseconds, as of now_ms() */
	int64_t parent_at;	   /* when the parent was there last, or the start */
	Arena *arena;		   /* has parent and name */
	Arena *scratch;		   /* a child; cleared after each record */
} Copier;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void complain(const char *what, const char *name)
{
	fprintf(stderr, "netpol-attachments: %s: %s: %s\n", name, what, strerror(errno));
}

/* The first trouble stays until the next synchronisation. */
static void fail(Copier *c, const char *what, const char *name)
{
	if (!*c->trouble)
		snprintf(c->trouble, sizeof(c->trouble), "%s: %s: %s", name, what, strerror(errno));
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

/* The file below the copies gets this text. modified: its time; NULL: now. False: with errno. */
static bool replace_file(
	const Copier *c, const char *name, const char *text, const struct timespec *modified)
{
	int r = source_file_replace(c->to_fd, name, text, strlen(text), modified);

	errno = -r;
	return r == 0;
}

/* Each copy that is replaced is an event for netpold. */
static bool is_copied(Copier *c, const char *name, const char *text, const struct stat *record)
{
	int fd = openat(c->to_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t n = strlen(text);
	struct stat copy;
	bool is_equal = false;

	if (fd < 0)
		return false;
	if (fstat(fd, &copy) == 0 && S_ISREG(copy.st_mode) && (size_t)copy.st_size == n &&
		copy.st_mtim.tv_sec == record->st_mtim.tv_sec &&
		copy.st_mtim.tv_nsec == record->st_mtim.tv_nsec) {
		char *old = arena_alloc(c->scratch, n + 1);

		is_equal = read(fd, old, n + 1) == (ssize_t)n && memcmp(old, text, n) == 0;
	}
	close(fd);
	return is_equal;
}

/* With the record's time, by which netpold knows which of two is the later one. */
static void put_copy(Copier *c, const char *name, const char *text, const struct stat *st)
{
	if (!is_copied(c, name, text, st) && !replace_file(c, name, text, &st->st_mtim))
		fail(c, "cannot be copied", name);
}

static void remove_copy(Copier *c, const char *name)
{
	if (unlinkat(c->to_fd, name, 0) < 0 && errno != ENOENT)
		fail(c, "its copy cannot be removed", name);
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
/* Calls fn for each name in the directory that does not begin with a dot. */
static void for_each_name(Copier *c, int directory, void (*fn)(Copier *c, const char *name))
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

	if (!stream) {
		fail(c, "cannot be listed", c->from);
		if (fd >= 0)
			close(fd);
		return;
	}
	errno = 0;
	for (struct dirent *d; (d = readdir(stream)); errno = 0)
		if (d->d_name[0] != '.')
			fn(c, d->d_name);
	if (errno)
		fail(c, "cannot be listed", c->from);
	closedir(stream);
}

static void remove_without_record(Copier *c, const char *name)
{
	struct stat st;

	if (fstatat(c->from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		remove_copy(c, name);
}

/* ---- The directory of records ---- */
static void close_from(Copier *c)
{
	if (c->from_fd >= 0)
		close(c->from_fd);
	if (c->inotify >= 0)
		close(c->inotify);
	c->from_fd = c->inotify = -1;
}

static void watch(Copier *c)
{
	c->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (c->inotify < 0) {
		fail(c, "cannot be watched", c->from);
		return;
	}
	/* only so that a new directory is found at once: without it, by the next check */
	c->parent_watch = inotify_add_watch(c->inotify, c->parent, PARENT_EVENTS);
	if (c->from_fd >= 0 && inotify_add_watch(c->inotify, c->from, EVENTS) < 0)
		fail(c, "cannot be watched", c->from);
}

/*
 * Opens the directory and watches it, then copies what is in it: what changes in between is an
 * event.
 */
static void synchronise(Copier *c)
{
	close_from(c);
	c->trouble[0] = '\0';
	c->from_fd = open(c->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->from_fd < 0)
		fail(c, "cannot be opened", c->from);
	watch(c);
	if (c->from_fd < 0)
		return;
	for_each_name(c, c->from_fd, copy_record);
	for_each_name(c, c->to_fd, remove_without_record);
}

/*
 * Whether the path still leads to the directory that is open. While it is open inotify says nothing
 * of its deletion, nor of a mount over it.
 */
static bool is_in_place(const Copier *c)
{
	struct stat opened, named;

	return fstat(c->from_fd, &opened) == 0 && stat(c->from, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * The unit mounts the parent of the records, and the copies. One that has been deleted stays
 * mounted here, and one that was missing is not mounted, so what takes its place is not seen
 * without a new mount.
 */
static bool is_cut_off(Copier *c)
{
	struct stat parent, copies;

	if (fstat(c->to_fd, &copies) == 0 && copies.st_nlink == 0)
		return true;
	if (stat(c->parent, &parent) < 0)
		return now_ms() - c->parent_at >= MISSING_MS;
	c->parent_at = now_ms();
	return parent.st_nlink == 0;
}

/* ---- Events ---- */
/* False: it is unknown what has changed. */
static bool take_event(Copier *c, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return false;
	if (e->wd == c->parent_watch)
		return e->len == 0 || strcmp(e->name, c->name) != 0;
	if (e->len > 0)
		copy_record(c, e->name);
	return (e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) == 0;
}

static void take_events(Copier *c)
{
	_Alignas(struct inotify_event) char buffer[16 * 1024];
	bool is_lost = false;
	ssize_t n;

	while ((n = read(c->inotify, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;

			is_lost |= !take_event(c, e);
			at += sizeof(*e) + e->len;
		}
	if (is_lost)
		synchronise(c);
}

/* ---- What it says of itself ---- */
/* See daemon/source/alive.c. */
static void tell(Copier *c)
{
	int64_t now = now_ms();
	bool is_news = strcmp(c->trouble, c->told) != 0;
	const char *text = ALIVE_PROMISE;

	if (!is_news && now - c->told_at < ALIVE_MS)
		return;
	if (*c->trouble)
		text = arena_printf(c->scratch, "0 %s\n", c->trouble);
	if (is_news && *c->trouble)
		fprintf(stderr, "netpol-attachments: %s\n", c->trouble);
	if (mkdirat(c->to_fd, ".alive", 0755) < 0 && errno != EEXIST)
		complain("cannot be made", ".alive");
	else if (!replace_file(c, ".alive/records", text, NULL))
		complain("cannot be written", ".alive/records");
	memcpy(c->told, c->trouble, sizeof(c->told));
	c->told_at = now;
	arena_clear(c->scratch);
}

/* Returns when only a restart helps. */
static void run(Copier *c)
{
	int64_t checked_at = now_ms() - CHECK_MS;

	c->told_at = checked_at - ALIVE_MS;
	c->parent_at = now_ms();
	while (!is_cut_off(c)) {
		struct pollfd fd;
		int64_t wait;

		if (now_ms() - checked_at >= CHECK_MS) {
			if (*c->trouble || !is_in_place(c))
				synchronise(c);
			checked_at = now_ms();
		}
		tell(c);
		wait = checked_at + CHECK_MS - now_ms();
		fd = (struct pollfd){.fd = c->inotify, .events = POLLIN};
		if (poll(&fd, 1, wait > 0 ? (int)wait : 0) > 0)
			take_events(c);
	}
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
	c.arena = arena_new();
	c.scratch = arena_child(c.arena);
	c.parent = dirname(arena_strdup(c.arena, c.from));
	c.name = basename(arena_strdup(c.arena, c.from));
	c.to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.to_fd < 0) {
		complain("cannot be opened", to);
		arena_free(c.arena);
		return 1;
	}
	run(&c);
	fprintf(stderr,
		"netpol-attachments: %s or %s is gone: what takes its place is found by a "
		"restart\n",
		c.parent, to);
	close_from(&c);
	close(c.to_fd);
	arena_free(c.arena);
	return 1;
}
