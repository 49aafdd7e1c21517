/* The ruleset's order, lookups, equality, and chains named by their content. */
#include "ruleset.h"
#include <string.h>

Ruleset *ruleset_new(void)
{
	Ruleset *ruleset = MEMORY_NEW(Ruleset);

	ruleset->refcount = 1;
	ruleset->arena = arena_new();
	return ruleset;
}

Set *ruleset_add_set(Ruleset *ruleset, Set draft)
{
	Set *set = ARENA_NEW(ruleset->arena, Set);

	*set = draft;
	VEC_PUSH(ruleset->arena, &ruleset->sets, set);
	return set;
}

Chain *ruleset_add_chain(Ruleset *ruleset, Chain draft)
{
	Chain *chain = ARENA_NEW(ruleset->arena, Chain);

	*chain = draft;
	VEC_PUSH(ruleset->arena, &ruleset->chains, chain);
	return chain;
}

Set *ruleset_add_self(Ruleset *ruleset, Family family)
{
	return ruleset_add_set(ruleset,
		(Set){.name = object_name_self(family), .kind = SET_SELF, .family = family});
}

/* ---- Order ---- */
int element_compare(const void *a, const void *b)
{
	const Element *x = a, *y = b;
	int r = address_compare(x->address, y->address);

	if (r)
		return r;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return x->port < y->port ? -1 : x->port > y->port;
}

static int set_compare(const void *a, const void *b)
{
	return strcmp((*(const Set *const *)a)->name, (*(const Set *const *)b)->name);
}

static int chain_compare(const void *a, const void *b)
{
	return strcmp((*(const Chain *const *)a)->name, (*(const Chain *const *)b)->name);
}

int verdict_compare(const void *a, const void *b)
{
	return address_compare(((const Verdict *)a)->address, ((const Verdict *)b)->address);
}

void elements_sort(Elements *elements)
{
	size_t kept = 0;

	if (elements->n == 0)
		return;
	qsort(elements->at, elements->n, sizeof(Element), element_compare);
	for (size_t i = 1; i < elements->n; i++)
		if (element_compare(&elements->at[i], &elements->at[kept]) != 0)
			elements->at[++kept] = elements->at[i];
	elements->n = kept + 1;
}

/* ---- Sizes ---- */
enum { SET_SIZE_MIN = 1024, SET_SIZE_STEP = 8, SET_SIZE_MAX = 524288 };

/* Measured: a lookup of an IPv4 address costs a new flow a hundredth less; of IPv6, as much. */
size_t set_size(const Set *set)
{
	if (set->kind != SET_PODS || set->family != FAMILY_IPV4)
		return 0;
	for (size_t size = SET_SIZE_MIN; size <= SET_SIZE_MAX; size *= SET_SIZE_STEP)
		if (set->elements.n <= size / 2)
			return size;
	return 0;
}

void ruleset_count_maps(Ruleset *ruleset)
{
	BaseOptions *base = &ruleset->base;

	for (Direction d = INGRESS; d < DIRECTION_N; d++) {
		base->is_isolating[d] = false;
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			size_t n = ruleset->verdicts[d][f].n;

			base->is_empty[d][f] = n == 0;
			base->is_large[d][f] = n > MAP_SMALL_MAX;
			base->is_isolating[d] |= n > 0;
		}
	}
}

void ruleset_sort(Ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->sets.n; i++)
		if (ruleset->sets.at[i]->refcount == 0)
			elements_sort(&((Set *)ruleset->sets.at[i])->elements);
	if (ruleset->sets.n)
		qsort(ruleset->sets.at, ruleset->sets.n, sizeof(Set *), set_compare);
	if (ruleset->chains.n)
		qsort(ruleset->chains.at, ruleset->chains.n, sizeof(Chain *), chain_compare);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (ruleset->verdicts[d][f].n)
				qsort(ruleset->verdicts[d][f].at, ruleset->verdicts[d][f].n,
					sizeof(Verdict), verdict_compare);
	ruleset_count_maps(ruleset);
}

/* ---- Lookups ---- */
const Set *ruleset_set(const Ruleset *ruleset, const char *name)
{
	const Set wanted = {.name = name}, *key = &wanted, **found = NULL;

	if (ruleset->sets.n)
		found = bsearch(
			&key, ruleset->sets.at, ruleset->sets.n, sizeof(Set *), set_compare);
	return found ? *found : NULL;
}

