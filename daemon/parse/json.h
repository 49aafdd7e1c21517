#pragma once
/*
 * json: one small event interface in front of the JSON parser, so that the parser can be replaced.
 * Constant memory whatever the file's size. Private to the room.
 */
#include "node.h"

typedef enum ScalarKind { SCALAR_NULL, SCALAR_BOOL, SCALAR_NUMBER, SCALAR_STRING } ScalarKind;

/* Text is not NUL-terminated and lives for the call. A handler returns false to stop the reading
 * (it has then said why in the diagnostics). */
typedef struct JsonHandler {
	bool (*begin)(void *context, bool is_map);
	bool (*end)(void *context);
	bool (*key)(void *context, const char *text, size_t n);
	bool (*scalar)(void *context, ScalarKind kind, const char *text, size_t n);
} JsonHandler;

/*
 * Reads one JSON value; syntax errors go to diags with line:column. *at is kept at the offset of
 * the current token's end while handlers run.
 */
bool json_read(Reader *reader, const char *file, const char *text, size_t n,
	const JsonHandler *handler, void *context, size_t *at);
/* The line and column of an offset. */
Origin json_origin(const char *file, const char *text, size_t at);
