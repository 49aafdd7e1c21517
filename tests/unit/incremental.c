/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incremental: after any sequence of changes to the files, the updated ruleset equals the one that
 * a fresh start makes of the files, to the byte, and so do the warnings. In half of the rounds
 * deleted files stay in force for a while: then the two are compared when none is left. In other
 * rounds namespaces have a budget, which policies exceed now and then.
 */
#include "files.h"
#include "seed.h"
#include "compile.h"
#include "nft.h"
#include <string.h>

#define NODES 6
#define NAMESPACES 4
#define FILES 8		   /* of policies */
#define ROUNDS_DEFAULT 100 /* NETPOL_ROUNDS sets another number */
#define ROUNDS_WITH_ALL_CASES 20
#define EVENTS 60
#define RECORDS 8
#define WITHDRAW_MS 1000

static unsigned seed;
static uint64_t now_ms;

/* Of a round. There are about 60 pods, and now and then LARGE more. */
static const CompileBudget BUDGETS[] = {{}, {.elements = 800, .rules = 12}, {}, {.elements = 120}};
static CompileBudget budget;

static int roll(int n)
{
	return rand_r(&seed) % n;
}

/* ---- Random files ---- */
/* Few names and addresses, so that pods move, share addresses and occur in several files. */
static void add_pod(Buf *buf, int node)
{
	static const char *const phases[] = {
		"Running", "Running", "Running", "Pending", "Succeeded"};

	buf_printf(buf,
		"{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"n%d\",\"resourceVersion\":\"%d\","
		"\"labels\":{\"a\":\"%d\",\"b\":\"%d\"}},\"spec\":{\"nodeName\":\"node%d\"%s,"
		"\"containers\":[{\"ports\":[{\"name\":\"web\",\"containerPort\":%d},{\"name\":"
		"\"dns\",\"protocol\":\"UDP\",\"containerPort\":53}]}]},\"status\":{\"phase\":\"%"
		"s\","
		"\"startTime\":\"2026-01-%02dT00:00:00Z\"",
		roll(12), roll(NAMESPACES), roll(3), roll(3), roll(3), node,
		roll(8) ? "" : ",\"hostNetwork\":true", 80 + roll(2), phases[roll(5)], 1 + roll(3));
	if (roll(8))
		buf_printf(buf, ",\"podIPs\":[{\"ip\":\"10.0.0.%d\"}", 1 + roll(40));
	if (buf->text[buf->n - 1] == '}')
		buf_printf(buf, "%s]", roll(2) ? ",{\"ip\":\"fd00::7\"}" : "");
	buf_add(buf, "}}");
}

/* Most of a file stays: some pods are added, deleted, changed and moved. */
#define PODS_MAX 10
static const char *pods_of[NODES][PODS_MAX];

/* A namespace without labels still differs from one without an object. */
static const char *team_text(void)
{
	return roll(3) ? arena_printf(arena, "\"team\":\"%d\"", roll(2)) : "";
}

/* Or a namespace, as in a list of both that kubectl prints. */
static const char *new_pod(int node)
{
	Buf buf = {.arena = arena};

	if (roll(12) == 0)
		buf_printf(&buf,
			"{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"n%d\","
			"\"resourceVersion\":\"%d\",\"labels\":{%s}}}",
			roll(NAMESPACES), roll(2), team_text());
	else
		add_pod(&buf, node);
	return buf_text(&buf);
}

static void change_pods(const char *pods[PODS_MAX], int node)
{
	int i = roll(PODS_MAX), k = roll(PODS_MAX);
	const char *one = pods[i];

	switch (roll(4)) {
	case 0:
		pods[i] = pods[k]; /* a duplicate, or gone */
		break;
	case 1:
		pods[i] = pods[k];
		pods[k] = one;
		break;
	default:
		pods[i] = roll(3) ? new_pod(node) : NULL;
	}
}

