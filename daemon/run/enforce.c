/* Enforce: rulesets -> kernel, table by table: plan, apply, and know what stands. */
#include "daemon.h"
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

/* ---- Plans ---- */
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

	c->d->may_have_tightened |= plan->may_tighten;
	c->counts.commits += counts.commits;
	c->counts.elements += counts.elements;
	return r;
}

static BaseOptions fallback_base(Arena *arena, const BaseOptions *base)
{
	BaseOptions fallback = *base;

	fallback.table = object_name_table(arena, base->table, TABLE_FALLBACK);
	return fallback;
}

/* The guard has done its work; that is no change of what is enforced. */
static int remove_fallback(const Change *c, const BaseOptions *base)
{
	BaseOptions fallback = fallback_base(c->arena, base);
	NftCounts counts;
	Plan plan;

	plan_remove(c->arena, &fallback, &plan);
	return nft_apply(c->d->nft, &plan, &counts);
}

static int adopt(Change *c, const NftState *state)
{
	Plan plan;
	int r;

	log_line(LOG_INFO, "adopt", "adopting the table that stands");
	c->d->may_have_tightened = true; /* we may have died before we looked */
	plan_change(c->arena, state->held, c->new, &plan);
	r = apply(c, &plan);
	if (r == 0 && state->has_fallback)
		r = remove_fallback(c, &c->new->base);
	return r;
}

static int replace(Change *c, const NftState *state)
{
	Ruleset fallback = *c->new;
	int r = 0;
	Plan plan;

	log_line(LOG_WARNING, "replace", "the table is not as it was written (%s): replacing it",
		state->mismatch ? state->mismatch : "it is gone");
	fallback.base = fallback_base(c->arena, &c->new->base);
	if (state->has_fallback && !state->is_fallback_complete)
		r = remove_fallback(c, &c->new->base);
	plan_replace(
		c->arena, c->new, &fallback, state->has_table, state->is_fallback_complete, &plan);
	return r == 0 ? apply(c, &plan) : r;
}

/* The kernel's table is read back, and gone on from; replaced only if it is not as we write it. */
static int go_on_from_kernel(Change *c)
{
	NftState state;
	Plan plan;
	int r = nft_read(c->d->nft, c->new, &state);

	if (r < 0)
		return r;
	if (state.is_known) {
		r = adopt(c, &state);
	} else if (state.has_table || state.has_fallback) {
		r = replace(c, &state);
	} else {
		plan_create(c->arena, c->new, &plan);
		r = apply(c, &plan);
	}
	ruleset_unref(state.held);
	return r;
}

/* A table that is not wanted goes, and so does its guard. */
static int remove_tables(Change *c)
{
	BaseOptions base = {.table = c->d->settings.table, .kind = TABLE_BRIDGE};
	int r = 0;

	for (int is_guard = 0; r == 0 && is_guard < 2; is_guard++) {
		BaseOptions one = is_guard ? fallback_base(c->arena, &base) : base;
		Plan plan;

		if (!nft_has_table(c->d->nft, &one))
			continue;
		plan_remove(c->arena, &one, &plan);
		r = apply(c, &plan);
	}
	return r;
}

/* ---- Carrying out ---- */
static int carry_out(Change *c)
{
	Daemon *d = c->d;
	const Ruleset *old = d->is_known[c->table] ? d->applied[c->table] : NULL;
	Plan plan;

	if (!c->new)
		return remove_tables(c);
	if (!old)
		return go_on_from_kernel(c);
	if (d->options->is_naive)
		return ruleset_is_equal(old, c->new) ? 0 : nft_apply_naively(d->nft, c->new);
	plan_change(c->arena, old, c->new, &plan);
	return apply(c, &plan);
}

/* One attempt; afterwards what the kernel holds is known, or known not to be known. */
static int attempt(Daemon *d, Ours table, const Ruleset *new)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Change change = {.d = d, .arena = arena, .table = table, .new = new};
	int r = carry_out(&change);

	d->counts.commits += change.counts.commits;
	d->counts.elements += change.counts.elements;
	d->is_known[table] = r == 0;
	if (r > 0)
		log_line(LOG_ERR, "refused", "the kernel refused: %s", nft_error(d->nft));
	return r > 0 ? RUN_E_REFUSED : r;
}

/*
 * A refusal may come of somebody else's edit, and an edit may have gone unseen: then the table is
 * read back and tried once more.
 */
