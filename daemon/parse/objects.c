/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects by apiVersion and kind: see objects.h. Lists are taken apart as kubectl does
 * (FlattenListVisitor in cli-runtime/pkg/resource/visitor.go): an object with items is a list,
 * at any depth; an item without apiVersion and kind has those of its list, without "List"
 * (decodeToList in apimachinery/pkg/apis/meta/v1/unstructured/helpers.go). A List in a List is
 * taken apart too, although kubectl refuses it.
 */
#include "objects.h"
#include "documents.h"
#include "empty_list.h"
#include "kinds.h"
#include "manifest.h"
#include "template.h"
#include <string.h>

#define READ_VERSIONS "networking.k8s.io/v1 and extensions/v1beta1"

/* One file. */
typedef struct Objects {
	Source *source;
	Reader *reader;
	/* the first document that is a list of some other kind, e.g. a PodList; NULL: there is none
	 */
	const Node *other_list;
	const char *other_list_kind;
} Objects;

typedef struct Header {
	const char *version, *kind; /* NULL: absent */
} Header;

/* An empty text is an absent one, to the API server too. */
static const char *read_text(Objects *o, const Node *node, const char *key)
{
	const char *text = node_field_text(o->reader, node, key);

	return text && *text ? text : NULL;
}

static Header read_header(Objects *o, const Node *node)
{
	return (Header){read_text(o, node, "apiVersion"), read_text(o, node, "kind")};
}

static void read_object(Objects *o, const Node *node, Header header);

/* ---- Lists ---- */
static void check_page(Objects *o, const Node *list, const char *kind)
{
	const Node *metadata = node_field(o->reader, list, "metadata", NODE_MAP);
	const char *token = node_field_text(o->reader, metadata, "continue");

	if (token && *token)
		DIAG_ERROR(o->reader->diags, node_get(metadata, "continue")->origin, "page",
			"fetch all of it: without a limit, or page by page into one List",
			"%s: metadata.continue is set: this is one page of a list", kind);
}

/* What an item of the list is that does not say it itself. */
static Header item_header(Objects *o, Header list)
{
	size_t n = strlen(list.kind);

	if (kinds_is_list(list.kind))
		n -= strlen("List");
	return (Header){list.version, n ? arena_strndup(o->reader->arena, list.kind, n) : NULL};
}

static void read_list(Objects *o, const Node *list, Header header)
{
	const Node *items = node_field(o->reader, list, "items", NODE_LIST);
	Header defaults = item_header(o, header);

	if (!o->source->list.line)
		o->source->list = list->origin;
	if (!node_has(list, "items"))
		DIAG_ERROR(o->reader->diags, list->origin, "required", "has the export failed?",
			"%s without items", header.kind);
	else if (node_count(items) == 0)
		empty_list_note(o->source, list->origin);
	check_page(o, list, header.kind);
	for (size_t i = 0; i < node_count(items); i++) {
		const Node *item = items->items.at[i];
		Header own;

		if (!node_expect(o->reader, item, NODE_MAP, "an item of the list"))
			continue;
		own = read_header(o, item);
		read_object(o, item, own.version || own.kind ? own : defaults);
	}
}

/* ---- What is no policy ---- */
static void report_no_kind(Objects *o, const Node *node)
{
	if (node_get(node, "type") && node_get(node, "object"))
		DIAG_ERROR(o->reader->diags, node->origin, "watch-event",
			"export objects: kubectl get -o json, without --output-watch-events",
			"a watch event (type, object): it describes a change, not the current "
			"objects");
	else
		DIAG_ERROR(o->reader->diags, node->origin, "required",
			"is this a Kubernetes manifest?", "kind: Required value");
}

/* Of the field; of an item that has it from its list: of the item. */
static Origin origin_of(const Node *node, const char *key)
{
	const Node *value = node_get(node, key);

	return value ? value->origin : node->origin;
}

static void report_error(Objects *o, const Node *node, Header header, ObjectClass class)
{
	Diags *diags = o->reader->diags;

	if (class == OBJECT_NO_VERSION)
		DIAG_ERROR(diags, node->origin, "required",
			"write apiVersion: networking.k8s.io/v1", "apiVersion: Required value");
	else if (class == OBJECT_UNKNOWN_VERSION)
		DIAG_ERROR(diags, origin_of(node, "apiVersion"), "unknown-version",
			"did you mean \"networking.k8s.io/v1\"?",
			"NetworkPolicy of apiVersion \"%s\": netpol reads " READ_VERSIONS,
			header.version);
	else if (class == OBJECT_MISSPELT)
		DIAG_ERROR(diags, origin_of(node, "kind"), "unknown-kind",
			arena_printf(o->reader->arena, "did you mean \"%s\"?",
				kinds_nearest(header.kind)),
			"unknown kind \"%s\"", header.kind);
	else if (class == OBJECT_UNKNOWN_KIND)
		DIAG_ERROR(diags, origin_of(node, "kind"), "unknown-kind",
			"its policies are of kind NetworkPolicy",
			"networking.k8s.io/v1 has no kind \"%s\"", header.kind);
	else
		DIAG_ERROR(diags, node->origin, "failed-export",
			"export the objects: kubectl get networkpolicy -A -o yaml", "%s: %s",
			header.kind, kinds_failed_export(header.kind));
}

