/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ports of a rule as conditions of a chain. */
#include "ports.h"
#include <string.h>

const Protocol PORTS_PROTOCOL[PORTS_PROTOCOLS] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};

static int protocol_index(Protocol protocol)
{
	return protocol == PROTOCOL_TCP ? 0 : protocol == PROTOCOL_UDP ? 1 : 2;
}

static int port_range_compare(const void *a, const void *b)
{
	const PortRange *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last < y->last ? -1 : x->last > y->last;
}

/* Merges overlapping and adjacent ranges: the kernel refuses a set of overlapping intervals. */
static void ports_normalise(PortRanges *ranges)
{
	size_t last = 0;

	if (ranges->n == 0)
		return;
	qsort(ranges->at, ranges->n, sizeof(PortRange), port_range_compare);
	for (size_t i = 1; i < ranges->n; i++) {
		PortRange *top = &ranges->at[last], next = ranges->at[i];

		if (next.first <= top->last + 1)
			top->last = next.last > top->last ? next.last : top->last;
		else
			ranges->at[++last] = next;
	}
	ranges->n = last + 1;
}

void port_resolve(Arena *arena, const Port *port, const Pod *pod, PortRanges *ranges)
{
	for (size_t i = 0; i < pod->ports.n; i++)
		if (named_port_is(&pod->ports.at[i], port->name, port->protocol))
			VEC_PUSH(arena, ranges,
				(PortRange){pod->ports.at[i].number, pod->ports.at[i].number});
}

Ports ports_of(Arena *arena, const Rule *rule, Direction direction, const Pod *pod)
{
	Ports ports = {.is_any = rule->is_any_port};

	for (size_t i = 0; i < rule->ports.n; i++) {
		const Port *port = &rule->ports.at[i];
		int p = protocol_index(port->protocol);

		if (port->kind == PORT_ALL)
			ports.is_all[p] = true;
		else if (port->kind == PORT_RANGE)
			VEC_PUSH(arena, &ports.ranges[p], (PortRange){port->first, port->last});
		else if (direction == INGRESS)
			port_resolve(arena, port, pod, &ports.ranges[p]);
		else
			VEC_PUSH(arena, &ports.names, port);
	}
	for (int i = 0; i < PORTS_PROTOCOLS; i++) {
		ports_normalise(&ports.ranges[i]);
		if (ports.is_all[i])
			ports.ranges[i] = (PortRanges){};
	}
	return ports;
}

bool ports_have_numbers(const Ports *ports)
{
	for (int i = 0; i < PORTS_PROTOCOLS; i++)
		if (ports->is_all[i] || ports->ranges[i].n)
			return true;
	return ports->is_any;
}

void ports_add_numbers(Buf *key, const Policy *policy, const Pod *pod)
{
	for (size_t r = 0; r < policy->rules[INGRESS].n; r++) {
		const Rule *rule = &policy->rules[INGRESS].at[r];

		for (size_t i = 0; i < rule->ports.n; i++) {
			PortRanges numbers = {};

			if (rule->ports.at[i].kind != PORT_NAME)
				continue;
			port_resolve(key->arena, &rule->ports.at[i], pod, &numbers);
			for (size_t k = 0; k < numbers.n; k++)
				buf_printf(key, "%u+", numbers.at[k].first);
			buf_add(key, ",");
		}
	}
}
