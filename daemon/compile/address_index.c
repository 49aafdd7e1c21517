/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pod each address belongs to. */
#include "address_index.h"
#include <string.h>

static uint64_t attached_at(const Pod *pod)
{
	return pod->attached ? pod->attached->made_at : 0;
}

/*
 * The pod that was attached with the address last; of pods without an attachment, or of the same
 * time, the pod whose file is there, or was there last, then the running one, then the one that
 * started last; the other criteria make the order total.
 */
static bool is_better(const void *one, const void *two)
{
	const Pod *a = one, *b = two;
	bool runs_a = a->phase == PHASE_RUNNING, runs_b = b->phase == PHASE_RUNNING;
	int r = strcmp(a->started, b->started);

	if (attached_at(a) != attached_at(b))
		return attached_at(a) > attached_at(b);
	if (a->withdrawn_at != b->withdrawn_at)
		return withdrawn_counts_first(a->withdrawn_at, b->withdrawn_at);
	if (runs_a != runs_b)
		return runs_a;
	if (r)
		return r > 0;
	if (a->version != b->version)
		return a->version > b->version;
	r = strcmp(a->namespace, b->namespace);
	if (r == 0)
		r = strcmp(a->name, b->name);
	return r ? r > 0 : a->uid > b->uid;
}

static size_t address_size(const void *address)
{
	return sizeof(*(const Address *)address);
}

static bool has_address(const void *item, const void *key)
{
	return addresses_have(&((const Pod *)item)->addresses, *(const Address *)key);
}

static const ConflictKind POD_BY_ADDRESS = {address_size, has_address, is_better};

void address_index_init(AddressIndex *index, Arena *arena)
{
	conflict_map_init(&index->pods, arena, &POD_BY_ADDRESS);
}

const Pod *address_index_owner(const AddressIndex *index, Address address)
{
	return conflict_map_winner(&index->pods, &address);
}

/*
 * Whether the index has an entry for the n-th address of the pod. A list may have one address
 * several times; the map takes an item once under each key, so only the first has an entry.
 */
static bool is_entry(const Pod *pod, size_t n)
{
	Addresses before = {.at = pod->addresses.at, .n = (uint32_t)n};

	if (addresses_have(&before, pod->addresses.at[n]))
		return false;
	return pod_is_subject(pod);
}

void address_index_add(AddressIndex *index, const Pod *pod)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (is_entry(pod, i))
			conflict_map_add(&index->pods, &pod->addresses.at[i], pod);
}

void address_index_remove(AddressIndex *index, const Pod *pod)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (is_entry(pod, i))
			conflict_map_remove(&index->pods, &pod->addresses.at[i], pod);
}

void address_index_replace(AddressIndex *index, const Pod *pod, const Pod *by)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (is_entry(pod, i))
			conflict_map_replace(&index->pods, &pod->addresses.at[i], pod, by);
}

bool address_index_holds(const AddressIndex *index, const Pod *pod, Address address)
{
	return conflict_map_count_groups(&index->pods) == 0 ||
	       address_index_owner(index, address) == pod;
}

bool address_index_has_entry(const AddressIndex *index, const Pod *pod, size_t n)
{
	return is_entry(pod, n) && address_index_holds(index, pod, pod->addresses.at[n]);
}

size_t address_index_count(const AddressIndex *index)
{
	return conflict_map_count(&index->pods);
}

/* ---- Warnings ---- */
static void warn_conflict(const Pod *counts, const Pod *pod, Address address, Diags *diags)
{
	char text[ADDRESS_TEXT_SIZE];

	DIAG_WARNING(diags, pod_origin(counts), "address-clash", NULL,
		"pods %s/%s and %s/%s both claim %s; it counts as %s/%s's, which "
		"runs or started last",
		counts->namespace, counts->name, pod->namespace, pod->name,
		address_text(address, text), counts->namespace, counts->name);
}

static void warn_group(const Pod *counts, const ConflictGroup *group, Diags *diags)
{
	size_t n;
	const void *const *others =
		conflict_group_losers(group, counts, diags->arena, pod_compare_p, &n);

	for (size_t i = 0; i < n; i++)
		if (!((const Pod *)others[i])->withdrawn_at)
			warn_conflict(counts, others[i],
				*(const Address *)conflict_group_key(group), diags);
}

typedef struct Conflict {
	const Pod *winner;
	const ConflictGroup *group;
} Conflict;

static int conflict_compare(const void *a, const void *b)
{
	const Conflict *x = a, *y = b;
	int r = pod_compare_p(&x->winner, &y->winner);

	return r ? r
		 : address_compare(*(const Address *)conflict_group_key(x->group),
			   *(const Address *)conflict_group_key(y->group));
}

void address_index_warn(const AddressIndex *index, Diags *diags)
{
	VEC(Conflict) conflicts = {};
	const ConflictGroup *group;
	size_t cursor = 0;

	while ((group = conflict_map_next_group(&index->pods, &cursor)))
		VEC_PUSH(diags->arena, &conflicts,
			(Conflict){conflict_map_winner(&index->pods, conflict_group_key(group)),
				group});
	if (conflicts.n)
		qsort(conflicts.at, conflicts.n, sizeof(Conflict), conflict_compare);
	for (size_t i = 0; i < conflicts.n && i < DIAGS_MAX; i++)
		warn_group(conflicts.at[i].winner, conflicts.at[i].group, diags);
	if (conflicts.n > DIAGS_MAX)
		diags_count_dropped(diags, SEVERITY_WARNING, conflicts.n - DIAGS_MAX);
}
