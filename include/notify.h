/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * notify: messages to systemd, sent without waiting. If systemd's socket is full the message is
 * dropped: STATUS= and WATCHDOG=1 come again, and without RELOADING=1 systemd does not show that we
 * reload. READY=1 must arrive: who sends it tries again.
 */
#include <stdbool.h>

/* False: systemd's socket is full. True also without systemd. */

bool notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));
