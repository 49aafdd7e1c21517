#pragma once
/* selection: which pods, and which ranges, a peer of a policy means. Private to the room. */
#include "compile.h"

typedef struct Selection {
	const char *namespace;	    /* the policy's own namespace; NULL: by selector */
	const Selector *namespaces; /* if space is NULL */
	const Selector *pods;	    /* NULL: all */
} Selection;

/* A pod, with the labels that its namespace has at that moment; pod NULL: nobody. */
typedef struct Member {
	const Pod *pod;
	const Namespace *namespace;
} Member;

/* Of a PEER_PODS peer; texts and selectors are borrowed. */
Selection selection_of(const Policy *policy, const Peer *peer);
bool selection_takes(const Selection *selection, const Member *member);
/* "default: role=frontend"; namespaces by selector in brackets: no namespace's name holds one. */
const char *selection_text(Arena *arena, const Selection *selection);
uint32_t selection_hash(const Selection *selection);
/* The ranges of a block peer (minus its own except) or of a cidr_set, of one family. */
void peer_ranges(
	Arena *arena, const Model *model, const Peer *peer, Family family, Ranges *ret_ranges);
