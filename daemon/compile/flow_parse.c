/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain_parse(): reads a flow from texts, as the command line of netpolctl has them. */
#include "explainer.h"
#include <string.h>

static const char *find_pod(Explainer *x, const char *text, const Pod **ret_pod)
{
	const char *slash = strchr(text, '/');
	const char *namespace = arena_strndup(x->arena, text, (size_t)(slash - text));
	const Pod *pod = model_pod(x->model, namespace, slash + 1);

	if (!*namespace || !slash[1])
		return why_no_endpoint(x, text);
	if (!pod)
		return why_no_pod(x, namespace, slash + 1);
	if (pod->addresses.n == 0)
		return arena_printf(x->arena, "pod \"%s\" has no address yet", text);
	if (!pod_is_live(pod))
		return arena_printf(x->arena,
			"pod \"%s\" has finished; its address may belong to another pod now", text);
	*ret_pod = pod;
	return NULL;
}

static const char *find_endpoint(Explainer *x, const char *text, Endpoint *ret_endpoint)
{
	Endpoint endpoint = {};
	const char *error;

	if (strchr(text, '/')) {
		error = find_pod(x, text, &endpoint.pod);
		if (error)
			return error;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): find_pod found an address */
		endpoint.address = endpoint.pod->addresses.at[0];
	} else if (address_parse(text, &endpoint.address)) {
		endpoint.pod = compiler_owner(x->compiler, endpoint.address);
		error = endpoint.pod ? NULL : why_no_verdict(x, endpoint.address);
		if (error)
			return error;
	} else {
		return why_no_endpoint(x, text);
	}
	*ret_endpoint = endpoint;
	return NULL;
}

static bool address_of_family(const Pod *pod, Family family, Address *ret_address)
{
	for (size_t i = 0; pod && i < pod->addresses.n; i++) {
		if (pod->addresses.at[i].family == family) {
			*ret_address = pod->addresses.at[i];
			return true;
		}
	}
	return false;
}

static bool is_by_name(const char *text)
{
	return strchr(text, '/');
}

/*
 * Brings both ends to one family. An end that was named as a pod gets its first address of the
 * other end's family; an end that was given as an address keeps it. False: that is not possible.
 */
static bool align_families(Flow *flow, bool is_source_named, bool is_destination_named)
{
	Address *s = &flow->source.address, *d = &flow->destination.address;

	if (s->family == d->family)
		return true;
	if (is_source_named && address_of_family(flow->source.pod, d->family, s))
		return true;
	return is_destination_named && address_of_family(flow->destination.pod, s->family, d);
}

static bool parse_protocol(const char *text, uint8_t *ret_protocol)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"icmp", 1}, {"icmpv6", 58}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(known[i].name, text) == 0) {
			*ret_protocol = known[i].number;
			return true;
		}
	}
	return false;
}

/* A number, or the name of a port of the destination pod. */
static const char *parse_port_number(Explainer *x, const char *text, Flow *flow)
{
	const Pod *pod = flow->destination.pod;
	size_t n = strspn(text, "0123456789");
	unsigned long number = strtoul(text, NULL, 10);

	if (n && !text[n]) {
		if (n > 5 || number > 65535)
			return arena_printf(x->arena, "port %s is beyond 65535", text);
		flow->port = (uint16_t)number;
		return NULL;
	}
	for (size_t i = 0; pod && i < pod->ports.n; i++) {
		if (named_port_is(&pod->ports.at[i], text, (Protocol)flow->protocol)) {
			flow->port = pod->ports.at[i].number;
			return NULL;
		}
	}
	return why_no_port(x, text, (Protocol)flow->protocol, pod);
}

static const char *parse_port(Explainer *x, const char *text, Flow *flow)
{
	const char *slash = strchr(text, '/');

	flow->protocol = PROTOCOL_TCP;
	if (!slash && parse_protocol(text, &flow->protocol) && !protocol_has_ports(flow->protocol))
		return NULL; /* "icmp" */
	if (slash && !parse_protocol(slash + 1, &flow->protocol))
		return arena_printf(
			x->arena, "unknown protocol \"%s\": TCP, UDP, SCTP or icmp", slash + 1);
	if (!protocol_has_ports(flow->protocol))
		return NULL;
	return parse_port_number(
		x, slash ? arena_strndup(x->arena, text, (size_t)(slash - text)) : text, flow);
}

int explain_parse(Explainer *x, const char *source, const char *destination, const char *port,
	Flow *ret_flow, const char **ret_error)
{
	Flow flow = {};
	const char *error = find_endpoint(x, source, &flow.source);

	if (!error)
		error = find_endpoint(x, destination, &flow.destination);
	if (!error && !align_families(&flow, is_by_name(source), is_by_name(destination)))
		error = "the two have no address family in common";
	if (!error)
		error = parse_port(x, port, &flow);
	if (error) {
		*ret_error = error;
		return COMPILE_E_UNKNOWN;
	}
	*ret_flow = flow;
	return 0;
}
