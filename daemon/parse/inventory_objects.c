/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items -> pods and namespaces: see inventory_objects.h. */
#include "inventory_objects.h"
#include "empty_list.h"
#include "kinds.h"
#include "validate.h"
#include <string.h>
#include <strings.h>

static void add_pod(Source *source, const Item *item)
{
	Pod *pod = ARENA_NEW(source->arena, Pod);

	assert(item->pod.host); /* item_end was called */
	*pod = item->pod;
	pod->namespace = pod->namespace ? pod->namespace : "default";
	VEC_PUSH(source->arena, &source->pods, pod);
	source->n_static_pods += item->is_static;
}

/* "any", or CIDRs separated by commas or spaces. If it is wrong, nothing is allowed by it. */
static void read_senders(Source *source, const Item *item, Namespace *namespace)
{
	char *text = arena_strdup(source->arena, item->senders), *save;
	Ranges ranges = {};
	Range range;

	namespace->senders = item->senders;
	if (strcmp(text, "any") == 0) {
		namespace->are_senders_free = true;
		return;
	}
	for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		const char *error = range_parse_cidr(word, &range);

		if (error) {
			DIAG_WARNING(&source->diags, item->pod.origin, "senders",
				"until then the pods of the namespace send from their own "
				"addresses "
				"alone",
				"annotation " NAMESPACE_SENDERS_ANNOTATION
				": must be \"any\", or CIDRs separated by commas: \"%s\" %s",
				word, error);
			return;
		}
		VEC_PUSH(source->arena, &ranges, range);
	}
	ranges_normalise(&ranges);
	namespace->allowed_senders = ranges;
}

static void add_namespace(Source *source, const Item *item)
{
	Namespace *namespace = ARENA_NEW(source->arena, Namespace);

	*namespace = (Namespace){.origin = item->pod.origin,
		.name = item->pod.name,
		.labels = item->pod.labels,
		.are_labels_known = true,
		.version = item->pod.version};
	if (item->senders)
		read_senders(source, item, namespace);
	if (!labels_get(&namespace->labels, NAMESPACE_NAME_LABEL)) {
		VEC_PUSH(source->arena, &namespace->labels.list,
			(Label){NAMESPACE_NAME_LABEL, namespace->name});
		labels_sort(&namespace->labels);
	}
	VEC_PUSH(source->arena, &source->namespaces, namespace);
}

static bool is_valid(
	Source *source, const Item *item, const char *key, const char *name, const char *error)
{
	if (error)
		DIAG_ERROR(&source->diags, item->pod.origin, "invalid-value", NULL,
			"metadata.%s: Invalid value: \"%s\": %s", key, name, error);
	return !error;
}

/*
 * The API server has no object with another name. Names are printed in the journal, the status and
 * the metrics, where a line break or a quote would forge fields, or make all of it unreadable.
 */
static bool has_valid_names(Source *source, const Item *item, bool is_pod)
{
	const char *name = item->pod.name, *namespace = item->pod.namespace;
	bool is_well = is_valid(source, item, "name", name,
		is_pod ? validate_subdomain(name) : validate_label(name));

	if (is_pod && namespace && *namespace)
		is_well &=
			is_valid(source, item, "namespace", namespace, validate_label(namespace));
	return is_well;
}

static void add_object(Source *source, const Item *item, const char *kind)
{
	bool is_pod = strcmp(kind, "Pod") == 0;

	if (!item->pod.name)
		DIAG_ERROR(&source->diags, item->pod.origin, "required", NULL,
			"metadata.name: Required value");
	else if (!has_valid_names(source, item, is_pod))
		return;
	else if (is_pod)
		add_pod(source, item);
	else
		add_namespace(source, item);
}

/* ---- Kinds ---- */
static const char *const LISTS[] = {"PodList", "NamespaceList", "List", NULL};
static const char *const OBJECTS[] = {"Pod", "Namespace", NULL};

static bool is_one_of(const char *const *kinds, const char *kind)
{
	for (; *kinds; kinds++)
		if (text_is_equal(*kinds, kind))
			return true;
	return false;
}

