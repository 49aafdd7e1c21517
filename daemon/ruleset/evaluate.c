/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict for a new flow, found by the lookups that the kernel does for the flow's first packet
 * in the forward hook.
 */
#include "ruleset.h"

static bool set_has(
	const Ruleset *ruleset, const ChainRule *rule, Address address, const Tuple *tuple)
{
	const Set *set = ruleset_set(ruleset, rule->set);
	Element wanted = {.address = address};

	if (!set)
		return false;
	if (set->kind == SET_CIDR)
		return ranges_find(&set->ranges, address);
	if (set->kind == SET_PORTS) {
		wanted.protocol = tuple->protocol;
		wanted.port = tuple->port;
	}
	return set->elements.n && bsearch(&wanted, set->elements.at, set->elements.n,
					  sizeof(Element), element_compare);
}

static bool rule_matches_port(const ChainRule *rule, const Tuple *tuple)
{
	if (rule->protocol == 0)
		return true;
	if (rule->protocol != tuple->protocol)
		return false;
	for (size_t i = 0; i < rule->ports.n; i++)
		if (rule->ports.at[i].first <= tuple->port && tuple->port <= rule->ports.at[i].last)
			return true;
	return rule->ports.n == 0;
}

static bool rule_matches(
	const Ruleset *ruleset, const ChainRule *rule, Address address, const Tuple *tuple)
{
	switch (rule->match) {
	case MATCH_ANY_ADDRESS:
		break;
	case MATCH_BLOCK:
		if (!range_has(rule->block, address.value))
			return false;
		break;
	case MATCH_SET:
	case MATCH_PORT_SET:
		if (!set_has(ruleset, rule, address, tuple))
			return false;
		break;
	}
	return rule_matches_port(rule, tuple);
}

Evaluation ruleset_evaluate(const Ruleset *ruleset, const Tuple *tuple, Direction direction)
{
	Address subject = direction == INGRESS ? tuple->destination : tuple->source;
	Address other = direction == INGRESS ? tuple->source : tuple->destination;
	const Verdict *verdict = ruleset_verdict(ruleset, direction, subject);
	const Chain *chain =
		verdict_isolates(verdict) ? ruleset_chain(ruleset, verdict->chain) : NULL;

	if (!chain)
		return (Evaluation){.is_allowed = true};
	for (size_t i = 0; i < chain->rules.n; i++)
		if (rule_matches(ruleset, &chain->rules.at[i], other, tuple))
			return (Evaluation){true, true};
	return (Evaluation){.is_isolated = true};
}

bool ruleset_allows(const Ruleset *ruleset, const Tuple *tuple)
{
	if (address_is_equal(tuple->source, tuple->destination))
		return true;
	return ruleset_evaluate(ruleset, tuple, EGRESS).is_allowed &&
	       ruleset_evaluate(ruleset, tuple, INGRESS).is_allowed;
}
