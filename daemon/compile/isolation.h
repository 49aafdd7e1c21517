/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * isolation: which policies decide about a pod. The compiler and explain ask here, and nowhere else
 * is it said what an audited policy counts for.
 *
 * Of the policies of the pod's namespace that select it, with a direction in their policyTypes, E
 * are in force and A are audited. In force is E alone. The trial is E and A together. Policies only
 * add: where E isolates the pod, A could only allow more, so the trial refuses nothing that passes.
 * Only where E does not isolate the pod is there something to watch, by the rules of A.
 *
 * Private to the module.
 */
#include "compile.h"

typedef enum Standing {
	STANDING_FREE,	  /* everything passes */
	STANDING_AUDITED, /* everything passes; what the audited policies do not allow is counted */
	STANDING_ISOLATED, /* what the policies in force allow passes */
} Standing;

/* Whether the policy is for the pod in that direction, be it in force or audited. */
bool policy_is_for(const Policy *policy, const Pod *pod, Direction direction);
/* Whether the policy counts: in force, those that are not audited; in a trial, all. */
bool policy_counts(const Policy *policy, bool is_trial);
/* Also the policies that decide, by name: those in force, or for STANDING_AUDITED the audited. */
Standing standing_of(const Model *model, const CompileOptions *options, Arena *arena,
	const Pod *pod, Direction direction, Policies *ret_policies);
