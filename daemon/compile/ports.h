/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ports: the ports of a policy's rule as conditions of a chain's rules. A named port is a port of
 * the destination pod. For an ingress rule that is the pod that the chain is for, so the name
 * becomes a number. For an egress rule the number depends on the destination of each packet, so the
 * rule needs a set of address . protocol . port. Private to the module.
 */
#include "compile.h"

enum { PORTS_PROTOCOLS = 3 };
extern const Protocol PORTS_PROTOCOL[PORTS_PROTOCOLS]; /* TCP, UDP, SCTP */

typedef struct Ports {
	bool is_any;			    /* no condition: any protocol, ICMP too */
	PortRanges ranges[PORTS_PROTOCOLS]; /* sorted, disjoint, with gaps */
	bool is_all[PORTS_PROTOCOLS];	    /* every port of the protocol: no ranges */
	VEC(const Port *) names;	    /* named ports of an egress rule; else empty */
} Ports;

/* `pod`: one of the pods that the chain is for. */
Ports ports_of(Arena *arena, const Rule *rule, Direction direction, const Pod *pod);
/* Whether it has a condition that needs no set: numbers, all ports of a protocol, or is_any. */
bool ports_have_numbers(const Ports *ports);
/* Appends every number that the pod has for a named port. */
void port_resolve(Arena *arena, const Port *port, const Pod *pod, PortRanges *ranges);
/*
 * Adds a text of the numbers that the pod has for the named ports of the policy's ingress rules:
 * pods of equal texts can share a chain.
 */
void ports_add_numbers(Buf *key, const Policy *policy, const Pod *pod);
