/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libconfig would misread: see conf_check.h. */
#include "conf_check.h"
#include <ctype.h>
#include <string.h>

/* The end of the comment or string that begins at s; s itself if none begins there. */
static const char *skip_comment_or_string(const char *s)
{
	const char *end = NULL;

	if (s[0] == '/' && s[1] == '*')
		return (end = strstr(s + 2, "*/")) ? end + 2 : s + strlen(s);
	if (s[0] == '#' || (s[0] == '/' && s[1] == '/'))
		return s + strcspn(s, "\n");
	if (s[0] != '"')
		return s;
	for (s++; *s && *s != '"'; s++)
		if (s[0] == '\\' && s[1])
			s++;
	return *s ? s + 1 : s;
}

/* The end of the name or number at s; s itself if there is none. */
static const char *skip_word(const char *s)
{
	return s + strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*");
}

/* Whether the string token has the escape \x00. An escaped backslash begins no escape. */
static bool has_nul(const char *s, const char *end)
{
	for (; s < end; s++) {
		if (s[0] != '\\')
			continue;
		if ((s[1] == 'x' || s[1] == 'X') && s[2] == '0' && s[3] == '0')
			return true;
		s++;
	}
	return false;
}

/* strtoull saturates at 2^64 - 1, so a longer number is too large, too. */
static bool is_too_large(const char *s)
{
	bool is_hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');

	return isdigit((unsigned char)s[0]) && strtoull(s, NULL, is_hex ? 16 : 10) > INT32_MAX;
}

/* What libconfig would misread in this token, or NULL. */
static const char *token_error(const char *s, const char *end)
{
	if (*s == '"' && has_nul(s, end))
		return "a NUL character in a string";
	return is_too_large(s) ? "a number greater than 2147483647" : NULL;
}

static bool check_token(Reader *reader, Origin origin, const char *s, const char *end)
{
	const char *error = token_error(s, end);

	if (strncmp(s, "@include", 8) == 0)
		DIAG_ERROR(reader->diags, origin, "include",
			"every file of the directory is read by itself; put it there",
			"@include is not followed");
	else if (error)
		DIAG_ERROR(reader->diags, origin, "syntax", NULL, "%s", error);
	else
		return true;
	return false;
}

bool conf_check(Reader *reader, const char *file, const char *text)
{
	unsigned line = 1;

	for (const char *s = text, *end; *s; s = end) {
		end = skip_comment_or_string(s);
		end = end == s ? skip_word(s) : end;
		end = end == s ? s + 1 : end; /* punctuation or a blank */
		if (!check_token(reader, (Origin){file, line, 0}, s, end))
			return false;
		for (const char *c = s; c < end; c++)
			line += *c == '\n';
	}
	return true;
}
