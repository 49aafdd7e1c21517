/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Journal entries, sent without waiting. See journal.h. */
#include "journal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_FIELD "MESSAGE="

static bool send_to_journal(const char *fields)
{
	static const struct sockaddr_un to = {
		.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t put;

	if (fd < 0)
		return false;
	put = sendto(fd, fields, strlen(fields), MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&to, sizeof(to));
	close(fd);
	return put >= 0;
}

bool journal_send(const char *fields)
{
	const char *text = fields + strlen(MESSAGE_FIELD);

	if (getenv("JOURNAL_STREAM"))
		return send_to_journal(fields);
	fprintf(stderr, "netpold: %.*s\n", (int)strcspn(text, "\n"), text);
	return true;
}
