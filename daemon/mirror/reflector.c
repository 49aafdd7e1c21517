/* SPDX-License-Identifier: GPL-2.0-or-later */
/* List and watch of one kind: see mirror/reflector.h. */
#include "mirror.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#define PAGE_OBJECTS 500
#define PAGES_MAX (2 * (unsigned)(STORE_OBJECTS_MAX / PAGE_OBJECTS)) /* of one list */
#define WATCH_S_MIN 300 /* and up to twice as long, so that not all watches end at once */
#define BACKOFF_MS_MIN 1000
#define BACKOFF_MS_MAX 30000
#define CONNECT_MS_MAX 10000   /* where nobody answers, nobody is overloaded by asking again */
#define FORBIDDEN_MS_MAX 60000 /* grows to that: a server that has just started forbids all */
#define RETRY_AFTER_S_MAX 300  /* a server that is wrong must not stop us for days */
#define WATCH_FAILURES_MAX 3   /* refused, or without a word, so often in a row: list again */
#define WATCH_APART_MS_MIN 1000
#define STREAM_FAILURES_MAX 2 /* then pages */
#define BODY_MAX 4096	      /* of an answer that is no success */

const char *const REFLECTOR_ERROR_TEXT[] = {"none", "connection", "gone", "throttled", "server",
	"unauthorized", "forbidden", "refused", "answer", NULL};

struct Reflector {
	ApiKind kind;
	Store *store;
	ReflectorPhase phase;
	bool can_stream, is_listed, is_forbidden;
	char *version;	  /* to watch from; NULL: none yet */
	char *next_page;  /* the token of the next page; NULL: the first page */
	unsigned n_pages; /* of the list that is running */
	/* failures in a row: of requests; of watches without an event; of lists as a stream */
	unsigned failures, watch_failures, stream_failures;
	unsigned
		n_forbidden; /* 403 in a row: whatever was before, a server that starts has these */
	uint64_t retry_after_ms;
	uint64_t begun_ms;    /* when the last request was due */
	uint64_t apart_ms;    /* so far apart two watches begin */
	bool was_watch;	      /* the last request was a watch, or became one, and was answered */
	ReflectorError error; /* of the last request */
	char *error_words;
	ReflectorCounts counts;
	/* the answer */
	Arena *arena;
	unsigned http_status; /* 0: none yet */
	ApiReader *reader;    /* of a success */
	Buf body;	      /* of an answer that is no success */
	Arena *path_arena;
	bool has_delivered; /* an event or a bookmark of a watch */
	bool is_over;	    /* we have ended the transfer */
};

Reflector *reflector_new(ApiKind kind, Store *store)
{
	Reflector *r = MEMORY_NEW(Reflector);

	*r = (Reflector){.kind = kind,
		.store = store,
		.phase = REFLECT_STREAM,
		.can_stream = true,
		.apart_ms = WATCH_APART_MS_MIN,
		.arena = arena_new(),
		.path_arena = arena_new()};
	return r;
}

Reflector *reflector_free(Reflector *r)
{
	if (!r)
		return NULL;
	arena_free(r->arena);
	arena_free(r->path_arena);
	free(r->version);
	free(r->next_page);
	free(r->error_words);
	free(r);
	return NULL;
}

static void set_text(char **text, const char *value)
{
	char *copy = value ? memory_copy_text(value) : NULL;

	free(*text);
	*text = copy;
}

/* ---- What to ask ---- */
/* RFC 3986: all but unreserved characters. */
static void add_escaped(Buf *buf, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_add_n(buf, text, 1);
		else
			buf_printf(buf, "%%%02X", (unsigned char)*text);
}

/* Half of it, and a random part: several nodes must not come back at once. */
static uint64_t spread_ms(uint64_t ms, uint32_t random)
{
	return ms / 2 + random % (ms / 2 + 1);
}

static uint64_t failure_delay_ms(const Reflector *r, uint32_t random)
{
	uint64_t delay = BACKOFF_MS_MIN, max = BACKOFF_MS_MAX;
	unsigned n = r->failures;

	if (r->error == REFLECT_E_NONE)
		return 0;
	if (r->error == REFLECT_E_CONNECTION)
		max = CONNECT_MS_MAX;
	if (r->error == REFLECT_E_FORBIDDEN) {
		max = FORBIDDEN_MS_MAX;
		n = r->n_forbidden;
	}
	for (unsigned i = 1; i < n && delay < max; i++)
		delay *= 2;
	if (delay > max)
		delay = max;
	delay = spread_ms(delay, random);
	return delay > r->retry_after_ms ? delay : r->retry_after_ms + random % 1000;
}

