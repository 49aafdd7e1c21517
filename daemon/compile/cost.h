/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * cost: what a policy asks for, by its text alone: how many rules its chains get, and what its sets
 * would be. How many elements these sets have depends on the pods: budget_wants counts them.
 * Private to the module.
 */
#include "indexed_set.h"

/*
 * One thing that the policy asks for: pods (SET_PODS), named ports of pods (SET_PORTS), or a list
 * of ranges (SET_CIDR). Two of equal kind and key have the same elements. The family is not set: it
 * stands for both.
 */
typedef struct Want {
	Definition definition;
	size_t n_ranges; /* SET_CIDR: at most so many, of both families */
} Want;

typedef VEC(Want) Wants;

/*
 * Comparing a pod with this many requirements of selectors costs about as much time as an element
 * costs altogether. A selector's comparisons are charged too: otherwise selectors that compare much
 * and select nothing would be free.
 */
#define COMPARISONS_PER_ELEMENT 16

/*
 * Sums over wants, by what bounds the number of their elements and comparisons. The unit is a
 * comparison, so an element is COMPARISONS_PER_ELEMENT.
 */
typedef struct WantCounts {
	size_t of_address;     /* for each address of the cluster */
	size_t of_own_address; /* for each address of the policy's namespace */
	size_t of_port;	       /* for each named port of the pod with the most, of each address */
	size_t of_range;       /* ranges */
} WantCounts;

/*
 * At most so many rules do the policy's rules add to each chain: one for each pair of a peer (all
 * blocks of a rule together are one) and a port. A list of n ports counts n times, since a rule
 * holds it as a set of its own.
 */
size_t cost_rules(const Policy *policy);
/* Adds the policy's wants, without a list of them: equal ones are added twice. */
void cost_count(const Policy *policy, const Model *model, WantCounts *counts);
/* Lists them, in `arena`; selectors are borrowed. Equal wants are listed twice. */
void cost_list(Arena *arena, const Policy *policy, const Model *model, Wants *ret_wants);
void cost_count_want(const Want *want, WantCounts *counts);
/* The comparisons of one pod with the selectors of the definition. */
size_t cost_comparisons(const Definition *definition);

/* Two wants are the same if their definitions' kind and key are: of such, the hash is equal. */
uint32_t cost_want_hash(const Definition *definition);
bool cost_is_same_want(const Definition *a, const Definition *b);

/* a * b, and a + b; SIZE_MAX if the result is larger. */
size_t cost_multiply(size_t a, size_t b);
size_t cost_add(size_t a, size_t b);
bool cost_exceeds(size_t n, size_t limit); /* limit: 0: none */
