/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * reporter: what netpold says about itself: status.json and netpol.prom in the runtime directory,
 * STATUS= for systemctl, and the diagnostics and faults in the journal. Each is written only when
 * it differs from what was written last.
 *
 * reporter_report() may be called after every event. The status names every file, so it takes long
 * to make in a large cluster: after a report that took N ms the next one follows on a timer, at
 * least 10 N ms later. The reporter gets the status by a callback, `fill`, so that a delayed report
 * has the status of its own moment, not of the call.
 *
 * What may go wrong: the runtime directory cannot be written. That is logged.
 */
#include "run.h"
#include <systemd/sd-event.h>

typedef struct Reporter Reporter;

/* Fills in the status as it is now; what it makes for that is in the arena. */
typedef void (*ReporterFill)(void *context, Arena *arena, Status *ret_status);

/* Borrows the settings. event may be NULL: then every report is made at once. */
Reporter *reporter_new(sd_event *event, const Settings *settings, ReporterFill fill, void *context);
/* If a report is due, it is made now. */
Reporter *reporter_free(Reporter *reporter);
void reporter_report(Reporter *reporter);
