/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pods and interfaces -> the tables of the sender check; and what these have refused. */
#include "sender_check.h"
#include "gateways.h"
#include "log.h"
#include "timer.h"
#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

/* Interfaces change several at a time. */
#define REFRESH_USEC (3 * 1000)
/* After a refusal, and while the kernel does not answer. */
#define RETRY_USEC (1000 * 1000)

struct SenderCheck {
	Nft *nft;
	const Settings *settings;
	const Pipeline *pipeline;
	void (*on_changed)(void *context);
	void *context;
	Links *links; /* NULL: they cannot be read, and `no_links` says why */
	int no_links; /* errno */
	sd_event_source *source;
	Timer *refresh;
	SendersBridge bridge; /* of the last update */
	uint16_t log_group;   /* likewise */
	Senders *applied;     /* NULL: none */
	bool is_known;	      /* the kernel has exactly `applied` */
	Interfaces bridges;   /* that have led to pods: they stay so as long as they exist */
	Arena *bridges_arena;
	ForgedLog *forged;
	char refusal[512];
	Arena *report_arena;
	SenderReport report;
};

/* ---- Facts ---- */
typedef struct Gathering {
	SenderCheck *check;
	Arena *arena;
	SenderFacts facts;
	ForgedPorts ports;
	StrMap *links;	/* veth name -> const Link *, if a pod has records; or NULL */
	Texts gateways; /* interfaces that lead to routers */
	Unreached unreached;
} Gathering;

/* As the settings' patterns say; a "*" does not stand for a slash. */
static bool is_free(const Settings *settings, Arena *arena, const Pod *pod)
{
	const char *name = pod_text(arena, pod);

	for (size_t i = 0; i < settings->senders_free.n; i++)
		if (fnmatch(settings->senders_free.at[i], name, FNM_PATHNAME) == 0)
			return true;
	return false;
}

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

static StrMap *index_links(Gathering *g)
{
	StrMap *map = strmap_new(g->arena);
	const Link *link;
	size_t cursor = 0;

	while ((link = links_next(g->check->links, &cursor)))
		if (link->kind == LINK_VETH)
			strmap_put(map, link->name, (void *)(uintptr_t)link);
	return map;
}

/* The port that the container runtime's latest record of the pod names, if it exists; or NULL. */
static const Link *recorded_port(Gathering *g, const Pod *pod)
{
	const Link *port = NULL;
	uint64_t made_at = 0;

	for (size_t i = 0; pod->attached && i < pod->attached->list.n; i++) {
		const Attachment *one = pod->attached->list.at[i];
		const Link *link;

		if (!*one->port || !attachment_is_of_cluster(one))
			continue;
		if (!g->links)
			g->links = index_links(g);
		link = strmap_get(g->links, one->port);
		if (link && (!port || one->made_at >= made_at)) {
			port = link;
			made_at = one->made_at;
		}
	}
	return port;
}

/* A record is more than what can be seen from outside: no pod can forge it. */
static void prefer_record(Gathering *g, const Link *port, SenderPlace *place)
{
	const Link *master;

	if (!port)
		return;
	master = links_find(g->check->links, port->master);
	place->port = port->index;
	place->certainty = SENDER_RECORDED;
	place->bridge = master && master->kind == LINK_BRIDGE ? master->index : 0;
}

static bool is_gateway(const Gathering *g, const char *name)
{
	for (size_t i = 0; i < g->gateways.n; i++)
		if (strcmp(g->gateways.at[i], name) == 0)
			return true;
	return false;
}

/*
 * NULL: the pod's packets pass our hooks. Packets of macvlan and ipvlan interfaces go between a pod
 * and the node's card without passing a hook; the node has no route of its own to such a pod. In a
 * VRF they do pass, but in place of the veth the hooks see the VRF's device.
 */
static const char *why_unreached(const Gathering *g, const Place *place)
{
	const Link *master = place->port ? links_find(g->check->links, place->port->master) : NULL;

	if (place->certainty == PLACE_OTHER_LINK && is_gateway(g, place->route->name))
		return "is reached by the node's uplink, as macvlan, ipvlan and SR-IOV pods are: "
		       "no policy is enforced for it";
	if (master && master->kind != LINK_BRIDGE)
		return "is in a VRF or bond: its link-local packets to the node are not filtered";
	return NULL;
}

