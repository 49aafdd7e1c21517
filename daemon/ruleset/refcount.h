/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * refcount: atomic reference counts. The objects are constant but for the count, so the pointers
 * are const, and the two functions write through them. Private to the module.
 */
#include <stdbool.h>

/* Asserts that the count is not 0. */
void reference_take(const unsigned *refcount);
/* Whether that was the last reference. Asserts that there was one. */
bool reference_drop(const unsigned *refcount);
