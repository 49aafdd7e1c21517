/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy asks for. See cost.h. */
#include "cost.h"

size_t cost_multiply(size_t a, size_t b)
{
	size_t result;

	return __builtin_mul_overflow(a, b, &result) ? SIZE_MAX : result;
}

size_t cost_add(size_t a, size_t b)
{
	size_t result;

	return __builtin_add_overflow(a, b, &result) ? SIZE_MAX : result;
}

bool cost_exceeds(size_t n, size_t limit)
{
	return limit > 0 && n > limit;
}

/* ---- One rule ---- */
static size_t count_peers(const Rule *rule, bool is_pods)
{
	size_t n = 0;

	for (size_t i = 0; i < rule->peers.n; i++)
		n += (rule->peers.at[i].kind == PEER_PODS) == is_pods;
	return n;
}

/* Named ports of an egress rule; those of an ingress rule become numbers of the isolated pod. */
static size_t count_names(const Rule *rule, Direction direction)
{
	size_t n = 0;

	for (size_t i = 0; direction == EGRESS && i < rule->ports.n; i++)
		n += rule->ports.at[i].kind == PORT_NAME;
	return n;
}

/* The rule has a condition on the port that needs no set of named ports, or none at all. */
static bool has_numbers(const Rule *rule, Direction direction)
{
	return rule->is_any_port || count_names(rule, direction) < rule->ports.n;
}

static size_t count_ranges(const Model *model, const Peer *peer)
{
	const CidrSet *set;

	if (peer->kind == PEER_PODS)
		return 0;
	if (peer->kind == PEER_BLOCK) /* each except splits one range in two */
		return 1 + (size_t)peer->block->except.n;
	set = model_cidr_set(model, peer->set);
	return set ? set->ranges.n : 0;
}

static size_t rules_of(const Rule *rule)
{
	size_t conditions = count_peers(rule, true) + (count_peers(rule, false) > 0);

	return cost_multiply(
		conditions ? conditions : 1, rule->ports.n ? (size_t)rule->ports.n : 1);
}

size_t cost_rules(const Policy *policy)
{
	size_t n = 0;

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			n = cost_add(n, rules_of(&policy->rules[d].at[i]));
	return n;
}

/* ---- Counts ---- */
static size_t comparisons_of(const Selector *namespaces, const Selector *pods)
{
	return 1 + (namespaces ? (size_t)namespaces->list.n : 0) +
	       (pods ? (size_t)pods->list.n : 0);
}

static void count_pods(size_t comparisons, bool is_own, WantCounts *counts)
{
	size_t *of_address = is_own ? &counts->of_own_address : &counts->of_address;

	*of_address += comparisons + COMPARISONS_PER_ELEMENT;
}

static void count_rule(
	const Rule *rule, Direction direction, const Model *model, WantCounts *counts)
{
	size_t names = count_names(rule, direction);
	bool has_sets = has_numbers(rule, direction);

	counts->of_port += names * COMPARISONS_PER_ELEMENT;
	for (size_t i = 0; i < rule->peers.n; i++) {
		const Peer *peer = &rule->peers.at[i];
		size_t comparisons = comparisons_of(peer->namespaces, peer->pods);

		if (has_sets && peer->kind == PEER_PODS)
			count_pods(comparisons, !peer->namespaces, counts);
		else if (has_sets)
			counts->of_range += count_ranges(model, peer);
		if (names && peer->kind == PEER_PODS)
			counts->of_address += comparisons;
	}
}

void cost_count(const Policy *policy, const Model *model, WantCounts *counts)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			count_rule(&policy->rules[d].at[i], d, model, counts);
}

size_t cost_comparisons(const Definition *definition)
{
	size_t n = 0;

	for (size_t i = 0; i < definition->peers.n; i++)
		n += comparisons_of(
			definition->peers.at[i].namespaces, definition->peers.at[i].pods);
	return n;
}

void cost_count_want(const Want *want, WantCounts *counts)
{
	const Definition *definition = &want->definition;
	size_t comparisons = cost_comparisons(definition);

	counts->of_range += want->n_ranges;
	if (definition->kind == SET_PODS)
		count_pods(comparisons, definition->peers.at[0].namespace, counts);
	if (definition->kind != SET_PORTS)
		return;
	counts->of_port += definition->ports.n * COMPARISONS_PER_ELEMENT;
	counts->of_address += comparisons;
}

