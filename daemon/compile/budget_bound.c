/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The upper bound of what the policies of a namespace may cost. See budget_bound.h.
 *
 * Several policies often have the same selector, which is charged once. To find that out takes a
 * hash table, so at first equal ones are summed up as if they differed (cost_count), and only if
 * that is too much, each different one once (count_distinct).
 */
#include "budget_bound.h"

/* ---- Sums ---- */
void bound_count(NamespaceBound *bound, const NamespaceIndex *namespace, const Model *model)
{
	*bound = (NamespaceBound){};
	for (size_t i = 0; i < namespace->policies.n; i++) {
		const Policy *policy = namespace->policies.at[i];

		bound->rules = cost_add(bound->rules, cost_rules(policy));
		cost_count(policy, model, &bound->wants);
	}
}

/* Counts equal wants once. */
static void count_distinct(
	NamespaceBound *bound, const NamespaceIndex *namespace, const Model *model)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	HashTable *seen = hash_table_new(arena);
	Wants wants = {};

	for (size_t i = 0; i < namespace->policies.n; i++)
		cost_list(arena, namespace->policies.at[i], model, &wants);
	bound->wants = (WantCounts){};
	bound->is_distinct = true;
	for (size_t i = 0; i < wants.n; i++) {
		uint32_t hash = cost_want_hash(&wants.at[i].definition);
		const Want *known;
		size_t cursor = 0;

		while ((known = hash_table_find(seen, hash, &cursor)))
			if (cost_is_same_want(&known->definition, &wants.at[i].definition))
				break;
		if (known)
			continue;
		hash_table_add(seen, hash, &wants.at[i]);
		cost_count_want(&wants.at[i], &bound->wants);
	}
}

/* ---- Bounds ---- */
/* At least as much as the policies of the namespace are charged; in elements. */
static size_t bound_elements(
	const NamespaceBound *bound, const NamespaceIndex *namespace, const PodTotals *totals)
{
	const WantCounts *wants = &bound->wants;
	size_t own = cost_multiply(namespace_count_pods(namespace), totals->addresses_of_pod);
	size_t n = cost_multiply(wants->of_address, totals->addresses);

	n = cost_add(n, cost_multiply(wants->of_own_address,
				own < totals->addresses ? own : totals->addresses));
	n = cost_add(n, cost_multiply(cost_multiply(wants->of_port, totals->ports_of_pod),
				totals->addresses));
	return cost_add(n / COMPARISONS_PER_ELEMENT, wants->of_range + 1);
}

bool bound_exceeds_rules(const NamespaceBound *bound, const NamespaceIndex *namespace,
	const PodTotals *totals, size_t limit)
{
	size_t n = namespace_count_pods(namespace);

	if (n > totals->local_pods)
		n = totals->local_pods;
	return cost_exceeds(cost_multiply(bound->rules, n ? n : 1), limit);
}

/*
 * From seven eighths of the budget on elements are counted, since at nine tenths there is a
 * warning. They stay counted until the bound is below a half, so that a bound that goes up and down
 * does not make us count again and again. What is decided does not depend on that.
 */
static size_t counting_threshold(size_t limit, bool is_tracked)
{
	return limit / 8 * (is_tracked ? 4 : 7);
}

bool bound_needs_counts(NamespaceBound *bound, const NamespaceIndex *namespace, const Model *model,
	const PodTotals *totals, size_t limit, bool is_tracked)
{
	size_t threshold = counting_threshold(limit, is_tracked);

	if (limit == 0)
		return false;
	if (bound_elements(bound, namespace, totals) <= threshold)
		return false;
	if (bound->is_distinct)
		return true;
	count_distinct(bound, namespace, model);
	return bound_elements(bound, namespace, totals) > threshold;
}
