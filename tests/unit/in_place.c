/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In-place update: a file that is read again mostly has the same pods. Those stay where they are in
 * memory, the changes list the others, and each pod's origin is its line in the new file.
 */
#include "files.h"
#include <string.h>

#define PODS 20

static SourceDir *dirs[2];
static Snapshot *snapshot;
static Changes changes;

static void set_up(void)
{
	arena = arena_new();
	files_begin();
	files_clear();
	dirs_new(dirs, true);
	snapshot = snapshot_new(dirs, 2);
	cr_assert(snapshot);
}

static void tear_down(void)
{
	snapshot_free(snapshot);
	dirs_free(dirs);
	files_end();
	arena_free(arena);
}

/* ---- A file of pods, one a line ---- */
typedef struct Line {
	int name, label, host;
} Line;

static const char *pods_text(const Line *lines, size_t n)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, "{\"kind\":\"PodList\",\"items\":[\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(&buf,
			"{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"n\",\"labels\":{\"a\":\"%"
			"d\"}},\"spec\":{\"nodeName\":\"node\",\"containers\":[{\"ports\":[{"
			"\"name\":\"web\",\"containerPort\":80}]}]},\"status\":{\"hostIP\":\"10.9."
			"0.%d\",\"startTime\":\"2026-01-01T00:00:00Z\",\"phase\":\"Running\","
			"\"podIP\":\"10.0.0.%d\"}}%s\n",
			lines[i].name, lines[i].label, 1 + lines[i].host, lines[i].name + 1,
			i + 1 < n ? "," : "");
	buf_add(&buf, "]}");
	return buf_text(&buf);
}

static void write_pods(const char *name, const Line *lines, size_t n)
{
	put(1, name, pods_text(lines, n));
	source_dir_mark(dirs[1], name);
}

static void update(void)
{
	changes = (Changes){.arena = arena};
	for (int i = 0; i < 2; i++)
		cr_assert_eq(source_dir_refresh(dirs[i], 0), 0);
	snapshot_update(snapshot, &changes);
	cr_assert_eq(snapshot_diags(snapshot)->n_errors, 0);
}

static void read_again(const Line *lines, size_t n)
{
	write_pods("pods.json", lines, n);
	update();
}

static const Pod *pod(int name)
{
	return model_pod(snapshot_model(snapshot), "n", arena_printf(arena, "p%d", name));
}

static const char *label(int name)
{
	return labels_get(&pod(name)->labels, "a");
}

/* The model has what the file has, with the right origins. */
static void expect(const Line *lines, size_t n)
{
	cr_expect_eq(model_counts(snapshot_model(snapshot)).pods, n);
	for (size_t i = 0; i < n; i++) {
		const Pod *p = pod(lines[i].name);

		cr_assert(p, "p%d is missing", lines[i].name);
		cr_expect_str_eq(label(lines[i].name), arena_printf(arena, "%d", lines[i].label));
		cr_expect_eq(
			p->origin.line, i + 2, "p%d is on line %u", lines[i].name, p->origin.line);
		cr_expect_str_eq(p->origin.file, path(1, "pods.json"));
		cr_expect_str_eq(p->host->name, "node");
		cr_expect_str_eq(p->ports.at[0].name, "web");
		cr_expect_str_eq(p->started, "2026-01-01T00:00:00Z");
		cr_expect_eq(p->addresses.at[0].value & 255, lines[i].name + 1);
		cr_expect_eq(p->host->addresses.at[0].value & 255, lines[i].host + 1);
	}
}

static void fill(Line lines[PODS])
{
	for (int i = 0; i < PODS; i++)
		lines[i] = (Line){i, 0, 0};
}

static const Pod **places(void)
{
	const Pod **at = arena_alloc(arena, PODS * sizeof(*at));

	for (int i = 0; i < PODS; i++)
		at[i] = pod(i);
	return at;
}

static int count_moved(const Pod **before)
{
	int n = 0;

	for (int i = 0; i < PODS; i++)
		n += pod(i) != before[i];
	return n;
}

Test(in_place, equal_pods_stay_where_they_are, .init = set_up, .fini = tear_down)
{
	Line lines[PODS];
	const Pod **before;

	fill(lines);
	read_again(lines, PODS);
	expect(lines, PODS);
	before = places();
	lines[7].label = 1;
	read_again(lines, PODS);
	expect(lines, PODS);
	cr_expect_eq(count_moved(before), 1);
	cr_assert_eq(changes.pods.n, 1);
	cr_expect_eq(changes.pods.at[0].before, before[7]);
	cr_expect_eq(changes.pods.at[0].after, pod(7));
	cr_expect_str_eq(labels_get(&before[7]->labels, "a"), "0",
		"it is not freed before the next refresh");
	lines[9].host = 1;
	read_again(lines, PODS);
	expect(lines, PODS);
	cr_expect_eq(count_moved(before), 2);
}

Test(in_place, pods_are_added_and_deleted, .init = set_up, .fini = tear_down)
{
	Line lines[PODS], fewer[PODS];
	const Pod **before;

	fill(lines);
	read_again(lines, PODS);
	before = places();
	memcpy(fewer, lines + 1,
		(PODS - 1) * sizeof(Line)); /* without the first: all others move up */
	read_again(fewer, PODS - 1);
	expect(fewer, PODS - 1);
	cr_assert_eq(changes.pods.n, 1);
	cr_expect_eq(changes.pods.at[0].before, before[0]);
	cr_expect_null(changes.pods.at[0].after);
	fewer[PODS - 1] = lines[0]; /* added again, as the last */
	read_again(fewer, PODS);
	expect(fewer, PODS);
	cr_assert_eq(changes.pods.n, 1);
	cr_expect_null(changes.pods.at[0].before);
	cr_expect_eq(count_moved(before), 1);
}

