/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deleted files: their content stays in force until withdraw_ms have passed. What an existing file
 * defines takes its place at once, for each name and each address. The test sets the clock.
 */
#include "compile.h"
#include "files.h"
#include "nft.h"
#include <string.h>

#define MS 1000

static SourceDir *dirs[2];
static Snapshot *snapshot;
static Compiler *compiler;
static Ruleset *ruleset;
static Changes changes; /* of the last update */
static uint64_t now_ms;

static void set_up(void)
{
	CompileOptions options = {.node = "node", .table = "netpol"};

	arena = arena_new();
	files_begin();
	files_clear();
	dirs_new(dirs, true);
	for (int i = 0; i < 2; i++)
		source_dir_set_withdraw_ms(dirs[i], MS);
	snapshot = snapshot_new(dirs, 2);
	compiler = compiler_new(snapshot_model(snapshot), &options);
	now_ms = 5000;
}

static void tear_down(void)
{
	ruleset_unref(ruleset);
	compiler_free(compiler);
	snapshot_free(snapshot);
	dirs_free(dirs);
	files_end();
	arena_free(arena);
}

static void update(void)
{
	changes = (Changes){.arena = arena};
	for (int i = 0; i < 2; i++)
		cr_assert_eq(source_dir_refresh(dirs[i], now_ms), 0);
	snapshot_update(snapshot, &changes);
	ruleset_unref(ruleset);
	ruleset = compiler_update(compiler, &changes);
}

static void update_at(uint64_t at_ms)
{
	now_ms = at_ms;
	update();
}

/* As pipeline_reset() in netpold: all files are merged again. */
static void merge_again(void)
{
	CompileOptions options = {.node = "node", .table = "netpol"};

	compiler_free(compiler);
	snapshot_free(snapshot);
	snapshot = snapshot_new(dirs, 2);
	compiler = compiler_new(snapshot_model(snapshot), &options);
	for (int i = 0; i < 2; i++)
		source_dir_mark(dirs[i], NULL);
	update();
}

static void write_file(int dir, const char *name, const char *text)
{
	put(dir, name, text);
	source_dir_mark(dirs[dir], name);
}

static void delete_file(int dir, const char *name)
{
	cr_assert_eq(unlink(path(dir, name)), 0);
	source_dir_mark(dirs[dir], name);
}

/* ---- Policies: "a b" defines a and b; a digit behind a name is the label that it selects ---- */
static const char *policies_text(const char *names)
{
	Buf buf = {.arena = arena};

	for (const char *at = names; *at; at++)
		if (*at >= 'a')
			buf_printf(&buf,
				"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
				"metadata: {name: \"%c\", namespace: \"n\"}\n"
				"spec: {podSelector: {matchLabels: {is: \"%c\"}}}\n",
				*at, at[1] >= '0' && at[1] <= '9' ? at[1] : '0');
	return buf_text(&buf);
}

static int count_errors(void)
{
	return (int)snapshot_diags(snapshot)->n_errors;
}

static const Policy *policy(const char *name)
{
	const NamespaceIndex *namespace = model_namespace_index(snapshot_model(snapshot), "n");

	for (size_t i = 0; namespace && i < namespace->policies.n; i++)
		if (strcmp(namespace->policies.at[i]->name, name) == 0)
			return namespace->policies.at[i];
	return NULL;
}

/* The names in force, each with the file that it is from: "a:x.yaml b:y.yaml". */
static const char *in_force(void)
{
	const NamespaceIndex *namespace = model_namespace_index(snapshot_model(snapshot), "n");
	Buf buf = {.arena = arena};

	for (size_t i = 0; namespace && i < namespace->policies.n; i++)
		buf_printf(&buf, "%s%s:%s", i ? " " : "", namespace->policies.at[i]->name,
			strrchr(namespace->policies.at[i]->origin.file, '/') + 1);
	return buf_text(&buf);
}

