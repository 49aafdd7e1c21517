/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Labels and label selectors (metav1.LabelSelector).
 *
 * A selector is a list of requirements, all of which must hold; an empty one selects everything.
 * `matchLabels: {a: b}` is the requirement "a In (b)". Labels and requirements are kept sorted, so
 * that lookups are binary searches and equal selectors compare, hash and print alike.
 */
#include "base.h"

typedef struct Label {
	const char *key, *value;
} Label;

typedef struct Labels {
	/*
	 * Sorted by key, see labels_sort(). The API server writes each key once. A JSON inventory
	 * from elsewhere may repeat one: the reader of inventories does not look for that, and
	 * which of the values counts is not defined.
	 */
	VEC(Label) list;
} Labels;

typedef enum Operator {
	OPERATOR_IN,
	OPERATOR_NOT_IN,
	OPERATOR_EXISTS,
	OPERATOR_NOT_EXISTS
} Operator;

typedef struct Requirement {
	const char *key;
	Operator op;
	Texts values; /* strictly sorted; empty for OPERATOR_EXISTS and OPERATOR_NOT_EXISTS */
} Requirement;

typedef struct Selector {
	VEC(Requirement) list; /* sorted, see selector_add() */
} Selector;

/* Sorts by key. Whoever fills a Labels calls this before anything else. */
void labels_sort(Labels *labels);
bool labels_are_sorted(const Labels *labels); /* for assert() */
bool labels_are_equal(const Labels *a, const Labels *b);
const char *labels_get(const Labels *labels, const char *key); /* NULL if absent */

/* Adds the requirement where it belongs in the order; sorts its values, in place. */
void selector_add(Arena *arena, Selector *selector, Requirement requirement);
/*
 * For assert(): requirements are sorted, and have values only if the operator takes them. No file
 * can make this false: a selector with an error makes its file invalid, and is not used.
 */
bool selector_is_valid(const Selector *selector);
/* NotIn and DoesNotExist hold for a missing key (API documentation of LabelSelectorRequirement). */
bool requirement_holds(const Requirement *requirement, const Labels *labels);
bool selector_matches(const Selector *selector, const Labels *labels);
/*
 * These three take NULL, which is an absent selector. It hashes like an empty one, but is not equal
 * to it: an absent namespaceSelector means the policy's own namespace, an empty one all namespaces.
 */
const Selector *selector_copy(Arena *arena, const Selector *selector); /* deep */
bool selectors_are_equal(const Selector *a, const Selector *b);
uint32_t selector_hash(uint32_t hash, const Selector *selector); /* as hash_bytes() */

/* ---- kubectl's grammar: "a=b,c in (d,e),!f"; "" selects everything ---- */
/* Equal selectors give equal text, which parses back to an equal selector. */
const char *selector_text(Arena *arena, const Selector *selector);
/*
 * Returns NULL, or what is wrong as words (in the arena) with its byte offset in *ret_at. Keys and
 * values must have label syntax.
 */
const char *selector_parse(Arena *arena, const char *text, Selector *ret_selector, size_t *ret_at);

/* What is wrong with a label key or value, in the API server's words, or NULL. */
const char *label_key_error(const char *key);
const char *label_value_error(const char *value);
