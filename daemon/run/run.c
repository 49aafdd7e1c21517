/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop. It owns the components, is the only one that knows them all, and decides what
 * follows from which event. Components call only those below them; what concerns others they report
 * to the callbacks here.
 *
 *     event                            what follows
 *     ----------------------------     ----------------------------------------------------------
 *     inotify                          mark, prefetch; start the burst timer (debounce)
 *     inotify, of records              mark; update at once
 *     burst, withdrawal, retry timer   update: feeds -> pipeline -> enforcer -> state keeper,
 *                                      stale flows, report
 *     notification of our tables       repair, before everything else
 *     retry timer                      update of all files, while inotify does not watch them
 *     sysctl timer                     update, if br_netfilter's sysctls were changed
 *     notification of links, routes    the set of links that lead to no isolated pod
 *     health timer, when idle          check; update from scratch after a fault; feed the watchdog
 *     SIGHUP                           reload the settings, update from scratch
 *     another host name                the same, if it is the node's name
 *     SIGTERM, SIGINT                  save what is left, end; the tables stay in the kernel
 *
 * An update that the kernel refused is retried every second. The withdrawal timer is armed while
 * deleted files are in force still: its update takes away what they said.
 */
#include "bridge.h"
#include "denial_counter.h"
#include "denials.h"
#include "enforcer.h"
#include "faults.h"
#include "feeds.h"
#include "health.h"
#include "histogram.h"
#include "host_name.h"
#include "limits.h"
#include "link_watch.h"
#include "lock.h"
#include "log.h"
#include "notify.h"
#include "other_engines.h"
#include "pipeline.h"
#include "queued_packets.h"
#include "reporter.h"
#include "sender_check.h"
#include "settings.h"
#include "source_route.h"
#include "stale_flows.h"
#include "state_keeper.h"
#include "table.h"
#include "tamper.h"
#include "timer.h"
#include "watch.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define RETRY_USEC (1000 * 1000)
/* The kernel does not notify of a change below /proc/sys. */
#define SYSCTL_USEC (250 * 1000)

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
	bool is_ready;	     /* READY=1 was sent */
	bool is_unwatched;   /* the last update could not watch all directories */
} Daemon;

/* ---- Foreign changes of our tables ---- */
static void after_change(Daemon *d)
{
	state_keeper_schedule_tables(d->keeper);
	stale_flows_schedule(d->stale_flows);
}

/* Also called between the stages of an update. */
static void undo_tampering(void *context)
{
	Daemon *d = context;
	TamperResult result;

	if (!d->tamper)
		return;
	result = tamper_undo(d->tamper);
	if (result.is_refused)
		timer_start(d->retry, RETRY_USEC);
	if (result.is_undone)
		after_change(d);
	sender_check_repair(d->senders, false);
}

static void on_notification(void *context)
{
	Daemon *d = context;
	uint64_t before = enforcer_record(d->enforcer)->repairs;

	undo_tampering(d);
	if (enforcer_record(d->enforcer)->repairs != before)
		reporter_report(d->reporter);
}

/* ---- Update ---- */
/* What was refused until now, while the model in force still says whose the addresses are. */
static void take_refused(Daemon *d)
{
	denials_drain(d->denials);
	denial_counter_read(d->denial_counter);
}

static void start_from_scratch(Daemon *d)
{
	take_refused(d);
	pipeline_reset(d->pipeline);
	feeds_mark_all(d->feeds);
}

/* 0 or -errno. */
static int read_feeds(Daemon *d)
{
	int r = feeds_refresh(d->feeds, clock_usec() / 1000, undo_tampering, d);

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
	sender_check_update(d->senders, senders_bridge(&d->bridge));
	if (*sender_check_refusal(d->senders))
		faults_add(&d->faults, "%s", sender_check_refusal(d->senders));
}

static const BridgeOptions *wanted_bridge(const Daemon *d)
{
	return d->bridge.has_table ? &d->bridge.options : NULL;
}

/* Files -> kernel, once. 0, RUN_E_REFUSED or -errno. */
static int reconcile(Daemon *d)
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
		.bridge = wanted_bridge(d),
		.link_watch = d->link_watch,
		.log_group = denials_group(d->denials),
	};
	if (!pipeline_update(d->pipeline, &input, &d->faults, wanted))
		return 0; /* what is wanted is unknown: the kernel's tables stay */
	r = enforce(d, wanted);
	check_senders(d);
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