static const SourceDirFile *file(int dir, const char *name)
{
	for (size_t i = 0; i < source_dir_count(dirs[dir]); i++) {
		SourceDirFile *found = ARENA_NEW(arena, SourceDirFile);

		*found = source_dir_file(dirs[dir], i);
		if (strcmp(found->name, name) == 0)
			return found;
	}
	return NULL;
}

static size_t count_forgotten(int dir, const char *name)
{
	StateText *list = NULL;
	size_t n = 0;

	source_dir_take_unsaved(dirs[dir], &list);
	for (StateText *next; list; list = next) {
		next = list->next;
		n += !list->text && strcmp(strrchr(list->name, '/') + 1, name) == 0;
		state_text_free(list);
	}
	return n;
}

Test(withdraw, a_deleted_file_stays_in_force_until_its_deadline, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a b"));
	update();
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), SOURCE_NEVER);
	cr_expect_not(file(0, "x.yaml")->is_withdrawn);
	delete_file(0, "x.yaml");
	update_at(6000);
	cr_expect_str_eq(in_force(), "a:x.yaml b:x.yaml");
	cr_expect_eq(changes.policies.n, 0);
	cr_expect(file(0, "x.yaml")->is_withdrawn);
	cr_expect(file(0, "x.yaml")->accepted);
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), 6000 + MS);
	cr_expect(source_dir_is_current(dirs[0]), "a withdrawn file is not taken for a lost event");
	cr_expect_eq(count_forgotten(0, "x.yaml"), 0);
	update_at(6000 + MS - 1);
	cr_expect_str_eq(in_force(), "a:x.yaml b:x.yaml");
	update_at(6000 + MS);
	cr_expect_str_eq(in_force(), "");
	cr_expect_eq(changes.policies.n, 2);
	cr_expect_eq(source_dir_count(dirs[0]), 0);
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), SOURCE_NEVER);
	cr_expect_eq(count_forgotten(0, "x.yaml"), 1);
}

Test(withdraw, with_zero_a_deletion_takes_effect_at_once, .init = set_up, .fini = tear_down)
{
	source_dir_set_withdraw_ms(dirs[0], 0);
	write_file(0, "x.yaml", policies_text("a"));
	update();
	delete_file(0, "x.yaml");
	update();
	cr_expect_str_eq(in_force(), "");
	cr_expect_eq(source_dir_count(dirs[0]), 0);
}

/* A reload may change withdraw_ms, also for files that are deleted already. */
Test(withdraw, a_reload_moves_the_deadline, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a"));
	update();
	delete_file(0, "x.yaml");
	update_at(6000);
	source_dir_set_withdraw_ms(dirs[0], 5 * MS);
	update_at(6000 + 5 * MS - 1);
	cr_expect_str_eq(in_force(), "a:x.yaml");
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), 6000 + 5 * MS);
	source_dir_set_withdraw_ms(dirs[0], 0);
	update();
	cr_expect_str_eq(in_force(), "");
}

/* Also if a full scan finds the deletion, and after all files were merged again. */
Test(withdraw, a_full_scan_keeps_the_deadline, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a"));
	write_file(0, "y.yaml", policies_text("b"));
	update();
	cr_assert_eq(unlink(path(0, "x.yaml")), 0);
	source_dir_mark(dirs[0], NULL);
	update_at(6000);
	cr_expect_str_eq(in_force(), "a:x.yaml b:y.yaml");
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), 6000 + MS);
	now_ms = 6500;
	merge_again();
	cr_expect_str_eq(in_force(), "a:x.yaml b:y.yaml");
	put(0, "y.yaml", policies_text("a b"));
	now_ms = 6600;
	merge_again();
	cr_expect_str_eq(in_force(), "a:y.yaml b:y.yaml");
	cr_expect_eq(count_errors(), 0);
	source_dir_mark(dirs[0], NULL);
	update_at(6000 + MS);
	cr_expect_eq(source_dir_count(dirs[0]), 1);
	cr_expect_str_eq(in_force(), "a:y.yaml b:y.yaml");
}

