/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about pods and ports -> who may send what. See senders.h. */
#include "senders.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sorted lists ---- */
static int compare_interfaces(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

static int compare_addresses(const void *a, const void *b)
{
	return address_compare(*(const Address *)a, *(const Address *)b);
}

static int compare_senders(const void *a, const void *b)
{
	const Sender *x = a, *y = b;
	int r = compare_interfaces(&x->port, &y->port);

	return r ? r : address_compare(x->address, y->address);
}

static int compare_blocks(const void *a, const void *b)
{
	const SenderBlock *x = a, *y = b;
	int r = compare_interfaces(&x->port, &y->port);

	if (r == 0)
		r = (int)x->range.family - (int)y->range.family;
	if (r == 0)
		r = (x->range.first > y->range.first) - (x->range.first < y->range.first);
	return r ? r : (x->range.last > y->range.last) - (x->range.last < y->range.last);
}

/* Sorts n items and drops repeated ones; returns how many are left. */
static uint32_t sort_unique(
	void *items, uint32_t n, size_t size, int (*compare)(const void *, const void *))
{
	char *at = items;
	uint32_t kept = 0;

	if (n == 0)
		return 0;
	qsort(items, n, size, compare);
	for (uint32_t i = 1; i < n; i++)
		if (compare(at + kept * size, at + i * size) != 0)
			memmove(at + ++kept * size, at + i * size, size);
	return kept + 1;
}

#define SORT(v, compare) ((v)->n = sort_unique((v)->at, (v)->n, sizeof(*(v)->at), (compare)))

static bool has_interface(const Interfaces *interfaces, unsigned index)
{
	return interfaces->n &&
	       bsearch(&index, interfaces->at, interfaces->n, sizeof(index), compare_interfaces);
}

static bool has_address(const Addresses *addresses, Address address)
{
	return addresses->n &&
	       bsearch(&address, addresses->at, addresses->n, sizeof(address), compare_addresses);
}

/* ---- Ports of pods ---- */
/* The latest record of a port, or of an address (then the port is 0). */
typedef struct Latest {
	Sender of;
	uint64_t attached_at;
} Latest;

typedef struct Making {
	Senders *s;
	const SenderFacts *facts;
	VEC(Latest) latest;  /* sorted, unique by `of` */
	Interfaces recorded; /* ports at which a pod is by a record */
	Interfaces sure;     /* ports at which a pod is for sure, by a record or an address */
	Interfaces checked;  /* ports of pods that are not free */
	/* a port that the bridge has learned for addresses of several pods says nothing */
	Interfaces learned, ambiguous;
} Making;

static int compare_latest(const void *a, const void *b)
{
	return compare_senders(&((const Latest *)a)->of, &((const Latest *)b)->of);
}

/* The latest of equal ones comes first. */
static int compare_records(const void *a, const void *b)
{
	const Latest *x = a, *y = b;
	int r = compare_latest(a, b);

	return r ? r : (x->attached_at < y->attached_at) - (x->attached_at > y->attached_at);
}

static void find_latest(Making *m)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < m->facts->pods.n; i++) {
		const SenderPod *pod = &m->facts->pods.at[i];

		for (size_t k = 0; pod->attached_at && k < pod->places.n; k++) {
			const SenderPlace *place = &pod->places.at[k];

			VEC_PUSH(m->s->arena, &m->latest,
				(Latest){{0, place->address}, pod->attached_at});
			if (place->certainty == SENDER_RECORDED)
				VEC_PUSH(m->s->arena, &m->latest,
					(Latest){{.port = place->port}, pod->attached_at});
		}
	}
	if (m->latest.n == 0)
		return;
	qsort(m->latest.at, m->latest.n, sizeof(Latest), compare_records);
	for (uint32_t i = 1; i < m->latest.n; i++)
		if (compare_latest(&m->latest.at[kept], &m->latest.at[i]) != 0)
			m->latest.at[++kept] = m->latest.at[i];
	m->latest.n = kept + 1;
}