/*
 * A server that ends each watch at once, though it has brought something, must not be asked without
 * a pause, neither for the next watch nor for the list before it. Watches begin at least 1 s apart,
 * and twice as far each time, until one lasts longer than that.
 */
static uint64_t watch_pause_ms(Reflector *r, uint32_t random, uint64_t now_ms)
{
	uint64_t lasted = now_ms > r->begun_ms ? now_ms - r->begun_ms : 0, pause;

	if (!r->was_watch)
		return 0;
	r->was_watch = false;
	if (lasted >= r->apart_ms) {
		r->apart_ms = WATCH_APART_MS_MIN;
		return 0;
	}
	pause = r->apart_ms - lasted;
	r->apart_ms = r->apart_ms * 2 < BACKOFF_MS_MAX ? r->apart_ms * 2 : BACKOFF_MS_MAX;
	return spread_ms(pause, random);
}

static uint64_t delay_ms(Reflector *r, uint32_t random, uint64_t now_ms)
{
	uint64_t delay = failure_delay_ms(r, random), pause = watch_pause_ms(r, random, now_ms);

	return delay > pause ? delay : pause;
}

static void add_watch(Buf *path, uint32_t random)
{
	buf_printf(path, "?watch=1&allowWatchBookmarks=true&timeoutSeconds=%u",
		(unsigned)(WATCH_S_MIN + random % WATCH_S_MIN));
}

