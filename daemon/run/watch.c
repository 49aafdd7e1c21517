/* inotify, and nothing known of what the files mean. */
#include "watch.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILE_EVENTS                                                                                \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |        \
		IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define PARENT_EVENTS                                                                              \
	(IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |     \
		IN_ONLYDIR | IN_MASK_ADD)

struct Watch {
	int fd;
	sd_event_source *source;
	WatchNotify notify;
	void *context;
	SourceDir *dirs[2];
	int wd[2]; /* of the directories themselves; -1: missing */
};

Watch *watch_free(Watch *watch)
{
	if (!watch)
		return NULL;
	sd_event_source_unref(watch->source);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
	return NULL;
}

/* Being written: between the first change and the close. */
static void note_writing(Watch *watch, const struct inotify_event *e)
{
	for (int i = 0; i < 2; i++) {
		if (e->wd != watch->wd[i] || e->len == 0)
			continue;
		if (e->mask & IN_MODIFY)
			source_dir_set_being_written(watch->dirs[i], e->name, true);
		if (e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE))
			source_dir_set_being_written(watch->dirs[i], e->name, false);
	}
}

/* In an ancestor (such as /run/netpol, where our own status goes) only the path to us counts. */
static bool is_on_path(const Watch *watch, const struct inotify_event *e)
{
	if (e->wd == watch->wd[0] || e->wd == watch->wd[1] || e->len == 0)
		return true;
	for (int i = 0; i < 2; i++) {
		const char *path = source_dir_path(watch->dirs[i]), *at = strstr(path, e->name);

		for (; at; at = strstr(at + 1, e->name)) {
			char end = at[strlen(e->name)];

			if (at > path && at[-1] == '/' && (end == '/' || end == '\0'))
				return true;
		}
	}
	return false;
}

/*
 * What refresh shall look at: that name, or, when it is no name of a directory, everything. False:
 * nothing.
 */
static bool note(Watch *watch, const struct inotify_event *e)
{
	bool is_news = false;

	for (int i = 0; i < 2; i++)
		if (e->len == 0 || (e->wd != watch->wd[0] && e->wd != watch->wd[1]))
			is_news |= source_dir_mark(watch->dirs[i], NULL);
		else if (e->wd == watch->wd[i])
			is_news |= source_dir_mark(watch->dirs[i], e->name);
	return is_news;
}

/* Whether the event means that something may have changed. */
static bool take_event(Watch *watch, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		for (int i = 0; i < 2; i++)
			source_dir_clear_being_written(watch->dirs[i]);
	else
		note_writing(watch, e);
	return (e->mask & ~(uint32_t)(IN_MODIFY | IN_ISDIR)) != 0 && is_on_path(watch, e) &&
	       note(watch, e);
}

static int on_inotify(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Watch *watch = context;
	_Alignas(struct inotify_event) char capacity[64 * 1024];
	bool has_news = false;
	ssize_t n;

	(void)source, (void)events;
	while ((n = read(fd, capacity, sizeof(capacity))) > 0)
		for (char *at = capacity; at < capacity + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;

			has_news |= take_event(watch, e);
			at += sizeof(*e) + e->len;
		}
	if (has_news)
		watch->notify(watch->context);
	return 0;
}

int watch_new(sd_event *event, WatchNotify notify, void *context, Watch **ret_watch)
{
	Watch *watch = MEMORY_NEW(Watch);
	int r;

	*watch = (Watch){.notify = notify, .context = context, .wd = {-1, -1}};
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	r = watch->fd < 0 ? -errno
			  : sd_event_add_io(event, &watch->source, watch->fd, 1 /* EPOLLIN */,
				    on_inotify, watch);
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
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

int watch_arm(Watch *watch, SourceDir *const dirs[2])
{
	int result = 0;

	for (int i = 0; i < 2; i++) {
		const char *path = source_dir_path(dirs[i]);
		int r = watch_ancestor(watch->fd, path);

		result = result ? result : r;
		watch->dirs[i] = dirs[i];
		watch->wd[i] = inotify_add_watch(watch->fd, path, FILE_EVENTS);
		if (watch->wd[i] < 0 && errno != ENOENT && errno != ENOTDIR)
			result = result ? result : -errno;
	}
	return result;
}

/* Of what is watched already inotify gives the same descriptor again. */
bool watch_is_alive(Watch *watch, SourceDir *const dirs[2])
{
	for (int i = 0; i < 2; i++)
		if (inotify_add_watch(watch->fd, source_dir_path(dirs[i]), FILE_EVENTS) !=
			watch->wd[i])
			return false;
	return true;
}

bool watch_has_news(const Watch *watch)
{
	struct pollfd fd = {.fd = watch->fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}
