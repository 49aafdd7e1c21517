/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The budgets of all namespaces. See budget.h.
 *
 * A namespace with policies is in one of two states:
 *
 *                 the bound comes near the budget
 *     NOT TRACKED ------------------------------> TRACKED
 *     (bound only) <----------------------------- (policies listed, wants counted, charge)
 *                  the bound is well below it
 *
 * and is forgotten with its last policy. budget_end() moves namespaces between the states, lists
 * those that have to be decided anew, and decides them.
 */
#include "budget.h"
#include "budget_charge.h"
#include "budget_warn.h"

typedef struct NamespaceBudget {
	char *name;
	NamespaceBound bound;
	bool has_changed_policies, has_changed_pods; /* in this update */
	bool is_tracked;
	/* of a tracked namespace */
	bool counts_rules; /* the bound exceeds the budget: classes of pods decide */
	Charge charge;
} NamespaceBudget;

void budget_init(Budget *budget, Arena *arena, const CompileBudget *limits)
{
	*budget = (Budget){.limits = *limits, .by_namespace = hash_table_new(arena)};
	want_counter_init(&budget->counter, arena);
}

void budget_free(Budget *budget)
{
	const NamespaceBudget *namespace;
	size_t cursor = 0;

	while ((namespace = hash_table_next(budget->by_namespace, &cursor))) {
		free(namespace->name);
		free((NamespaceBudget *)namespace);
	}
}

static bool is_unlimited(const Budget *budget)
{
	return budget->limits.elements == 0 && budget->limits.rules == 0;
}

static NamespaceBudget *find_namespace(const Budget *budget, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const NamespaceBudget *namespace;
	size_t cursor = 0;

	while ((namespace = hash_table_find(budget->by_namespace, hash, &cursor)))
		if (text_is_equal(namespace->name, name))
			return (NamespaceBudget *)namespace;
	return NULL;
}

/* ---- What an update changes ---- */
void budget_note_pod(Budget *budget, const Pod *pod)
{
	PodTotals *totals = &budget->totals;
	NamespaceBudget *tracked =
		budget->n_tracked ? find_namespace(budget, pod->namespace) : NULL;

	if (tracked)
		tracked->has_changed_pods = true;
	if (pod->addresses.n > totals->addresses_of_pod)
		totals->addresses_of_pod = pod->addresses.n;
	if (pod->ports.n > totals->ports_of_pod)
		totals->ports_of_pod = pod->ports.n;
}

void budget_begin(Budget *budget, Arena *scratch, size_t max_local_pods)
{
	budget->scratch = scratch;
	budget->totals.local_pods = max_local_pods;
	want_counter_begin(&budget->counter, scratch);
}

void budget_move(Budget *budget, Address address, Member before, Member after)
{
	if (budget->n_tracked)
		wants_move(&budget->counter, address, before, after);
}

void budget_change_policy(Budget *budget, const char *name)
{
	NamespaceBudget *namespace = find_namespace(budget, name);

	if (is_unlimited(budget))
		return;
	if (!namespace) {
		namespace = MEMORY_NEW(NamespaceBudget);
		namespace->name = memory_copy_text(name);
		hash_table_add(budget->by_namespace, hash_text(HASH_START, name), namespace);
	}
	namespace->has_changed_policies = true;
}

/* ---- Tracking ---- */
static void end_tracking(Budget *budget, NamespaceBudget *namespace)
{
	charge_clear(&namespace->charge, &budget->counter);
	namespace->is_tracked = false;
	budget->n_tracked--;
}

/* Whether the namespace's policies have to be decided anew. */
static bool update_tracking(
	Budget *budget, NamespaceBudget *namespace, const NamespaceIndex *index, const Model *model)
{
	bool was_tracked = namespace->is_tracked, counts_rules, is_to_be_listed;

	if (namespace->has_changed_policies)
		bound_count(&namespace->bound, index, model);
	counts_rules = bound_exceeds_rules(
		&namespace->bound, index, &budget->totals, budget->limits.rules);
	if (!counts_rules && !bound_needs_counts(&namespace->bound, index, model, &budget->totals,
				     budget->limits.elements, was_tracked)) {
		if (was_tracked)
			end_tracking(budget, namespace);
		return was_tracked;
	}
	if (!was_tracked) {
		namespace->is_tracked = true;
		budget->n_tracked++;
	}
	is_to_be_listed = !was_tracked || namespace->has_changed_policies ||
			  counts_rules != namespace->counts_rules ||
			  (counts_rules && namespace->has_changed_pods);
	namespace->counts_rules = counts_rules;
	if (is_to_be_listed)
		charge_list(&namespace->charge, &budget->counter, &budget->limits, index, model,
			counts_rules);
	return charge_is_outdated(&namespace->charge);
}

