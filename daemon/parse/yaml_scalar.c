/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The type of an unquoted scalar: see yaml_scalar.h. The order of the tests is that of resolve() in
 * go-yaml, and what "reads" means in each is Go's strconv.
 */
#include "yaml_scalar.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A longer number is a string here. Wherever a string may stand such a one is too long. */
#define NUMBER_SIZE 512
#define DIGITS "0123456789"

typedef enum NumberKind { NUMBER_NONE, NUMBER_INT, NUMBER_TOO_LARGE, NUMBER_FLOAT } NumberKind;

typedef struct Number {
	NumberKind kind;
	long long integer; /* NUMBER_INT */
	double value;	   /* NUMBER_FLOAT */
} Number;

/* ---- Words ---- */
static const char *const NULLS[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const TRUTHS[] = {
	"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
static const char *const UNTRUTHS[] = {
	"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
static const char *const NO_NUMBERS[] = {".nan", ".NaN", ".NAN", NULL};
static const char *const INFINITIES[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
static const char *const NEGATIVE_INFINITIES[] = {"-.inf", "-.Inf", "-.INF", NULL};

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* ---- Whole numbers ---- */
/* The digits in that base, up to the end of the text. A number of more than 64 bits is none. */
static NumberKind digits_read(const char *digits, int base, bool is_negative, long long *ret_number)
{
	const char *allowed = base == 16  ? DIGITS "abcdefABCDEF"
			      : base == 8 ? "01234567"
			      : base == 2 ? "01"
					  : DIGITS;
	unsigned long long value, most = (unsigned long long)INT64_MAX + is_negative;

	if (!*digits || strspn(digits, allowed) != strlen(digits))
		return NUMBER_NONE;
	errno = 0;
	value = strtoull(digits, NULL, base);
	if (errno)
		return NUMBER_NONE;
	if (value > most)
		return is_negative ? NUMBER_NONE : NUMBER_TOO_LARGE;
	*ret_number = (long long)(is_negative ? 0 - value : value);
	return NUMBER_INT;
}

/* The base that a prefix names, and the prefix's length: strconv.ParseInt with base 0. */
static int base_of(const char *text, size_t *ret_skip)
{
	*ret_skip = 0;
	if (text[0] != '0' || !text[1])
		return 10;
	*ret_skip = 2;
	if (strchr("xX", text[1]))
		return 16;
	if (strchr("bB", text[1]))
		return 2;
	*ret_skip = strchr("oO", text[1]) ? 2 : 1;
	return 8;
}

/* text: without underscores. go-yaml takes a sign after "0b", too. */
static NumberKind integer_read(const char *text, long long *ret_number)
{
	bool is_binary = strncmp(text, "0b", 2) == 0, is_negative;
	size_t skip = 0;
	int base;

	text += is_binary ? 2 : 0;
	is_negative = *text == '-';
	text += *text == '-' || *text == '+';
	base = is_binary ? 2 : base_of(text, &skip);
	return digits_read(text + skip, base, is_negative, ret_number);
}

/* ---- Numbers with a fraction or an exponent ---- */
/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *s)
{
	size_t n;

	s += *s == '-' || *s == '+';
	n = strspn(s, DIGITS);
	s += n;
	if (*s == '.') {
		size_t fraction = strspn(++s, DIGITS);

		n += fraction;
		s += fraction;
	}
	if (n > 0 && (*s == 'e' || *s == 'E')) {
		s++;
		s += *s == '-' || *s == '+';
		n = strspn(s, DIGITS);
		s += n;
	}
	return n > 0 && *s == '\0';
}

/* The number that an unquoted scalar is. */
static Number number_read(const char *text)
{
	Number number = {};
	bool begins_with_dot = *text == '.';
	char plain[NUMBER_SIZE] = "";
	size_t n = 0;

	if (!*text || !strchr(DIGITS "+-.", *text) || strlen(text) >= sizeof(plain))
		return number;
	for (; *text; text++)
		if (*text != '_' || begins_with_dot) /* ".5_0" is a string */
			plain[n++] = *text;
	plain[n] = '\0';
	if (!begins_with_dot)
		number.kind = integer_read(plain, &number.integer);
	if (number.kind != NUMBER_NONE || !is_float(plain))
		return number;
	number.value = strtod(plain, NULL);
	number.kind = isinf(number.value) ? NUMBER_NONE : NUMBER_FLOAT;
	return number;
}

/* What is left of a number in JSON: 80.0 is 80 there, and from 1e21 on there is an exponent. */
static void set_number(Node *node, Number number)
{
	double value = number.value;

	node->kind = number.kind == NUMBER_INT ? NODE_INT : NODE_FLOAT;
	node->number = number.integer;
	if (number.kind != NUMBER_FLOAT || value <= -0x1p63 || value >= 0x1p63)
		return;
	node->number = (long long)value;
	if ((double)node->number == value)
		node->kind = NODE_INT;
}

void yaml_scalar_resolve(Node *node)
{
	const char *text = node->text;
	Number number;

	assert(text);
	node->kind = NODE_STRING;
	if (is_one_of(text, NULLS))
		node->kind = NODE_NULL;
	else if (is_one_of(text, TRUTHS) || is_one_of(text, UNTRUTHS))
		node->kind = NODE_BOOL;
	else if (is_one_of(text, NO_NUMBERS) || is_one_of(text, INFINITIES) ||
		 is_one_of(text, NEGATIVE_INFINITIES))
		node->kind = NODE_FLOAT;
	else if ((number = number_read(text)).kind != NUMBER_NONE)
		set_number(node, number);
	node->truth = node->kind == NODE_BOOL && is_one_of(text, TRUTHS);
}

/* ---- Keys ---- */
/* strconv.FormatFloat(value, 'g', -1, 32): the shortest text that is the same 32-bit number. */
static const char *float_text(Arena *arena, double value)
{
	float rounded = (float)value;
	char text[32];
	int digits = 0, exponent;

	if (isinf(rounded))
		return rounded > 0 ? ".inf" : "-.inf";
	do
		snprintf(text, sizeof(text), "%.*e", digits, (double)rounded);
	while (strtof(text, NULL) != rounded && ++digits < 9);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent < -4 || exponent >= 6)
		return arena_strdup(arena, text);
	return arena_printf(
		arena, "%.*f", digits > exponent ? digits - exponent : 0, (double)rounded);
}

static const char *number_text(Arena *arena, Number number)
{
	if (number.kind == NUMBER_INT)
		return arena_printf(arena, "%lld", number.integer);
	return float_text(arena, number.value);
}

/* NULL: the decoder refuses the key. */
static const char *key_text(Arena *arena, const char *key)
{
	Number number;

	if (is_one_of(key, NULLS))
		return NULL;
	if (is_one_of(key, TRUTHS))
		return "true";
	if (is_one_of(key, UNTRUTHS))
		return "false";
	if (is_one_of(key, NO_NUMBERS))
		return ".nan";
	if (is_one_of(key, INFINITIES))
		return ".inf";
	if (is_one_of(key, NEGATIVE_INFINITIES))
		return "-.inf";
	number = number_read(key);
	if (number.kind == NUMBER_TOO_LARGE)
		return NULL;
	return number.kind == NUMBER_NONE ? key : number_text(arena, number);
}

const char *yaml_key_read_as(Arena *arena, const char *key)
{
	const char *text = key_text(arena, key);

	if (text && strcmp(text, key) == 0)
		return NULL;
	return text ? arena_printf(arena, "\"%s\"", text) : "no string";
}