/* Whether another pod's record of the port or address is later than the pod's. */
static bool is_lost(const Making *m, const SenderPod *pod, Sender what)
{
	Latest key = {.of = what};
	const Latest *found = m->latest.n ? bsearch(&key, m->latest.at, m->latest.n, sizeof(Latest),
						    compare_latest)
					  : NULL;

	return found && found->attached_at > pod->attached_at;
}

static bool is_address_lost(const Making *m, const SenderPod *pod, Address address)
{
	return is_lost(m, pod, (Sender){.address = address});
}

/* By a setting, any listed address may come from any port of a bridge. */
static bool is_port_ignored(const Making *m, const SenderPlace *place)
{
	return m->s->mode == SENDERS_LISTED && place->bridge;
}

/* An address may be listed for its former pod, too. The next one has a record at the port. */
static bool is_usable(
	const Making *m, const SenderPod *pod, const SenderPlace *place, SenderCertainty certainty)
{
	if (place->certainty != certainty)
		return false;
	if (certainty == SENDER_RECORDED)
		return !is_lost(m, pod, (Sender){.port = place->port});
	if (is_address_lost(m, pod, place->address))
		return false;
	if (certainty == SENDER_SURE)
		return !has_interface(&m->recorded, place->port);
	if (certainty == SENDER_LEARNED)
		return !has_interface(&m->sure, place->port) &&
		       !has_interface(&m->ambiguous, place->port);
	return true;
}

/* What namespaces allow the pods of bridges whose ports are ignored: from any port of a bridge. */
static void add_ranges_of_listed(Making *m)
{
	for (size_t i = 0; i < m->facts->pods.n; i++) {
		const SenderPod *pod = &m->facts->pods.at[i];

		if (pod->places.n == 0 || !is_port_ignored(m, &pod->places.at[0]))
			continue;
		for (size_t k = 0; k < pod->allowed.n; k++)
			VEC_PUSH(m->s->arena, &m->s->subnets, pod->allowed.at[k]);
	}
}

/* The ports that the pod is at, by the greatest certainty that tells any. */
static void list_ports(const Making *m, const SenderPod *pod, Interfaces *ret_ports)
{
	static const SenderCertainty order[] = {SENDER_RECORDED, SENDER_SURE, SENDER_LEARNED};

	for (size_t k = 0; k < sizeof(order) / sizeof(*order) && ret_ports->n == 0; k++)
		for (size_t i = 0; i < pod->places.n; i++)
			if (is_usable(m, pod, &pod->places.at[i], order[k]))
				VEC_PUSH(m->s->arena, ret_ports, pod->places.at[i].port);
	SORT(ret_ports, compare_interfaces);
}

/* Each port once for a pod, in m->learned; sorted. Those that are there twice are ambiguous. */
static void find_ambiguous(Making *m)
{
	qsort(m->learned.at, m->learned.n, sizeof(unsigned), compare_interfaces);
	for (size_t i = 1; i < m->learned.n; i++)
		if (m->learned.at[i] == m->learned.at[i - 1])
			VEC_PUSH(m->s->arena, &m->ambiguous, m->learned.at[i]);
	SORT(&m->ambiguous, compare_interfaces);
}

static void survey_ports(Making *m)
{
	for (size_t i = 0; i < m->facts->pods.n; i++) {
		const SenderPod *pod = &m->facts->pods.at[i];
		Interfaces learned = {};

		for (size_t k = 0; k < pod->places.n; k++) {
			const SenderPlace *place = &pod->places.at[k];

			assert(place->port || place->certainty == SENDER_NOWHERE);
			if (place->certainty == SENDER_RECORDED)
				VEC_PUSH(m->s->arena, &m->recorded, place->port);
			if (place->certainty >= SENDER_SURE)
				VEC_PUSH(m->s->arena, &m->sure, place->port);
			if (place->certainty == SENDER_LEARNED)
				VEC_PUSH(m->s->arena, &learned, place->port);
			if (place->bridge)
				VEC_PUSH(m->s->arena, &m->s->bridges, place->bridge);
		}
		SORT(&learned, compare_interfaces);
		for (size_t k = 0; k < learned.n; k++)
			VEC_PUSH(m->s->arena, &m->learned, learned.at[k]);
	}
	SORT(&m->recorded, compare_interfaces);
	SORT(&m->sure, compare_interfaces);
	SORT(&m->s->bridges, compare_interfaces);
	if (m->learned.n)
		find_ambiguous(m);
}

