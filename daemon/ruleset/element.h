/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * element: the order of a ruleset's lists, and checks for assertions that a list is in that order.
 * Private to the module.
 */
#include "ruleset.h"

/*
 * Compare by name, for qsort(), bsearch() and Merge over arrays of pointers. Two equal pointers are
 * equal without a look at the name: most sets and chains of successive rulesets are shared.
 */
int set_compare(const void *a, const void *b);
int chain_compare(const void *a, const void *b);

/* In the order of element_compare, without duplicates. */
bool elements_are_sorted(const Elements *elements);
/* In the order of verdict_compare, without two verdicts of one address. */
bool verdicts_are_sorted(const Verdicts *verdicts);
