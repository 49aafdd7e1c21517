/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items -> pods and namespaces: see inventory_objects.h. */
#include "inventory_objects.h"
#include "empty_list.h"
#include <string.h>

static void add_pod(Source *source, const Item *item)
{
	Pod *pod = ARENA_NEW(source->arena, Pod);

	assert(item->pod.host); /* item_end was called */
	*pod = item->pod;
	pod->namespace = pod->namespace ? pod->namespace : "default";
	VEC_PUSH(source->arena, &source->pods, pod);
	source->n_static_pods += item->is_static;
}

static void add_namespace(Source *source, const Item *item)
{
	Namespace *namespace = ARENA_NEW(source->arena, Namespace);

	*namespace = (Namespace){.origin = item->pod.origin,
		.name = item->pod.name,
		.labels = item->pod.labels,
		.are_labels_known = true,
		.version = item->pod.version};
	if (!labels_get(&namespace->labels, NAMESPACE_NAME_LABEL)) {
		VEC_PUSH(source->arena, &namespace->labels.list,
			(Label){NAMESPACE_NAME_LABEL, namespace->name});
		labels_sort(&namespace->labels);
	}
	VEC_PUSH(source->arena, &source->namespaces, namespace);
}

static void add_object(Source *source, const Item *item, const char *kind)
{
	bool is_pod = text_is_equal(kind, "Pod"), is_namespace = text_is_equal(kind, "Namespace");

	if (!is_pod && !is_namespace)
		return; /* Services and the like in a List of kubectl */
	if (!item->pod.name) {
		DIAG_ERROR(&source->diags, item->pod.origin, "required", NULL,
			"metadata.name: Required value");
		return;
	}
	if (is_pod)
		add_pod(source, item);
	else
		add_namespace(source, item);
}

/* The kind of a typed list's items, which need not have one themselves; NULL: untyped. */
static const char *item_kind(const char *list_kind)
{
	if (text_is_equal(list_kind, "PodList"))
		return "Pod";
	return text_is_equal(list_kind, "NamespaceList") ? "Namespace" : NULL;
}

/* One allocation: an arena cannot free the smaller arrays that a growing list leaves behind. */
static void reserve_pods(Source *source, size_t pods)
{
	source->pods.at = arena_alloc(source->arena, pods * sizeof(*source->pods.at));
	source->pods.capacity = (uint32_t)pods;
}

static void add_list(Source *source, const InventoryDocument *document)
{
	if (document->items.n == 0)
		empty_list_note(source, document->root.pod.origin);
	if (source->pods.n == 0)
		reserve_pods(source, document->items.n);
	for (size_t i = 0; i < document->items.n; i++) {
		const Item *item = &document->items.at[i];
		const char *kind = item->kind ? item->kind : item_kind(document->root.kind);

		if (kind)
			add_object(source, item, kind);
		else
			DIAG_ERROR(&source->diags, item->pod.origin, "required", NULL,
				"kind: Required value: an item of a List says what it is");
	}
}

void inventory_add_document(Source *source, const InventoryDocument *document)
{
	static const char *const kinds[] = {
		"PodList", "NamespaceList", "List", "Pod", "Namespace", NULL};
	const char *kind = document->root.kind;
	bool is_known = false, is_list = kind && text_has_suffix(kind, "List");

	for (int i = 0; kinds[i]; i++)
		is_known |= text_is_equal(kind, kinds[i]);
	if (!is_known)
		DIAG_ERROR(&source->diags, document->root.pod.origin, PARSE_CODE_NO_INVENTORY, NULL,
			"%s%s%s: an inventory is a PodList, NamespaceList, List, Pod or Namespace",
			kind ? "kind \"" : "no kind", kind ? kind : "", kind ? "\"" : "");
	else if (is_list && !document->has_items)
		DIAG_ERROR(&source->diags, document->root.pod.origin, "inventory", NULL,
			"%s without items: the export has failed", kind);
	else if (is_list)
		add_list(source, document);
	else
		add_object(source, &document->root, kind);
}
