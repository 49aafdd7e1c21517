/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading our table back: whether it is as we wrote it, and what ruleset it holds.
 *
 * Three steps. The table is listed without elements, and split into objects (listing.h). Each
 * object that the wanted ruleset has too is compared with the text that we would write. Each object
 * of the listing becomes an item of a new ruleset, `held`: its name says what it is
 * (object_name_parse), and its elements are read over netlink.
 *
 * A set or chain of ours that the wanted ruleset lacks is no mismatch: it belongs to an earlier
 * ruleset, and the plan deletes it. A mismatch is what a table has after no plan of ours: an object
 * with another text, an unknown name, a standby object, or no object where every ruleset has one.
 */
#include "base_chain.h"
#include "denial_rules.h"
#include "element_dump.h"
#include "kernel.h"
#include "listing.h"
#include "render.h"
#include <assert.h>
#include <string.h>

typedef struct Reading {
	Nft *nft;
	Arena *scratch;
	const Ruleset *wanted;
	const char *table; /* "inet netpol" */
	BaseOptions base;  /* those that the table was written with: see read_base */
	Listing listing;
	DenialObjects denial; /* that the wanted table has */
	NftState *state;
	Ruleset *held;
} Reading;

/* The first mismatch is the one that is reported. */
static void report_mismatch(Reading *r, const char *what, const char *name)
{
	if (!r->state->mismatch)
		r->state->mismatch = arena_printf(r->held->arena, "%s %s", what, name);
}

/* ---- Which base options the table was written with ---- */
/* The direction's verdicts, of which there is one at least, lead to audit chains. */
static bool is_only_audited(const Reading *r, Direction direction)
{
	size_t n = 0;

	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		n += r->held->verdicts[direction][f].n;
	return n > 0 && !ruleset_isolates(r->held, direction);
}

/*
 * In TABLE_TAGGED, is_isolating is that of the inet table, and shows by a rule that is only written
 * then. In the other tables it follows from which maps are looked up, and from what they hold.
 */
static void read_is_isolating(Reading *r)
{
	const char *forward = listing_find(&r->listing, "chain", BASE_CHAIN_NAME[BASE_FORWARD]);

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		r->base.is_isolating[d] = r->base.kind == TABLE_TAGGED
						  ? forward && base_chain_has_link_rule(forward, d)
						  : (!r->base.is_empty[d][FAMILY_IPV4] ||
							    !r->base.is_empty[d][FAMILY_IPV6]) &&
							    !is_only_audited(r, d);
}

/* The options of the wanted ruleset, except for those that the listed text shows. */
static void read_base(Reading *r)
{
	const char *forward = listing_find(&r->listing, "chain", BASE_CHAIN_NAME[BASE_FORWARD]);

	r->base = r->wanted->base;
	for (Direction d = INGRESS; forward && d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			const char *map =
				listing_find(&r->listing, "map", object_name_map(d, f, false));

			r->base.is_empty[d][f] = !base_chain_has_lookup(r->scratch, forward, d, f);
			r->base.is_large[d][f] = map && !render_map_has_size(map);
		}
}

/* ---- Comparing ---- */
static void compare_block(
	Reading *r, const char *keyword, const char *name, const Buf *rendered, bool is_required)
{
	const char *block = listing_find(&r->listing, keyword, name);

	if (block ? !listing_is_equal(block, buf_text(rendered)) : is_required)
		report_mismatch(r, block ? "changed:" : "missing:",
			arena_printf(r->scratch, "%s %s", keyword, name));
}

/*
 * The ranges of a CIDR set are part of its text: it is named by them and never edited. They are not
 * in the listing of the table, so the set is listed by itself first.
 */
static void compare_set(Reading *r, const Set *set)
{
	Buf buf = {.arena = r->scratch};
	const char *text;

	if (set->kind == SET_CIDR && listing_find(&r->listing, "set", set->name) &&
		kernel_list(r->nft, r->scratch,
			arena_printf(r->scratch, "set %s %s", r->table, set->name), &text))
		listing_add(&r->listing, text);
	render_set(&buf, set, set->kind == SET_CIDR);
	compare_block(r, "set", set->name, &buf, false);
}

static void compare_maps(Reading *r)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			Buf buf = {.arena = r->scratch};

			render_map(&buf, &r->base, d, f, false, NULL);
			compare_block(r, "map", object_name_map(d, f, false), &buf, true);
		}
}

static void compare_refusal_chains(Reading *r)
{
	for (RefusalChain c = REFUSE_IN; c < REFUSAL_CHAIN_N; c++) {
		Buf buf = {.arena = r->scratch};

		if (!render_has_refusal_chain(&r->wanted->base, c))
			continue;
		render_refusal_chain(&buf, &r->wanted->base, c);
		compare_block(r, "chain", REFUSAL_CHAIN_NAME[c], &buf, true);
	}
}

