/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * NetworkPolicy (networking.k8s.io/v1) after defaulting and validation, and cidr_sets, netpol's own
 * named lists of ranges. The API's fields map to these types as follows:
 *
 *     spec.podSelector               Policy.pods
 *     spec.policyTypes               Policy.isolates
 *     spec.ingress[], spec.egress[]  Policy.rules[INGRESS], [EGRESS]: Rule
 *     from[], to[]                   Rule.peers: Peer
 *     ports[]                        Rule.ports: Port
 */
#include "model/selector.h"

typedef struct Block {
	Range range;
	Ranges except; /* as written: any order; subtracted from this block only */
} Block;

typedef enum PeerKind { PEER_PODS, PEER_BLOCK, PEER_SET } PeerKind;

typedef struct Peer {
	PeerKind kind;
	Origin origin;
	/* PEER_PODS. namespaces NULL: the policy's own namespace. pods NULL: all pods. */
	const Selector *namespaces, *pods;
	const Block *block; /* PEER_BLOCK */
	const char *set;    /* PEER_SET: the name of a cidr_set, see model_cidr_set() */
} Peer;

typedef enum PortKind { PORT_ALL, PORT_RANGE, PORT_NAME } PortKind;

typedef struct Port {
	PortKind kind;
	Protocol protocol;    /* never PROTOCOL_ANY */
	uint16_t first, last; /* PORT_RANGE: both included */
	const char *name;     /* PORT_NAME: a port of the destination pod, see named_port_is() */
} Port;

typedef struct Rule {
	Origin origin;
	bool is_any_peer; /* from/to absent or empty */
	bool is_any_port; /* ports absent or empty: every protocol, ICMP too */
	VEC(Peer) peers;  /* one must match */
	VEC(Port) ports;  /* one must match */
} Rule;

#define POLICY_ENFORCEMENT_ANNOTATION "netpol/enforcement" /* "enforce" or "audit" */

typedef struct Policy {
	Origin origin;
	const char *namespace, *name;
	/*
	 * POLICY_ENFORCEMENT_ANNOTATION: it is not in force. It isolates nobody and allows nothing;
	 * what it would refuse is counted and logged.
	 */
	bool is_audit;
	Selector pods; /* the pods that it isolates, in its own namespace */
	bool isolates[DIRECTION_N];
	VEC(Rule) rules[DIRECTION_N];
} Policy;

typedef struct CidrSet {
	Origin origin;
	const char *name;
	Ranges ranges; /* normalised */
} CidrSet;

/* A position in a policy; starts as {}. */
typedef struct PeerCursor {
	Direction direction;
	size_t rule, peer;
} PeerCursor;

/* The next peer of the policy that names a cidr_set, or NULL after the last. */
const Peer *policy_next_set(const Policy *policy, PeerCursor *cursor);

/* All fields but the origins. Two peers that name one cidr_set are equal, whatever is in it. */
bool policy_is_equal(const Policy *a, const Policy *b);
bool rules_have_same_ports(const Rule *a, const Rule *b); /* in the same order */

/* Deep copies. Their origins name `file`, which is borrowed. */
const Policy *policy_copy(Arena *arena, const Policy *policy, const char *file);
const CidrSet *cidr_set_copy(Arena *arena, const CidrSet *set, const char *file);
