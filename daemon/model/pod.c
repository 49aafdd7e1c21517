/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pods and namespaces as values: which pods policies apply to, order, equality. */
#include "model.h"
#include <string.h>

bool withdrawn_counts_first(uint64_t withdrawn_at, uint64_t other)
{
	return withdrawn_at == 0 || (other != 0 && withdrawn_at > other);
}

bool pod_is_live(const Pod *pod)
{
	return pod->addresses.n > 0 &&
	       (pod->attached || (pod->phase != PHASE_SUCCEEDED && pod->phase != PHASE_FAILED));
}

bool pod_is_subject(const Pod *pod)
{
	return pod_is_live(pod) && !pod->is_host_network;
}

bool pod_is_selected(const Pod *pod, const Selector *selector)
{
	return pod->known == KNOWN_ATTACHED ? selector->list.n == 0
					    : selector_matches(selector, &pod->labels);
}

bool named_port_is(const NamedPort *port, const char *name, Protocol protocol)
{
	return port->protocol == protocol && strcmp(port->name, name) == 0;
}

Origin pod_origin(const Pod *pod)
{
	return pod->attached && pod->attached->object ? pod->attached->object->origin : pod->origin;
}

const char *pod_text(Arena *arena, const Pod *pod)
{
	return arena_printf(arena, "%s/%s", pod->namespace, pod->name);
}

int pod_compare_p(const void *a, const void *b)
{
	const Pod *x = *(const Pod *const *)a, *y = *(const Pod *const *)b;
	int r = strcmp(x->namespace, y->namespace);

	return r ? r : strcmp(x->name, y->name);
}

/* ---- Namespaces ---- */
Match namespace_match(const Namespace *namespace, const Selector *selector)
{
	bool is_unknown = false;

	for (size_t i = 0; i < selector->list.n; i++) {
		const Requirement *requirement = &selector->list.at[i];

		if (!namespace->are_labels_known &&
			strcmp(requirement->key, NAMESPACE_NAME_LABEL) != 0)
			is_unknown = true;
		else if (!requirement_holds(requirement, &namespace->labels))
			return MATCH_NO;
	}
	return is_unknown ? MATCH_UNKNOWN : MATCH_YES;
}

/* ---- Equality ---- */
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

/* Pods of one file share their Host, so most comparisons need to compare pointers only. */
static bool is_host_equal(const Host *a, const Host *b)
{
	return a == b || (text_is_equal(a->name, b->name) &&
				 addresses_are_equal(&a->addresses, &b->addresses));
}

static bool are_attached_equal(const Attached *a, const Attached *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->list.n != b->list.n)
		return false;
	for (size_t i = 0; i < a->list.n; i++)
		if (!attachment_is_equal(a->list.at[i], b->list.at[i]))
			return false;
	return true;
}

bool pod_is_equal(const Pod *a, const Pod *b)
{
	return a->phase == b->phase && a->is_host_network == b->is_host_network &&
	       a->version == b->version && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->namespace, b->namespace) == 0 && is_host_equal(a->host, b->host) &&
	       strcmp(a->started, b->started) == 0 && labels_are_equal(&a->labels, &b->labels) &&
	       addresses_are_equal(&a->addresses, &b->addresses) && are_ports_equal(a, b) &&
	       a->withdrawn_at == b->withdrawn_at && a->known == b->known && a->uid == b->uid &&
	       are_attached_equal(a->attached, b->attached);
}

bool namespaces_have_same_labels(const Namespace *a, const Namespace *b)
{
	return a->are_labels_known == b->are_labels_known &&
	       labels_are_equal(&a->labels, &b->labels);
}

bool namespace_is_equal(const Namespace *a, const Namespace *b)
{
	return text_is_equal(a->senders, b->senders) && a->version == b->version &&
	       strcmp(a->name, b->name) == 0 && namespaces_have_same_labels(a, b) &&
	       a->withdrawn_at == b->withdrawn_at;
}
