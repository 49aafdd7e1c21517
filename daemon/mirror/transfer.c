/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcurl in the event loop: see transfer.h. */
#include "transfer.h"
#include "clock.h"
#include "server.h"
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CONNECT_S 10
/* Of TCP: a probe after so long without traffic; and how long what we sent may stay unanswered */
#define KEEPALIVE_S 15L
#define UNANSWERED_MS 30000
#define BUFFER_BYTES (128L << 10)

static const char OTHER_CERTIFICATE[] = "; in the kubeconfig, certificate-authority must be the CA "
					"of the server's certificate, and "
					"server or tls-server-name a name in it";

struct Connections {
	sd_event *event;
	CURLM *multi;
	sd_event_source *timer; /* curl's; NULL: it has asked for none yet */
};

struct Transfer {
	Connections *connections;
	const TransferHandler *handler;
	void *context;
	CURL *easy; /* of the running request; NULL: none */
	ServerLists lists;
	sd_event_source *silence;
	uint64_t heard_usec;
	bool has_begun;
	bool is_fresh; /* the last request has failed: its connection must not be used again */
	char error[CURL_ERROR_SIZE];
};

/* ---- The end of a request ---- */
static void begin_once(Transfer *t)
{
	curl_off_t retry_after = 0;
	long status = 0;

	if (t->has_begun)
		return;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	if (status == 0)
		return;
	t->has_begun = true;
	t->handler->begin(t->context, (unsigned)status,
		retry_after > 0 && retry_after < 1000000 ? (unsigned)retry_after : 0);
}

static void close_request(Transfer *t)
{
	sd_event_source_set_enabled(t->silence, SD_EVENT_OFF);
	if (t->easy) {
		curl_multi_remove_handle(t->connections->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	t->easy = NULL;
	server_lists_free(&t->lists);
}

static void end_request(Transfer *t, CURLcode code, const char *error)
{
	char words[CURL_ERROR_SIZE + sizeof(OTHER_CERTIFICATE)];

	if (!error && code != CURLE_OK)
		error = *t->error ? t->error : curl_easy_strerror(code);
	t->is_fresh = error && code != CURLE_WRITE_ERROR; /* that one was our wish */
	if (error) {
		snprintf(words, sizeof(words), "%s%s", error,
			code == CURLE_PEER_FAILED_VERIFICATION ? OTHER_CERTIFICATE : "");
		error = words;
	}
	if (code != CURLE_COULDNT_CONNECT)
		begin_once(t);
	close_request(t);
	t->handler->end(t->context, error);
}

static void end_done_requests(Connections *c)
{
	const CURLMsg *message;
	int n_left;

	while ((message = curl_multi_info_read(c->multi, &n_left))) {
		Transfer *t = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		end_request(t, code, NULL);
	}
}

/* ---- curl's sockets and timer ---- */
static int on_socket_event(sd_event_source *source, int fd, uint32_t events, void *context)
{
	Connections *c = context;
	int n_running, mask = (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
			      (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			      (events & EPOLLERR ? CURL_CSELECT_ERR : 0);

	(void)source;
	curl_multi_socket_action(c->multi, fd, mask, &n_running);
	end_done_requests(c);
	return 0;
}

/* curl watches this socket for these events from now on. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
	Connections *c = context;
	sd_event_source *source = known;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		curl_multi_assign(c->multi, fd, NULL);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(c->event, &source, fd, events, on_socket_event, c) < 0)
		return -1;
	curl_multi_assign(c->multi, fd, source);
	return 0;
}

static int on_timer_event(sd_event_source *source, uint64_t usec, void *context)
{
	Connections *c = context;
	int n_running;

	(void)source, (void)usec;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
	end_done_requests(c);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *context)
{
	Connections *c = context;

	(void)multi;
	if (ms < 0)
		return sd_event_source_set_enabled(c->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time(c->timer, now_usec() + (uint64_t)ms * 1000) < 0)
		return -1;
	return sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

Connections *connections_new(sd_event *event)
{
	Connections *c = MEMORY_NEW(Connections);

	*c = (Connections){.event = event, .multi = curl_multi_init()};
	if (!c->multi || sd_event_add_time(
				 event, &c->timer, CLOCK_MONOTONIC, 0, 1000, on_timer_event, c) < 0)
		return connections_free(c);
	sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	return c;
}

Connections *connections_free(Connections *c)
{
	if (!c)
		return NULL;
	if (c->multi)
		curl_multi_cleanup(c->multi);
	sd_event_source_disable_unref(c->timer);
	free(c);
	return NULL;
}

/* ---- One transfer ---- */
static void watch_silence(Transfer *t)
{
	uint64_t until = t->heard_usec + (uint64_t)t->handler->silence_s(t->context) * 1000000;

	sd_event_source_set_time(t->silence, until);
	sd_event_source_set_enabled(t->silence, SD_EVENT_ONESHOT);
}

static int on_silence(sd_event_source *source, uint64_t usec, void *context)
{
	Transfer *t = context;
	unsigned limit_s = t->handler->silence_s(t->context);
	char words[80];

	(void)source, (void)usec;
	if (!t->easy)
		return 0;
	if (now_usec() < t->heard_usec + (uint64_t)limit_s * 1000000) {
		watch_silence(t); /* it was heard since, or may be silent for longer now */
		return 0;
	}
	snprintf(words, sizeof(words), "nothing was heard for %u s", limit_s);
	end_request(t, CURLE_OPERATION_TIMEDOUT, words);
	return 0;
}

static size_t on_body(char *text, size_t size, size_t n, void *context)
{
	Transfer *t = context;

	begin_once(t);
	t->heard_usec = now_usec();
	return t->handler->feed(t->context, text, size * n) ? size * n : 0;
}

static int on_new_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
	int ms = UNANSWERED_MS;

	(void)context, (void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

static void set_options(Transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "netpol-mirror/" NETPOL_VERSION);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, 1L); /* one connection for all */
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, t->is_fresh ? 1L : 0L);
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
	curl_easy_setopt(t->easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
}

Transfer *transfer_new(Connections *connections, const TransferHandler *handler, void *context)
{
	Transfer *t = MEMORY_NEW(Transfer);

	*t = (Transfer){.connections = connections, .handler = handler, .context = context};
	if (sd_event_add_time(connections->event, &t->silence, CLOCK_MONOTONIC, 0, 1000000,
		    on_silence, t) < 0)
		return transfer_free(t);
	sd_event_source_set_enabled(t->silence, SD_EVENT_OFF);
	return t;
}

Transfer *transfer_free(Transfer *t)
{
	if (!t)
		return NULL;
	close_request(t);
	sd_event_source_disable_unref(t->silence);
	free(t);
	return NULL;
}

void transfer_start(Transfer *t, const char *kubeconfig, const char *path)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const char *error;

	assert(!t->easy);
	t->easy = curl_easy_init();
	if (!t->easy)
		memory_end();
	*t->error = '\0';
	t->has_begun = false;
	t->heard_usec = now_usec();
	error = server_prepare(arena, kubeconfig, path, t->easy, &t->lists);
	if (!error) {
		set_options(t);
		curl_multi_add_handle(t->connections->multi, t->easy);
		watch_silence(t);
		return;
	}
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	server_lists_free(&t->lists);
	t->handler->end(t->context, error);
}
