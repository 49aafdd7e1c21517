/* Who looks up which selection of pods: counted, so that a policy costs what it says. */
#include "uses.h"
#include <string.h>

/*
 * The uses of one selection, each by the hash of its group, in sums from which a use can be taken
 * again. All are of one group if the sum's square is their number times the sum of squares: of
 * numbers that differ it is less. (By chance it is the same after 64 bits: then a set holds what
 * another holds too, and nothing else comes of it.)
 */
typedef struct Tally {
	uint64_t n, sum, squares;
} Tally;

struct Use {
	uint32_t selection;
	bool is_edited;
	Tally tally, before; /* before: as the update found it */
	Use *next_free;
};

void uses_start(Uses *uses, Arena *arena)
{
	*uses = (Uses){.arena = arena, .by_selection = hash_table_new(arena)};
}

void uses_begin(Uses *uses, Arena *scratch)
{
	*uses = (Uses){.arena = uses->arena,
		.by_selection = uses->by_selection,
		.free = uses->free,
		.scratch = scratch};
}

/* ---- What is counted ---- */
uint32_t group_hash(const Policy *policy, Direction direction, const Rule *rule)
{
	uint32_t hash = hash_bytes(HASH_START, &direction, sizeof(direction));

	hash = selector_hash(hash_text(hash, policy->namespace), &policy->pods);
	for (size_t i = 0; i < rule->ports.n; i++) {
		const Port *port = &rule->ports.at[i];
		unsigned numbers[] = {port->kind, port->protocol, port->first, port->last};

		hash = hash_bytes(hash, numbers, sizeof(numbers));
		hash = hash_text(hash, port->kind == PORT_NAME ? port->name : "");
	}
	return hash;
}

bool group_is_equal(const Policy *a, const Rule *x, const Policy *b, const Rule *y)
{
	return strcmp(a->namespace, b->namespace) == 0 && selectors_are_equal(&a->pods, &b->pods) &&
	       rules_have_same_ports(x, y);
}

/* ---- Counting ---- */
static Use *find_use(const Uses *uses, uint32_t selection)
{
	size_t cursor = 0;

	return (Use *)hash_table_find(uses->by_selection, selection, &cursor);
}

static Use *use_of(Uses *uses, uint32_t selection)
{
	Use *use = find_use(uses, selection);

	if (!use) {
		use = uses->free ? uses->free : ARENA_NEW(uses->arena, Use);
		uses->free = use->next_free;
		*use = (Use){.selection = selection};
		hash_table_add(uses->by_selection, selection, use);
	}
	if (!use->is_edited) {
		VEC_PUSH(uses->scratch, &uses->edited, use);
		use->before = use->tally;
		use->is_edited = true;
	}
	return use;
}

/* `by` 1: it comes; the other way round, -1, it goes. */
static void count(Uses *uses, const Policy *policy, Direction direction, const Rule *rule, int by)
{
	uint64_t group = group_hash(policy, direction, rule), n = (uint64_t)by;

	for (size_t i = 0; i < rule->peers.n; i++) {
		Selection selection = selection_of(policy, &rule->peers.at[i]);
		Tally *tally;

		if (rule->peers.at[i].kind != PEER_PODS)
			continue;
		tally = &use_of(uses, selection_hash(&selection))->tally;
		tally->n += n;
		tally->sum += n * group;
		tally->squares += n * group * group;
	}
}

static void count_policy(Uses *uses, const Policy *policy, int by)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			count(uses, policy, d, &policy->rules[d].at[i], by);
}

void uses_add(Uses *uses, const Policy *policy)
{
	count_policy(uses, policy, 1);
}

void uses_remove(Uses *uses, const Policy *policy)
{
	count_policy(uses, policy, -1);
}

void uses_end(Uses *uses)
{
	for (size_t i = 0; i < uses->edited.n; i++) {
		Use *use = uses->edited.at[i];

		use->is_edited = false;
		if (use->tally.n > 0)
			continue;
		hash_table_remove(uses->by_selection, use->selection, use);
		use->next_free = uses->free;
		uses->free = use;
	}
}

/* ---- Asking ---- */
static bool is_of_one(const Tally *tally)
{
	return tally->n * tally->squares == tally->sum * tally->sum;
}

bool uses_are_of_one(const Uses *uses, const Selection *selection)
{
	const Use *use = find_use(uses, selection_hash(selection));

	return use && is_of_one(&use->tally);
}

/* Who began to use it in this update, or no longer does, has changed himself. */
static bool has_turned(const Use *use)
{
	return use && use->is_edited && use->before.n > 0 && use->tally.n > 0 &&
	       is_of_one(&use->before) != is_of_one(&use->tally);
}

bool uses_turned(const Uses *uses)
{
	for (size_t i = 0; i < uses->edited.n; i++)
		if (has_turned(uses->edited.at[i]))
			return true;
	return false;
}

static bool any_turned(const Uses *uses, const Policy *policy, const Rule *rule)
{
	for (size_t i = 0; i < rule->peers.n; i++) {
		Selection selection = selection_of(policy, &rule->peers.at[i]);

		if (rule->peers.at[i].kind == PEER_PODS &&
			has_turned(find_use(uses, selection_hash(&selection))))
			return true;
	}
	return false;
}

bool uses_turned_of(const Uses *uses, const Policy *policy)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			if (any_turned(uses, policy, &policy->rules[d].at[i]))
				return true;
	return false;
}
