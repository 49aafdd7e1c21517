/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts how many groups use a selection, without a list of the groups. See selector_usage.h. */
#include "selector_usage.h"
#include <assert.h>
#include <string.h>

/*
 * The uses of one selection, one for each peer that has it. A use adds the hash of its group to
 * `sum` and the hash's square to `squares`; it is removed by subtracting both. All n uses are of
 * one group if and only if sum * sum == n * squares (equality in the Cauchy-Schwarz inequality).
 * Arithmetic is modulo 2^64, so by chance uses of several groups may look like those of one. Then
 * two sets hold the same addresses, which is correct, and costs memory only.
 */
typedef struct GroupSums {
	uint64_t n, sum, squares;
} GroupSums;

struct SelectionUse {
	uint32_t selection; /* its hash */
	bool is_edited;	    /* listed in SelectorUsage.edited, and `before` is set */
	GroupSums sums;
	GroupSums before; /* `sums` as they were when this update began */
	SelectionUse *next_free;
};

void selector_usage_init(SelectorUsage *usage, Arena *arena)
{
	*usage = (SelectorUsage){.arena = arena, .by_selection = hash_table_new(arena)};
}

void selector_usage_begin(SelectorUsage *usage, Arena *scratch)
{
	*usage = (SelectorUsage){.arena = usage->arena,
		.by_selection = usage->by_selection,
		.free = usage->free,
		.scratch = scratch};
}

/* ---- Groups ---- */
uint32_t group_hash(const Policy *policy, Direction direction, const Rule *rule)
{
	uint32_t hash = hash_bytes(HASH_START, &direction, sizeof(direction));

	hash = selector_hash(hash_text(hash, policy->namespace), &policy->pods);
	for (size_t i = 0; i < rule->ports.n; i++) {
		const Port *port = &rule->ports.at[i];
		unsigned numbers[] = {port->kind, port->protocol, port->first, port->last};

		hash = hash_bytes(hash, numbers, sizeof(numbers));
		hash = hash_text(hash, port->kind == PORT_NAME ? port->name : "");
	}
	return hash;
}

bool group_is_equal(const Policy *a, const Rule *x, const Policy *b, const Rule *y)
{
	return strcmp(a->namespace, b->namespace) == 0 && selectors_are_equal(&a->pods, &b->pods) &&
	       rules_have_same_ports(x, y);
}

/* ---- Counting ---- */
static SelectionUse *find_use(const SelectorUsage *usage, uint32_t selection)
{
	size_t cursor = 0;

	return (SelectionUse *)hash_table_find(usage->by_selection, selection, &cursor);
}

static SelectionUse *get_use(SelectorUsage *usage, uint32_t selection)
{
	SelectionUse *use = find_use(usage, selection);

	if (!use) {
		use = usage->free ? usage->free : ARENA_NEW(usage->arena, SelectionUse);
		usage->free = use->next_free;
		*use = (SelectionUse){.selection = selection};
		hash_table_add(usage->by_selection, selection, use);
	}
	if (!use->is_edited) {
		VEC_PUSH(usage->scratch, &usage->edited, use);
		use->before = use->sums;
		use->is_edited = true;
	}
	return use;
}

/* `by`: 1 adds, -1 removes. */
static void count_rule(
	SelectorUsage *usage, const Policy *policy, Direction direction, const Rule *rule, int by)
{
	uint64_t group = group_hash(policy, direction, rule), n = (uint64_t)by;

	for (size_t i = 0; i < rule->peers.n; i++) {
		Selection selection = selection_of(policy, &rule->peers.at[i]);
		GroupSums *sums;

		if (rule->peers.at[i].kind != PEER_PODS)
			continue;
		sums = &get_use(usage, selection_hash(&selection))->sums;
		sums->n += n;
		sums->sum += n * group;
		sums->squares += n * group * group;
	}
}

static void count_policy(SelectorUsage *usage, const Policy *policy, int by)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			count_rule(usage, policy, d, &policy->rules[d].at[i], by);
}

void selector_usage_add(SelectorUsage *usage, const Policy *policy)
{
	count_policy(usage, policy, 1);
}

void selector_usage_remove(SelectorUsage *usage, const Policy *policy)
{
	count_policy(usage, policy, -1);
}

void selector_usage_end(SelectorUsage *usage)
{
	for (size_t i = 0; i < usage->edited.n; i++) {
		SelectionUse *use = usage->edited.at[i];

		assert((int64_t)use->sums.n >= 0);
		use->is_edited = false;
		if (use->sums.n > 0)
			continue;
		hash_table_remove(usage->by_selection, use->selection, use);
		use->next_free = usage->free;
		usage->free = use;
	}
}

/* ---- Questions ---- */
static bool is_exclusive(const GroupSums *sums)
{
	return sums->n * sums->squares == sums->sum * sums->sum;
}

bool selector_usage_is_exclusive(const SelectorUsage *usage, const Selection *selection)
{
	const SelectionUse *use = find_use(usage, selection_hash(selection));

	return use && is_exclusive(&use->sums);
}

/*
 * Only if the selection was used before the update and is used after it: this is for policies that
 * did not change, and those have used it all the time.
 */
static bool has_changed(const SelectionUse *use)
{
	return use && use->is_edited && use->before.n > 0 && use->sums.n > 0 &&
	       is_exclusive(&use->before) != is_exclusive(&use->sums);
}

bool selector_usage_has_changed(const SelectorUsage *usage)
{
	for (size_t i = 0; i < usage->edited.n; i++)
		if (has_changed(usage->edited.at[i]))
			return true;
	return false;
}

static bool affects_rule(const SelectorUsage *usage, const Policy *policy, const Rule *rule)
{
	for (size_t i = 0; i < rule->peers.n; i++) {
		Selection selection = selection_of(policy, &rule->peers.at[i]);

		if (rule->peers.at[i].kind == PEER_PODS &&
			has_changed(find_use(usage, selection_hash(&selection))))
			return true;
	}
	return false;
}

bool selector_usage_affects(const SelectorUsage *usage, const Policy *policy)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			if (affects_rule(usage, policy, &policy->rules[d].at[i]))
				return true;
	return false;
}
