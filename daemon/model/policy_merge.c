/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merging policies and cidr_sets. Both are sorted lists of unique names: if several files have one
 * name, the caller has chosen one of them.
 */
#include "namespace_index.h"
#include <assert.h>
#include <string.h>

/* ---- Policies ---- */
/* Binary search: the index of the first policy whose name does not sort before `name`. */
static size_t policy_position(const Policies *policies, const char *name)
{
	size_t low = 0, high = policies->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(policies->at[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_policy(Policies *policies, const Policy *policy)
{
	size_t i = policy_position(policies, policy->name);

	assert(i < policies->n && policies->at[i] == policy);
	memmove(&policies->at[i], &policies->at[i + 1],
		(policies->n - i - 1) * sizeof(*policies->at));
	policies->n--;
}

static void add_policy(Arena *arena, Policies *policies, const Policy *policy)
{
	size_t i = policy_position(policies, policy->name);

	assert(i == policies->n || strcmp(policies->at[i]->name, policy->name) > 0);
	VEC_PUSH(arena, policies, policy);
	memmove(&policies->at[i + 1], &policies->at[i],
		(policies->n - i - 1) * sizeof(*policies->at));
	policies->at[i] = policy;
}

/* For assert(): the compiler relies on it. */
static bool are_selectors_valid(const Policy *policy)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; i < policy->rules[d].n; i++)
			for (size_t k = 0; k < policy->rules[d].at[i].peers.n; k++) {
				const Peer *peer = &policy->rules[d].at[i].peers.at[k];

				if ((peer->namespaces && !selector_is_valid(peer->namespaces)) ||
					(peer->pods && !selector_is_valid(peer->pods)))
					return false;
			}
	return selector_is_valid(&policy->pods);
}

void model_set_policy(Model *model, const Policy *before, const Policy *after, bool has_changed_set,
	Changes *changes)
{
	NamespaceIndex *namespace =
		namespace_index_get(model, before ? before->namespace : after->namespace);

	if (before) {
		remove_policy(&namespace->policies, before);
		model->counts.policies--;
		model->counts.audited -= before->is_audit;
	}
	if (after) {
		assert(strcmp(after->namespace, namespace->name) == 0);
		assert(are_selectors_valid(after));
		add_policy(namespace->arena, &namespace->policies, after);
		model->counts.policies++;
		model->counts.audited += after->is_audit;
	}
	if (has_changed_set || !before || !after || !policy_is_equal(before, after))
		VEC_PUSH(changes->arena, &changes->policies, (PolicyChange){before, after});
	namespace_index_retire(model, namespace);
}

/* ---- cidr_sets ---- */
void model_set_cidr_sets(Model *model, const CidrSet *const *sets, size_t n)
{
	model->sets.n = 0;
	for (size_t i = 0; i < n; i++) {
		assert(i == 0 || strcmp(sets[i - 1]->name, sets[i]->name) < 0);
		VEC_PUSH(model->arena, &model->sets, sets[i]);
	}
}

const CidrSet *model_cidr_set(const Model *model, const char *name)
{
	size_t low = 0, high = model->sets.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(model->sets.at[middle]->name, name);

		if (r == 0)
			return model->sets.at[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
