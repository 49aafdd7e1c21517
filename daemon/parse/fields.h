/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * fields: what manifests and libconfig policies have in common: rules, ports, blocks, types and
 * names, with the API server's defaults and validation. Each format has a Dialect for the rest: how
 * keys are spelled, and how a peer is written. settings.c uses fields_read_cidr for its CIDRs.
 *
 * An invalid field is an error in the reader's diags and is left out of the policy; reading goes
 * on, to report the file's other errors as well. The policy of a file with an error is never used.
 */
#include "node.h"

typedef struct Dialect {
	const Schema *rule[DIRECTION_N], *port;
	const char *end_port; /* "endPort", "end_port" */
	/* Appends the peer to rule->peers; the node may be of any kind. */
	void (*read_peer)(Reader *reader, const Node *node, Rule *rule);
} Dialect;

/* The lists `ingress` and `egress` of the map, into policy->rules. */
void fields_read_rules(Reader *reader, const Node *map, const Dialect *dialect, Policy *policy);
/* cidr and except, either of which may be NULL. origin: of the peer. False after an error. */
bool fields_read_block(
	Reader *reader, Origin origin, const Node *cidr, const Node *except, Peer *ret_peer);
/* One CIDR; `what` is the field's name. False after an error. */
bool fields_read_cidr(Reader *reader, const Node *node, const char *what, Range *ret_range);
/*
 * Reads policyTypes (`types`; NULL: absent) into policy->isolates. `key` is its name in errors. If
 * it is absent or empty: Ingress, and Egress if the policy has egress rules. So call this after
 * fields_read_rules.
 */
void fields_read_types(Reader *reader, const Node *types, const char *key, Policy *policy);
/* Reads the required name, and the namespace ("default" if absent). map: may be NULL, an error. */
void fields_read_names(Reader *reader, const Node *map, const char *namespace_key, Policy *policy);
