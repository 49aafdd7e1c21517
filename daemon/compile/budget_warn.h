/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * budget_warn: what an operator is told of a namespace's budget: an error for each policy that is
 * over it, at the policy's place in its file, with what is in force instead and what helps; or,
 * while all fit, a warning from nine tenths of the budget on, since pods that come may be too many.
 *
 * Private to the module.
 */
#include "budget_charge.h"

/* In the order of the policies' names. Nothing for a namespace with room left. */
void budget_warn_namespace(const Charge *charge, const CompileBudget *limits,
	const NamespaceIndex *namespace, Diags *diags);