static int make_so(Daemon *d, Ours table, const Ruleset *new)
{
	int r = attempt(d, table, new);
	bool has_missed = nft_has_missed(d->nft);

	d->is_known[table] &= !has_missed;
	if (r == RUN_E_REFUSED || (r == 0 && has_missed))
		r = attempt(d, table, new);
	if (r != 0)
		snprintf(d->refusal, sizeof(d->refusal), "the kernel refused a change: %s",
			r > 0 ? nft_error(d->nft) : strerror(-r));
	return r;
}

static int enforce_table(Daemon *d, Ours table, Ruleset *new)
{
	int r = make_so(d, table, new);

	if (r != 0) {
		ruleset_unref(new);
		return r;
	}
	ruleset_unref(d->applied[table]);
	d->applied[table] = new;
	return 0;
}

static bool is_as_wanted(const Daemon *d, Ours table, const Ruleset *new)
{
	const Ruleset *old = d->applied[table];

	if (!d->is_known[table] || !old != !new)
		return false;
	return !new || ruleset_is_equal(old, new);
}

static void note_change(Daemon *d, int64_t start)
{
	d->are_tables_unsaved = true;
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
	d->refusal[0] = '\0';
	for (int t = 0; t < OURS_N; t++) {
		int one;

		was_known &= d->is_known[t];
		if (is_as_wanted(d, (Ours)t, new[t])) {
			ruleset_unref(new[t]);
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

/* ---- Repair ---- */
void daemon_forget(Daemon *d)
{
	for (int t = 0; t < OURS_N; t++)
		d->is_known[t] = false;
}

/* Loading more than this takes longer than 10 ms. */
#define REPAIR_COST_SMALL 2500

/* The guard that stands in: a small ruleset whole, of a large one what shuts its isolated pods. */
static const char *fallback_text(Arena *arena, const Ruleset *ruleset)
{
	BaseOptions base = fallback_base(arena, &ruleset->base);
	Ruleset fallback = *ruleset, *shut;
	const char *text;

	fallback.base = base;
	if (ruleset_cost(ruleset) <= REPAIR_COST_SMALL)
		return nft_ruleset_text(arena, &fallback);
	shut = ruleset_lockdown(ruleset, base.table);
	text = nft_ruleset_text(arena, shut);
	ruleset_unref(shut);
	return text;
}

/*
 * One small transaction, and isolated pods are safe: our table may be gone or may accept
 * everything, and putting it back takes a while. What is established goes on.
 */
static void fallback(Daemon *d, const Ruleset *ruleset)
{
	ARENA_CLEANUP Arena *arena = arena_new();

	if (nft_load(d->nft, fallback_text(arena, ruleset)) != 0)
		log_line(LOG_ERR, "refused", "isolated pods could not be guarded first: %s",
			nft_error(d->nft));
}

int daemon_repair(Daemon *d, bool is_certain)
{
	int64_t start = clock_ms(CLOCK_MONOTONIC);
	int r = 0;

	daemon_forget(d);
	d->counts = (NftCounts){};
	for (int t = 0; is_certain && t < OURS_N; t++)
		if (d->applied[t])
			fallback(d, d->applied[t]);
	d->safe_ms = (unsigned)(clock_ms(CLOCK_MONOTONIC) - start);
	for (int t = 0; t < OURS_N; t++) {
		int one = make_so(d, (Ours)t, d->applied[t]);

		r = r ? r : one;
	}
	if (r == 0 && d->counts.commits > 0) {
		d->repairs++;
		note_change(d, start);
	}
	return r;
}

int daemon_remove(Daemon *d)
{
	static const TableRole roles[] = {TABLE_ENFORCING, TABLE_FALLBACK, TABLE_STALE_FLOWS};
	ARENA_CLEANUP Arena *arena = arena_new();
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2 * ARRAY_SIZE(roles); i++) {
		BaseOptions base = {
			.table = object_name_table(arena, d->settings.table, roles[i / 2]),
			.kind = i % 2 ? TABLE_BRIDGE : TABLE_INET};
		NftCounts counts;
		Plan plan;

		if (!nft_has_table(d->nft, &base))
			continue;
		plan_remove(arena, &base, &plan);
		r = nft_apply(d->nft, &plan, &counts);
	}
	if (r > 0)
		log_line(LOG_ERR, "refused", "the kernel refused: %s", nft_error(d->nft));
	return r;
}