static const char *pods_text(int node)
{
	Buf buf = {.arena = arena};
	int n = 0;

	if (roll(10) == 0)
		for (int i = 0; i < PODS_MAX; i++)
			pods_of[node][i] = roll(2) ? new_pod(node) : NULL;
	else
		for (int i = roll(3); i >= 0; i--)
			change_pods(pods_of[node], node);
	buf_add(&buf, "{\"kind\":\"PodList\",\"items\":[");
	for (int i = 0; i < PODS_MAX; i++)
		if (pods_of[node][i])
			buf_printf(&buf, "%s\n%s", n++ ? "," : "", pods_of[node][i]);
	buf_add(&buf, roll(15) ? "]}" : "]"); /* broken in 1 of 15 */
	return buf_text(&buf);
}

/* So many pods that a set needs the next size (set_size). */
#define LARGE (512 + 4)
static int n_large;

static const char *large_text(void)
{
	Buf buf = {.arena = arena};
	int n = n_large + roll(17) - 8;

	n_large = n < LARGE - 32 || n > LARGE ? LARGE - 16 : n;
	buf_add(&buf, "{\"kind\":\"PodList\",\"items\":[");
	for (int i = 0; i < n_large; i++)
		buf_printf(&buf,
			"%s{\"metadata\":{\"name\":\"c%d\",\"namespace\":\"n0\",\"labels\":{"
			"\"a\":\"%d\"}},\"spec\":{\"nodeName\":\"node%d\"},\"status\":{\"phase\":"
			"\"Running\",\"podIP\":\"10.0.%d.%d\"}}",
			i ? "," : "", i, roll(4000) ? 0 : roll(3), i % 3, 1 + i / 256, i % 256);
	buf_add(&buf, "]}");
	return buf_text(&buf);
}

static const char *namespaces_text(void)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, "{\"kind\":\"NamespaceList\",\"items\":[");
	for (int i = 0, n = 0; i < NAMESPACES; i++)
		if (roll(3))
			buf_printf(&buf, "%s{\"metadata\":{\"name\":\"n%d\",\"labels\":{%s}}}",
				n++ ? "," : "", i, team_text());
	buf_add(&buf, "]}");
	return buf_text(&buf);
}

/* By a label, by the name, by both. */
static const char *namespace_selector(void)
{
	static const char *const name = "kubernetes.io/metadata.name";

	switch (roll(10)) {
	case 0:
		return arena_printf(arena, "team!=%d", roll(2));
	case 1:
		return "!team";
	case 2:
		return arena_printf(arena, "%s%s=n%d", name, roll(2) ? "!" : "", roll(NAMESPACES));
	case 3:
		return arena_printf(arena, "%s=n%d,team!=%d", name, roll(NAMESPACES), roll(2));
	case 4:
		return arena_printf(arena, "%s notin (n1,n%d),!team", name, roll(NAMESPACES));
	default:
		return arena_printf(arena, "team=%d", roll(2));
	}
}

static void add_peer(Buf *buf)
{
	switch (roll(7)) {
	case 0:
		buf_printf(buf, "{ cidr = \"10.0.0.0/24\"; except = [ \"10.0.0.%d/32\" ]; }",
			1 + roll(40));
		break;
	case 1:
		buf_printf(buf, "{ cidr_set = \"s%d\"; }", roll(2));
		break;
	case 2:
		buf_printf(buf, "{ namespaces = \"%s\"; }", namespace_selector());
		break;
	case 3:
		buf_printf(buf, "{ namespaces = \"%s\"; pods = \"a in (0,%d)\"; }",
			namespace_selector(), 1 + roll(2));
		break;
	case 4:
		buf_printf(buf, "{ namespaces = \"\"; pods = \"b!=%d\"; }", roll(3));
		break;
	case 5:
		buf_add(buf, "{ pods = \"\"; }");
		break;
	default:
		buf_printf(buf, "{ pods = \"a=%d\"; }", roll(3));
	}
}

static void add_rule(Buf *buf, const char *side)
{
	static const char *const ports[] = {"", "ports = ( { port = 80; } );",
		"ports = ( { port = \"web\"; } );",
		"ports = ( { protocol = \"UDP\"; port = \"dns\"; }, { port = 90; } );"};

	buf_printf(buf, "{ %s = ( ", side);
	for (int i = 0, n = roll(3); i < n; i++) {
		buf_add(buf, i ? ", " : "");
		add_peer(buf);
	}
	buf_printf(buf, " ); %s }", ports[roll(4)]);
}

