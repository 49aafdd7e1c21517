/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * health: whether enforcement is what it should be, checked at the things themselves rather than at
 * what netpold remembers of them: the tables in the kernel, the sysctls of br_netfilter, the
 * directories. run.c calls health_find_fault() twice in the watchdog's interval and does what
 * follows: read everything anew, and if that does not help, stop feeding the watchdog, so that
 * systemd restarts netpold.
 *
 * A new check is one function here.
 */
#include "bridge.h"
#include "enforcer.h"
#include "feeds.h"
#include "timer.h"
#include "watch.h"

/* What the checks ask; all borrowed. */
typedef struct HealthSubjects {
	Enforcer *enforcer;
	const BridgeState *bridge;
	Watch *watch;
	const Feeds *feeds;
	const Timer *burst; /* armed while file events are being gathered */
} HealthSubjects;

/* Half of systemd's watchdog interval, or 15 s without one. */
uint64_t health_interval_usec(void);
/* The first fault, a static text; NULL: none. */
const char *health_find_fault(const HealthSubjects *subjects);
