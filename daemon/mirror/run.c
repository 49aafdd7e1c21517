/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpol-mirror's event loop: wires reflectors, transfers and files. For each kind
 *
 *     ask -> (timer: the delay) -> transfer -> begin, feed, ... -> end -> ask ...
 *
 * and, once all kinds were listed, each answer that brings something -> (timer: a moment, for a
 * burst) -> files.
 */
#include "clock.h"
#include "mirror_status.h"
#include "notify.h"
#include "server.h"
#include "transfer.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_USEC 1000	  /* how long a burst is gathered before files are written */
#define WRITE_SHARE 2		  /* after a write, a pause of so many times what it took */
#define WRITE_RETRY_USEC 1000000  /* after an error */
#define REPORT_USEC 5000000	  /* how often the status is written at least, */
#define REPORT_APART_USEC 1000000 /* and at most */
#define CHECK_USEC 5000000	  /* how often a part of the files is compared with the disk */
#define PROMISE_S 120 /* docs/service.md, .alive: netpold warns if we are silent for so long */

typedef struct Mirror Mirror;

/* One kind of object. */
typedef struct Kind {
	Mirror *mirror;
	ApiKind kind;
	Store *store;
	Reflector *reflector;
	Transfer *transfer;
	sd_event_source *delay; /* before the next request */
	const char *path;	/* of that request; the reflector's */
	unsigned http_status;
	uint64_t heard; /* the reflector's count at heard_at */
	int64_t heard_at;
	char *logged; /* the error that was logged last; NULL: none */
} Kind;

struct Mirror {
	sd_event *event;
	const char *directory, *kubeconfig, *server;
	Connections *connections;
	Kind kinds[API_KIND_N];
	Store *stores[API_KIND_N];
	Files *files;
	sd_event_source *write, *report;
	uint64_t write_not_before; /* CLOCK_MONOTONIC */
	uint64_t files_written;
	uint64_t report_not_before; /* CLOCK_MONOTONIC */
	uint64_t check_at;	    /* CLOCK_MONOTONIC: of the next files_check() */
	unsigned turn;		    /* of files_check() */
	int files_error;	    /* -errno of the last write; 0: none */
	bool is_ready;
	bool owes_ready; /* READY=1 is still to be sent */
	int64_t started_at, connected_at;
};

static void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* On standard error; under systemd with the priority in front, which journald takes off. */
static void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>", priority);
	else
		fputs("netpol-mirror: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* Unless it is armed for an earlier time. */
static void arm(sd_event_source *source, uint64_t usec)
{
	uint64_t at = 0;
	int is_enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(source, &is_enabled);
	sd_event_source_get_time(source, &at);
	if (is_enabled != SD_EVENT_OFF && at <= usec)
		return;
	sd_event_source_set_time(source, usec);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static uint32_t random_number(void)
{
	uint32_t number;

	/* early at boot the kernel may have no random numbers yet: no jitter then */
	return getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number) ? number : 0;
}

/* ---- Reports ---- */
static MirrorStatus status_now(const Mirror *m)
{
	MirrorStatus status = {.server = m->server,
		.files = m->files_error < 0 ? strerror(-m->files_error) : NULL,
		.now = (int64_t)time(NULL),
		.started_at = m->started_at,
		.connected_at = m->connected_at,
		.files_written = m->files_written,
		.is_ready = m->is_ready,
		.heard_at = INT64_MAX};

	for (int i = 0; i < API_KIND_N; i++) {
		const Kind *kind = &m->kinds[i];

		status.kinds[i] = (KindStatus){kind->reflector, kind->store, kind->heard_at};
		if (kind->heard_at <
			status.heard_at) /* 0: never, so nor of all; RBAC may forbid it */
			status.heard_at = kind->heard_at;
	}
	return status;
}

/* modified_at: the file's time; 0: now. 0 or -errno. */
static int write_text(const char *folder, const char *name, const char *text, int64_t modified_at)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const struct timespec modified = {.tv_sec = modified_at};

	return source_file_replace(AT_FDCWD, arena_printf(arena, "%s/%s", folder, name), text,
		strlen(text), modified_at ? &modified : NULL);
}

/* As old as what the server said last of the kind that is silent longest: see docs/service.md. */
static int write_promise(const Mirror *m, int64_t heard_at)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *folder = arena_printf(arena, "%s/inventory/.alive", m->directory);

	if (mkdir(folder, 0755) == 0)
		chmod(folder, 0755);
	return write_text(folder, "mirror", arena_printf(arena, "%d\n", PROMISE_S), heard_at);
}

