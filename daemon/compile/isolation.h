/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * isolation: which policies decide about a pod in one direction. The compiler and explain both ask
 * here, so that their answers agree.
 *
 * Only policies of the pod's namespace that select it, and have the direction in their policyTypes,
 * are considered:
 *
 *     some are enforced      they decide. Audited ones could only allow more, since policies only
 *                            add; so they would refuse nothing, and are left out
 *     audited ones alone     nothing is refused; what no rule of theirs allows is counted and
 *                            logged
 *     none                   nothing is refused or counted
 *
 * A pod of unknown labels is isolated, too, if its namespace has any enforced policy: each may be
 * for it (unless CompileOptions.is_unknown_allowed).
 *
 * In a trial (CompileOptions.is_trial) audited policies are taken for enforced ones: explain and
 * matrix ask what would be if they were.
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
/* Whether the policy is enforced; in a trial all are. */
bool policy_counts(const Policy *policy, bool is_trial);
/*
 * *ret_policies: those that decide, sorted by name; for STANDING_AUDITED the audited ones. A pod of
 * unknown labels may be STANDING_ISOLATED without any.
 */
Standing standing_of(const Model *model, const CompileOptions *options, Arena *arena,
	const Pod *pod, Direction direction, Policies *ret_policies);
