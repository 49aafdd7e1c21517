/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of directories: several of one kind make one model, as one directory with all of the files
 * would; and the daemon's list keeps a directory whose kind and path stay the same.
 */
#include "../../daemon/run/feeds.h"
#include "files.h"
#include <criterion/criterion.h>
#include <string.h>

#define FOLDERS 4 /* policies, inventory, more policies, more inventory */

static const char *const NAMES[FOLDERS] = {"policies", "inventory", "policies2", "inventory2"};
static SourceDir *dirs[FOLDERS];
static Snapshot *snapshot;

static const char *folder_path(int dir)
{
	return arena_printf(arena, "%s/%s", root, NAMES[dir]);
}

static void write_file(int dir, const char *name, const char *text)
{
	FILE *file = fopen(arena_printf(arena, "%s/%s", folder_path(dir), name), "w");

	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
	source_dir_mark(dirs[dir], name);
}

static void remove_file(int dir, const char *name)
{
	cr_assert_eq(unlink(arena_printf(arena, "%s/%s", folder_path(dir), name)), 0);
	source_dir_mark(dirs[dir], name);
}

static void update(void)
{
	Changes changes = {.arena = arena};

	for (int i = 0; i < FOLDERS; i++)
		cr_assert_eq(source_dir_refresh(dirs[i], 0), 0);
	snapshot_update(snapshot, &changes);
}

static const char *policy_text(const char *name)
{
	return arena_printf(arena,
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
		"metadata: {name: %s, namespace: 'n'}\nspec: {podSelector: {}}\n",
		name);
}

static const char *pods_text(const char *name, int host)
{
	return arena_printf(arena,
		"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"%s\","
		"\"namespace\":\"n\"},\"spec\":{\"nodeName\":\"node\"},\"status\":{\"phase\":"
		"\"Running\",\"podIP\":\"10.0.0.%d\"}}]}",
		name, host);
}

static void set_up(void)
{
	arena = arena_new();
	files_begin();
	for (int i = 0; i < FOLDERS; i++) {
		cr_assert_eq(mkdir(folder_path(i), 0755), 0);
		dirs[i] = source_dir_new(
			i % 2 ? SOURCE_INVENTORY : SOURCE_POLICIES, folder_path(i), false);
	}
	snapshot = snapshot_new(dirs, FOLDERS);
}

static void tear_down(void)
{
	snapshot_free(snapshot);
	for (int i = 0; i < FOLDERS; i++)
		source_dir_free(dirs[i]);
	files_end();
	arena_free(arena);
}

static void expect_counts(size_t policies, size_t pods, size_t errors)
{
	ModelCounts counts = model_counts(snapshot_model(snapshot));

	cr_expect_eq(counts.policies, policies, "%zu policies", counts.policies);
	cr_expect_eq(counts.pods, pods, "%zu pods", counts.pods);
	cr_expect_eq(snapshot_diags(snapshot)->n_errors, errors);
}

Test(feeds, directories_of_one_kind_make_one_model, .init = set_up, .fini = tear_down)
{
	write_file(0, "a.yaml", policy_text("a"));
	write_file(2, "b.yaml", policy_text("b"));
	write_file(1, "p.json", pods_text("p", 1));
	write_file(3, "q.json", pods_text("q", 2));
	update();
	expect_counts(2, 2, 0);
	cr_expect(model_pod(snapshot_model(snapshot), "n", "p"));
	cr_expect(model_pod(snapshot_model(snapshot), "n", "q"));

	remove_file(2, "b.yaml");
	remove_file(3, "q.json");
	update();
	expect_counts(1, 1, 0);

	/* a policy moves from one directory to the other */
	remove_file(0, "a.yaml");
	write_file(2, "a.yaml", policy_text("a"));
	update();
	expect_counts(1, 1, 0);
}

Test(feeds, a_policy_in_two_directories_is_a_duplicate, .init = set_up, .fini = tear_down)
{
	write_file(2, "a.yaml", policy_text("a"));
	update();
	write_file(0, "z.yaml", policy_text("a"));
	update();
	expect_counts(1, 0, 1); /* the accepted one stays in force, whichever directory it is in */
	remove_file(0, "z.yaml");
	update();
	expect_counts(1, 0, 0);
}

Test(feeds, new_settings_reuse_a_directory_of_the_same_kind_and_path, .init = set_up,
	.fini = tear_down)
{
	Feeds *feeds = feeds_new();
	Settings settings = {.policies = folder_path(0), .inventory = folder_path(1)};
	SourceDir *policies;
	size_t n;

	feeds_set(feeds, &settings);
	policies = feeds_dirs(feeds, &n)[0];
	cr_assert_eq(n, 2);
	settings.inventory = folder_path(3);
	feeds_set(feeds, &settings);
	cr_expect_eq(feeds_dirs(feeds, &n)[0], policies);
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[1]), folder_path(3));

	/* one path, two kinds: not the same directory */
	settings.inventory = folder_path(0);
	settings.policies = folder_path(3);
	feeds_set(feeds, &settings);
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[0]), folder_path(3));
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[1]), folder_path(0));
	feeds_free(feeds);
}