static void write_report(Mirror *m)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	MirrorStatus status = status_now(m);

	write_text(m->directory, MIRROR_STATUS_FILE, mirror_status_json(arena, &status), 0);
	write_text(m->directory, MIRROR_METRICS_FILE, mirror_status_metrics(arena, &status), 0);
	if (m->is_ready && m->files_error == 0)
		write_promise(m, status.heard_at ? status.heard_at : m->started_at);
	if (m->owes_ready)
		m->owes_ready = !notify_send("READY=1");
	notify_send("STATUS=%s", mirror_status_line(arena, &status));
	notify_send("WATCHDOG=1");
}

static void report_soon(Mirror *m)
{
	arm(m->report, m->report_not_before);
}

/* ---- Files ---- */
/* Nothing is written before all was listed: a part of the cluster is not the cluster. */
static bool is_complete(const Mirror *m)
{
	bool has_any = false;

	for (int i = 0; i < API_KIND_N; i++) {
		const Reflector *r = m->kinds[i].reflector;

		if (!reflector_is_listed(r) && !reflector_is_forbidden(r))
			return false;
		has_any |= reflector_is_listed(r);
	}
	return has_any;
}

static void say_ready(Mirror *m)
{
	for (int i = 0; i < API_KIND_N; i++)
		if (!reflector_is_listed(m->kinds[i].reflector))
			log_line(LOG_WARNING, "%s: RBAC forbids them: none is known",
				API_KIND_TEXT[i]);
	log_line(LOG_INFO, "%s: all that may be listed was listed and written", m->server);
	m->owes_ready = true;
}

/* The promise comes before what makes netpold believe that this is all. 0 or -errno. */
static int write_all(Mirror *m, const bool is_listed[API_KIND_N], size_t *ret_n)
{
	int r = files_write(m->files, is_listed, ret_n);

	if (r < 0)
		return r;
	if (!m->is_ready) {
		m->is_ready = true;
		say_ready(m);
		write_report(m);
	}
	return files_mark_complete(m->files, is_listed);
}

static int on_write(sd_event_source *source, uint64_t usec, void *context)
{
	Mirror *m = context;
	bool is_listed[API_KIND_N];
	uint64_t begin = now_usec(), end;
	size_t n;
	int r;

	(void)source, (void)usec;
	for (int i = 0; i < API_KIND_N; i++)
		is_listed[i] = reflector_is_listed(m->kinds[i].reflector);
	r = write_all(m, is_listed, &n);
	end = now_usec();
	m->files_written += n;
	m->write_not_before = end + (end - begin) * WRITE_SHARE;
	if (r < 0 && r != m->files_error)
		log_line(LOG_ERR, "%s cannot be written: %s; it is tried again each second",
			m->directory, strerror(-r));
	m->files_error = r;
	if (r < 0)
		arm(m->write, end + WRITE_RETRY_USEC);
	report_soon(m);
	return 0;
}

static void write_soon(Mirror *m)
{
	uint64_t at = now_usec() + SETTLE_USEC;

	if (is_complete(m))
		arm(m->write, at > m->write_not_before ? at : m->write_not_before);
}

static int on_report(sd_event_source *source, uint64_t usec, void *context)
{
	Mirror *m = context;

	(void)source, (void)usec;
	if (m->is_ready && now_usec() >= m->check_at) {
		m->check_at = now_usec() + CHECK_USEC;
		files_check(m->files, m->turn++);
		write_soon(m);
	}
	write_report(m);
	m->report_not_before = now_usec() + REPORT_APART_USEC;
	sd_event_source_set_time(m->report, now_usec() + REPORT_USEC);
	sd_event_source_set_enabled(m->report, SD_EVENT_ONESHOT);
	return 0;
}

/* ---- Requests ---- */
static void ask(Kind *kind)
{
	ReflectorRequest request;

	reflector_ask(kind->reflector, random_number(), now_usec() / 1000, &request);
	kind->path = request.path;
	kind->http_status = 0;
	sd_event_source_set_time(kind->delay, now_usec() + request.delay_ms * 1000);
	sd_event_source_set_enabled(kind->delay, SD_EVENT_ONESHOT);
}

static int on_delay_over(sd_event_source *source, uint64_t usec, void *context)
{
	Kind *kind = context;

	(void)source, (void)usec;
	transfer_start(kind->transfer, kind->mirror->kubeconfig, kind->path);
	return 0;
}

