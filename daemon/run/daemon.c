/*
 * The loop: something may have changed (inotify, SIGHUP) -> a burst is gathered for settle_ms, its
 * files read meanwhile -> reconcile -> report. When the kernel refuses, it is tried again every
 * second. What others do to our table comes before all else. Stopping leaves the table in the
 * kernel: enforcement does not depend on this process living.
 */
#include "daemon.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define RETRY_USEC (1000 * 1000)
/* Nobody tells when a switch below /proc/sys is turned: they are looked at this often. */
#define TICK_USEC (250 * 1000)

static int on_settled(sd_event_source *source, uint64_t at, void *context);

uint64_t daemon_now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool is_armed(sd_event_source *timer)
{
	int on = SD_EVENT_OFF;

	return timer && sd_event_source_get_enabled(timer, &on) >= 0 && on != SD_EVENT_OFF;
}

bool daemon_is_gathering(const Daemon *d)
{
	return is_armed(d->settle);
}

/* Gathers: the timer runs from the first event of a burst. */
static int schedule(Daemon *d, sd_event_source **timer, uint64_t usec)
{
	if (is_armed(*timer))
		return 0;
	*timer = sd_event_source_unref(*timer);
	return sd_event_add_time_relative(d->event, timer, CLOCK_MONOTONIC, usec, 1, on_settled, d);
}

static void on_news(void *context)
{
	Daemon *d = context;

	schedule(d, &d->settle, (uint64_t)d->settings.settle_ms * 1000);
	for (int i = 0; i < 2; i++)
		source_dir_prefetch(d->dirs[i]);
}

/* Once, when enforcement has begun. */
static void say_ready(Daemon *d)
{
	if (!d->is_ready && d->generation > 0)
		sd_notify(0, "READY=1");
	d->is_ready |= d->generation > 0;
}

int daemon_update(Daemon *d)
{
	/* armed before the reading: what changes while we read is news again */
	int r = watch_arm(d->watch, d->dirs);

	if (r < 0)
		log_line(LOG_WARNING, "watch", "watching the directories: %s", strerror(-r));
	r = daemon_reconcile(d);
	say_ready(d);
	daemon_report(d);
	daemon_schedule_saving(d);
	daemon_schedule_cut(d);
	if (r != 0)
		schedule(d, &d->retry, RETRY_USEC);
	return r;
}

static int on_settled(sd_event_source *source, uint64_t at, void *context)
{
	(void)source, (void)at;
	daemon_update(context);
	return 0;
}

/* ---- Repair ---- */
/* Whether anything had to be mended. */
static bool mend(Daemon *d, char ret_who[NFT_WHO_SIZE])
{
	NftNotice news = d->table ? nft_watch_read(d->nft, ret_who) : NFT_NOTICE_NONE;
	uint64_t before = d->repairs;

	if (news == NFT_NOTICE_NONE || !d->applied[OURS_INET])
		return false;
	if (daemon_repair(d, news == NFT_NOTICE_TAMPERED) != 0)
		schedule(d, &d->retry, RETRY_USEC);
	return d->repairs != before;
}

void daemon_take_news(Daemon *d)
{
	char who[NFT_WHO_SIZE] = "";

	if (!mend(d, who))
		return;
	mend(d, who); /* whose it was comes last, often only after it is mended */
	log_line(LOG_WARNING, "repaired",
		"somebody%s%s%s changed table \"%s\": isolated pods were safe after %u ms, "
		"repaired after %u ms",
		*who ? " (" : "", who, *who ? ")" : "", d->settings.table, d->safe_ms, d->apply_ms);
	daemon_schedule_saving(d);
	daemon_schedule_cut(d);
}

/* From memory; the files are not asked. */
static int on_table(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Daemon *d = context;
	uint64_t before = d->repairs;

	(void)source, (void)fd, (void)events;
	daemon_take_news(d);
	if (d->repairs != before)
		daemon_report(d);
	return 0;
}

