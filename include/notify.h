/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>

/*
 * notify: messages to systemd, sent without waiting. If systemd's socket is full the message is
 * dropped: STATUS= and WATCHDOG=1 come again, and without RELOADING=1 systemd does not show that we
 * reload. READY=1 must arrive: it is tried again before each later message. One thread calls these.
 */

void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));
void notify_ready(void); /* READY=1 */
