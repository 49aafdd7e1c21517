/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports: only what differs from the last report, rate-limited. */
#include "reporter.h"
#include "log.h"
#include "notify.h"
#include "replace_file.h"
#include "timer.h"
#include <errno.h>
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
	StrMap *logged; /* the keys of the messages of the last report; NULL: none yet */
	char *written;	/* the status.json written last; NULL: none */
};

/* ---- Files ---- */
static void write_status(
	const Reporter *reporter, Arena *arena, const Status *status, const char *json)
{
	const char *runtime = reporter->settings->runtime;
	const char *metrics = status_metrics(arena, status);
	int r;

	if (mkdir(runtime, 0755) < 0 && errno != EEXIST)
		log_line(LOG_WARNING, "status", "cannot create %s: %s", runtime, strerror(errno));
	r = replace_file(runtime, RUN_STATUS_FILE, json, strlen(json));
	if (r == 0)
		r = replace_file(runtime, RUN_METRICS_FILE, metrics, strlen(metrics));
	if (r < 0)
		log_line(LOG_WARNING, "status", "cannot write the status and the metrics to %s: %s",
			runtime, strerror(-r));
	notify_send("STATUS=%s", status_line(arena, status));
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
	const char *json;
	Status status;

	reporter->fill(reporter->context, arena, &status);
	status_summarize(arena, &status);
	log_status(reporter, &status);
	json = status_json(arena, &status);
	if (text_is_equal(json, reporter->written))
		return;
	free(reporter->written);
	reporter->written = memory_copy_text(json);
	write_status(reporter, arena, &status, json);
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
	free(reporter->written);
	free(reporter);
	return NULL;
}
