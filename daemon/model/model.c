/* The vocabulary's texts, what makes a pod count, and lookups in the merged model. */
#include "model.h"
#include <string.h>

static const struct {
	Protocol protocol;
	const char *text;
} PROTOCOLS[] = {{PROTOCOL_ANY, "any"}, {PROTOCOL_TCP, "TCP"}, {PROTOCOL_UDP, "UDP"},
	{PROTOCOL_SCTP, "SCTP"}};

const char *protocol_text(Protocol protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(PROTOCOLS); i++)
		if (PROTOCOLS[i].protocol == protocol)
			return PROTOCOLS[i].text;
	return "any";
}

bool protocol_parse(const char *text, Protocol *ret_protocol)
{
	for (size_t i = 1; i < ARRAY_SIZE(PROTOCOLS); i++) {
		if (strcmp(PROTOCOLS[i].text, text) == 0) {
			*ret_protocol = PROTOCOLS[i].protocol;
			return true;
		}
	}
	return false;
}

const char *direction_text(Direction direction)
{
	return direction == INGRESS ? "ingress" : "egress";
}

bool pod_is_live(const Pod *pod)
{
	return pod->addresses.n > 0 && pod->phase != PHASE_SUCCEEDED && pod->phase != PHASE_FAILED;
}

bool pod_is_subject(const Pod *pod)
{
	return pod_is_live(pod) && !pod->is_host_network;
}

const char *pod_text(Arena *arena, const Pod *pod)
{
	return arena_printf(arena, "%s/%s", pod->space, pod->name);
}

/* ---- Equality ---- */
static bool are_labels_equal(const Labels *a, const Labels *b)
{
	if (a->list.n != b->list.n)
		return false;
	for (size_t i = 0; i < a->list.n; i++)
		if (strcmp(a->list.at[i].key, b->list.at[i].key) != 0 ||
			strcmp(a->list.at[i].value, b->list.at[i].value) != 0)
			return false;
	return true;
}

static bool are_addresses_equal(const Pod *a, const Pod *b)
{
	if (a->addresses.n != b->addresses.n)
		return false;
	for (size_t i = 0; i < a->addresses.n; i++)
		if (!address_is_equal(a->addresses.at[i], b->addresses.at[i]))
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

bool pod_is_equal(const Pod *a, const Pod *b)
{
	return a->phase == b->phase && a->is_host_network == b->is_host_network &&
	       a->version == b->version && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->space, b->space) == 0 && text_is_equal(a->node, b->node) &&
	       strcmp(a->started, b->started) == 0 && are_labels_equal(&a->labels, &b->labels) &&
	       are_addresses_equal(a, b) && are_ports_equal(a, b);
}
