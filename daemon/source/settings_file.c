/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads netpol.conf. The node's name is the host name, unless the file has another.
 */
#include "source.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_BYTES_MAX ((size_t)1 << 20)

void settings_host_name(char ret_name[HOST_NAME_MAX + 1])
{
	*ret_name = '\0';
	gethostname(ret_name, HOST_NAME_MAX + 1);
	for (char *c = ret_name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
}

int settings_load(
	Arena *arena, const char *path, bool may_be_absent, Settings *settings, Diags *diags)
{
	char host[HOST_NAME_MAX + 1];
	const char *text = NULL;
	size_t n = 0;
	int r = source_text_read(arena, path, SETTINGS_BYTES_MAX, &text, &n);
	Origin origin = {.file = arena_strdup(arena, path)};

	settings_host_name(host);
	settings_default(arena, host, settings);
	if (r == -ENOENT && may_be_absent)
		return 0;
	if (r < 0) {
		DIAG_ERROR(diags, origin, "unreadable", NULL, "cannot be read: %s", strerror(-r));
		return PARSE_E_INVALID;
	}
	if (text_utf8_check(text, n) != n) {
		const char *encoding = text_utf16_or_32(text, n);

		DIAG_ERROR(diags, origin, encoding ? "encoding" : "binary",
			encoding ? PARSE_ENCODING_HINT : NULL, "this is %s, not UTF-8 text",
			encoding ? encoding : "binary");
		return PARSE_E_INVALID;
	}
	r = settings_parse(arena, origin.file, text, settings, diags);
	diags_excerpt(diags, text + text_bom_size(text, n), n - text_bom_size(text, n));
	return r;
}