/* ---- The bridge's switches ---- */
static int on_tick(sd_event_source *source, uint64_t at, void *context)
{
	Daemon *d = context;

	(void)at;
	if (!bridge_is_as_seen(&d->bridge)) {
		log_line(LOG_WARNING, "bridge", "somebody turned br_netfilter's switches");
		daemon_update(d);
	}
	sd_event_source_set_time_relative(source, TICK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- Health ---- */
static int on_health(sd_event_source *source, uint64_t at, void *context)
{
	(void)at;
	daemon_check_health(context);
	sd_event_source_set_time_relative(source, daemon_health_usec());
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* When everything was read, compiled and kept, most of the memory that took is free. */
static void on_saved(void *context)
{
	Daemon *d = context;

	if (d->has_garbage && daemon_is_saved(d)) {
		malloc_trim(0);
		d->has_garbage = false;
	}
	daemon_report(d);
}

static void watch_table(Daemon *d)
{
	int fd = nft_watch(d->nft, d->settings.table);
	int r = fd < 0 ? fd
		       : sd_event_add_io(d->event, &d->table, fd, 1 /* EPOLLIN */, on_table, d);

	if (r >= 0)
		r = sd_event_source_set_priority(d->table, SD_EVENT_PRIORITY_IMPORTANT);
	nft_generation_mark(d->nft);
	if (r < 0)
		log_line(LOG_WARNING, "watch",
			"changes of the table by others will not be seen: %s", strerror(-r));
}

/* ---- Settings ---- */
static void make_dirs(Daemon *d, const Settings *settings)
{
	const char *paths[2] = {settings->policies, settings->inventory};

	for (int i = 0; i < 2; i++) {
		if (d->dirs[i] && strcmp(source_dir_path(d->dirs[i]), paths[i]) == 0)
			continue;
		daemon_drop_model(d);
		source_dir_free(d->dirs[i]);
		d->dirs[i] =
			source_dir_new(i == 0 ? SOURCE_POLICIES : SOURCE_INVENTORY, paths[i], true);
	}
}

static const char *either(const char *option, const char *setting)
{
	return option ? option : setting;
}

int daemon_load_settings(Daemon *d)
{
	const DaemonOptions *o = d->options;
	Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	Settings settings;
	int r = settings_load(arena, o->conf, o->is_conf_default, &settings, &diags);

	for (size_t i = 0; i < diags.list.n; i++)
		log_diag(&diags.list.at[i]);
	if (r != 0) {
		arena_free(arena);
		return r;
	}
	settings.policies = either(o->policies, settings.policies);
	settings.inventory = either(o->inventory, settings.inventory);
	settings.node = either(o->node, settings.node);
	settings.runtime = either(o->runtime, settings.runtime);
	make_dirs(d, &settings);
	if (d->settings.table && strcmp(d->settings.table, settings.table) != 0) {
		log_line(LOG_ERR, "table",
			"the table's name changes only with a restart: it stays \"%s\"",
			d->settings.table);
		settings.table = arena_strdup(arena, d->settings.table);
	}
	daemon_drop_model(d); /* it borrows them */
	arena_free(d->settings_arena);
	d->settings_arena = arena;
	d->settings = settings;
	return 0;
}

/* ---- Signals ---- */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	Daemon *d = context;

	(void)source, (void)info;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)daemon_now_usec());
	if (daemon_load_settings(d) != 0)
		log_line(LOG_ERR, "settings", "the settings in force stay");
	daemon_begin_anew(d);
	daemon_update(d);
	if (d->is_ready)
		sd_notify(0, "READY=1");
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	Daemon *d = context;

	(void)source, (void)info;
	daemon_notify("STOPPING=1");
	return sd_event_exit(d->event, 0);
}

static int set_up_signals(Daemon *d)
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
	return r;
}

static int set_up_events(Daemon *d)
{
	uint64_t health = daemon_health_usec();
	int r = set_up_signals(d);

	if (r >= 0)
		r = watch_new(d->event, on_news, d, &d->watch);
	if (r >= 0)
		r = sd_event_add_time_relative(
			d->event, &d->tick, CLOCK_MONOTONIC, TICK_USEC, TICK_USEC / 10, on_tick, d);
	if (r >= 0)
		r = sd_event_add_time_relative(
			d->event, &d->health, CLOCK_MONOTONIC, health, health / 10, on_health, d);
	/* after what inotify has to tell */
	if (r >= 0)
		r = sd_event_source_set_priority(d->health, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = saver_new(d->event, on_saved, d, &d->saver);
	return r < 0 ? r : 0;
}

/* ---- Running ---- */
static int run_once(Daemon *d)
{
	int r = saver_new(NULL, NULL, NULL, &d->saver);

	if (r == 0)
		r = daemon_reconcile(d);
	if (r < 0)
		log_line(LOG_ERR, "failed", "%s", strerror(-r));
	daemon_report(d);
	return r != 0 || d->diags.n_errors > 0 || d->unhealthy[0];
}

static int run_loop(Daemon *d)
{
	int r = set_up_events(d);

	if (r == 0) {
		/* before our first word on it, so that nobody's change falls between */
		watch_table(d);
		daemon_restore_tables(d);
		r = daemon_update(d);
	}
	if (r < 0)
		log_line(LOG_ERR, "failed", "cannot start: %s", strerror(-r));
	if (r != 0) /* nothing new is enforced: let the service manager know */
		return 1;
	return sd_event_loop(d->event) < 0;
}

static void end(Daemon *d)
{
	d->watch = watch_free(d->watch);
	if (d->report)
		daemon_report_now(d);
	free(d->written);
	if (d->saver) {
		daemon_save_tables(d);
		d->saver = saver_free(d->saver);
	}
	sd_event_source_unref(d->settle);
	sd_event_source_unref(d->retry);
	sd_event_source_unref(d->table);
	sd_event_source_unref(d->tick);
	sd_event_source_unref(d->health);
	sd_event_source_unref(d->save);
	sd_event_source_unref(d->flows);
	sd_event_source_unref(d->cut_timer);
	sd_event_unref(d->event);
	daemon_drop_model(d);
	for (int i = 0; i < 2; i++)
		source_dir_free(d->dirs[i]);
	for (int t = 0; t < OURS_N; t++)
		ruleset_unref(d->applied[t]);
	nft_close(d->nft);
	arena_free(d->own_arena);
	arena_free(d->diag_arena);
	arena_free(d->settings_arena);
}

static int run(Daemon *d)
{
	if (d->options->is_remove)
		return daemon_remove(d) != 0;
	return d->options->is_once ? run_once(d) : run_loop(d);
}

int daemon_run(const DaemonOptions *options)
{
	Daemon d = {.options = options};
	int r = daemon_load_settings(&d);

	if (r == 0)
		r = nft_open(&d.nft);
	if (r < 0)
		log_line(LOG_ERR, "failed", "cannot start: %s", strerror(-r));
	r = r != 0 ? 1 : run(&d);
	end(&d);
	return r;
}