/* Their elements are the kernel's: see denial_rules.h. */
static void compare_denial_objects(Reading *r)
{
	for (size_t i = 0; i < r->denial.n; i++) {
		const DenialObject *object = &r->denial.at[i];
		Buf buf = {.arena = r->scratch};

		buf_add(&buf, object->text);
		compare_block(r, object->keyword, object->name, &buf, true);
	}
}

static void compare_base_chains(Reading *r)
{
	for (BaseChain c = BASE_FORWARD; c < BASE_CHAIN_N; c++) {
		Buf buf = {.arena = r->scratch};

		if (!base_chain_is_used(&r->wanted->base, c))
			continue;
		base_chain_render(&buf, &r->base, c, false);
		compare_block(r, "chain", BASE_CHAIN_NAME[c], &buf, true);
	}
}

static void compare_structure(Reading *r)
{
	const Ruleset *wanted = r->wanted;

	for (size_t i = 0; i < wanted->sets.n; i++)
		compare_set(r, wanted->sets.at[i]);
	for (size_t i = 0; i < wanted->chains.n; i++) {
		Buf buf = {.arena = r->scratch};

		render_chain(&buf, &wanted->base, wanted->chains.at[i]);
		compare_block(r, "chain", wanted->chains.at[i]->name, &buf, false);
	}
	compare_maps(r);
	compare_denial_objects(r);
	compare_refusal_chains(r);
	for (int i = 0; i < 2 * FAMILY_N; i++) {
		const char *self = object_name_self((Family)(i % FAMILY_N), i >= FAMILY_N);

		if (!listing_find(&r->listing, "set", self))
			report_mismatch(r, "missing: set", self);
	}
	if (!listing_find(&r->listing, "set", object_name_podless(false)))
		report_mismatch(r, "missing: set", object_name_podless(false));
}

/* ---- Adding the listed objects to `held` ---- */
/* read_set, read_map and read_block return 0, or -errno if a dump of elements failed. */
static int read_set(Reading *r, const ListingBlock *block)
{
	ObjectName name;
	Set *set;

	if (!object_name_parse(block->name, &name) || name.kind != OBJECT_SET || name.is_standby) {
		report_mismatch(
			r, "unknown object:", arena_printf(r->scratch, "set %s", block->name));
		return 0;
	}
	if (name.set == SET_SELF)
		set = ruleset_add_self(r->held, name.family, name.is_audit);
	else if (name.set == SET_LINKS)
		set = ruleset_add_podless(r->held);
	else
		set = ruleset_add_set(
			r->held, (Set){.name = arena_strdup(r->held->arena, block->name),
					 .kind = name.set,
					 .family = name.family});
	if (set->kind == SET_CIDR) /* its name is a digest of its ranges: plans need no more */
		return 0;
	return element_dump_set(r->nft->netlink, r->held->arena, &r->wanted->base, set);
}

static int read_map(Reading *r, const ListingBlock *block)
{
	bool has_unexpected = false;
	ObjectName name;
	int error;

	if (!object_name_parse(block->name, &name) || name.kind != OBJECT_MAP || name.is_standby) {
		report_mismatch(r, "unknown map", block->name);
		return 0;
	}
	error = element_dump_map(r->nft->netlink, r->held->arena, &r->wanted->base, name.direction,
		name.family, &r->held->verdicts[name.direction][name.family], &has_unexpected);
	if (has_unexpected)
		report_mismatch(r, "unknown element in map", block->name);
	return error;
}

/* Whether it is a base chain or refusal chain, which every ruleset of these options has. */
static bool is_constant_chain(const Reading *r, const char *name)
{
	for (BaseChain c = BASE_FORWARD; c < BASE_CHAIN_N; c++)
		if (strcmp(BASE_CHAIN_NAME[c], name) == 0 &&
			base_chain_is_used(&r->wanted->base, c))
			return true;
	for (RefusalChain c = REFUSE_IN; c < REFUSAL_CHAIN_N; c++)
		if (strcmp(REFUSAL_CHAIN_NAME[c], name) == 0 &&
			render_has_refusal_chain(&r->wanted->base, c))
			return true;
	return false;
}

static void read_chain(Reading *r, const ListingBlock *block)
{
	ObjectName name;

	if (is_constant_chain(r, block->name))
		return;
	if (!object_name_parse(block->name, &name) || name.kind != OBJECT_CHAIN ||
		name.is_standby) {
		report_mismatch(r, "unknown chain", block->name);
		return;
	}
	ruleset_add_chain(r->held, (Chain){.name = arena_strdup(r->held->arena, block->name),
					   .direction = name.direction,
					   .is_audit = name.is_audit});
}

