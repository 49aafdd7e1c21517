/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop. It owns the components (daemon.h) and decides what follows from which event:
 * mostly an update (update.h), and a report (describe.h). Components call only those below them;
 * what concerns others they report to the callbacks here.
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
#include "daemon.h"
#include "describe.h"
#include "health.h"
#include "limits.h"
#include "lock.h"
#include "log.h"
#include "notify.h"
#include "table.h"
#include "update.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

/* The kernel does not notify of a change below /proc/sys. */
#define SYSCTL_USEC (250 * 1000)

/* ---- Events ---- */
static void on_notification(void *context)
{
	Daemon *d = context;
	uint64_t before = enforcer_record(d->enforcer)->repairs;

	update_undo_tampering(d);
	if (enforcer_record(d->enforcer)->repairs != before)
		reporter_report(d->reporter);
}

static void on_update_due(void *context)
{
	update_all(context);
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
		update_all(d);
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
		update_all(d);
	}
	timer_start(d->sysctl, SYSCTL_USEC);
}

static void on_links_changed(void *context)
{
	Daemon *d = context;
	bool is_changed;

	if (link_watch_apply(d->link_watch, d->enforcer, update_wanted_bridge(d), &is_changed) != 0)
		timer_start(d->retry, RETRY_USEC);
	if (!is_changed)
		return;
	update_follow_up(d);
	reporter_report(d->reporter);
}

/* ---- Health ---- */
/* After a fault everything is read and applied anew; what is still wrong then is reported. */
static void recover(Daemon *d, const HealthSubjects *subjects, const char *why)
{
	if (why)
		log_line(LOG_WARNING, "health", "%s: everything is read and applied anew", why);
	enforcer_forget(d->enforcer);
	update_start_from_scratch(d);
	update_all(d);
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

	update_undo_tampering(d);
	sender_check_repair(d->senders, !nft_generation_is_accounted(d->nft));
	if (feeds_mark_stale(d->feeds))
		update_all(d);
	why = health_find_fault(&subjects);
	update_undo_tampering(d); /* notifications that the check read from the socket */
	if (denials_check(d->denials) && !why)
		why = "the kernel can log refused packets now";
	if (why || !faults_is_empty(&d->faults))
		recover(d, &subjects, why);
	other_engines_look(d->other_engines);
	sender_check_count(d->senders);
	denial_counter_save(d->denial_counter, d->keeper, false);
	if (!state_keeper_is_saved(d->keeper))
		state_keeper_retry(d->keeper);
	update_say_ready(d);
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

	if (!d->denial_counter)
		return;
	denial_counter_read_now(d->denial_counter);
	if (d->keeper) /* the totals alone know then what the table has counted */
		denial_counter_save(d->denial_counter, d->keeper, true);
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

/* ---- Reload ---- */
/* 0 or PARSE_E_INVALID: the settings in force stay. */
static int load_settings(Daemon *d)
{
	int r = settings_reload(d->store);

	if (r == 0)
		feeds_set(d->feeds, d->settings);
	return r;
}

static void reload(Daemon *d)
{
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_usec());
	update_start_from_scratch(d); /* the pipeline borrows the settings' texts and the feeds */
	if (load_settings(d) != 0)
		log_line(LOG_ERR, "settings",
			"the new settings have errors: the previous settings stay in force");
	denials_check(d->denials);
	update_all(d);
	d->owes_ready = d->is_ready;
	update_say_ready(d);
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
	d->pipeline = pipeline_new(d->settings, d->feeds, update_undo_tampering, d);
	d->denial_counter = denial_counter_new(
		d->event, d->nft, d->settings, d->pipeline, d->enforcer, on_denied, d);
	d->senders =
		sender_check_new(d->event, d->nft, d->settings, d->pipeline, on_senders_changed, d);
	d->denials = denials_new(d->event, d->nft, d->settings, d->pipeline,
		denial_counter_totals(d->denial_counter), d->senders);
	d->stale_flows = stale_flows_new(
		d->event, d->nft, d->settings, d->enforcer, d->burst, on_flows_killed, d);
	d->reporter = reporter_new(d->event, d->settings, describe_daemon, d);
	return state_keeper_new(
		d->event, d->nft, d->settings, d->feeds, d->enforcer, on_saved, d, &d->keeper);
}

/* Each component before those that it borrows; the reporter may make a last report of the others.
 */
static void end(Daemon *d)
{
	if (d->denials) /* before the totals are saved */
		denials_close(d->denials);
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
	d->denials = denials_free(d->denials);
	d->senders = sender_check_free(d->senders);
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
		r = update_once(d);
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
	r = update_all(d);
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
