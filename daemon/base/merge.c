/* A walk over two sorted arrays. */
#include "base.h"

static const char *end_of(const void *at, size_t n, size_t size)
{
	return n ? (const char *)at + n * size : at;
}

void merge_start(
	Merge *walk, const void *left, size_t n_superseded, const void *right, size_t n_right)
{
	walk->left_next = left;
	walk->left_end = end_of(left, n_superseded, walk->size);
	walk->right_next = right;
	walk->right_end = end_of(right, n_right, walk->size);
}

bool merge_next(Merge *walk)
{
	const char *left = walk->left_next < walk->left_end ? walk->left_next : NULL;
	const char *right = walk->right_next < walk->right_end ? walk->right_next : NULL;
	int order = !left ? 1 : !right ? -1 : walk->compare(left, right);

	walk->left = order <= 0 ? left : NULL;
	walk->right = order >= 0 ? right : NULL;
	if (walk->left)
		walk->left_next += walk->size;
	if (walk->right)
		walk->right_next += walk->size;
	return left || right;
}
