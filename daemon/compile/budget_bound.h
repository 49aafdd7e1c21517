/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * budget_bound: the estimate of what the policies of a namespace may cost: an upper bound, from
 * their text and a few totals of the cluster. No pod is compared with a selector for it, so it is
 * cheap enough for every namespace in every update.
 *
 * Elements: a selector selects each address of the cluster at most (or of the policy's own
 * namespace, if it has no namespaceSelector), so it is charged all of them. Rules: each pod of the
 * namespace on this node has at most a chain of its own, with the rules of all policies.
 *
 * A namespace whose bound stays clear of the budget needs nothing else. In an ordinary cluster
 * these are all. For others budget_wants counts the elements, and pod_classes the rules.
 *
 * Private to the module.
 */
#include "cost.h"

/* Totals, none of which is too small. */
typedef struct PodTotals {
	size_t addresses;	 /* of the cluster */
	size_t local_pods;	 /* pods on CompileBudget.node */
	size_t addresses_of_pod; /* of the pod that has the most, so far */
	size_t ports_of_pod;	 /* named ports: likewise */
} PodTotals;

/* What the texts of a namespace's policies ask for. */
typedef struct NamespaceBound {
	size_t rules;
	WantCounts wants;
	bool is_distinct; /* wants counts equal ones once; false: once for each policy */
} NamespaceBound;

/* Sums up the policies: to be called when one has changed. */
void bound_count(NamespaceBound *bound, const NamespaceIndex *namespace, const Model *model);
/* Whether the chains may have more rules than the limit (0: none). */
bool bound_exceeds_rules(const NamespaceBound *bound, const NamespaceIndex *namespace,
	const PodTotals *totals, size_t limit);
/*
 * Whether the elements have to be counted: they may come near the limit (0: none). is_tracked:
 * they are counted already.
 */
bool bound_needs_counts(NamespaceBound *bound, const NamespaceIndex *namespace, const Model *model,
	const PodTotals *totals, size_t limit, bool is_tracked);