Test(withdraw, a_file_that_comes_back_is_read_at_once, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a b"));
	update();
	delete_file(0, "x.yaml");
	update_at(6000);
	write_file(0, "x.yaml", policies_text("a1"));
	update_at(6500);
	cr_expect_str_eq(in_force(), "a:x.yaml");
	cr_expect_str_eq(policy("a")->pods.list.at[0].values.at[0], "1");
	cr_expect_not(file(0, "x.yaml")->is_withdrawn);
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), SOURCE_NEVER);
	update_at(9000);
	cr_expect_str_eq(in_force(), "a:x.yaml");
}

/* Its event may not have been read yet when its deadline comes. */
Test(withdraw, a_file_that_is_back_without_an_event_stays_in_force, .init = set_up,
	.fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a"));
	update();
	delete_file(0, "x.yaml");
	update_at(6000);
	put(0, "x.yaml", policies_text("a1"));
	cr_expect_not(source_dir_is_current(dirs[0]));
	update_at(6000 + MS);
	cr_expect_str_eq(in_force(), "a:x.yaml");
	cr_expect_str_eq(policy("a")->pods.list.at[0].values.at[0], "1");
}

/* A slow writer: the file exists, and its content is not known yet. */
Test(withdraw, a_file_that_is_being_written_has_no_deadline, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a"));
	update();
	delete_file(0, "x.yaml");
	update_at(6000);
	write_file(0, "x.yaml", "half of");
	source_dir_set_being_written(dirs[0], "x.yaml", true);
	update_at(6500);
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), SOURCE_NEVER);
	write_file(0, "y.yaml", policies_text("a2"));
	update_at(9000);
	cr_expect_str_eq(in_force(), "a:y.yaml", "a withdrawn file is no duplicate");
	cr_expect_eq(count_errors(), 0);
	delete_file(0, "y.yaml");
	delete_file(0, "x.yaml"); /* its new content was never read */
	update_at(9100);
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), 9100 + MS,
		"the second deletion has its own deadline");
	update_at(9100 + MS);
	cr_expect_str_eq(in_force(), "");
}

/* Between creat() and the first write() a file is empty; its event may not have been read yet. */
Test(withdraw, a_file_that_was_just_created_is_not_back_yet, .init = set_up, .fini = tear_down)
{
	for (int is_scan = 0; is_scan < 2; is_scan++) {
		write_file(0, "x.yaml", policies_text("a"));
		update();
		put(0, "x.yaml", "");
		source_dir_mark(dirs[0], is_scan ? NULL : "x.yaml");
		update_at(now_ms + 1000);
		cr_expect_str_eq(in_force(), "a:x.yaml");
		cr_expect_eq(source_dir_next_withdrawal(dirs[0]), now_ms + MS);
		cr_expect(source_dir_is_current(dirs[0]));
		write_file(0, "x.yaml", policies_text("b"));
		update();
		cr_expect_str_eq(in_force(), "b:x.yaml");
		delete_file(0, "x.yaml");
		update_at(now_ms + 1000);
		put(0, "x.yaml", "");
		source_dir_mark(dirs[0], is_scan ? NULL : "x.yaml");
		update_at(now_ms + MS - 1);
		cr_expect_str_eq(in_force(), "b:x.yaml");
		update_at(now_ms + 1);
		cr_expect(file(0, "x.yaml") && file(0, "x.yaml")->current->policies.n == 0,
			"after its deadline the empty file is read");
		cr_expect_eq(source_dir_next_withdrawal(dirs[0]), SOURCE_NEVER);
	}
}

