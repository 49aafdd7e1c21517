/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify events -> marks in the SourceDirs. */
#include "watch.h"
#include "limits.h"
#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILE_EVENTS                                                                                \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |        \
		IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
/* A record is written in place, and complete when it is closed: nothing of it is read before. */
#define RECORD_EVENTS                                                                              \
	(IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |   \
		IN_MOVE_SELF | IN_ONLYDIR)
#define PARENT_EVENTS                                                                              \
	(IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |     \
		IN_ONLYDIR | IN_MASK_ADD)

typedef struct WatchedDir {
	SourceDir *dir;
	int wd; /* watch descriptor of the directory itself; -1: it is missing */
} WatchedDir;

struct Watch {
	sd_event *event;
	int fd; /* -1: no inotify instance was to be had */
	sd_event_source *source;
	const char *trouble; /* of the last watch_arm(); NULL: none */
	void (*on_change)(void *context, bool is_urgent);
	void *context;
	WatchedDir *dirs; /* n of them */
	size_t n;
};

Watch *watch_free(Watch *watch)
{
	if (!watch)
		return NULL;
	sd_event_source_unref(watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->dirs);
	free(watch);
	return NULL;
}

/* ---- Events ---- */
/* A file is being written from its first IN_MODIFY to the close. */
static void track_writing(const WatchedDir *watched, const struct inotify_event *e)
{
	if (e->len == 0)
		return;
	if (e->mask & IN_MODIFY)
		source_dir_set_being_written(watched->dir, e->name, true);
	if (e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE))
		source_dir_set_being_written(watched->dir, e->name, false);
}

/* Several SourceDirs may have one path, and so one watch descriptor. */
static bool is_of_directory(const Watch *watch, const struct inotify_event *e)
{
	for (size_t i = 0; i < watch->n; i++)
		if (e->wd == watch->dirs[i].wd)
			return true;
	return false;
}

/* Whether `name` is one of the path's components. */
static bool has_component(const char *path, const char *name)
{
	for (const char *at = strstr(path, name); at; at = strstr(at + 1, name)) {
		char end = at[strlen(name)];

		if (at > path && at[-1] == '/' && (end == '/' || end == '\0'))
			return true;
	}
	return false;
}

/*
 * An event in an ancestor matters if it names a component of our path. Most do not: our own
 * status.json is written to /run/netpol, the parent of the inventory.
 */
static bool is_on_path(const Watch *watch, const struct inotify_event *e)
{
	for (size_t i = 0; i < watch->n; i++)
		if (has_component(source_dir_path(watch->dirs[i].dir), e->name))
			return true;
	return false;
}

static uint32_t events_of(const SourceDir *dir)
{
	return source_dir_kind(dir) == SOURCE_ATTACHMENTS ? RECORD_EVENTS : FILE_EVENTS;
}

static bool mark_everything(const Watch *watch)
{
	bool is_marked = false;

	for (size_t i = 0; i < watch->n; i++)
		is_marked |= source_dir_mark(watch->dirs[i].dir, NULL);
	return is_marked;
}

static bool mark_name(const Watch *watch, const struct inotify_event *e)
{
	bool is_marked = false;

	for (size_t i = 0; i < watch->n; i++)
		if (e->wd == watch->dirs[i].wd)
			is_marked |= source_dir_mark(watch->dirs[i].dir, e->name);
	return is_marked;
}

/* Marks what the next refresh shall look at. False: nothing. */
static bool mark(const Watch *watch, const struct inotify_event *e)
{
	if (e->len == 0)
		return mark_everything(watch);
	if (is_of_directory(watch, e))
		return mark_name(watch, e);
	return is_on_path(watch, e) && mark_everything(watch);
}