const Chain *ruleset_chain(const Ruleset *ruleset, const char *name)
{
	const Chain wanted = {.name = name}, *key = &wanted, **found = NULL;

	if (ruleset->chains.n)
		found = bsearch(&key, ruleset->chains.at, ruleset->chains.n, sizeof(Chain *),
			chain_compare);
	return found ? *found : NULL;
}

const Verdict *ruleset_verdict(const Ruleset *ruleset, Direction direction, Address address)
{
	const Verdicts *map = &ruleset->verdicts[direction][address.family];
	Verdict wanted = {.address = address};

	return map->n ? bsearch(&wanted, map->at, map->n, sizeof(Verdict), verdict_compare) : NULL;
}

/* ---- Chains ---- */
static int text_order(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int ports_compare(const PortRanges *a, const PortRanges *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		if (a->at[i].first != b->at[i].first)
			return a->at[i].first < b->at[i].first ? -1 : 1;
		if (a->at[i].last != b->at[i].last)
			return a->at[i].last < b->at[i].last ? -1 : 1;
	}
	return a->n < b->n ? -1 : a->n > b->n;
}

/* The cheap and broad conditions first, as packets meet them in this order. */
static int rule_compare(const void *a, const void *b)
{
	const ChainRule *x = a, *y = b;
	int r;

	if (x->match != y->match)
		return x->match < y->match ? -1 : 1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (!range_is_equal(x->block, y->block)) {
		if (x->block.first != y->block.first)
			return x->block.first < y->block.first ? -1 : 1;
		return x->block.last < y->block.last ? -1 : 1;
	}
	r = text_order(x->set, y->set);
	if (r == 0)
		r = text_order(x->excluded, y->excluded);
	if (r)
		return r;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return ports_compare(&x->ports, &y->ports);
}

static void digest_rule(Digest *digest, const ChainRule *rule)
{
	uint8_t head[] = {(uint8_t)rule->match, (uint8_t)rule->family, rule->protocol};
	uint64_t n = rule->ports.n;

	digest_add(digest, head, sizeof(head));
	digest_add(digest, &rule->block.first, sizeof(rule->block.first));
	digest_add(digest, &rule->block.last, sizeof(rule->block.last));
	digest_add_text(digest, rule->set ? rule->set : "");
	digest_add_text(digest, rule->excluded ? rule->excluded : "");
	digest_add(digest, &n, sizeof(n));
	for (size_t i = 0; i < n; i++)
		digest_add(digest, &rule->ports.at[i], sizeof(PortRange));
}

void chain_finish(Arena *arena, Chain *chain)
{
	size_t kept = 0;
	Digest digest;
	char hash[DIGEST_NAME_LENGTH + 1];

	if (chain->rules.n) {
		qsort(chain->rules.at, chain->rules.n, sizeof(ChainRule), rule_compare);
		for (size_t i = 1; i < chain->rules.n; i++)
			if (rule_compare(&chain->rules.at[i], &chain->rules.at[kept]) != 0)
				chain->rules.at[++kept] = chain->rules.at[i];
		chain->rules.n = kept + 1;
	}
	digest_start(&digest);
	digest_add(&digest, chain->is_drop ? "d" : "r", 1);
	for (size_t i = 0; i < chain->rules.n; i++)
		digest_rule(&digest, &chain->rules.at[i]);
	digest_end_name(&digest, hash);
	chain->name = object_name_chain(arena, chain->direction, hash);
}

/* A string of nft syntax ends at the next quote, and knows no escapes. */
static char *without_syntax(char *text)
{
	for (char *c = text; *c; c++)
		if (*c == '"')
			*c = '\'';
		else if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\')
			*c = '?';
	return text;
}

const char *comment_truncate(Arena *arena, const char *text)
{
	size_t n = strlen(text);

	if (n <= RULESET_COMMENT_MAX)
		return without_syntax(arena_strdup(arena, text));
	n = RULESET_COMMENT_MAX - 3;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return without_syntax(arena_printf(arena, "%.*s...", (int)n, text));
}