static bool is_denial_object(const Reading *r, const ListingBlock *block)
{
	for (size_t i = 0; i < r->denial.n; i++)
		if (strcmp(r->denial.at[i].name, block->name) == 0 &&
			strcmp(r->denial.at[i].keyword, block->keyword) == 0)
			return true;
	return false;
}

static int read_block(Reading *r, const ListingBlock *block)
{
	if (is_denial_object(r, block))
		return 0;
	if (strcmp(block->keyword, "set") == 0)
		return read_set(r, block);
	if (strcmp(block->keyword, "map") == 0)
		return read_map(r, block);
	if (strcmp(block->keyword, "chain") == 0)
		read_chain(r, block);
	else
		report_mismatch(r, "unknown object:",
			arena_printf(r->scratch, "%s %s", block->keyword, block->name));
	return 0;
}

/* ---- Checks that need the elements ---- */
/* If a map has elements and the base chains do not look it up, its pods are not isolated. */
static void check_lookups(Reading *r)
{
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			if (r->base.is_empty[d][f] && r->held->verdicts[d][f].n > 0)
				report_mismatch(r, "no base chain looks up map",
					object_name_map(d, f, false));
}

/*
 * A plan adds elements before it deletes others, so a set of fixed size must have capacity for
 * both. A set that another program has filled up would refuse the additions of every plan: the
 * table has to be replaced.
 */
static void check_capacity(Reading *r)
{
	for (size_t i = 0; i < r->held->sets.n; i++) {
		const Set *set = r->held->sets.at[i], *wanted = ruleset_set(r->wanted, set->name);
		size_t size = wanted ? set_size(wanted) : 0;

		if (size && set->elements.n + wanted->elements.n > size)
			report_mismatch(r, "too small for the change: set", set->name);
	}
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			size_t n = r->held->verdicts[d][f].n + r->wanted->verdicts[d][f].n;

			if (!r->base.is_large[d][f] && !r->wanted->base.is_large[d][f] &&
				n > MAP_SMALL_SIZE)
				report_mismatch(r, "too small for the change: map",
					object_name_map(d, f, false));
		}
}

/* ---- Whole tables ---- */
static int read_table(Reading *r, const char *text)
{
	int error = 0;

	r->listing = listing_parse(r->scratch, text);
	read_base(r);
	denial_objects(r->scratch, &r->base, &r->denial);
	compare_structure(r);
	for (size_t i = 0; error == 0 && i < r->listing.blocks.n; i++)
		error = read_block(r, r->listing.blocks.at[i]);
	if (error < 0)
		return error;
	read_is_isolating(r); /* by the maps' elements */
	compare_base_chains(r);
	check_lookups(r);
	check_capacity(r);
	ruleset_sort(r->held);
	/* ruleset_sort derived options from the verdicts; the base chains may be written with
	 * others */
	r->held->base = r->base;
	r->state->is_known = !r->state->mismatch;
	return 0;
}

/* plan_create adds a fallback table's base chains last, all at once: with one it is complete. */
static void read_fallback(Nft *nft, Arena *scratch, const BaseOptions *base, NftState *state)
{
	BaseOptions fallback = {.table = object_name_table(scratch, base->table, TABLE_FALLBACK),
		.kind = base->kind};
	const char *text;
	Listing listing;

	state->has_fallback =
		kernel_list_table(nft, scratch, render_table_name(scratch, &fallback), &text);
	if (!state->has_fallback)
		return;
	listing = listing_parse(scratch, text);
	state->is_fallback_complete =
		listing_find(&listing, "chain", BASE_CHAIN_NAME[BASE_FORWARD]) != NULL;
}

int nft_read(Nft *nft, const Ruleset *wanted, NftState *ret_state)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	NftState state = {.held = ruleset_new()};
	Reading reading = {.nft = nft,
		.scratch = scratch,
		.wanted = wanted,
		.table = render_table_name(scratch, &wanted->base),
		.state = &state,
		.held = state.held};
	const char *text;
	int r = 0;

	read_fallback(nft, scratch, &wanted->base, &state);
	state.has_table = kernel_list_table(nft, scratch, reading.table, &text);
	if (state.has_table)
		r = read_table(&reading, text);
	assert(!state.is_known || (state.has_table && !state.mismatch));
	if (r < 0) {
		ruleset_unref(state.held);
		return r;
	}
	*ret_state = state;
	return 0;
}

int nft_check(Nft *nft, const Ruleset *wanted, bool *ret_is_equal)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	NftState state;
	Plan plan;
	int r = nft_read(nft, wanted, &state);

	if (r < 0)
		return r;
	*ret_is_equal = false;
	if (state.is_known && !state.has_fallback) { /* known: `held` is complete */
		plan_change(scratch, state.held, wanted, &plan);
		*ret_is_equal = plan.commits.n == 0;
	}
	ruleset_unref(state.held);
	return 0;
}
