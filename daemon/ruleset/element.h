#pragma once
/* Checks of sorted arrays, for assertions. Private to the module. */
#include "ruleset.h"

/* In the order of element_compare, without equal ones. */
bool elements_are_sorted(const Elements *elements);
/* By address, one verdict an address. */
bool verdicts_are_sorted(const Verdicts *verdicts);