static const char *policies_text(int file)
{
	Buf buf = {.arena = arena};
	int n = roll(3);

	if (roll(3) == 0)
		buf_printf(&buf,
			"cidr_sets = ( { name = \"s%d\"; cidrs = [ \"10.%d.0.0/16\" ]; } );\n",
			roll(2), roll(3));
	buf_add(&buf, "policies = ( ");
	for (int i = 0; i < n; i++) {
		buf_printf(&buf,
			"%s{ name = \"x%d\"; namespace = \"n%d\"; pods = \"%s\"; audit = %s;\n",
			i ? ",\n" : "", roll(4) ? 10 * file + i : roll(20), roll(NAMESPACES),
			roll(3) ? arena_printf(arena, "a=%d", roll(3)) : "",
			roll(4) ? "false" : "true");
		buf_add(&buf, "ingress = ( ");
		add_rule(&buf, "from");
		buf_add(&buf, " );");
		if (roll(2)) {
			buf_add(&buf, "egress = ( ");
			add_rule(&buf, "to");
			buf_add(&buf, " );");
		}
		buf_add(&buf, " }");
	}
	buf_add(&buf, roll(12) ? " );\n" : "\n");
	return buf_text(&buf);
}

/* ---- Records of the container runtime ---- */
static const char *records_path(void)
{
	return arena_printf(arena, "%s/records", root);
}

static void clear_records(void)
{
	cr_assert_eq(system(arena_printf(arena, "rm -rf %s", records_path())), 0);
	cr_assert_eq(mkdir(records_path(), 0755), 0);
}

/* Few uids, so that pods of one name and another uid are among them. The node is any. */
static const char *record_text(void)
{
	static const char *const uids[] = {"", "", "u1", "u2"};

	return arena_printf(arena,
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c%d\",\"ifName\":\"%s\",\"cniArgs\":["
		"[\"K8S_POD_NAMESPACE\",\"n%d\"],[\"K8S_POD_NAME\",\"p%d\"],[\"K8S_POD_UID\","
		"\"%s\"]],\"result\":{\"ips\":[{\"address\":\"10.0.0.%d/24\"}%s]}}%s",
		roll(3), roll(6) ? "eth0" : "net1", roll(NAMESPACES), roll(12), uids[roll(4)],
		1 + roll(40), roll(2) ? ",{\"address\":\"fd00::7/64\"}" : "",
		roll(15) ? "" : "}"); /* broken in 1 of 15 */
}

/* ---- From files to a ruleset ---- */
typedef struct Pipeline {
	SourceDir *dirs[3];
	Snapshot *snapshot;
	Compiler *compiler;
} Pipeline;

static Pipeline pipeline_new(bool is_all)
{
	Pipeline pipeline = {};
	CompileOptions options = {
		.node = "node0", .is_all = is_all, .table = "netpol", .budget = budget};

	options.budget.node = is_all ? NULL : options.node;

	dirs_new(pipeline.dirs, false);
	pipeline.dirs[2] = source_dir_new(SOURCE_ATTACHMENTS, records_path(), false);
	pipeline.snapshot = snapshot_new(pipeline.dirs, 3);
	cr_assert(pipeline.snapshot);
	pipeline.compiler = compiler_new(snapshot_model(pipeline.snapshot), &options);
	cr_assert(pipeline.compiler);
	return pipeline;
}

static void pipeline_free(Pipeline *pipeline)
{
	compiler_free(pipeline->compiler);
	snapshot_free(pipeline->snapshot);
	dirs_free(pipeline->dirs);
	source_dir_free(pipeline->dirs[2]);
}

static Ruleset *pipeline_update(Pipeline *pipeline)
{
	Arena *scratch = arena_new();
	Changes changes = {.arena = scratch};
	Ruleset *ruleset = NULL;

	for (int i = 0; i < 3; i++)
		cr_assert_eq(source_dir_refresh(pipeline->dirs[i], now_ms), 0);
	snapshot_update(pipeline->snapshot, &changes);
	ruleset = compiler_update(pipeline->compiler, &changes);
	arena_free(scratch);
	return ruleset;
}

