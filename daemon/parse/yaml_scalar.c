/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The type of an unquoted scalar: see yaml_scalar.h. */
#include "yaml_scalar.h"
#include <errno.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/*
 * Decimal, octal with a leading 0, or hexadecimal with 0x, as strtoll reads them with base 0. The
 * "0o" octal of YAML 1.2 is no number here; a number that does not fit 64 bits is none either.
 */
static bool number_parse(const char *text, long long *ret_number)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;

	if (!*digits || strspn(digits, "0123456789abcdefABCDEFxo") != strlen(digits))
		return false;
	if (digits[0] == '0' && digits[1] == 'o')
		return false;
	errno = 0;
	*ret_number = strtoll(text, &end, 0);
	return errno == 0 && *end == '\0';
}

static bool is_float(const char *text)
{
	char *end;

	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text) ||
		!strpbrk(text, "0123456789"))
		return false;
	strtod(text, &end);
	return *end == '\0';
}

void yaml_scalar_resolve(Node *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const truths[] = {
		"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const untruths[] = {
		"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL};

	assert(node->text);
	node->kind = NODE_STRING;
	if (is_one_of(node->text, nulls))
		node->kind = NODE_NULL;
	else if (is_one_of(node->text, truths) || is_one_of(node->text, untruths))
		node->kind = NODE_BOOL;
	else if (number_parse(node->text, &node->number))
		node->kind = NODE_INT;
	else if (is_float(node->text))
		node->kind = NODE_FLOAT;
	node->truth = node->kind == NODE_BOOL && is_one_of(node->text, truths);
}