Test(in_place, the_order_of_pods_does_not_matter, .init = set_up, .fini = tear_down)
{
	Line lines[PODS];
	const Pod **before;

	fill(lines);
	read_again(lines, PODS);
	before = places();
	for (int i = 0; i < PODS / 2; i++) {
		Line one = lines[i];

		lines[i] = lines[PODS - 1 - i];
		lines[PODS - 1 - i] = one;
	}
	read_again(lines, PODS);
	expect(lines, PODS);
	cr_expect_eq(count_moved(before), 0);
	cr_expect_eq(changes.pods.n, 0);
}

Test(in_place, superseded_pods_are_freed_eventually, .init = set_up, .fini = tear_down)
{
	Line lines[PODS];
	bool has_moved = false;

	fill(lines);
	read_again(lines, PODS);
	for (int round = 1; round <= 3 * PODS; round++) {
		const Pod **before = places();
		int moved;

		lines[round % PODS].label = round;
		read_again(lines, PODS);
		expect(lines, PODS);
		moved = count_moved(before);
		cr_expect(moved == 1 || moved == PODS);
		cr_expect(source_dir_file(dirs[1], 0).accepted->n_superseded <= PODS / 2);
		has_moved |= moved == PODS;
	}
	cr_expect(has_moved, "the arena grows without limit");
}

static size_t count_unsaved(const char *has)
{
	StateText *list = NULL;
	size_t n = 0;

	source_dir_take_unsaved(dirs[1], &list);
	for (StateText *next; list; list = next, n++) {
		next = list->next;
		cr_expect(strstr(list->text, has), "%s", list->text);
		state_text_free(list);
	}
	return n;
}

/* kubelet lists its pods in another order at each request. */
Test(in_place, another_order_is_not_saved, .init = set_up, .fini = tear_down)
{
	Line lines[PODS], one;

	fill(lines);
	read_again(lines, PODS);
	cr_expect_eq(count_unsaved("\"p0\""), 1);
	for (int round = 0; round < 3; round++) {
		one = lines[round];
		lines[round] = lines[7];
		lines[7] = one;
		read_again(lines, PODS);
		cr_expect_eq(count_unsaved(""), 0);
	}
	lines[7].label = 4;
	read_again(lines, PODS);
	lines[3] = lines[7]; /* changed again, before the first change was saved */
	lines[7] = (Line){3, 0, 0};
	read_again(lines, PODS);
	cr_expect_eq(count_unsaved("\"4\""), 1);
	read_again(lines, PODS);
	cr_expect_eq(count_unsaved(""), 0);
}

/* If two pods have one name, their order decides which is in force: neither may be reused. */
Test(in_place, a_duplicate_pod_is_not_reused, .init = set_up, .fini = tear_down)
{
	Line lines[PODS];

	fill(lines);
	lines[3] = (Line){5, 1, 0}; /* the name of the pod at 5, before it */
	read_again(lines, PODS);
	cr_expect_str_eq(label(5), "0");
	for (int round = 0; round < 4; round++) {
		Line one = lines[3];

		lines[3] = lines[5];
		lines[5] = one;
		read_again(lines, PODS);
		cr_expect_str_eq(label(5), round % 2 ? "0" : "1", "round %d", round);
	}
	fill(lines);
	read_again(lines, PODS);
	expect(lines, PODS);
}

/* Another file may have a pod of the same name that is in force instead. */
Test(in_place, another_file_may_have_the_same_pod, .init = set_up, .fini = tear_down)
{
	Line lines[PODS], one = {5, 9, 0};

	fill(lines);
	read_again(lines, PODS);
	lines[8].label = 1;
	read_again(lines, PODS);
	write_pods("zzz.json", &one, 1);
	update();
	cr_expect_str_eq(label(5), "9", "the file that sorts last");
	lines[9].label = 1;
	read_again(lines, PODS);
	cr_expect_str_eq(label(5), "9");
	cr_assert_eq(unlink(path(1, "zzz.json")), 0);
	source_dir_mark(dirs[1], "zzz.json");
	update();
	expect(lines, PODS);
}

/* After a reboot the restored version's origins name the saved copy; once the file is there, they
 * name the file. */
Test(in_place, a_restored_version_is_replaced, .init = set_up, .fini = tear_down)
{
	Line lines[PODS];
	Diags diags = {.arena = arena};
	const char *state = arena_printf(arena, "%s/state", root);
	char folder[NAME_MAX + 1];
	StateText *saved;

	fill(lines);
	source_state_folder(SOURCE_INVENTORY, source_dir_path(dirs[1]), folder);
	saved = state_text_new(
		arena_printf(arena, "%s/pods.json", folder), strdup(pods_text(lines, PODS)), 0);
	cr_assert(saved);
	saved->n = strlen(saved->text);
	cr_assert_eq(mkdir(state, 0755), 0);
	cr_assert_eq(state_store(state, saved), 0);
	state_text_free(saved);
	cr_assert_eq(source_dir_refresh(dirs[1], 0), 0);
	cr_assert_eq(source_dir_restore(dirs[1], state, true, &diags), 0);
	update();
	cr_assert(pod(0));
	lines[7].label = 1;
	read_again(lines, PODS);
	expect(lines, PODS);
}