static void gather_unreached(Gathering *g, const Pod *pod, Address address, const Place *place)
{
	const char *why = why_unreached(g, place);
	char text[ADDRESS_TEXT_SIZE];

	if (why)
		VEC_PUSH(g->arena, &g->unreached,
			(UnreachedAddress){address,
				arena_printf(g->arena, "%s (%s) %s on %s", pod_text(g->arena, pod),
					address_text(address, text), why, place->route->name)});
}

static void gather_pod(Gathering *g, const Pod *pod, const Place *places)
{
	const Namespace *namespace =
		model_namespace(pipeline_model(g->check->pipeline), pod->namespace);
	const Link *recorded = recorded_port(g, pod);
	SenderPod sender = {.name = pod_text(g->arena, pod),
		.is_free = is_free(g->check->settings, g->arena, pod)};

	if (namespace) {
		sender.is_free |= namespace->are_senders_free;
		sender.allowed = namespace->allowed_senders;
	}

	for (size_t i = 0; i < pod->addresses.n; i++) {
		SenderPlace place = place_of(pod->addresses.at[i], &places[i]);

		prefer_record(g, recorded, &place);
		gather_unreached(g, pod, pod->addresses.at[i], &places[i]);
		VEC_PUSH(g->arena, &sender.places, place);
		if (place.port)
			VEC_PUSH(g->arena, &g->ports, (ForgedPort){place.port, pod});
	}
	VEC_PUSH(g->arena, &g->facts.pods, sender);
}

static void gather_pods(Gathering *g, const Pods *pods)
{
	Addresses addresses = {};
	Place *places;

	for (size_t i = 0; i < pods->n; i++)
		for (size_t k = 0; k < pods->at[i]->addresses.n; k++)
			VEC_PUSH(g->arena, &addresses, pods->at[i]->addresses.at[k]);
	places = arena_alloc(g->arena, (addresses.n + 1) * sizeof(Place));
	if (g->check->links && addresses.n)
		links_locate(g->check->links, addresses.at, addresses.n, places);
	for (size_t i = 0; i < pods->n; i++) {
		gather_pod(g, pods->at[i], places);
		places += pods->at[i]->addresses.n;
	}
}

static bool has_interface(const Interfaces *interfaces, unsigned index)
{
	for (size_t i = 0; i < interfaces->n; i++)
		if (interfaces->at[i] == index)
			return true;
	return false;
}

/* The bridges that lead to pods, and those that did and still exist: the next pod may come there.
 */
static void remember_bridges(Gathering *g)
{
	SenderCheck *check = g->check;
	Arena *arena = arena_new();
	Interfaces bridges = {};

	for (size_t i = 0; i < g->facts.pods.n; i++)
		for (size_t k = 0; k < g->facts.pods.at[i].places.n; k++) {
			unsigned bridge = g->facts.pods.at[i].places.at[k].bridge;

			if (bridge && !has_interface(&bridges, bridge))
				VEC_PUSH(arena, &bridges, bridge);
		}
	for (size_t i = 0; i < check->bridges.n; i++) {
		const Link *link = links_find(check->links, check->bridges.at[i]);

		if (link && link->kind == LINK_BRIDGE && !has_interface(&bridges, link->index))
			VEC_PUSH(arena, &bridges, link->index);
	}
	arena_free(check->bridges_arena);
	check->bridges_arena = arena;
	check->bridges = bridges;
}

/* Ports of bridges that lead to no pod, and interfaces that lead to routers: both veth. */
static void gather_other_links(Gathering *g)
{
	const Link *link;
	size_t cursor = 0;

	while ((link = links_next(g->check->links, &cursor))) {
		const Link *master = links_find(g->check->links, link->master);

		if (link->kind != LINK_VETH)
			continue;
		if (master && master->kind == LINK_BRIDGE &&
			!has_interface(&g->check->bridges, master->index))
			VEC_PUSH(g->arena, &g->facts.outside, link->index);
		if (is_gateway(g, link->name))
			VEC_PUSH(g->arena, &g->facts.uplinks, link->index);
	}
}

