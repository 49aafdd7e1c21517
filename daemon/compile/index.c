/* Who holds which address, and whom a peer selects. */
#include "index.h"
#include <string.h>

/* ---- Addresses ---- */
static int owner_compare(const void *a, const void *b)
{
	return address_compare(((const Owner *)a)->address, ((const Owner *)b)->address);
}

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

static void warn_clash(Diags *diags, const Owner *winner, const Owner *loser)
{
	char text[ADDRESS_TEXT_SIZE];

	DIAG_WARNING(diags, winner->pod->origin, "address-clash", NULL,
		"pods %s/%s and %s/%s both claim %s; it counts as %s/%s's, which runs or started "
		"last",
		winner->pod->space, winner->pod->name, loser->pod->space, loser->pod->name,
		address_text(winner->address, text), winner->pod->space, winner->pod->name);
}

static void keep_best(Owners *owners, Diags *diags)
{
	size_t kept = 0;

	for (size_t i = 1; i < owners->n; i++) {
		Owner *top = &owners->at[kept], next = owners->at[i];

		if (!address_is_equal(top->address, next.address)) {
			owners->at[++kept] = next;
			continue;
		}
		if (is_better(next.pod, top->pod)) {
			warn_clash(diags, &next, top);
			*top = next;
		} else if (next.pod != top->pod) {
			warn_clash(diags, top, &next);
		}
	}
	owners->n = owners->n ? kept + 1 : 0;
}

void index_build(Arena *arena, const Model *model, Diags *diags, Index *ret_index)
{
	Index index = {.arena = arena, .model = model, .selections = strmap_new(arena)};

	for (size_t i = 0; i < model->pods.n; i++) {
		const Pod *pod = model->pods.at[i];

		for (size_t k = 0; pod_is_subject(pod) && k < pod->addresses.n; k++)
			VEC_PUSH(arena, &index.owners, (Owner){pod->addresses.at[k], pod});
	}
	if (index.owners.n)
		qsort(index.owners.at, index.owners.n, sizeof(Owner), owner_compare);
	keep_best(&index.owners, diags);
	*ret_index = index;
}

const Pod *index_owner(const Index *index, Address address)
{
	Owner wanted = {.address = address}, *found = NULL;

	if (index->owners.n)
		found = bsearch(
			&wanted, index->owners.at, index->owners.n, sizeof(Owner), owner_compare);
	return found ? found->pod : NULL;
}

bool index_holds(const Index *index, const Pod *pod, Address address)
{
	return index_owner(index, address) == pod;
}

/* ---- Selections ---- */
static void add_member(Index *index, Selection *selection, const Pod *pod)
{
	for (size_t k = 0; pod_is_subject(pod) && k < pod->addresses.n; k++) {
		Address address = pod->addresses.at[k];

		if (index_holds(index, pod, address))
			VEC_PUSH(index->arena, &selection->members[address.family],
				(Owner){address, pod});
	}
}

static void add_namespace(
	Index *index, Selection *selection, const char *space, const Selector *pods)
{
	size_t first, n = model_pods_of(index->model, space, &first);

	for (size_t i = first; i < first + n; i++)
		if (!pods || selector_matches(pods, &index->model->pods.at[i]->labels))
			add_member(index, selection, index->model->pods.at[i]);
}

static const char *star_if_empty(const char *text)
{
	return *text ? text : "*";
}

static const char *selector_text_or_star(Arena *arena, const Selector *selector)
{
	return selector ? star_if_empty(selector_text(arena, selector)) : "*";
}

const Selection *index_select(Index *index, const char *own_namespace, const Peer *peer)
{
	const char *pods = selector_text_or_star(index->arena, peer->pods), *key, *comment;
	Selection *selection;

	/* namespaces by selector in brackets: a namespace's name cannot hold one */
	if (peer->namespaces)
		comment = arena_printf(index->arena, "[%s]: %s",
			selector_text_or_star(index->arena, peer->namespaces), pods);
	else
		comment = arena_printf(index->arena, "%s: %s", own_namespace, pods);
	key = comment;
	selection = strmap_get(index->selections, key);
	if (selection)
		return selection;
	selection = ARENA_NEW(index->arena, Selection);
	*selection = (Selection){.key = key, .comment = comment};
	if (!peer->namespaces)
		add_namespace(index, selection, own_namespace, peer->pods);
	for (size_t i = 0; peer->namespaces && i < index->model->namespaces.n; i++)
		if (selector_matches(peer->namespaces, &index->model->namespaces.at[i]->labels))
			add_namespace(
				index, selection, index->model->namespaces.at[i]->name, peer->pods);
	strmap_put(index->selections, key, selection);
	return selection;
}

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
