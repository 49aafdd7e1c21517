/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was probably meant by a name that the inventory does not have. */
#include "explainer.h"
#include <string.h>

static const char *nearest_of(Arena *arena, const char *word, Texts *names)
{
	VEC_PUSH(arena, names, NULL);
	return text_nearest(word, names->at);
}

static const char *near_namespace(Arena *arena, const Model *model, const char *word)
{
	const NamespaceIndex *namespace;
	Texts names = {};
	size_t cursor = 0;

	while ((namespace = model_next_namespace(model, &cursor)))
		VEC_PUSH(arena, &names, namespace->name);
	return nearest_of(arena, word, &names);
}

static const char *near_pod(Arena *arena, const NamespaceIndex *namespace, const char *word)
{
	Texts names = {};
	size_t cursor = 0;
	const Pod *pod;

	while ((pod = namespace_next_pod(namespace, &cursor)))
		VEC_PUSH(arena, &names, pod->name);
	return nearest_of(arena, word, &names);
}

/* The first namespace that has a pod of this name. */
static const char *namespace_with(const Model *model, const char *name)
{
	const NamespaceIndex *namespace;
	const char *first = NULL;
	size_t cursor = 0;

	while ((namespace = model_next_namespace(model, &cursor)))
		if (model_pod(model, namespace->name, name) &&
			(!first || strcmp(namespace->name, first) < 0))
			first = namespace->name;
	return first;
}

static const char *hint(Explainer *x, const char *namespace, const char *pod)
{
	if (!namespace || !pod || !*pod)
		return "";
	return arena_printf(x->arena, "; did you mean \"%s/%s\"?", namespace, pod);
}

const char *why_no_pod(Explainer *x, const char *namespace, const char *pod)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const NamespaceIndex *index = model_namespace_index(x->model, namespace);
	const char *near = index ? near_pod(scratch, index, pod)
				 : near_namespace(scratch, x->model, namespace);

	if (!index && near)
		return arena_printf(x->arena, "no namespace \"%s\" in the inventory%s", namespace,
			hint(x, near, pod));
	return arena_printf(x->arena, "no pod \"%s/%s\" in the inventory%s", namespace, pod,
		near ? hint(x, namespace, near) : hint(x, namespace_with(x->model, pod), pod));
}

const char *why_no_endpoint(Explainer *x, const char *text)
{
	return arena_printf(x->arena, "\"%s\" is neither namespace/pod nor an address%s", text,
		hint(x, namespace_with(x->model, text), text));
}

const char *why_no_port(Explainer *x, const char *text, Protocol protocol, const Pod *destination)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	const char *near;
	Texts names = {};

	for (size_t i = 0; destination && i < destination->ports.n; i++)
		if (destination->ports.at[i].protocol == protocol)
			VEC_PUSH(scratch, &names, destination->ports.at[i].name);
	near = nearest_of(scratch, text, &names);
	return arena_printf(x->arena,
		"\"%s\" is neither a port number nor a named %s port of the destination%s", text,
		protocol_text(protocol),
		near ? arena_printf(x->arena, "; did you mean \"%s\"?", near) : "");
}
