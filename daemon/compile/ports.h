/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ports: the ports of a rule as conditions of a chain. A named port of an ingress rule is a number
 * of the pod that the chain is for; of an egress rule it depends on each destination pod, and needs
 * a set. Private to the module.
 */
#include "compile.h"

enum { PORTS_PROTOCOLS = 3 };
extern const Protocol PORTS_PROTOCOL[PORTS_PROTOCOLS]; /* TCP, UDP, SCTP */

typedef struct Ports {
	bool is_any;			    /* any protocol, ICMP too */
	PortRanges ranges[PORTS_PROTOCOLS]; /* sorted, disjoint, with gaps */
	bool is_all[PORTS_PROTOCOLS];	    /* every port of the protocol: no ranges */
	VEC(const Port *) names;	    /* of egress rules: names of destination pods' ports */
} Ports;

/* `pod`: one of the pods that the chain is for. */
Ports ports_of(Arena *arena, const Rule *rule, Direction direction, const Pod *pod);
/* Whether anything but names is in it. */
bool ports_have_numbers(const Ports *ports);
/* Appends the numbers that the pod has for a named port. */
void port_resolve(Arena *arena, const Port *port, const Pod *pod, PortRanges *ranges);
