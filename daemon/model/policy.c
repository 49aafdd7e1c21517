/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies as values: iteration, equality. */
#include "model.h"
#include <string.h>

const Peer *policy_next_set(const Policy *policy, PeerCursor *c)
{
	for (; c->direction < DIRECTION_N; c->direction++, c->rule = 0)
		for (; c->rule < policy->rules[c->direction].n; c->rule++, c->peer = 0) {
			const Rule *rule = &policy->rules[c->direction].at[c->rule];

			while (c->peer < rule->peers.n)
				if (rule->peers.at[c->peer++].kind == PEER_SET)
					return &rule->peers.at[c->peer - 1];
		}
	return NULL;
}

/* ---- Equality ---- */
static bool are_blocks_equal(const Block *a, const Block *b)
{
	if (!a || !b)
		return a == b;
	return range_is_equal(a->range, b->range) && ranges_are_equal(&a->except, &b->except);
}

static bool is_peer_equal(const Peer *a, const Peer *b)
{
	return a->kind == b->kind && selectors_are_equal(a->namespaces, b->namespaces) &&
	       selectors_are_equal(a->pods, b->pods) && are_blocks_equal(a->block, b->block) &&
	       text_is_equal(a->set, b->set);
}

static bool is_port_equal(const Port *a, const Port *b)
{
	return a->kind == b->kind && a->protocol == b->protocol && a->first == b->first &&
	       a->last == b->last && text_is_equal(a->name, b->name);
}

bool rules_have_same_ports(const Rule *a, const Rule *b)
{
	if (a->is_any_port != b->is_any_port || a->ports.n != b->ports.n)
		return false;
	for (size_t i = 0; i < a->ports.n; i++)
		if (!is_port_equal(&a->ports.at[i], &b->ports.at[i]))
			return false;
	return true;
}

static bool is_rule_equal(const Rule *a, const Rule *b)
{
	if (a->is_any_peer != b->is_any_peer || a->peers.n != b->peers.n)
		return false;
	for (size_t i = 0; i < a->peers.n; i++)
		if (!is_peer_equal(&a->peers.at[i], &b->peers.at[i]))
			return false;
	return rules_have_same_ports(a, b);
}

bool policy_is_equal(const Policy *a, const Policy *b)
{
	if (strcmp(a->namespace, b->namespace) != 0 || strcmp(a->name, b->name) != 0 ||
		a->is_audit != b->is_audit || !selectors_are_equal(&a->pods, &b->pods))
		return false;
	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		if (a->isolates[d] != b->isolates[d] || a->rules[d].n != b->rules[d].n)
			return false;
		for (size_t i = 0; i < a->rules[d].n; i++)
			if (!is_rule_equal(&a->rules[d].at[i], &b->rules[d].at[i]))
				return false;
	}
	return true;
}
