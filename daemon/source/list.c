/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing array of pointers. */
#include "list.h"
#include "base.h"
#include <assert.h>

void pointer_list_add(PointerList *list, void *item)
{
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 16;
		list->at = memory_grow(list->at, list->capacity, sizeof(*list->at));
	}
	list->at[list->n++] = item;
}

void pointer_list_remove(PointerList *list, const void *item)
{
	size_t n_left = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->at[i] != item)
			list->at[n_left++] = list->at[i];
	assert(n_left + 1 == list->n);
	list->n = n_left;
}
