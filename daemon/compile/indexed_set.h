/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * indexed_set: a set with the definition of what it selects, so that the sets that may select a pod
 * can be found without evaluating all of them (set_candidates.h). Private to the module.
 */
#include "selection.h"

/* What a set selects. */
typedef struct Definition {
	SetKind kind;
	Family family;
	/*
	 * SET_PODS: the pods that any of the peers selects. SET_PORTS: the named ports of pods: of
	 * those that any of the peers selects, or that have an address in `ranges`, or of all pods
	 * (is_any).
	 */
	VEC(Selection) peers;
	bool is_any;
	Ranges ranges;	      /* SET_CIDR: its content; SET_PORTS: see above. Disjoint. */
	VEC(NamedPort) ports; /* SET_PORTS: name and protocol */
	const char *key; /* text of all the above: sets are equal if kind, family and key are */
	const char *comment;
} Definition;

/* One peer of a set's definition. by_label has peers, not sets, since a set may have many peers. */
typedef struct IndexedPeer {
	struct IndexedSet *set;
	const Selection *selection;
	unsigned query; /* the last query that found it */
	struct IndexedPeer *next_candidate;
} IndexedPeer;

typedef struct IndexedSet {
	Arena *arena; /* of this and all that belongs to it */
	char name[OBJECT_NAME_SET_SIZE];
	Definition definition;
	bool is_unkeyed;    /* a candidate for every pod: see set_candidates.h */
	IndexedPeer *peers; /* one for each peer of the definition */
	const Set *set;	    /* as of the last update; a reference; NULL: created in this update */
	size_t users;	    /* the number of rules that look it up; 0: it is freed at the end */
	/* of the query that found it last */
	unsigned query;
	IndexedPeer *candidate_peers; /* those that may select the pod; unused if is_unkeyed */
	/* of the update in progress, in its scratch arena */
	bool is_edited;
	Elements add, del;
} IndexedSet;

typedef VEC(IndexedSet *) IndexedSets;

/*
 * Copies the definition, and makes one IndexedPeer for each of its peers. All of it is in `arena`,
 * which indexed_set_init keeps in the set; the caller frees it. The name stays empty.
 */
void indexed_set_init(IndexedSet *set, Arena *arena, const Definition *definition);
/* The elements that the set has for an address of the pod, which it selects. Unsorted. */
void indexed_set_add_elements(
	Arena *arena, const IndexedSet *set, Address address, const Pod *pod, Elements *elements);
