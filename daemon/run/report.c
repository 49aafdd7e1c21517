/* Reports: written only when they say something new. */
#include "daemon.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* The last reconciliation's, and what the saver says. In the arena. */
static Diags diags_of(Daemon *d, Arena *arena, const char **ret_saving)
{
	Diags diags = {.arena = arena};
	char words[256];

	diags_append(&diags, &d->diags);
	saver_error(d->saver, words, sizeof(words));
	*ret_saving = *words ? arena_strdup(arena, words) : daemon_is_saved(d) ? "saved" : "saving";
	if (*words)
		DIAG_WARNING(&diags, ((Origin){.file = d->settings.state}), "state",
			"a restart would find what was kept before",
			"what is in force cannot be kept here: %s", words);
	return diags;
}

static Status status_of(const Daemon *d, const Diags *diags, const char *saving)
{
	return (Status){.saving = saving,
		.generation = d->generation,
		.repairs = d->repairs,
		.cut = d->cut,
		.applied_at = d->applied_at,
		.apply_ms = d->apply_ms,
		.last = d->last,
		.node = d->settings.node,
		.table = d->settings.table,
		.bridge = d->bridge.mode ? d->bridge.mode : "none",
		.bridge_why = d->bridge.why,
		.unhealthy = d->unhealthy[0] ? d->unhealthy : NULL,
		.model = d->snapshot ? snapshot_model(d->snapshot) : NULL,
		.ruleset = d->applied[OURS_INET],
		.dirs = {d->dirs[0], d->dirs[1]},
		.diags = diags};
}

static int write_whole(int fd, const char *text)
{
	for (size_t n = strlen(text), done = 0; done < n;) {
		ssize_t put = write(fd, text + done, n - done);

		if (put < 0 && errno != EINTR)
			return -errno;
		done += put > 0 ? (size_t)put : 0;
	}
	return 0;
}

/* Beside the name, then renamed over it: a reader sees the old or the new, whole. */
static int replace_file(Arena *arena, const char *dir, const char *name, const char *text)
{
	const char *path = arena_printf(arena, "%s/%s", dir, name);
	const char *beside = arena_printf(arena, "%s/.%s.new", dir, name);
	int r, fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0644) < 0 ? -errno : write_whole(fd, text); /* whatever the umask is */
	close(fd);
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	return r;
}

static bool is_shown(Daemon *d, const char *text)
{
	char name[DIGEST_NAME_LENGTH + 1];
	Digest digest;

	digest_start(&digest);
	digest_add_text(&digest, text);
	digest_end_name(&digest, name);
	if (strcmp(name, d->shown) == 0)
		return true;
	snprintf(d->shown, sizeof(d->shown), "%s", name);
	return false;
}

static void log_diags(Daemon *d, Arena *arena, const Diags *diags)
{
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < diags->list.n; i++)
		buf_printf(&buf, "%s\n", diag_line(arena, &diags->list.at[i]));
	buf_add(&buf, d->unhealthy);
	if (is_shown(d, buf_text(&buf)))
		return;
	for (size_t i = 0; i < diags->list.n; i++)
		log_diag(&diags->list.at[i]);
	if (diags->n_dropped)
		log_line(LOG_WARNING, "dropped", "%zu more diagnostics", diags->n_dropped);
	if (d->unhealthy[0])
		log_line(LOG_ERR, "unhealthy", "unhealthy: %s", d->unhealthy);
}

static void write_status(Daemon *d, Arena *arena, const Status *status, const char *json)
{
	const char *runtime = d->settings.runtime;
	int r;

	if (mkdir(runtime, 0755) < 0 && errno != EEXIST)
		log_line(LOG_WARNING, "status", "%s: %s", runtime, strerror(errno));
	r = replace_file(arena, runtime, RUN_STATUS_FILE, json);
	if (r == 0)
		r = replace_file(arena, runtime, RUN_METRICS_FILE, status_metrics(arena, status));
	if (r < 0)
		log_line(
			LOG_WARNING, "status", "%s/" RUN_STATUS_FILE ": %s", runtime, strerror(-r));
	daemon_notify("STATUS=%s", status_line(arena, status));
}

static void report(Daemon *d)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *json, *saving;
	Diags diags;
	Status status;

	if (!d->saver)
		return;
	diags = diags_of(d, arena, &saving);
	status = status_of(d, &diags, saving);
	log_diags(d, arena, &diags);
	json = status_json(arena, &status);
	if (text_is_equal(json, d->written))
		return;
	free(d->written);
	d->written = memory_copy_text(json);
	write_status(d, arena, &status, json);
}

/* ---- When ---- */
/* The status names every file: of a large cluster it must not take more than this of the time. */
#define REPORT_SHARE 10

void daemon_report_now(Daemon *d)
{
	uint64_t start = daemon_now_usec();

	d->report = sd_event_source_unref(d->report);
	report(d);
	d->reported = daemon_now_usec();
	d->report_usec = d->reported - start;
}

static int on_time(sd_event_source *source, uint64_t at, void *context)
{
	(void)source, (void)at;
	daemon_report_now(context);
	return 0;
}

void daemon_report(Daemon *d)
{
	uint64_t next = d->reported + REPORT_SHARE * d->report_usec;

	if (d->report)
		return;
	if (!d->event || daemon_now_usec() >= next ||
		sd_event_add_time(d->event, &d->report, CLOCK_MONOTONIC, next, 1, on_time, d) < 0)
		daemon_report_now(d);
}
