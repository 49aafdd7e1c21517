/* Enforce: rulesets -> kernel, table by table: plan, apply, and know what stands. */
#include "daemon.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void daemon_forget(Daemon *d)
{
	for (int t = 0; t < OURS_N; t++) {
		d->applied[t] = ruleset_free(d->applied[t]);
		d->is_known[t] = false;
	}
}

/* ---- Plans ---- */
static BaseOptions guard_base(Arena *arena, const BaseOptions *base)
{
	BaseOptions guard = *base;

	guard.table = arena_printf(arena, "%s" NFT_GUARD_SUFFIX, base->table);
	return guard;
}

static void free_ruleset(void *ruleset)
{
	ruleset_free(ruleset);
}

/* The kernel's table is read back, and gone on from; replaced only if it is not as we write it. */
static int plan_from_kernel(Daemon *d, Arena *arena, const Ruleset *new, Plan *ret_plan)
{
	Ruleset *guard = ARENA_NEW(arena, Ruleset);
	NftState state;
	int r = nft_read(d->nft, new, &state);

	if (r < 0)
		return r;
	arena_defer(arena, free_ruleset, state.held);
	*guard = *new;
	guard->base = guard_base(arena, &new->base);
	if (!state.has_table && !state.has_guard) {
		plan_create(arena, new, ret_plan);
	} else if (state.is_known && !state.has_guard) {
		log_line(LOG_INFO, "adopt", "adopting the table that stands");
		plan_change(arena, state.held, new, ret_plan);
	} else {
		log_line(LOG_WARNING, "replace",
			"the table is not as it was written (%s): replacing it",
			state.why_not	  ? state.why_not
			: state.has_guard ? "a change was interrupted"
					  : "it is gone");
		plan_replace(arena, new, guard, state.has_table, state.has_guard, ret_plan);
	}
	return 0;
}

/* A table that is not wanted goes, and so does its guard. */
static void plan_none(Daemon *d, Arena *arena, bool is_guard, Plan *ret_plan)
{
	BaseOptions *base = ARENA_NEW(arena, BaseOptions);

	*base = (BaseOptions){.table = d->settings.table, .kind = TABLE_BRIDGE};
	if (is_guard)
		*base = guard_base(arena, base);
	*ret_plan = (Plan){.arena = arena};
	if (nft_has_table(d->nft, base))
		plan_remove(arena, base, ret_plan);
}

/* ---- Carrying out ---- */
typedef struct Change {
	Daemon *d;
	Arena *arena;
	Ours table;
	const Ruleset *new; /* NULL: no table */
	NftCounts counts;
} Change;

static int apply(Change *c, const Plan *plan)
{
	NftCounts counts = {};
	int r = nft_apply(c->d->nft, plan, &counts);

	c->counts.commits += counts.commits;
	c->counts.elements += counts.elements;
	return r;
}

static int remove_tables(Change *c)
{
	int r = 0;

	for (int is_guard = 0; r == 0 && is_guard < 2; is_guard++) {
		Plan plan;

		plan_none(c->d, c->arena, is_guard, &plan);
		r = apply(c, &plan);
	}
	return r;
}

static int carry_out(void *context)
{
	Change *c = context;
	Daemon *d = c->d;
	const Ruleset *old = d->applied[c->table];
	Plan plan;
	int r = 0;

	if (!c->new)
		return remove_tables(c);
	if (old && d->options->is_naive)
		return ruleset_is_equal(old, c->new) ? 0 : nft_apply_naively(d->nft, c->new);
	if (old)
		plan_change(c->arena, old, c->new, &plan);
	else
		r = plan_from_kernel(d, c->arena, c->new, &plan);
	return r == 0 ? apply(c, &plan) : r;
}

/* One attempt; afterwards what the kernel holds is known, or known not to be known. */
static int attempt(Daemon *d, Ours table, const Ruleset *new)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Change change = {.d = d, .arena = arena, .table = table, .new = new};
	int r = arena ? arena_try(arena, carry_out, &change) : -ENOMEM;

	d->counts.commits += change.counts.commits;
	d->counts.elements += change.counts.elements;
	d->is_known[table] = r == 0;
	if (r == 0)
		return 0;
	d->applied[table] = ruleset_free(d->applied[table]);
	if (r > 0)
		log_line(LOG_ERR, "refused", "the kernel refused: %s", nft_error(d->nft));
	return r > 0 ? CONTROL_E_REFUSED : r;
}

static bool is_as_wanted(const Daemon *d, Ours table, const Ruleset *new)
{
	const Ruleset *old = d->applied[table];

	if (!d->is_known[table] || !old != !new)
		return false;
	return !new || ruleset_is_equal(old, new);
}

/* A refusal may come of somebody else's edit: then the table is read back and tried once more. */
static int enforce_table(Daemon *d, Ours table, Ruleset *new)
{
	int r = attempt(d, table, new);

	if (r == CONTROL_E_REFUSED)
		r = attempt(d, table, new);
	if (r != 0) {
		snprintf(d->unhealthy, sizeof(d->unhealthy), "the kernel refused a change: %s",
			nft_error(d->nft));
		ruleset_free(new);
		return r;
	}
	ruleset_free(d->applied[table]);
	d->applied[table] = new;
	return 0;
}

static void note_change(Daemon *d, int64_t start)
{
	d->generation++;
	d->last = d->counts;
	d->applied_at = clock_ms(CLOCK_REALTIME) / 1000;
	d->apply_ms = (unsigned)(clock_ms(CLOCK_MONOTONIC) - start);
	log_generation(d->generation, "%u transactions, %u elements, %u ms", d->last.commits,
		d->last.elements, d->apply_ms);
}

/*
 * What is known and equal is no change; what was read back is one only if something had to be
 * done. After the first time, a table that is not known was changed behind us.
 */
int daemon_enforce(Daemon *d, Ruleset *new[OURS_N])
{
	int64_t start = clock_ms(CLOCK_MONOTONIC);
	bool was_known = true, is_changed = d->generation == 0;
	int r = 0;

	d->counts = (NftCounts){};
	for (int t = 0; t < OURS_N; t++) {
		int one;

		was_known &= d->is_known[t];
		if (is_as_wanted(d, (Ours)t, new[t])) {
			ruleset_free(new[t]);
			continue;
		}
		is_changed |= d->is_known[t];
		one = enforce_table(d, (Ours)t, new[t]);
		r = r ? r : one;
	}
	if (r != 0)
		return r;
	if (d->generation > 0 && !was_known && d->counts.commits > 0) {
		d->repairs++;
		is_changed = true;
	}
	if (is_changed)
		note_change(d, start);
	return 0;
}
