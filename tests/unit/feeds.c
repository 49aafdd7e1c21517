/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of directories: several of one kind make one model, as one directory with all of the files
 * would; and the daemon's list keeps a directory whose kind and path stay the same.
 */
#include "../../daemon/run/feeds.h"
#include "files.h"
#include <criterion/criterion.h>
#include <linux/magic.h>
#include <string.h>
#include <time.h>
#include <sys/vfs.h>

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

static void set_up_in(const char *parent)
{
	arena = arena_new();
	files_begin_in(parent);
	for (int i = 0; i < FOLDERS; i++) {
		cr_assert_eq(mkdir(folder_path(i), 0755), 0);
		dirs[i] = source_dir_new(
			i % 2 ? SOURCE_INVENTORY : SOURCE_POLICIES, folder_path(i), false);
	}
	snapshot = snapshot_new(dirs, FOLDERS);
}

static void set_up(void)
{
	set_up_in("/tmp");
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

/* A setting: the paths of these folders. */
static Texts paths(int first, int second)
{
	Texts texts = {};

	VEC_PUSH(arena, &texts, folder_path(first));
	if (second >= 0)
		VEC_PUSH(arena, &texts, folder_path(second));
	return texts;
}

Test(feeds, new_settings_reuse_a_directory_of_the_same_kind_and_path, .init = set_up,
	.fini = tear_down)
{
	Feeds *feeds = feeds_new();
	Settings settings = {
		.policies = paths(0, -1), .inventory = paths(1, -1), .attachments = ""};
	SourceDir *policies;
	size_t n;

	feeds_set(feeds, &settings);
	policies = feeds_dirs(feeds, &n)[0];
	cr_assert_eq(n, 2);
	settings.inventory = paths(3, -1);
	feeds_set(feeds, &settings);
	cr_expect_eq(feeds_dirs(feeds, &n)[0], policies);
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[1]), folder_path(3));

	/* one more, before it */
	settings.policies = paths(2, 0);
	feeds_set(feeds, &settings);
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[0]), folder_path(2));
	cr_expect_eq(feeds_dirs(feeds, &n)[1], policies);
	cr_assert_eq(n, 3);

	/* one path, two kinds: not the same directory */
	settings.inventory = paths(0, -1);
	settings.policies = paths(3, -1);
	feeds_set(feeds, &settings);
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[0]), folder_path(3));
	cr_expect_str_eq(source_dir_path(feeds_dirs(feeds, &n)[1]), folder_path(0));
	feeds_free(feeds);
}

Test(feeds, a_policy_that_moves_to_another_directory_stays_in_force, .init = set_up,
	.fini = tear_down)
{
	for (int i = 0; i < FOLDERS; i++)
		source_dir_set_withdraw_ms(dirs[i], 1000);
	write_file(0, "a.yaml", policy_text("a"));
	write_file(1, "p.json", pods_text("p", 1));
	update();
	remove_file(0, "a.yaml");
	remove_file(1, "p.json");
	update();
	expect_counts(1, 1, 0);
	/* what is present takes the place of what was deleted, in whichever directory */
	write_file(2, "b.yaml", policy_text("a"));
	write_file(3, "q.json", pods_text("p", 2));
	update();
	expect_counts(1, 1, 0);
}

/* ---- The state directory ---- */
static const char *state_path(void)
{
	return arena_printf(arena, "%s/state", root);
}

static void save(SourceDir *dir)
{
	StateText *list = NULL;

	source_dir_take_unsaved(dir, &list);
	while (list) {
		StateText *next = list->next;

		cr_assert_eq(state_store(state_path(), list), 0);
		state_text_free(list);
		list = next;
	}
}

/* The names of the files that a restart after a reboot has in force of the directory. */
static const char *names_after_reboot(int i)
{
	SourceDir *fresh =
		source_dir_new(i % 2 ? SOURCE_INVENTORY : SOURCE_POLICIES, folder_path(i), false);
	Diags diags = {.arena = arena};
	Buf buf = {.arena = arena};

	cr_assert_eq(source_dir_refresh(fresh, 0), 0);
	cr_assert_eq(source_dir_restore(fresh, state_path(), true, &diags), 0);
	for (size_t k = 0; k < source_dir_count(fresh); k++)
		buf_printf(&buf, "%s ", source_dir_file(fresh, k).name);
	source_dir_free(fresh);
	return buf_text(&buf);
}

static void save_all(void)
{
	Changes changes = {.arena = arena};

	for (int i = 0; i < FOLDERS; i++) {
		source_dir_free(dirs[i]);
		dirs[i] = source_dir_new(
			i % 2 ? SOURCE_INVENTORY : SOURCE_POLICIES, folder_path(i), true);
		cr_assert_eq(source_dir_refresh(dirs[i], 0), 0);
	}
	snapshot_free(snapshot);
	snapshot = snapshot_new(dirs, FOLDERS);
	snapshot_update(snapshot, &changes);
	for (int i = 0; i < FOLDERS; i++)
		save(dirs[i]);
}

