/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policies' wants count, kept incrementally. See budget_wants.h.
 *
 * Invariant: a want that is counted has, at the end of an update, the sum over all addresses of
 * what count_address() says of the address and its owner. wants_move() therefore subtracts exactly
 * what was added for the address before.
 */
#include "budget_wants.h"
#include <assert.h>

void want_counter_init(WantCounter *counter, Arena *arena)
{
	*counter = (WantCounter){.arena = arena};
	candidates_init(&counter->candidates, arena);
}

void want_counter_begin(WantCounter *counter, Arena *scratch)
{
	counter->scratch = scratch;
	counter->batch = (IndexedSets){};
	counter->found = (IndexedSets){};
	counter->elements = (Elements){};
}

/* ---- One address ---- */
typedef struct Count {
	size_t elements, comparisons;
} Count;

static size_t count_elements(
	WantCounter *counter, const CountedWant *want, Address address, const Member *member)
{
	Elements *elements = &counter->elements;

	if (!member->pod || !candidate_selects(&want->set, address, member))
		return 0;
	if (want->set.definition.kind == SET_PODS)
		return 1;
	elements->n = 0;
	indexed_set_add_elements(counter->scratch, &want->set, address, member->pod, elements);
	elements_sort(elements); /* and drops duplicates */
	return elements->n;
}

static Count count_address(
	WantCounter *counter, const CountedWant *want, Address address, const Member *member)
{
	return (Count){count_elements(counter, want, address, member), want->comparisons_each};
}

/* Finds the wants that may select the pod: the comparisons with all others are not made. */
static void find(WantCounter *counter, const Member *member)
{
	counter->found.n = 0;
	candidates_begin(&counter->candidates);
	candidates_find(&counter->candidates, counter->scratch, member, &counter->found);
}

void wants_move(WantCounter *counter, Address address, Member before, Member after)
{
	find(counter, &before);
	for (size_t i = 0; i < counter->found.n; i++) {
		CountedWant *want = (CountedWant *)counter->found.at[i];
		Count count = count_address(counter, want, address, &before);

		assert(want->elements >= count.elements);
		assert(want->comparisons >= count.comparisons);
		want->elements -= count.elements;
		want->comparisons -= count.comparisons;
		want->namespace->is_outdated = true;
	}
	find(counter, &after);
	for (size_t i = 0; i < counter->found.n; i++) {
		CountedWant *want = (CountedWant *)counter->found.at[i];
		Count count = count_address(counter, want, address, &after);

		want->elements += count.elements;
		want->comparisons += count.comparisons;
		want->namespace->is_outdated = true;
	}
}

/* ---- The batch ---- */
static void count_pod(WantCounter *counter, const AddressIndex *addresses, const Member *member)
{
	find(counter, member);
	for (size_t i = 0; i < member->pod->addresses.n; i++) {
		Address address = member->pod->addresses.at[i];

		if (!address_index_has_entry(addresses, member->pod, i))
			continue;
		for (size_t k = 0; k < counter->found.n; k++) {
			CountedWant *want = (CountedWant *)counter->found.at[k];
			Count count;

			if (!want->is_new)
				continue;
			count = count_address(counter, want, address, member);
			want->elements += count.elements;
			want->comparisons += count.comparisons;
		}
	}
}

void wants_count_batch(WantCounter *counter, const Model *model, const AddressIndex *addresses)
{
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	if (counter->batch.n == 0)
		return;
	while ((namespace = model_next_namespace(model, &cursor))) {
		Member member = {.namespace = namespace->object};
		size_t at_pod = 0;

		while ((member.pod = namespace_next_pod(namespace, &at_pod)))
			if (pod_is_subject(member.pod))
				count_pod(counter, addresses, &member);
	}
	for (size_t i = 0; i < counter->batch.n; i++) {
		CountedWant *want = (CountedWant *)counter->batch.at[i];

		want->is_new = false;
		want->is_counted = true;
	}
	counter->batch.n = 0;
}

void want_request_count(WantCounter *counter, CountedWant *want)
{
	assert(!want->is_counted && !want->is_new);
	want->is_new = true;
	candidates_add(&counter->candidates, &want->set);
	VEC_PUSH(counter->scratch, &counter->batch, &want->set);
}

/* ---- The wants of a namespace ---- */
CountedWant *wants_get(WantCounter *counter, NamespaceWants *namespace, const Want *spec)
{
	uint32_t hash = cost_want_hash(&spec->definition);
	const CountedWant *known;
	CountedWant *want;
	Arena *arena;
	size_t cursor = 0;

	if (!namespace->table_arena) {
		namespace->table_arena = arena_child(counter->arena);
		namespace->by_key = hash_table_new(namespace->table_arena);
	}
	while ((known = hash_table_find(namespace->by_key, hash, &cursor)))
		if (cost_is_same_want(&known->set.definition, &spec->definition))
			return (CountedWant *)known;
	arena = arena_child(counter->arena);
	want = ARENA_NEW(arena, CountedWant);
	*want = (CountedWant){.namespace = namespace,
		.comparisons_each = cost_comparisons(&spec->definition),
		.elements = spec->n_ranges,
		.is_counted = spec->definition.kind == SET_CIDR};
	indexed_set_init(&want->set, arena, &spec->definition);
	hash_table_add(namespace->by_key, hash, want);
	return want;
}

CountedWants wants_list(const WantCounter *counter, const NamespaceWants *namespace)
{
	CountedWants wants = {};
	const CountedWant *want;
	size_t cursor = 0;

	while (namespace->by_key && (want = hash_table_next(namespace->by_key, &cursor)))
		VEC_PUSH(counter->scratch, &wants, (CountedWant *)want);
	return wants;
}

void want_free(WantCounter *counter, CountedWant *want)
{
	const Definition *definition = &want->set.definition;

	if (want->is_counted)
		candidates_remove(&counter->candidates, &want->set);
	hash_table_remove(want->namespace->by_key, cost_want_hash(definition), want);
	arena_free(want->set.arena);
}

void wants_clear(WantCounter *counter, NamespaceWants *namespace)
{
	CountedWants wants = wants_list(counter, namespace);

	for (size_t i = 0; i < wants.n; i++)
		want_free(counter, wants.at[i]);
	arena_free(namespace->table_arena);
	*namespace = (NamespaceWants){};
}
