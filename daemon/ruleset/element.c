/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of a ruleset's lists (elements, verdicts, sets and chains by name), and what differs
 * between two lists of elements.
 */
#include "element.h"
#include <assert.h>

int element_compare(const void *a, const void *b)
{
	const Element *x = a, *y = b;
	int r = address_compare(x->address, y->address);

	if (r)
		return r;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return x->port < y->port ? -1 : x->port > y->port;
}

int set_compare(const void *a, const void *b)
{
	const Set *x = *(const Set *const *)a, *y = *(const Set *const *)b;

	return x == y ? 0 : strcmp(x->name, y->name);
}

int chain_compare(const void *a, const void *b)
{
	const Chain *x = *(const Chain *const *)a, *y = *(const Chain *const *)b;

	return x == y ? 0 : strcmp(x->name, y->name);
}

int verdict_compare(const void *a, const void *b)
{
	return address_compare(((const Verdict *)a)->address, ((const Verdict *)b)->address);
}

Element element_of_link(const char *name)
{
	uint8_t bytes[16] = {};
	size_t n = strlen(name);

	assert(n < sizeof(bytes));
	memcpy(bytes, name, n);
	return (Element){.address = address_from_bytes(FAMILY_IPV6, bytes)};
}

const char *element_link_name(const Element *element, char ret_name[ELEMENT_LINK_SIZE])
{
	memset(ret_name, 0, ELEMENT_LINK_SIZE);
	address_bytes(element->address, (uint8_t *)ret_name);
	return ret_name;
}

void elements_sort(Elements *elements)
{
	size_t last = 0;

	if (elements->n == 0)
		return;
	qsort(elements->at, elements->n, sizeof(Element), element_compare);
	for (size_t i = 1; i < elements->n; i++)
		if (element_compare(&elements->at[i], &elements->at[last]) != 0)
			elements->at[++last] = elements->at[i];
	elements->n = last + 1;
}

bool elements_are_sorted(const Elements *elements)
{
	for (size_t i = 1; i < elements->n; i++)
		if (element_compare(&elements->at[i - 1], &elements->at[i]) >= 0)
			return false;
	return true;
}

bool verdicts_are_sorted(const Verdicts *verdicts)
{
	for (size_t i = 1; i < verdicts->n; i++)
		if (verdict_compare(&verdicts->at[i - 1], &verdicts->at[i]) >= 0)
			return false;
	return true;
}

void elements_diff(
	Arena *arena, const Elements *old, const Elements *new, Elements *add, Elements *del)
{
	Merge walk = {.compare = element_compare, .size = sizeof(Element)};

	assert(elements_are_sorted(old) && elements_are_sorted(new));
	merge_start(&walk, old->at, old->n, new->at, new->n);
	while (merge_next(&walk)) {
		if (!walk.right)
			VEC_PUSH(arena, del, *(const Element *)walk.left);
		if (!walk.left)
			VEC_PUSH(arena, add, *(const Element *)walk.right);
	}
}
