/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * pod_classes: how many rules the chains of a namespace have. Pods that the same policies isolate,
 * with the same numbers for named ports, are a class and share a chain, which has the rules of all
 * these policies. A few large policies and one small one for each pod make a chain of all large
 * ones for each pod. Both directions count together: the number of rules is an upper bound.
 *
 *     pod_classes_begin
 *     pod_classes_take        for each policy, in their order
 *
 * Private to the module.
 */
#include "compile.h"

typedef struct ClassifiedPod {
	const Pod *pod;
	uint32_t class;
} ClassifiedPod;

typedef struct PodClasses {
	Arena *scratch;
	VEC(ClassifiedPod) pods;
	VEC(size_t) rules; /* of each class's chain */
	size_t idle;	   /* rules of policies that select no pod */
} PodClasses;

/* One class: the namespace's pods on that node (NULL: on any) that policies can isolate. */
void pod_classes_begin(
	PodClasses *classes, Arena *scratch, const NamespaceIndex *namespace, const char *node);
/*
 * Takes the policy, which has so many rules, unless all chains together would then have more rules
 * than `limit` (0: no limit). Whether it was taken.
 */
bool pod_classes_take(PodClasses *classes, const Policy *policy, size_t rules, size_t limit);
