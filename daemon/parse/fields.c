/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fields that both policy formats share: see fields.h. Functions of Kubernetes are cited where
 * this code follows them; "validation." is pkg/apis/networking/validation/validation.go,
 * "defaults." pkg/apis/networking/v1/defaults.go.
 */
#include "fields.h"
#include "validate.h"
#include <string.h>

#define PORT_WORDS "must be between 1 and 65535, inclusive"

/* IsValidPortNum (apimachinery, pkg/util/validation). */
static bool check_port_number(Reader *reader, const Node *node, const char *what)
{
	assert(node->kind == NODE_INT);
	if (node->number >= 1 && node->number <= 65535)
		return true;
	DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
		"%s: Invalid value: %lld: " PORT_WORDS, what, node->number);
	return false;
}

static bool read_protocol(Reader *reader, const Node *node, Port *port)
{
	static const char *const known[] = {"TCP", "UDP", "SCTP", NULL};

	port->protocol = PROTOCOL_TCP; /* defaults.SetDefaults_NetworkPolicyPort */
	if (!node)
		return true;
	if (!node_expect(reader, node, NODE_STRING, "protocol"))
		return false;
	if (protocol_parse(node->text, &port->protocol))
		return true;
	DIAG_ERROR(reader->diags, node->origin, "invalid-value",
		node_nearest_hint(reader, node->text, known),
		"protocol: Unsupported value: \"%s\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
		node->text);
	return false;
}

static bool read_port_name(Reader *reader, const Node *port, Port *ret_port)
{
	const char *error = validate_port_name(port->text);
	bool is_digits = *port->text && port->text[strspn(port->text, "0123456789")] == '\0';

	if (error) {
		DIAG_ERROR(reader->diags, port->origin, "invalid-value",
			is_digits ? "a port number is written without quotes" : NULL,
			"port: Invalid value: \"%s\": %s", port->text, error);
		return false;
	}
	ret_port->kind = PORT_NAME;
	ret_port->name = port->text;
	return true;
}

static bool read_port_number(Reader *reader, const Node *port, Port *ret_port)
{
	if (port->kind == NODE_BOOL) { /* the unquoted name y */
		DIAG_ERROR(reader->diags, port->origin, "wrong-type", "write a name in quotes",
			"port: expected a whole number or a name, found a boolean");
		return false;
	}
	if (!node_expect(reader, port, NODE_INT, "port") ||
		!check_port_number(reader, port, "port"))
		return false;
	ret_port->kind = PORT_RANGE;
	ret_port->first = ret_port->last = (uint16_t)port->number;
	return true;
}

/* endPort, validation.ValidateNetworkPolicyPort. port: the node of `port`, or NULL. */
static bool read_end_port(
	Reader *reader, const Node *port, const Node *end, const char *key, Port *ret_port)
{
	const char *error = !port ? "may not be specified when `port` is not specified"
			    : port->kind == NODE_STRING
				    ? "may not be specified when `port` is non-numeric"
			    : end->kind == NODE_INT && end->number < ret_port->first
				    ? "must be greater than or equal to `port`"
				    : NULL;

	if (!node_expect(reader, end, NODE_INT, key))
		return false;
	if (error) {
		DIAG_ERROR(reader->diags, end->origin, "invalid-value", NULL,
			"%s: Invalid value: %lld: %s", key, end->number, error);
		return false;
	}
	if (!check_port_number(reader, end, key))
		return false;
	ret_port->last = (uint16_t)end->number;
	return true;
}

/* One item of `ports`: validation.ValidateNetworkPolicyPort. */
static void read_port(Reader *reader, const Node *node, const Dialect *dialect, Rule *rule)
{
	Port result = {.kind = PORT_ALL};
	const Node *port, *end;

	if (!node_expect(reader, node, NODE_MAP, "a port"))
		return;
	node_check_keys(reader, node, dialect->port);
	port = node_get(node, "port");
	end = node_get(node, dialect->end_port);
	if (!read_protocol(reader, node_get(node, "protocol"), &result))
		return;
	if (port && port->kind == NODE_STRING) {
		if (!read_port_name(reader, port, &result))
			return;
	} else if (port && !read_port_number(reader, port, &result)) {
		return;
	}
	if (end && !read_end_port(reader, port, end, dialect->end_port, &result))
		return;
	VEC_PUSH(reader->arena, &rule->ports, result);
}

/*
 * A rule. NetworkPolicyIngressRule and NetworkPolicyEgressRule of the API: an absent or empty
 * from/to matches every peer, absent or empty ports match every port and protocol.
 */
