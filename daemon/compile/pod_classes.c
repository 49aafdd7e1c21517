/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classes of a namespace's pods. See pod_classes.h. */
#include "pod_classes.h"
#include "cost.h"
#include "ports.h"

void pod_classes_begin(
	PodClasses *classes, Arena *scratch, const NamespaceIndex *namespace, const char *node)
{
	const Pod *pod;
	size_t cursor = 0;

	*classes = (PodClasses){.scratch = scratch};
	VEC_PUSH(scratch, &classes->rules, 0);
	while ((pod = namespace_next_pod(namespace, &cursor)))
		if (pod_is_subject(pod) &&
			(!node || pod->attached || text_is_equal(pod->host->name, node)))
			VEC_PUSH(scratch, &classes->pods, (ClassifiedPod){pod, 0});
}

/* Where the policy moves pods of a class: those with the same numbers to the same new class. */
typedef struct Move {
	uint32_t from, to;
	const char *numbers;
} Move;

/* The class of a pod that the policy selects; made if it is the first. */
static uint32_t class_after(PodClasses *classes, HashTable *moves, const ClassifiedPod *pod,
	const Policy *policy, size_t rules)
{
	Buf key = {.arena = classes->scratch};
	const Move *known;
	Move *move;
	uint32_t hash;
	size_t cursor = 0;

	ports_add_numbers(&key, policy, pod->pod);
	hash = hash_text(HASH_START + pod->class, buf_text(&key));
	while ((known = hash_table_find(moves, hash, &cursor)))
		if (known->from == pod->class && text_is_equal(known->numbers, buf_text(&key)))
			return known->to;
	move = ARENA_NEW(classes->scratch, Move);
	*move = (Move){pod->class, classes->rules.n, buf_text(&key)};
	VEC_PUSH(classes->scratch, &classes->rules, cost_add(classes->rules.at[pod->class], rules));
	hash_table_add(moves, hash, move);
	return move->to;
}

/* The rules of all classes that have a pod. */
static size_t count_rules(const PodClasses *classes, const uint32_t *class_of)
{
	bool *is_counted = arena_alloc(classes->scratch, classes->rules.n);
	size_t n = classes->idle;

	for (size_t i = 0; i < classes->pods.n; i++) {
		if (!is_counted[class_of[i]])
			n = cost_add(n, classes->rules.at[class_of[i]]);
		is_counted[class_of[i]] = true;
	}
	return n;
}

bool pod_classes_take(PodClasses *classes, const Policy *policy, size_t rules, size_t limit)
{
	HashTable *moves = hash_table_new(classes->scratch);
	uint32_t *after = arena_alloc(classes->scratch, classes->pods.n * sizeof(uint32_t));
	uint32_t n_before = classes->rules.n;
	size_t idle = classes->idle;

	for (size_t i = 0; i < classes->pods.n; i++) {
		const ClassifiedPod *pod = &classes->pods.at[i];

		after[i] = pod->class;
		if (pod_is_selected(pod->pod, &policy->pods))
			after[i] = class_after(classes, moves, pod, policy, rules);
	}
	if (classes->rules.n == n_before)
		classes->idle = cost_add(classes->idle, rules);
	if (limit > 0 && count_rules(classes, after) > limit) {
		classes->rules.n = n_before;
		classes->idle = idle;
		return false;
	}
	for (size_t i = 0; i < classes->pods.n; i++)
		classes->pods.at[i].class = after[i];
	return true;
}
