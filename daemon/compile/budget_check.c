/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The budgets of a whole model, without a compiler: for whoever checks files only. */
#include "budget.h"

static void add_namespace(Budget *budget, AddressIndex *addresses, const NamespaceIndex *namespace)
{
	const Pod *pod;
	size_t cursor = 0;

	if (namespace->policies.n)
		budget_change_policy(budget, namespace->name);
	while ((pod = namespace_next_pod(namespace, &cursor))) {
		budget_note_pod(budget, pod);
		address_index_add(addresses, pod);
	}
}

void compile_check_budget(const Model *model, const CompileBudget *limits, Diags *diags)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const NamespaceIndex *namespace;
	AddressIndex addresses;
	Policies over = {};
	Budget budget;
	size_t cursor = 0;

	budget_init(&budget, arena, limits);
	address_index_init(&addresses, arena);
	budget_begin(&budget, arena, model_counts(model).pods);
	while ((namespace = model_next_namespace(model, &cursor)))
		add_namespace(&budget, &addresses, namespace);
	budget_end(&budget, model, &addresses, &over);
	budget_warn(&budget, model, diags);
	budget_free(&budget);
}