/* Each error once, until it is over or another. */
static void log_state(Kind *kind)
{
	const char *words, *name = API_KIND_TEXT[kind->kind];
	bool has_failed = reflector_error(kind->reflector, &words) != REFLECT_E_NONE;

	words = words ? words : "";
	if (has_failed && !text_is_equal(kind->logged, words)) {
		log_line(LOG_WARNING, "%s: %s; what was written stays", name, words);
		free(kind->logged);
		kind->logged = memory_copy_text(words);
	} else if (!has_failed && kind->logged) {
		log_line(LOG_INFO, "%s: the API server answers again", name);
		free(kind->logged);
		kind->logged = NULL;
	}
}

static void on_begin(void *context, unsigned http_status, unsigned retry_after_s)
{
	Kind *kind = context;

	kind->http_status = http_status;
	reflector_begin(kind->reflector, http_status, retry_after_s);
}

/* Bytes alone say nothing: a list that cannot be read has many, each time. */
static void note_heard(Kind *kind)
{
	uint64_t heard = reflector_counts(kind->reflector)->heard;

	if (heard != kind->heard)
		kind->heard_at = (int64_t)time(NULL);
	kind->heard = heard;
}

static bool on_feed(void *context, const char *text, size_t n)
{
	Kind *kind = context;
	Mirror *m = kind->mirror;
	bool goes_on = reflector_feed(kind->reflector, text, n);

	note_heard(kind);
	if (kind->http_status == 200 && goes_on) {
		m->connected_at = m->connected_at ? m->connected_at : (int64_t)time(NULL);
		if (reflector_phase(kind->reflector) == REFLECT_WATCH && kind->logged)
			log_state(kind);
	}
	write_soon(m);
	return goes_on;
}

static void on_end(void *context, const char *error)
{
	Kind *kind = context;
	Mirror *m = kind->mirror;
	const char *words;

	reflector_end(kind->reflector, error);
	note_heard(kind);
	log_state(kind);
	if (reflector_error(kind->reflector, &words) == REFLECT_E_CONNECTION)
		m->connected_at = 0;
	write_soon(m);
	report_soon(m);
	ask(kind);
}

static unsigned silence_s(void *context)
{
	const Kind *kind = context;

	return reflector_silence_s(kind->reflector);
}

/* ---- Start and end ---- */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	(void)info, (void)context;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_timer(Mirror *m, sd_event_source **ret, sd_event_time_handler_t call, void *context)
{
	int r = sd_event_add_time(m->event, ret, CLOCK_MONOTONIC, 0, 1000, call, context);

	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
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
		r = add_timer(m, &m->write, on_write, m);
	if (r >= 0)
		r = add_timer(m, &m->report, on_report, m);
	return r < 0 ? r : 0;
}

static int open_kinds(Mirror *m)
{
	static const TransferHandler handler = {on_begin, on_feed, on_end, silence_s};

	m->connections = connections_new(m->event);
	if (!m->connections)
		return -ENOMEM;
	for (int i = 0; i < API_KIND_N; i++) {
		Kind *kind = &m->kinds[i];
		int r;

		kind->mirror = m;
		kind->kind = (ApiKind)i;
		m->stores[i] = kind->store = store_new(kind->kind);
		kind->reflector = reflector_new(kind->kind, kind->store);
		kind->transfer = transfer_new(m->connections, &handler, kind);
		r = add_timer(m, &kind->delay, on_delay_over, kind);
		if (r < 0 || !kind->transfer)
			return r < 0 ? r : -ENOMEM;
	}
	return 0;
}

static void close_all(Mirror *m)
{
	for (int i = 0; i < API_KIND_N; i++) {
		Kind *kind = &m->kinds[i];

		transfer_free(kind->transfer);
		reflector_free(kind->reflector);
		store_free(kind->store);
		sd_event_source_disable_unref(kind->delay);
		free(kind->logged);
	}
	connections_free(m->connections);
	files_close(m->files);
	sd_event_source_disable_unref(m->write);
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
		r = open_kinds(&m);
	if (r == 0)
		r = files_open(m.directory, m.stores, &m.files);
	if (r < 0) {
		log_line(LOG_ERR, "%s: %s", m.directory, strerror(-r));
	} else {
		files_load(m.files);
		for (int i = 0; i < API_KIND_N; i++)
			ask(&m.kinds[i]);
		on_report(NULL, 0, &m);
		r = sd_event_loop(m.event);
	}
	notify_send("STOPPING=1");
	close_all(&m);
	curl_global_cleanup();
	return r < 0 ? 1 : 0;
}
