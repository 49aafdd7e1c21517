#pragma once
/*
 * fields: what manifests and libconfig policies have in common: ports, blocks, types, names, with
 * the API server's defaulting and validation (pkg/apis/networking/validation). Private to the room.
 */
#include "node.h"

/* How the two formats differ: names of keys, and how a peer is written. */
typedef struct Dialect {
	const Schema *rule[DIRECTION_N], *port;
	const char *end_port;
	void (*read_peer)(Reader *reader, const Node *node, Rule *rule);
} Dialect;

/* The map's ingress and egress: from/to and ports of each rule, absent and empty as the API has it.
 */
void fields_rules(Reader *reader, const Node *map, const Dialect *dialect, Policy *policy);
/* cidr and except. False after an error. */
bool fields_block(
	Reader *reader, Origin origin, const Node *cidr, const Node *except, Peer *ret_peer);
bool fields_cidr(Reader *reader, const Node *node, const char *what, Range *ret_range);
/* policyTypes with its defaulting: absent or empty: Ingress, and Egress if it has egress rules. */
void fields_types(Reader *reader, const Node *types, const char *key, Policy *policy);
/* name and namespace (absent: "default") of a policy. */
void fields_names(Reader *reader, const Node *map, const char *namespace_key, Policy *policy);