Test(feeds, each_directory_has_its_own_saved_copies, .init = set_up, .fini = tear_down)
{
	write_file(1, "p.json", pods_text("p", 1));
	write_file(3, "p.json", pods_text("q", 2));
	write_file(3, "r.json", pods_text("r", 3));
	save_all();
	for (int i = 1; i < FOLDERS; i += 2)
		cr_assert_eq(unlink(arena_printf(arena, "%s/p.json", folder_path(i))), 0);
	cr_expect_str_eq(names_after_reboot(1), "p.json ");
	cr_expect_str_eq(names_after_reboot(3), "p.json r.json ");
}

Test(feeds, one_directory_of_each_kind_keeps_what_an_earlier_version_saved, .init = set_up,
	.fini = tear_down)
{
	Settings settings = {.policies = paths(2, 0),
		.inventory = paths(3, 1),
		.attachments = "",
		.state = state_path()};
	char folder[NAME_MAX + 1];

	write_file(3, "p.json", pods_text("p", 1));
	save_all();
	source_state_folder(SOURCE_INVENTORY, folder_path(3), folder);
	cr_assert_eq(rename(arena_printf(arena, "%s/%s", state_path(), folder),
			     arena_printf(arena, "%s/inventory", state_path())),
		0);
	cr_assert_eq(unlink(arena_printf(arena, "%s/p.json", folder_path(3))), 0);
	cr_expect_str_eq(names_after_reboot(3), "");
	feeds_adopt_saved(&settings);
	cr_expect_str_eq(names_after_reboot(3), "p.json ");
	cr_expect_str_eq(names_after_reboot(1), "");
}

/* ---- Directories that a reboot empties ---- */
Test(feeds, policies_on_a_tmpfs_outlive_a_reboot)
{
	struct statfs fs;

	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC || access("/dev/shm", W_OK) < 0)
		cr_skip_test("there is no tmpfs on /dev/shm that this user may write to");
	set_up_in("/dev/shm");
	write_file(0, "a.yaml", policy_text("a"));
	write_file(0, "b.yaml", policy_text("b"));
	save_all();
	remove_file(0, "a.yaml");
	cr_expect_str_eq(names_after_reboot(0), "a.yaml b.yaml ");
	cr_assert_eq(rmdir(folder_path(2)), 0);
	cr_expect_str_eq(names_after_reboot(2), "");

	/* its writer says that the directory is whole */
	write_file(0, SOURCE_COMPLETE, "");
	cr_expect_str_eq(names_after_reboot(0), "b.yaml ");
	tear_down();
}

Test(feeds, what_a_reboot_took_away_leaves_when_the_directory_is_complete, .init = set_up,
	.fini = tear_down)
{
	Changes changes = {.arena = arena};
	Diags diags = {.arena = arena};

	write_file(1, "p.json", pods_text("p", 1));
	write_file(1, "q.json", pods_text("q", 2));
	save_all();
	cr_assert_eq(unlink(arena_printf(arena, "%s/p.json", folder_path(1))), 0);
	cr_assert_eq(unlink(arena_printf(arena, "%s/q.json", folder_path(1))), 0);
	snapshot_free(snapshot);
	source_dir_free(dirs[1]);
	dirs[1] = source_dir_new(SOURCE_INVENTORY, folder_path(1), true);
	cr_assert_eq(source_dir_refresh(dirs[1], 0), 0);
	cr_assert_eq(source_dir_restore(dirs[1], state_path(), true, &diags), 0);
	snapshot = snapshot_new(dirs, FOLDERS);
	snapshot_update(snapshot, &changes);
	expect_counts(0, 2, 0);

	write_file(1, "p.json", pods_text("p", 1));
	update();
	expect_counts(0, 2, 0);
	cr_expect(source_dir_has_restored(dirs[1]));
	write_file(1, SOURCE_COMPLETE, "");
	cr_expect(source_dir_mark(dirs[1], SOURCE_COMPLETE), "its event leads to a refresh");
	update();
	expect_counts(0, 1, 0);
	cr_expect(!source_dir_has_restored(dirs[1]));
}

/* ---- Records of the container runtime ---- */
static const char *record_text(const char *netns)
{
	return arena_printf(arena,
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"eth0\","
		"\"netns\":\"%"
		"s\","
		"\"cniArgs\":[[\"K8S_POD_NAMESPACE\",\"n\"],[\"K8S_POD_NAME\",\"p\"]],"
		"\"result\":"
		"{\"ips\":[{\"address\":\"10.0.0.7/24\"}]}}",
		netns);
}

static void set_up_records(void)
{
	arena = arena_new();
	files_begin();
	for (int i = 0; i < FOLDERS; i++) {
		cr_assert_eq(mkdir(folder_path(i), 0755), 0);
		dirs[i] = source_dir_new(
			i == 2 ? SOURCE_ATTACHMENTS : SOURCE_INVENTORY, folder_path(i), false);
	}
	snapshot = snapshot_new(dirs, FOLDERS);
}

