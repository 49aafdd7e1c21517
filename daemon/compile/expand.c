/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a chain from policies. See expand.h. */
#include "expand.h"
#include "ports.h"
#include <string.h>

/* ---- Rules ---- */
typedef struct ExclusiveSelection {
	const char *text;
	Selection selection;
} ExclusiveSelection;

/* A group of rules (selector_usage.h), with its exclusive selections. */
typedef struct Group {
	/* any rule of the group and its policy: group_is_equal() compares others with it */
	const Rule *rule;
	const Policy *policy;
	Ports ports;
	VEC(ExclusiveSelection) exclusive;
} Group;

typedef struct Expansion {
	const Expander *x;
	Arena *arena;
	Chain *chain;
	const Policy *policy;
	const Rule *rule;
	Direction direction;
	Family family;
	Ports ports;
	HashTable *groups_by_hash;
	VEC(Group *) groups;
} Expansion;

static void push_rule(Expansion *e, ChainRule rule)
{
	/* without an address condition the rule is the same for both families: so its digest, and
	   perhaps the chain's name, must be the same too */
	rule.family = rule.match == MATCH_ANY_ADDRESS ? FAMILY_IPV4 : e->family;
	VEC_PUSH(e->arena, &e->chain->rules, rule);
}

/* One address condition with each of the numeric port conditions. */
static void push_with_ports(Expansion *e, const Ports *ports, ChainRule rule)
{
	if (ports->is_any) {
		push_rule(e, rule);
		return;
	}
	for (int i = 0; i < PORTS_PROTOCOLS; i++) {
		if (!ports->is_all[i] && ports->ranges[i].n == 0)
			continue;
		rule.protocol = (uint8_t)PORTS_PROTOCOL[i];
		rule.ports = ports->ranges[i];
		push_rule(e, rule);
	}
}

static void add_block_text(Buf *buf, const Peer *peer)
{
	char text[RANGE_TEXT_SIZE];

	buf_add(buf, buf->n ? ", " : "");
	if (peer->kind == PEER_SET) {
		buf_printf(buf, "cidr_set %s", peer->set);
		return;
	}
	buf_add(buf, range_text(peer->block->range, text));
	for (size_t i = 0; i < peer->block->except.n; i++)
		buf_printf(buf, "%s%s", i ? " " : " except ",
			range_text(peer->block->except.at[i], text));
}

/* All blocks of the rule as disjoint ranges; an `except` applies to its own block only. */
static void gather_blocks(Expansion *e, Ranges *ret_ranges, Buf *ret_text)
{
	for (size_t i = 0; i < e->rule->peers.n; i++) {
		const Peer *peer = &e->rule->peers.at[i];
		size_t before = ret_ranges->n;

		if (peer->kind == PEER_PODS)
			continue;
		peer_ranges(e->arena, e->x->model, peer, e->family, ret_ranges);
		if (ret_ranges->n > before)
			add_block_text(ret_text, peer);
	}
	ranges_normalise(ret_ranges);
}

static const char *set_of_ranges(Expansion *e, const Ranges *ranges, const char *comment)
{
	Definition definition = {.kind = SET_CIDR, .family = e->family, .comment = comment};
	Buf key = {.arena = e->arena};
	char text[RANGE_TEXT_SIZE];

	buf_add(&key, comment);
	for (size_t i = 0; i < ranges->n; i++)
		buf_printf(&key, "\n%s", range_text(ranges->at[i], text));
	definition.key = buf_text(&key);
	definition.ranges = *ranges;
	return set_index_get(e->x->sets, &definition)->name;
}

static void expand_blocks(Expansion *e, const Ranges *ranges, const char *text)
{
	ChainRule rule = {.match = MATCH_BLOCK};

	if (ranges->n == 0)
		return;
	if (ranges->n == 1 && range_is_everything(ranges->at[0])) {
		rule.match = MATCH_ANY_ADDRESS;
	} else if (ranges->n == 1 && range_prefix(ranges->at[0]) >= 0) {
		rule.block = ranges->at[0];
	} else {
		rule.match = MATCH_SET;
		rule.set = set_of_ranges(e, ranges, text);
	}
	push_with_ports(e, &e->ports, rule);
}

