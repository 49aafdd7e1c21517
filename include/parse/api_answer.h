/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * api_answer: what an API server answers, read while it arrives: a list (or a page of one), the
 * events of a watch, or a Status. Of each object there remains what netpold reads of it: of a Pod
 * about 400 bytes of 8 KB, as JSON in one line.
 *
 *     api_reader_new, api_reader_feed for each piece, api_reader_end
 *
 * The handler's functions are called when an object, or an event, is complete. What is not what the
 * API promises (another type, no name) ends the reading with an error: an object that cannot be
 * taken whole must not be taken in part.
 *
 * Files that hold such lists are read in the same way: api_object_add_line() writes an object that
 * the reader reads.
 */
#include "model.h"

/* In the order in which a change of several is written. */
typedef enum ApiKind { API_POLICIES, API_NAMESPACES, API_PODS, API_KIND_N } ApiKind;

extern const char *const API_KIND_TEXT[];  /* "networkpolicies", "namespaces", "pods" */
extern const char *const API_KIND_PATHS[]; /* of the server, all namespaces */

#define API_OBJECT_BYTES_MAX ((size_t)16 << 20) /* as it arrives; etcd takes 1.5 MB */

typedef struct ApiObject {
	const char *namespace, *name; /* namespace: "" if it has none */
	const char *node;	      /* a pod's; "" if not scheduled */
	uint64_t version;	      /* resourceVersion; 0: none, or no number */
	const char *text; /* what remains but for the version; compared as bytes: it is the same as
			     long as nothing that netpold reads has changed */
} ApiObject;

typedef enum ApiEvent {
	API_LISTED, /* an item of a list */
	API_ADDED,  /* or modified; or what a watch begins with */
	API_DELETED
} ApiEvent;

/* A Status: why a request failed, or why a watch ends (an event of type ERROR). */
typedef struct ApiStatus {
	unsigned code;		      /* as HTTP's; 0: none */
	const char *reason, *message; /* "" if absent */
	unsigned retry_after_s;	      /* 0: the server does not say */
} ApiStatus;

/* A function returns false to stop; NULL stops there. All texts are valid during the call only. */
typedef struct ApiHandler {
	bool (*object)(void *context, ApiEvent event, const ApiObject *object);
	/* All events up to this version were sent; is_listed: and with them all objects. */
	bool (*bookmark)(void *context, const char *version, bool is_listed);
	bool (*status)(void *context, const ApiStatus *status);
} ApiHandler;

/* What a list says of itself, when it is complete. */
typedef struct ApiList {
	const char *version; /* resourceVersion; "" if absent */
	const char *next;    /* metadata.continue: the next page; "": this is the last one */
} ApiList;

typedef struct ApiReader ApiReader;

/* In the arena, with all that it needs; texts that it returns are the arena's. */
ApiReader *api_reader_new(Arena *arena, ApiKind kind, const ApiHandler *handler, void *context);
/* The list is kubelet's: where it has each pod from is kept, too. */
void api_reader_set_of_kubelet(ApiReader *reader);
/* False: the handler stopped, or api_reader_error() says why. Nothing may be fed after that. */
bool api_reader_feed(ApiReader *reader, const char *text, size_t n);
/* The answer has ended. False: in the middle of an object. An empty answer is whole: of a watch. */
bool api_reader_end(ApiReader *reader);
/* After the end of a complete answer: whether it was a list, with `items`. */
bool api_reader_list(const ApiReader *reader, ApiList *ret_list);
/* In words; NULL: the handler stopped. */
const char *api_reader_error(const ApiReader *reader);

/* The line of an object, without a line break: a whole JSON object. */
void api_object_add_line(Buf *buf, ApiKind kind, uint64_t version, const char *text);