static void skip_object(Objects *o, const Node *node, Header header, ObjectClass class)
{
	Diags *diags = o->reader->diags;

	if (class == OBJECT_NOT_ENFORCED)
		DIAG_WARNING(diags, node->origin, "not-enforced",
			"netpol enforces NetworkPolicy of " READ_VERSIONS,
			"%s of apiVersion \"%s\" is NOT enforced", header.kind,
			header.version ? header.version : "");
	else if (class == OBJECT_KUSTOMIZATION)
		diag_add(diags, SEVERITY_NOTE, node->origin, "skipped",
			"kubectl kustomize prints the manifests that it stands for",
			"Kustomization is skipped: it is no NetworkPolicy");
	else
		diag_add(diags, SEVERITY_NOTE, node->origin, "skipped", NULL,
			"%s is skipped: it is no NetworkPolicy", header.kind);
}

/* ---- Objects ---- */
/* A list of objects of some other kind, e.g. a PodList. */
static bool is_other_list(Header header)
{
	return header.kind && kinds_classify(header.version, header.kind) == OBJECT_LIST &&
	       strcmp(header.kind, "NetworkPolicyList") != 0 && strcmp(header.kind, "List") != 0;
}

static bool has_items(const Node *node)
{
	const Node *items = node_get(node, "items");

	return items && items->kind == NODE_LIST && items->items.n > 0;
}

/* Any object with items is a list. List and NetworkPolicyList must have them. */
static bool is_list(const Node *node, Header header, ObjectClass class)
{
	return (class == OBJECT_LIST && (node_has(node, "items") || !is_other_list(header))) ||
	       (class >= OBJECT_NOT_ENFORCED && has_items(node));
}

/* header: the object's own, or that of an item of its list. */
static void read_object(Objects *o, const Node *node, Header header)
{
	ObjectClass class;

	if (!header.kind) {
		report_no_kind(o, node);
		return;
	}
	class = kinds_classify(header.version, header.kind);
	if (class == OBJECT_POLICY)
		manifest_read_policy(o->source, o->reader, node);
	else if (is_list(node, header, class))
		read_list(o, node, header);
	else if (class == OBJECT_LIST || class >= OBJECT_NOT_ENFORCED)
		skip_object(o, node, header, class);
	else
		report_error(o, node, header, class);
}

/* ---- Documents ---- */
/* A kustomization.yaml need not have apiVersion and kind. */
static bool is_kustomization(const Objects *o, const Node *node)
{
	const char *slash = strrchr(o->source->file, '/');
	const char *name = slash ? slash + 1 : o->source->file;

	return (strcmp(name, "kustomization.yaml") == 0 ||
		       strcmp(name, "kustomization.yml") == 0) &&
	       !node_get(node, "kind") && !node_get(node, "apiVersion");
}

static void read_document(Objects *o, const Node *node)
{
	Header header;

	if (!node_expect(o->reader, node, NODE_MAP, "a manifest"))
		return;
	header = read_header(o, node);
	if (is_kustomization(o, node)) {
		skip_object(o, node, header, OBJECT_KUSTOMIZATION);
		return;
	}
	if (!o->other_list && is_other_list(header)) {
		o->other_list = node;
		o->other_list_kind = header.kind;
	}
	read_object(o, node, header);
}

/* Among policies such a list is skipped, as other objects are. Alone it is a wrong file. */
static void check_other_list(Objects *o)
{
	if (o->other_list && o->source->policies.n == 0)
		DIAG_ERROR(o->reader->diags, o->other_list->origin, PARSE_CODE_OTHER_LIST,
			"a NetworkPolicyList or a List was meant?",
			"%s: there is no NetworkPolicy in this file", o->other_list_kind);
}

/*
 * An editor, or a script whose output was lost, leaves nothing at all. Comments alone were written
 * by somebody. A null that is not written has no text: then all that may be there is comments.
 */
static void check_empty(Source *source, const Documents *documents, const char *text)
{
	bool has_null = false;

	for (size_t i = 0; i < documents->n; i++) {
		if (documents->at[i]->kind != NODE_NULL)
			return;
		has_null |= *documents->at[i]->text != '\0';
	}
	if (has_null || !strchr(text, '#'))
		empty_file_report(source, SOURCE_POLICIES);
}

static void read_documents(Objects *o, const Documents *documents)
{
	for (size_t i = 0; i < documents->n; i++)
		if (documents->at[i]->kind != NODE_NULL) /* nothing between two "---" */
			read_document(o, documents->at[i]);
	check_other_list(o);
}

/*
 * After a syntax error: wrong indentation often causes it, so the unknown fields before it are
 * reported too. Other errors are not, as the tree ends at the syntax error: a field that seems
 * missing may come after it.
 */
static void report_unknown_fields(Source *source, const Documents *documents)
{
	Diags diags = {.arena = source->arena};
	Reader reader = {source->arena, &diags};

	read_documents(&(Objects){.source = source, .reader = &reader}, documents);
	for (size_t i = 0; i < diags.list.n; i++) {
		const Diag *diag = &diags.list.at[i];

		if (strcmp(diag->code, "unknown-field") == 0)
			DIAG_ERROR(&source->diags, diag->origin, diag->code, diag->hint, "%s",
				diag->message);
	}
}

void objects_read(Source *source, const char *text, size_t n)
{
	Reader reader = {source->arena, &source->diags};
	Documents documents = {};

	if (documents_read(&reader, source->file, text, n, &documents)) {
		read_documents(&(Objects){.source = source, .reader = &reader}, &documents);
		check_empty(source, &documents, text);
	} else {
		report_unknown_fields(source, &documents);
	}
	template_hint(&source->diags, text);
}