/* ---- Lists ---- */
static void list_pods(Arena *arena, const Policy *policy, const Rule *rule, Wants *wants)
{
	for (size_t i = 0; i < rule->peers.n; i++) {
		Want want = {.definition.kind = SET_PODS};
		Selection selection;

		if (rule->peers.at[i].kind != PEER_PODS)
			continue;
		selection = selection_of(policy, &rule->peers.at[i]);
		want.definition.key = selection_text(arena, &selection);
		VEC_PUSH(arena, &want.definition.peers, selection);
		VEC_PUSH(arena, wants, want);
	}
}

static void add_ranges_text(Buf *key, const Ranges *ranges)
{
	char text[RANGE_TEXT_SIZE];

	for (size_t i = 0; i < ranges->n; i++)
		buf_printf(key, "\n%s", range_text(ranges->at[i], text));
}

/* What the blocks and cidr_sets of the rule have, of both families. */
static Ranges ranges_of(Arena *arena, const Rule *rule, const Model *model)
{
	Ranges ranges = {};

	for (size_t i = 0; i < rule->peers.n; i++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (rule->peers.at[i].kind != PEER_PODS)
				peer_ranges(arena, model, &rule->peers.at[i], f, &ranges);
	ranges_normalise(&ranges);
	return ranges;
}

static void list_ranges(Arena *arena, const Ranges *ranges, Wants *wants)
{
	Want want = {.definition.kind = SET_CIDR, .n_ranges = ranges->n};
	Buf key = {.arena = arena};

	if (ranges->n == 0)
		return;
	add_ranges_text(&key, ranges);
	want.definition.key = buf_text(&key);
	VEC_PUSH(arena, wants, want);
}

static void list_names(
	Arena *arena, const Policy *policy, const Rule *rule, const Ranges *ranges, Wants *wants)
{
	Want want = {.definition = {.kind = SET_PORTS, .is_any = rule->is_any_peer}};
	Definition *definition = &want.definition;
	Buf key = {.arena = arena};

	for (size_t i = 0; i < rule->ports.n; i++) {
		const Port *port = &rule->ports.at[i];

		if (port->kind != PORT_NAME)
			continue;
		VEC_PUSH(arena, &definition->ports, (NamedPort){port->name, port->protocol, 0});
		buf_printf(&key, "%s/%s ", port->name, protocol_text(port->protocol));
	}
	buf_add(&key, definition->is_any ? "of any pod" : "of");
	for (size_t i = 0; i < rule->peers.n; i++) {
		Selection selection;

		if (rule->peers.at[i].kind != PEER_PODS)
			continue;
		selection = selection_of(policy, &rule->peers.at[i]);
		VEC_PUSH(arena, &definition->peers, selection);
		buf_printf(&key, "; %s", selection_text(arena, &selection));
	}
	definition->ranges = *ranges;
	add_ranges_text(&key, ranges);
	definition->key = buf_text(&key);
	VEC_PUSH(arena, wants, want);
}

static void list_rule(Arena *arena, const Policy *policy, const Rule *rule, Direction direction,
	const Model *model, Wants *wants)
{
	const Ranges ranges = ranges_of(arena, rule, model);

	if (has_numbers(rule, direction)) {
		list_pods(arena, policy, rule, wants);
		list_ranges(arena, &ranges, wants);
	}
	if (count_names(rule, direction))
		list_names(arena, policy, rule, &ranges, wants);
}

void cost_list(Arena *arena, const Policy *policy, const Model *model, Wants *ret_wants)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (size_t i = 0; policy->isolates[d] && i < policy->rules[d].n; i++)
			list_rule(arena, policy, &policy->rules[d].at[i], d, model, ret_wants);
}

uint32_t cost_want_hash(const Definition *definition)
{
	return hash_text(HASH_START + (uint32_t)definition->kind, definition->key);
}

bool cost_is_same_want(const Definition *a, const Definition *b)
{
	return a->kind == b->kind && text_is_equal(a->key, b->key);
}
