/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pods, links and records -> the facts of the sender check. See sender_facts.h. */
#include "sender_facts.h"
#include "gateways.h"
#include "unreached.h"
#include <fnmatch.h>

typedef struct Search {
	const SenderSources *sources;
	Arena *arena;
	StrMap *veths;	/* name -> const Link *, once a pod has records; or NULL */
	Texts gateways; /* interfaces that lead to routers */
	SenderFindings found;
} Search;

/* ---- Where a pod is ---- */
static SenderPlace place_of(Address address, const Place *place)
{
	SenderPlace result = {.address = address};

	if (place->bridge)
		result.bridge = place->bridge->index;
	if (!place->port || place->certainty < PLACE_LEARNED)
		return result;
	result.port = place->port->index;
	result.certainty = place->certainty == PLACE_LEARNED ? SENDER_LEARNED : SENDER_SURE;
	return result;
}

static StrMap *index_veths(const Search *s)
{
	StrMap *map = strmap_new(s->arena);
	const Link *link;
	size_t cursor = 0;

	while ((link = links_next(s->sources->links, &cursor)))
		if (link->kind == LINK_VETH)
			strmap_put(map, link->name, (void *)(uintptr_t)link);
	return map;
}

/* The port that the container runtime's latest record of the pod names, if it exists; or NULL. */
static const Link *recorded_port(Search *s, const Pod *pod)
{
	const Link *port = NULL;
	uint64_t made_at = 0;

	for (size_t i = 0; pod->attached && i < pod->attached->list.n; i++) {
		const Attachment *one = pod->attached->list.at[i];
		const Link *link;

		if (!*one->port || !attachment_is_of_cluster(one))
			continue;
		if (!s->veths)
			s->veths = index_veths(s);
		link = strmap_get(s->veths, one->port);
		if (link && (!port || one->made_at >= made_at)) {
			port = link;
			made_at = one->made_at;
		}
	}
	return port;
}

static void prefer_record(const Links *links, const Link *port, SenderPlace *place)
{
	const Link *master;

	if (!port)
		return;
	master = links_find(links, port->master);
	place->port = port->index;
	place->certainty = SENDER_RECORDED;
	place->bridge = master && master->kind == LINK_BRIDGE ? master->index : 0;
}

/* ---- Pods ---- */
/* As the settings' patterns say; a "*" does not stand for a slash. */
static bool is_free(const Settings *settings, Arena *arena, const Pod *pod)
{
	const char *name = pod_text(arena, pod);

	for (size_t i = 0; i < settings->senders_free.n; i++)
		if (fnmatch(settings->senders_free.at[i], name, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static void find_pod(Search *s, const Pod *pod, const Place *places)
{
	const Links *links = s->sources->links;
	const Namespace *namespace =
		model_namespace(pipeline_model(s->sources->pipeline), pod->namespace);
	const Link *recorded = recorded_port(s, pod);
	SenderPod sender = {.name = pod_text(s->arena, pod),
		.attached_at = pod->attached ? pod->attached->made_at : 0,
		.is_free = is_free(s->sources->settings, s->arena, pod)};

	if (namespace) {
		sender.is_free |= namespace->are_senders_free;
		sender.allowed = namespace->allowed_senders;
	}

	for (size_t i = 0; i < pod->addresses.n; i++) {
		SenderPlace place = place_of(pod->addresses.at[i], &places[i]);

		prefer_record(links, recorded, &place);
		unreached_add(s->arena, links, &s->gateways, pod, pod->addresses.at[i], &places[i],
			&s->found.unreached);
		VEC_PUSH(s->arena, &sender.places, place);
		if (place.port)
			VEC_PUSH(s->arena, &s->found.ports, (ForgedPort){place.port, pod});
	}
	VEC_PUSH(s->arena, &s->found.facts.pods, sender);
}

/* All addresses in one call: links asks the kernel in batches. */
static void find_pods(Search *s, const Pods *pods)
{
	Addresses addresses = {};
	Place *places;

	for (size_t i = 0; i < pods->n; i++)
		for (size_t k = 0; k < pods->at[i]->addresses.n; k++)
			VEC_PUSH(s->arena, &addresses, pods->at[i]->addresses.at[k]);
	places = arena_alloc(s->arena, (addresses.n + 1) * sizeof(Place));
	if (addresses.n)
		links_locate(s->sources->links, addresses.at, addresses.n, places);
	for (size_t i = 0; i < pods->n; i++) {
		find_pod(s, pods->at[i], places);
		places += pods->at[i]->addresses.n;
	}
}

/* ---- Other interfaces ---- */
/* Ports of bridges that lead to no pod, and interfaces that lead to routers: both veth. */
static void find_other_veths(Search *s)
{
	const Links *links = s->sources->links;
	const Link *link;
	size_t cursor = 0;

	while ((link = links_next(links, &cursor))) {
		const Link *master = links_find(links, link->master);

		if (link->kind != LINK_VETH)
			continue;
		if (master && master->kind == LINK_BRIDGE &&
			!pod_bridges_have(s->sources->bridges, master->index))
			VEC_PUSH(s->arena, &s->found.facts.outside, link->index);
		if (gateways_have(&s->gateways, link->name))
			VEC_PUSH(s->arena, &s->found.facts.uplinks, link->index);
	}
}

bool sender_facts_find(const SenderSources *sources, SendersBridge bridge, uint16_t log_group,
	Arena *arena, SenderFindings *ret_findings)
{
	const Settings *settings = sources->settings;
	const Pods *pods = pipeline_local_pods(sources->pipeline);
	Search s = {.sources = sources,
		.arena = arena,
		.found.facts = {.table = settings->table,
			.mode = (SendersMode)settings->senders,
			.bridge = bridge,
			.log_group = log_group,
			.allows_tunnels = settings->pod_tunnels == POD_TUNNELS_ALLOW}};

	if (!pods || !sources->links)
		return false;
	s.gateways = gateways_read(arena);
	find_pods(&s, pods);
	if (s.found.facts.mode != SENDERS_OFF) {
		pod_bridges_update(sources->bridges, sources->links, &s.found.facts);
		find_other_veths(&s);
		pod_bridges_subnets(sources->bridges, sources->links, arena, &s.found.facts);
	}
	*ret_findings = s.found;
	return true;
}
