/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * daemon: what the event loop consists of. run.c makes it, frees it, and decides what follows from
 * which event; update.c carries files to the kernel; describe.c says how all is, for the reporter.
 * Only these three know all components.
 */
#include "bridge.h"
#include "denial_counter.h"
#include "denials.h"
#include "enforcer.h"
#include "faults.h"
#include "feeds.h"
#include "histogram.h"
#include "host_name.h"
#include "link_watch.h"
#include "other_engines.h"
#include "pipeline.h"
#include "reporter.h"
#include "sender_check.h"
#include "settings.h"
#include "stale_flows.h"
#include "state_keeper.h"
#include "tamper.h"
#include "timer.h"
#include "watch.h"

/* With --once there is no event loop, no watch and no tamper. */
typedef struct Daemon {
	const DaemonOptions *options;
	SettingsStore *store;
	const Settings *settings; /* in force */
	Feeds *feeds;
	Nft *nft;
	sd_event *event;
	Timer *burst, *withdrawal, *retry, *sysctl, *health;
	Enforcer *enforcer;
	Pipeline *pipeline;
	StateKeeper *keeper;
	StaleFlows *stale_flows;
	OtherEngines *other_engines;
	SenderCheck *senders;
	Denials *denials;
	DenialCounter *denial_counter;
	Reporter *reporter;
	Watch *watch;
	LinkWatch *link_watch; /* NULL: see link_watch_new() */
	HostName *host_name;
	Tamper *tamper;
	BridgeState bridge;
	Faults faults;	     /* of the last update, and of the health check since */
	int64_t checked_at;  /* of the last update or health check; seconds since the epoch */
	uint64_t event_usec; /* the first event of a file since the last update; 0: none */
	Histogram changes;   /* from there to the commit */
	bool is_ready;	     /* enforcement has begun */
	bool owes_ready;     /* READY=1 is still to be sent */
	bool is_unwatched;   /* the last update could not watch all directories */
} Daemon;

#define RETRY_USEC (1000 * 1000) /* after an update that failed */
