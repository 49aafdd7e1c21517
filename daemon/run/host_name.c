/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's notifications of another host name. */
#include "host_name.h"
#include "base.h"
#include "log.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <unistd.h>

#define HOST_NAME_FILE "/proc/sys/kernel/hostname"

struct HostName {
	int fd;
	sd_event_source *source;
	void (*on_change)(void *context);
	void *context;
};

static int on_io(sd_event_source *source, int fd, uint32_t events, void *context)
{
	HostName *name = context;

	(void)source, (void)fd, (void)events;
	name->on_change(name->context);
	return 0;
}

HostName *host_name_new(sd_event *event, void (*on_change)(void *context), void *context)
{
	HostName *name = MEMORY_NEW(HostName);
	int r;

	*name = (HostName){.on_change = on_change, .context = context};
	name->fd = open(HOST_NAME_FILE, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	r = name->fd < 0 ? -errno
			 : sd_event_add_io(event, &name->source, name->fd, EPOLLPRI, on_io, name);
	if (r < 0)
		log_line(LOG_WARNING, "host-name",
			"%s: a change of the host's name will be seen by a reload only: %s",
			HOST_NAME_FILE, strerror(-r));
	return name;
}

HostName *host_name_free(HostName *name)
{
	if (!name)
		return NULL;
	sd_event_source_unref(name->source);
	if (name->fd >= 0)
		close(name->fd);
	free(name);
	return NULL;
}
