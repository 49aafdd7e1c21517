/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files -> kernel. See update.h. */
#include "update.h"
#include "limits.h"
#include "log.h"
#include "notify.h"
#include "queued_packets.h"
#include <time.h>

void update_follow_up(Daemon *d)
{
	state_keeper_schedule_tables(d->keeper);
	stale_flows_schedule(d->stale_flows);
}

/* Also called between the stages of an update. */
void update_undo_tampering(void *context)
{
	Daemon *d = context;
	TamperResult result;

	if (!d->tamper)
		return;
	result = tamper_undo(d->tamper);
	if (result.is_refused)
		timer_start(d->retry, RETRY_USEC);
	if (result.is_undone)
		update_follow_up(d);
	sender_check_repair(d->senders, false);
}

/*
 * What was refused until now, while the model in force still says whose the addresses are. Without
 * a model neither does anything.
 */
static void take_refused(Daemon *d)
{
	denials_drain(d->denials);
	denial_counter_read(d->denial_counter);
}

void update_start_from_scratch(Daemon *d)
{
	take_refused(d);
	pipeline_reset(d->pipeline);
	feeds_mark_all(d->feeds);
}

/* 0 or -errno. */
static int read_feeds(Daemon *d)
{
	int r = feeds_refresh(d->feeds, clock_usec() / 1000, update_undo_tampering, d);

	/* at the first call only: the last good versions of files that are broken now */
	if (r == 0)
		r = state_keeper_restore_files(d->keeper);
	if (r < 0)
		faults_add(&d->faults,
			"policies and inventory could not be read (%s): the tables in the kernel "
			"stay as they are, and netpold tries again",
			error_text(-r));
	return r;
}

static void choose_bridge(Daemon *d)
{
	const Ruleset *bridge = enforcer_applied(d->enforcer, KERNEL_BRIDGE);
	bool is_tracking = bridge && bridge->base.kind == TABLE_BRIDGE;

	bridge_choose((BridgeMode)d->settings->bridge, d->nft, d->settings->table, is_tracking,
		&d->bridge);
	if (!d->bridge.is_well)
		faults_add(&d->faults, "%s", d->bridge.why);
}

/* How the sender check sees bridged packets. */
static SendersBridge senders_bridge(const BridgeState *bridge)
{
	if (bridge->has_table)
		return bridge->options.has_conntrack ? SENDERS_TRACKED : SENDERS_LIFTED;
	return bridge->is_well ? SENDERS_NO_BRIDGE : SENDERS_UNTRACKED;
}

static int enforce(Daemon *d, Ruleset *wanted[KERNEL_TABLE_N])
{
	const Ruleset *applied = enforcer_applied(d->enforcer, KERNEL_INET);
	const Ruleset *before = applied ? ruleset_ref(applied) : NULL;
	int r = enforcer_apply(d->enforcer, wanted);

	if (r == 0) {
		queued_packets_drop(before, enforcer_applied(d->enforcer, KERNEL_INET));
		state_keeper_save_files(d->keeper);
	}
	ruleset_unref(before);
	if (*enforcer_refusal(d->enforcer))
		faults_add(&d->faults, "%s", enforcer_refusal(d->enforcer));
	return r;
}

/* Errors are reported, and tried again: policies are enforced all the same. */
static void check_senders(Daemon *d)
{
	sender_check_update(d->senders, senders_bridge(&d->bridge), denials_group(d->denials));
	if (*sender_check_refusal(d->senders))
		faults_add(&d->faults, "%s", sender_check_refusal(d->senders));
}

const BridgeOptions *update_wanted_bridge(const Daemon *d)
{
	return d->bridge.has_table ? &d->bridge.options : NULL;
}

/* Files -> kernel, once. 0, RUN_E_REFUSED or -errno. */
int update_once(Daemon *d)
{
	Ruleset *wanted[KERNEL_TABLE_N];
	PipelineInput input;
	int r;

	faults_clear(&d->faults);
	take_refused(d);
	r = read_feeds(d);
	if (r < 0)
		return r;
	choose_bridge(d);
	input = (PipelineInput){
		.is_in_force = enforcer_applied(d->enforcer, KERNEL_INET) != NULL,
		.bridge = update_wanted_bridge(d),
		.link_watch = d->link_watch,
		.log_group = denials_group(d->denials),
	};
	if (!pipeline_update(d->pipeline, &input, &d->faults, wanted))
		return 0; /* what is wanted is unknown: the kernel's tables stay */
	r = enforce(d, wanted);
	check_senders(d);
	if (r == 0)
		denials_leave_previous(d->denials);
	return r;
}

/* After a failure the retry timer is armed instead: what is overdue must not make a busy loop. */
static void schedule_withdrawal(Daemon *d, bool is_updated)
{
	uint64_t next = feeds_next_withdrawal(d->feeds);

	timer_stop(d->withdrawal);
	if (is_updated && next != SOURCE_NEVER)
		timer_start_at(d->withdrawal, next * 1000);
}

void update_say_ready(Daemon *d)
{
	if (!d->is_ready && enforcer_record(d->enforcer)->generation != 0)
		d->is_ready = d->owes_ready = true;
	if (d->owes_ready)
		d->owes_ready = !notify_send("READY=1");
}

/*
 * Before the reading, so that a change while we read is another event. Without a watch, and when it
 * has come back, names do not tell what changed.
 */
static void watch_feeds(Daemon *d)
{
	bool was_unwatched = d->is_unwatched;
	SourceDir *const *dirs;
	size_t n;

	dirs = feeds_dirs(d->feeds, &n);
	watch_arm(d->watch, dirs, n);
	d->is_unwatched = watch_trouble(d->watch) != NULL;
	if (d->is_unwatched || was_unwatched)
		feeds_mark_all(d->feeds);
}

/* Errors as of update_once(). */
int update_all(Daemon *d)
{
	uint64_t before = enforcer_record(d->enforcer)->generation;
	int r;

	watch_feeds(d);
	r = update_once(d);
	if (d->event_usec && enforcer_record(d->enforcer)->generation != before)
		histogram_add(&d->changes, clock_usec() - d->event_usec);
	d->event_usec = r == 0 ? 0 : d->event_usec;
	d->checked_at = time(NULL);
	update_say_ready(d);
	schedule_withdrawal(d, r == 0);
	reporter_report(d->reporter);
	update_follow_up(d);
	if (r != 0 || d->is_unwatched)
		timer_start(d->retry, RETRY_USEC);
	return r;
}
