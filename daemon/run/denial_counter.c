/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the kernel's counters of refused packets. See denial_counter.h. */
#include "denial_counter.h"
#include "boot.h"
#include "log.h"
#include "timer.h"
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define STATE_NAME "denied"
#define PERIOD_USEC (5 * 1000 * 1000)
#define SAVE_USEC (60 * 1000 * 1000)
/* Reading takes at most a tenth of the time. */
#define TIME_SHARE 10

struct DenialCounter {
	Nft *nft;
	const Settings *settings;
	const Pipeline *pipeline;
	const Enforcer *enforcer;
	void (*on_changed)(void *context);
	void *context;
	Timer *timer;
	DenialTotals *totals;
	uint64_t end_usec, took_usec; /* of the last reading */
	uint64_t save_usec;	      /* the last saving */
	uint64_t told, saved;	      /* denial_totals_changes() when the totals were */
};

/* ---- Reading ---- */
static const Pod *owner_of(const void *context, Address address)
{
	return pipeline_owner(context, address);
}

static BaseOptions base_of(const DenialCounter *c, Arena *arena, CountedTable table)
{
	bool is_fallback = table >= COUNTED_INET_FALLBACK;
	bool is_bridge = table == COUNTED_BRIDGE || table == COUNTED_BRIDGE_FALLBACK;

	return (BaseOptions){.table = object_name_table(arena, c->settings->table,
				     is_fallback ? TABLE_FALLBACK : TABLE_ENFORCING),
		.kind = is_bridge ? TABLE_BRIDGE : TABLE_INET,
		.is_fallback = is_fallback};
}

/* A table that cannot be read now has the same counters the next time. */
static void read_tables(DenialCounter *c, Arena *arena, DenialCounts ret_counts[COUNTED_TABLE_N])
{
	for (int i = 0; i < COUNTED_TABLE_N; i++) {
		BaseOptions base = base_of(c, arena, (CountedTable)i);

		if (nft_read_denied(c->nft, arena, &base, &ret_counts[i]) == 0)
			denial_totals_add(
				c->totals, (CountedTable)i, &ret_counts[i], owner_of, c->pipeline);
	}
}

/* Whether the table has a chain that counts for the address. */
static bool is_counting(const Ruleset *applied, const DenialCount *count)
{
	const Verdict *verdict =
		ruleset_verdict(applied, denial_direction(count->kind), count->address);

	return verdict && verdict_isolates(verdict) != denial_is_audit(count->kind);
}

/* Counters of addresses for which nothing refuses, or would refuse, any more. */
static void forget(DenialCounter *c, Arena *arena, CountedTable table, const DenialCounts *counts)
{
	const Ruleset *applied =
		enforcer_applied(c->enforcer, table == COUNTED_INET ? KERNEL_INET : KERNEL_BRIDGE);
	BaseOptions base = base_of(c, arena, table);
	DenialCounts gone = {};

	for (size_t i = 0; applied && i < counts->list.n; i++) {
		const DenialCount *count = &counts->list.at[i];

		if (!is_counting(applied, count))
			VEC_PUSH(arena, &gone.list, *count);
	}
	if (gone.list.n)
		nft_forget_denied(c->nft, &base, &gone);
}

static void tell(DenialCounter *c)
{
	uint64_t changes = denial_totals_changes(c->totals);

	if (changes == c->told)
		return;
	c->told = changes;
	c->on_changed(c->context);
}

void denial_counter_read_now(DenialCounter *c)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialCounts counts[COUNTED_TABLE_N] = {};
	uint64_t start = clock_usec();

	if (!pipeline_model(c->pipeline))
		return;
	read_tables(c, arena, counts);
	c->end_usec = clock_usec();
	c->took_usec = c->end_usec - start;
}

void denial_counter_read(DenialCounter *c)
{
	if (clock_usec() >= c->end_usec + TIME_SHARE * c->took_usec)
		denial_counter_read_now(c);
}

static void on_time(void *context)
{
	DenialCounter *c = context;
	ARENA_CLEANUP Arena *arena = arena_new();
	DenialCounts counts[COUNTED_TABLE_N] = {};
	const Model *model = pipeline_model(c->pipeline);

	timer_start(c->timer, PERIOD_USEC);
	if (!model)
		return;
	read_tables(c, arena, counts);
	forget(c, arena, COUNTED_INET, &counts[COUNTED_INET]);
	forget(c, arena, COUNTED_BRIDGE, &counts[COUNTED_BRIDGE]);
	denial_totals_prune(c->totals, model, (int64_t)(clock_usec() / 1000000));
	tell(c);
}

DenialTotals *denial_counter_totals(DenialCounter *c)
{
	return c->totals;
}

/* ---- Saving ---- */
void denial_counter_save(DenialCounter *c, StateKeeper *keeper, bool is_urgent)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	uint64_t changes = denial_totals_changes(c->totals);
	char boot[BOOT_TEXT_SIZE];

	if (changes == c->saved || (!is_urgent && clock_usec() < c->save_usec + SAVE_USEC))
		return;
	state_keeper_save_text(
		keeper, STATE_NAME, denial_totals_text(c->totals, arena, boot_text(boot)));
	c->saved = changes;
	c->save_usec = clock_usec();
}

static void load(DenialCounter *c)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	char boot[BOOT_TEXT_SIZE], *text = NULL;
	size_t n;

	if (state_load(c->settings->state, STATE_NAME, &diags, &text, &n) == 0)
		denial_totals_load(c->totals, text, boot_text(boot));
	log_diags(&diags);
	free(text);
}

/* ---- Lifetime ---- */
DenialCounter *denial_counter_new(sd_event *event, Nft *nft, const Settings *settings,
	const Pipeline *pipeline, const Enforcer *enforcer, void (*on_changed)(void *context),
	void *context)
{
	DenialCounter *c = MEMORY_NEW(DenialCounter);

	*c = (DenialCounter){.nft = nft,
		.settings = settings,
		.pipeline = pipeline,
		.enforcer = enforcer,
		.on_changed = on_changed,
		.context = context,
		.totals = denial_totals_new()};
	c->timer = timer_new(event, PERIOD_USEC / 10, SD_EVENT_PRIORITY_IDLE, on_time, c);
	load(c);
	timer_start(c->timer, PERIOD_USEC);
	return c;
}

DenialCounter *denial_counter_free(DenialCounter *c)
{
	if (!c)
		return NULL;
	timer_free(c->timer);
	denial_totals_free(c->totals);
	free(c);
	return NULL;
}
