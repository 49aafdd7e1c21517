/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The order of a ruleset's lists, and checks of it for assertions. Private to the module. */
#include "ruleset.h"

/* By name, of pointers to them: a ruleset's sets and chains. What is shared is equal at once. */
int set_compare(const void *a, const void *b);
int chain_compare(const void *a, const void *b);

/* In the order of element_compare, without equal ones. */
bool elements_are_sorted(const Elements *elements);
/* By address, one verdict an address. */
bool verdicts_are_sorted(const Verdicts *verdicts);
