/* Who holds which address. */
#include "index.h"
#include <string.h>

static uint32_t address_hash(Address address)
{
	return hash_bytes(HASH_START + address.family, &address.value, sizeof(address.value));
}

void index_start(Index *index, Arena *arena)
{
	*index = (Index){arena, table_new(arena), table_new(arena)};
}

/* ---- Claims ---- */
/* Of two claimants: the running one, then the one started last, then a rule that always decides. */
static bool is_better(const Pod *a, const Pod *b)
{
	bool runs_a = a->phase == PHASE_RUNNING, runs_b = b->phase == PHASE_RUNNING;
	int r = strcmp(a->started, b->started);

	if (runs_a != runs_b)
		return runs_a;
	if (r)
		return r > 0;
	if (a->version != b->version)
		return a->version > b->version;
	r = strcmp(a->space, b->space);
	return r ? r > 0 : strcmp(a->name, b->name) > 0;
}

static bool pod_claims(const Pod *pod, Address address)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (address_is_equal(pod->addresses.at[i], address))
			return true;
	return false;
}

/* Who holds the address, and how many claim it. */
static const Pod *holder(const Index *index, Address address, size_t *ret_claims)
{
	uint32_t hash = address_hash(address);
	const Pod *best = NULL, *pod;
	size_t cursor = 0, n = 0;

	while ((pod = table_find(index->claims, hash, &cursor))) {
		if (!pod_claims(pod, address))
			continue;
		n++;
		if (!best || is_better(pod, best))
			best = pod;
	}
	*ret_claims = n;
	return best;
}

const Pod *index_owner(const Index *index, Address address)
{
	size_t claims;

	return holder(index, address, &claims);
}

static bool is_repeated(const Pod *pod, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (address_is_equal(pod->addresses.at[k], pod->addresses.at[i]))
			return true;
	return false;
}

/* The table of clashes names whoever holds the address, from the second claim on. */
static void end_clash(Index *index, Address address)
{
	size_t claims;
	const Pod *pod = holder(index, address, &claims);

	if (claims > 1)
		table_remove(index->clashes, address_hash(address), pod);
}

static void begin_clash(Index *index, Address address)
{
	size_t claims;
	const Pod *pod = holder(index, address, &claims);

	if (claims > 1)
		table_add(index->clashes, address_hash(address), pod);
}

/* before, after: either may be NULL. */
static void change_claim(Index *index, Address address, const Pod *before, const Pod *after)
{
	uint32_t hash = address_hash(address);
	size_t claims;

	holder(index, address, &claims);
	if (claims > 1)
		end_clash(index, address);
	if (before && after)
		table_replace(index->claims, hash, before, after);
	else if (before)
		table_remove(index->claims, hash, before);
	else
		table_add(index->claims, hash, after);
	if (claims > 0)
		begin_clash(index, address);
}

static void change_claims(Index *index, const Pod *pod, const Pod *before, const Pod *after)
{
	for (size_t i = 0; pod_is_subject(pod) && i < pod->addresses.n; i++)
		if (!is_repeated(pod, i))
			change_claim(index, pod->addresses.at[i], before, after);
}

void index_add(Index *index, const Pod *pod)
{
	change_claims(index, pod, NULL, pod);
}

void index_remove(Index *index, const Pod *pod)
{
	change_claims(index, pod, pod, NULL);
}

void index_replace(Index *index, const Pod *pod, const Pod *by)
{
	change_claims(index, pod, pod, by);
}

bool index_holds(const Index *index, const Pod *pod, Address address)
{
	return table_count(index->clashes) == 0 || index_owner(index, address) == pod;
}

/* ---- Warnings ---- */
static void warn_clash(const Index *index, const Pod *counts, Address address, Diags *diags)
{
	uint32_t hash = address_hash(address);
	char text[ADDRESS_TEXT_SIZE];
	const Pod *pod;
	size_t cursor = 0;

	while ((pod = table_find(index->claims, hash, &cursor)))
		if (pod != counts && pod_claims(pod, address))
			DIAG_WARNING(diags, counts->origin, "address-clash", NULL,
				"pods %s/%s and %s/%s both claim %s; it counts as %s/%s's, which "
				"runs or started last",
				counts->space, counts->name, pod->space, pod->name,
				address_text(address, text), counts->space, counts->name);
}

static void warn_clashes(const Index *index, const Pod *pod, Diags *diags)
{
	for (size_t i = 0; i < pod->addresses.n; i++)
		if (!is_repeated(pod, i) && index_owner(index, pod->addresses.at[i]) == pod)
			warn_clash(index, pod, pod->addresses.at[i], diags);
}

void index_warn(const Index *index, Diags *diags)
{
	Pods pods = {};
	const Pod *pod;
	size_t cursor = 0;

	while (pods.n < DIAGS_MOST && (pod = table_next(index->clashes, &cursor)))
		VEC_PUSH(diags->arena, &pods, pod);
	if (pods.n)
		qsort(pods.at, pods.n, sizeof(Pod *), pod_compare_p);
	for (size_t i = 0; i < pods.n; i++)
		if (i == 0 || pods.at[i] != pods.at[i - 1])
			warn_clashes(index, pods.at[i], diags);
	diags->n_dropped += table_count(index->clashes) - pods.n;
}

/* ---- Peers ---- */
bool peer_selects(const Model *model, const char *own_namespace, const Peer *peer, const Pod *pod)
{
	const Namespace *space = model_namespace(model, pod->space);

	if (peer->kind != PEER_PODS || !pod_is_subject(pod))
		return false;
	if (peer->namespaces ? !space || !selector_matches(peer->namespaces, &space->labels)
			     : strcmp(pod->space, own_namespace) != 0)
		return false;
	return !peer->pods || selector_matches(peer->pods, &pod->labels);
}

void peer_ranges(
	Arena *arena, const Model *model, const Peer *peer, Family family, Ranges *ret_ranges)
{
	const CidrSet *set = peer->kind == PEER_SET ? model_set(model, peer->set) : NULL;

	if (peer->kind == PEER_BLOCK && peer->block.family == family)
		ranges_subtract(arena, peer->block, peer->except.at, peer->except.n, ret_ranges);
	for (size_t i = 0; set && i < set->ranges.n; i++)
		if (set->ranges.at[i].family == family)
			VEC_PUSH(arena, ret_ranges, set->ranges.at[i]);
}
