/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * budget_wants: how many elements each want of a namespace's policies (cost.h) really has, and how
 * many comparisons with selectors that takes. For namespaces whose upper bound is too near to
 * their budget (budget_bound.h) only.
 *
 * A want is counted once, by a walk over all pods. From then on the count is kept: when an address
 * gets another owner, or its owner other labels, what the address counted for before is subtracted
 * and what it counts for now is added. So a change costs the same however large the cluster is.
 *
 *     wants_get            a policy asks for it: not counted yet
 *     want_request_count   into the batch
 *     wants_count_batch    the walk over all pods: counts the whole batch
 *     wants_move           an address changes: keeps the counts
 *     want_free            no policy asks for it any more
 *
 * No set is made of a want: its IndexedSet only finds the wants that may select a pod
 * (set_candidates.h).
 *
 * Private to the module.
 */
#include "address_index.h"
#include "cost.h"
#include "set_candidates.h"

/* The wants of a namespace, each different one once. All zero: none. */
typedef struct NamespaceWants {
	Arena *table_arena; /* of by_key alone: each want has an arena of its own */
	HashTable *by_key;
	bool is_outdated; /* a count has changed since the owner set this to false */
} NamespaceWants;

typedef struct CountedWant {
	IndexedSet set; /* first: candidates_find() returns it */
	NamespaceWants *namespace;
	size_t comparisons_each; /* of one pod with its selectors */
	/* of all addresses of both families; 0 until it is counted */
	size_t elements, comparisons;
	bool is_counted;
	bool is_new; /* in the batch */
	/* of budget_charge */
	uint64_t evaluation; /* the last one that charged it */
	size_t n_policies;   /* that ask for it */
} CountedWant;

typedef VEC(CountedWant *) CountedWants;

/* What the wants of all namespaces share. */
typedef struct WantCounter {
	Arena *arena;
	CandidateIndex candidates; /* the wants that are counted, or are being counted */
	/* of the update in progress */
	Arena *scratch;
	IndexedSets batch; /* wants that the next walk over all pods counts */
	IndexedSets found; /* by the last query */
	Elements elements; /* a buffer, used again for each address */
} WantCounter;

void want_counter_init(WantCounter *counter, Arena *arena);
/* An update begins. */
void want_counter_begin(WantCounter *counter, Arena *scratch);

/* before, after: the owner of the address before and after the update; its pod may be NULL. */
void wants_move(WantCounter *counter, Address address, Member before, Member after);
/* The address index is in its final state. */
void wants_count_batch(WantCounter *counter, const Model *model, const AddressIndex *addresses);

/* The want of this definition; new ones are added. A list of ranges needs no counting. */
CountedWant *wants_get(WantCounter *counter, NamespaceWants *namespace, const Want *spec);
/* All of them, in scratch memory. */
CountedWants wants_list(const WantCounter *counter, const NamespaceWants *namespace);
/* Into the batch. It is neither counted nor in the batch. */
void want_request_count(WantCounter *counter, CountedWant *want);
void want_free(WantCounter *counter, CountedWant *want);
/* Frees all. */
void wants_clear(WantCounter *counter, NamespaceWants *namespace);
