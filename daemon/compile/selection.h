/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* selection: the pods, or the address ranges, that a peer of a policy selects. Private to the
 * module.
 */
#include "compile.h"

typedef struct Selection {
	const char *namespace;	    /* the policy's own namespace; NULL: by selector */
	const Selector *namespaces; /* if namespace is NULL */
	const Selector *pods;	    /* NULL: all */
} Selection;

/* A pod as a possible member of a set: with its namespace as of that moment. pod NULL: none. */
typedef struct Member {
	const Pod *pod;
	const Namespace *namespace;
} Member;

/* Of a PEER_PODS peer; texts and selectors are borrowed. */
Selection selection_of(const Policy *policy, const Peer *peer);
bool selection_matches(const Selection *selection, const Member *member);
/* "default: role=frontend", or "[team=a]: role=frontend" with a namespace selector; unambiguous. */
const char *selection_text(Arena *arena, const Selection *selection);
uint32_t selection_hash(const Selection *selection);
/* The ranges of a block peer (minus its own except) or of a cidr_set, of one family. */
void peer_ranges(
	Arena *arena, const Model *model, const Peer *peer, Family family, Ranges *ret_ranges);