static void push_set(Expansion *e, const Ports *ports, const Definition *definition)
{
	push_with_ports(e, ports,
		(ChainRule){
			.match = MATCH_SET, .set = set_index_get(e->x->sets, definition)->name});
}

static void expand_shared_selection(Expansion *e, const Selection *selection)
{
	Definition definition = {.kind = SET_PODS, .family = e->family};

	definition.key = definition.comment = selection_text(e->arena, selection);
	VEC_PUSH(e->arena, &definition.peers, *selection);
	push_set(e, &e->ports, &definition);
}

static Group *group_of_rule(Expansion *e)
{
	uint32_t hash = group_hash(e->policy, e->direction, e->rule);
	const Group *known;
	Group *group;
	size_t cursor = 0;

	if (!e->groups_by_hash)
		e->groups_by_hash = hash_table_new(e->arena);
	while ((known = hash_table_find(e->groups_by_hash, hash, &cursor)))
		if (group_is_equal(known->policy, known->rule, e->policy, e->rule))
			return (Group *)known;
	group = ARENA_NEW(e->arena, Group);
	*group = (Group){.policy = e->policy, .rule = e->rule, .ports = e->ports};
	hash_table_add(e->groups_by_hash, hash, group);
	VEC_PUSH(e->arena, &e->groups, group);
	return group;
}

static void expand_selections(Expansion *e)
{
	Group *group = NULL;

	for (size_t i = 0; i < e->rule->peers.n; i++) {
		Selection selection = selection_of(e->policy, &e->rule->peers.at[i]);

		if (e->rule->peers.at[i].kind != PEER_PODS)
			continue;
		if (!selector_usage_is_exclusive(e->x->usage, &selection)) {
			expand_shared_selection(e, &selection);
			continue;
		}
		group = group ? group : group_of_rule(e);
		VEC_PUSH(e->arena, &group->exclusive,
			(ExclusiveSelection){selection_text(e->arena, &selection), selection});
	}
}

/*
 * ---- The exclusive selections of a group ----
 * They are joined in few sets, since each set costs a packet one lookup.
 */
static int exclusive_compare(const void *a, const void *b)
{
	return strcmp(((const ExclusiveSelection *)a)->text, ((const ExclusiveSelection *)b)->text);
}

/*
 * Content-defined chunking. A set has to be made anew when a selection is added to it or removed,
 * so a group is split into several sets. A set ends at a selection whose hash is divisible by
 * SET_SPLIT_ONE_IN, if the set has at least SET_SPLIT_MIN selections. Because the content decides
 * where sets end, a further selection changes the set that it is added to, and few others.
 */
enum { SET_SPLIT_MIN = 16, SET_SPLIT_ONE_IN = 16 };

static void expand_group(Expansion *e, Group *group)
{
	Definition definition = {.kind = SET_PODS, .family = e->family};
	Buf key = {.arena = e->arena};

	qsort(group->exclusive.at, group->exclusive.n, sizeof(ExclusiveSelection),
		exclusive_compare);
	for (size_t i = 0; i < group->exclusive.n; i++) {
		const ExclusiveSelection *one = &group->exclusive.at[i];
		bool is_last = i + 1 == group->exclusive.n;

		if (!is_last && exclusive_compare(one, one + 1) == 0)
			continue;
		buf_printf(&key, "%s%s", definition.peers.n ? "; " : "", one->text);
		VEC_PUSH(e->arena, &definition.peers, one->selection);
		if (!is_last && (definition.peers.n < SET_SPLIT_MIN ||
					selection_hash(&one->selection) % SET_SPLIT_ONE_IN != 0))
			continue;
		definition.key = definition.comment = buf_text(&key);
		push_set(e, &group->ports, &definition);
		definition.peers.n = key.n = 0;
	}
}