static void read_rule(Reader *reader, const Node *node, Direction direction, const Dialect *dialect,
	Policy *policy)
{
	Rule rule = {.origin = node->origin};
	const Node *peers, *ports;

	if (node->kind == NODE_NULL) { /* everybody, to the API server */
		DIAG_ERROR(reader->diags, node->origin, "wrong-type",
			"is something missing here? a rule for everybody is {}",
			"a rule: expected a map, found null");
		return;
	}
	if (!node_expect(reader, node, NODE_MAP, "a rule"))
		return;
	node_check_keys(reader, node, dialect->rule[direction]);
	peers = node_field(reader, node, direction == INGRESS ? "from" : "to", NODE_LIST);
	ports = node_field(reader, node, "ports", NODE_LIST);
	rule.is_any_peer = node_count(peers) == 0;
	rule.is_any_port = node_count(ports) == 0;
	for (size_t i = 0; i < node_count(peers); i++)
		dialect->read_peer(reader, peers->items.at[i], &rule);
	for (size_t i = 0; i < node_count(ports); i++)
		read_port(reader, ports->items.at[i], dialect, &rule);
	VEC_PUSH(reader->arena, &policy->rules[direction], rule);
}

void fields_read_rules(Reader *reader, const Node *map, const Dialect *dialect, Policy *policy)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		const Node *rules = node_field(reader, map, direction_text(d), NODE_LIST);

		for (size_t i = 0; i < node_count(rules); i++)
			read_rule(reader, rules->items.at[i], d, dialect, policy);
	}
}

/* range_text, but with the prefix length of a single address, too. */
static const char *cidr_text(Reader *reader, Range range)
{
	char text[ADDRESS_TEXT_SIZE];

	return arena_printf(reader->arena, "%s/%d",
		address_text((Address){range.first, range.family}, text), range_prefix(range));
}

/* The CIDR as it was probably meant: without bits beyond its prefix, leading zeros, mapping. */
static const char *cidr_hint(Reader *reader, const char *text)
{
	Range range;

	return range_parse_legacy_cidr(text, &range)
		       ? arena_printf(
				 reader->arena, "did you mean \"%s\"?", cidr_text(reader, range))
		       : NULL;
}

bool fields_read_cidr(Reader *reader, const Node *node, const char *what, Range *ret_range)
{
	const char *error;

	if (!node_expect(reader, node, NODE_STRING, what))
		return false;
	error = range_parse_cidr(node->text, ret_range);
	if (!error)
		return true;
	DIAG_ERROR(reader->diags, node->origin, "invalid-cidr", cidr_hint(reader, node->text),
		"%s: Invalid value: \"%s\": must be a valid CIDR: %s", what, node->text, error);
	return false;
}

/* "10.1.2.3/8" may have been meant for a network or for an address. */
static const char *legacy_hint(Reader *reader, const char *text, Range range)
{
	const char *canonical = cidr_text(reader, range);
	char *head = arena_strdup(reader->arena, text);
	Address address;

	head[strcspn(head, "/")] = '\0';
	if (!address_parse(head, &address) || address_is_mapped(address) ||
		address.value == range.first)
		return arena_printf(reader->arena, "write \"%s\"", canonical);
	return arena_printf(reader->arena,
		"write \"%s\", or \"%s/%d\" if only that address is meant", canonical, head,
		address.family == FAMILY_IPV4 ? 32 : 128);
}

/*
 * A CIDR of a policy. One that API servers take before 1.36 and refuse since (the feature gate
 * StrictIPCIDRValidation) is in many exports, and means what those servers take it for.
 */
static bool read_policy_cidr(Reader *reader, const Node *node, const char *what, Range *ret_range)
{
	const char *error;

	if (!node_expect(reader, node, NODE_STRING, what))
		return false;
	error = range_parse_cidr(node->text, ret_range);
	if (!error || !range_parse_legacy_cidr(node->text, ret_range))
		return fields_read_cidr(reader, node, what, ret_range);
	DIAG_WARNING(reader->diags, node->origin, PARSE_CODE_LEGACY_CIDR,
		legacy_hint(reader, node->text, *ret_range),
		"%s: \"%s\" is read as \"%s\"; API servers since 1.36 refuse it: %s", what,
		node->text, cidr_text(reader, *ret_range), error);
	return true;
}

/* Of a CIDR that was read: the prefix length as it is written. */
static long written_prefix(const Node *node)
{
	const char *slash = strchr(node->text, '/');

	assert(slash);
	return strtol(slash + 1, NULL, 10);
}

