/* What makes a pod count, and lookups in the merged model. */
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

bool pod_is_live(const Pod *pod)
{
	return pod->addresses.n > 0 && pod->phase != PHASE_SUCCEEDED && pod->phase != PHASE_FAILED;
}

bool named_port_is(const NamedPort *port, const char *name, Protocol protocol)
{
	return port->protocol == protocol && strcmp(port->name, name) == 0;
}

bool pod_is_subject(const Pod *pod)
{
	return pod_is_live(pod) && !pod->is_host_network;
}

const char *pod_text(Arena *arena, const Pod *pod)
{
	return arena_printf(arena, "%s/%s", pod->namespace, pod->name);
}

/* ---- Equality ---- */
bool labels_are_equal(const Labels *a, const Labels *b)
{
	if (a->list.n != b->list.n)
		return false;
	for (size_t i = 0; i < a->list.n; i++)
		if (strcmp(a->list.at[i].key, b->list.at[i].key) != 0 ||
			strcmp(a->list.at[i].value, b->list.at[i].value) != 0)
			return false;
	return true;
}

static bool are_ports_equal(const Pod *a, const Pod *b)
{
	if (a->ports.n != b->ports.n)
		return false;
	for (size_t i = 0; i < a->ports.n; i++)
		if (a->ports.at[i].number != b->ports.at[i].number ||
			a->ports.at[i].protocol != b->ports.at[i].protocol ||
			strcmp(a->ports.at[i].name, b->ports.at[i].name) != 0)
			return false;
	return true;
}

static bool is_host_equal(const Host *a, const Host *b)
{
	return a == b || (text_is_equal(a->name, b->name) &&
				 addresses_are_equal(&a->addresses, &b->addresses));
}

bool pod_is_equal(const Pod *a, const Pod *b)
{
	return a->phase == b->phase && a->is_host_network == b->is_host_network &&
	       a->version == b->version && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->namespace, b->namespace) == 0 && is_host_equal(a->host, b->host) &&
	       strcmp(a->started, b->started) == 0 && labels_are_equal(&a->labels, &b->labels) &&
	       addresses_are_equal(&a->addresses, &b->addresses) && are_ports_equal(a, b);
}

bool namespace_is_equal(const Namespace *a, const Namespace *b)
{
	return a->version == b->version && strcmp(a->name, b->name) == 0 &&
	       labels_are_equal(&a->labels, &b->labels);
}

static bool are_texts_equal(const Texts *a, const Texts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return true;
}

bool selectors_are_equal(const Selector *a, const Selector *b)
{
	if (!a || !b || a->list.n != b->list.n)
		return a == b;
	for (size_t i = 0; i < a->list.n; i++)
		if (a->list.at[i].op != b->list.at[i].op ||
			strcmp(a->list.at[i].key, b->list.at[i].key) != 0 ||
			!are_texts_equal(&a->list.at[i].values, &b->list.at[i].values))
			return false;
	return true;
}

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
		!selectors_are_equal(&a->pods, &b->pods))
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
