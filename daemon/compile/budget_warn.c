/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The errors and the warning about a namespace's budget. See budget_warn.h. */
#include "budget_warn.h"

static size_t warning_limit(const CompileBudget *limits)
{
	return limits->elements / 10 * 9;
}

static void say_over(const CompileBudget *limits, const Policy *policy, Over over, Diags *diags)
{
	bool is_rules = over == OVER_RULES;

	DIAG_ERROR(diags, policy->origin, "over-budget",
		is_rules ? "name fewer pairs of peers and ports, divide the policies among several "
			   "namespaces, or raise namespace_rules in netpol.conf"
			 : "use fewer different selectors, or such that select fewer pods, or "
			   "raise namespace_elements in netpol.conf",
		"policy %s/%s is over the budget of its namespace: %s; the policies of namespace "
		"%s would need more than %zu %s (%s)",
		policy->namespace, policy->name,
		policy->is_audit ? "it is audited without its rules: what they would allow counts "
				   "as denied, and passes"
				 : "its pods are isolated, none of its rules is in force",
		policy->namespace, is_rules ? limits->rules : limits->elements,
		is_rules ? "rules" : "elements",
		is_rules ? "namespace_rules" : "namespace_elements");
}

static void say_near(const CompileBudget *limits, const NamespaceIndex *namespace, Diags *diags)
{
	DIAG_WARNING(diags, namespace->policies.at[namespace->policies.n - 1]->origin,
		"near-budget",
		"use fewer different selectors, or raise namespace_elements in netpol.conf",
		"the policies of namespace %s need more than nine tenths of its budget of %zu "
		"elements (namespace_elements); if more pods come that they select, policies will "
		"be over the budget, and their rules no longer in force",
		namespace->name, limits->elements);
}

void budget_warn_namespace(const Charge *charge, const CompileBudget *limits,
	const NamespaceIndex *namespace, Diags *diags)
{
	for (size_t i = 0; i < namespace->policies.n; i++) {
		const Policy *policy = namespace->policies.at[i];
		const PolicyCharge *found = charge_find(charge, policy);

		if (found && found->over != OVER_NOT)
			say_over(limits, policy, found->over, diags);
	}
	if (namespace->policies.n && charge->n_over == 0 &&
		cost_exceeds(charge->elements, warning_limit(limits)))
		say_near(limits, namespace, diags);
}
