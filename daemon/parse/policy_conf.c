/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies in libconfig syntax: see policy_conf.h. */
#include "policy_conf.h"
#include "conf_tree.h"
#include "fields.h"
#include <string.h>

static const Schema PEER_SCHEMA = {
	(const Field[]){{.key = "cidr"}, {.key = "except", .is_list = true}, {.key = "cidr_set"},
		{.key = "namespaces"}, {.key = "pods"}, {}}};
static const Schema PORT_SCHEMA = {
	(const Field[]){{.key = "protocol"}, {.key = "port"}, {.key = "end_port"}, {}}};
static const Schema RULE_SCHEMA[DIRECTION_N] = {
	{(const Field[]){{.key = "from", .child = &PEER_SCHEMA, .is_list = true},
		{.key = "ports", .child = &PORT_SCHEMA, .is_list = true}, {}}},
	{(const Field[]){{.key = "to", .child = &PEER_SCHEMA, .is_list = true},
		{.key = "ports", .child = &PORT_SCHEMA, .is_list = true}, {}}}};
static const Schema POLICY_SCHEMA = {(const Field[]){{.key = "name"}, {.key = "namespace"},
	{.key = "audit"}, {.key = "pods"}, {.key = "types", .is_list = true},
	{.key = "ingress", .child = &RULE_SCHEMA[INGRESS], .is_list = true},
	{.key = "egress", .child = &RULE_SCHEMA[EGRESS], .is_list = true}, {}}};
static const Schema SET_SCHEMA = {
	(const Field[]){{.key = "name"}, {.key = "cidrs", .is_list = true}, {}}};
static const Schema FILE_SCHEMA = {
	(const Field[]){{.key = "policies", .child = &POLICY_SCHEMA, .is_list = true},
		{.key = "cidr_sets", .child = &SET_SCHEMA, .is_list = true}, {}}};

/* NULL if the key is absent. Not NULL after a syntax error, so that the peer is complete. */
static const Selector *read_selector(Reader *reader, const Node *map, const char *key)
{
	const Node *node = node_field(reader, map, key, NODE_STRING);
	Selector *selector;
	const char *error;
	size_t at = 0;

	if (!node)
		return NULL;
	selector = ARENA_NEW(reader->arena, Selector);
	error = selector_parse(reader->arena, node->text, selector, &at);
	if (error)
		DIAG_ERROR(reader->diags, node->origin, "invalid-selector", NULL,
			"%s = \"%s\": %s, at character %zu", key, node->text, error, at + 1);
	return selector;
}

/* What is wrong with the combination of keys of a peer, or NULL. */
static const char *peer_keys_error(const Node *node)
{
	bool has_block = node_has(node, "cidr"), has_set = node_has(node, "cidr_set");
	bool has_pods = node_has(node, "pods") || node_has(node, "namespaces");

	if (has_block + has_set + has_pods > 1)
		return "may not specify both cidr, cidr_set and another peer in one entry";
	if (has_block + has_set + has_pods == 0)
		return "must specify a peer";
	if (node_has(node, "except") && !has_block)
		return "except belongs to a cidr";
	return NULL;
}

static void read_peer(Reader *reader, const Node *node, Rule *rule)
{
	Peer peer = {.kind = PEER_PODS, .origin = node->origin};
	const char *error;

	if (!node_expect(reader, node, NODE_MAP, "a peer"))
		return;
	node_check_keys(reader, node, &PEER_SCHEMA);
	error = peer_keys_error(node);
	if (error) {
		DIAG_ERROR(reader->diags, node->origin, "invalid-peer",
			"entries of the list are OR; keys of one entry are AND", "%s", error);
		return;
	}
	if (node_has(node, "cidr")) {
		if (!fields_read_block(reader, node->origin, node_get(node, "cidr"),
			    node_get(node, "except"), &peer))
			return;
	} else if (node_has(node, "cidr_set")) {
		peer.kind = PEER_SET;
		peer.set = node_field_text(reader, node, "cidr_set");
		if (!peer.set)
			return;
	} else {
		peer.namespaces = read_selector(reader, node, "namespaces");
		peer.pods = read_selector(reader, node, "pods");
	}
	VEC_PUSH(reader->arena, &rule->peers, peer);
}

static const Dialect DIALECT = {.rule = {&RULE_SCHEMA[INGRESS], &RULE_SCHEMA[EGRESS]},
	.port = &PORT_SCHEMA,
	.end_port = "end_port",
	.read_peer = read_peer};

static void read_policy(Source *source, Reader *reader, const Node *node)
{
	Policy *policy = ARENA_NEW(reader->arena, Policy);
	const Selector *pods;
	const Node *audit;

	if (!node_expect(reader, node, NODE_MAP, "a policy"))
		return;
	policy->origin = node->origin;
	node_check_keys(reader, node, &POLICY_SCHEMA);
	fields_read_names(reader, node, "namespace", policy);
	audit = node_field(reader, node, "audit", NODE_BOOL);
	policy->is_audit = audit && audit->truth;
	pods = read_selector(reader, node, "pods");
	if (pods)
		policy->pods = *pods;
	fields_read_rules(reader, node, &DIALECT, policy);
	fields_read_types(reader, node_get(node, "types"), "types", policy);
	VEC_PUSH(reader->arena, &source->policies, policy);
}

/* A set without a valid name is left out: nothing could refer to it. */
static void read_set(Source *source, Reader *reader, const Node *node)
{
	CidrSet *set = ARENA_NEW(reader->arena, CidrSet);
	const Node *cidrs;

	if (!node_expect(reader, node, NODE_MAP, "a cidr_set"))
		return;
	node_check_keys(reader, node, &SET_SCHEMA);
	set->origin = node->origin;
	set->name = node_field_text(reader, node, "name");
	if (!set->name && !node_get(node, "name"))
		DIAG_ERROR(reader->diags, node->origin, "required", NULL, "name: Required value");
	cidrs = node_field(reader, node, "cidrs", NODE_LIST);
	for (size_t i = 0; i < node_count(cidrs); i++) {
		Range range;

		if (fields_read_cidr(reader, cidrs->items.at[i], "cidrs", &range))
			VEC_PUSH(reader->arena, &set->ranges, range);
	}
	ranges_normalise(&set->ranges);
	if (set->name)
		VEC_PUSH(reader->arena, &source->sets, set);
}

void policy_conf_read(Source *source, const char *text)
{
	Reader reader = {source->arena, &source->diags};
	const Node *root = conf_tree_read(&reader, source->file, text), *policies, *sets;

	if (!root)
		return;
	node_check_keys(&reader, root, &FILE_SCHEMA);
	sets = node_field(&reader, root, "cidr_sets", NODE_LIST);
	policies = node_field(&reader, root, "policies", NODE_LIST);
	for (size_t i = 0; i < node_count(sets); i++)
		read_set(source, &reader, sets->items.at[i]);
	for (size_t i = 0; i < node_count(policies); i++)
		read_policy(source, &reader, policies->items.at[i]);
}
