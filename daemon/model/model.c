/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The merged model: lookups and lists. */
#include "join.h"
#include <stdlib.h>

Model *model_new(Arena *parent)
{
	Arena *arena = arena_child(parent);
	Model *model = ARENA_NEW(arena, Model);

	*model = (Model){.arena = arena, .namespaces = hash_table_new(arena)};
	return model;
}

ModelCounts model_counts(const Model *model)
{
	return model->counts;
}

/* ---- Lookups ---- */
const Pod *model_pod(const Model *model, const char *namespace, const char *name)
{
	const NamespaceIndex *at = model_namespace_index(model, namespace);

	return at ? join_pod(at, name) : NULL;
}

const Namespace *model_namespace(const Model *model, const char *name)
{
	const NamespaceIndex *namespace = model_namespace_index(model, name);

	return namespace ? namespace->object : NULL;
}

const NamespaceIndex *model_next_namespace(const Model *model, size_t *cursor)
{
	return hash_table_next(model->namespaces, cursor);
}

const Pod *namespace_next_pod(const NamespaceIndex *namespace, size_t *cursor)
{
	return join_next_pod(namespace, cursor);
}

void model_list_pods(const Model *model, Arena *arena, Pods *ret_pods)
{
	const NamespaceIndex *namespace;
	size_t namespace_cursor = 0;

	while ((namespace = model_next_namespace(model, &namespace_cursor))) {
		size_t pod_cursor = 0;
		const Pod *pod;

		while ((pod = namespace_next_pod(namespace, &pod_cursor)))
			VEC_PUSH(arena, ret_pods, pod);
	}
	if (ret_pods->n)
		qsort(ret_pods->at, ret_pods->n, sizeof(Pod *), pod_compare_p);
}

void model_list_changes(const Model *model, Changes *changes)
{
	const NamespaceIndex *namespace;
	size_t namespace_cursor = 0;

	while ((namespace = model_next_namespace(model, &namespace_cursor))) {
		size_t pod_cursor = 0;
		const Pod *pod;

		while ((pod = namespace_next_pod(namespace, &pod_cursor)))
			VEC_PUSH(changes->arena, &changes->pods, (PodChange){NULL, pod});
		for (size_t i = 0; i < namespace->policies.n; i++)
			VEC_PUSH(changes->arena, &changes->policies,
				(PolicyChange){NULL, namespace->policies.at[i]});
		if (namespace->object)
			VEC_PUSH(changes->arena, &changes->namespaces,
				(NamespaceChange){namespace, NULL, namespace->object});
	}
}
