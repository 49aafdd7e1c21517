/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * timer: one-shot timers on the event loop, by CLOCK_MONOTONIC. sd-event disarms a timer before it
 * calls back, so the callback may start it again.
 */
#include "clock.h"
#include <systemd/sd-event.h>

/* A timer that is not armed. The caller drops it by sd_event_source_disable_unref(). 0 or -errno.
 */
int timer_add(
	sd_event *event, sd_event_time_handler_t call, void *context, sd_event_source **ret_timer);
/* It expires at this time (now_usec()), whatever it was armed for. */
void timer_set(sd_event_source *timer, uint64_t at_usec);
/* Likewise, unless it is armed for an earlier time. */
void timer_advance(sd_event_source *timer, uint64_t at_usec);
