/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * list: a growing array of pointers on the heap, such as a directory's entries, the changed and the
 * unsaved ones. The list does not free what it points at.
 */
#include <stddef.h>

typedef struct PointerList {
	void **at;
	size_t n, capacity;
} PointerList;

void pointer_list_add(PointerList *list, void *item);
/* The item must be in the list exactly once. The order of the others stays. */
void pointer_list_remove(PointerList *list, const void *item);
