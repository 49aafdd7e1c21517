/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications, and the time to ask again. See notices.h. */
#include "notices.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

static const unsigned PAUSE_MS[NOTICES_PAUSES] = {20, 100, 500, 2500};

static int subscribe(struct mnl_socket *socket)
{
	/* the kernel removes routes without a notification when an address goes or a link is down
	 */
	int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
		RTNLGRP_NEXTHOP};

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (mnl_socket_setsockopt(
			    socket, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

static int add(const Notices *notices, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return fd < 0 || epoll_ctl(notices->both, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int notices_open(Notices *notices)
{
	int r;

	*notices = (Notices){.timer = -1, .pause = NOTICES_PAUSES};
	notices->both = epoll_create1(EPOLL_CLOEXEC);
	if (notices->both < 0)
		return -errno;
	notices->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	r = subscribe(notices->socket);
	if (r == 0)
		r = add(notices, mnl_socket_get_fd(notices->socket));
	if (r < 0)
		return r;
	notices->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return add(notices, notices->timer);
}

void notices_close(Notices *notices)
{
	if (notices->socket)
		mnl_socket_close(notices->socket);
	if (notices->timer >= 0)
		close(notices->timer);
	if (notices->both >= 0)
		close(notices->both);
	*notices = (Notices){.timer = -1, .both = -1};
}

ssize_t notices_receive(Notices *notices, void *buffer, size_t size)
{
	return recv(mnl_socket_get_fd(notices->socket), buffer, size, MSG_DONTWAIT);
}

/* ---- Pauses ---- */
static void start(const Notices *notices)
{
	unsigned ms = notices->pause < NOTICES_PAUSES ? PAUSE_MS[notices->pause] : 0;
	struct itimerspec time = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000 * 1000}};

	timerfd_settime(notices->timer, 0, &time, NULL); /* 0: disarmed */
}

void notices_pause(Notices *notices)
{
	notices->pause = 0;
	start(notices);
}

bool notices_has_paused(Notices *notices)
{
	uint64_t n;

	if (read(notices->timer, &n, sizeof(n)) != sizeof(n))
		return false;
	notices->pause++;
	start(notices);
	return true;
}
