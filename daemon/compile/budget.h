/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * budget: which policies are over the budget of their namespace. A few lines of a policy can ask
 * for millions of elements. So the policies of one namespace may ask for a limited number of
 * elements and of rules (CompileBudget). They are taken in the order of their names, the audited
 * ones last. One that does not fit any more is over the budget. It still isolates its pods, but its
 * rules are left out: nothing is allowed that the whole policy would not allow. What is over the
 * budget follows from policies, pods and namespaces as they are, and not from what was before.
 *
 * What is charged: each different selector of the namespace once, with the addresses that it
 * selects, and the comparisons that finding them takes (cost.h); each different list of ranges
 * once. Sets can be shared with other namespaces, or joined, and then cost less: but that depends
 * on what else there is, and nobody's policy may come over its budget by what another namespace
 * does.
 *
 *     cost.h            what one policy asks for, by its text
 *     budget_bound.h    the estimate: at most so much do the policies of a namespace cost
 *     budget_wants.h    the count: how many elements that really is, kept from change to change
 *     budget_charge.h   the decision: which policies fit, one after another
 *     budget_warn.h     what the operator is told
 *
 * Counting takes time itself. So a namespace is *tracked* only if its estimate comes near the
 * budget; only then it has counts and a charge. In an ordinary cluster no namespace is tracked.
 *
 * In an update, after the address index has its final state:
 *
 *     budget_note_pod       for each pod that was added, changed or removed, before and after
 *     budget_begin
 *     budget_move           for each address whose owner or labels changed
 *     budget_change_policy  for each namespace with a changed policy
 *     budget_end            counts what is new; lists the policies whose state has changed
 *
 * Private to the module.
 */
#include "budget_bound.h"
#include "budget_wants.h"

typedef struct Budget {
	CompileBudget limits;
	HashTable *by_namespace; /* NamespaceBudget, by name: those that have policies */
	WantCounter counter;
	PodTotals totals;
	size_t n_tracked;
	size_t n_over;	/* policies */
	Arena *scratch; /* of the update in progress */
} Budget;

void budget_init(Budget *budget, Arena *arena, const CompileBudget *limits);
void budget_free(Budget *budget); /* what is not in the arena */
void budget_note_pod(Budget *budget, const Pod *pod);
/* max_local_pods: at least the number of pods on limits.node. */
void budget_begin(Budget *budget, Arena *scratch, size_t max_local_pods);
void budget_move(Budget *budget, Address address, Member before, Member after);
void budget_change_policy(Budget *budget, const char *namespace);
/* Appends the policies of the model that came over the budget, or are within it again. */
void budget_end(
	Budget *budget, const Model *model, const AddressIndex *addresses, Policies *ret_toggled);
bool budget_is_over(const Budget *budget, const Policy *policy);
/* Says what budget_warn.h says, by the names of namespaces. */
void budget_warn(const Budget *budget, const Model *model, Diags *diags);