/* Whether something may have changed. IN_MODIFY alone does not count: the close follows. */
static bool take_event(const Watch *watch, const struct inotify_event *e)
{
	for (size_t i = 0; i < watch->n; i++)
		if (e->mask & IN_Q_OVERFLOW)
			source_dir_clear_being_written(watch->dirs[i].dir);
		else if (e->wd == watch->dirs[i].wd)
			track_writing(&watch->dirs[i], e);
	return (e->mask & ~(uint32_t)(IN_MODIFY | IN_ISDIR)) != 0 && mark(watch, e);
}

static bool is_of_record(const Watch *watch, const struct inotify_event *e)
{
	for (size_t i = 0; i < watch->n; i++)
		if (e->wd == watch->dirs[i].wd &&
			source_dir_kind(watch->dirs[i].dir) == SOURCE_ATTACHMENTS)
			return true;
	return false;
}

static int on_inotify(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Watch *watch = context;
	_Alignas(struct inotify_event) char buffer[64 * 1024];
	bool has_changed = false, is_urgent = false;
	ssize_t n;

	(void)source, (void)events;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;

			if (take_event(watch, e)) {
				has_changed = true;
				is_urgent |= is_of_record(watch, e);
			}
			at += sizeof(*e) + e->len;
		}
	if (has_changed)
		watch->on_change(watch->context, is_urgent);
	return 0;
}

Watch *watch_new(sd_event *event, void (*on_change)(void *context, bool is_urgent), void *context)
{
	Watch *watch = MEMORY_NEW(Watch);

	*watch = (Watch){.event = event, .fd = -1, .on_change = on_change, .context = context};
	return watch;
}

/* ---- Watching ---- */
/* The inotify instance, unless there is one. 0 or -errno. */
static int open_inotify(Watch *watch)
{
	int r;

	if (watch->fd >= 0)
		return 0;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		return -errno;
	r = sd_event_add_io(watch->event, &watch->source, watch->fd, EPOLLIN, on_inotify, watch);
	if (r < 0) {
		close(watch->fd);
		watch->fd = -1;
	}
	return r < 0 ? r : 0;
}

/* The nearest ancestor that exists: there the missing part of the path will appear. */
static int watch_ancestor(int fd, const char *path)
{
	char parent[PATH_MAX];

	if (strlen(path) >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, strlen(path) + 1);
	for (;;) {
		char *up = dirname(parent);

		memmove(parent, up, strlen(up) + 1);
		if (inotify_add_watch(fd, parent, PARENT_EVENTS) >= 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
		if (strcmp(parent, "/") == 0 || strcmp(parent, ".") == 0)
			return -ENOENT;
	}
}

/* 0 or -errno. That a directory is missing is no error. */
static int watch_directory(int fd, WatchedDir *watched)
{
	const char *path = source_dir_path(watched->dir);
	int r = watch_ancestor(fd, path);

	watched->wd = inotify_add_watch(fd, path, events_of(watched->dir));
	if (watched->wd < 0 && errno != ENOENT && errno != ENOTDIR)
		return r ? r : -errno;
	return r;
}

void watch_arm(Watch *watch, SourceDir *const *dirs, size_t n)
{
	int opened = open_inotify(watch), first = opened;

	assert(n > 0);
	watch->dirs = memory_grow(watch->dirs, n, sizeof(WatchedDir));
	watch->n = n;
	for (size_t i = 0; i < n; i++) {
		int r;

		watch->dirs[i] = (WatchedDir){.dir = dirs[i], .wd = -1};
		r = opened < 0 ? 0 : watch_directory(watch->fd, &watch->dirs[i]);
		first = first ? first : r;
	}
	watch->trouble = first ? inotify_error_text(-first) : NULL;
}

const char *watch_trouble(const Watch *watch)
{
	return watch->trouble;
}

/* inotify returns the same descriptor for an inode that is watched already. */
bool watch_is_alive(const Watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		if (inotify_add_watch(watch->fd, source_dir_path(watch->dirs[i].dir),
			    events_of(watch->dirs[i].dir)) != watch->dirs[i].wd)
			return false;
	return true;
}

bool watch_has_events(const Watch *watch)
{
	struct pollfd fd = {.fd = watch->fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}
