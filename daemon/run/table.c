/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table in the kernel: read back, adopted, changed, replaced, removed. */
#include "table.h"
#include "log.h"
#include <assert.h>
#include <string.h>
#include <syslog.h>

/* A ruleset that costs more takes longer than 10 ms to load. */
#define REPAIR_COST_SMALL 2500

struct Table {
	Nft *nft;
	TableKind kind; /* of the family */
	char *name;
	bool is_naive;
	Ruleset *applied; /* last; NULL: none */
	bool is_known;	  /* the kernel holds exactly `applied` */
	void (*on_removing)(void *context);
	void *context;
};

/* A change under way. */
typedef struct Change {
	Table *table;
	Arena *arena;
	const Ruleset *wanted; /* NULL: no table */
	TableResult *result;
} Change;

Table *table_new(Nft *nft, TableKind kind, const char *name, bool is_naive,
	void (*on_removing)(void *context), void *context)
{
	Table *table = MEMORY_NEW(Table);

	assert(kind == TABLE_INET || kind == TABLE_BRIDGE);
	*table = (Table){.nft = nft,
		.kind = kind,
		.name = memory_copy_text(name),
		.is_naive = is_naive,
		.on_removing = on_removing,
		.context = context};
	return table;
}

Table *table_free(Table *table)
{
	if (!table)
		return NULL;
	ruleset_unref(table->applied);
	free(table->name);
	free(table);
	return NULL;
}

const Ruleset *table_applied(const Table *table)
{
	return table->applied;
}

bool table_is_known(const Table *table)
{
	return table->is_known;
}

void table_forget(Table *table)
{
	table->is_known = false;
}

bool table_is_as_wanted(const Table *table, const Ruleset *wanted)
{
	const Ruleset *old = table->applied;

	if (!table->is_known || !old != !wanted)
		return false;
	return !wanted || ruleset_is_equal(old, wanted);
}

/* ---- Plans ---- */
static bool deletes_table(const Plan *plan)
{
	for (size_t i = 0; i < plan->commits.n; i++)
		for (size_t k = 0; k < plan->commits.at[i].ops.n; k++)
			if (plan->commits.at[i].ops.at[k].kind == OP_DEL_TABLE)
				return true;
	return false;
}

static int carry_out(const Table *table, const Plan *plan, NftCounts *ret_counts)
{
	if (deletes_table(plan))
		table->on_removing(table->context);
	return nft_apply(table->nft, plan, ret_counts);
}

static int apply_plan(const Change *c, const Plan *plan)
{
	NftCounts counts = {};
	int r = carry_out(c->table, plan, &counts);

	c->result->may_tighten |= plan->may_tighten;
	c->result->counts.commits += counts.commits;
	c->result->counts.elements += counts.elements;
	return r;
}

static BaseOptions fallback_base(Arena *arena, const BaseOptions *base)
{
	BaseOptions fallback = *base;

	fallback.table = object_name_table(arena, base->table, TABLE_FALLBACK);
	fallback.is_fallback = true;
	return fallback;
}

/*
 * The same content with other base options; it borrows everything. Not a struct assignment: that
 * would read the reference count, which the saving thread may be changing (a data race).
 */
static Ruleset with_base(const Ruleset *ruleset, BaseOptions base)
{
	Ruleset result = {.arena = ruleset->arena,
		.is_complete = ruleset->is_complete,
		.base = base,
		.sets = ruleset->sets,
		.chains = ruleset->chains};

	memcpy(result.verdicts, ruleset->verdicts, sizeof(result.verdicts));
	return result;
}

/* Its commits are not counted: they do not change what is enforced. */
static int remove_fallback(const Change *c)
{
	BaseOptions fallback = fallback_base(c->arena, &c->wanted->base);
	NftCounts counts;
	Plan plan;

	plan_remove(c->arena, &fallback, &plan);
	return carry_out(c->table, &plan, &counts);
}

static int adopt(const Change *c, const NftState *state)
{
	Plan plan;
	int r;

	log_line(LOG_INFO, "adopt", "adopting the table that is in the kernel already");
	/* an earlier netpold may have ended between its last change and the walk over the flows */
	c->result->may_tighten = true;
	plan_change(c->arena, state->held, c->wanted, &plan);
	r = apply_plan(c, &plan);
	if (r == 0 && state->has_fallback)
		r = remove_fallback(c);
	return r;
}

static int replace(const Change *c, const NftState *state)
{
	Ruleset fallback = with_base(c->wanted, fallback_base(c->arena, &c->wanted->base));
	int r = 0;
	Plan plan;

	log_line(LOG_WARNING, "replace",
		"the table in the kernel is not as netpold wrote it (%s): replacing it",
		state->mismatch ? state->mismatch : "it is missing");
	if (state->has_fallback && !state->is_fallback_complete)
		r = remove_fallback(c);
	plan_replace(c->arena, c->wanted, &fallback, state->has_table, state->is_fallback_complete,
		&plan);
	return r == 0 ? apply_plan(c, &plan) : r;
}

