/*
 * Health: twice in the watchdog's interval it is looked whether enforcement is what it should be,
 * at the things themselves. If it is not, everything is read and put back; if that does not help,
 * the watchdog is not fed, and systemd starts us anew.
 */
#include "daemon.h"
#include <stdio.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#define HEALTH_USEC_DEFAULT (15 * 1000 * 1000)

uint64_t daemon_health_usec(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec / 2 : HEALTH_USEC_DEFAULT;
}

/*
 * Small tables are read back each time. Of large ones, which would keep us from everything else for
 * half a second, the books tell; they are read when those do not balance.
 */
#define READ_COST_SMALL 5000

static bool is_large(const Daemon *d)
{
	return d->applied[OURS_INET] && ruleset_cost(d->applied[OURS_INET]) > READ_COST_SMALL;
}

static const char *check_tables(Daemon *d)
{
	if (is_large(d) && nft_generation_is_accounted(d->nft))
		return NULL;
	for (int t = 0; t < OURS_N; t++) {
		bool is_so = false;

		if (!d->is_known[t])
			return "it is not known what the kernel holds";
		if (d->applied[t] && nft_check(d->nft, d->applied[t], &is_so) == 0 && !is_so)
			return "the table in the kernel is not the one that was written";
	}
	nft_generation_mark(d->nft);
	return NULL;
}

static const char *compare_files(Daemon *d)
{
	if (!watch_is_alive(d->watch, d->dirs))
		return "a directory is not watched any more, or is another one";
	for (int i = 0; i < 2; i++)
		if (!daemon_is_gathering(d) && !source_dir_is_current(d->dirs[i]))
			return "files are not what was read, and nothing told of it";
	return NULL;
}

/* A mount over the directory, a lost event: what inotify did not tell. What it tells at this moment
 * is news, and comes next: files may change while they are looked at. */
static const char *check_files(Daemon *d)
{
	const char *why = compare_files(d);

	return why && watch_has_news(d->watch) ? NULL : why;
}

static const char *find_fault(Daemon *d)
{
	const char *why = check_tables(d);

	if (!why && !bridge_is_as_seen(&d->bridge))
		why = "br_netfilter's switches were turned";
	return why ? why : check_files(d);
}

void daemon_check_health(Daemon *d)
{
	const char *why;

	daemon_take_news(d);
	why = find_fault(d);
	daemon_take_news(d); /* what the books read */
	if (why || d->unhealthy[0]) {
		if (why)
			log_line(LOG_WARNING, "health", "%s: everything is read and applied anew",
				why);
		daemon_forget(d);
		daemon_begin_anew(d);
		daemon_update(d);
		why = find_fault(d);
		if (why && !d->unhealthy[0]) {
			snprintf(d->unhealthy, sizeof(d->unhealthy), "%s", why);
			daemon_report(d);
		}
	}
	daemon_review_cut(d);
	/* a disk that was full is tried again */
	if (!daemon_is_saved(d))
		saver_add(d->saver, d->settings.state, NULL);
	if (!d->unhealthy[0])
		daemon_notify("WATCHDOG=1");
}