/* The target of a symbolic link may have the same times and inode as before. */
Test(withdraw, a_symlink_that_is_back_is_not_withdrawn, .init = set_up, .fini = tear_down)
{
	put(0, ".target", policies_text("a"));
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(symlink(".target", path(0, "x.yaml")), 0);
		source_dir_mark(dirs[0], NULL);
		update_at(now_ms + 100);
		cr_expect_not(file(0, "x.yaml")->is_withdrawn);
		write_file(0, "y.yaml", policies_text("a"));
		update();
		cr_expect_eq(count_errors(), 1, "two existing files with the same policy");
		delete_file(0, "y.yaml");
		update();
		cr_assert_eq(unlink(path(0, "x.yaml")), 0);
		source_dir_mark(dirs[0], NULL);
		update_at(now_ms + 100);
		cr_expect(file(0, "x.yaml")->is_withdrawn);
	}
}

/* A file without any valid version has nothing that could stay in force. */
Test(withdraw, a_file_that_was_never_valid_is_removed_at_once, .init = set_up, .fini = tear_down)
{
	write_file(0, "broken.yaml", "kind: [");
	write_file(0, "x.yaml", policies_text("a"));
	update();
	write_file(0, "x.yaml", "kind: [");
	update();
	cr_expect_eq(count_errors(), 2);
	delete_file(0, "broken.yaml");
	delete_file(0, "x.yaml");
	update_at(6000);
	cr_expect_eq(count_errors(), 0);
	cr_expect_eq(source_dir_count(dirs[0]), 1);
	cr_expect_str_eq(in_force(), "a:x.yaml", "the last good version");
	update_at(6000 + MS);
	cr_expect_str_eq(in_force(), "");
}

Test(withdraw, a_renamed_file_changes_nothing, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a b"));
	update();
	delete_file(0, "x.yaml");
	write_file(0, "w.yaml", policies_text("a b"));
	update_at(6000);
	cr_expect_eq(count_errors(), 0);
	cr_expect_eq(changes.policies.n, 0);
	cr_expect_str_eq(in_force(), "a:w.yaml b:w.yaml");
	update_at(6000 + MS);
	cr_expect_eq(changes.policies.n, 0);
	cr_expect_str_eq(in_force(), "a:w.yaml b:w.yaml");
	cr_expect_eq(source_dir_count(dirs[0]), 1);
}

/* For each policy. An edit takes effect at once; a policy that another file took over does not come
 * back when that file is edited. */
Test(withdraw, an_existing_file_wins_for_each_name, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a b c"));
	update();
	delete_file(0, "x.yaml");
	update_at(6000);
	write_file(0, "y.yaml", policies_text("a1 d"));
	update_at(6100);
	cr_expect_eq(count_errors(), 0);
	cr_expect_str_eq(in_force(), "a:y.yaml b:x.yaml c:x.yaml d:y.yaml");
	cr_expect_str_eq(policy("a")->pods.list.at[0].values.at[0], "1");
	cr_expect_eq(changes.policies.n, 2);
	write_file(0, "y.yaml", policies_text("b d"));
	update_at(6200);
	cr_expect_str_eq(in_force(), "b:y.yaml c:x.yaml d:y.yaml", "an edit takes effect at once");
	delete_file(0, "y.yaml");
	write_file(0, "z.yaml", policies_text("c d"));
	update_at(6300);
	cr_expect_str_eq(in_force(), "b:y.yaml c:z.yaml d:z.yaml");
	update_at(6000 + MS);
	cr_expect_str_eq(in_force(), "b:y.yaml c:z.yaml d:z.yaml");
	update_at(6300 + MS);
	cr_expect_str_eq(in_force(), "c:z.yaml d:z.yaml");
	cr_expect_eq(count_errors(), 0);
}

