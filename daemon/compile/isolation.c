/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which policies decide about a pod. See isolation.h. */
#include "isolation.h"

bool policy_is_for(const Policy *policy, const Pod *pod, Direction direction)
{
	return policy->isolates[direction] && pod_is_selected(pod, &policy->pods);
}

bool policy_counts(const Policy *policy, bool is_trial)
{
	return is_trial || !policy->is_audit;
}

/*
 * The pod's labels are unknown, so any policy of its namespace may be for it. Audited policies do
 * not count here, nor in a trial: it would say that they refuse packets of pods that they may not
 * select at all.
 */
static bool is_isolated_unknown(const CompileOptions *options, const Pod *pod, bool has_enforced)
{
	return pod->known == KNOWN_ATTACHED && !options->is_unknown_allowed && has_enforced;
}

Standing standing_of(const Model *model, const CompileOptions *options, Arena *arena,
	const Pod *pod, Direction direction, Policies *ret_policies)
{
	const NamespaceIndex *namespace = model_namespace_index(model, pod->namespace);
	Policies in_force = {}, audited = {};
	bool has_enforced = false;

	for (size_t i = 0; namespace && i < namespace->policies.n; i++) {
		const Policy *policy = namespace->policies.at[i];

		has_enforced |= !policy->is_audit;
		if (policy_is_for(policy, pod, direction))
			VEC_PUSH(arena,
				policy_counts(policy, options->is_trial) ? &in_force : &audited,
				policy);
	}
	if (in_force.n > 0 || is_isolated_unknown(options, pod, has_enforced)) {
		*ret_policies = in_force;
		return STANDING_ISOLATED;
	}
	*ret_policies = audited;
	return audited.n > 0 ? STANDING_AUDITED : STANDING_FREE;
}
