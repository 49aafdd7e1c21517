/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A restart changes nothing: after each of many random edits of policy files, which may be broken,
 * emptied, deleted, or define policies that other files define, a start from the same files and the
 * state directory has the same policies in force.
 */
#include "files.h"
#include "seed.h"
#include <string.h>

#define ROUNDS 10
#define STEPS 30
#define FILES 4
#define POLICIES 5 /* names, over all files: conflicts are common */

static SourceDir *running[2];
static Snapshot *snapshot;
static unsigned seed;

static unsigned below(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static const char *state_path(void)
{
	return arena_printf(arena, "%s/state", root);
}

static void set_up(void)
{
	arena = arena_new();
	files_begin();
	files_clear();
	cr_assert_eq(mkdir(state_path(), 0755), 0);
	dirs_new(running, true);
	snapshot = snapshot_new(running, 2);
}

static void tear_down(void)
{
	snapshot_free(snapshot);
	dirs_free(running);
	files_end();
	arena_free(arena);
}

static void save(void)
{
	StateText *list = NULL;

	source_dir_take_unsaved(running[0], &list);
	while (list) {
		StateText *next = list->next;

		cr_assert_eq(state_store(state_path(), list), 0);
		state_text_free(list);
		list = next;
	}
}

static void update(Snapshot *of)
{
	Changes changes = {.arena = arena};

	snapshot_update(of, &changes);
}

/* The policies in force, each with the label that it selects and its file. */
static const char *policies_of(const Snapshot *of)
{
	const NamespaceIndex *n = model_namespace_index(snapshot_model(of), "default");
	Buf buf = {.arena = arena};

	for (size_t i = 0; n && i < n->policies.n; i++)
		buf_printf(&buf, "%s: %s\n", n->policies.at[i]->name,
			selector_text(arena, &n->policies.at[i]->pods));
	return buf_text(&buf);
}

static const char *policies_after_restart(void)
{
	SourceDir *dirs[2];
	Diags diags = {.arena = arena};
	const char *text;
	Snapshot *fresh;

	dirs_new(dirs, false);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(source_dir_refresh(dirs[i], 0), 0);
		cr_assert_eq(source_dir_restore(dirs[i], state_path(), false, &diags), 0);
	}
	fresh = snapshot_new(dirs, 2);
	update(fresh);
	text = policies_of(fresh);
	snapshot_free(fresh);
	dirs_free(dirs);
	return text;
}

static const char *random_text(void)
{
	Buf buf = {.arena = arena};
	unsigned kind = below(10);

	if (kind == 0)
		return "kind: [";
	if (kind == 1)
		return "apiVersion: v1\nkind: List\nitems: []\n";
	for (unsigned i = 0; i < POLICIES; i++)
		if (below(3) == 0)
			buf_printf(&buf,
				"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
				"metadata: {name: p%u, namespace: default}\n"
				"spec: {podSelector: {matchLabels: {version: v%u}}}\n",
				i, below(1000));
	return buf.n ? buf_text(&buf) : "# nothing\n";
}

static void edit(void)
{
	const char *name = arena_printf(arena, "f%u.yaml", below(FILES));

	if (below(8) == 0)
		unlink(path(0, name));
	else
		put(0, name, random_text());
	source_dir_mark(running[0], name);
}

static void step(void)
{
	for (unsigned n = 1 + below(3); n > 0; n--)
		edit();
	for (int i = 0; i < 2; i++)
		cr_assert_eq(source_dir_refresh(running[i], 0), 0);
	update(snapshot);
	save();
	cr_assert_str_eq(policies_after_restart(), policies_of(snapshot));
}

static void tear_down_round(void)
{
	seed_report();
	tear_down();
}

Test(restore, a_restart_changes_no_policy, .fini = tear_down_round)
{
	size_t n_rejected = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		seed = seed_of_round(1, round);
		if (round)
			tear_down();
		set_up();
		for (int i = 0; i < STEPS; i++) {
			step();
			n_rejected += snapshot_diags(snapshot)->n_errors > 0;
		}
	}
	cr_expect_gt(n_rejected, ROUNDS * STEPS / 4, "%zu steps with errors", n_rejected);
	seed_end();
}