static const Pod *pod_p(void)
{
	return model_pod(snapshot_model(snapshot), "n", "p");
}

Test(feeds, a_record_comes_changes_and_goes, .init = set_up_records, .fini = tear_down)
{
	uint64_t made_at;

	write_file(2, "cbr0-c-eth0", record_text(""));
	write_file(2, "cni-loopback-c-lo", "not read");
	update();
	cr_assert(pod_p());
	cr_expect_eq(pod_p()->known, KNOWN_ATTACHED);
	made_at = pod_p()->attached->made_at;
	cr_expect_gt(made_at, 1700000000000000000u, "the file's time, in ns");
	write_file(1, "p.json", pods_text("p", 1));
	update();
	cr_expect_eq(pod_p()->known, KNOWN_LISTED);
	cr_expect_eq((unsigned)pod_p()->addresses.at[0].value, 0x0a000007);
	write_file(2, "cbr0-c-eth0", "{");
	update();
	cr_expect(pod_p()->attached, "a broken record leaves the last good one in force");
	expect_counts(0, 1, 1);
	remove_file(1, "p.json");
	update();
	cr_expect_eq(pod_p()->known, KNOWN_REMEMBERED);
	remove_file(2, "cbr0-c-eth0");
	update();
	cr_expect_null(pod_p());
	expect_counts(0, 0, 0);
}

Test(feeds, a_record_whose_network_namespace_is_gone_does_not_count, .init = set_up_records,
	.fini = tear_down)
{
	const Diags *diags;

	write_file(2, "cbr0-c-eth0", record_text("/run/netns/netpol-unit-none"));
	update();
	diags = snapshot_diags(snapshot);
	cr_expect_null(pod_p());
	cr_assert_eq(diags->list.n, 1);
	cr_expect_str_eq(diags->list.at[0].code, "stale-attachment");
	/* a path that a sandbox may hide says nothing */
	write_file(2, "cbr0-c-eth0", record_text("/proc/999999/ns/net"));
	update();
	cr_expect(pod_p());
	cr_expect_not(source_dir_mark_stale(dirs[2]));
	expect_counts(0, 1, 0);
}

Test(feeds, a_directory_of_records_may_be_missing, .init = set_up_records, .fini = tear_down)
{
	cr_assert_eq(rmdir(folder_path(2)), 0);
	update();
	expect_counts(0, 0, 1);
	source_dir_set_optional(dirs[2], true);
	update();
	expect_counts(0, 0, 0);
	cr_expect(source_dir_is_current(dirs[2]), "the periodic check finds nothing new");
}

/* ---- What feeds say of themselves ---- */
/* The only warning about the directory of records, at this time; "": none. */
static const char *warning(int64_t now_s)
{
	Diags diags = {.arena = arena};

	source_dir_check_feeds(dirs[2], now_s, &diags);
	cr_assert_leq(diags.list.n, 1);
	return diags.list.n ? diags.list.at[0].message : "";
}

Test(feeds, a_feed_says_that_it_cannot_do_its_work, .init = set_up_records, .fini = tear_down)
{
	static const struct {
		const char *text, *warning;
	} cases[] = {
		{"30\n", ""},
		{"30 of the usual seconds", ""},
		{"0 no token\nsecond line", "the feed cannot do its work: no token"},
		{"0 \x1b[31mred", "the file does not say how often its feed touches it"},
		{"0 a\x7f", "the feed cannot do its work: a"},
		{"0\n", "the file does not say how often its feed touches it"},
		{"0 \n", "the file does not say how often its feed touches it"},
		{"", "the file does not say how often its feed touches it"},
		{"soon", "the file does not say how often its feed touches it"},
		{"-1 x", "the feed cannot do its work: x"},
	};
	const char *folder = arena_printf(arena, "%s/.alive", folder_path(2));

	cr_assert_eq(mkdir(folder, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_file(2, ".alive/feed", cases[i].text);
		cr_expect_str_eq(warning(time(NULL)), cases[i].warning, "%s", cases[i].text);
	}
	write_file(2, ".alive/feed", "30");
	cr_expect(strstr(warning(time(NULL) + 60), "promised to touch this file every 30 s"));
}

Test(feeds, nobody_copies_records, .init = set_up_records, .fini = tear_down)
{
	const char *folder = arena_printf(arena, "%s/.alive", folder_path(2));

	cr_expect_str_eq(warning(time(NULL) + 60), "", "the container runtime's own directory");
	source_dir_set_optional(dirs[2], true);
	cr_expect_str_eq(warning(time(NULL)), "", "it was just made");
	cr_expect_str_eq(warning(time(NULL) + 60), "nobody copies the container runtime's records");
	cr_assert_eq(mkdir(folder, 0755), 0);
	cr_expect_str_eq(warning(time(NULL) + 60), "");
	cr_assert_eq(rmdir(folder), 0);
	cr_assert_eq(rmdir(folder_path(2)), 0);
	cr_expect_str_eq(warning(time(NULL) + 60), "", "nobody is meant to copy");
}
