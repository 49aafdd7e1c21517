/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * set_candidates: which sets of a SetIndex may select a pod. Every peer is entered in a hash table
 * by one condition that the pod's labels, or its namespace, must meet for the peer to select it. A
 * pod is looked up by each of its labels. Sets for which there is no such condition are candidates
 * for every pod. IndexedSets are a superset: the caller still evaluates the selectors.
 *
 * Private to the module.
 */
#include "set_index.h"

/* Whether pods are elements of the set by what they are; the self and CIDR sets are filled else. */
bool set_selects_pods(const IndexedSet *set);
/* Enters the set in the tables, and removes it; nothing for one that does not select pods. */
void set_candidates_add(SetIndex *index, IndexedSet *set);
void set_candidates_remove(SetIndex *index, IndexedSet *set);

/* Opens a query: what set_candidates_find adds from then on has each set once. */
void set_candidates_begin(SetIndex *index);
/* Adds the sets that may select the member, and few others. Adds none for a member without pod. */
void set_candidates_find(SetIndex *index, const Member *member, IndexedSets *candidates);
/* Whether a candidate of the current query selects the member at this address. */
bool set_candidate_selects(const IndexedSet *set, Address address, const Member *member);
