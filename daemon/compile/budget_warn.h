/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * budget_warn: the errors and warnings about the budget of a namespace. Each policy that is over
 * the budget gets an error, with its file and line: what stays in force of it, and how to get it
 * within the budget. If none is over it, and nine tenths of the budget are used, there is a
 * warning: new pods can use up the rest.
 *
 * Private to the module.
 */
#include "budget_charge.h"

/* In the order of the policies' names. Nothing for a namespace with room left. */
void budget_warn_namespace(const Charge *charge, const CompileBudget *limits,
	const NamespaceIndex *namespace, Diags *diags);