void reflector_ask(Reflector *r, uint32_t random, uint64_t now_ms, ReflectorRequest *ret_request)
{
	Buf path = {.arena = r->path_arena};

	arena_clear(r->path_arena);
	buf_add(&path, API_KIND_PATHS[r->kind]);
	switch (r->phase) {
	case REFLECT_STREAM:
		add_watch(&path, random);
		buf_add(&path, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
		break;
	case REFLECT_LIST:
		buf_printf(&path, "?limit=%d", PAGE_OBJECTS);
		if (r->next_page) {
			buf_add(&path, "&continue=");
			add_escaped(&path, r->next_page);
		}
		break;
	case REFLECT_WATCH:
		assert(r->version);
		add_watch(&path, random);
		buf_add(&path, "&resourceVersion=");
		add_escaped(&path, r->version);
		break;
	}
	*ret_request = (ReflectorRequest){
		.path = buf_text(&path), .delay_ms = delay_ms(r, random, now_ms)};
	r->begun_ms = now_ms + ret_request->delay_ms;
	r->http_status = 0;
	r->retry_after_ms = 0;
}

/* ---- What goes wrong ---- */
static void fail(Reflector *r, ReflectorError error, const char *words)
{
	r->error = error;
	r->counts.errors[error]++;
	r->failures++;
	r->n_forbidden = error == REFLECT_E_FORBIDDEN ? r->n_forbidden + 1 : 0;
	r->is_forbidden |= error == REFLECT_E_FORBIDDEN;
	set_text(&r->error_words, words);
}

static void succeed(Reflector *r)
{
	r->error = REFLECT_E_NONE;
	r->failures = r->watch_failures = r->n_forbidden = 0;
	r->is_forbidden = false;
	set_text(&r->error_words, NULL);
}

static void set_retry_after(Reflector *r, unsigned seconds)
{
	if (seconds > RETRY_AFTER_S_MAX)
		seconds = RETRY_AFTER_S_MAX;
	if (r->retry_after_ms < (uint64_t)seconds * 1000)
		r->retry_after_ms = (uint64_t)seconds * 1000;
}

/* From the beginning: what is known stays until the new list is complete. */
static void list_again(Reflector *r)
{
	r->phase = r->can_stream ? REFLECT_STREAM : REFLECT_LIST;
	r->watch_failures = r->n_pages = 0;
	set_text(&r->next_page, NULL);
}

/*
 * A watch was refused, or has ended without an event or a bookmark. After several the version may
 * be one that the server does not have: of a watch from a version in the future, after etcd was
 * restored from a backup, it says nothing.
 */
static void count_watch_failure(Reflector *r)
{
	if (++r->watch_failures >= WATCH_FAILURES_MAX)
		list_again(r);
}

static ReflectorError error_of_code(unsigned code)
{
	switch (code) {
	case 401:
		return REFLECT_E_UNAUTHORIZED;
	case 403:
		return REFLECT_E_FORBIDDEN;
	case 410:
		return REFLECT_E_GONE;
	case 429:
		return REFLECT_E_THROTTLED;
	default:
		return code >= 500 ? REFLECT_E_SERVER : REFLECT_E_REFUSED;
	}
}

/* The server has refused the request, or ends the watch, with this Status. */
static void take_refusal(Reflector *r, unsigned code, const ApiStatus *status)
{
	ReflectorError error = error_of_code(code);
	const char *words = *status->message ? status->message : status->reason, *hint = "";

	set_retry_after(r, status->retry_after_s);
	/* an older server does not know sendInitialEvents: that is no failure */
	if (r->phase == REFLECT_STREAM && error == REFLECT_E_REFUSED) {
		r->can_stream = false;
		list_again(r);
		return;
	}
	if (error == REFLECT_E_GONE)
		r->failures = 0; /* it answers, after whatever was before */
	if (error == REFLECT_E_UNAUTHORIZED)
		hint = ": the server does not take our credential; a token may have ended";
	else if (!*words)
		hint = "no word of the API server's; a proxy in between?";
	fail(r, error, arena_printf(r->arena, "%u: %s%s", code, words, hint));
	if (error == REFLECT_E_GONE)
		list_again(r);
	else if (r->phase == REFLECT_WATCH)
		count_watch_failure(r);
}

/* An answer that cannot be read: from the beginning, since an event of it may be lost. */
static void take_bad_answer(Reflector *r, const char *words)
{
	fail(r, REFLECT_E_ANSWER, words);
	if (r->phase == REFLECT_STREAM && ++r->stream_failures >= STREAM_FAILURES_MAX)
		r->can_stream = false;
	list_again(r);
}

/* ---- Answers ---- */
static uint64_t version_number(const char *version)
{
	return version ? strtoull(version, NULL, 10) : 0;
}

/* A late event must not make a watch begin before what is known. */
static void advance(Reflector *r, const char *version)
{
	if (*version && version_number(version) >= version_number(r->version))
		set_text(&r->version, version);
}

static void end_list(Reflector *r, const char *version)
{
	store_end_list(r->store);
	set_text(&r->version, version);
	set_text(&r->next_page, NULL);
	r->n_pages = 0;
	r->phase = REFLECT_WATCH;
	r->is_listed = true;
	r->stream_failures = 0;
	r->counts.heard++;
}

static bool on_object(void *context, ApiEvent event, const ApiObject *object)
{
	Reflector *r = context;
	char version[24];

	r->counts.events += r->phase == REFLECT_WATCH;
	if (r->phase != REFLECT_WATCH && event == API_ADDED)
		event = API_LISTED;
	if (!store_take(r->store, event, object)) {
		fail(r, REFLECT_E_ANSWER,
			arena_printf(r->arena, "more than %zu objects", STORE_OBJECTS_MAX));
		return false;
	}
	if (r->phase != REFLECT_WATCH)
		return true;
	snprintf(version, sizeof(version), "%llu", (unsigned long long)object->version);
	if (object->version)
		advance(r, version);
	r->has_delivered = true;
	r->counts.heard++;
	succeed(r);
	return true;
}

static bool on_bookmark(void *context, const char *version, bool is_listed)
{
	Reflector *r = context;

	if (r->phase == REFLECT_STREAM && !is_listed)
		return true; /* not all objects were sent yet */
	if (r->phase == REFLECT_STREAM) {
		end_list(r, version);
		r->counts.watches++;
		r->was_watch = true;
	} else if (version_number(version) < version_number(r->version)) {
		take_bad_answer(r, arena_printf(r->arena,
					   "a bookmark at version %s after version %s: the server "
					   "has another history",
					   version, r->version));
		return false;
	}
	advance(r, version);
	r->has_delivered = true;
	r->counts.heard++;
	store_forget_deleted(r->store, version_number(r->version));
	succeed(r);
	return true;
}

static bool on_status(void *context, const ApiStatus *status)
{
	Reflector *r = context;

	take_refusal(r, status->code, status);
	return false;
}

static const ApiHandler HANDLER = {on_object, on_bookmark, on_status};

void reflector_begin(Reflector *r, unsigned http_status, unsigned retry_after_s)
{
	arena_clear(r->arena);
	r->body = (Buf){.arena = r->arena};
	r->is_over = r->has_delivered = false;
	r->reader = NULL;
	r->http_status = http_status;
	r->was_watch = r->phase == REFLECT_WATCH;
	r->error = REFLECT_E_NONE; /* of this request, yet */
	set_retry_after(r, retry_after_s);
	if (http_status != 200)
		return;
	r->reader = api_reader_new(r->arena, r->kind, &HANDLER, r);
	if (r->phase == REFLECT_WATCH) {
		r->counts.watches++;
	} else if (r->phase == REFLECT_STREAM || !r->next_page) {
		r->counts.lists++;
		store_begin_list(r->store);
	}
}

bool reflector_feed(Reflector *r, const char *text, size_t n)
{
	const char *error;

	if (r->is_over)
		return false;
	if (!r->reader) {
		buf_add_n(&r->body, text, r->body.n + n > BODY_MAX ? BODY_MAX - r->body.n : n);
		return true;
	}
	if (api_reader_feed(r->reader, text, n))
		return true;
	r->is_over = true;
	error = api_reader_error(r->reader);
	if (error)
		take_bad_answer(r, error);
	return false;
}

/* ---- The end of an answer ---- */
static bool note_status(void *context, const ApiStatus *status)
{
	ApiStatus *ret = context;

	*ret = *status; /* the texts are in the reader's arena, and stay until it reads on */
	return false;
}

/* The body is a Status, or anything: a proxy's page. */
static void end_refused(Reflector *r)
{
	static const ApiHandler handler = {.status = note_status};
	ApiStatus status = {.reason = "", .message = ""};

	if (r->body.n > 0 && buf_text(&r->body)[0] == '{')
		api_reader_feed(api_reader_new(r->arena, r->kind, &handler, &status),
			buf_text(&r->body), r->body.n);
	take_refusal(r, r->http_status, &status);
}

/* A page is over; not the last one: the same again with the next token. */
static void end_page(Reflector *r)
{
	ApiList list;

	if (!api_reader_end(r->reader) || !api_reader_list(r->reader, &list)) {
		const char *words = api_reader_error(r->reader);

		fail(r, REFLECT_E_ANSWER, words ? words : "no list");
	} else if (*list.next && ++r->n_pages < PAGES_MAX) {
		/* earlier failures count until the list is complete: its pages may have no end */
		set_text(&r->error_words, NULL);
		set_text(&r->next_page, list.next);
	} else if (*list.next) {
		take_bad_answer(
			r, arena_printf(r->arena, "a list of more than %u pages", PAGES_MAX));
	} else if (*list.version) {
		end_list(r, list.version);
		succeed(r);
	} else {
		take_bad_answer(r, "a list without a resourceVersion");
	}
}

static void end_stream(Reflector *r, const char *error)
{
	if (error)
		fail(r, REFLECT_E_CONNECTION, error);
	else
		fail(r, REFLECT_E_ANSWER, "the list, as a stream, has ended before its end");
	if (++r->stream_failures >= STREAM_FAILURES_MAX) {
		r->can_stream = false;
		list_again(r);
	}
}

static void end_watch(Reflector *r, const char *error)
{
	if (error)
		fail(r, REFLECT_E_CONNECTION, error);
	else if (!api_reader_end(r->reader))
		fail(r, REFLECT_E_CONNECTION, "the watch was cut in the middle of an event");
	else if (!r->has_delivered)
		fail(r, REFLECT_E_ANSWER, "the watch has ended without an event or a bookmark");
	if (!r->has_delivered)
		count_watch_failure(r);
}

static void end_success(Reflector *r, const char *error)
{
	switch (r->phase) {
	case REFLECT_STREAM:
		end_stream(r, error);
		break;
	case REFLECT_LIST:
		if (error)
			fail(r, REFLECT_E_CONNECTION, error);
		else
			end_page(r);
		break;
	case REFLECT_WATCH:
		end_watch(r, error);
		break;
	}
}

void reflector_end(Reflector *r, const char *error)
{
	if (r->http_status == 0)
		fail(r, REFLECT_E_CONNECTION, error ? error : "no answer");
	else if (r->is_over)
		; /* said when it happened */
	else if (r->http_status != 200)
		end_refused(r);
	else
		end_success(r, error);
	r->reader = NULL;
}

/* ---- State ---- */
unsigned reflector_silence_s(const Reflector *r)
{
	static const unsigned seconds[] = {
		[REFLECT_STREAM] = 30, [REFLECT_LIST] = 60, [REFLECT_WATCH] = 100};

	return seconds[r->phase];
}

ReflectorPhase reflector_phase(const Reflector *r)
{
	return r->phase;
}

bool reflector_is_listed(const Reflector *r)
{
	return r->is_listed;
}

bool reflector_is_forbidden(const Reflector *r)
{
	return r->is_forbidden;
}

const ReflectorCounts *reflector_counts(const Reflector *r)
{
	return &r->counts;
}

ReflectorError reflector_error(const Reflector *r, const char **ret_words)
{
	*ret_words = r->error_words;
	return r->error;
}
