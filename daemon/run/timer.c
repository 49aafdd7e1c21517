/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-shot timers: an sd_event source each, made when the timer is started. */
#include "timer.h"
#include "base.h"
#include <assert.h>
#include <errno.h>
#include <time.h>

struct Timer {
	sd_event *event;
	sd_event_source *source; /* the last start's; it may have expired */
	uint64_t accuracy_usec;
	int64_t priority;
	TimerExpired on_expired;
	void *context;
};

uint64_t clock_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

Timer *timer_new(sd_event *event, uint64_t accuracy_usec, int64_t priority, TimerExpired on_expired,
	void *context)
{
	Timer *timer = MEMORY_NEW(Timer);

	assert(on_expired);
	assert(accuracy_usec > 0); /* 0 stands for sd_event's default, 250 ms */
	*timer = (Timer){.event = event,
		.accuracy_usec = accuracy_usec,
		.priority = priority,
		.on_expired = on_expired,
		.context = context};
	return timer;
}

Timer *timer_free(Timer *timer)
{
	if (timer)
		timer_stop(timer);
	free(timer);
	return NULL;
}

void timer_stop(Timer *timer)
{
	timer->source = sd_event_source_unref(timer->source);
}

bool timer_is_armed(const Timer *timer)
{
	int enabled = SD_EVENT_OFF;

	return timer->source && sd_event_source_get_enabled(timer->source, &enabled) >= 0 &&
	       enabled != SD_EVENT_OFF;
}

/* sd_event has switched the source off (SD_EVENT_ONESHOT) by the time it calls this. */
static int on_time(sd_event_source *source, uint64_t at, void *context)
{
	Timer *timer = context;

	(void)source, (void)at;
	timer->on_expired(timer->context);
	return 0;
}

/* sd_event_add_time() or sd_event_add_time_relative(). */
typedef int (*AddTime)(sd_event *event, sd_event_source **source, clockid_t clock, uint64_t usec,
	uint64_t accuracy, sd_event_time_handler_t callback, void *context);

static int start(Timer *timer, AddTime add_time, uint64_t usec)
{
	int r;

	if (!timer->event)
		return -ENOTCONN;
	if (timer_is_armed(timer))
		return 0;
	timer_stop(timer);
	r = add_time(timer->event, &timer->source, CLOCK_MONOTONIC, usec, timer->accuracy_usec,
		on_time, timer);
	if (r >= 0)
		r = sd_event_source_set_priority(timer->source, timer->priority);
	return r < 0 ? r : 0;
}

int timer_start(Timer *timer, uint64_t usec)
{
	return start(timer, sd_event_add_time_relative, usec);
}

int timer_start_at(Timer *timer, uint64_t at_usec)
{
	return start(timer, sd_event_add_time, at_usec);
}
