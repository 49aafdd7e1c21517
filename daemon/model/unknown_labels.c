/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies that ask for labels of namespaces that no inventory file describes. */
#include "model.h"
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 3 /* namespaces that a warning names; the rest is counted */

typedef struct Search {
	Diags *diags;
	VEC(const Namespace *) unknown;		 /* those with pods, sorted by name */
	VEC(const NamespaceIndex *) of_policies; /* those with policies, sorted by name */
	size_t n_warned;			 /* policies */
} Search;

/* For qsort() of Namespace * and NamespaceIndex *. */
static int compare_objects(const void *a, const void *b)
{
	return strcmp((*(const Namespace *const *)a)->name, (*(const Namespace *const *)b)->name);
}

static int compare_indexes(const void *a, const void *b)
{
	return strcmp((*(const NamespaceIndex *const *)a)->name,
		(*(const NamespaceIndex *const *)b)->name);
}

static void list_namespaces(Search *s, const Model *model)
{
	const NamespaceIndex *at;

	for (size_t i = 0; (at = model_next_namespace(model, &i));) {
		if (at->object && !at->object->are_labels_known)
			VEC_PUSH(s->diags->arena, &s->unknown, at->object);
		if (at->policies.n)
			VEC_PUSH(s->diags->arena, &s->of_policies, at);
	}
	if (s->unknown.n)
		qsort(s->unknown.at, s->unknown.n, sizeof(*s->unknown.at), compare_objects);
	if (s->of_policies.n)
		qsort(s->of_policies.at, s->of_policies.n, sizeof(*s->of_policies.at),
			compare_indexes);
}

/* The first peer of which it is unknown whether it selects the namespace; NULL: none. */
static const Peer *undecided_peer(const Policy *policy, const Namespace *namespace)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			for (size_t k = 0; k < policy->rules[d].at[i].peers.n; k++) {
				const Peer *peer = &policy->rules[d].at[i].peers.at[k];

				if (peer->namespaces && namespace_match(namespace,
								peer->namespaces) == MATCH_UNKNOWN)
					return peer;
			}
	return NULL;
}

/* A policy, and the namespaces of which it is unknown whether it selects them. */
typedef struct Undecided {
	const Policy *policy;
	const Peer *peer; /* the first one; NULL: there is no such namespace */
	const char *names[NAMES_MAX];
	size_t n;
} Undecided;

static Undecided find_undecided(const Search *s, const Policy *policy, bool is_first_enough)
{
	Undecided u = {.policy = policy};

	for (size_t i = 0; i < s->unknown.n && !(is_first_enough && u.peer); i++) {
		const Peer *peer = undecided_peer(policy, s->unknown.at[i]);

		if (!peer)
			continue;
		if (!u.peer)
			u.peer = peer;
		if (u.n < NAMES_MAX)
			u.names[u.n] = s->unknown.at[i]->name;
		u.n++;
	}
	return u;
}

static void warn(const Search *s, const Undecided *u)
{
	Buf buf = {.arena = s->diags->arena};

	for (size_t i = 0; i < u->n && i < NAMES_MAX; i++)
		buf_printf(&buf, "%s\"%s\"", i ? ", " : "", u->names[i]);
	if (u->n > NAMES_MAX)
		buf_printf(&buf, " and %zu more", u->n - NAMES_MAX);
	DIAG_WARNING(s->diags, u->peer->origin, "unknown-labels",
		"add Namespace objects to the inventory, for example what `kubectl get namespaces "
		"-o json` prints",
		"policy \"%s/%s\": no inventory file has the Namespace object of %s, so the labels "
		"are unknown, and this namespaceSelector does not match",
		u->policy->namespace, u->policy->name, buf_text(&buf));
}

/* At most DIAGS_MAX policies are named; of the others it is enough that there is a namespace. */
static void check(Search *s, const Policy *policy)
{
	bool is_named = s->n_warned < DIAGS_MAX;
	Undecided u = find_undecided(s, policy, !is_named);

	if (!u.peer)
		return;
	s->n_warned++;
	if (is_named)
		warn(s, &u);
	else
		diags_count_dropped(s->diags, SEVERITY_WARNING, 1);
}

void model_warn_unknown_labels(const Model *model, Diags *diags)
{
	Search s = {.diags = diags};

	list_namespaces(&s, model);
	for (size_t i = 0; s.unknown.n && i < s.of_policies.n; i++)
		for (size_t k = 0; k < s.of_policies.at[i]->policies.n; k++)
			check(&s, s.of_policies.at[i]->policies.at[k]);
}
