#pragma once
/* expand: the chain of the pods that the same policies isolate. Private to the room. */
#include "live.h"
#include "uses.h"

typedef struct Expander {
	Arena *scratch; /* of all that is returned */
	const Model *model;
	Live *live; /* where the sets are that the rules look up */
	const Uses *uses;
	bool is_drop;
} Expander;

/* Pods of one key have one chain, as long as no policy changes. */
const char *expand_key(
	Arena *arena, Direction direction, Family family, const Policies *policies, const Pod *pod);
/* A draft, named by its content. Named ports of ingress rules are the pod's. */
Chain expand(const Expander *x, Direction direction, Family family, const Policies *policies,
	const Pod *pod);