/* READY=1, once enforcement has begun. */
static void notify_ready(Daemon *d)
{
	if (d->is_ready || enforcer_record(d->enforcer)->generation == 0)
		return;
	sd_notify(0, "READY=1");
	d->is_ready = true;
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

/* Errors as of reconcile(). */
static int update(Daemon *d)
{
	uint64_t before = enforcer_record(d->enforcer)->generation;
	int r;

	watch_feeds(d);
	r = reconcile(d);
	if (d->event_usec && enforcer_record(d->enforcer)->generation != before)
		histogram_add(&d->changes, clock_usec() - d->event_usec);
	d->event_usec = r == 0 ? 0 : d->event_usec;
	d->checked_at = time(NULL);
	notify_ready(d);
	schedule_withdrawal(d, r == 0);
	reporter_report(d->reporter);
	after_change(d);
	if (r != 0 || d->is_unwatched)
		timer_start(d->retry, RETRY_USEC);
	return r;
}

static void on_update_due(void *context)
{
	update(context);
}

/*
 * A pod's first process starts right after its record is written, so that is not debounced. What
 * else is pending is taken along.
 */
static void on_files_changed(void *context, bool is_urgent)
{
	Daemon *d = context;

	if (!d->event_usec)
		d->event_usec = clock_usec();
	if (is_urgent) {
		timer_stop(d->burst);
		update(d);
		return;
	}
	timer_start(d->burst, (uint64_t)d->settings->settle_ms * 1000);
	feeds_prefetch(d->feeds);
}

static void on_sysctl_time(void *context)
{
	Daemon *d = context;

	if (!bridge_is_unchanged(&d->bridge)) {
		log_line(LOG_WARNING, "bridge",
			"br_netfilter's sysctls (net.bridge.bridge-nf-*) have changed: updating "
			"the tables");
		update(d);
	}
	timer_start(d->sysctl, SYSCTL_USEC);
}

static void on_links_changed(void *context)
{
	Daemon *d = context;
	bool is_changed;

	if (link_watch_apply(d->link_watch, d->enforcer, wanted_bridge(d), &is_changed) != 0)
		timer_start(d->retry, RETRY_USEC);
	if (!is_changed)
		return;
	after_change(d);
	reporter_report(d->reporter);
}

/* ---- Health ---- */
/* After a fault everything is read and applied anew; what is still wrong then is reported. */
static void recover(Daemon *d, const HealthSubjects *subjects, const char *why)
{
	if (why)
		log_line(LOG_WARNING, "health", "%s: everything is read and applied anew", why);
	enforcer_forget(d->enforcer);
	start_from_scratch(d);
	update(d);
	why = health_find_fault(subjects);
	if (why && faults_is_empty(&d->faults)) {
		faults_add(&d->faults, "%s", why);
		reporter_report(d->reporter);
	}
}

static void check_health(Daemon *d)
{
	HealthSubjects subjects = {.enforcer = d->enforcer,
		.bridge = &d->bridge,
		.watch = d->watch,
		.feeds = d->feeds,
		.burst = d->burst};
	const char *why;

	undo_tampering(d);
	sender_check_repair(d->senders, !nft_generation_is_accounted(d->nft));
	if (feeds_mark_stale(d->feeds))
		update(d);
	why = health_find_fault(&subjects);
	undo_tampering(d); /* notifications that the check read from the socket */
	if (denials_check(d->denials) && !why)
		why = "the kernel can log refused packets now";
	if (why || !faults_is_empty(&d->faults))
		recover(d, &subjects, why);
	other_engines_look(d->other_engines);
	sender_check_count(d->senders);
	denial_counter_save(d->denial_counter, d->keeper, false);
	if (!state_keeper_is_saved(d->keeper))
		state_keeper_retry(d->keeper);
	if (faults_is_empty(&d->faults))
		notify_send("WATCHDOG=1");
	d->checked_at = time(NULL);
	reporter_report(d->reporter);
}

static void on_health_time(void *context)
{
	Daemon *d = context;

	check_health(d);
	timer_start(d->health, health_interval_usec());
}

/* ---- What components report ---- */
static void on_senders_changed(void *context)
{
	Daemon *d = context;

	if (*sender_check_refusal(d->senders))
		faults_add(&d->faults, "%s", sender_check_refusal(d->senders));
	reporter_report(d->reporter);
}

static void on_tightened(void *context)
{
	Daemon *d = context;

	stale_flows_mark(d->stale_flows);
}

static void on_changed(void *context)
{
	Daemon *d = context;

	state_keeper_mark_tables(d->keeper);
}

static void on_removing(void *context)
{
	Daemon *d = context;

	if (d->denial_counter)
		denial_counter_read_now(d->denial_counter);
}

static void on_denied(void *context)
{
	Daemon *d = context;

	reporter_report(d->reporter);
}

static void on_flows_killed(void *context)
{
	Daemon *d = context;

	reporter_report(d->reporter);
}

/*
 * glibc holds freed memory back. After a large change most of it is free once the texts are saved,
 * so that is the moment to return it to the kernel.
 */
static void on_saved(void *context)
{
	Daemon *d = context;

	if (state_keeper_is_saved(d->keeper) && pipeline_take_garbage(d->pipeline))
		malloc_trim(0);
	reporter_report(d->reporter);
}

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
	if (error)
		DIAG_WARNING(diags, ((Origin){.file = d->settings->state}), "state",
			"enforcement is not affected, but a restart would restore the older copies",
			"the files and tables in force cannot be saved here: %s", error);
	return diags;
}

