/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks. */
#include "health.h"
#include <systemd/sd-daemon.h>

#define INTERVAL_USEC_DEFAULT (15 * 1000 * 1000)

uint64_t health_interval_usec(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec / 2 : INTERVAL_USEC_DEFAULT;
}

static const char *compare_files(const HealthSubjects *s)
{
	if (watch_trouble(s->watch))
		return NULL; /* then all files are looked at every second */
	if (!watch_is_alive(s->watch))
		return "a directory has been replaced, or its inotify watch is gone";
	if (!timer_is_armed(s->burst) && !feeds_are_current(s->feeds))
		return "files have changed without an inotify event";
	return NULL;
}

/*
 * Finds what inotify did not report: a mount over a directory, a lost event. If events wait to be
 * read, a difference is no fault: the loop handles them next.
 */
static const char *check_files(const HealthSubjects *s)
{
	const char *why = compare_files(s);

	return why && watch_has_events(s->watch) ? NULL : why;
}

static const char *check_bridge(const HealthSubjects *s)
{
	return bridge_is_unchanged(s->bridge)
		       ? NULL
		       : "br_netfilter's sysctls (net.bridge.bridge-nf-*) have changed";
}

const char *health_find_fault(const HealthSubjects *s)
{
	const char *why = enforcer_check(s->enforcer);

	if (!why)
		why = check_bridge(s);
	return why ? why : check_files(s);
}
