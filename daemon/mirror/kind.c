/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One kind of object: request after request. See kind.h. */
#include "kind.h"
#include "log.h"
#include "timer.h"
#include <errno.h>
#include <sys/random.h>
#include <time.h>

struct Kind {
	ApiKind api_kind;
	const char *kubeconfig;
	const KindHandler *handler;
	void *context;
	Store *store;
	Reflector *reflector;
	Transfer *transfer;
	sd_event_source *delay; /* before the next request */
	const char *path;	/* of that request; the reflector's */
	unsigned http_status;
	uint64_t heard; /* the reflector's count at heard_at */
	int64_t heard_at;
	char *logged; /* the error that was logged last; NULL: none */
};

/* ---- What is said ---- */
/* Each error once, until it is over or another. */
static void log_state(Kind *kind)
{
	const char *words, *name = API_KIND_TEXT[kind->api_kind];
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

/* Bytes alone say nothing: a list that cannot be read has many, each time. */
static void note_heard(Kind *kind)
{
	uint64_t heard = reflector_counts(kind->reflector)->heard;

	if (heard != kind->heard)
		kind->heard_at = (int64_t)time(NULL);
	kind->heard = heard;
}

/* ---- Requests ---- */
static uint32_t random_number(void)
{
	uint32_t number;

	/* early at boot the kernel may have no random numbers yet: no jitter then */
	return getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number) ? number : 0;
}

static void ask(Kind *kind)
{
	ReflectorRequest request;

	reflector_ask(kind->reflector, random_number(), now_usec() / 1000, &request);
	kind->path = request.path;
	kind->http_status = 0;
	timer_set(kind->delay, now_usec() + request.delay_ms * 1000);
}

static int on_delay_over(sd_event_source *source, uint64_t usec, void *context)
{
	Kind *kind = context;

	(void)source, (void)usec;
	transfer_start(kind->transfer, kind->kubeconfig, kind->path);
	return 0;
}

/* ---- Answers ---- */
static void on_begin(void *context, unsigned http_status, unsigned retry_after_s)
{
	Kind *kind = context;

	kind->http_status = http_status;
	reflector_begin(kind->reflector, http_status, retry_after_s);
}

static bool on_feed(void *context, const char *text, size_t n)
{
	Kind *kind = context;
	bool goes_on = reflector_feed(kind->reflector, text, n);
	bool is_served = kind->http_status == 200 && goes_on;

	note_heard(kind);
	/* a watch has no end at which it could be said that the error is over */
	if (is_served && reflector_phase(kind->reflector) == REFLECT_WATCH && kind->logged)
		log_state(kind);
	kind->handler->fed(kind->context, is_served);
	return goes_on;
}

static void on_end(void *context, const char *error)
{
	Kind *kind = context;
	const char *words;

	reflector_end(kind->reflector, error);
	note_heard(kind);
	log_state(kind);
	kind->handler->ended(
		kind->context, reflector_error(kind->reflector, &words) == REFLECT_E_CONNECTION);
	ask(kind);
}

static unsigned silence_s(void *context)
{
	const Kind *kind = context;

	return reflector_silence_s(kind->reflector);
}

/* ---- Start and end ---- */
int kind_new(sd_event *event, Connections *connections, ApiKind api_kind, const char *kubeconfig,
	const KindHandler *handler, void *context, Kind **ret_kind)
{
	static const TransferHandler transfer_handler = {on_begin, on_feed, on_end, silence_s};
	Kind *kind = MEMORY_NEW(Kind);
	int r;

	*kind = (Kind){.api_kind = api_kind,
		.kubeconfig = kubeconfig,
		.handler = handler,
		.context = context,
		.store = store_new(api_kind)};
	kind->reflector = reflector_new(api_kind, kind->store);
	kind->transfer = transfer_new(connections, &transfer_handler, kind);
	r = kind->transfer ? timer_add(event, on_delay_over, kind, &kind->delay) : -ENOMEM;
	if (r < 0) {
		kind_free(kind);
		return r;
	}
	*ret_kind = kind;
	return 0;
}

Kind *kind_free(Kind *kind)
{
	if (!kind)
		return NULL;
	transfer_free(kind->transfer);
	reflector_free(kind->reflector);
	store_free(kind->store);
	sd_event_source_disable_unref(kind->delay);
	free(kind->logged);
	free(kind);
	return NULL;
}

void kind_start(Kind *kind)
{
	ask(kind);
}

/* ---- Questions ---- */
Store *kind_store(const Kind *kind)
{
	return kind->store;
}

bool kind_is_listed(const Kind *kind)
{
	return reflector_is_listed(kind->reflector);
}

bool kind_is_forbidden(const Kind *kind)
{
	return reflector_is_forbidden(kind->reflector);
}

KindStatus kind_status(const Kind *kind)
{
	return (KindStatus){kind->reflector, kind->store, kind->heard_at};
}