/* ---- Pods ---- */
static void add_port(Making *m, const SenderPod *pod, unsigned port)
{
	Senders *s = m->s;

	for (size_t i = 0; i < pod->places.n; i++)
		if (!is_address_lost(m, pod, pod->places.at[i].address))
			VEC_PUSH(s->arena, &s->senders, (Sender){port, pod->places.at[i].address});
	for (size_t i = 0; i < pod->allowed.n; i++)
		VEC_PUSH(s->arena, &s->blocks, (SenderBlock){port, pod->allowed.at[i]});
	if (pod->is_free)
		VEC_PUSH(s->arena, &s->free, port);
	VEC_PUSH(s->arena, &s->known, port);
}

/* Where bridged packets are not filtered, nothing sees at which port a packet came in. */
static bool is_checked(const Making *m, const SenderPod *pod)
{
	for (size_t i = 0; i < pod->places.n; i++)
		if (pod->places.at[i].bridge && m->s->bridge == SENDERS_NO_BRIDGE)
			return false;
	return true;
}

static void add_pod(Making *m, const SenderPod *pod)
{
	Senders *s = m->s;
	Interfaces ports = {};

	list_ports(m, pod, &ports);
	s->counts.pods++;
	s->counts.free += pod->is_free || pod->allowed.n;
	for (size_t i = 0; !pod->is_free && i < ports.n; i++)
		VEC_PUSH(s->arena, &m->checked, ports.at[i]);
	if (ports.n && pod->places.n && is_port_ignored(m, &pod->places.at[0])) {
		for (size_t i = 0; pod->is_free && i < ports.n; i++)
			VEC_PUSH(s->arena, &s->free, ports.at[i]);
		ports.n = 0;
	}
	for (size_t i = 0; i < ports.n; i++)
		add_port(m, pod, ports.at[i]);
	for (size_t i = 0; i < pod->places.n; i++)
		if (is_address_lost(m, pod, pod->places.at[i].address))
			continue;
		else if (ports.n)
			VEC_PUSH(s->arena, &s->owned, pod->places.at[i].address);
		else
			VEC_PUSH(s->arena, &s->unplaced, pod->places.at[i].address);
	if (ports.n && is_checked(m, pod))
		s->counts.placed++;
	else
		s->counts.unplaced++;
}

/* Drops the items of `list` that are in `others`; both are sorted. */
static void subtract_interfaces(Interfaces *list, const Interfaces *others)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < list->n; i++)
		if (!has_interface(others, list->at[i]))
			list->at[kept++] = list->at[i];
	list->n = kept;
}

static void subtract_addresses(Addresses *list, const Addresses *others)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < list->n; i++)
		if (!has_address(others, list->at[i]))
			list->at[kept++] = list->at[i];
	list->n = kept;
}

/* The kernel refuses a set whose ranges overlap: annotations may, and those of pods at one port. */
static void join_blocks(Senders *s)
{
	uint32_t kept = 0;
	Ranges ranges = {};

	SORT(&s->blocks, compare_blocks);
	for (uint32_t i = 0; i < s->blocks.n; i++) {
		unsigned port = s->blocks.at[i].port;

		VEC_PUSH(s->arena, &ranges, s->blocks.at[i].range);
		if (i + 1 < s->blocks.n && s->blocks.at[i + 1].port == port)
			continue;
		ranges_normalise(&ranges);
		for (uint32_t k = 0; k < ranges.n; k++)
			s->blocks.at[kept++] = (SenderBlock){port, ranges.at[k]};
		ranges.n = 0;
	}
	s->blocks.n = kept;
}

