/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * health: whether enforcement is as it should be. It compares what netpold remembers with the
 * kernel's tables, the sysctls of br_netfilter and the directories. run.c calls health_find_fault()
 * twice in the watchdog's interval. After a fault run.c reads and applies everything anew; if the
 * fault persists it stops feeding the watchdog, so that systemd restarts netpold.
 *
 * A new check is one function here.
 */
#include "bridge.h"
#include "enforcer.h"
#include "feeds.h"
#include "timer.h"
#include "watch.h"

/* What is checked; all borrowed. */
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
