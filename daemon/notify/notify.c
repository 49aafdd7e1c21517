/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to systemd, sent without waiting: see notify.h. */
#include "notify.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 2048

/*
 * sd_notify() blocks while the receiving socket's queue is full. systemd has one socket for all
 * services and stops reading it when it has crashed; a firewall must go on then. False: it is full.
 */
static bool send_without_waiting(const char *path, const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	bool is_full;
	int fd;

	if (n < 2 || n >= sizeof(to.sun_path))
		return true;
	memcpy(to.sun_path, path, n);
	if (*path == '@') /* an abstract address, see sd_notify(3) */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	is_full = sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
			  (const struct sockaddr *)&to,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0 &&
		  (errno == EAGAIN || errno == ENOBUFS);
	close(fd);
	return !is_full;
}

bool notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char text[MESSAGE_MAX];
	va_list arguments;

	if (!path)
		return true;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return send_without_waiting(path, text);
}