/* ---- What stands in while a table is put back ---- */
static const char *shut_chain(Ruleset *shut, Direction direction, bool is_drop)
{
	Chain *chain = ruleset_add_chain(shut, (Chain){.direction = direction, .is_drop = is_drop});

	chain_finish(shut->arena, chain);
	return chain->name;
}

static void shut_pods(Ruleset *shut, const Ruleset *ruleset, Direction direction)
{
	const char *chain;

	if (ruleset->chains.n == 0)
		return; /* nobody is isolated */
	chain = shut_chain(shut, direction, ruleset->chains.at[0]->is_drop);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		const Verdicts *map = &ruleset->verdicts[direction][f];

		for (size_t i = 0; i < map->n; i++)
			VEC_PUSH(shut->arena, &shut->verdicts[direction][f],
				(Verdict){map->at[i].address, chain});
	}
}

Ruleset *ruleset_lockdown(const Ruleset *ruleset, const char *table)
{
	Ruleset *shut = ruleset_new();

	shut->base = (BaseOptions){
		.table = arena_strdup(shut->arena, table), .kind = ruleset->base.kind};
	for (size_t i = 0; i < ruleset->base.services.n; i++)
		VEC_PUSH(shut->arena, &shut->base.services, ruleset->base.services.at[i]);
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		Set *own = ruleset_add_self(shut, f);
		const Set *self = ruleset_set(ruleset, own->name);

		for (size_t i = 0; self && i < self->elements.n; i++)
			VEC_PUSH(shut->arena, &own->elements, self->elements.at[i]);
	}
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		shut_pods(shut, ruleset, direction);
	ruleset_sort(shut);
	return shut;
}

/* Measured: a rule, chain or set costs about what twenty elements do. */
size_t ruleset_cost(const Ruleset *ruleset)
{
	size_t cost = 20 * ruleset->sets.n;

	for (size_t i = 0; i < ruleset->sets.n; i++)
		cost += ruleset->sets.at[i]->elements.n + ruleset->sets.at[i]->ranges.n;
	for (size_t i = 0; i < ruleset->chains.n; i++)
		cost += 20 * (1 + ruleset->chains.at[i]->rules.n);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			cost += ruleset->verdicts[d][f].n;
	return cost;
}

/* ---- Equality ---- */
static bool is_set_equal(const Set *a, const Set *b)
{
	if (a == b)
		return true;
	if (strcmp(a->name, b->name) != 0 || a->elements.n != b->elements.n)
		return false;
	for (size_t i = 0; i < a->elements.n; i++)
		if (element_compare(&a->elements.at[i], &b->elements.at[i]) != 0)
			return false;
	return ranges_are_equal(&a->ranges, &b->ranges);
}

static bool is_map_equal(const Verdicts *a, const Verdicts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!address_is_equal(a->at[i].address, b->at[i].address) ||
			!text_is_equal(a->at[i].chain, b->at[i].chain))
			return false;
	return true;
}

bool base_is_equal(const BaseOptions *a, const BaseOptions *b)
{
	return a->kind == b->kind && ranges_are_equal(&a->services, &b->services) &&
	       memcmp(a->is_empty, b->is_empty, sizeof(a->is_empty)) == 0 &&
	       memcmp(a->is_large, b->is_large, sizeof(a->is_large)) == 0 &&
	       memcmp(a->is_isolating, b->is_isolating, sizeof(a->is_isolating)) == 0;
}

bool table_is_bridge(TableKind kind)
{
	return kind != TABLE_INET;
}

bool ruleset_is_equal(const Ruleset *a, const Ruleset *b)
{
	if (a->sets.n != b->sets.n || a->chains.n != b->chains.n ||
		!base_is_equal(&a->base, &b->base))
		return false;
	for (size_t i = 0; i < a->sets.n; i++)
		if (!is_set_equal(a->sets.at[i], b->sets.at[i]))
			return false;
	for (size_t i = 0; i < a->chains.n; i++)
		if (a->chains.at[i] != b->chains.at[i] &&
			strcmp(a->chains.at[i]->name, b->chains.at[i]->name) != 0)
			return false;
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (!is_map_equal(&a->verdicts[d][f], &b->verdicts[d][f]))
				return false;
	return true;
}