/* Pod or Namespace, if that was meant; else NULL. */
static const char *misspelt(const char *kind)
{
	static const char *const words[][2] = {{"pod", "Pod"}, {"pods", "Pod"},
		{"namespace", "Namespace"}, {"namespaces", "Namespace"}, {"podlist", "PodList"},
		{"namespacelist", "NamespaceList"}, {"list", "List"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(kind, words[i][0]) == 0)
			return words[i][1];
	return NULL;
}

/*
 * The kind of an item, which need not have one itself in a typed list. NULL: none, in a List. In a
 * list of other objects it is some other kind.
 */
static const char *kind_of(InventoryDocument *document, const Item *item)
{
	const char *list;

	if (item->kind || item == &document->root)
		return item->kind;
	list = kind_of(document, item_at(document, item->list));
	if (text_is_equal(list, "PodList"))
		return "Pod";
	if (text_is_equal(list, "NamespaceList"))
		return "Namespace";
	return text_is_equal(list, "List") ? NULL : list;
}

/* ---- Items ---- */
Item *item_at(InventoryDocument *document, uint32_t number)
{
	assert(number <= document->items.n);
	return number ? &document->items.at[number - 1] : &document->root;
}

static void check_list(Source *source, const Item *list, const char *kind)
{
	if (!list->has_items)
		DIAG_ERROR(&source->diags, list->pod.origin, "inventory", NULL,
			"%s without items: the export has failed", kind);
	else if (list->n_items == 0)
		empty_list_note(source, list->pod.origin);
}

/* What would be skipped, although it may have been a pod. */
static void check_other(Source *source, const Item *item, const char *kind)
{
	const char *meant = misspelt(kind), *failed = kinds_failed_export(kind);

	if (meant)
		DIAG_ERROR(&source->diags, item->pod.origin, "unknown-kind",
			arena_printf(source->arena, "did you mean \"%s\"?", meant),
			"unknown kind \"%s\"", kind);
	else if (failed)
		DIAG_ERROR(&source->diags, item->pod.origin, "failed-export",
			"export the objects: kubectl get pods,namespaces -A -o json", "%s: %s",
			kind, failed);
}

static void add_item(Source *source, const Item *item, const char *kind)
{
	if (item->has_more)
		DIAG_ERROR(&source->diags, item->pod.origin, "page",
			"fetch all of it: without a limit, or page by page into one List",
			"metadata.continue is set: this is one page of a list");
	if (!kind)
		DIAG_ERROR(&source->diags, item->pod.origin, "required", NULL,
			"kind: Required value: each item of a List has its own");
	else if (is_one_of(LISTS, kind))
		check_list(source, item, kind);
	else if (!is_one_of(OBJECTS, kind))
		check_other(source, item, kind);
	else if (item->has_items)
		DIAG_ERROR(&source->diags, item->pod.origin, "inventory", NULL,
			"a %s has no items: is it a %sList?", kind, kind);
	else
		add_object(source, item, kind);
}

/* One allocation: an arena cannot free the smaller arrays that a growing list leaves behind. */
static void reserve_pods(Source *source, size_t pods)
{
	source->pods.at = arena_alloc(source->arena, pods * sizeof(*source->pods.at));
	source->pods.capacity = (uint32_t)pods;
}

static void report_no_inventory(Source *source, const InventoryDocument *document)
{
	const char *kind = document->root.kind;
	Origin origin = document->root.pod.origin;

	if (!kind && document->has_object)
		DIAG_ERROR(&source->diags, origin, PARSE_CODE_NO_INVENTORY,
			"export objects: kubectl get -o json, without --output-watch-events",
			"a watch event (type, object): it describes a change, not the current "
			"objects");
	else
		DIAG_ERROR(&source->diags, origin, PARSE_CODE_NO_INVENTORY,
			kinds_failed_export(kind),
			"%s%s%s: an inventory is a PodList, NamespaceList, List, Pod or Namespace",
			kind ? "kind \"" : "no kind", kind ? kind : "", kind ? "\"" : "");
}

void inventory_add_document(Source *source, InventoryDocument *document)
{
	const char *kind = document->root.kind;

	if (!is_one_of(LISTS, kind) && !is_one_of(OBJECTS, kind)) {
		report_no_inventory(source, document);
		return;
	}
	if (source->pods.n == 0)
		reserve_pods(source, document->items.n + 1);
	for (uint32_t i = 0; i <= document->items.n; i++)
		add_item(source, item_at(document, i), kind_of(document, item_at(document, i)));
}
