/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * selection: which pods, or which address ranges, a peer of a policy selects. Private to the
 * module.
 */
#include "compile.h"

typedef struct Selection {
	const char *namespace;	    /* pods of this namespace; NULL: of those of `namespaces` */
	const Selector *namespaces; /* used if `namespace` is NULL */
	const Selector *pods;	    /* NULL: all pods */
} Selection;

/*
 * A pod, together with its Namespace object before or after an update: what decides whether a
 * selection matches. pod NULL: no pod.
 */
typedef struct Member {
	const Pod *pod;
	const Namespace *namespace;
} Member;

/* Of a PEER_PODS peer; texts and selectors are borrowed. */
Selection selection_of(const Policy *policy, const Peer *peer);
/* MATCH_UNKNOWN: only unknown labels, of the pod or of its namespace, keep it from being selected.
 */
Match selection_match(const Selection *selection, const Member *member);
bool selection_matches(const Selection *selection, const Member *member); /* MATCH_YES */
/*
 * "default: role=frontend", or with a namespace selector "[team=a]: role=frontend". Different
 * selections have different texts: it is part of what a set's name is a digest of.
 */
const char *selection_text(Arena *arena, const Selection *selection);
uint32_t selection_hash(const Selection *selection);
/* The ranges of a block peer (minus its own except) or of a cidr_set, of one family. */
void peer_ranges(
	Arena *arena, const Model *model, const Peer *peer, Family family, Ranges *ret_ranges);
/* Whether the ranges have it; copies none. False for a PEER_PODS peer. */
bool peer_has_address(const Model *model, const Peer *peer, Address address);
