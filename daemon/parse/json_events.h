/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * json_events: a JSON text as a stream of events, in constant memory, however large the file is.
 * This is the only user of yajl: another streaming parser can take its place behind this header.
 *
 * For each value the handler's functions are called in the order of the text: scalar, or begin, the
 * content, end. In a map, key precedes each value. Calls are balanced, and at most PARSE_DEPTH_MAX
 * begins are open at a time. After a syntax error or a handler's false no more calls follow.
 */
#include "node.h"

typedef enum ScalarKind { SCALAR_NULL, SCALAR_BOOL, SCALAR_NUMBER, SCALAR_STRING } ScalarKind;

/*
 * `text` has n bytes, is not NUL-terminated, may contain NUL characters (from "\u0000"), and is
 * valid during the call only. Numbers are as written, since a 64-bit conversion could fail in a
 * field that is not read. A function returns false to stop; it has reported the error then, if
 * there is one to report.
 */
typedef struct JsonHandler {
	bool (*begin)(void *context, bool is_map);
	bool (*end)(void *context);
	bool (*key)(void *context, const char *text, size_t n);
	bool (*scalar)(void *context, ScalarKind kind, const char *text, size_t n);
} JsonHandler;

/* ---- A text that arrives in pieces ---- */
typedef struct JsonStream JsonStream;

/* In the arena, which yajl's buffers are in, too: they settle at the longest token's size. */
JsonStream *json_stream_new(Arena *arena, const JsonHandler *handler, void *context);
/* False: a handler stopped, or a syntax error; nothing may be fed after that. */
bool json_stream_feed(JsonStream *stream, const char *text, size_t n);
/* The text has ended. False: in the middle of a value. */
bool json_stream_end(JsonStream *stream);
/* After a false: what is wrong, in words; NULL: a handler stopped. */
const char *json_stream_error(const JsonStream *stream);

/* ---- A whole text ---- */
/*
 * Reads the JSON values that the text is, one after the other: nothing needs to be between them,
 * as in what `kubectl get --watch -o json` prints. During a handler call *ret_at is the offset of
 * the current token's end. The reader's arena has yajl's buffers. False: a handler stopped, or a
 * syntax error is in the reader's diags.
 */
bool json_events_read(Reader *reader, const char *file, const char *text, size_t n,
	const JsonHandler *handler, void *context, size_t *ret_at);