/* A pod that is free does not free others at its port: it may be an address's former pod. */
static void finish(Making *m)
{
	Senders *s = m->s;

	SORT(&m->checked, compare_interfaces);
	SORT(&s->senders, compare_senders);
	join_blocks(s);
	SORT(&s->owned, compare_addresses);
	SORT(&s->unplaced, compare_addresses);
	SORT(&s->known, compare_interfaces);
	SORT(&s->free, compare_interfaces);
	SORT(&s->uplinks, compare_interfaces);
	SORT(&s->outside, compare_interfaces);
	SORT(&s->gateways, compare_addresses);
	subtract_addresses(&s->unplaced, &s->owned);
	subtract_addresses(&s->gateways, &s->owned);
	subtract_interfaces(&s->free, &m->checked);
	subtract_interfaces(&s->known, &s->free);
	subtract_interfaces(&s->uplinks, &s->known);
	subtract_interfaces(&s->outside, &s->known);
}

/*
 * The last address of an IPv4 subnet is that of all its hosts, but where it has only two (RFC
 * 3021). Subnets that are adjacent are joined afterwards.
 */
static void add_broadcasts(Senders *s, const Ranges *subnets)
{
	for (size_t i = 0; i < subnets->n; i++)
		if (subnets->at[i].family == FAMILY_IPV4 &&
			subnets->at[i].last - subnets->at[i].first > 1)
			VEC_PUSH(s->arena, &s->broadcasts,
				(Address){subnets->at[i].last, FAMILY_IPV4});
	SORT(&s->broadcasts, compare_addresses);
}

Senders *senders_make(const SenderFacts *facts)
{
	Arena *arena = arena_new();
	Senders *s = ARENA_NEW(arena, Senders);
	Making making = {.s = s, .facts = facts};

	assert(facts->mode != SENDERS_OFF);
	*s = (Senders){.arena = arena,
		.table = arena_strdup(arena, facts->table),
		.mode = facts->mode,
		.bridge = facts->bridge,
		.allows_tunnels = facts->allows_tunnels,
		.log_group = facts->log_group,
		.uplinks = VEC_COPY(arena, facts->uplinks),
		.outside = VEC_COPY(arena, facts->outside),
		.gateways = VEC_COPY(arena, facts->gateways)};
	find_latest(&making);
	survey_ports(&making);
	for (size_t i = 0; i < facts->pods.n; i++)
		add_pod(&making, &facts->pods.at[i]);
	finish(&making);
	add_broadcasts(s, &facts->subnets);
	for (size_t i = 0; facts->mode != SENDERS_LISTED && i < facts->subnets.n; i++)
		VEC_PUSH(arena, &s->subnets, facts->subnets.at[i]);
	add_ranges_of_listed(&making);
	ranges_normalise(&s->subnets);
	return s;
}

Senders *senders_free(Senders *senders)
{
	if (senders)
		arena_free(senders->arena);
	return NULL;
}

/* ---- Comparison ---- */
static bool interfaces_are_equal(const Interfaces *a, const Interfaces *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof(*a->at)) == 0);
}

static bool lists_are_equal(const Senders *a, const Senders *b)
{
	if (a->senders.n != b->senders.n || a->blocks.n != b->blocks.n)
		return false;
	for (size_t i = 0; i < a->senders.n; i++)
		if (compare_senders(&a->senders.at[i], &b->senders.at[i]) != 0)
			return false;
	for (size_t i = 0; i < a->blocks.n; i++)
		if (compare_blocks(&a->blocks.at[i], &b->blocks.at[i]) != 0)
			return false;
	return true;
}

bool senders_are_equal(const Senders *a, const Senders *b)
{
	return text_is_equal(a->table, b->table) && a->mode == b->mode && a->bridge == b->bridge &&
	       a->allows_tunnels == b->allows_tunnels && a->log_group == b->log_group &&
	       lists_are_equal(a, b) && addresses_are_equal(&a->owned, &b->owned) &&
	       addresses_are_equal(&a->unplaced, &b->unplaced) &&
	       addresses_are_equal(&a->gateways, &b->gateways) &&
	       addresses_are_equal(&a->broadcasts, &b->broadcasts) &&
	       interfaces_are_equal(&a->known, &b->known) &&
	       interfaces_are_equal(&a->free, &b->free) &&
	       interfaces_are_equal(&a->bridges, &b->bridges) &&
	       interfaces_are_equal(&a->uplinks, &b->uplinks) &&
	       interfaces_are_equal(&a->outside, &b->outside) &&
	       ranges_are_equal(&a->subnets, &b->subnets);
}
