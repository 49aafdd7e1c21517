/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NetworkPolicies: see manifest.h. The order is the API server's: known fields and types
 * (decoding), defaults, validation. Functions of Kubernetes are cited where this code follows them;
 * "validation." is pkg/apis/networking/validation/validation.go, "metav1." is
 * apimachinery/pkg/apis/meta/v1/validation.
 */
#include "manifest.h"
#include "fields.h"
#include "metadata.h"
#include <string.h>

/* ---- The fields of the API (k8s.io/api/networking/v1/types.go, apimachinery ObjectMeta) ---- */
static const Schema EXPRESSION_SCHEMA = {(const Field[]){
	{.key = "key"}, {.key = "operator"}, {.key = "values", .is_list = true}, {}}};
static const Schema SELECTOR_SCHEMA = {(const Field[]){{.key = "matchLabels", .is_labels = true},
	{.key = "matchExpressions", .child = &EXPRESSION_SCHEMA, .is_list = true}, {}}};
static const Schema BLOCK_SCHEMA = {
	(const Field[]){{.key = "cidr"}, {.key = "except", .is_list = true}, {}}};
static const Schema PEER_SCHEMA = {(const Field[]){{.key = "ipBlock", .child = &BLOCK_SCHEMA},
	{.key = "namespaceSelector", .child = &SELECTOR_SCHEMA},
	{.key = "podSelector", .child = &SELECTOR_SCHEMA}, {}}};
static const Schema PORT_SCHEMA = {
	(const Field[]){{.key = "protocol"}, {.key = "port"}, {.key = "endPort"}, {}}};
static const Schema RULE_SCHEMA[DIRECTION_N] = {
	{(const Field[]){{.key = "from", .child = &PEER_SCHEMA, .is_list = true},
		{.key = "ports", .child = &PORT_SCHEMA, .is_list = true}, {}}},
	{(const Field[]){{.key = "to", .child = &PEER_SCHEMA, .is_list = true},
		{.key = "ports", .child = &PORT_SCHEMA, .is_list = true}, {}}}};
static const Schema SPEC_SCHEMA = {(const Field[]){
	{.key = "podSelector", .child = &SELECTOR_SCHEMA}, {.key = "policyTypes", .is_list = true},
	{.key = "ingress", .child = &RULE_SCHEMA[INGRESS], .is_list = true},
	{.key = "egress", .child = &RULE_SCHEMA[EGRESS], .is_list = true}, {}}};
static const Schema METADATA_SCHEMA = {(const Field[]){{.key = "name"}, {.key = "generateName"},
	{.key = "namespace"}, {.key = "selfLink"}, {.key = "uid"}, {.key = "resourceVersion"},
	{.key = "generation"}, {.key = "creationTimestamp"}, {.key = "deletionTimestamp"},
	{.key = "deletionGracePeriodSeconds"}, {.key = "labels"}, {.key = "annotations"},
	{.key = "ownerReferences"}, {.key = "finalizers"}, {.key = "managedFields"},
	{.key = "clusterName"}, {}}};
static const Schema POLICY_SCHEMA = {(const Field[]){{.key = "apiVersion"}, {.key = "kind"},
	{.key = "metadata", .child = &METADATA_SCHEMA}, {.key = "spec", .child = &SPEC_SCHEMA},
	{.key = "status"}, {}}};

/* ---- Selectors ---- */
static const char *string_of(Reader *reader, const Node *node, const char *what)
{
	return node_expect(reader, node, NODE_STRING, what) ? node->text : NULL;
}

static void check_label(
	Reader *reader, Origin origin, const char *what, const char *text, const char *error)
{
	if (error)
		DIAG_ERROR(reader->diags, origin, "invalid-label", NULL,
			"%s: Invalid value: \"%s\": %s", what, text, error);
}

/* matchLabels (metav1.ValidateLabelSelector), each of which means `key in (value)`. */
static void read_match_labels(Reader *reader, const Node *labels, Selector *selector)
{
	for (size_t i = 0; labels && i < labels->pairs.n; i++) {
		const Pair *pair = &labels->pairs.at[i];
		Requirement requirement = {.key = pair->key, .op = OPERATOR_IN};
		/* the API's decoder makes an empty string of a null value */
		const char *value = pair->value->kind == NODE_NULL
					    ? ""
					    : string_of(reader, pair->value, pair->key);

		if (!value)
			continue;
		if (pair->read_as)
			DIAG_ERROR(reader->diags, pair->origin, "unquoted-key",
				node_key_hint(reader->arena, pair), "%s",
				node_key_error(reader->arena, pair, "matchLabels"));
		else
			check_label(reader, pair->origin, "matchLabels", pair->key,
				label_key_error(pair->key));
		check_label(reader, pair->value->origin, "matchLabels", value,
			label_value_error(value));
		VEC_PUSH(reader->arena, &requirement.values, value);
		selector_add(reader->arena, selector, requirement);
	}
}

