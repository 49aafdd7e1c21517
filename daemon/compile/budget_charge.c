/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which policies of a namespace are over its budget. See budget_charge.h.
 *
 * Wants are counted only as far as the decision needs it: of a policy that asks for a hundred times
 * the budget, a hundredth. What is not counted yet is charged nothing.
 */
#include "budget_charge.h"
#include "pod_classes.h"

/* ---- The list ---- */
static int want_compare(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (CountedWant *const *)a,
		  y = (uintptr_t) * (CountedWant *const *)b;

	return x < y ? -1 : x > y;
}

static void add_wants(Charge *charge, WantCounter *counter, const Policy *policy,
	const Model *model, CountedWants *ret_wants)
{
	size_t last = 0;
	Wants wants = {};

	cost_list(counter->scratch, policy, model, &wants);
	for (size_t i = 0; i < wants.n; i++)
		VEC_PUSH(
			charge->arena, ret_wants, wants_get(counter, &charge->wants, &wants.at[i]));
	if (wants.n == 0)
		return;
	qsort(ret_wants->at, ret_wants->n, sizeof(CountedWant *), want_compare);
	for (size_t i = 1; i < ret_wants->n; i++)
		if (ret_wants->at[i] != ret_wants->at[last])
			ret_wants->at[++last] = ret_wants->at[i];
	ret_wants->n = (uint32_t)last + 1;
	for (size_t i = 0; i < ret_wants->n; i++)
		ret_wants->at[i]->n_policies++;
}

/* Those that are in force, or the audited ones. classes: NULL if rules are not counted. */
static void list_some_policies(Charge *charge, WantCounter *counter, const CompileBudget *limits,
	const NamespaceIndex *namespace, const Model *model, PodClasses *classes, bool is_audit)
{
	for (size_t i = 0; i < namespace->policies.n; i++) {
		const Policy *policy = namespace->policies.at[i];
		PolicyCharge listed = {
			.name = arena_strdup(charge->arena, policy->name), .is_audit = is_audit};

		if (policy->is_audit != is_audit)
			continue;
		if (classes &&
			!pod_classes_take(classes, policy, cost_rules(policy), limits->rules))
			listed.over = OVER_RULES;
		else if (limits->elements)
			add_wants(charge, counter, policy, model, &listed.wants);
		VEC_PUSH(charge->arena, &charge->policies, listed);
	}
}

void charge_list(Charge *charge, WantCounter *counter, const CompileBudget *limits,
	const NamespaceIndex *namespace, const Model *model, bool counts_rules)
{
	/* those that are listed again keep their counts */
	CountedWants before = wants_list(counter, &charge->wants);
	PodClasses classes;

	for (size_t i = 0; i < before.n; i++)
		before.at[i]->n_policies = 0;
	arena_free(charge->arena);
	charge->arena = arena_child(counter->arena);
	charge->policies.at = NULL;
	charge->policies.n = charge->policies.capacity = 0;
	if (counts_rules)
		pod_classes_begin(&classes, counter->scratch, namespace, limits->node);
	for (int is_audit = 0; is_audit < 2; is_audit++)
		list_some_policies(charge, counter, limits, namespace, model,
			counts_rules ? &classes : NULL, is_audit);
	for (size_t i = 0; i < before.n; i++)
		if (before.at[i]->n_policies == 0)
			want_free(counter, before.at[i]);
	charge->wants.is_outdated = true;
}

void charge_clear(Charge *charge, WantCounter *counter)
{
	wants_clear(counter, &charge->wants);
	arena_free(charge->arena);
	*charge = (Charge){};
}

/* ---- The decision ---- */
static size_t charge_of_want(const CountedWant *want)
{
	return want->elements + want->comparisons / COMPARISONS_PER_ELEMENT;
}

/* What the policy asks for beyond what policies before it ask for already. */
static size_t charge_of_policy(const PolicyCharge *policy, uint64_t evaluation)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->wants.n; i++)
		if (policy->wants.at[i]->evaluation != evaluation)
			n = cost_add(n, charge_of_want(policy->wants.at[i]));
	return n;
}

/* Requests counts of wants of the policy that are not counted. False: all are counted. */
static bool request_counts(
	WantCounter *counter, const PolicyCharge *policy, size_t max_requests, size_t *n_requested)
{
	bool is_incomplete = false;

	for (size_t i = 0; i < policy->wants.n; i++) {
		CountedWant *want = policy->wants.at[i];

		if (want->is_counted)
			continue;
		is_incomplete = true;
		if (want->is_new || *n_requested >= max_requests)
			continue;
		++*n_requested;
		want_request_count(counter, want);
	}
	return is_incomplete;
}

bool charge_is_outdated(const Charge *charge)
{
	return charge->wants.is_outdated;
}

/* A policy that is over the budget by what is counted of it needs no more counts. */
bool charge_evaluate(Charge *charge, WantCounter *counter, size_t max_elements, size_t max_requests)
{
	size_t elements = 0, n_requested = 0;
	bool is_complete = true;

	charge->evaluation++;
	charge->n_over = 0;
	for (size_t i = 0; i < charge->policies.n; i++) {
		PolicyCharge *policy = &charge->policies.at[i];
		size_t needed = cost_add(elements, charge_of_policy(policy, charge->evaluation));

		if (policy->over != OVER_RULES)
			policy->over =
				cost_exceeds(needed, max_elements) ? OVER_ELEMENTS : OVER_NOT;
		charge->n_over += policy->over != OVER_NOT;
		if (policy->over != OVER_NOT)
			continue;
		is_complete &= !request_counts(counter, policy, max_requests, &n_requested);
		elements = needed;
		for (size_t k = 0; k < policy->wants.n; k++)
			policy->wants.at[k]->evaluation = charge->evaluation;
	}
	charge->elements = elements;
	charge->wants.is_outdated = false;
	return is_complete;
}

/* ---- What was decided ---- */
static int policy_compare(const void *a, const void *b)
{
	const PolicyCharge *x = a, *y = b;

	if (x->is_audit != y->is_audit)
		return x->is_audit ? 1 : -1;
	return strcmp(x->name, y->name);
}

const PolicyCharge *charge_find(const Charge *charge, const Policy *policy)
{
	const PolicyCharge wanted = {.name = policy->name, .is_audit = policy->is_audit};

	if (charge->policies.n == 0)
		return NULL;
	return bsearch(&wanted, charge->policies.at, charge->policies.n, sizeof(PolicyCharge),
		policy_compare);
}

bool charge_is_over(const Charge *charge, const Policy *policy)
{
	const PolicyCharge *found = charge_find(charge, policy);

	return found && found->over != OVER_NOT;
}

StrMap *charge_names_over(const Charge *charge, Arena *arena)
{
	StrMap *names = NULL;

	for (size_t i = 0; i < charge->policies.n; i++)
		if (charge->policies.at[i].over != OVER_NOT) {
			names = names ? names : strmap_new(arena);
			strmap_put(names, arena_strdup(arena, charge->policies.at[i].name),
				(void *)charge);
		}
	return names;
}
