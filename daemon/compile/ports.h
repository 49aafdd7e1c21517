#pragma once
/* ports: the ports of a rule, for the chain of one pod. Private to the room. */
#include "compile.h"

enum { PORTS_PROTOCOLS = 3 };
extern const Protocol PORTS_PROTOCOL[PORTS_PROTOCOLS]; /* TCP, UDP, SCTP */

typedef struct Ports {
	bool is_any;			    /* any protocol, ICMP too */
	PortRanges ranges[PORTS_PROTOCOLS]; /* sorted, disjoint, with gaps */
	bool is_all[PORTS_PROTOCOLS];	    /* every port of the protocol: no ranges */
	VEC(const Port *) names;	    /* egress: left to the destination pods */
} Ports;

/* Named ports of ingress rules are the pod's numbers. */
Ports ports_of(Arena *arena, const Rule *rule, Direction direction, const Pod *pod);
/* Whether anything but names of other pods' ports is in it. */
bool ports_have_numbers(const Ports *ports);
/* The numbers of a named port, where the pod itself is the destination. */
void port_resolve(Arena *arena, const Port *port, const Pod *pod, PortRanges *ranges);
