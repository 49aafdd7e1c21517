/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets and chains with a reference count, which several rulesets share. Each is one allocation: the
 * struct, its texts and its arrays. Any thread may take and drop references.
 *
 * A set or chain that lives in a ruleset's arena (ruleset_add_set, ruleset_add_chain) has the count
 * 0. It is freed with that arena and cannot be referenced alone: set_ref and chain_ref assert it.
 * Whoever needs it longer takes a reference of the whole ruleset.
 */
#include "element.h"
#include "refcount.h"
#include <assert.h>
#include <string.h>

/*
 * ---- One allocation ----
 * write_set and write_chain run twice: the first pass has no memory and counts the bytes, the
 * second copies into memory of that size.
 */
typedef struct Block {
	char *at; /* NULL in the first pass */
	size_t n; /* bytes used so far */
} Block;

static size_t block_size(size_t bytes)
{
	return (bytes + 15) & ~(size_t)15;
}

static void *block_take(Block *block, size_t bytes)
{
	void *memory = block->at ? block->at + block->n : NULL;

	block->n += block_size(bytes);
	return memory;
}

static void *block_copy(Block *block, const void *from, size_t bytes)
{
	void *memory = block_take(block, bytes);

	if (memory && bytes)
		memcpy(memory, from, bytes);
	return memory;
}

static const char *block_text(Block *block, const char *text)
{
	return text ? block_copy(block, text, strlen(text) + 1) : NULL;
}

#define BLOCK_LIST(block, to, from)                                                                \
	do {                                                                                       \
		(to)->at = block_copy((block), (from)->at, (from)->n * sizeof(*(from)->at));       \
		(to)->n = (to)->capacity = (from)->n;                                              \
	} while (0)

/* ---- References ---- */
/*
 * The count is the only field that is written after construction. Callers hold const pointers; the
 * casts that remove const are defined in C, since the objects were allocated as variables.
 */
void reference_take(const unsigned *refcount)
{
	unsigned before = __atomic_fetch_add((unsigned *)refcount, 1, __ATOMIC_RELAXED);

	assert(before > 0); /* 0: in an arena, or freed already */
	(void)before;
}

bool reference_drop(const unsigned *refcount)
{
	unsigned before = __atomic_fetch_sub((unsigned *)refcount, 1, __ATOMIC_ACQ_REL);

	assert(before > 0);
	return before == 1;
}

static bool is_in_arena(const unsigned *refcount)
{
	return __atomic_load_n(refcount, __ATOMIC_RELAXED) == 0;
}

const Set *set_ref(const Set *set)
{
	reference_take(&set->refcount);
	return set;
}

void set_unref(const Set *set)
{
	if (set && !is_in_arena(&set->refcount) && reference_drop(&set->refcount))
		free((Set *)set);
}

const Chain *chain_ref(const Chain *chain)
{
	reference_take(&chain->refcount);
	return chain;
}

void chain_unref(const Chain *chain)
{
	if (chain && !is_in_arena(&chain->refcount) && reference_drop(&chain->refcount))
		free((Chain *)chain);
}

/* ---- Sets ---- */
static Elements take_elements(Block *block, uint32_t n)
{
	return (Elements){.at = block_take(block, n * sizeof(Element)), .capacity = n};
}

Set set_spec(const Set *set)
{
	return (Set){.name = set->name,
		.comment = set->comment,
		.kind = set->kind,
		.family = set->family,
		.elements = set->elements,
		.serial = set->serial,
		.edit_of = set->edit_of,
		.added = set->added,
		.removed = set->removed,
		.ranges = set->ranges};
}

/* Copies all but the elements: their arrays get capacity for as many as in `spec`, and no content.
 */
static Set write_set(Block *block, const Set *spec)
{
	Set set = set_spec(spec);

	set.refcount = 1;
	set.name = block_text(block, spec->name);
	set.comment = block_text(block, spec->comment);
	set.elements = take_elements(block, spec->elements.n);
	set.added = take_elements(block, spec->added.n);
	set.removed = take_elements(block, spec->removed.n);
	BLOCK_LIST(block, &set.ranges, &spec->ranges);
	return set;
}

static Set *allocate_set(const Set *spec)
{
	Block block = {.n = block_size(sizeof(Set))};
	Set *set;

	write_set(&block, spec);
	set = memory_alloc(block.n);
	block = (Block){(char *)set, block_size(sizeof(Set))};
	*set = write_set(&block, spec);
	return set;
}

