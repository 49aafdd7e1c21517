/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resolves the cidr_sets that policies name. */
#include "cidr_sets.h"

/* ---- The peers of a source that name a set ---- */
typedef struct SourceCursor {
	size_t policy;
	PeerCursor peer;
} SourceCursor;

/* The next such peer; NULL: there is none. The first call has a zeroed cursor. */
static const Peer *next_peer(const Source *source, SourceCursor *cursor)
{
	for (; source->uses_cidr_sets && cursor->policy < source->policies.n; cursor->policy++) {
		const Policy *policy = source->policies.at[cursor->policy];
		const Peer *peer = policy_next_set(policy, &cursor->peer);

		if (peer)
			return peer;
		cursor->peer = (PeerCursor){};
	}
	return NULL;
}

const Peer *cidr_sets_find_undefined(const StrMap *definitions, const Source *source)
{
	SourceCursor cursor = {};
	const Peer *peer;

	while ((peer = next_peer(source, &cursor)))
		if (!strmap_get(definitions, peer->set))
			return peer;
	return NULL;
}

/* ---- Resolve ---- */
static void keep_copy(Source *source, const CidrSet *set)
{
	Arena *arena = source->arena;
	const CidrSet *copy = cidr_set_copy(arena, set, arena_strdup(arena, set->origin.file));

	if (!source->resolved)
		source->resolved = strmap_new(arena);
	strmap_put(source->resolved, copy->name, (void *)copy);
}

static void resolve_peer(CidrSetResolver *resolver, Source *source, const Peer *peer)
{
	const CidrSet *set = strmap_get(resolver->definitions, peer->set);
	const CidrSet *copy = source->resolved ? strmap_get(source->resolved, peer->set) : NULL;

	if (!set && copy) {
		DIAG_ERROR(resolver->diags, peer->origin, "unknown-set",
			"its last definition stays in force",
			"cidr_set \"%s\" is not defined any more", peer->set);
		strmap_put(resolver->definitions, copy->name, (void *)copy);
	} else if (set && !(copy && ranges_are_equal(&set->ranges, &copy->ranges))) {
		keep_copy(source, set);
	}
}

static void add_set(CidrSetResolver *resolver, const Peer *peer)
{
	const CidrSet *set = strmap_get(resolver->definitions, peer->set);

	if (!set || strmap_get(resolver->resolved, set->name))
		return;
	strmap_put(resolver->resolved, set->name, (void *)set);
	VEC_PUSH(resolver->arena, &resolver->sets, set);
}

void cidr_sets_resolve(CidrSetResolver *resolver, Source *source)
{
	SourceCursor cursor = {};
	const Peer *peer;

	while ((peer = next_peer(source, &cursor))) {
		resolve_peer(resolver, source, peer);
		add_set(resolver, peer);
	}
}

/* ---- Compare ---- */
static int compare_sets(const void *a, const void *b)
{
	return strcmp((*(const CidrSet *const *)a)->name, (*(const CidrSet *const *)b)->name);
}

static int compare_name(const void *name, const void *set)
{
	return strcmp(name, (*(const CidrSet *const *)set)->name);
}

void cidr_sets_sort(CidrSets *sets)
{
	if (sets->n)
		qsort(sets->at, sets->n, sizeof(CidrSet *), compare_sets);
}

static const CidrSet *find_set(const CidrSets *sets, const char *name)
{
	const CidrSet **found = NULL;

	if (sets->n)
		found = bsearch(name, sets->at, sets->n, sizeof(CidrSet *), compare_name);
	return found ? *found : NULL;
}

static bool is_set_same(const CidrSets *a, const CidrSets *b, const char *name)
{
	const CidrSet *x = find_set(a, name), *y = find_set(b, name);

	return x && y ? ranges_are_equal(&x->ranges, &y->ranges) : x == y;
}

bool cidr_sets_differ(const CidrSets *old, const CidrSets *new, const Policy *policy)
{
	PeerCursor cursor = {};
	const Peer *peer;

	while ((peer = policy_next_set(policy, &cursor)))
		if (!is_set_same(old, new, peer->set))
			return true;
	return false;
}
