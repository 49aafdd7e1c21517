/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpol-mirror's event loop: makes the components, and says what follows from what:
 *
 *     kind.h     asks for one kind of object -- a part of an answer --> writer_start()
 *                                            -- an answer is over  --> and a report
 *     writer.h   writes the files            -- written            --> a report
 *     report.h   status, .alive, systemd     <-- (timer) at least every 5 s, at most each second
 */
#include "kind.h"
#include "log.h"
#include "notify.h"
#include "report.h"
#include "server.h"
#include "timer.h"
#include "writer.h"
#include <errno.h>
#include <signal.h>
#include <time.h>

#define REPORT_USEC 5000000	  /* how often the status is written at least, */
#define REPORT_APART_USEC 1000000 /* and at most */

typedef struct Mirror {
	sd_event *event;
	const char *directory, *kubeconfig, *server;
	Connections *connections;
	Kind *kinds[API_KIND_N];
	Writer *writer;
	sd_event_source *report;
	uint64_t report_not_before; /* CLOCK_MONOTONIC */
	bool owes_ready;	    /* READY=1 is still to be sent */
	int64_t started_at;
	int64_t connected_at; /* 0: the last request of a kind found no connection */
} Mirror;

/* ---- Reports ---- */
static MirrorStatus status_now(const Mirror *m)
{
	const WriterStatus writer = writer_status(m->writer);
	MirrorStatus status = {.server = m->server,
		.files = writer.error < 0 ? strerror(-writer.error) : NULL,
		.now = (int64_t)time(NULL),
		.started_at = m->started_at,
		.connected_at = m->connected_at,
		.files_written = writer.files_written,
		.is_ready = writer.is_ready,
		.heard_at = INT64_MAX};

	for (int i = 0; i < API_KIND_N; i++) {
		KindStatus *kind = &status.kinds[i];

		*kind = kind_status(m->kinds[i]);
		if (kind->heard_at <
			status.heard_at) /* 0: never, so nor of all; RBAC may forbid it */
			status.heard_at = kind->heard_at;
	}
	return status;
}

static void report_now(Mirror *m)
{
	MirrorStatus status = status_now(m);

	m->owes_ready = report_write(m->directory, &status, m->owes_ready);
}

static void report_soon(Mirror *m)
{
	timer_advance(m->report, m->report_not_before);
}

static int on_report(sd_event_source *source, uint64_t usec, void *context)
{
	Mirror *m = context;

	(void)source, (void)usec;
	writer_check(m->writer);
	report_now(m);
	m->report_not_before = now_usec() + REPORT_APART_USEC;
	timer_set(m->report, now_usec() + REPORT_USEC);
	return 0;
}

/* ---- What follows from what ---- */
static void on_fed(void *context, bool is_served)
{
	Mirror *m = context;

	if (is_served && m->connected_at == 0)
		m->connected_at = (int64_t)time(NULL);
	writer_start(m->writer);
}

static void on_ended(void *context, bool is_cut)
{
	Mirror *m = context;

	if (is_cut)
		m->connected_at = 0;
	writer_start(m->writer);
	report_soon(m);
}

/* The promise (.alive) comes before what makes netpold believe that this is all. */
static void on_complete(void *context)
{
	Mirror *m = context;

	for (int i = 0; i < API_KIND_N; i++)
		if (!kind_is_listed(m->kinds[i]))
			log_line(LOG_WARNING, "%s: RBAC forbids them: none is known",
				API_KIND_TEXT[i]);
	log_line(LOG_INFO, "%s: all that may be listed was listed and written", m->server);
	m->owes_ready = true;
	report_now(m);
}

static void on_written(void *context)
{
	report_soon(context);
}

/* ---- Start and end ---- */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	(void)info, (void)context;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int open_event(Mirror *m)
{
	sigset_t signals;
	int r = sd_event_new(&m->event);

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGTERM, on_signal, NULL);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGINT, on_signal, NULL);
	if (r >= 0)
		r = timer_add(m->event, on_report, m, &m->report);
	return r < 0 ? r : 0;
}

static int open_components(Mirror *m)
{
	static const KindHandler of_kind = {on_fed, on_ended};
	static const WriterHandler of_writer = {on_complete, on_written};
	int r = 0;

	m->connections = connections_new(m->event);
	if (!m->connections)
		return -ENOMEM;
	for (int i = 0; r == 0 && i < API_KIND_N; i++)
		r = kind_new(m->event, m->connections, (ApiKind)i, m->kubeconfig, &of_kind, m,
			&m->kinds[i]);
	return r < 0 ? r : writer_new(m->event, m->directory, m->kinds, &of_writer, m, &m->writer);
}

static void close_all(Mirror *m)
{
	for (int i = 0; i < API_KIND_N; i++)
		kind_free(m->kinds[i]);
	connections_free(m->connections);
	writer_free(m->writer);
	sd_event_source_disable_unref(m->report);
	sd_event_unref(m->event);
}

/* False: with the reasons on standard error. */
static bool read_options(Mirror *m, Arena *arena, const MirrorOptions *options)
{
	Diags diags = {.arena = arena};
	Settings settings;
	int r = settings_load(arena, options->conf, options->is_conf_default, &settings, &diags);

	if (r == 0) {
		m->directory = options->directory ? options->directory : settings.mirror_directory;
		m->kubeconfig = server_choose_kubeconfig(
			arena, options->kubeconfig, settings.mirror_kubeconfig, &diags);
		r = m->kubeconfig ? server_check(arena, m->kubeconfig, &diags, &m->server)
				  : PARSE_E_INVALID;
	}
	for (size_t i = 0; i < diags.list.n; i++)
		log_line(diags.list.at[i].severity == SEVERITY_ERROR ? LOG_ERR : LOG_WARNING, "%s",
			diag_line(arena, &diags.list.at[i]));
	return r == 0;
}

int mirror_run(const MirrorOptions *options)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Mirror m = {.started_at = (int64_t)time(NULL)};
	int r;

	if (!read_options(&m, arena, options))
		return 1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return 1;
	r = open_event(&m);
	if (r == 0)
		r = open_components(&m);
	if (r < 0) {
		log_line(LOG_ERR, "%s: %s", m.directory, strerror(-r));
	} else {
		for (int i = 0; i < API_KIND_N; i++)
			kind_start(m.kinds[i]);
		on_report(NULL, 0, &m);
		r = sd_event_loop(m.event);
	}
	notify_send("STOPPING=1");
	close_all(&m);
	curl_global_cleanup();
	return r < 0 ? 1 : 0;
}