/*
 * validation.ValidateIPBlock: the except begins in the cidr, and has the longer prefix. It compares
 * prefix lengths as they are written, so an IPv4-mapped except may reach beyond an IPv4 cidr: then
 * nothing is left of the block.
 */
static bool is_strict_subset(const Node *item, Range range, const Node *cidr, Range block)
{
	return range.family == block.family && range_has(block, range.first) &&
	       written_prefix(item) > written_prefix(cidr);
}

static const char *except_hint(Range range, Range block)
{
	bool is_subset = range_is_within(range, block) && !range_is_equal(range, block);

	return is_subset ? "write both as IPv4" : NULL;
}

/* Each except is a strict subset of the cidr. */
static bool read_except(Reader *reader, const Node *except, const Node *cidr, Block *block)
{
	for (size_t i = 0; i < node_count(except); i++) {
		const Node *item = except->items.at[i];
		Range range;

		if (!read_policy_cidr(reader, item, "except", &range))
			return false;
		if (!is_strict_subset(item, range, cidr, block->range)) {
			DIAG_ERROR(reader->diags, item->origin, "invalid-cidr",
				except_hint(range, block->range),
				"except: Invalid value: \"%s\": must be a strict subset of `cidr` "
				"(\"%s\")",
				item->text, cidr->text);
			return false;
		}
		VEC_PUSH(reader->arena, &block->except, range);
	}
	return true;
}

bool fields_read_block(
	Reader *reader, Origin origin, const Node *cidr, const Node *except, Peer *ret_peer)
{
	Block *block = ARENA_NEW(reader->arena, Block);

	if (!cidr) {
		DIAG_ERROR(reader->diags, origin, "required", NULL, "cidr: Required value");
		return false;
	}
	if (!read_policy_cidr(reader, cidr, "cidr", &block->range))
		return false;
	if (except && !node_expect(reader, except, NODE_LIST, "except"))
		return false;
	if (!read_except(reader, except, cidr, block))
		return false;
	*ret_peer = (Peer){.kind = PEER_BLOCK, .origin = origin, .block = block};
	return true;
}

static void read_type(Reader *reader, const Node *node, const char *key, Policy *policy)
{
	static const char *const known[] = {"Ingress", "Egress", NULL};

	if (!node_expect(reader, node, NODE_STRING, key))
		return;
	for (Direction i = INGRESS; i < DIRECTION_N; i++) {
		if (strcmp(node->text, known[i]) == 0) {
			policy->isolates[i] = true;
			return;
		}
	}
	DIAG_ERROR(reader->diags, node->origin, "invalid-value",
		node_nearest_hint(reader, node->text, known),
		"%s: Unsupported value: \"%s\": supported values: \"Ingress\", \"Egress\"", key,
		node->text);
}

/* defaults.SetDefaults_NetworkPolicy and validation.ValidateNetworkPolicySpec. */
void fields_read_types(Reader *reader, const Node *types, const char *key, Policy *policy)
{
	if (types && !node_expect(reader, types, NODE_LIST, key))
		return;
	if (node_count(types) > DIRECTION_N)
		DIAG_ERROR(reader->diags, types->origin, "invalid-value", NULL,
			"%s: may not specify more than two policyTypes", key);
	for (size_t i = 0; i < node_count(types); i++)
		read_type(reader, types->items.at[i], key, policy);
	if (node_count(types) == 0) {
		policy->isolates[INGRESS] = true;
		policy->isolates[EGRESS] = policy->rules[EGRESS].n > 0;
	}
}

/*
 * A field whose text validate() accepts; NULL: absent or empty, which is the same to the API. After
 * an error the text, too: other errors name it.
 */
static const char *read_name(
	Reader *reader, const Node *map, const char *key, const char *(*validate)(const char *))
{
	const Node *node = node_field(reader, map, key, NODE_STRING);
	const char *error = node && *node->text ? validate(node->text) : NULL;

	if (error)
		DIAG_ERROR(reader->diags, node->origin, "invalid-value", NULL,
			"%s: Invalid value: \"%s\": %s", key, node->text, error);
	return node && *node->text ? node->text : NULL;
}

void fields_read_names(Reader *reader, const Node *map, const char *namespace_key, Policy *policy)
{
	policy->name = read_name(reader, map, "name", validate_subdomain);
	policy->namespace = read_name(reader, map, namespace_key, validate_label);
	if (node_is_empty(node_get(map, "name")))
		DIAG_ERROR(reader->diags, map ? map->origin : policy->origin, "required", NULL,
			"name: Required value: name is required");
	if (!policy->name)
		policy->name = "";
	if (!policy->namespace)
		policy->namespace = "default";
}
