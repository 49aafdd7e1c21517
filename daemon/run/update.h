/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * update: files -> kernel. An update refreshes the feeds, and what has changed in them goes through
 * the pipeline and the enforcer; then the sender check follows, and what is saved and reported.
 */
#include "daemon.h"

/* Once, without what only a running loop has. 0, RUN_E_REFUSED or -errno. */
int update_once(Daemon *d);
/* Watches the feeds, updates, reports, and schedules what follows. Errors as of update_once(). */
int update_all(Daemon *d);
/* READY=1, once enforcement has begun; tries again if systemd could not take it. */
void update_say_ready(Daemon *d);
/*
 * Takes what was refused, and empties the pipeline. The next update reads all files, and compiles
 * all of them.
 */
void update_start_from_scratch(Daemon *d);
/* Repairs what others have changed in our tables. context: the Daemon. */
void update_undo_tampering(void *context);
/* After any change of the tables: they are saved, and stale flows looked for. */
void update_follow_up(Daemon *d);
/* How the bridge table is to be made; NULL: none is wanted. */
const BridgeOptions *update_wanted_bridge(const Daemon *d);