static bool read_operator(Reader *reader, const Node *node, Operator *ret_operator)
{
	static const char *const names[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

	for (size_t i = 0; node && names[i]; i++) {
		if (strcmp(node->text, names[i]) == 0) {
			*ret_operator = (Operator)i;
			return true;
		}
	}
	if (!node)
		return false;
	DIAG_ERROR(reader->diags, node->origin, "invalid-value",
		node_nearest_hint(reader, node->text, names),
		"operator: Invalid value: \"%s\": not a valid selector operator", node->text);
	return false;
}

/* metav1.ValidateLabelSelectorRequirement */
static void check_value_count(Reader *reader, const Node *node, const Requirement *requirement)
{
	bool wants_values = requirement->op == OPERATOR_IN || requirement->op == OPERATOR_NOT_IN;

	if (wants_values && requirement->values.n == 0)
		DIAG_ERROR(reader->diags, node->origin, "required", NULL,
			"values: Required value: must be specified when `operator` is 'In' or "
			"'NotIn'");
	if (!wants_values && requirement->values.n > 0)
		DIAG_ERROR(reader->diags, node->origin, "forbidden", NULL,
			"values: Forbidden: may not be specified when `operator` is 'Exists' or "
			"'DoesNotExist'");
}

static void read_expression(Reader *reader, const Node *node, Selector *selector)
{
	Requirement requirement = {};
	const Node *key, *op, *values;
	size_t errors = reader->diags->n_errors;

	if (!node_expect(reader, node, NODE_MAP, "matchExpressions"))
		return;
	node_check_keys(reader, node, &EXPRESSION_SCHEMA);
	key = node_field(reader, node, "key", NODE_STRING);
	op = node_field(reader, node, "operator", NODE_STRING);
	values = node_field(reader, node, "values", NODE_LIST);
	if (!key || !op) {
		if (errors == reader->diags->n_errors)
			DIAG_ERROR(reader->diags, node->origin, "required", NULL,
				"%s: Required value", key ? "operator" : "key");
		return;
	}
	requirement.key = key->text;
	check_label(reader, key->origin, "key", key->text, label_key_error(key->text));
	for (size_t i = 0; i < node_count(values); i++) {
		const char *value = string_of(reader, values->items.at[i], "values");

		if (!value)
			continue;
		check_label(reader, values->items.at[i]->origin, "values", value,
			label_value_error(value));
		VEC_PUSH(reader->arena, &requirement.values, value);
	}
	if (!read_operator(reader, op, &requirement.op))
		return;
	if (errors == reader->diags->n_errors)
		check_value_count(reader, node, &requirement);
	selector_add(reader->arena, selector, requirement);
}

static void read_selector(Reader *reader, const Node *node, const char *what, Selector *selector)
{
	const Node *expressions;

	if (!node_expect(reader, node, NODE_MAP, what) || !node)
		return;
	node_check_keys(reader, node, &SELECTOR_SCHEMA);
	read_match_labels(reader, node_field(reader, node, "matchLabels", NODE_MAP), selector);
	expressions = node_field(reader, node, "matchExpressions", NODE_LIST);
	for (size_t i = 0; i < node_count(expressions); i++)
		read_expression(reader, expressions->items.at[i], selector);
}

/* NULL if the key is absent, which differs from an empty selector. */
static const Selector *read_selector_field(Reader *reader, const Node *peer, const char *key)
{
	const Node *node = node_get(peer, key);
	Selector *selector;

	if (!node)
		return NULL;
	selector = ARENA_NEW(reader->arena, Selector);
	read_selector(reader, node, key, selector);
	return selector;
}

/* ---- Rules ---- */
/* ipBlock, which excludes all other fields of the peer: validation.ValidateNetworkPolicyPeer. */
static bool read_block(Reader *reader, const Node *peer, Peer *ret_peer)
{
	const Node *block = node_field(reader, peer, "ipBlock", NODE_MAP);

	if (!block)
		return false;
	if (node_get(peer, "podSelector") || node_get(peer, "namespaceSelector"))
		DIAG_ERROR(reader->diags, peer->origin, "forbidden",
			"make them two list items: entries of the list are OR",
			"ipBlock: Forbidden: may not specify both ipBlock and another peer");
	node_check_keys(reader, block, &BLOCK_SCHEMA);
	return fields_read_block(reader, block->origin, node_get(block, "cidr"),
		node_get(block, "except"), ret_peer);
}

/* validation.ValidateNetworkPolicyPeer. A null item is an empty peer, as to the API. */
static void read_peer(Reader *reader, const Node *node, Rule *rule)
{
	Peer peer = {.kind = PEER_PODS, .origin = node->origin};
	size_t errors = reader->diags->n_errors;

	if (node->kind != NODE_NULL) {
		if (!node_expect(reader, node, NODE_MAP, "a peer"))
			return;
		node_check_keys(reader, node, &PEER_SCHEMA);
	}
	if (node_get(node, "ipBlock")) {
		if (!read_block(reader, node, &peer))
			return;
	} else {
		peer.namespaces = read_selector_field(reader, node, "namespaceSelector");
		peer.pods = read_selector_field(reader, node, "podSelector");
		if (!peer.namespaces && !peer.pods && errors == reader->diags->n_errors)
			DIAG_ERROR(reader->diags, node->origin, "required",
				"a rule without from/to matches every peer",
				"Required value: must specify a peer");
	}
	VEC_PUSH(reader->arena, &rule->peers, peer);
}

static const Dialect DIALECT = {.rule = {&RULE_SCHEMA[INGRESS], &RULE_SCHEMA[EGRESS]},
	.port = &PORT_SCHEMA,
	.end_port = "endPort",
	.read_peer = read_peer};

/* validation.ValidateNetworkPolicySpec; its policyTypes are read by manifest_read_policy. */
static void read_spec(Reader *reader, const Node *spec, Policy *policy)
{
	if (!spec)
		return;
	node_check_keys(reader, spec, &SPEC_SCHEMA);
	read_selector(reader, node_get(spec, "podSelector"), "podSelector", &policy->pods);
	fields_read_rules(reader, spec, &DIALECT, policy);
}

/* ---- Whether it is enforced ---- */
/* Others of our prefix mean nothing: a misspelt one must not be thought to be a trial. */
static void warn_unknown_annotations(Reader *reader, const Node *annotations)
{
	static const char *const known[] = {POLICY_ENFORCEMENT_ANNOTATION, NULL};

	for (size_t i = 0; i < annotations->pairs.n; i++) {
		const Pair *pair = &annotations->pairs.at[i];

		if (text_has_prefix(pair->key, "netpol/") && strcmp(pair->key, known[0]) != 0)
			DIAG_WARNING(reader->diags, pair->origin, "unknown-annotation",
				node_nearest_hint(reader, pair->key, known),
				"unknown annotation \"%s\": it changes nothing, and the policy is "
				"enforced",
				pair->key);
	}
}

/*
 * Of a value that cannot be read neither meaning is safe: an audited policy would open pods that it
 * isolated until now, an enforced one would cut what its author wants to watch. So it is an error.
 */
static void read_enforcement(Reader *reader, const Node *metadata, Policy *policy)
{
	static const char *const words[] = {"enforce", "audit", NULL};
	static const char what[] = POLICY_ENFORCEMENT_ANNOTATION;
	const Node *annotations = node_get(metadata, "annotations"), *node;
	const char *text, *hint;

	if (!annotations || annotations->kind != NODE_MAP) /* metadata_check() has said it */
		return;
	warn_unknown_annotations(reader, annotations);
	node = node_get(annotations, what);
	if (!node_has(annotations, what) || (node && !node_expect(reader, node, NODE_STRING, what)))
		return;
	text = node ? node->text : ""; /* the API's decoder makes an empty string of null */
	policy->is_audit = strcmp(text, "audit") == 0;
	if (policy->is_audit || strcmp(text, "enforce") == 0)
		return;
	hint = node_nearest_hint(reader, text, words);
	DIAG_ERROR(reader->diags, (node ? node : annotations)->origin, "invalid-value",
		hint ? hint : "\"audit\": what it would refuse is counted and logged, and passes",
		"%s: Unsupported value: \"%s\": supported values: \"enforce\", \"audit\"", what,
		text);
}

/* validation.ValidateNetworkPolicy */
void manifest_read_policy(Source *source, Reader *reader, const Node *node)
{
	Policy *policy = ARENA_NEW(reader->arena, Policy);
	const Node *metadata, *spec;

	policy->origin = node->origin;
	node_check_keys(reader, node, &POLICY_SCHEMA);
	metadata = node_field(reader, node, "metadata", NODE_MAP);
	spec = node_field(reader, node, "spec", NODE_MAP);
	if (metadata) {
		node_check_keys(reader, metadata, &METADATA_SCHEMA);
		metadata_check(reader, metadata);
		read_enforcement(reader, metadata, policy);
	}
	fields_read_names(reader, metadata, "namespace", policy);
	if (node_is_empty(node_get(metadata, "namespace")))
		diag_add(reader->diags, SEVERITY_NOTE, node->origin, "no-namespace",
			"kubectl would take the namespace of its context",
			"no namespace, so it is \"default\"");
	if (!node_get(node, "spec"))
		DIAG_WARNING(reader->diags, node->origin, PARSE_CODE_NO_SPEC, NULL,
			"no spec: this isolates every pod of namespace \"%s\"", policy->namespace);
	read_spec(reader, spec, policy);
	fields_read_types(reader, node_get(spec, "policyTypes"), "policyTypes", policy);
	VEC_PUSH(reader->arena, &source->policies, policy);
}
