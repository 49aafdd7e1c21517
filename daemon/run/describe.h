/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* describe: how netpold is, gathered from all components for status.json and the metrics. */
#include "daemon.h"

/* A ReporterFill; context: the Daemon. */
void describe_daemon(void *context, Arena *arena, Status *ret_status);
