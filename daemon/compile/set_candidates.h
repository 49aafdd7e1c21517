/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * set_candidates: finds the sets that may select a pod, without evaluating all of them.
 *
 * A peer selects a pod only if the pod, or its namespace, meets each condition of the peer. One
 * condition is chosen, "has the label KEY=VALUE" or "is in the namespace NAME", and the peer is
 * entered in a hash table under it. A query looks up each label of the pod and of its namespace,
 * and the namespace's name. A set that has a peer without such a condition is a candidate for every
 * pod (is_unkeyed). What a query finds is a superset: the caller still evaluates the selectors.
 *
 * Private to the module.
 */
#include "indexed_set.h"

typedef struct CandidateIndex {
	Arena *arena;
	HashTable *by_label; /* IndexedPeer */
	IndexedSets unkeyed;
	unsigned query; /* the number of the last query */
} CandidateIndex;

void candidates_init(CandidateIndex *index, Arena *arena);

/*
 * Whether the set's elements are those of the pods that its definition selects. If not, it is a
 * self set (set_index_edit_self) or a CIDR set (its ranges are part of its definition).
 */
bool set_selects_pods(const IndexedSet *set);
/* Enter a set in the tables, and remove it. They do nothing for a set that does not select pods. */
void candidates_add(CandidateIndex *index, IndexedSet *set);
void candidates_remove(CandidateIndex *index, IndexedSet *set);

/* Begins a query. All calls of candidates_find in one query together add each set once. */
void candidates_begin(CandidateIndex *index);
/* Adds the sets that may select the member, in `scratch`. None for a member without pod. */
void candidates_find(
	CandidateIndex *index, Arena *scratch, const Member *member, IndexedSets *candidates);
/* Whether a candidate of the current query selects the member at this address. */
bool candidate_selects(const IndexedSet *set, Address address, const Member *member);
