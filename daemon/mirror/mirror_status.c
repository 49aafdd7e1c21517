/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What netpol-mirror says of itself: see mirror_status.h. */
#include "mirror_status.h"
#include <unistd.h>

static const char *const PHASES[] = {"list", "list", "watch"};

static void add_text(Buf *buf, const char *key, const char *text)
{
	buf_printf(buf, "  \"%s\": ", key);
	text_add_json(buf, text ? text : "");
	buf_add(buf, ",\n");
}

static void add_time(Buf *buf, const char *key, int64_t seconds)
{
	add_text(buf, key, seconds ? text_of_time(buf->arena, seconds) : "never");
}

static const char *kind_state(const KindStatus *kind)
{
	if (reflector_is_forbidden(kind->reflector))
		return "forbidden";
	return PHASES[reflector_phase(kind->reflector)];
}

static void add_kind(Buf *buf, int i, const KindStatus *kind)
{
	const ReflectorCounts *counts = reflector_counts(kind->reflector);
	const char *words;

	reflector_error(kind->reflector, &words);
	buf_printf(buf,
		"    {\"kind\": \"%s\", \"state\": \"%s\", \"objects\": %zu, \"events\": %llu, "
		"\"lists\": %llu, \"watches\": %llu, \"heard_at\": \"%s\", \"error\": ",
		API_KIND_TEXT[i], kind_state(kind), store_count(kind->store),
		(unsigned long long)counts->events, (unsigned long long)counts->lists,
		(unsigned long long)counts->watches,
		kind->heard_at ? text_of_time(buf->arena, kind->heard_at) : "never");
	text_add_json(buf, words ? words : "");
	buf_add(buf, "}");
}

const char *mirror_status_json(Arena *arena, const MirrorStatus *status)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, "{\n");
	add_text(&buf, "version", NETPOL_VERSION);
	buf_printf(&buf, "  \"pid\": %d,\n", (int)getpid());
	add_text(&buf, "server", status->server);
	buf_printf(&buf, "  \"ready\": %s,\n", status->is_ready ? "true" : "false");
	add_time(&buf, "written_at", status->now);
	add_time(&buf, "started_at", status->started_at);
	add_time(&buf, "connected_since", status->connected_at);
	add_time(&buf, "heard_at", status->heard_at);
	buf_printf(&buf, "  \"files_written\": %llu,\n", (unsigned long long)status->files_written);
	add_text(&buf, "files_error", status->files);
	buf_add(&buf, "  \"kinds\": [\n");
	for (int i = 0; i < API_KIND_N; i++) {
		add_kind(&buf, i, &status->kinds[i]);
		buf_add(&buf, i + 1 < API_KIND_N ? ",\n" : "\n  ]\n}\n");
	}
	return buf_text(&buf);
}

/* ---- Metrics ---- */
static void add_head(Buf *buf, const char *name, const char *type, const char *help)
{
	buf_printf(buf, "# HELP netpol_mirror_%s %s\n# TYPE netpol_mirror_%s %s\n", name, help,
		name, type);
}

static void add_value(Buf *buf, const char *name, const char *kind, uint64_t value)
{
	buf_printf(
		buf, "netpol_mirror_%s{kind=\"%s\"} %llu\n", name, kind, (unsigned long long)value);
}

static uint64_t count_of(const KindStatus *kind, int which)
{
	const ReflectorCounts *counts = reflector_counts(kind->reflector);
	const uint64_t values[] = {store_count(kind->store), counts->events, counts->lists,
		counts->watches, reflector_is_forbidden(kind->reflector), (uint64_t)kind->heard_at};

	return values[which];
}

static void add_errors(Buf *buf, const MirrorStatus *status)
{
	add_head(buf, "errors_total", "counter", "Requests that failed, by reason.");
	for (int i = 0; i < API_KIND_N; i++)
		for (int e = REFLECT_E_NONE + 1; e < REFLECT_E_N; e++)
			buf_printf(buf,
				"netpol_mirror_errors_total{kind=\"%s\",reason=\"%s\"} %llu\n",
				API_KIND_TEXT[i], REFLECTOR_ERROR_TEXT[e],
				(unsigned long long)reflector_counts(status->kinds[i].reflector)
					->errors[e]);
}

const char *mirror_status_metrics(Arena *arena, const MirrorStatus *status)
{
	static const char *const metrics[][3] = {
		{"objects", "gauge", "Objects of the kind that are known."},
		{"events_total", "counter", "Events of watches, without bookmarks."},
		{"lists_total", "counter", "Lists begun."},
		{"watches_total", "counter", "Watches begun."},
		{"forbidden", "gauge", "Whether RBAC forbids the kind: 1, or 0."},
		{"heard_timestamp_seconds", "gauge",
			"When the server was last heard of: an event or a bookmark."}};
	Buf buf = {.arena = arena};

	for (size_t m = 0; m < ARRAY_SIZE(metrics); m++) {
		add_head(&buf, metrics[m][0], metrics[m][1], metrics[m][2]);
		for (int i = 0; i < API_KIND_N; i++)
			add_value(&buf, metrics[m][0], API_KIND_TEXT[i],
				count_of(&status->kinds[i], (int)m));
	}
	add_errors(&buf, status);
	add_head(&buf, "silent_seconds", "gauge", "Since the server was last heard of.");
	buf_printf(&buf, "netpol_mirror_silent_seconds %lld\n",
		(long long)(status->heard_at ? status->now - status->heard_at
					     : status->now - status->started_at));
	add_head(&buf, "files_written_total", "counter", "Files written or deleted.");
	buf_printf(&buf, "netpol_mirror_files_written_total %llu\n",
		(unsigned long long)status->files_written);
	return buf_text(&buf);
}

/* ---- One line ---- */
/* NULL: nothing is wrong. */
static const char *kind_error(const MirrorStatus *status, int i)
{
	const char *words;

	if (reflector_error(status->kinds[i].reflector, &words) == REFLECT_E_NONE)
		return NULL;
	return words ? words : "";
}

/* What is wrong with the kind, and with all after it in the same way; once. */
static void add_kind_error(Buf *buf, const MirrorStatus *status, int i)
{
	const char *words = kind_error(status, i);

	for (int other = 0; words && other < i; other++)
		if (text_is_equal(kind_error(status, other), words))
			return;
	if (!words)
		return;
	buf_add(buf, API_KIND_TEXT[i]);
	for (int other = i + 1; other < API_KIND_N; other++)
		if (text_is_equal(kind_error(status, other), words))
			buf_printf(buf, ", %s", API_KIND_TEXT[other]);
	buf_printf(buf, ": %s; ", words);
}

const char *mirror_status_line(Arena *arena, const MirrorStatus *status)
{
	Buf buf = {.arena = arena};

	if (status->files)
		buf_printf(&buf, "files cannot be written: %s; ", status->files);
	for (int i = 0; i < API_KIND_N; i++)
		add_kind_error(&buf, status, i);
	if (status->connected_at)
		buf_printf(&buf, "connected since %s, ", text_of_time(arena, status->connected_at));
	if (status->heard_at)
		buf_printf(&buf, "heard %lld s ago: ", (long long)(status->now - status->heard_at));
	for (int i = 0; i < API_KIND_N; i++)
		buf_printf(&buf, "%s%zu %s", i ? ", " : "", store_count(status->kinds[i].store),
			API_KIND_TEXT[i]);
	return text_printable((char *)buf_text(&buf));
}
