/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * reflector: keeps a store equal to what the API server has of one kind, by the protocol of
 * client-go's reflector (k8s.io/client-go/tools/cache/reflector.go). Pure: it is told what the
 * server answers and says what to ask next; who uses it has the connection, the clock and the dice.
 *
 *     for ever: reflector_ask, wait as long as it says, send the request,
 *               reflector_begin, reflector_feed..., reflector_end
 *
 *        +--------+  422, or it does not end   +------+  all pages   +-------+
 *        | STREAM | -------------------------> | LIST | -----------> | WATCH | <-+ ended, cut
 *        +--------+                            +------+              +-------+ --+
 *          |  ^  all objects were sent                                 ^   |
 *          |  |  (the same answer goes on as a watch)                  |   |
 *          |  +----------- 410; it fails, or says nothing, 3 times -----|---+
 *          +-----------------------------------------------------------+
 *
 * STREAM: a watch that begins with all objects (sendInitialEvents, since Kubernetes 1.32; older
 * servers refuse it). LIST: pages of 500. WATCH: from the version that the list had.
 *
 * What goes wrong is an error that is counted, said, and followed by a delay: what the server asks
 * for (Retry-After), else one that doubles from 1 s to 30 s (10 s if nobody answers), with a random
 * part, and up to 60 s for a kind that RBAC forbids. Watches that end at once are
 * begun ever farther apart, up to 30 s. Nothing that goes wrong removes an object.
 */
#include "mirror/store.h"

typedef enum ReflectorPhase { REFLECT_STREAM, REFLECT_LIST, REFLECT_WATCH } ReflectorPhase;

typedef enum ReflectorError {
	REFLECT_E_NONE,
	REFLECT_E_CONNECTION,	/* no answer, or it was cut */
	REFLECT_E_GONE,		/* 410: the version or the page is too old */
	REFLECT_E_THROTTLED,	/* 429 */
	REFLECT_E_SERVER,	/* 5xx */
	REFLECT_E_UNAUTHORIZED, /* 401 */
	REFLECT_E_FORBIDDEN,	/* 403 */
	REFLECT_E_REFUSED,	/* any other status than 200 */
	REFLECT_E_ANSWER,	/* not what the API promises */
	REFLECT_E_N
} ReflectorError;

extern const char *const REFLECTOR_ERROR_TEXT[]; /* "none", "connection", ... */

typedef struct ReflectorCounts {
	uint64_t lists, watches, events; /* begun; lists include STREAM */
	uint64_t heard;			 /* events of a watch, bookmarks, lists that ended well */
	uint64_t errors[REFLECT_E_N];
} ReflectorCounts;

typedef struct ReflectorRequest {
	const char *path; /* with its query; the reflector's, until the next call */
	uint64_t delay_ms;
} ReflectorRequest;

typedef struct Reflector Reflector;

/* Borrows the store. */
Reflector *reflector_new(ApiKind kind, Store *store);
Reflector *reflector_free(Reflector *reflector); /* takes NULL; returns NULL */
/* now_ms: of a clock that does not go back. */
void reflector_ask(
	Reflector *reflector, uint32_t random, uint64_t now_ms, ReflectorRequest *ret_request);
/* The answer's status line and headers have come. retry_after_s: 0 if there is none. */
void reflector_begin(Reflector *reflector, unsigned http_status, unsigned retry_after_s);
/* False: end the transfer; the reflector has what it needs, or an error. */
bool reflector_feed(Reflector *reflector, const char *text, size_t n);
/* The transfer is over. error: why it broke off, in words; NULL: the server ended it. */
void reflector_end(Reflector *reflector, const char *error);

/* So long may an answer be silent before the connection is dead: a watch has bookmarks each minute.
 */
unsigned reflector_silence_s(const Reflector *reflector);

ReflectorPhase reflector_phase(const Reflector *reflector);
bool reflector_is_listed(const Reflector *reflector);	 /* all was there once */
bool reflector_is_forbidden(const Reflector *reflector); /* by RBAC, at the last request */
const ReflectorCounts *reflector_counts(const Reflector *reflector);
/* What is wrong now; REFLECT_E_NONE: nothing. *ret_words: NULL, or the error in words. */
ReflectorError reflector_error(const Reflector *reflector, const char **ret_words);
