/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Merge: a walk over two sorted arrays in their common order. It finds what two versions of a list
 * have in common, and what was removed and added.
 *
 * Both arrays have items of `size` bytes and are strictly sorted by `compare`: no two items of one
 * array are equal (asserted during the walk). Each step sets `left`, `right`, or both (equal
 * items), and sets the other to NULL:
 *
 *     Merge walk = {.compare = name_compare, .size = sizeof(Item)};
 *
 *     merge_start(&walk, old.at, old.n, new.at, new.n);
 *     while (merge_next(&walk))
 *             if (!walk.right)
 *                     ... walk.left is in the first array only ...
 *
 * The arrays are borrowed. Neither they nor what their items point at may change, or be freed,
 * during the walk: an item is compared once more after its step.
 */
#include <stdbool.h>
#include <stddef.h>

typedef struct Merge {
	int (*compare)(const void *left, const void *right);
	size_t size;
	const void *left, *right; /* of this step */
	/* private: the last item taken of each array (NULL: none yet), the next one, the end */
	const char *left_taken, *left_next, *left_end;
	const char *right_taken, *right_next, *right_end;
} Merge;

/* An array of no items may be NULL. */
void merge_start(Merge *walk, const void *left, size_t n_left, const void *right, size_t n_right);
bool merge_next(Merge *walk); /* false: both arrays have ended, left and right are NULL */