/* Conflicts between existing files are errors, as ever. */
Test(withdraw, of_two_existing_files_the_newer_is_rejected, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a b"));
	update();
	delete_file(0, "x.yaml");
	update_at(6000);
	write_file(0, "y.yaml", policies_text("a"));
	update_at(6100);
	write_file(0, "x.yaml", policies_text("a1 b1"));
	update_at(6200);
	cr_expect_eq(count_errors(), 1);
	cr_expect_str_eq(in_force(), "a:y.yaml b:x.yaml", "b, which y.yaml does not define");
	cr_expect_str_eq(policy("b")->pods.list.at[0].values.at[0], "0");
	write_file(0, "x.yaml", "kind: [");
	update_at(9000);
	cr_expect_str_eq(in_force(), "a:y.yaml b:x.yaml");
	now_ms = 9100;
	merge_again();
	cr_expect_str_eq(in_force(), "a:y.yaml b:x.yaml");
	delete_file(0, "y.yaml");
	write_file(0, "x.yaml", policies_text("a b1"));
	update_at(9200);
	cr_expect_eq(count_errors(), 0);
	cr_expect_str_eq(in_force(), "a:x.yaml b:x.yaml");
}

/* ---- cidr_sets ---- */
static const char *set_text(const char *range)
{
	return arena_printf(arena, "cidr_sets = ( { name = \"s\"; cidrs = [ \"%s\" ]; } );", range);
}

static const char *user_text(const char *name)
{
	return arena_printf(arena,
		"policies = ( { name = \"%s\"; namespace = \"n\"; pods = \"\"; ingress = "
		"( { from = ( { cidr_set = \"s\"; } ); } ); } );",
		name);
}

static unsigned set_range(void)
{
	const CidrSet *set = model_cidr_set(snapshot_model(snapshot), "s");

	return set ? (unsigned)(set->ranges.at[0].first >> 8) & 255 : 0;
}

Test(withdraw, cidr_sets_of_existing_files_win, .init = set_up, .fini = tear_down)
{
	write_file(0, "set.conf", set_text("10.0.1.0/24"));
	write_file(0, "use.conf", user_text("a"));
	update();
	delete_file(0, "set.conf");
	write_file(0, "new.conf", user_text("b"));
	update_at(6000);
	cr_expect_eq(count_errors(), 0, "the set is still defined");
	cr_expect_eq(set_range(), 1);
	write_file(0, "z.conf", set_text("10.0.2.0/24"));
	update_at(6100);
	cr_expect_eq(count_errors(), 0);
	cr_expect_eq(set_range(), 2);
	cr_expect_eq(changes.policies.n, 2, "both policies that name the set");
	delete_file(0, "z.conf");
	update_at(6200);
	cr_expect_eq(set_range(), 2, "the new definition");
	update_at(6000 + MS);
	cr_expect_eq(count_errors(), 0);
	cr_expect_eq(set_range(), 2);
	update_at(6200 + MS);
	cr_expect_eq(count_errors(), 1, "the set is not defined any more");
	cr_expect_eq(set_range(), 2, "the last definition stays in force");
}

/* ---- Inventory ---- */
static const char *pod_text_of(const char *name, int label, int address, int version)
{
	return arena_printf(arena,
		"{\"kind\":\"List\",\"items\":[{\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
		"\"namespace\":\"n\",\"resourceVersion\":\"%d\",\"labels\":{\"is\":\"%d\"}},"
		"\"spec\":{\"nodeName\":\"node\"},\"status\":{\"phase\":\"Running\","
		"\"startTime\":\"2026-01-01T00:00:00Z\",\"podIP\":\"10.0.0.%d\"}}]}",
		name, version, label, address);
}

/* "name/label" of the pod that an address belongs to. */
static const char *owner(int address)
{
	Address key;
	const Pod *pod;

	cr_assert(address_parse(arena_printf(arena, "10.0.0.%d", address), &key));
	pod = compiler_owner(compiler, key);
	return pod ? arena_printf(arena, "%s/%s", pod->name, labels_get(&pod->labels, "is")) : "";
}

static size_t count_warnings(void)
{
	Diags diags = {.arena = arena};

	diags_append(&diags, snapshot_diags(snapshot));
	compiler_warn(compiler, &diags);
	return diags.list.n;
}

/* Whether the address is in the ingress map. */
static bool is_isolated(int address)
{
	return strstr(nft_ruleset_text(arena, ruleset),
		       arena_printf(arena, "10.0.0.%d : goto in", address)) != NULL;
}

