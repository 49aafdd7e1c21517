/*
 * Reconcile: refresh -> snapshot -> compile -> enforce. What is handed on from one to the next is
 * what changed; the first time, and after a failure, that is everything.
 */
#include "daemon.h"
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
void daemon_drop_model(Daemon *d)
{
	d->compiler = compiler_free(d->compiler);
	d->snapshot = snapshot_free(d->snapshot);
}

void daemon_begin_anew(Daemon *d)
{
	daemon_drop_model(d);
	for (int i = 0; i < 2; i++)
		source_dir_mark(d->dirs[i], NULL);
}

static int read_dirs(Daemon *d)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		r = source_dir_refresh(d->dirs[i]);
		daemon_take_news(d);
	}
	return r;
}

/* A compiler knows every change of its model from the first on, or it goes with that. */
static void begin_model(Daemon *d)
{
	CompileOptions options = options_of(&d->settings);

	if (d->snapshot)
		return;
	d->has_garbage = true;
	d->snapshot = snapshot_new(d->dirs, 2);
	d->compiler = compiler_new(snapshot_model(d->snapshot), &options);
}

static int refresh(Daemon *d, Changes *ret_changes)
{
	int r = read_dirs(d);

	/* what was good before this process began; later, accepted versions are in memory */
	if (r == 0)
		r = daemon_restore_files(d);
	if (r < 0)
		return r;
	begin_model(d);
	snapshot_update(d->snapshot, ret_changes);
	return 0;
}

static void start_diags(Daemon *d)
{
	arena_free(d->diag_arena);
	d->diag_arena = arena_new();
	d->diags = (Diags){.arena = d->diag_arena};
	diags_append(&d->diags, snapshot_diags(d->snapshot));
}

/* What more of them leave behind is worth giving back. */
#define CHANGES_SMALL 500

/* The rulesets of both tables; without a bridge table NULL for that. */
static void compile_tables(Daemon *d, const Changes *changes, Ruleset *ret_new[OURS_N])
{
	Ruleset *inet = compiler_update(d->compiler, changes);

	d->has_garbage |= changes->pods.n > CHANGES_SMALL;
	compiler_warn(d->compiler, &d->diags);
	ret_new[OURS_INET] = inet;
	ret_new[OURS_BRIDGE] =
		d->bridge.has_table ? compile_bridge(inet, &d->bridge.options) : NULL;
}

static bool is_tracking(const Daemon *d)
{
	const Ruleset *bridge = d->applied[OURS_BRIDGE];

	return bridge && bridge->base.kind == TABLE_BRIDGE;
}

/* ---- Health, as far as the files and the kernel's answers show it ---- */
static void add_fault(Daemon *d, const char *words)
{
	size_t n = strlen(d->unhealthy);

	snprintf(d->unhealthy + n, sizeof(d->unhealthy) - n, "%s%s", n ? "; " : "", words);
}

/*
 * A directory that could not be read before anything was ever read from it says nothing about
 * what is wanted: "no policies" would open everything. The table that stands, stands.
 */
static bool is_unknown(const Daemon *d, const SourceDir *dir)
{
	return source_dir_diags(dir)->n_errors && source_dir_count(dir) == 0 &&
	       !d->applied[OURS_INET];
}

/* True if what is wanted is not known. */
static bool judge_directories(Daemon *d)
{
	bool is_any_unknown = false;

	for (int i = 0; i < 2; i++) {
		bool is_one = is_unknown(d, d->dirs[i]);

		is_any_unknown |= is_one;
		if (source_dir_diags(d->dirs[i])->n_errors)
			add_fault(d,
				arena_printf(d->diag_arena, "%s cannot be read, %s",
					source_dir_path(d->dirs[i]),
					is_one ? "nothing is known of it: the kernel's table stays"
					       : "what was read last stays in force"));
	}
	return is_any_unknown;
}

static int reconcile(Daemon *d, Changes *changes)
{
	Ruleset *new[OURS_N];
	int r = refresh(d, changes);

	d->unhealthy[0] = '\0';
	if (r < 0)
		return r;
	start_diags(d);
	bridge_look((BridgeMode)d->settings.bridge, d->nft, d->settings.table, is_tracking(d),
		&d->bridge);
	if (!d->bridge.is_well)
		add_fault(d, d->bridge.why);
	if (judge_directories(d)) {
		daemon_drop_model(d); /* the compiler has missed these changes */
		return 0;
	}
	daemon_take_news(d);
	compile_tables(d, changes, new);
	daemon_take_news(d);
	r = daemon_enforce(d, new);
	if (r == 0)
		daemon_save_files(d);
	if (d->refusal[0])
		add_fault(d, d->refusal);
	return r;
}

int daemon_reconcile(Daemon *d)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Changes changes = {.arena = arena};
	int r = reconcile(d, &changes);

	if (r < 0 && !d->unhealthy[0])
		snprintf(d->unhealthy, sizeof(d->unhealthy),
			"what is wanted could not be read, and is tried again: %s", strerror(-r));
	return r;
}
