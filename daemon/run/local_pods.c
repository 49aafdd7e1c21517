/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sorted list. See local_pods.h. */
#include "local_pods.h"
#include <string.h>

struct LocalPods {
	Arena *arena; /* of the list */
	char *node;
	Pods pods;
};

LocalPods *local_pods_new(const char *node)
{
	LocalPods *pods = MEMORY_NEW(LocalPods);

	*pods = (LocalPods){.arena = arena_new(), .node = memory_copy_text(node)};
	return pods;
}

LocalPods *local_pods_free(LocalPods *pods)
{
	if (!pods)
		return NULL;
	arena_free(pods->arena);
	free(pods->node);
	free(pods);
	return NULL;
}

/* The place of the first pod that is not less than this one. */
static uint32_t find_place(const LocalPods *pods, const Pod *pod)
{
	uint32_t low = 0, high = pods->pods.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (pod_compare_p(&pods->pods.at[middle], &pod) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_pod(LocalPods *pods, const Pod *pod)
{
	uint32_t i = find_place(pods, pod);
	Pods *list = &pods->pods;

	/* several may have one name: see pods of another uid in model.h */
	while (i < list->n && list->at[i] != pod && pod_compare_p(&list->at[i], &pod) == 0)
		i++;
	if (i == list->n || list->at[i] != pod)
		return;
	list->n--;
	memmove(&list->at[i], &list->at[i + 1], (list->n - i) * sizeof(Pod *));
}

static void insert_pod(LocalPods *pods, const Pod *pod)
{
	uint32_t i = find_place(pods, pod);
	Pods *list = &pods->pods;

	VEC_PUSH(pods->arena, list, pod);
	memmove(&list->at[i + 1], &list->at[i], (list->n - 1 - i) * sizeof(Pod *));
	list->at[i] = pod;
}

static bool is_wanted(const LocalPods *pods, const Pod *pod)
{
	return pod && pod_is_subject(pod) &&
	       (pod->attached || text_is_equal(pod->host->name, pods->node));
}

void local_pods_update(LocalPods *pods, const Changes *changes)
{
	for (size_t i = 0; i < changes->pods.n; i++) {
		const PodChange *change = &changes->pods.at[i];

		if (is_wanted(pods, change->before))
			remove_pod(pods, change->before);
		if (is_wanted(pods, change->after))
			insert_pod(pods, change->after);
	}
}

const Pods *local_pods_list(const LocalPods *pods)
{
	return &pods->pods;
}
