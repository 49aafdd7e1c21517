/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * selector_usage: counts how many groups of rules use each selection of pods.
 *
 * A group is all rules of one namespace's policies with equal podSelector, direction and ports.
 * They apply to the same pods and accept the same ports. So all pods that they select can be in one
 * set, which costs a packet one lookup. But if several groups use a selection, it is better a set
 * of its own, which they share: otherwise the set of each group would hold the same addresses. So a
 * selection is merged into its group's set only while it is exclusive: used by that group alone.
 *
 * The counts are kept from one update to the next, so the cost of an update depends on the policies
 * that changed. In an update:
 *
 *     selector_usage_begin
 *     selector_usage_add, _remove                        for each changed policy
 *     selector_usage_is_exclusive, _has_changed, _affects
 *     selector_usage_end
 *
 * Private to the module.
 */
#include "selection.h"

typedef struct SelectionUse SelectionUse;

typedef struct SelectorUsage {
	Arena *arena;
	/*
	 * SelectionUse, by selection_hash(). Selections of equal hash are counted together; then
	 * they may count as shared, which is correct, but costs a set that was not necessary.
	 */
	HashTable *by_selection;
	SelectionUse *free; /* list of unused ones */
	/* of the update in progress */
	Arena *scratch;
	VEC(SelectionUse *) edited;
} SelectorUsage;

void selector_usage_init(SelectorUsage *usage, Arena *arena);
void selector_usage_begin(SelectorUsage *usage, Arena *scratch);
/* A policy is removed by its content: it may be a copy of the one that was added. */
void selector_usage_add(SelectorUsage *usage, const Policy *policy);
void selector_usage_remove(SelectorUsage *usage, const Policy *policy);
/* Whether a selection, of a policy that was added, is used by one group alone. */
bool selector_usage_is_exclusive(const SelectorUsage *usage, const Selection *selection);
/* Whether any selection became exclusive, or ceased to be so, in this update. */
bool selector_usage_has_changed(const SelectorUsage *usage);
/*
 * Whether such a selection is one of this policy. Then the chains of the policy have to be made
 * again, even if the policy did not change: they look up other sets.
 */
bool selector_usage_affects(const SelectorUsage *usage, const Policy *policy);
void selector_usage_end(SelectorUsage *usage);

/*
 * Whether two rules, `x` of policy `a` and `y` of policy `b`, are of one group; both must be of one
 * direction. Rules of one group have equal hashes.
 */
uint32_t group_hash(const Policy *policy, Direction direction, const Rule *rule);
bool group_is_equal(const Policy *a, const Rule *x, const Policy *b, const Rule *y);
