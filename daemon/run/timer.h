/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * timer: the monotonic clock, and one-shot timers on the event loop.
 *
 * A timer that is armed is not moved by another start. That makes it a debounce: the first event of
 * a burst starts it, the others find it armed, and the work is done once, when it expires. A timer
 * disarms itself before it calls back, so the callback may start it again, which is how periodic
 * work is done.
 *
 * Without an event loop (--once, --remove) a timer is never armed and timer_start() fails.
 */
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Timer Timer;
typedef void (*TimerExpired)(void *context);

uint64_t clock_usec(void); /* CLOCK_MONOTONIC */

/*
 * Borrows the event loop, which may be NULL. accuracy_usec: how much later it may expire, so that
 * the kernel can wake us once for several timers. priority: SD_EVENT_PRIORITY_...
 */
Timer *timer_new(sd_event *event, uint64_t accuracy_usec, int64_t priority, TimerExpired on_expired,
	void *context);
Timer *timer_free(Timer *timer);
/* In so many microseconds, unless it is armed. 0 or -errno. */
int timer_start(Timer *timer, uint64_t usec);
/* At this time of clock_usec(), unless it is armed. 0 or -errno. */
int timer_start_at(Timer *timer, uint64_t at_usec);
void timer_stop(Timer *timer);
bool timer_is_armed(const Timer *timer);
