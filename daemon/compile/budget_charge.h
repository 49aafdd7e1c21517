/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * budget_charge: the decision, for one namespace: which of its policies fit into the budget, and
 * which are over it.
 *
 * The policies are charged one after another, those in force by name, then the audited ones by
 * name, since a trial must not take the rules of a policy that is in force. Each is charged the
 * elements of what it asks for beyond what the policies before it ask for already. If it does not
 * fit into what is left, it is over the budget and is charged nothing, and the next one may fit.
 * Rules are charged in the same order (pod_classes.h), before elements: what has too many rules
 * asks for no elements.
 *
 *     charge_list       a policy has changed; or a pod, if rules are counted
 *     charge_evaluate   after that, or if a count has changed; again while counts are missing
 *
 * Private to the module.
 */
#include "budget_wants.h"

typedef enum Over { OVER_NOT, OVER_RULES, OVER_ELEMENTS } Over;

typedef struct PolicyCharge {
	const char *name;
	bool is_audit;
	CountedWants wants; /* each once; none if it is OVER_RULES */
	Over over;
} PolicyCharge;

/* All zero: nothing is listed. */
typedef struct Charge {
	Arena *arena;		    /* of `policies` */
	VEC(PolicyCharge) policies; /* in the order in which they are charged */
	NamespaceWants wants;
	uint64_t evaluation; /* the number of the last one */
	size_t elements;     /* charged to those that are not over the budget */
	size_t n_over;
} Charge;

/* Makes the list of policies anew. counts_rules: the bound of the rules exceeds their limit. */
void charge_list(Charge *charge, WantCounter *counter, const CompileBudget *limits,
	const NamespaceIndex *namespace, const Model *model, bool counts_rules);
/* Frees all. */
void charge_clear(Charge *charge, WantCounter *counter);
/* Whether a new list or a changed count makes an evaluation necessary. */
bool charge_is_outdated(const Charge *charge);
/*
 * Decides about all policies. max_elements: 0: no limit. False: counts are missing, and at most
 * max_requests of them were requested: evaluate again after wants_count_batch().
 */
bool charge_evaluate(
	Charge *charge, WantCounter *counter, size_t max_elements, size_t max_requests);

/* The charge of a policy; NULL: it is not listed. */
const PolicyCharge *charge_find(const Charge *charge, const Policy *policy);
bool charge_is_over(const Charge *charge, const Policy *policy);
/* The names of the policies that are over the budget, in the arena; NULL: none. */
StrMap *charge_names_over(const Charge *charge, Arena *arena);
