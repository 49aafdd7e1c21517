/* What is said to systemd in passing. */
#include "daemon.h"
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTICE_MAX 2048

/*
 * sd_notify() waits where nobody reads: systemd has one socket for all services, and reads nothing
 * once it has crashed. A firewall goes on: what finds no room is not said, and is said again with
 * the next.
 */
static void send_in_passing(const char *path, const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd;

	if (n < 2 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

void daemon_notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char text[NOTICE_MAX];
	va_list arguments;

	if (!path)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	send_in_passing(path, text);
}