Test(withdraw, pods_stay_until_their_deadline, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a"));
	write_file(1, "p.json", pod_text_of("p", 0, 1, 1));
	update();
	cr_expect(is_isolated(1));
	delete_file(1, "p.json");
	update_at(6000);
	cr_expect_str_eq(owner(1), "p/0");
	cr_expect(is_isolated(1));
	merge_again();
	cr_expect(is_isolated(1));
	write_file(1, "p.json", pod_text_of("p", 0, 1, 1));
	update_at(6100);
	cr_expect_not(model_pod(snapshot_model(snapshot), "n", "p")->withdrawn_at);
	delete_file(1, "p.json");
	update_at(6200);
	cr_expect(model_pod(snapshot_model(snapshot), "n", "p")->withdrawn_at);
	update_at(6200 + MS - 1);
	cr_expect(is_isolated(1));
	update_at(6200 + MS);
	cr_expect_not(is_isolated(1));
	cr_expect_str_eq(owner(1), "");
	cr_expect_eq(count_warnings(), 0);
}

/* The file is much longer than before, so that its pods could be updated in place. */
Test(withdraw, a_longer_file_that_comes_back_is_not_withdrawn, .init = set_up, .fini = tear_down)
{
	Buf buf = {.arena = arena};

	write_file(1, "p.json", pod_text_of("p", 0, 1, 1));
	update();
	delete_file(1, "p.json");
	update_at(6000);
	buf_add(&buf,
		"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"p\",\"namespace\":"
		"\"n\"}}");
	for (int i = 0; i < 5; i++)
		buf_printf(&buf, ",{\"metadata\":{\"name\":\"q%d\",\"namespace\":\"n\"}}", i);
	buf_add(&buf, "]}");
	write_file(1, "p.json", buf_text(&buf));
	update_at(6100);
	delete_file(1, "p.json");
	update_at(6200);
	cr_expect(model_pod(snapshot_model(snapshot), "n", "q4")->withdrawn_at);
	write_file(1, "other.json", pod_text_of("p", 1, 1, 0));
	update_at(6300);
	cr_expect_str_eq(owner(1), "p/1");
}

/* Whatever its resourceVersion is, and wherever its file sorts. */
Test(withdraw, a_pod_of_the_same_name_wins_at_once, .init = set_up, .fini = tear_down)
{
	write_file(1, "p.json", pod_text_of("p", 0, 1, 9));
	update();
	delete_file(1, "p.json");
	update_at(6000);
	write_file(1, "b.json", pod_text_of("p", 1, 2, 1));
	update_at(6100);
	cr_expect_str_eq(owner(1), "");
	cr_expect_str_eq(owner(2), "p/1");
	cr_expect_eq(count_warnings(), 0);
	update_at(9000);
	cr_expect_str_eq(owner(2), "p/1");
}

/* In one update with the deletion, and in a later one. */
Test(withdraw, a_reused_address_belongs_to_the_new_pod_at_once, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a1"));
	write_file(1, "p.json", pod_text_of("p", 0, 1, 9));
	write_file(1, "q.json", pod_text_of("q", 1, 2, 9));
	update();
	cr_expect(!is_isolated(1) && is_isolated(2));
	delete_file(1, "p.json");
	delete_file(1, "q.json");
	write_file(1, "b.json", pod_text_of("b", 1, 1, 1));
	update_at(6000);
	cr_expect_str_eq(owner(1), "b/1");
	cr_expect(is_isolated(1) && is_isolated(2));
	cr_expect_eq(count_warnings(), 0);
	write_file(1, "c.json", pod_text_of("c", 0, 2, 1));
	update_at(6100);
	cr_expect_str_eq(owner(2), "c/0");
	cr_expect(is_isolated(1) && !is_isolated(2));
	update_at(9000);
	cr_expect(is_isolated(1) && !is_isolated(2));
}

