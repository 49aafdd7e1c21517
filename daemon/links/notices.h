/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * notices: the socket of the kernel's notifications, and a timer, behind one descriptor to poll.
 *
 * The timer is for routes. The kernel sends RTM_DELROUTE before it deletes the route, and answers
 * RTM_GETROUTE meanwhile (since Linux 4.14): who asks at once may get the old route. So routes are
 * asked for again, several times, after pauses that grow: a stopped virtual processor can delay the
 * deletion for long.
 */
#include "base.h"
#include <libmnl/libmnl.h>
#include <sys/types.h>

typedef struct Notices {
	struct mnl_socket *socket;
	int timer, both; /* descriptors; `both` is an epoll of timer and socket */
	unsigned pause;	 /* the number of the pause that runs; NOTICES_PAUSES: none */
} Notices;

#define NOTICES_PAUSES 4

/* Subscribed, in the caller's network namespace. 0 or -errno; notices_close() in each case. */
int notices_open(Notices *notices);
void notices_close(Notices *notices);
/* One message or several, without blocking. As recv(): -1 with EAGAIN at the end. */
ssize_t notices_receive(Notices *notices, void *buffer, size_t size);
/* Starts the first pause. */
void notices_pause(Notices *notices);
/* Whether a pause has ended since the last call. Starts the next one. */
bool notices_has_paused(Notices *notices);
