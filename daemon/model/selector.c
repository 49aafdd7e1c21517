/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels and selectors: order, matching, equality, printing. */
#include "model.h"
#include <string.h>

/* ---- Labels ---- */
static int label_compare(const void *a, const void *b)
{
	return strcmp(((const Label *)a)->key, ((const Label *)b)->key);
}

void labels_sort(Labels *labels)
{
	if (labels->list.n > 1)
		qsort(labels->list.at, labels->list.n, sizeof(Label), label_compare);
}

bool labels_are_sorted(const Labels *labels)
{
	for (size_t i = 1; i < labels->list.n; i++)
		if (label_compare(&labels->list.at[i - 1], &labels->list.at[i]) > 0)
			return false;
	return true;
}

const char *labels_get(const Labels *labels, const char *key)
{
	Label wanted = {.key = key}, *found = NULL;

	if (labels->list.n)
		found = bsearch(
			&wanted, labels->list.at, labels->list.n, sizeof(Label), label_compare);
	return found ? found->value : NULL;
}

bool labels_are_equal(const Labels *a, const Labels *b)
{
	if (a->list.n != b->list.n)
		return false;
	for (size_t i = 0; i < a->list.n; i++)
		if (strcmp(a->list.at[i].key, b->list.at[i].key) != 0 ||
			strcmp(a->list.at[i].value, b->list.at[i].value) != 0)
			return false;
	return true;
}

/* ---- Selectors ---- */
static int values_compare(const Texts *a, const Texts *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		int r = strcmp(a->at[i], b->at[i]);

		if (r)
			return r;
	}
	return a->n < b->n ? -1 : a->n > b->n;
}

static int requirement_compare(const void *a, const void *b)
{
	const Requirement *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	if (r)
		return r;
	if (x->op != y->op)
		return x->op < y->op ? -1 : 1;
	return values_compare(&x->values, &y->values);
}

static bool texts_are_sorted(const Texts *texts)
{
	for (size_t i = 1; i < texts->n; i++)
		if (strcmp(texts->at[i - 1], texts->at[i]) >= 0)
			return false;
	return true;
}

static bool takes_values(Operator op)
{
	return op == OPERATOR_IN || op == OPERATOR_NOT_IN;
}

bool selector_is_valid(const Selector *selector)
{
	for (size_t i = 0; i < selector->list.n; i++) {
		const Requirement *at = &selector->list.at[i];

		if ((i > 0 && requirement_compare(at - 1, at) > 0) ||
			!texts_are_sorted(&at->values) ||
			(at->values.n > 0 && !takes_values(at->op)))
			return false;
	}
	return true;
}

void selector_add(Arena *arena, Selector *selector, Requirement requirement)
{
	texts_sort_unique(&requirement.values);
	VEC_PUSH(arena, &selector->list, requirement);
	qsort(selector->list.at, selector->list.n, sizeof(Requirement), requirement_compare);
}

bool requirement_holds(const Requirement *requirement, const Labels *labels)
{
	const char *value = labels_get(labels, requirement->key);
	bool is_listed = value && requirement->values.n &&
			 bsearch(&value, requirement->values.at, requirement->values.n,
				 sizeof(value), text_compare_p);

	switch (requirement->op) {
	case OPERATOR_IN:
		return is_listed;
	case OPERATOR_NOT_IN:
		return !is_listed;
	case OPERATOR_EXISTS:
		return value;
	case OPERATOR_NOT_EXISTS:
		return !value;
	}
	return false;
}

bool selector_matches(const Selector *selector, const Labels *labels)
{
	for (size_t i = 0; i < selector->list.n; i++)
		if (!requirement_holds(&selector->list.at[i], labels))
			return false;
	return true;
}

static bool are_texts_equal(const Texts *a, const Texts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return true;
}

bool selectors_are_equal(const Selector *a, const Selector *b)
{
	if (!a || !b || a->list.n != b->list.n)
		return a == b;
	for (size_t i = 0; i < a->list.n; i++)
		if (a->list.at[i].op != b->list.at[i].op ||
			strcmp(a->list.at[i].key, b->list.at[i].key) != 0 ||
			!are_texts_equal(&a->list.at[i].values, &b->list.at[i].values))
			return false;
	return true;
}

uint32_t selector_hash(uint32_t hash, const Selector *selector)
{
	size_t n = selector ? selector->list.n : 0;

	hash = hash_bytes(hash, &n, sizeof(n));
	for (size_t i = 0; i < n; i++) {
		const Requirement *r = &selector->list.at[i];

		hash = hash_text(hash, r->key);
		hash = hash_bytes(hash, &r->op, sizeof(r->op));
		for (size_t k = 0; k < r->values.n; k++)
			hash = hash_text(hash, r->values.at[k]);
	}
	return hash;
}

/* ---- Printing ---- */
static void add_values(Buf *buf, const Texts *values)
{
	buf_add(buf, "(");
	for (size_t i = 0; i < values->n; i++) {
		buf_add(buf, i ? "," : "");
		buf_add(buf, values->at[i]);
	}
	buf_add(buf, ")");
}

static void add_requirement(Buf *buf, const Requirement *requirement)
{
	if (requirement->op == OPERATOR_NOT_EXISTS)
		buf_add(buf, "!");
	buf_add(buf, requirement->key);
	if (requirement->op == OPERATOR_IN && requirement->values.n == 1) {
		buf_add(buf, "=");
		buf_add(buf, requirement->values.at[0]);
	} else if (requirement->op == OPERATOR_IN || requirement->op == OPERATOR_NOT_IN) {
		buf_add(buf, requirement->op == OPERATOR_IN ? " in " : " notin ");
		add_values(buf, &requirement->values);
	}
}

const char *selector_text(Arena *arena, const Selector *selector)
{
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < selector->list.n; i++) {
		buf_add(&buf, i ? "," : "");
		add_requirement(&buf, &selector->list.at[i]);
	}
	return buf_text(&buf);
}
