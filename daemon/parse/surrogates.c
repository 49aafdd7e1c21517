/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rewriting JSON's surrogate pairs: see surrogates.h. */
#include "surrogates.h"
#include <string.h>

/* The code unit of the escape "\uXXXX" that begins at s; 0: there is none before `end`. */
static unsigned escaped_unit(const char *s, const char *end)
{
	unsigned code = 0;

	if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
		return 0;
	for (int i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i]);

		if (!digit || !*digit)
			return 0;
		code = code << 4 | (unsigned)(digit - digits);
	}
	return code;
}

const char *surrogates_join(Arena *arena, const char *text, size_t *n)
{
	const char *end = text + *n;
	Buf buf = {.arena = arena};

	if (!memmem(text, *n, "\\ud", 3) && !memmem(text, *n, "\\uD", 3))
		return text;
	for (const char *s = text; s < end;) {
		/* the top six bits of a high unit are 110110 (0x36), of a low unit 110111 (0x37) */
		unsigned high = escaped_unit(s, end), low = escaped_unit(s + 6, end);

		if (high >> 10 == 0x36 && s + 6 < end && low >> 10 == 0x37) {
			buf_printf(
				&buf, "\\U%08X", 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff));
			s += 12;
		} else if (*s == '\\' && s + 1 < end) {
			buf_add_n(&buf, s, 2); /* so that in "\\u" the u begins no escape */
			s += 2;
		} else {
			buf_add_n(&buf, s++, 1);
		}
	}
	*n = buf.n;
	return buf_text(&buf);
}