static int apply_from_unknown(const Change *c)
{
	NftState state;
	Plan plan;
	int r = nft_read(c->table->nft, c->wanted, &state);

	if (r < 0)
		return r;
	if (state.is_known) {
		r = adopt(c, &state);
	} else if (state.has_table || state.has_fallback) {
		r = replace(c, &state);
	} else {
		plan_create(c->arena, c->wanted, &plan);
		r = apply_plan(c, &plan);
	}
	ruleset_unref(state.held);
	return r;
}

/* Deletes the table, which is not wanted any more, and its fallback table. */
static int apply_absence(const Change *c)
{
	BaseOptions base = {.table = c->table->name, .kind = c->table->kind};
	BaseOptions both[] = {base, fallback_base(c->arena, &base)};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(both); i++) {
		Plan plan;

		if (!nft_has_table(c->table->nft, &both[i]))
			continue;
		plan_remove(c->arena, &both[i], &plan);
		r = apply_plan(c, &plan);
	}
	return r;
}

static int apply_change(const Change *c)
{
	const Table *table = c->table;
	Plan plan;

	if (!c->wanted)
		return apply_absence(c);
	/*
	 * Of another kind (a sysctl was changed) or log group the table has other chains and rules,
	 * which no plan changes: read-back finds the mismatch.
	 */
	if (!table->is_known || !table->applied ||
		table->applied->base.kind != c->wanted->base.kind ||
		table->applied->base.log_group != c->wanted->base.log_group)
		return apply_from_unknown(c);
	if (table->is_naive)
		return ruleset_is_equal(table->applied, c->wanted)
			       ? 0
			       : nft_apply_naively(table->nft, c->wanted);
	plan_change(c->arena, table->applied, c->wanted, &plan);
	return apply_plan(c, &plan);
}

/* ---- Attempts ---- */
static int attempt(Table *table, const Ruleset *wanted, TableResult *result)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Change change = {.table = table, .arena = arena, .wanted = wanted, .result = result};
	int r = apply_change(&change);

	table->is_known = r == 0;
	if (r > 0)
		log_line(LOG_ERR, "refused", "the kernel refused a change: %s",
			nft_error(table->nft));
	return r > 0 ? RUN_E_REFUSED : r;
}

/*
 * A second attempt, which reads the table back, follows if the first one may have planned from a
 * wrong state: the kernel refused it, perhaps because of a foreign change, or a foreign change came
 * while netpold was unsubscribed from notifications.
 */
static int attempt_twice(Table *table, const Ruleset *wanted, TableResult *result)
{
	int r = attempt(table, wanted, result);
	bool has_missed = nft_has_missed(table->nft);

	table->is_known &= !has_missed;
	if (r == RUN_E_REFUSED || (r == 0 && has_missed))
		r = attempt(table, wanted, result);
	return r;
}

int table_apply(Table *table, Ruleset *wanted, TableResult *result)
{
	int r = attempt_twice(table, wanted, result);

	if (r != 0) {
		ruleset_unref(wanted);
		return r;
	}
	ruleset_unref(table->applied);
	table->applied = wanted;
	return 0;
}

int table_repair(Table *table, TableResult *result)
{
	assert(!table->is_known); /* table_forget() comes first */
	return attempt_twice(table, table->applied, result);
}

/* ---- The fallback table ---- */
/* A small ruleset as it is; for a large one its lockdown (ruleset.h), which loads faster. */
static const char *fallback_text(Arena *arena, const Ruleset *ruleset)
{
	BaseOptions base = fallback_base(arena, &ruleset->base);
	Ruleset fallback = with_base(ruleset, base), *lockdown;
	const char *text;

	if (ruleset_cost(ruleset) <= REPAIR_COST_SMALL)
		return nft_ruleset_text(arena, &fallback);
	lockdown = ruleset_lockdown(ruleset, base.table);
	text = nft_ruleset_text(arena, lockdown);
	ruleset_unref(lockdown);
	return text;
}

void table_load_fallback(Table *table)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	if (!table->applied)
		return;
	if (nft_load(table->nft, fallback_text(arena, table->applied)) != 0)
		log_line(LOG_ERR, "refused",
			"cannot load the fallback table, which protects isolated pods until the "
			"repair is done: %s",
			nft_error(table->nft));
}

/* ---- The end ---- */
int tables_remove(Nft *nft, const char *name)
{
	static const TableRole roles[] = {
		TABLE_ENFORCING, TABLE_FALLBACK, TABLE_STALE_FLOWS, TABLE_SENDERS};
	ARENA_CLEANUP Arena *arena = arena_new();
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2 * ARRAY_SIZE(roles); i++) {
		BaseOptions base = {.table = object_name_table(arena, name, roles[i / 2]),
			.kind = i % 2 ? TABLE_BRIDGE : TABLE_INET};
		NftCounts counts;
		Plan plan;

		if (!nft_has_table(nft, &base))
			continue;
		plan_remove(arena, &base, &plan);
		r = nft_apply(nft, &plan, &counts);
	}
	return r;
}