/* ---- The bridges' own subnets ---- */
static bool read_range(const struct sockaddr *address, const struct sockaddr *mask,
	Address *ret_address, Range *ret_range)
{
	const uint8_t *bytes, *mask_bytes;
	AddressValue ones;
	Family family;

	if (!address || !mask)
		return false;
	if (address->sa_family == AF_INET) {
		family = FAMILY_IPV4;
		bytes = (const void *)&((const struct sockaddr_in *)(const void *)address)
				->sin_addr;
		mask_bytes =
			(const void *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr;
	} else if (address->sa_family == AF_INET6) {
		family = FAMILY_IPV6;
		bytes = (const void *)&((const struct sockaddr_in6 *)(const void *)address)
				->sin6_addr;
		mask_bytes =
			(const void *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
	} else {
		return false;
	}
	ones = address_from_bytes(family, mask_bytes).value;
	*ret_address = address_from_bytes(family, bytes);
	ret_range->family = family;
	ret_range->first = ret_address->value & ones;
	ret_range->last = ret_range->first | (family_last(family) & ~ones);
	return true;
}

static bool is_name_of_bridge(const SenderCheck *check, const char *name)
{
	for (size_t i = 0; i < check->bridges.n; i++) {
		const Link *link = links_find(check->links, check->bridges.at[i]);

		if (link && strcmp(link->name, name) == 0)
			return true;
	}
	return false;
}

static void gather_subnets(Gathering *g)
{
	struct ifaddrs *list;
	Address address;
	Range range;

	if (g->check->bridges.n == 0 || getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (is_name_of_bridge(g->check, at->ifa_name) &&
			read_range(at->ifa_addr, at->ifa_netmask, &address, &range)) {
			VEC_PUSH(g->arena, &g->facts.subnets, range);
			VEC_PUSH(g->arena, &g->facts.gateways, address);
		}
	freeifaddrs(list);
}

/* ---- Report ---- */
static void make_report(Gathering *g, const Senders *senders)
{
	SenderCheck *check = g->check;
	const SenderFacts *facts = &g->facts;
	Arena *arena = arena_new();
	SenderReport report = {.mode = SENDERS_MODE_TEXT[check->settings->senders],
		.forged = forged_log_totals(check->forged)};

	if (senders) {
		report.pods = senders->counts.pods;
		report.placed = senders->counts.placed;
		for (size_t i = 0; i < facts->pods.n; i++)
			if (facts->pods.at[i].is_free || facts->pods.at[i].allowed.n)
				VEC_PUSH(arena, &report.free,
					arena_strdup(arena, facts->pods.at[i].name));
	}
	for (size_t i = 0; i < g->unreached.n; i++)
		VEC_PUSH(arena, &report.unreached,
			(UnreachedAddress){g->unreached.at[i].address,
				arena_strdup(arena, g->unreached.at[i].words)});
	arena_free(check->report_arena);
	check->report_arena = arena;
	check->report = report;
}

const SenderReport *sender_check_report(const SenderCheck *check)
{
	return &check->report;
}

const char *sender_check_refusal(const SenderCheck *check)
{
	return check->refusal;
}

/* ---- Applying ---- */
static bool is_as_wanted(const SenderCheck *check, const Senders *wanted)
{
	if (!check->is_known || !check->applied != !wanted)
		return false;
	return !wanted || senders_are_equal(check->applied, wanted);
}

/* Takes `wanted` over. 0 or RUN_E_REFUSED. */
static int apply(SenderCheck *check, Senders *wanted)
{
	int r;

	check->refusal[0] = '\0';
	if (is_as_wanted(check, wanted)) {
		senders_free(wanted);
		return 0;
	}
	r = nft_senders_apply(check->nft, check->settings->table,
		check->is_known ? check->applied : NULL, wanted);
	if (r != 0) {
		/* elements of somebody else's making: the next try replaces the tables */
		check->is_known = false;
		snprintf(check->refusal, sizeof(check->refusal),
			"the kernel refused the tables of the sender check: %s",
			nft_error(check->nft));
		senders_free(wanted);
		timer_start(check->refresh, RETRY_USEC);
		return RUN_E_REFUSED;
	}
	senders_free(check->applied);
	check->applied = wanted;
	check->is_known = true;
	return 0;
}

static int refresh(SenderCheck *check)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	const Pods *pods = pipeline_local_pods(check->pipeline);
	Gathering g = {.check = check,
		.arena = arena,
		.facts = {.table = check->settings->table,
			.mode = (SendersMode)check->settings->senders,
			.bridge = check->bridge,
			.log_group = check->log_group,
			.allows_tunnels = check->settings->pod_tunnels == POD_TUNNELS_ALLOW}};
	Senders *wanted = NULL;

	if (pods && check->links) {
		g.gateways = gateways_read(arena);
		gather_pods(&g, pods);
	}
	if (g.facts.mode == SENDERS_OFF) {
		make_report(&g, NULL);
		return apply(check, NULL);
	}
	if (!pods || !check->links)
		return 0; /* who may send what is unknown: the tables stay */
	remember_bridges(&g);
	gather_other_links(&g);
	gather_subnets(&g);
	wanted = senders_make(&g.facts);
	make_report(&g, wanted);
	forged_log_set_ports(check->forged, &g.ports);
	return apply(check, wanted);
}

int sender_check_update(SenderCheck *check, SendersBridge bridge, uint16_t log_group)
{
	check->bridge = bridge;
	check->log_group = log_group;
	if (check->links)
		links_read(check->links);
	if (check->no_links && check->settings->senders != SENDERS_OFF)
		snprintf(check->refusal, sizeof(check->refusal),
			"the node's interfaces cannot be read: %s", strerror(check->no_links));
	return refresh(check);
}

int sender_check_repair(SenderCheck *check, bool is_doubtful)
{
	bool is_changed = nft_senders_take_notice(check->nft);

	if (!check->applied || (!is_changed && !is_doubtful))
		return 0;
	check->is_known = false;
	if (is_changed)
		log_line(LOG_WARNING, "repaired",
			"another program changed the tables of the sender check: they are written "
			"again");
	return refresh(check);
}

void sender_check_count(SenderCheck *check)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	NftForgedCounts counts = {};

	if (!check->applied ||
		nft_senders_count(check->nft, check->settings->table, arena, &counts) < 0)
		return;
	forged_log_add(check->forged, &counts, clock_usec());
	check->report.forged = forged_log_totals(check->forged);
}

PortPod sender_check_pod_at(const SenderCheck *check, unsigned interface)
{
	return forged_log_pod_at(check->forged, interface);
}

const char *sender_check_interface(const SenderCheck *check, Arena *arena, unsigned interface)
{
	const Link *link = check->links ? links_find(check->links, interface) : NULL;

	return link ? arena_strdup(arena, link->name)
		    : arena_printf(arena, "interface %u", interface);
}

/* ---- Events ---- */
static void on_refresh(void *context)
{
	SenderCheck *check = context;
	const Senders *before = check->applied;
	int r = refresh(check);

	if (r != 0 || check->applied != before)
		check->on_changed(check->context);
}

static int on_links(sd_event_source *source, int fd, uint32_t events, void *context)
{
	SenderCheck *check = context;
	LinksNotice notice = links_read(check->links);

	(void)source, (void)fd, (void)events;
	if (notice.has_links || notice.has_places)
		timer_start(check->refresh, REFRESH_USEC);
	return 0;
}

/* ---- Lifetime ---- */
SenderCheck *sender_check_new(sd_event *event, Nft *nft, const Settings *settings,
	const Pipeline *pipeline, void (*on_changed)(void *context), void *context)
{
	SenderCheck *check = MEMORY_NEW(SenderCheck);
	int r;

	*check = (SenderCheck){.nft = nft,
		.settings = settings,
		.pipeline = pipeline,
		.on_changed = on_changed,
		.context = context,
		.forged = forged_log_new()};
	check->refresh = timer_new(event, 1000, SD_EVENT_PRIORITY_NORMAL, on_refresh, check);
	r = links_open(&check->links);
	if (r < 0)
		check->no_links = -r;
	else if (event)
		r = sd_event_add_io(
			event, &check->source, links_fd(check->links), EPOLLIN, on_links, check);
	if (r < 0)
		log_line(LOG_WARNING, "links", "cannot follow the node's interfaces: %s",
			strerror(-r));
	return check;
}

SenderCheck *sender_check_free(SenderCheck *check)
{
	if (!check)
		return NULL;
	sd_event_source_unref(check->source);
	timer_free(check->refresh);
	links_close(check->links);
	senders_free(check->applied);
	arena_free(check->bridges_arena);
	arena_free(check->report_arena);
	forged_log_free(check->forged);
	free(check);
	return NULL;
}
