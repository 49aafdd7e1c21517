/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * selector_usage: which groups of rules look up which selection of pods.
 *
 * A group is all rules of one namespace's policies with equal podSelector, direction and ports.
 * They apply to the same pods and accept the same ports, so the pods that they select can be one
 * set, which costs a packet one lookup. But a selection that several groups use is better a set of
 * its own, which they share: else each group's set would hold the addresses again. So a selection
 * is merged into its group's set only while it is exclusive, that is, used by that group alone.
 *
 * Selections are counted, so that an update costs what the changed policies contain. In an update:
 * selector_usage_begin; add and remove policies; then questions; selector_usage_end.
 *
 * Private to the module.
 */
#include "selection.h"

typedef struct SelectionUse SelectionUse;

typedef struct SelectorUsage {
	Arena *arena;
	HashTable *by_selection; /* SelectionUse; selections of equal hash are counted together */
	SelectionUse *free;	 /* list of unused ones */
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
/*
 * Whether a selection became exclusive, or stopped being so, in this update: any selection; one of
 * this policy. The chains of such a policy have to be made again though it has not changed.
 */
bool selector_usage_has_changed(const SelectorUsage *usage);
bool selector_usage_affects(const SelectorUsage *usage, const Policy *policy);
void selector_usage_end(SelectorUsage *usage);

/* Groups: equal groups have equal hashes. */
uint32_t group_hash(const Policy *policy, Direction direction, const Rule *rule);
bool group_is_equal(const Policy *a, const Rule *x, const Policy *b, const Rule *y);
