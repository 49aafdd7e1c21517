/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text: buffers, comparison, UTF-8, the nearest word, JSON strings. */
#include "base.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

void buf_add_n(Buf *buf, const char *text, size_t n)
{
	if (buf->capacity - buf->n < n + 1) {
		size_t capacity =
			buf->capacity * 2 > buf->n + n + 1 ? buf->capacity * 2 : buf->n + n + 64;
		char *grown = arena_alloc(buf->arena, capacity);

		if (buf->n)
			memcpy(grown, buf->text, buf->n);
		buf->text = grown;
		buf->capacity = capacity;
	}
	memcpy(buf->text + buf->n, text, n);
	buf->n += n;
	buf->text[buf->n] = '\0';
}

void buf_add(Buf *buf, const char *text)
{
	buf_add_n(buf, text, strlen(text));
}

void buf_printf(Buf *buf, const char *format, ...)
{
	char small[256];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(small, sizeof(small), format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	if ((size_t)n < sizeof(small)) {
		buf_add_n(buf, small, (size_t)n);
		return;
	}
	va_start(arguments, format);
	buf_add(buf, arena_vprintf(buf->arena, format, arguments));
	va_end(arguments);
}

const char *buf_text(const Buf *buf)
{
	return buf->text ? buf->text : "";
}

bool text_is_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n >= m && strcmp(text + n - m, suffix) == 0;
}

bool text_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * The length of a multi-byte sequence with this first byte, or 0 (RFC 3629 section 4), and the
 * lowest code point that needs this length: lower ones are overlong encodings.
 */
static size_t utf8_length(unsigned char first, uint32_t *ret_min)
{
	if (first >= 0xc2 && first <= 0xdf) {
		*ret_min = 0x80;
		return 2;
	}
	if ((first & 0xf0) == 0xe0) {
		*ret_min = 0x800;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		*ret_min = 0x10000;
		return 4;
	}
	return 0;
}

/* The length of the valid multi-byte sequence at `s`, or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	uint32_t min, code;
	size_t length = utf8_length(s[0], &min);

	if (length == 0 || length > left)
		return 0;
	code = s[0] & (0x7fu >> length);
	for (size_t k = 1; k < length; k++) {
		if ((s[k] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[k] & 0x3f);
	}
	if (code < min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0; /* overlong, beyond Unicode, or a UTF-16 surrogate */
	return length;
}

/*
 * Whether eight bytes are all ASCII and not NUL. A byte that is not ASCII has its top bit set; the
 * subtraction of 1 from each byte sets the top bit of a byte that is NUL.
 */
static bool is_ascii_word(const unsigned char *s)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t word;

	memcpy(&word, s, sizeof(word));
	return ((word | (word - ones)) & tops) == 0;
}

size_t text_utf8_check(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	while (i < n) {
		size_t length;

		while (i + 8 <= n && is_ascii_word(s + i))
			i += 8;
		if (i == n)
			break;
		length = s[i] == 0 ? 0 : s[i] < 0x80 ? 1 : utf8_sequence(s + i, n - i);

		if (length == 0)
			return i;
		i += length;
	}
	return n;
}

/*
 * The Levenshtein distance, with one row of the matrix. Words of more than 64 bytes count as
 * `max` + 1 edits apart.
 */
static size_t edit_distance(const char *a, const char *b, size_t max)
{
	size_t row[65], n = strlen(a), m = strlen(b);

	if (n > 64 || m > 64)
		return max + 1;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			best = up + 1 < best ? up + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			row[j] = best;
			diagonal = up;
		}
	}
	return row[m];
}

/* ASCII letters only; field names have no others. */
static bool is_equal_but_for_case(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a | 0x20) != (*b | 0x20))
			return false;
	return *a == *b;
}

const char *text_nearest(const char *word, const char *const *known)
{
	const char *nearest = NULL;
	size_t best = 3; /* a word that is three edits away was hardly meant */

	for (; *known; known++) {
		size_t distance = edit_distance(word, *known, 2);

		if (is_equal_but_for_case(word, *known))
			return *known;
		if (distance < best && distance < strlen(*known)) {
			best = distance;
			nearest = *known;
		}
	}
	return nearest;
}

size_t text_bom_size(const char *text, size_t n)
{
	return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

const char *text_utf16_or_32(const char *text, size_t n)
{
	/* a byte order mark, or else which of the first bytes are NUL: a file begins with ASCII */
	static const struct {
		const char *name, *mark, *nuls;
		size_t n_mark;
	} known[] = {{"UTF-32LE", "\xff\xfe\0\0", "x000", 4},
		{"UTF-32BE", "\0\0\xfe\xff", "000x", 4}, {"UTF-16LE", "\xff\xfe", "x0x0", 2},
		{"UTF-16BE", "\xfe\xff", "0x0x", 2}};
	char nuls[] = "xxxx";

	for (size_t i = 0; i < 4 && i < n; i++)
		nuls[i] = text[i] ? 'x' : '0';
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(nuls, known[i].nuls) == 0 ||
			(n >= known[i].n_mark && memcmp(text, known[i].mark, known[i].n_mark) == 0))
			return known[i].name;
	return NULL;
}

int text_compare_p(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * The length in bytes of the character at `s`; 0: not UTF-8. Reads no further than the NUL that
 * ends the text, since NUL is not a continuation byte.
 */
static size_t character_length(const char *s)
{
	return (unsigned char)*s < 0x80 ? 1 : utf8_sequence((const unsigned char *)s, 4);
}

/* C0 (but tab), DEL, and C1 (U+0080 to U+009F), which terminals also obey. */
static bool is_control(const char *s, size_t n)
{
	unsigned char first = (unsigned char)s[0];

	if (n == 1)
		return (first < 0x20 && first != '\t') || first == 0x7f;
	return n == 2 && first == 0xc2 && (unsigned char)s[1] < 0xa0;
}

char *text_printable(char *text)
{
	for (char *s = text; *s;) {
		size_t n = character_length(s);

		if (n == 0 || is_control(s, n))
			memset(s, '?', n ? n : 1);
		s += n ? n : 1;
	}
	return text;
}

static bool is_plain_json(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

void text_add_json(Buf *buf, const char *text)
{
	size_t n;

	buf_add(buf, "\"");
	for (const char *s = text; *s; s += n ? n : 1) {
		for (n = 0; is_plain_json(s[n]); n++) /* nearly all text, in one piece */
			;
		if (n > 0) {
			buf_add_n(buf, s, n);
			continue;
		}
		n = character_length(s);
		if (n == 0)
			buf_add(buf, "\\ufffd");
		else if (*s == '"' || *s == '\\')
			buf_printf(buf, "\\%c", *s);
		else if (is_control(s, 1) || *s == '\t')
			buf_printf(buf, "\\u%04x", *s);
		else
			buf_add_n(buf, s, n);
	}
	buf_add(buf, "\"");
}

const char *text_of_time(Arena *arena, int64_t seconds)
{
	struct tm tm;
	time_t at = (time_t)seconds;
	char text[32];

	if (!gmtime_r(&at, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return arena_printf(arena, "%lld s", (long long)seconds);
	return arena_strdup(arena, text);
}

void texts_sort_unique(Texts *texts)
{
	size_t last = 0; /* the index of the last text that was kept */

	if (texts->n == 0)
		return;
	qsort(texts->at, texts->n, sizeof(*texts->at), text_compare_p);
	for (size_t i = 1; i < texts->n; i++)
		if (strcmp(texts->at[i], texts->at[last]) != 0)
			texts->at[++last] = texts->at[i];
	texts->n = last + 1;
}
