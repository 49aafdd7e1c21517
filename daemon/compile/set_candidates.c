/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sets may select a pod. See set_candidates.h. */
#include "set_candidates.h"
#include <assert.h>

void candidates_init(CandidateIndex *index, Arena *arena)
{
	*index = (CandidateIndex){.arena = arena, .by_label = hash_table_new(arena)};
}

/*
 * ---- Keys ----
 * The hash of a label and of whose label it is: of a pod in one namespace, of a pod in any, or of a
 * namespace. ANY_LABEL stands for "is in the namespace".
 */
#define OF_POD_IN(namespace) hash_text(HASH_START, (namespace))
#define OF_ANY_POD 0x9e3779b9u
#define OF_NAMESPACE 0x85ebca6bu
#define ANY_LABEL 0

static uint32_t label_hash(const char *key, const char *value)
{
	return hash_text(hash_text(HASH_START, key), value);
}

static uint32_t key_hash(uint32_t whose, uint32_t label)
{
	return (whose ^ label) * 0x01000193u + whose;
}

typedef void (*KeyVisit)(CandidateIndex *index, uint32_t hash, IndexedPeer *peer);

/*
 * Visits one key for each value of the selector's first requirement of the kind `key In (values)`:
 * whatever the selector selects has one of these labels. False: it has no such requirement.
 */
static bool visit_selector(CandidateIndex *index, IndexedPeer *peer, const Selector *selector,
	uint32_t whose, KeyVisit visit)
{
	for (size_t i = 0; selector && i < selector->list.n; i++) {
		const Requirement *r = &selector->list.at[i];

		if (r->op != OPERATOR_IN)
			continue;
		for (size_t k = 0; k < r->values.n; k++)
			visit(index, key_hash(whose, label_hash(r->key, r->values.at[k])), peer);
		return true;
	}
	return false;
}

/*
 * Visits the keys of a peer: labels of the pod, if the pod selector requires one; else labels of
 * the namespace, or the namespace itself. False: the peer has no key.
 */
static bool visit_peer(CandidateIndex *index, IndexedPeer *peer, KeyVisit visit)
{
	const Selection *selection = peer->selection;
	uint32_t whose = selection->namespace ? OF_POD_IN(selection->namespace) : OF_ANY_POD;

	if (visit_selector(index, peer, selection->pods, whose, visit))
		return true;
	if (!selection->namespace)
		return visit_selector(index, peer, selection->namespaces, OF_NAMESPACE, visit);
	visit(index, key_hash(whose, ANY_LABEL), peer);
	return true;
}

/* False: the set may select pods by their address, or by a peer that has no key, or all pods. */
static bool visit_keys(CandidateIndex *index, IndexedSet *set, KeyVisit visit)
{
	const Definition *definition = &set->definition;
	bool is_keyed =
		!definition->is_any && (definition->kind != SET_PORTS || definition->ranges.n == 0);

	for (size_t i = 0; is_keyed && i < definition->peers.n; i++)
		is_keyed = visit_peer(index, &set->peers[i], visit);
	return is_keyed;
}

/* ---- Entering and removing sets ---- */
static void add_key(CandidateIndex *index, uint32_t hash, IndexedPeer *peer)
{
	hash_table_add(index->by_label, hash, peer);
}

static void remove_key(CandidateIndex *index, uint32_t hash, IndexedPeer *peer)
{
	hash_table_remove(index->by_label, hash, peer);
}

static void ignore_key(CandidateIndex *index, uint32_t hash, IndexedPeer *peer)
{
	(void)index, (void)hash, (void)peer;
}

bool set_selects_pods(const IndexedSet *set)
{
	return set->definition.kind == SET_PODS || set->definition.kind == SET_PORTS;
}

void candidates_add(CandidateIndex *index, IndexedSet *set)
{
	if (!set_selects_pods(set))
		return;
	/* tried first without effect, for visit_keys may fail after it has visited some keys */
	set->is_unkeyed = !visit_keys(index, set, ignore_key);
	if (set->is_unkeyed)
		VEC_PUSH(index->arena, &index->unkeyed, set);
	else
		visit_keys(index, set, add_key);
}

void candidates_remove(CandidateIndex *index, IndexedSet *set)
{
	size_t n = 0;

	if (!set_selects_pods(set))
		return;
	if (!set->is_unkeyed) {
		visit_keys(index, set, remove_key);
		return;
	}
	for (size_t i = 0; i < index->unkeyed.n; i++)
		if (index->unkeyed.at[i] != set)
			index->unkeyed.at[n++] = index->unkeyed.at[i];
	index->unkeyed.n = n;
}

/* ---- Queries ---- */
void candidates_begin(CandidateIndex *index)
{
	index->query++;
}

static void add_set(CandidateIndex *index, Arena *scratch, IndexedSet *set, IndexedSets *candidates)
{
	if (set->query == index->query)
		return;
	set->query = index->query;
	set->candidate_peers = NULL;
	VEC_PUSH(scratch, candidates, set);
}

static void add_peer(
	CandidateIndex *index, Arena *scratch, IndexedPeer *peer, IndexedSets *candidates)
{
	add_set(index, scratch, peer->set, candidates);
	if (peer->query == index->query)
		return;
	peer->query = index->query;
	peer->next_candidate = peer->set->candidate_peers;
	peer->set->candidate_peers = peer;
}

static void add_peers(CandidateIndex *index, Arena *scratch, uint32_t hash, IndexedSets *candidates)
{
	const IndexedPeer *peer;
	size_t cursor = 0;

	while ((peer = hash_table_find(index->by_label, hash, &cursor)))
		add_peer(index, scratch, (IndexedPeer *)peer, candidates);
}

void candidates_find(
	CandidateIndex *index, Arena *scratch, const Member *member, IndexedSets *candidates)
{
	const Pod *pod = member->pod;
	uint32_t of_pod;

	if (!pod)
		return;
	of_pod = OF_POD_IN(pod->namespace);
	for (size_t i = 0; i < index->unkeyed.n; i++)
		add_set(index, scratch, index->unkeyed.at[i], candidates);
	for (size_t i = 0; i < pod->labels.list.n; i++) {
		const Label *label = &pod->labels.list.at[i];
		uint32_t hash = label_hash(label->key, label->value);

		add_peers(index, scratch, key_hash(of_pod, hash), candidates);
		add_peers(index, scratch, key_hash(OF_ANY_POD, hash), candidates);
	}
	add_peers(index, scratch, key_hash(of_pod, ANY_LABEL), candidates);
	for (size_t i = 0; member->namespace && i < member->namespace->labels.list.n; i++) {
		const Label *label = &member->namespace->labels.list.at[i];

		add_peers(index, scratch,
			key_hash(OF_NAMESPACE, label_hash(label->key, label->value)), candidates);
	}
}

static bool definition_selects(const Definition *definition, Address address, const Member *member)
{
	for (size_t i = 0; i < definition->peers.n; i++)
		if (selection_matches(&definition->peers.at[i], member))
			return true;
	return definition->is_any ||
	       (definition->kind == SET_PORTS && ranges_find(&definition->ranges, address));
}

bool candidate_selects(const IndexedSet *set, Address address, const Member *member)
{
	if (set->is_unkeyed)
		return definition_selects(&set->definition, address, member);
	for (const IndexedPeer *peer = set->candidate_peers; peer; peer = peer->next_candidate)
		if (selection_matches(peer->selection, member))
			return true;
	return false;
}
