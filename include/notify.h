/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * notify: messages to systemd that may be lost. STATUS=, WATCHDOG=1 and STOPPING=1 are sent without
 * waiting: if systemd's socket is full the message is dropped, and the next one of its kind makes
 * up for it. READY=1 and RELOADING=1 must arrive: both programs send those with sd_notify().
 */

void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));