/* A ReporterFill. */
static void fill_status(void *context, Arena *arena, Status *ret_status)
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

/* ---- Reload ---- */
/* 0 or PARSE_E_INVALID: the settings in force stay. */
static int load_settings(Daemon *d)
{
	int r;

	if (d->pipeline) {
		take_refused(d);
		pipeline_reset(d->pipeline); /* it borrows the settings' texts and the feeds */
	}
	r = settings_reload(d->store);
	if (r == 0)
		feeds_set(d->feeds, d->settings);
	return r;
}

static void reload(Daemon *d)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_usec());
	if (load_settings(d) != 0)
		log_line(LOG_ERR, "settings",
			"the new settings have errors: the previous settings stay in force");
	denials_check(d->denials);
	start_from_scratch(d);
	update(d);
	if (d->is_ready)
		sd_notify(0, "READY=1");
}

static void on_host_name(void *context)
{
	Daemon *d = context;
	char now[HOST_NAME_MAX + 1];

	settings_host_name(now);
	if (!d->settings->is_host_name || strcmp(now, d->settings->node) == 0)
		return;
	log_line(LOG_NOTICE, "host-name", "the host's name is now \"%s\", and was \"%s\"", now,
		d->settings->node);
	reload(d);
}

/* ---- Signals ---- */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	(void)source, (void)info;
	reload(context);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	Daemon *d = context;

	(void)source, (void)info;
	notify_send("STOPPING=1");
	return sd_event_exit(d->event, 0);
}

/* ---- Lifetime ---- */
/* The signals are blocked before the saver's thread starts, which inherits the mask. */
static int open_event_loop(Daemon *d)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = sd_event_default(&d->event);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop, d);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop, d);
	if (r < 0)
		return r;
	d->watch = watch_new(d->event, on_files_changed, d);
	return 0;
}

static void make_timers(Daemon *d)
{
	const int64_t normal = SD_EVENT_PRIORITY_NORMAL;

	d->burst = timer_new(d->event, 1, normal, on_update_due, d);
	d->withdrawal = timer_new(d->event, 1, normal, on_update_due, d);
	d->retry = timer_new(d->event, 1, normal, on_update_due, d);
	d->sysctl = timer_new(d->event, SYSCTL_USEC / 10, normal, on_sysctl_time, d);
	/* idle: after all inotify events that wait to be read */
	d->health = timer_new(
		d->event, health_interval_usec() / 10, SD_EVENT_PRIORITY_IDLE, on_health_time, d);
}

/* What the loop and --once need. 0 or -errno. */
static int make_components(Daemon *d)
{
	EnforcerEvents events = {.context = d,
		.on_tightened = on_tightened,
		.on_changed = on_changed,
		.on_removing = on_removing};

	make_timers(d);
	d->enforcer = enforcer_new(d->nft, d->settings->table, d->options->is_naive, events);
	d->pipeline = pipeline_new(d->settings, d->feeds, undo_tampering, d);
	d->denial_counter = denial_counter_new(
		d->event, d->nft, d->settings, d->pipeline, d->enforcer, on_denied, d);
	d->denials = denials_new(d->event, d->nft, d->settings, d->pipeline,
		denial_counter_totals(d->denial_counter));
	d->stale_flows = stale_flows_new(
		d->event, d->nft, d->settings, d->enforcer, d->burst, on_flows_killed, d);
	d->senders =
		sender_check_new(d->event, d->nft, d->settings, d->pipeline, on_senders_changed, d);
	d->reporter = reporter_new(d->event, d->settings, fill_status, d);
	return state_keeper_new(
		d->event, d->nft, d->settings, d->feeds, d->enforcer, on_saved, d, &d->keeper);
}

/* Each component before those that it borrows; the reporter may make a last report of the others.
 */
