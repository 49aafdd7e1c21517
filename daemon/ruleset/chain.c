/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chains: the order of their rules, and their names. A name consists of the direction, whether it
 * is an audit chain, and a digest of the rules, the kind of refusal and the comment. So a chain of
 * a given name never changes; pods that the same policies isolate share one.
 */
#include "ruleset.h"
#include <assert.h>
#include <string.h>

static int text_compare(const char *a, const char *b)
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

/* The order in which packets are compared with the rules: cheap and broad conditions first. */
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
	r = text_compare(x->set, y->set);
	if (r == 0)
		r = text_compare(x->excluded, y->excluded);
	if (r)
		return r;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return ports_compare(&x->ports, &y->ports);
}

static void sort_rules(Chain *chain)
{
	size_t last = 0;

	if (chain->rules.n == 0)
		return;
	qsort(chain->rules.at, chain->rules.n, sizeof(ChainRule), rule_compare);
	for (size_t i = 1; i < chain->rules.n; i++)
		if (rule_compare(&chain->rules.at[i], &chain->rules.at[last]) != 0)
			chain->rules.at[++last] = chain->rules.at[i];
	chain->rules.n = last + 1;
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
	Digest digest;
	char hash[DIGEST_NAME_LENGTH + 1];

	assert(!chain->name); /* a second name would leave verdicts with the first one */
	sort_rules(chain);
	digest_start(&digest);
	digest_add(&digest, chain->is_drop ? "d" : "r", 1);
	digest_add_text(&digest, chain->comment ? chain->comment : "");
	for (size_t i = 0; i < chain->rules.n; i++)
		digest_rule(&digest, &chain->rules.at[i]);
	digest_end_name(&digest, hash);
	chain->name = object_name_chain(arena, chain->direction, chain->is_audit, hash);
}
