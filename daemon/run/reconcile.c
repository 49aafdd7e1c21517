/* Reconcile: refresh -> snapshot -> compile -> plan -> apply. */
#include "daemon.h"
#include "compile.h"
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

static CompileOptions options_of(const Settings *settings)
{
	return (CompileOptions){.node = settings->node,
		.is_all = settings->enforce == ENFORCE_ALL,
		.is_drop = settings->deny == DENY_DROP,
		.table = settings->table,
		.services = settings->service_cidrs};
}

/* ---- Plans ---- */
static Ruleset guard_of(Arena *arena, const Ruleset *new)
{
	Ruleset guard = *new;

	guard.base.table = arena_printf(arena, "%s" NFT_GUARD_SUFFIX, new->base.table);
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
	*guard = guard_of(arena, new);
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

typedef struct Change {
	Daemon *d;
	Arena *arena;
	Ruleset *new;
	NftCounts counts;
} Change;

static int carry_out(void *context)
{
	Change *c = context;
	Daemon *d = c->d;
	Plan plan;
	int r = 0;

	if (d->applied && d->options->is_naive)
		return ruleset_is_equal(d->applied, c->new) ? 0 : nft_apply_naively(d->nft, c->new);
	if (d->applied)
		plan_change(c->arena, d->applied, c->new, &plan);
	else
		r = plan_from_kernel(d, c->arena, c->new, &plan);
	if (r == 0)
		r = nft_apply(d->nft, &plan, &c->counts);
	return r;
}

/* One attempt; afterwards the kernel's state is known (applied) or not (NULL). */
static int attempt(Daemon *d, Ruleset *new)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Change change = {.d = d, .arena = arena, .new = new};
	int r = arena ? arena_try(arena, carry_out, &change) : -ENOMEM;

	d->commits += change.counts.commits;
	if (change.counts.commits)
		d->last = change.counts;
	if (r == 0)
		return 0;
	d->applied = ruleset_free(d->applied);
	if (r > 0)
		log_line(LOG_ERR, "refused", "the kernel refused: %s", nft_error(d->nft));
	return r > 0 ? CONTROL_E_REFUSED : r;
}

/* A refusal may come of somebody else's edit: then the table is read back and tried once more. */
static int bring_about(Daemon *d, Ruleset *new)
{
	int64_t start = clock_ms(CLOCK_MONOTONIC);
	bool was_known = d->applied, is_changed = !was_known || !ruleset_is_equal(d->applied, new);
	int r;

	d->commits = 0;
	r = attempt(d, new);
	if (r == CONTROL_E_REFUSED)
		r = attempt(d, new);
	if (r != 0) {
		snprintf(d->unhealthy, sizeof(d->unhealthy), "the kernel refused a change: %s",
			nft_error(d->nft));
		ruleset_free(new);
		return r;
	}
	ruleset_free(d->applied);
	d->applied = new;
	if (d->generation > 0 && !was_known) { /* after the first time: it was changed behind us */
		is_changed = d->commits > 0;
		d->repairs += is_changed;
	}
	if (!is_changed)
		return 0;
	d->generation++;
	d->applied_at = clock_ms(CLOCK_REALTIME) / 1000;
	d->apply_ms = (unsigned)(clock_ms(CLOCK_MONOTONIC) - start);
	log_generation(d->generation, "%u transactions, %u elements, %u ms", d->last.commits,
		d->last.elements, d->apply_ms);
	return 0;
}

/* ---- Files -> ruleset ---- */
static int refresh(Daemon *d)
{
	bool is_changed = false;
	int r = 0;

	d->snapshot = snapshot_free(d->snapshot);
	for (int i = 0; r == 0 && i < 2; i++)
		r = source_dir_refresh(d->dirs[i], &is_changed);
	/* what was good before this process began; later, accepted versions are in memory */
	for (int i = 0; r == 0 && !d->is_restored && i < 2; i++)
		r = source_dir_restore(d->dirs[i], d->settings.state);
	d->is_restored = r == 0;
	if (r == 0)
		r = snapshot_new(d->dirs[0], d->dirs[1], &d->snapshot);
	return r;
}

/* A state directory that cannot be written is said, and survived. */
static void save(Daemon *d)
{
	for (int i = 0; i < 2; i++) {
		int r = source_dir_save(d->dirs[i], d->settings.state);

		if (r < 0)
			DIAG_WARNING(&d->diags,
				((Origin){.file = arena_strdup(d->diag_arena, d->settings.state)}),
				"state",
				"a broken file will have no last good version after a restart",
				"the last good files cannot be kept here: %s", strerror(-r));
	}
}

static int start_diags(Daemon *d)
{
	Arena *arena = arena_new();

	if (!arena)
		return -ENOMEM;
	arena_free(d->diag_arena);
	d->diag_arena = arena;
	d->diags = (Diags){.arena = arena};
	diags_append(&d->diags, snapshot_diags(d->snapshot));
	return 0;
}

/*
 * A directory that could not be read before anything was ever read from it says nothing about
 * what is wanted: "no policies" would open everything. The table that stands, stands.
 */
static const char *unknown_directory(const Daemon *d)
{
	for (int i = 0; i < 2; i++)
		if (source_dir_diags(d->dirs[i])->n_errors && source_dir_count(d->dirs[i]) == 0 &&
			!d->applied)
			return source_dir_path(d->dirs[i]);
	return NULL;
}

int daemon_reconcile(Daemon *d)
{
	CompileOptions options = options_of(&d->settings);
	Ruleset *new;
	int r = refresh(d);

	d->unhealthy[0] = '\0';
	if (r == 0)
		r = start_diags(d);
	if (r < 0)
		return r;
	bridge_look((BridgeMode)d->settings.bridge, &d->bridge);
	if (!d->bridge.is_well)
		snprintf(d->unhealthy, sizeof(d->unhealthy), "%s", d->bridge.why);
	if (unknown_directory(d)) {
		snprintf(d->unhealthy, sizeof(d->unhealthy),
			"%s cannot be read, nothing is known of it: the kernel's table stays",
			unknown_directory(d));
		return 0;
	}
	r = compile(snapshot_model(d->snapshot), &options, &d->diags, &new);
	if (r == 0)
		r = bring_about(d, new);
	if (r == 0)
		save(d);
	return r;
}