static const char *all_text(const Pipeline *pipeline, const Ruleset *ruleset)
{
	Buf buf = {.arena = arena};
	Diags diags = {.arena = arena};
	Texts lines = {}; /* in no order */

	buf_add(&buf, nft_ruleset_text(arena, ruleset));
	diags_append(&diags, snapshot_diags(pipeline->snapshot));
	compiler_warn(pipeline->compiler, &diags);
	for (size_t i = 0; i < diags.list.n; i++)
		VEC_PUSH(arena, &lines, diag_line(arena, &diags.list.at[i]));
	if (lines.n)
		qsort(lines.at, lines.n, sizeof(*lines.at), text_compare_p);
	for (size_t i = 0; i < lines.n; i++)
		buf_printf(&buf, "%s\n", lines.at[i]);
	return buf_text(&buf);
}

static bool are_equal(const Pipeline *one, const Ruleset *x, const Pipeline *two, const Ruleset *y)
{
	return strcmp(all_text(one, x), all_text(two, y)) == 0;
}

static const char *as_file(const char *name, const char *text)
{
	const char *where = arena_printf(arena, "%s/%s", root, name);
	FILE *file = fopen(where, "w");

	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
	return where;
}

/* The first lines of `diff -u` of two texts. */
static const char *difference(const char *wanted, const char *found)
{
	Buf buf = {.arena = arena};
	char part[4096];
	size_t n;
	FILE *diff =
		popen(arena_printf(arena, "diff -u --label wanted %s --label found %s | head -n 60",
			      as_file("wanted", wanted), as_file("found", found)),
			"r");

	cr_assert(diff);
	while ((n = fread(part, 1, sizeof(part) - 1, diff)) > 0) {
		part[n] = '\0';
		buf_add(&buf, part);
	}
	pclose(diff);
	return buf_text(&buf);
}

/* ---- Events ---- */
static void change_file(Pipeline *pipeline, int dir, const char *name, const char *text)
{
	if (text)
		put(dir, name, text);
	else
		unlink(path(dir, name));
	source_dir_mark(pipeline->dirs[dir], name);
	if (roll(2))
		source_dir_prefetch(pipeline->dirs[dir]); /* a later change may supersede it */
}

static void change_record(Pipeline *pipeline)
{
	const char *name = arena_printf(arena, "cbr0-%d-eth0", roll(RECORDS));
	const char *where = arena_printf(arena, "%s/%s", records_path(), name);

	if (roll(3)) {
		FILE *file = fopen(where, "w");

		cr_assert(file && fputs(record_text(), file) >= 0 && fclose(file) == 0);
	} else {
		unlink(where);
	}
	source_dir_mark(pipeline->dirs[2], name);
}

/*
 * Files may be broken or contradict each other. Then the last valid content is in force, which a
 * fresh start does not know: is_clean().
 */
static void event(Pipeline *pipeline)
{
	int i;

	if (roll(4) == 0) {
		change_record(pipeline);
		return;
	}
	switch (roll(12)) {
	case 0: /* also one namespace in two files */
		change_file(pipeline, 1, roll(2) ? "namespaces.json" : "again.json",
			roll(4) ? namespaces_text() : NULL);
		break;
	case 1:
	case 2:
		i = roll(FILES);
		change_file(pipeline, 0, arena_printf(arena, "%d.conf", i),
			roll(4) ? policies_text(i) : NULL);
		break;
	case 3:
	case 4:
		change_file(pipeline, 1, "large.json", large_text());
		break;
	default:
		i = roll(NODES);
		change_file(pipeline, 1, arena_printf(arena, "node%d.json", i),
			roll(6) ? pods_text(i) : NULL);
	}
}

static bool is_anything_withdrawn(const Pipeline *pipeline)
{
	return source_dir_next_withdrawal(pipeline->dirs[0]) != SOURCE_NEVER ||
	       source_dir_next_withdrawal(pipeline->dirs[1]) != SOURCE_NEVER;
}

/* Pods that are attached still: netpold remembers their labels, which a fresh start does not know.
 */
