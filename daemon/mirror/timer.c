/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-shot timers. See timer.h. */
#include "timer.h"

#define ACCURACY_USEC 1000 /* it may expire so much later */

int timer_add(
	sd_event *event, sd_event_time_handler_t call, void *context, sd_event_source **ret_timer)
{
	int r = sd_event_add_time(
		event, ret_timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, call, context);

	return r < 0 ? r : sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF);
}

void timer_set(sd_event_source *timer, uint64_t at_usec)
{
	sd_event_source_set_time(timer, at_usec);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void timer_advance(sd_event_source *timer, uint64_t at_usec)
{
	uint64_t at = 0;
	int is_enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(timer, &is_enabled);
	sd_event_source_get_time(timer, &at);
	if (is_enabled == SD_EVENT_OFF || at > at_usec)
		timer_set(timer, at_usec);
}