/* ---- Edited sets ---- */
/* Binary search: the first index from `at` on whose element is not less than `element`. */
static size_t lower_bound(const Elements *elements, size_t at, const Element *element)
{
	size_t end = elements->n;

	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (element_compare(&elements->at[middle], element) < 0)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

static void copy_span(Elements *to, const Elements *from, size_t begin, size_t end)
{
	if (end > begin)
		memcpy(to->at + to->n, from->at + begin, (end - begin) * sizeof(Element));
	to->n += (uint32_t)(end - begin);
}

static bool is_at(const Elements *elements, size_t at, const Element *element)
{
	return at < elements->n && element_compare(&elements->at[at], element) == 0;
}

/*
 * Writes (old + add) - del into `to`. The elements between two edits are copied by one memcpy, so
 * the cost is that of copying the set and of one binary search for each edit. An element in both
 * `add` and `del` is absent afterwards.
 */
static void write_elements(Set *to, const Elements *old, const Elements *add, const Elements *del)
{
	Merge walk = {.compare = element_compare, .size = sizeof(Element)};
	size_t next_old = 0;

	merge_start(&walk, add->at, add->n, del->at, del->n);
	while (merge_next(&walk)) {
		const Element *next = walk.left ? walk.left : walk.right;
		bool is_del = walk.right, was;
		size_t at;

		assert(next); /* merge_next() was true: it has one or both */
		at = lower_bound(old, next_old, next);
		was = is_at(old, at, next);
		copy_span(&to->elements, old, next_old, at);
		next_old = at + was;
		if (!is_del)
			to->elements.at[to->elements.n++] = *next;
		if (was && is_del && to->edit_of)
			to->removed.at[to->removed.n++] = *next;
		if (!was && !is_del && to->edit_of)
			to->added.at[to->added.n++] = *next;
	}
	copy_span(&to->elements, old, next_old, old->n);
}

static uint64_t next_serial(void)
{
	static uint64_t serial;

	return __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
}

const Set *set_edit(const Set *set, const Elements *add, const Elements *del)
{
	/* for a larger edit, a list of what changed would save difference.c hardly any work */
	bool is_small = add->n + del->n <= set->elements.n / 4;
	Set spec = set_spec(set), *made;

	assert(elements_are_sorted(add) && elements_are_sorted(del));
	spec.serial = next_serial();
	spec.edit_of = is_small ? set->serial : 0;
	spec.elements.n = set->elements.n + add->n;
	spec.added.n = spec.edit_of ? add->n : 0;
	spec.removed.n = spec.edit_of ? del->n : 0;
	made = allocate_set(&spec);
	write_elements(made, &set->elements, add, del);
	return made;
}

const Set *set_make(const Set *spec)
{
	Set original = set_spec(spec);

	assert(elements_are_sorted(&spec->elements));
	original.serial = 0; /* the new set is no edit of `spec` */
	return set_edit(&original, &(Elements){}, &(Elements){});
}

/* ---- Chains ---- */
static ChainRule write_rule(Block *block, const ChainRule *spec)
{
	ChainRule rule = *spec;

	rule.set = block_text(block, spec->set);
	rule.excluded = block_text(block, spec->excluded);
	BLOCK_LIST(block, &rule.ports, &spec->ports);
	return rule;
}

static Chain write_chain(Block *block, const Chain *spec)
{
	Chain chain = *spec;

	chain.refcount = 1;
	chain.name = block_text(block, spec->name);
	chain.comment = block_text(block, spec->comment);
	BLOCK_LIST(block, &chain.rules, &spec->rules);
	for (size_t i = 0; i < spec->rules.n; i++) {
		ChainRule rule = write_rule(block, &spec->rules.at[i]);

		if (block->at)
			chain.rules.at[i] = rule;
	}
	return chain;
}

const Chain *chain_make(const Chain *spec)
{
	Block block = {.n = block_size(sizeof(Chain))};
	Chain *chain;

	assert(spec->name); /* chain_finish has named it */
	write_chain(&block, spec);
	chain = memory_alloc(block.n);
	block = (Block){(char *)chain, block_size(sizeof(Chain))};
	*chain = write_chain(&block, spec);
	return chain;
}
