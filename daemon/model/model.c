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

/* The first index whose pod is not before (space, name); name NULL sorts before all names. */
static size_t pod_lower_bound(const Model *model, const char *space, const char *name)
{
	size_t low = 0, high = model->pods.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const Pod *pod = model->pods.at[middle];
		int r = strcmp(pod->space, space);

		if (r == 0)
			r = name ? strcmp(pod->name, name) : 0;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const Pod *model_pod(const Model *model, const char *space, const char *name)
{
	size_t i = pod_lower_bound(model, space, name);
	const Pod *pod = i < model->pods.n ? model->pods.at[i] : NULL;

	return pod && strcmp(pod->space, space) == 0 && strcmp(pod->name, name) == 0 ? pod : NULL;
}

size_t model_pods_of(const Model *model, const char *space, size_t *ret_first)
{
	size_t first = pod_lower_bound(model, space, NULL), n = 0;

	while (first + n < model->pods.n && strcmp(model->pods.at[first + n]->space, space) == 0)
		n++;
	*ret_first = first;
	return n;
}

const Namespace *model_namespace(const Model *model, const char *name)
{
	size_t low = 0, high = model->namespaces.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(model->namespaces.at[middle]->name, name);

		if (r == 0)
			return model->namespaces.at[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const CidrSet *model_set(const Model *model, const char *name)
{
	for (size_t i = 0; i < model->sets.n; i++)
		if (strcmp(model->sets.at[i]->name, name) == 0)
			return model->sets.at[i];
	return NULL;
}
