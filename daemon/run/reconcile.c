/* Reconcile: refresh -> snapshot -> compile -> enforce. */
#include "daemon.h"
#include "compile.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static CompileOptions options_of(const Settings *settings)
{
	return (CompileOptions){.node = settings->node,
		.is_all = settings->enforce == ENFORCE_ALL,
		.is_drop = settings->deny == DENY_DROP,
		.table = settings->table,
		.services = settings->service_cidrs};
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
			!d->applied[OURS_INET])
			return source_dir_path(d->dirs[i]);
	return NULL;
}

/* The rulesets of both tables; without a bridge table NULL for that. */
static int compile_tables(Daemon *d, Ruleset *ret_new[OURS_N])
{
	CompileOptions options = options_of(&d->settings);
	Ruleset *new[OURS_N] = {};
	int r = compile(snapshot_model(d->snapshot), &options, &d->diags, &new[OURS_INET]);

	if (r == 0 && d->bridge.has_table)
		r = compile_bridge(new[OURS_INET], &d->bridge.options, &new[OURS_BRIDGE]);
	if (r < 0) {
		ruleset_free(new[OURS_INET]);
		return r;
	}
	memcpy(ret_new, new, sizeof(new));
	return 0;
}

static bool is_tracking(const Daemon *d)
{
	const Ruleset *bridge = d->applied[OURS_BRIDGE];

	return bridge && bridge->base.kind == TABLE_BRIDGE;
}

int daemon_reconcile(Daemon *d)
{
	Ruleset *new[OURS_N];
	int r = refresh(d);

	d->unhealthy[0] = '\0';
	if (r == 0)
		r = start_diags(d);
	if (r < 0)
		return r;
	bridge_look((BridgeMode)d->settings.bridge, d->nft, d->settings.table, is_tracking(d),
		&d->bridge);
	if (!d->bridge.is_well)
		snprintf(d->unhealthy, sizeof(d->unhealthy), "%s", d->bridge.why);
	if (unknown_directory(d)) {
		snprintf(d->unhealthy, sizeof(d->unhealthy),
			"%s cannot be read, nothing is known of it: the kernel's table stays",
			unknown_directory(d));
		return 0;
	}
	r = compile_tables(d, new);
	if (r == 0)
		r = daemon_enforce(d, new);
	if (r == 0)
		save(d);
	return r;
}
