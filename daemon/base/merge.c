/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Merge: a walk over two sorted arrays; base/merge.h has the contract. */
#include "base.h"
#include <assert.h>

static const char *end_of(const void *at, size_t n, size_t size)
{
	return n ? (const char *)at + n * size : at; /* NULL + 0 is undefined */
}

void merge_start(Merge *walk, const void *left, size_t n_left, const void *right, size_t n_right)
{
	assert(walk->compare && walk->size > 0);
	walk->left = walk->right = NULL;
	walk->left_taken = walk->right_taken = NULL;
	walk->left_next = left;
	walk->left_end = end_of(left, n_left, walk->size);
	walk->right_next = right;
	walk->right_end = end_of(right, n_right, walk->size);
}

static bool is_ascending(const Merge *walk, const char *taken, const char *next)
{
	return !taken || walk->compare(taken, next) < 0;
}

static const char *take(const Merge *walk, const char **taken, const char **next)
{
	assert(is_ascending(walk, *taken, *next));
	*taken = *next;
	*next += walk->size;
	return *taken;
}

bool merge_next(Merge *walk)
{
	bool has_left = walk->left_next != walk->left_end;
	bool has_right = walk->right_next != walk->right_end;
	int order = 0;

	if (has_left && has_right)
		order = walk->compare(walk->left_next, walk->right_next);
	walk->left = walk->right = NULL;
	if (has_left && order <= 0)
		walk->left = take(walk, &walk->left_taken, &walk->left_next);
	if (has_right && order >= 0)
		walk->right = take(walk, &walk->right_taken, &walk->right_next);
	return has_left || has_right;
}
