/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports: only what differs from the last report, rate-limited. */
#include "reporter.h"
#include "log.h"
#include "notify.h"
#include "timer.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

/* Reporting takes at most a tenth of the time. */
#define TIME_SHARE 10

struct Reporter {
	const Settings *settings;
	ReporterFill fill;
	void *context;
	Timer *timer;
	uint64_t end_usec, took_usec; /* of the last report */
	Arena *logged_arena;
	StrMap *logged;		/* the keys of the messages of the last report; NULL: none yet */
	char *status, *metrics; /* the texts written last; NULL: none */
};

/* ---- Files ---- */
/* A text that was written last under its name. */
static bool is_written(char **written, const char *text)
{
	if (text_is_equal(text, *written))
		return true;
	free(*written);
	*written = memory_copy_text(text);
	return false;
}

static void write_file(const Reporter *reporter, const char *name, const char *text)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *runtime = reporter->settings->runtime;
	const char *path = arena_printf(arena, "%s/%s", runtime, name);
	int r;

	if (mkdir(runtime, 0755) < 0 && errno != EEXIST)
		log_line(LOG_WARNING, "status", "cannot create %s: %s", runtime, strerror(errno));
	r = source_file_replace(AT_FDCWD, path, text, strlen(text), NULL);
	if (r < 0)
		log_line(LOG_WARNING, "status", "cannot write %s: %s", path, strerror(-r));
}

/* The metrics change more often than the status: they have what was refused. */
static void write_status(Reporter *reporter, Arena *arena, const Status *status)
{
	const char *json = status_json(arena, status), *metrics = status_metrics(arena, status);

	if (!is_written(&reporter->status, json)) {
		write_file(reporter, RUN_STATUS_FILE, json);
		notify_send("STATUS=%s", status_line(arena, status));
	}
	if (!is_written(&reporter->metrics, metrics))
		write_file(reporter, RUN_METRICS_FILE, metrics);
}

/* ---- Journal ---- */
/*
 * What makes a message new. Its line and column do not: kubelet lists its pods in another order
 * each time, and what is above a policy in its file may have grown.
 */
static const char *message_key(Arena *arena, const Diag *diag)
{
	return arena_printf(arena, "%s\n%s\n%s\n%s", severity_text(diag->severity),
		diag->origin.file ? diag->origin.file : "", diag->message,
		diag->hint ? diag->hint : "");
}

/* False: the last report had it too. */
static bool is_new(const Reporter *reporter, StrMap *now, const char *key)
{
	strmap_put(now, key, now);
	return !reporter->logged || !strmap_get(reporter->logged, key);
}

/* Logs what the last report did not have, and remembers what this one has. */
static void log_status(Reporter *reporter, const Status *status)
{
	const Diags *diags = status->diags;
	Arena *arena = arena_new();
	StrMap *now = strmap_new(arena);

	for (size_t i = 0; i < diags->list.n; i++)
		if (is_new(reporter, now, message_key(arena, &diags->list.at[i])))
			log_diag(&diags->list.at[i]);
	if (diags->n_dropped && is_new(reporter, now, "dropped"))
		log_line(LOG_WARNING, "dropped", "%zu more diagnostics are not logged",
			diags->n_dropped);
	if (status->unhealthy && is_new(reporter, now, arena_strdup(arena, status->unhealthy)))
		log_line(LOG_ERR, "unhealthy", "unhealthy: %s", status->unhealthy);
	arena_free(reporter->logged_arena);
	reporter->logged_arena = arena;
	reporter->logged = now;
}

/* ---- When ---- */
static void write_report(Reporter *reporter)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Status status;

	reporter->fill(reporter->context, arena, &status);
	status_summarize(arena, &status);
	log_status(reporter, &status);
	write_status(reporter, arena, &status);
}

static void report_now(void *context)
{
	Reporter *reporter = context;
	uint64_t start = clock_usec();

	timer_stop(reporter->timer);
	write_report(reporter);
	reporter->end_usec = clock_usec();
	reporter->took_usec = reporter->end_usec - start;
}

void reporter_report(Reporter *reporter)
{
	uint64_t next = reporter->end_usec + TIME_SHARE * reporter->took_usec;

	if (timer_is_armed(reporter->timer))
		return;
	if (clock_usec() >= next || timer_start_at(reporter->timer, next) < 0)
		report_now(reporter);
}

/* ---- Lifetime ---- */
Reporter *reporter_new(sd_event *event, const Settings *settings, ReporterFill fill, void *context)
{
	Reporter *reporter = MEMORY_NEW(Reporter);

	*reporter = (Reporter){.settings = settings, .fill = fill, .context = context};
	reporter->timer = timer_new(event, 1, SD_EVENT_PRIORITY_NORMAL, report_now, reporter);
	return reporter;
}

Reporter *reporter_free(Reporter *reporter)
{
	if (!reporter)
		return NULL;
	if (timer_is_armed(reporter->timer))
		report_now(reporter);
	timer_free(reporter->timer);
	arena_free(reporter->logged_arena);
	free(reporter->status);
	free(reporter->metrics);
	free(reporter);
	return NULL;
}