static bool is_anything_remembered(const Pipeline *pipeline)
{
	Pods pods = {};

	model_list_pods(snapshot_model(pipeline->snapshot), arena, &pods);
	for (size_t i = 0; i < pods.n; i++)
		if (pods.at[i]->known == KNOWN_REMEMBERED)
			return true;
	return false;
}

static bool is_clean(const Pipeline *pipeline)
{
	return snapshot_diags(pipeline->snapshot)->n_errors == 0;
}

static bool has(const Elements *elements, const Element *wanted)
{
	return elements->n &&
	       bsearch(wanted, elements->at, elements->n, sizeof(Element), element_compare);
}

/* If a set has edit_of, checks its lists of added and removed elements. Returns how many have. */
static unsigned check_edits(const Ruleset *old, const Ruleset *new)
{
	unsigned n = 0;

	for (size_t i = 0; i < new->sets.n; i++) {
		const Set *set = new->sets.at[i], *was = ruleset_set(old, set->name);

		if (!was || set->edit_of == 0 || set->edit_of != was->serial)
			continue;
		n++;
		cr_assert_eq(was->elements.n + set->added.n - set->removed.n, set->elements.n);
		for (size_t k = 0; k < set->added.n; k++)
			cr_assert(has(&set->elements, &set->added.at[k]) &&
				  !has(&was->elements, &set->added.at[k]));
		for (size_t k = 0; k < set->removed.n; k++)
			cr_assert(has(&was->elements, &set->removed.at[k]) &&
				  !has(&set->elements, &set->removed.at[k]));
	}
	return n;
}

/* A set of the same name has the same size, enough for old and new elements together. */
static void check_sizes(const Ruleset *old, const Ruleset *new)
{
	for (size_t i = 0; i < new->sets.n; i++) {
		const Set *set = new->sets.at[i], *was = ruleset_set(old, set->name);

		if (!was)
			continue;
		cr_assert_eq(set_size(set), set_size(was));
		cr_assert(set_size(set) == 0 || set->elements.n + was->elements.n <= set_size(set));
	}
}

/* Sets with the same definition and another size than before. */
static unsigned count_resized(const Ruleset *old, const Ruleset *new)
{
	unsigned n = 0;

	for (size_t i = 0; i < new->sets.n; i++)
		for (size_t k = 0; k < old->sets.n; k++) {
			const Set *set = new->sets.at[i], *was = old->sets.at[k];

			n += set->kind == SET_PODS && set->family == was->family &&
			     set->kind == was->kind && text_is_equal(set->comment, was->comment) &&
			     set_size(set) != set_size(was);
		}
	return n;
}

/* The plan between old and new is empty exactly if they are equal; `old` has not changed. */
static void check_step(const Ruleset *old, const Ruleset *new, const char *old_text)
{
	Plan plan;

	cr_assert_str_eq(nft_ruleset_text(arena, old), old_text, "the old ruleset was changed");
	plan_change(arena, old, new, &plan);
	cr_assert_eq(plan.commits.n == 0, ruleset_is_equal(old, new));
}

/* How often each rare case occurred. */
typedef struct Seen {
	unsigned n_compared, n_edits, n_resized, n_withdrawn;
	unsigned n_unknown;		   /* warnings of namespaces without labels */
	unsigned n_attached, n_remembered; /* pods; events with such pods */
	unsigned n_over, n_toggled; /* policies over the budget; how often one began or ceased */
} Seen;

static unsigned count_unknown(const Pipeline *pipeline)
{
	const Diags *diags = snapshot_diags(pipeline->snapshot);
	unsigned n = 0;

	for (size_t i = 0; i < diags->list.n; i++)
		n += strcmp(diags->list.at[i].code, "unknown-labels") == 0;
	return n;
}

static bool is_over(const Pipeline *pipeline, const Policy *policy)
{
	return compiler_is_over_budget(pipeline->compiler, policy);
}

/* The names of the policies that are over the budget. */
static const char *over_text(const Pipeline *pipeline, Seen *seen)
{
	const Model *model = snapshot_model(pipeline->snapshot);
	const NamespaceIndex *namespace;
	Buf buf = {.arena = arena};
	size_t cursor = 0;

	while ((namespace = model_next_namespace(model, &cursor)))
		for (size_t i = 0; i < namespace->policies.n; i++)
			if (is_over(pipeline, namespace->policies.at[i])) {
				buf_printf(&buf, "%s ", namespace->policies.at[i]->name);
				seen->n_over++;
			}
	return buf_text(&buf);
}