/* ---- Named ports of egress rules: sets of (address, protocol, port) of destination pods ---- */
static const char *named_key(Expansion *e, const Definition *definition, const char *block_text)
{
	Buf key = {.arena = e->arena};
	char text[RANGE_TEXT_SIZE];

	for (size_t i = 0; i < definition->ports.n; i++)
		buf_printf(&key, "%s%s/%s", i ? " " : "", definition->ports.at[i].name,
			protocol_text(definition->ports.at[i].protocol));
	buf_printf(&key, " of %s%s", definition->is_any ? "any pod" : "", block_text);
	for (size_t i = 0; i < definition->peers.n; i++)
		buf_printf(&key, "; %s", selection_text(e->arena, &definition->peers.at[i]));
	for (size_t i = 0; i < definition->ranges.n; i++)
		buf_printf(&key, "\n%s", range_text(definition->ranges.at[i], text));
	return buf_text(&key);
}

static void expand_named(Expansion *e, const Ranges *blocks, const char *block_text)
{
	Definition definition = {.kind = SET_PORTS,
		.family = e->family,
		.is_any = e->rule->is_any_peer,
		.ranges = *blocks};

	for (size_t i = 0; i < e->rule->peers.n; i++)
		if (e->rule->peers.at[i].kind == PEER_PODS)
			VEC_PUSH(e->arena, &definition.peers,
				selection_of(e->policy, &e->rule->peers.at[i]));
	for (size_t i = 0; i < e->ports.names.n; i++)
		VEC_PUSH(e->arena, &definition.ports,
			(NamedPort){e->ports.names.at[i]->name, e->ports.names.at[i]->protocol, 0});
	definition.key = named_key(e, &definition, block_text);
	definition.comment = arena_strndup(e->arena, definition.key, strcspn(definition.key, "\n"));
	push_rule(e, (ChainRule){.match = MATCH_PORT_SET,
			     .set = set_index_get(e->x->sets, &definition)->name});
}

static void expand_rule(Expansion *e)
{
	Ranges blocks = {};
	Buf text = {.arena = e->arena};

	gather_blocks(e, &blocks, &text);
	if (ports_have_numbers(&e->ports)) {
		if (e->rule->is_any_peer)
			push_with_ports(e, &e->ports, (ChainRule){.match = MATCH_ANY_ADDRESS});
		expand_blocks(e, &blocks, buf_text(&text));
		expand_selections(e);
	}
	if (e->ports.names.n)
		expand_named(e, &blocks, buf_text(&text));
}

/* ---- Chains ---- */
const char *expand_key(Arena *arena, const ChainClass *class)
{
	Buf key = {.arena = arena};

	buf_printf(&key, "%d %d %d %s", class->direction, class->family, class->is_audit,
		class->pod->namespace);
	for (size_t i = 0; i < class->policies.n; i++) {
		buf_add(&key, " ");
		buf_add(&key, class->policies.at[i]->name);
		buf_add(&key, ":");
		if (class->direction == INGRESS)
			ports_add_numbers(&key, class->policies.at[i], class->pod);
	}
	return buf_text(&key);
}

/* "shop/web, shop/default-deny: ingress": for whoever reads a listing or a trace. */
static const char *chain_comment(Arena *arena, const ChainClass *class)
{
	const Policies *policies = &class->policies;
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < policies->n; i++)
		buf_printf(&buf, "%s%s/%s", i ? ", " : "", policies->at[i]->namespace,
			policies->at[i]->name);
	buf_printf(&buf, ": %s%s", class->is_audit ? "audited " : "",
		direction_text(class->direction));
	return comment_truncate(arena, buf_text(&buf));
}

Chain expand(const Expander *x, const ChainClass *class)
{
	Chain chain = {.comment = chain_comment(x->scratch, class),
		.direction = class->direction,
		.is_audit = class->is_audit,
		.is_drop = x->is_drop};
	Expansion e = {.x = x,
		.arena = x->scratch,
		.chain = &chain,
		.direction = class->direction,
		.family = class->family};

	for (size_t i = 0; i < class->policies.n; i++) {
		e.policy = class->policies.at[i];
		if (budget_is_over(x->budget, e.policy))
			continue;
		for (size_t r = 0; r < e.policy->rules[e.direction].n; r++) {
			e.rule = &e.policy->rules[e.direction].at[r];
			e.ports = ports_of(e.arena, e.rule, e.direction, class->pod);
			expand_rule(&e);
		}
	}
	for (size_t i = 0; i < e.groups.n; i++)
		expand_group(&e, e.groups.at[i]);
	chain_finish(e.arena, &chain);
	return chain;
}
