/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How netpold is. See describe.h. */
#include "describe.h"
#include "health.h"
#include "log.h"
#include "source_route.h"
#include <time.h>

/* The pipeline's diagnostics; stopped feeds, missing watches and the state keeper's error. */
static const Diags *collect_diags(Daemon *d, Arena *arena, const char *error)
{
	Diags *diags = ARENA_NEW(arena, Diags);

	*diags = (Diags){.arena = arena, .max = DIAGS_ALL_MAX};
	diags_append(diags, pipeline_diags(d->pipeline));
	feeds_check(d->feeds, time(NULL), diags);
	other_engines_add_diags(d->other_engines, diags);
	source_route_add_diags(diags);
	if (d->is_unwatched)
		DIAG_WARNING(diags, ((Origin){.file = d->settings->policies.at[0]}), "watch",
			"until then netpold looks at all files every second",
			"changes of files are not reported: %s", watch_trouble(d->watch));
	if (denials_trouble(d->denials))
		DIAG_WARNING(diags, ((Origin){.file = d->options->settings.conf}), "denied",
			"packets are refused and counted all the same; log_denied = false ends "
			"this warning",
			"refused packets are not logged: %s", denials_trouble(d->denials));
	if (stale_flows_trouble(d->stale_flows))
		DIAG_WARNING(diags, ((Origin){.file = d->options->settings.conf}), "cut",
			"new flows are refused all the same; netpold tries again every second",
			"established flows that are forbidden now may go on: %s",
			stale_flows_trouble(d->stale_flows));
	if (error)
		DIAG_WARNING(diags, ((Origin){.file = d->settings->state}), "state",
			"enforcement is not affected, but a restart would restore the older copies",
			"the files and tables in force cannot be saved here: %s", error);
	return diags;
}

void describe_daemon(void *context, Arena *arena, Status *ret_status)
{
	Daemon *d = context;
	const EnforcerRecord *record = enforcer_record(d->enforcer);
	const char *error = state_keeper_error(d->keeper, arena);

	*ret_status = (Status){.generation = record->generation,
		.repairs = record->repairs,
		.killed = stale_flows_killed(d->stale_flows),
		.denied = denials_figures(d->denials),
		.applied_at = record->applied_at,
		.checked_at = d->checked_at,
		.check_s = d->watch ? (unsigned)(health_interval_usec() / 1000000) : 0,
		.apply_ms = record->apply_ms,
		.last = record->last,
		.changes = &d->changes,
		.commits = &record->commits,
		.repair_times = &record->repair_times,
		.error_at = log_last_error(),
		.node = d->settings->node,
		.table = d->settings->table,
		.bridge = d->bridge.mode ? d->bridge.mode : "none",
		.bridge_why = d->bridge.why,
		.senders = sender_check_report(d->senders),
		.unhealthy = faults_is_empty(&d->faults) ? NULL : d->faults.text,
		.model = pipeline_model(d->pipeline),
		.local_pods = pipeline_local_pods(d->pipeline),
		.attachments = d->settings->attachments,
		.ruleset = enforcer_applied(d->enforcer, KERNEL_INET),
		.diags = collect_diags(d, arena, error)};
	denial_totals_list(
		denial_counter_totals(d->denial_counter), arena, &ret_status->denied_totals);
	ret_status->dirs = feeds_dirs(d->feeds, &ret_status->n_dirs);
	if (error)
		ret_status->saving = error;
	else
		ret_status->saving = state_keeper_is_saved(d->keeper) ? "saved" : "saving";
}
