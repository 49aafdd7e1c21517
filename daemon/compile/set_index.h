/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * set_index: the sets that rules look up, each with the definition of what it selects. The index is
 * kept from one update to the next. If a pod is added, removed or changed, only the sets that may
 * select it are evaluated; set_candidates finds those by hash.
 *
 * In an update:
 *
 *     set_index_begin
 *     set_index_move          for each address that changed: edits the sets that exist
 *     set_index_get           as chains are made: finds or creates the sets of their rules;
 *                             chain_index counts these rules in IndexedSet.users
 *     set_index_edit_self     as pods become isolated, or cease to be
 *     set_index_fill          fills the created sets from all pods
 *     set_index_end           makes the edited Sets, frees those without users
 *
 * A set's name depends on its size (set_size), which is known only at the end. Until then a new set
 * has the name of size 0. set_index_end renames each set whose size has changed, and
 * set_index_new_name finds the new name by the one before.
 *
 * Private to the module.
 */
#include "address_index.h"
#include "set_candidates.h"

typedef struct SetIndex {
	Arena *arena;
	HashTable *by_name, *by_key;   /* IndexedSet; by_key: by the definition's key */
	IndexedSets sorted;	       /* by name; as of the last update */
	CandidateIndex candidates;     /* of the sets that select pods */
	IndexedSet *self[2][FAMILY_N]; /* of isolated pods, of audited ones */
	/* of the update in progress */
	Arena *scratch;
	IndexedSets new_sets, edited;
	IndexedSets found;	 /* by the last query of set_index_fill */
	StrMap *renamed;	 /* name before set_index_end -> new name; NULL: none was renamed */
	bool is_old_set_renamed; /* also a set that existed before this update was renamed */
} SetIndex;

void set_index_init(SetIndex *index, Arena *arena);
void set_index_free(SetIndex *index);
/* Opens an update; `scratch` lives until set_index_end. */
void set_index_begin(SetIndex *index, Arena *scratch);
/* The set of that definition; creates it from a copy if it does not exist. */
IndexedSet *set_index_get(SetIndex *index, const Definition *definition);
IndexedSet *set_index_find(const SetIndex *index, const char *name); /* NULL if absent */
/*
 * The address belonged to `before` and belongs to `after` now: two pods, or one pod before and
 * after a change, or none. Removes its elements from sets and adds others.
 */
void set_index_move(SetIndex *index, Address address, Member before, Member after);
void set_index_edit_self(SetIndex *index, Address address, bool is_audit, bool is_in);
/* Fills the sets that were created in this update, from all pods that own addresses. */
void set_index_fill(SetIndex *index, const Model *model, const AddressIndex *addresses);
void set_index_end(SetIndex *index);
/* After set_index_end: the name of the set that had this name before it. */
const char *set_index_new_name(const SetIndex *index, const char *name);
