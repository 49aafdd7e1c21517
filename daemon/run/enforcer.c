/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rulesets -> kernel, table by table, and a record of it. */
#include "enforcer.h"
#include "histogram.h"
#include "log.h"
#include "table.h"
#include "timer.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A table that costs less is read back by every check. */
#define READ_COST_SMALL 5000

struct Enforcer {
	Nft *nft;
	Table *tables[KERNEL_TABLE_N];
	EnforcerEvents events;
	EnforcerRecord record;
	char refusal[512];
};

Enforcer *enforcer_new(Nft *nft, const char *name, bool is_naive, EnforcerEvents events)
{
	Enforcer *e = MEMORY_NEW(Enforcer);

	assert(events.on_tightened && events.on_changed && events.on_removing);
	*e = (Enforcer){.nft = nft, .events = events};
	e->tables[KERNEL_INET] =
		table_new(nft, TABLE_INET, name, is_naive, events.on_removing, events.context);
	e->tables[KERNEL_BRIDGE] =
		table_new(nft, TABLE_BRIDGE, name, is_naive, events.on_removing, events.context);
	return e;
}

Enforcer *enforcer_free(Enforcer *e)
{
	if (!e)
		return NULL;
	for (int t = 0; t < KERNEL_TABLE_N; t++)
		table_free(e->tables[t]);
	free(e);
	return NULL;
}

const Ruleset *enforcer_applied(const Enforcer *e, KernelTable table)
{
	return table_applied(e->tables[table]);
}

const char *enforcer_refusal(const Enforcer *e)
{
	return e->refusal;
}

const EnforcerRecord *enforcer_record(const Enforcer *e)
{
	return &e->record;
}

/* ---- Applying ---- */
static unsigned ms_since(uint64_t start)
{
	return (unsigned)(clock_usec() / 1000 - start / 1000);
}

static void finish_table(Enforcer *e, int r, const TableResult *result)
{
	if (result->may_tighten)
		e->events.on_tightened(e->events.context);
	if (r != 0)
		snprintf(e->refusal, sizeof(e->refusal), "the kernel refused a change: %s",
			r > 0 ? nft_error(e->nft) : strerror(-r));
}

static void record_change(Enforcer *e, const NftCounts *counts, uint64_t start)
{
	EnforcerRecord *record = &e->record;

	record->generation++;
	record->last = *counts;
	record->applied_at = time(NULL);
	record->apply_ms = ms_since(start);
	log_generation(record->generation, "%u transactions, %u elements, %u ms",
		record->last.commits, record->last.elements, record->apply_ms);
	e->events.on_changed(e->events.context);
}

/*
 * What counts as a new generation. A known table: the wanted ruleset differs from the applied one.
 * A table that is not known: transactions were needed. Except at the start that means that somebody
 * else had changed it, so it also counts as a repair.
 */
int enforcer_apply(Enforcer *e, Ruleset *wanted[KERNEL_TABLE_N])
{
	bool was_known = true, is_changed = e->record.generation == 0;
	uint64_t start = clock_usec();
	TableResult result = {};
	int r = 0;

	assert(wanted[KERNEL_INET]); /* only the bridge's table is optional */
	e->refusal[0] = '\0';
	for (int t = 0; t < KERNEL_TABLE_N; t++) {
		Table *table = e->tables[t];
		int one;

		was_known &= table_is_known(table);
		if (table_is_as_wanted(table, wanted[t])) {
			ruleset_unref(wanted[t]);
			continue;
		}
		is_changed |= table_is_known(table);
		one = table_apply(table, wanted[t], &result);
		finish_table(e, one, &result);
		r = r ? r : one;
	}
	if (r != 0)
		return r;
	if (e->record.generation > 0 && !was_known && result.counts.commits > 0) {
		e->record.repairs++;
		is_changed = true;
	}
	if (is_changed)
		record_change(e, &result.counts, start);
	if (is_changed)
		histogram_add(&e->record.commits, clock_usec() - start);
	return 0;
}

/* ---- Repair ---- */
void enforcer_forget(Enforcer *e)
{
	for (int t = 0; t < KERNEL_TABLE_N; t++)
		table_forget(e->tables[t]);
}

int enforcer_repair(Enforcer *e, bool is_certain)
{
	uint64_t start = clock_usec();
	TableResult result = {};
	int r = 0;

	assert(enforcer_applied(e, KERNEL_INET));
	enforcer_forget(e);
	for (int t = 0; is_certain && t < KERNEL_TABLE_N; t++)
		table_load_fallback(e->tables[t]);
	e->record.safe_ms = ms_since(start);
	for (int t = 0; t < KERNEL_TABLE_N; t++) {
		int one = table_repair(e->tables[t], &result);

		finish_table(e, one, &result);
		r = r ? r : one;
	}
	if (r == 0 && result.counts.commits > 0) {
		e->record.repairs++;
		record_change(e, &result.counts, start);
		histogram_add(&e->record.repair_times, clock_usec() - start);
	}
	return r;
}

/* ---- Check ---- */
static bool is_large(const Enforcer *e)
{
	const Ruleset *inet = enforcer_applied(e, KERNEL_INET);

	return inet && ruleset_cost(inet) > READ_COST_SMALL;
}

const char *enforcer_check(Enforcer *e)
{
	if (is_large(e) && nft_generation_is_accounted(e->nft))
		return NULL;
	for (int t = 0; t < KERNEL_TABLE_N; t++) {
		const Ruleset *applied = table_applied(e->tables[t]);
		bool is_equal = false;

		if (!table_is_known(e->tables[t]))
			return "it is unknown whether the table in the kernel is as netpold wrote "
			       "it";
		if (applied && nft_check(e->nft, applied, &is_equal) == 0 && !is_equal)
			return "the table in the kernel is not as netpold wrote it";
	}
	nft_generation_mark(e->nft);
	return NULL;
}
