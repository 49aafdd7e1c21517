/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* log: netpol-mirror's messages, one line each, on standard error. */
#include <syslog.h>

/* priority: syslog's. Under systemd it stands in front of the line, and journald takes it off. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
