#pragma once
/* index: who holds which address, and whom a peer selects, each found once. Private to the room. */
#include "compile.h"

typedef struct Owner {
	Address address;
	const Pod *pod;
} Owner;

typedef VEC(Owner) Owners;

/* The pods that a podSelector/namespaceSelector peer selects, with the addresses they hold. */
typedef struct Selection {
	const char *key;     /* unambiguous */
	const char *comment; /* "default: role=frontend" */
	Owners members[FAMILY_N];
} Selection;

typedef struct Index {
	Arena *arena;
	const Model *model;
	Owners owners;	    /* by address: every pod that counts, each address once */
	StrMap *selections; /* key -> Selection */
} Index;

/* Two pods with one address: the one that runs and started last; a warning to diags. */
void index_build(Arena *arena, const Model *model, Diags *diags, Index *ret_index);
/* Who holds the address; NULL if no pod that counts. */
const Pod *index_owner(const Index *index, Address address);
bool index_holds(const Index *index, const Pod *pod, Address address);
/* Cached by what is selected: own namespace when peer->namespaces is NULL. */
const Selection *index_select(Index *index, const char *own_namespace, const Peer *peer);
/* Whether the pod is selected, without the cache. */
bool peer_selects(const Model *model, const char *own_namespace, const Peer *peer, const Pod *pod);
/* The ranges of a block peer (minus its own except) or of a cidr_set, of one family. */
void peer_ranges(
	Arena *arena, const Model *model, const Peer *peer, Family family, Ranges *ret_ranges);
