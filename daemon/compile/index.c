/* Who holds which address. */
#include "index.h"
#include <string.h>

/* Of two claimants: the running one, then the one started last, then a rule that always decides. */
static bool is_better(const void *one, const void *two)
{
	const Pod *a = one, *b = two;
	bool runs_a = a->phase == PHASE_RUNNING, runs_b = b->phase == PHASE_RUNNING;
	int r = strcmp(a->started, b->started);

	if (runs_a != runs_b)
		return runs_a;
	if (r)
		return r > 0;
	if (a->version != b->version)
		return a->version > b->version;
	r = strcmp(a->namespace, b->namespace);
	return r ? r > 0 : strcmp(a->name, b->name) > 0;
}

static size_t address_size(const void *address)
{
	return sizeof(*(const Address *)address);
}

static bool has_address(const void *item, const void *key)
{
	return addresses_have(&((const Pod *)item)->addresses, *(const Address *)key);
}

static const ConflictKind BY_ADDRESS = {address_size, has_address, is_better};

void index_start(Index *index, Arena *arena)
{
	conflict_map_init(&index->claims, arena, &BY_ADDRESS);
}

const Pod *index_owner(const Index *index, Address address)
{
	return conflict_map_winner(&index->claims, &address);
}

/* The n-th address of a pod counts, and did not come before. */
static bool is_claim(const Pod *pod, size_t n)
{
	Addresses before = {.at = pod->addresses.at, .n = (uint32_t)n};

	if (addresses_have(&before, pod->addresses.at[n]))
		return false;
	return pod_is_subject(pod);
}

void index_add(Index *index, const Pod *pod)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (is_claim(pod, i))
			conflict_map_add(&index->claims, &pod->addresses.at[i], pod);
}

void index_remove(Index *index, const Pod *pod)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (is_claim(pod, i))
			conflict_map_remove(&index->claims, &pod->addresses.at[i], pod);
}

void index_replace(Index *index, const Pod *pod, const Pod *by)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (is_claim(pod, i))
			conflict_map_replace(&index->claims, &pod->addresses.at[i], pod, by);
}

bool index_holds(const Index *index, const Pod *pod, Address address)
{
	return conflict_map_count_groups(&index->claims) == 0 || index_owner(index, address) == pod;
}

/* ---- Warnings ---- */
static void warn_clash(const Pod *counts, const Pod *pod, Address address, Diags *diags)
{
	char text[ADDRESS_TEXT_SIZE];

	DIAG_WARNING(diags, counts->origin, "address-clash", NULL,
		"pods %s/%s and %s/%s both claim %s; it counts as %s/%s's, which "
		"runs or started last",
		counts->namespace, counts->name, pod->namespace, pod->name,
		address_text(address, text), counts->namespace, counts->name);
}

static void warn_crowd(const Pod *counts, const ConflictGroup *group, Diags *diags)
{
	size_t n;
	const void *const *others =
		conflict_group_losers(group, counts, diags->arena, pod_compare_p, &n);

	for (size_t i = 0; i < n; i++)
		warn_clash(counts, others[i], *(const Address *)conflict_group_key(group), diags);
}

typedef struct Clash {
	const Pod *holder;
	const ConflictGroup *group;
} Clash;

static int compare_clashes(const void *a, const void *b)
{
	const Clash *x = a, *y = b;
	int r = pod_compare_p(&x->holder, &y->holder);

	return r ? r
		 : address_compare(*(const Address *)conflict_group_key(x->group),
			   *(const Address *)conflict_group_key(y->group));
}

void index_warn(const Index *index, Diags *diags)
{
	VEC(Clash) clashes = {};
	const ConflictGroup *group;
	size_t cursor = 0;

	while ((group = conflict_map_next_group(&index->claims, &cursor)))
		VEC_PUSH(diags->arena, &clashes,
			(Clash){conflict_map_winner(&index->claims, conflict_group_key(group)),
				group});
	if (clashes.n)
		qsort(clashes.at, clashes.n, sizeof(Clash), compare_clashes);
	for (size_t i = 0; i < clashes.n && i < DIAGS_MAX; i++)
		warn_crowd(clashes.at[i].holder, clashes.at[i].group, diags);
	diags->n_dropped += clashes.n > DIAGS_MAX ? clashes.n - DIAGS_MAX : 0;
}