/* Both pods claimed it before, and it belonged to the deleted one. */
Test(withdraw, a_shared_address_goes_to_the_pod_of_an_existing_file, .init = set_up,
	.fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a1"));
	write_file(1, "z.json", pod_text_of("z", 0, 1, 9));
	write_file(1, "b.json", pod_text_of("b", 1, 1, 1));
	update();
	cr_expect_str_eq(owner(1), "z/0");
	cr_expect_eq(count_warnings(), 1);
	delete_file(1, "z.json");
	update_at(6000);
	cr_expect_str_eq(owner(1), "b/1");
	cr_expect(is_isolated(1));
	cr_expect_eq(count_warnings(), 0);
	update_at(9000);
	cr_expect_str_eq(owner(1), "b/1");
}

/* As if the file was renamed twice: the file that was deleted last wins, wherever it sorts. */
Test(withdraw, of_two_deleted_files_the_later_deletion_wins, .init = set_up, .fini = tear_down)
{
	write_file(0, "x.yaml", policies_text("a1"));
	write_file(1, "z.json", pod_text_of("p", 0, 1, 9));
	write_file(1, "y.json", pod_text_of("x", 0, 2, 9));
	update();
	delete_file(1, "z.json");
	delete_file(1, "y.json");
	update_at(6000);
	write_file(1, "b.json", pod_text_of("p", 1, 1, 1));
	write_file(1, "c.json", pod_text_of("c", 1, 2, 1));
	update_at(6100);
	cr_expect(is_isolated(1) && is_isolated(2));
	delete_file(1, "b.json");
	delete_file(1, "c.json");
	update_at(6200);
	cr_expect(is_isolated(1) && is_isolated(2));
	cr_expect_str_eq(owner(1), "p/1");
	cr_expect_str_eq(owner(2), "c/1");
	write_file(1, "z.json", "broken");
	update_at(6300);
	cr_expect(is_isolated(1), "the last good version of z.json is older");
	write_file(1, "z.json", pod_text_of("p", 2, 1, 1));
	update_at(6400);
	cr_expect_str_eq(owner(1), "p/2");
}

Test(withdraw, namespaces_stay_and_existing_ones_win, .init = set_up, .fini = tear_down)
{
	static const char text[] = "{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"n\","
				   "\"resourceVersion\":\"%d\",\"labels\":{\"is\":\"%d\"}}}";
	const Model *model = snapshot_model(snapshot);

	write_file(1, "n.json", arena_printf(arena, text, 9, 1));
	write_file(1, "p.json", pod_text_of("p", 0, 1, 1));
	update();
	delete_file(1, "n.json");
	update_at(6000);
	cr_expect_str_eq(labels_get(&model_namespace(model, "n")->labels, "is"), "1");
	write_file(1, "a.json", arena_printf(arena, text, 1, 2));
	update_at(6100);
	cr_expect_str_eq(labels_get(&model_namespace(model, "n")->labels, "is"), "2");
	delete_file(1, "a.json");
	update_at(6200);
	update_at(9000);
	cr_expect_null(labels_get(&model_namespace(model, "n")->labels, "is"));
}

/* If the whole directory is missing, it is unknown which files were deleted. */
Test(withdraw, files_of_a_missing_directory_have_no_deadlines, .init = set_up, .fini = tear_down)
{
	const char *away = arena_printf(arena, "%s.away", folder(0));

	write_file(0, "x.yaml", policies_text("a"));
	write_file(0, "y.yaml", policies_text("b"));
	update();
	delete_file(0, "y.yaml");
	update_at(6000);
	cr_assert_eq(rename(folder(0), away), 0);
	source_dir_mark(dirs[0], NULL);
	update_at(9000);
	cr_expect_eq(source_dir_next_withdrawal(dirs[0]), SOURCE_NEVER);
	cr_expect_str_eq(in_force(), "a:x.yaml b:y.yaml");
	cr_assert_eq(rename(away, folder(0)), 0);
	source_dir_mark(dirs[0], NULL);
	update_at(9100);
	cr_expect_str_eq(in_force(), "a:x.yaml");
}
