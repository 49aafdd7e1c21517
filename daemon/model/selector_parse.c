/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kubectl's grammar of selectors, and the syntax of label keys and values. */
#include "model.h"
#include <ctype.h>
#include <string.h>

/* ---- kubectl's grammar (apimachinery labels.Parse) ---- */
typedef struct Parser {
	Arena *arena;
	const char *start, *at; /* at: the next character */
	const char *error;	/* NULL: none so far; else `at` is the place of the error */
} Parser;

static void skip_blanks(Parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
}

static bool take(Parser *p, const char *token)
{
	size_t n = strlen(token);

	skip_blanks(p);
	if (strncmp(p->at, token, n) != 0)
		return false;
	p->at += n;
	return true;
}

static const char *take_word(Parser *p)
{
	size_t n;

	skip_blanks(p);
	n = strcspn(p->at, " \t,=!()");
	p->at += n;
	return arena_strndup(p->arena, p->at - n, n);
}

static const char *take_key(Parser *p)
{
	const char *key, *error;

	skip_blanks(p);
	key = take_word(p);
	error = label_key_error(key);
	if (error) {
		p->at -= strlen(key);
		p->error = arena_printf(p->arena, "label key \"%s\": %s", key, error);
	}
	return key;
}

static void take_value(Parser *p, Texts *values)
{
	const char *value = take_word(p), *error = label_value_error(value);

	if (error) {
		p->at -= strlen(value);
		p->error = arena_printf(p->arena, "label value \"%s\": %s", value, error);
		return;
	}
	VEC_PUSH(p->arena, values, value);
}

static void take_value_list(Parser *p, Texts *values)
{
	if (!take(p, "(")) {
		p->error = "expected \"(\" and a list of values";
		return;
	}
	do
		take_value(p, values);
	while (!p->error && take(p, ","));
	if (!p->error && !take(p, ")"))
		p->error = "expected \",\" or \")\" in the list of values";
}

/* "in" or "notin" as a whole word: a blank or "(" follows. */
static bool take_keyword(Parser *p, const char *keyword)
{
	size_t n = strlen(keyword);

	skip_blanks(p);
	if (strncmp(p->at, keyword, n) != 0 || !strchr(" \t(", p->at[n]) || !p->at[n])
		return false;
	p->at += n;
	return true;
}

/* On an error, `at` stays at the place of the error, and nothing is added to the selector. */
static void take_requirement(Parser *p, Selector *selector)
{
	Requirement requirement = {.op = OPERATOR_EXISTS};

	if (take(p, "!"))
		requirement.op = OPERATOR_NOT_EXISTS;
	requirement.key = take_key(p);
	if (p->error)
		return;
	if (requirement.op == OPERATOR_EXISTS) {
		if (take_keyword(p, "in") || take_keyword(p, "notin")) {
			/* "notin" has a 't' before "in"; else a blank is there, after the key */
			requirement.op = p->at[-3] == 't' ? OPERATOR_NOT_IN : OPERATOR_IN;
			take_value_list(p, &requirement.values);
		} else if (take(p, "==") || take(p, "=")) {
			requirement.op = OPERATOR_IN;
			take_value(p, &requirement.values);
		} else if (take(p, "!=")) {
			requirement.op = OPERATOR_NOT_IN;
			take_value(p, &requirement.values);
		}
	}
	if (!p->error)
		selector_add(p->arena, selector, requirement);
}

const char *selector_parse(Arena *arena, const char *text, Selector *ret_selector, size_t *ret_at)
{
	Parser p = {.arena = arena, .start = text, .at = text};
	Selector selector = {};

	skip_blanks(&p);
	while (*p.at && !p.error) {
		take_requirement(&p, &selector);
		skip_blanks(&p);
		if (p.error || !*p.at)
			break;
		if (!take(&p, ","))
			p.error = "expected \",\" between requirements";
		else if (skip_blanks(&p), !*p.at)
			p.error = "expected a requirement after \",\"";
	}
	if (p.error) {
		*ret_at = (size_t)(p.at - p.start);
		return p.error;
	}
	*ret_selector = selector;
	return NULL;
}

/* ---- Label syntax (apimachinery validation.IsQualifiedName, IsValidLabelValue) ---- */
static bool is_label_name(const char *text, size_t n)
{
	if (n == 0 || n > 63 || !isalnum((unsigned char)text[0]) ||
		!isalnum((unsigned char)text[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static bool is_subdomain(const char *text, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool is_edge = i == 0 || i + 1 == n || text[i - 1] == '.' || text[i + 1] == '.';

		if (text[i] == '.'	 ? is_edge
			: text[i] == '-' ? is_edge
					 : !islower((unsigned char)text[i]) &&
						   !isdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

const char *label_key_error(const char *key)
{
	const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;

	if (!*key)
		return "name part must be non-empty";
	if (slash && !is_subdomain(key, (size_t)(slash - key)))
		return "prefix part must be a lowercase DNS subdomain of at most 253 characters";
	if (strlen(name) > 63)
		return "name part must be no more than 63 characters";
	if (!is_label_name(name, strlen(name)))
		return "name part must consist of alphanumeric characters, '-', '_' or '.', and "
		       "must start and end with an alphanumeric character";
	return NULL;
}

const char *label_value_error(const char *value)
{
	if (strlen(value) > 63)
		return "must be no more than 63 characters";
	if (*value && !is_label_name(value, strlen(value)))
		return "a valid label must be an empty string or consist of alphanumeric "
		       "characters, '-', '_' or '.', and must start and end with an alphanumeric "
		       "character";
	return NULL;
}