static void play_round(bool is_all, bool is_withdrawing, Seen *seen)
{
	Pipeline pipeline;
	Ruleset *updated;

	files_clear();
	clear_records();
	memset(pods_of, 0, sizeof(pods_of));
	n_large = 0;
	pipeline = pipeline_new(is_all);
	for (int i = 0; i < 2; i++)
		source_dir_set_withdraw_ms(pipeline.dirs[i], is_withdrawing ? WITHDRAW_MS : 0);
	updated = pipeline_update(&pipeline);
	for (int e = 0; e < EVENTS; e++) {
		const char *old_text = nft_ruleset_text(arena, updated);
		const char *were_over = over_text(&pipeline, seen);
		Ruleset *new, *fresh;
		Pipeline again;

		for (int n = 1 + roll(3); n > 0; n--)
			event(&pipeline);
		now_ms += (uint64_t)roll(3 * WITHDRAW_MS);
		new = pipeline_update(&pipeline);
		check_step(updated, new, old_text);
		seen->n_edits += check_edits(updated, new);
		check_sizes(updated, new);
		seen->n_resized += count_resized(updated, new);
		seen->n_toggled += strcmp(over_text(&pipeline, seen), were_over) != 0;
		ruleset_unref(updated);
		updated = new;
		seen->n_withdrawn += is_anything_withdrawn(&pipeline);
		seen->n_remembered += is_anything_remembered(&pipeline);
		if (!is_clean(&pipeline) || is_anything_withdrawn(&pipeline) ||
			is_anything_remembered(&pipeline))
			continue;
		again = pipeline_new(is_all);
		fresh = pipeline_update(&again);
		cr_assert(are_equal(&pipeline, updated, &again, fresh),
			"event %d: a fresh start makes another ruleset:\n%s", e,
			difference(all_text(&again, fresh), all_text(&pipeline, updated)));
		cr_assert(ruleset_is_equal(updated, fresh));
		seen->n_compared++;
		seen->n_unknown += count_unknown(&pipeline);
		seen->n_attached += model_counts(snapshot_model(pipeline.snapshot)).attached;
		ruleset_unref(fresh);
		pipeline_free(&again);
	}
	ruleset_unref(updated);
	pipeline_free(&pipeline);
}

static void end(void)
{
	seed_report();
	files_end();
}

/* Fewer rounds may lack a rare case. */
static void expect_all_cases(const Seen *all, unsigned rounds)
{
	if (rounds < ROUNDS_WITH_ALL_CASES)
		return;
	cr_assert_gt(all->n_compared, rounds * EVENTS / 10, "files were hardly ever all valid");
	cr_assert_gt(all->n_edits, rounds, "sets were hardly ever edited");
	cr_assert_gt(all->n_resized, rounds / 10, "sets hardly ever changed their size");
	cr_assert_gt(all->n_withdrawn, rounds, "files were hardly ever deleted");
	cr_assert_gt(all->n_unknown, rounds / 10, "labels of namespaces were hardly ever unknown");
	cr_assert_gt(all->n_attached, rounds, "pods were hardly ever attached");
	cr_assert_gt(all->n_remembered, rounds, "attached pods hardly ever left the inventory");
	cr_assert_gt(all->n_over, rounds, "policies were hardly ever over the budget");
	cr_assert_gt(all->n_toggled, rounds, "policies hardly ever came over the budget");
}

Test(incremental, an_updated_ruleset_equals_one_from_scratch, .init = files_begin, .fini = end)
{
	const unsigned rounds = seed_rounds(ROUNDS_DEFAULT);
	Seen all = {};

	for (unsigned round = 0; round < rounds; round++) {
		arena = arena_new();
		seed = seed_of_round(1, round);
		budget = BUDGETS[seed / 4 % ARRAY_SIZE(BUDGETS)];
		play_round(seed % 2, seed / 2 % 2, &all);
		arena_free(arena);
	}
	seed_end();
	expect_all_cases(&all, rounds);
}