static void free_namespace(Budget *budget, NamespaceBudget *namespace)
{
	if (namespace->is_tracked)
		end_tracking(budget, namespace);
	hash_table_remove(budget->by_namespace, hash_text(HASH_START, namespace->name), namespace);
	free(namespace->name);
	free(namespace);
}

/* ---- The end of an update ---- */
/* A namespace whose policies have to be decided anew. */
typedef struct Outdated {
	NamespaceBudget *namespace;
	const NamespaceIndex *index;
	StrMap *were_over; /* the policies that were over the budget before; NULL: none */
} Outdated;

typedef VEC(Outdated) OutdatedList;

/* Also frees the namespaces without policies. */
static void list_outdated(Budget *budget, const Model *model, OutdatedList *outdated)
{
	VEC(NamespaceBudget *) all = {};
	const NamespaceBudget *next;
	size_t cursor = 0;

	while ((next = hash_table_next(budget->by_namespace, &cursor)))
		VEC_PUSH(budget->scratch, &all, (NamespaceBudget *)next);
	for (size_t i = 0; i < all.n; i++) {
		NamespaceBudget *namespace = all.at[i];
		const NamespaceIndex *index = model_namespace_index(model, namespace->name);
		StrMap *were_over = charge_names_over(&namespace->charge, budget->scratch);
		size_t n_over = were_over ? strmap_count(were_over) : 0;

		budget->n_over -= n_over;
		if (!index || index->policies.n == 0) {
			free_namespace(budget, namespace);
			continue;
		}
		if (update_tracking(budget, namespace, index, model))
			VEC_PUSH(
				budget->scratch, outdated, (Outdated){namespace, index, were_over});
		else
			budget->n_over += n_over;
		namespace->has_changed_policies = namespace->has_changed_pods = false;
	}
}

/* Each walk over all pods counts a batch of wants of each namespace, each time twice as many. */
static void decide(Budget *budget, const Model *model, const AddressIndex *addresses,
	const OutdatedList *outdated)
{
	bool is_complete = false;

	for (size_t batch_max = 64; !is_complete; batch_max *= 2) {
		is_complete = true;
		for (size_t i = 0; i < outdated->n; i++)
			is_complete &= charge_evaluate(&outdated->at[i].namespace->charge,
				&budget->counter, budget->limits.elements, batch_max);
		wants_count_batch(&budget->counter, model, addresses);
	}
}

void budget_end(
	Budget *budget, const Model *model, const AddressIndex *addresses, Policies *ret_toggled)
{
	OutdatedList outdated = {};

	budget->totals.addresses = address_index_count(addresses);
	list_outdated(budget, model, &outdated);
	decide(budget, model, addresses, &outdated);
	for (size_t i = 0; i < outdated.n; i++) {
		const Outdated *o = &outdated.at[i];

		for (size_t k = 0; k < o->index->policies.n; k++) {
			const Policy *policy = o->index->policies.at[k];
			bool was = o->were_over && strmap_get(o->were_over, policy->name);
			bool is = charge_is_over(&o->namespace->charge, policy);

			budget->n_over += is;
			if (was != is)
				VEC_PUSH(budget->scratch, ret_toggled, policy);
		}
	}
	budget->scratch = budget->counter.scratch = NULL;
}

bool budget_is_over(const Budget *budget, const Policy *policy)
{
	const NamespaceBudget *namespace =
		budget->n_over ? find_namespace(budget, policy->namespace) : NULL;

	return namespace && charge_is_over(&namespace->charge, policy);
}

/* ---- What is said ---- */
static int namespace_compare(const void *a, const void *b)
{
	return strcmp((*(NamespaceBudget *const *)a)->name, (*(NamespaceBudget *const *)b)->name);
}

void budget_warn(const Budget *budget, const Model *model, Diags *diags)
{
	VEC(const NamespaceBudget *) tracked = {};
	const NamespaceBudget *namespace;
	size_t cursor = 0;

	while (budget->n_tracked && (namespace = hash_table_next(budget->by_namespace, &cursor)))
		if (namespace->is_tracked)
			VEC_PUSH(diags->arena, &tracked, namespace);
	if (tracked.n)
		qsort(tracked.at, tracked.n, sizeof(NamespaceBudget *), namespace_compare);
	for (size_t i = 0; i < tracked.n; i++) {
		const NamespaceIndex *index = model_namespace_index(model, tracked.at[i]->name);

		if (index)
			budget_warn_namespace(
				&tracked.at[i]->charge, &budget->limits, index, diags);
	}
}
