/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole tables and commits as nft scripts. See script.h. */
#include "script.h"
#include "base_chain.h"
#include "denial_rules.h"
#include "nft.h"
#include "render.h"
#include <assert.h>

/* ---- Whole tables ---- */
static void render_maps(Buf *buf, const Ruleset *ruleset)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			render_map(buf, &ruleset->base, d, f, false, &ruleset->verdicts[d][f]);
}

static const char *table_text(Arena *arena, const Ruleset *ruleset, bool has_links)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "table %s {\n", render_table_name(arena, &ruleset->base));
	for (size_t i = 0; i < ruleset->sets.n; i++)
		render_set(&buf, ruleset->sets.at[i],
			has_links || ruleset->sets.at[i]->kind != SET_LINKS);
	render_maps(&buf, ruleset);
	denial_render(&buf, &ruleset->base);
	render_refusal_chains(&buf, &ruleset->base);
	for (size_t i = 0; i < ruleset->chains.n; i++)
		render_chain(&buf, &ruleset->base, ruleset->chains.at[i]);
	for (BaseChain c = BASE_FORWARD; c < BASE_CHAIN_N; c++)
		if (base_chain_is_used(&ruleset->base, c))
			base_chain_render(&buf, &ruleset->base, c, false);
	buf_add(&buf, "}\n");
	return buf_text(&buf);
}

const char *nft_ruleset_text(Arena *arena, const Ruleset *ruleset)
{
	return table_text(arena, ruleset, true);
}

const char *nft_saved_text(Arena *arena, const Ruleset *ruleset)
{
	return table_text(arena, ruleset, false);
}

/* ---- Additions ---- */
static bool is_addition(const Op *op)
{
	return op->kind == OP_ADD_TABLE || op->kind == OP_ADD_SET || op->kind == OP_ADD_CHAIN ||
	       op->kind == OP_ADD_MAP;
}

static void render_addition(Buf *buf, const Op *op)
{
	if (op->kind == OP_ADD_TABLE) {
		denial_render(buf, op->base);
		render_refusal_chains(buf, op->base);
	} else if (op->kind == OP_ADD_SET)
		render_set(buf, op->set, op->set->kind == SET_CIDR);
	else if (op->kind == OP_ADD_CHAIN)
		render_chain(buf, op->base, op->chain);
	else if (op->kind == OP_ADD_MAP)
		render_map(buf, op->base, op->direction, op->family, op->is_standby, NULL);
}

const char *script_render_additions(Arena *arena, const Commit *commit)
{
	Buf buf = {.arena = arena};
	const BaseOptions *base = NULL;

	for (size_t i = 0; i < commit->ops.n; i++) {
		const Op *op = &commit->ops.at[i];

		if (!is_addition(op))
			continue;
		assert(!base || (base->kind == op->base->kind &&
					text_is_equal(base->table, op->base->table)));
		if (!base)
			buf_printf(&buf, "table %s {\n", render_table_name(arena, op->base));
		base = op->base;
		render_addition(&buf, op);
	}
	buf_add(&buf, base ? "}\n" : "");
	return buf_text(&buf);
}

/* ---- Changes ---- */
/* nft has no "delete if it exists". To add a chain that exists does nothing, so it is added first.
 */
static void delete_chain_if_any(Buf *buf, const char *table, const char *chain)
{
	buf_printf(buf, "add chain %s %s\ndelete chain %s %s\n", table, chain, table, chain);
}

/* Flushes and fills the chains in one transaction: a packet has the old rules or the new ones. */
static void render_set_base(Buf *buf, const Op *op, const char *table)
{
	for (BaseChain c = BASE_FORWARD; c < BASE_CHAIN_N; c++) {
		const char *name = BASE_CHAIN_NAME[c];

		if (!base_chain_is_used(op->base, c)) {
			if (!table_is_bridge(op->base->kind))
				delete_chain_if_any(buf, table, name);
			continue;
		}
		buf_printf(buf,
			"add chain %s %s { %s }\nflush chain %s %s\ntable %s {\n\tchain %s {\n",
			table, name, base_chain_declaration(buf->arena, op->base, c), table, name,
			table, name);
		base_chain_render_rules(buf, op->base, c, op->is_standby);
		buf_add(buf, "\t}\n}\n");
	}
}

static void render_delete_base(Buf *buf, const char *table)
{
	for (BaseChain c = BASE_FORWARD; c < BASE_CHAIN_N; c++)
		delete_chain_if_any(buf, table, BASE_CHAIN_NAME[c]);
}

const char *script_render_changes(Arena *arena, const Commit *commit)
{
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < commit->ops.n; i++) {
		const Op *op = &commit->ops.at[i];
		const char *table = render_table_name(arena, op->base);

		if (op->kind == OP_SET_BASE)
			render_set_base(&buf, op, table);
		else if (op->kind == OP_DEL_BASE)
			render_delete_base(&buf, table);
		else if (op->kind == OP_DEL_TABLE)
			buf_printf(&buf, "delete table %s\n", table);
	}
	return buf_text(&buf);
}