static void end(Daemon *d)
{
	if (d->denial_counter && d->keeper) {
		denial_counter_read_now(d->denial_counter);
		denial_counter_save(d->denial_counter, d->keeper, true);
	}
	d->watch = watch_free(d->watch);
	d->link_watch = link_watch_free(d->link_watch);
	d->host_name = host_name_free(d->host_name);
	d->reporter = reporter_free(d->reporter);
	d->keeper = state_keeper_free(d->keeper);
	d->tamper = tamper_free(d->tamper);
	d->stale_flows = stale_flows_free(d->stale_flows);
	d->senders = sender_check_free(d->senders);
	d->denials = denials_free(d->denials);
	d->denial_counter = denial_counter_free(d->denial_counter);
	d->pipeline = pipeline_free(d->pipeline);
	d->enforcer = enforcer_free(d->enforcer);
	d->burst = timer_free(d->burst);
	d->withdrawal = timer_free(d->withdrawal);
	d->retry = timer_free(d->retry);
	d->sysctl = timer_free(d->sysctl);
	d->health = timer_free(d->health);
	sd_event_unref(d->event);
	nft_close(d->nft);
	feeds_free(d->feeds);
	other_engines_free(d->other_engines);
	settings_store_free(d->store);
}

/* ---- Running ---- */
/* These return the exit status. */
static int run_remove(Daemon *d)
{
	int r = tables_remove(d->nft, d->settings->table);

	if (r > 0)
		log_line(LOG_ERR, "refused", "the kernel refused to delete the tables: %s",
			nft_error(d->nft));
	else if (r < 0)
		log_line(LOG_ERR, "failed", "cannot delete the tables: %s", strerror(-r));
	return r != 0;
}

static int run_once(Daemon *d)
{
	int r = make_components(d);
	bool has_components = r == 0;

	if (r == 0)
		r = reconcile(d);
	d->checked_at = time(NULL);
	if (r < 0)
		log_line(LOG_ERR, "failed", "cannot read or apply the files: %s", strerror(-r));
	if (!has_components)
		return 1;
	reporter_report(d->reporter);
	return r != 0 || pipeline_diags(d->pipeline)->n_errors > 0 || !faults_is_empty(&d->faults);
}

static int start_loop(Daemon *d)
{
	int r = open_event_loop(d);

	if (r == 0)
		r = make_components(d);
	if (r == 0)
		r = timer_start(d->sysctl, SYSCTL_USEC);
	if (r == 0)
		r = timer_start(d->health, health_interval_usec());
	if (r < 0)
		return r;
	/* subscribed before our first look at the tables, so that no foreign change is missed */
	d->tamper =
		tamper_new(d->event, d->nft, d->enforcer, d->settings->table, on_notification, d);
	d->link_watch = link_watch_new(d->event, on_links_changed, d);
	state_keeper_restore_tables(d->keeper);
	other_engines_look(d->other_engines);
	r = update(d);
	if (r != 0)
		return r;
	d->host_name = host_name_new(d->event, on_host_name, d);
	on_host_name(d); /* it may have changed since the settings were read */
	return 0;
}

static int run_loop(Daemon *d)
{
	int r = start_loop(d);

	if (r < 0)
		log_line(LOG_ERR, "failed", "cannot start: %s", error_text(-r));
	if (r != 0) /* the first update failed: systemd shall show that, and start us again */
		return 1;
	return sd_event_loop(d->event) < 0;
}

static int run(Daemon *d)
{
	if (d->options->is_remove)
		return run_remove(d);
	return d->options->is_once ? run_once(d) : run_loop(d);
}

/* 0, or -EWOULDBLOCK: another netpold runs. Any other error is not worth going without policies. */
static int take_lock(const Daemon *d)
{
	pid_t holder = 0;
	int r = lock_take(d->settings->runtime, &holder);

	if (r == -EWOULDBLOCK)
		log_line(LOG_ERR, "locked",
			"another netpold (process %d) uses the runtime directory %s: %s",
			(int)holder, d->settings->runtime,
			d->options->is_remove ? "stop it first"
					      : "two would undo each other's changes");
	else if (r < 0)
		log_line(LOG_WARNING, "lock",
			"cannot lock %s, so nothing prevents a second netpold from starting: %s",
			d->settings->runtime, strerror(-r));
	return r == -EWOULDBLOCK ? r : 0;
}

int daemon_run(const DaemonOptions *options)
{
	Daemon d = {.options = options};
	int r;

	d.store = settings_store_new(&options->settings);
	d.settings = settings_in_force(d.store);
	d.feeds = feeds_new();
	d.other_engines = other_engines_new();
	r = load_settings(&d);
	if (r == 0)
		r = take_lock(&d);
	if (r == 0)
		r = nft_open(&d.nft);
	if (r < 0 && r != -EWOULDBLOCK) /* that was logged */
		log_line(LOG_ERR, "failed", "cannot start: %s", error_text(-r));
	r = r != 0 ? 1 : run(&d);
	end(&d);
	return r;
}
