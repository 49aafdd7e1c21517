/* SPDX-License-Identifier: GPL-2.0-or-later */
/* model: selectors and their grammar; merging files and what that changes. */
#include "model.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static Arena *arena;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(model, .init = set_up, .fini = tear_down);

static Labels labels(const char *text) /* "a=b c=" */
{
	Labels result = {};
	char *copy = arena_strdup(arena, text), *rest = NULL;

	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(word, '=');

		*equals = '\0';
		VEC_PUSH(arena, &result.list, (Label){word, equals + 1});
	}
	labels_sort(&result);
	return result;
}

Test(model, selectors_match_as_the_api_says)
{
	static const struct {
		const char *selector, *labels;
		bool wanted;
	} cases[] = {{"", "", true}, {"", "a=b", true}, {"a=b", "a=b", true}, {"a=b", "a=c", false},
		{"a=b", "", false}, {"a==b", "a=b c=d", true}, {"a!=b", "a=b", false},
		{"a!=b", "", true}, /* a missing key is not b */
		{"a!=b", "a=c", true}, {"a in (b,c)", "a=c", true}, {"a in (b,c)", "a=d", false},
		{"a in (b,c)", "", false}, {"a notin (b,c)", "a=c", false},
		{"a notin (b,c)", "a=d", true}, {"a notin (b,c)", "", true}, {"a", "a=x", true},
		{"a", "a=", true}, {"a", "", false}, {"!a", "", true}, {"!a", "a=x", false},
		{"a=b,c=d", "a=b", false}, {"a=b,c=d", "a=b c=d", true}, {"a=", "a=", true},
		{"a=", "a=x", false}, {"a in ()", "a=", true}, {" a = b , !c ", "a=b", true},
		{"in in (in)", "in=in", true}, {"notin notin (x)", "", true},
		{"app.kubernetes.io/name=x", "app.kubernetes.io/name=x", true}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Labels have = labels(cases[i].labels);
		Selector selector = {};
		size_t at = 0;
		const char *error = selector_parse(arena, cases[i].selector, &selector, &at);

		cr_expect_null(error, "\"%s\": %s", cases[i].selector, error ? error : "");
		cr_expect_eq(selector_matches(&selector, &have), cases[i].wanted,
			"\"%s\" on \"%s\"", cases[i].selector, cases[i].labels);
	}
}

Test(model, a_printed_selector_parses_to_the_same)
{
	static const char *const texts[] = {
		"b=1,a=2", "x in (c,a,b)", "!k,k2", "z notin (q)", "a in (a)"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Selector one = {}, two = {};
		size_t at;
		const char *text;

		cr_assert_null(selector_parse(arena, texts[i], &one, &at));
		text = selector_text(arena, &one);
		cr_assert_null(selector_parse(arena, text, &two, &at));
		cr_expect_str_eq(selector_text(arena, &two), text);
	}
}

Test(model, equal_selectors_have_the_same_text)
{
	Selector one = {}, two = {};
	size_t at;

	selector_parse(arena, "a in (x,y,x),b=c", &one, &at);
	selector_parse(arena, "b==c,a in (y,x)", &two, &at);
	cr_assert_str_eq(selector_text(arena, &one), selector_text(arena, &two));
}

Test(model, errors_of_selectors_name_the_position)
{
	static const struct {
		const char *text;
		size_t at;
	} cases[] = {{"a b", 2}, {"a in b", 5}, {"a in (b", 7}, {"a=b,", 4}, {"=b", 0},
		{"a=b,,c", 4}, {"-a=b", 0}, {"a=b c", 4}, {"a/b/c=d", 0}, {"a=-", 2},
		{"a in (b;c)", 6}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Selector selector = {};
		size_t at = 999;

		cr_expect_not_null(
			selector_parse(arena, cases[i].text, &selector, &at), "%s", cases[i].text);
		cr_expect_eq(at, cases[i].at, "\"%s\": at %zu", cases[i].text, at);
	}
}

Test(model, pods_that_have_finished_or_have_no_address_are_not_live)
{
	Pod pod = {.phase = PHASE_RUNNING};

	cr_expect_not(pod_is_live(&pod), "no address");
	VEC_PUSH(arena, &pod.addresses, (Address){1, FAMILY_IPV4});
	cr_expect(pod_is_subject(&pod));
	pod.phase = PHASE_SUCCEEDED;
	cr_expect_not(pod_is_live(&pod));
	pod.phase = PHASE_PENDING;
	pod.is_host_network = true;
	cr_expect(pod_is_live(&pod));
	cr_expect_not(pod_is_subject(&pod));
}

/* ---- The merged model ---- */
static const Host HOST = {.name = "node"};

static const Pod *pod(const char *name, const char *file, uint64_t version)
{
	Pod *new = ARENA_NEW(arena, Pod);

	*new = (Pod){.origin = {.file = file, .line = 1},
		.namespace = "n",
		.name = name,
		.host = &HOST,
		.started = "",
		.version = version};
	return new;
}

static Changes replace_pod(Model *model, const Pod *old, const Pod *new)
{
	Changes changes = {.arena = arena};
	InventoryPart before = {.pods = &old, .n_pods = old != NULL};
	InventoryPart after = {.pods = &new, .n_pods = new != NULL};

	model_replace(model, &before, &after, &changes);
	return changes;
}

Test(model, of_pods_with_one_name_the_latest_wins)
{
	Model *model = model_new(arena);
	const Pod *old = pod("p", "dir/b", 1), *new = pod("p", "dir/a", 2);
	const Pod *same_version = pod("p", "dir/c", 2);
	Diags diags = {.arena = arena};
	Changes changes;

	replace_pod(model, NULL, old);
	cr_assert_eq(replace_pod(model, NULL, new).pods.n, 1);
	cr_assert_eq(model_pod(model, "n", "p"), new, "the higher resourceVersion");
	replace_pod(model, NULL, same_version);
	cr_assert_eq(model_pod(model, "n", "p"), same_version, "the file that sorts last");
	cr_assert(model_is_duplicate(model, old));
	cr_assert_eq(model_counts(model).pods, 1);
	cr_assert_eq(model_counts(model).duplicates, 1);
	model_warn_duplicates(model, &diags);
	cr_assert_eq(diags.list.n, 1, "only the duplicate that differs gets a warning");

	cr_assert_eq(replace_pod(model, old, NULL).pods.n, 0, "it was not in force");
	changes = replace_pod(model, same_version, NULL);
	cr_assert_eq(changes.pods.n, 1);
	cr_assert_eq(changes.pods.at[0].before, same_version);
	cr_assert_eq(changes.pods.at[0].after, new);
	cr_assert_not(model_is_duplicate(model, new));
}

Test(model, changes_of_a_pod_that_moves_between_files_are_in_order)
{
	Model *model = model_new(arena);
	const Pod *old = pod("p", "a", 1), *new = pod("p", "b", 1);
	const InventoryPart none = {}, from = {.pods = &old, .n_pods = 1};
	const InventoryPart to = {.pods = &new, .n_pods = 1};
	Changes changes = {.arena = arena};

	replace_pod(model, NULL, old);
	model_replace(model, &from, &none, &changes);
	model_replace(model, &none, &to, &changes);
	cr_assert_eq(changes.pods.n, 2);
	cr_assert_eq(changes.pods.at[0].before, old);
	cr_assert_null(changes.pods.at[0].after);
	cr_assert_null(changes.pods.at[1].before);
	cr_assert_eq(changes.pods.at[1].after, new);
}

Test(model, a_namespace_is_freed_by_the_purge_after_its_last_object)
{
	Model *model = model_new(arena);
	const Pod *only = pod("p", "a", 1);
	const NamespaceIndex *namespace;
	Changes changes = replace_pod(model, NULL, only);

	cr_assert_eq(changes.namespaces.n, 1);
	namespace = model_namespace_index(model, "n");
	cr_assert_eq(namespace->object, changes.namespaces.at[0].after);
	cr_assert_str_eq(
		labels_get(&namespace->object->labels, "kubernetes.io/metadata.name"), "n");

	changes = replace_pod(model, only, NULL);
	cr_assert_eq(changes.namespaces.at[0].namespace, namespace);
	cr_assert_null(changes.namespaces.at[0].after);
	cr_assert_eq(model_namespace_index(model, "n"), namespace, "the changes point to it");
	replace_pod(model, NULL, only);
	model_purge(model);
	cr_assert_eq(model_namespace_index(model, "n"), namespace, "it has a pod again");
	replace_pod(model, only, NULL);
	model_purge(model);
	cr_assert_null(model_namespace_index(model, "n"));
	cr_assert_eq(model_counts(model).namespaces, 0);
}

/* ---- Namespaces without a Namespace object ---- */
static const Namespace *namespace_of(const char *text) /* NULL: unknown labels */
{
	Namespace *new = ARENA_NEW(arena, Namespace);

	*new = (Namespace){
		.name = "n", .labels = labels(text ? text : ""), .are_labels_known = text};
	VEC_PUSH(arena, &new->labels.list, (Label){NAMESPACE_NAME_LABEL, "n"});
	labels_sort(&new->labels);
	return new;
}

/* NAME stands for kubernetes.io/metadata.name. */
static Match match(const char *text, const char *of)
{
	Selector selector = {};
	const char *name = strstr(text, "NAME");
	size_t at;

	if (name)
		text = arena_printf(arena, "%.*s%s%s", (int)(name - text), text,
			NAMESPACE_NAME_LABEL, name + strlen("NAME"));
	cr_assert_null(selector_parse(arena, text, &selector, &at));
	return namespace_match(namespace_of(of), &selector);
}

Test(model, only_the_name_of_a_namespace_without_object_is_known)
{
	static const struct {
		const char *selector;
		Match unknown, without_labels;
	} cases[] = {{"", MATCH_YES, MATCH_YES}, {"a=b", MATCH_UNKNOWN, MATCH_NO},
		{"a!=b", MATCH_UNKNOWN, MATCH_YES}, {"a", MATCH_UNKNOWN, MATCH_NO},
		{"!a", MATCH_UNKNOWN, MATCH_YES}, {"NAME=n", MATCH_YES, MATCH_YES},
		{"NAME in (m,n)", MATCH_YES, MATCH_YES}, {"NAME=m", MATCH_NO, MATCH_NO},
		{"NAME!=n", MATCH_NO, MATCH_NO}, {"NAME notin (m)", MATCH_YES, MATCH_YES},
		{"NAME", MATCH_YES, MATCH_YES}, {"!NAME", MATCH_NO, MATCH_NO},
		{"NAME=n,a!=b", MATCH_UNKNOWN, MATCH_YES}, {"NAME=m,a!=b", MATCH_NO, MATCH_NO},
		{"a!=b,NAME!=n", MATCH_NO, MATCH_NO}, {"z,NAME=m", MATCH_NO, MATCH_NO}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_expect_eq(match(cases[i].selector, NULL), cases[i].unknown, "\"%s\": %d",
			cases[i].selector, match(cases[i].selector, NULL));
		cr_expect_eq(match(cases[i].selector, ""), cases[i].without_labels, "\"%s\": %d",
			cases[i].selector, match(cases[i].selector, ""));
	}
	cr_expect_eq(match("a=b", "a=b"), MATCH_YES);
	cr_expect_eq(match("a!=b", "a=b"), MATCH_NO);
}

Test(model, known_labels_are_not_equal_to_unknown_ones)
{
	cr_expect_not(namespace_is_equal(namespace_of(NULL), namespace_of("")));
	cr_expect(namespace_is_equal(namespace_of(NULL), namespace_of(NULL)));
	cr_expect(namespace_is_equal(namespace_of("a=b"), namespace_of("a=b")));
	cr_expect_not(namespaces_have_same_labels(namespace_of(NULL), namespace_of("")));
	cr_expect_not(namespaces_have_same_labels(namespace_of("a=b"), namespace_of("a=c")));
}

static void set_policy(Model *model, const char *name)
{
	Policy *policy = ARENA_NEW(arena, Policy);
	Changes changes = {.arena = arena};

	*policy = (Policy){.namespace = "n", .name = name};
	model_set_policy(model, NULL, policy, false, &changes);
	cr_assert_eq(changes.policies.n, 1);
}

Test(model, policies_are_sorted_by_name)
{
	Model *model = model_new(arena);
	const Policies *policies;

	set_policy(model, "b");
	set_policy(model, "c");
	set_policy(model, "a");
	policies = &model_namespace_index(model, "n")->policies;
	cr_assert_eq(policies->n, 3);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(policies->at[i]->name[0], (char)('a' + i));
}

Test(model, policies_are_asserted_to_be_unique, .signal = SIGABRT)
{
	Model *model = model_new(arena);

	set_policy(model, "a");
	set_policy(model, "a");
}

Test(model, what_is_replaced_is_asserted_to_be_in_the_model, .signal = SIGABRT)
{
	replace_pod(model_new(arena), pod("p", "a", 1), NULL);
}

Test(model, labels_are_asserted_to_be_sorted, .signal = SIGABRT)
{
	Pod unsorted = *pod("p", "a", 1);

	VEC_PUSH(arena, &unsorted.labels.list, (Label){"b", ""});
	VEC_PUSH(arena, &unsorted.labels.list, (Label){"a", ""});
	replace_pod(model_new(arena), NULL, &unsorted);
}

/* JSON inventories are not checked for duplicate keys: that must not end the process. */
Test(model, a_label_may_be_repeated)
{
	Pod repeated = *pod("p", "a", 1);

	VEC_PUSH(arena, &repeated.labels.list, (Label){"a", "1"});
	VEC_PUSH(arena, &repeated.labels.list, (Label){"a", "2"});
	cr_assert_eq(replace_pod(model_new(arena), NULL, &repeated).pods.n, 1);
}

/* ---- Attachments ---- */
static const Attachment *attachment(const char *name, const char *uid, unsigned address, int at)
{
	Attachment *new = ARENA_NEW(arena, Attachment);

	*new = (Attachment){
		.origin = {.file = arena_printf(arena, "r/%s-%u-%d", name, address, at)},
		.namespace = "n",
		.pod = name,
		.uid_text = uid,
		.uid = uid_of(uid),
		.container = arena_printf(arena, "c%d", at),
		.interface = "eth0",
		.netns = "",
		.port = "veth1",
		.made_at = (uint64_t)at};
	VEC_PUSH(arena, &new->addresses, (Address){address, FAMILY_IPV4});
	return new;
}

static Changes replace_attachment(Model *model, const Attachment *old, const Attachment *new)
{
	Changes changes = {.arena = arena};
	InventoryPart before = {.attachments = &old, .n_attachments = old != NULL};
	InventoryPart after = {.attachments = &new, .n_attachments = new != NULL};

	model_replace(model, &before, &after, &changes);
	return changes;
}

static const Pod *pod_of(const char *name, const char *uid, unsigned address, uint64_t version)
{
	Pod *new = (Pod *)pod(name, "pods.json", version);

	new->uid = uid_of(uid);
	new->phase = PHASE_RUNNING;
	new->labels = labels(arena_printf(arena, "v=%d", (int)version));
	if (address)
		VEC_PUSH(arena, &new->addresses, (Address){address, FAMILY_IPV4});
	return new;
}

static void expect_pod(const Model *model, Known known, unsigned address, const char *version)
{
	const Pod *found = model_pod(model, "n", "p");
	const char *label = found ? labels_get(&found->labels, "v") : NULL;

	cr_assert(found);
	cr_expect_eq(found->known, known, "%d", (int)found->known);
	cr_assert_eq(found->addresses.n, 1);
	cr_expect_eq((unsigned)found->addresses.at[0].value, address);
	cr_expect(text_is_equal(label, version), "%s", label ? label : "no label");
}

Test(model, an_attachment_gives_a_listed_pod_its_address)
{
	Model *model = model_new(arena);
	const Attachment *a = attachment("p", "u", 7, 1);
	Changes changes;

	replace_pod(model, NULL, pod_of("p", "u", 0, 1));
	cr_expect_not(pod_is_live(model_pod(model, "n", "p")));
	changes = replace_attachment(model, NULL, a);
	cr_assert_eq(changes.pods.n, 1);
	cr_expect(changes.pods.at[0].before && changes.pods.at[0].after);
	expect_pod(model, KNOWN_LISTED, 7, "1");
	cr_expect_str_eq(model_pod(model, "n", "p")->attached->list.at[0]->port, "veth1");
	cr_expect_eq(model_counts(model).attached, 1);
	cr_expect_eq(model_counts(model).unlisted, 0);
	replace_attachment(model, a, NULL);
	cr_expect_not(pod_is_live(model_pod(model, "n", "p")));
	cr_expect_eq(model_counts(model).attached, 0);
}

Test(model, an_attachment_that_no_inventory_knows_is_a_pod_of_unknown_labels)
{
	Model *model = model_new(arena);
	const Attachment *a = attachment("p", "u", 7, 1);
	const Pod *found;
	Selector all = {}, not = {};
	size_t at;

	replace_attachment(model, NULL, a);
	expect_pod(model, KNOWN_ATTACHED, 7, NULL);
	found = model_pod(model, "n", "p");
	cr_expect(pod_is_subject(found));
	cr_expect(pod_is_selected(found, &all));
	cr_assert_null(selector_parse(arena, "!a", &not, &at));
	cr_expect_not(pod_is_selected(found, &not ), "it may have the label");
	cr_expect(model_namespace(model, "n"), "implied");
	cr_expect_eq(model_counts(model).pods, 1);
	cr_expect_eq(model_counts(model).unlisted, 1);
	replace_pod(model, NULL, pod_of("p", "u", 0, 3));
	expect_pod(model, KNOWN_LISTED, 7, "3");
	cr_expect_eq(model_counts(model).pods, 1);
}

/* kubelet's short list after its restart; a phase that came too early. */
Test(model, a_pod_exists_as_long_as_it_is_attached)
{
	Model *model = model_new(arena);
	const Attachment *a = attachment("p", "u", 7, 1);
	const Pod *listed = pod_of("p", "u", 7, 1), *failed = pod_of("p", "u", 7, 2);

	((Pod *)failed)->phase = PHASE_FAILED;
	replace_pod(model, NULL, listed);
	replace_attachment(model, NULL, a);
	replace_pod(model, listed, failed);
	cr_expect(pod_is_subject(model_pod(model, "n", "p")), "it failed, but is attached");
	replace_pod(model, failed, NULL);
	expect_pod(model, KNOWN_REMEMBERED, 7, "2");
	model_purge(model);
	expect_pod(model, KNOWN_REMEMBERED, 7, "2");
	cr_expect_eq(model_counts(model).unlisted, 1);
	replace_attachment(model, a, NULL);
	cr_expect_null(model_pod(model, "n", "p"));
	cr_expect_eq(model_counts(model).pods, 0);
	model_purge(model);
	cr_expect_null(model_namespace_index(model, "n"));
}

/* A StatefulSet's pod, deleted and created again while the old one's sandbox is still there. */
Test(model, pods_of_one_name_and_two_uids_are_two_pods)
{
	Model *model = model_new(arena);
	const Attachment *a = attachment("p", "u1", 7, 1), *b = attachment("p", "u2", 8, 2);
	const Pod *one = pod_of("p", "u1", 7, 1), *two = pod_of("p", "u2", 0, 2);
	size_t cursor = 0, n = 0;

	replace_pod(model, NULL, one);
	replace_attachment(model, NULL, a);
	replace_pod(model, one, two);
	cr_expect_eq(model_counts(model).pods, 2);
	cr_expect_eq(model_pod(model, "n", "p"), two, "the one that the inventory lists");
	replace_attachment(model, NULL, b);
	expect_pod(model, KNOWN_LISTED, 8, "2");
	while (namespace_next_pod(model_namespace_index(model, "n"), &cursor))
		n++;
	cr_expect_eq(n, 2);
	replace_attachment(model, a, NULL);
	cr_expect_eq(model_counts(model).pods, 1);
	expect_pod(model, KNOWN_LISTED, 8, "2");
}

/* A sandbox that was made anew: the inventory still has the address of the one before. */
Test(model, a_pod_has_the_addresses_of_its_latest_sandbox)
{
	Model *model = model_new(arena);
	const Attachment *a = attachment("p", "", 7, 1), *b = attachment("p", "", 8, 2);
	Attachment *other = (Attachment *)attachment("p", "", 99, 3);

	other->interface = "net1";
	replace_pod(model, NULL, pod_of("p", "u", 7, 1));
	replace_attachment(model, NULL, a);
	replace_attachment(model, NULL, b);
	replace_attachment(model, NULL, other);
	expect_pod(model, KNOWN_LISTED, 8, "1");
	cr_expect_eq(model_pod(model, "n", "p")->attached->list.n, 3);
	cr_expect_eq(model_pod(model, "n", "p")->attached->made_at, 2);
	replace_attachment(model, b, NULL);
	expect_pod(model, KNOWN_LISTED, 7, "1");
}

/* An equal list at another place in memory, as of a file that was written again. */
Test(model, an_equal_object_changes_no_joined_pod)
{
	Model *model = model_new(arena);
	const Pod *one = pod_of("p", "u", 7, 1), *same = pod_of("p", "u", 7, 1);

	((Pod *)same)->origin.line = 9;
	replace_pod(model, NULL, one);
	replace_attachment(model, NULL, attachment("p", "u", 7, 1));
	cr_expect_eq(replace_pod(model, one, same).pods.n, 0);
	cr_expect_eq(pod_origin(model_pod(model, "n", "p")).line, 9);
}

/* ---- Random events: the changes lead from what was to what is ---- */
#define SLOTS 12

typedef struct Shadow {
	Pods pods; /* by the changes */
	const Pod *objects[SLOTS];
	const Attachment *attachments[SLOTS];
} Shadow;

static void apply_changes(Shadow *shadow, const Changes *changes)
{
	for (size_t i = 0; i < changes->pods.n; i++) {
		const PodChange *change = &changes->pods.at[i];
		size_t k = 0;

		while (change->before && shadow->pods.at[k] != change->before)
			k++;
		if (change->before)
			shadow->pods.at[k] = shadow->pods.at[--shadow->pods.n];
		if (change->after)
			VEC_PUSH(arena, &shadow->pods, change->after);
	}
}

static bool shadow_has(const Shadow *shadow, const Pod *pod)
{
	for (size_t i = 0; i < shadow->pods.n; i++)
		if (shadow->pods.at[i] == pod)
			return true;
	return false;
}

static void compare_with_shadow(const Model *model, const Shadow *shadow)
{
	ModelCounts counts = model_counts(model);
	size_t attached = 0, n_attachments = 0;
	Pods pods = {};

	model_list_pods(model, arena, &pods);
	cr_assert_eq(pods.n, shadow->pods.n, "%u, %u", pods.n, shadow->pods.n);
	cr_assert_eq(counts.pods, pods.n);
	for (size_t i = 0; i < pods.n; i++) {
		cr_assert(shadow_has(shadow, pods.at[i]));
		attached += pods.at[i]->attached != NULL;
		n_attachments += pods.at[i]->attached ? pods.at[i]->attached->list.n : 0;
	}
	cr_assert_eq(counts.attached, attached);
	for (size_t i = 0; i < SLOTS; i++)
		n_attachments -= shadow->attachments[i] != NULL;
	cr_assert_eq(n_attachments, 0, "each attachment is in one pod");
}

Test(model, random_attachments_and_lists)
{
	static const char *const names[] = {"p", "q"}, *const uids[] = {"", "u1", "u2"};
	unsigned seed = 7;
	Model *model = model_new(arena);
	Shadow shadow = {};

	for (int i = 0; i < 5000; i++) {
		int slot = rand_r(&seed) % SLOTS, uid = rand_r(&seed) % 3;
		const char *name = names[rand_r(&seed) % 2];
		bool is_gone = rand_r(&seed) % 3 == 0;
		Changes changes;

		model_purge(model);
		if (rand_r(&seed) % 2) {
			const Pod *new = is_gone ? NULL : pod_of(name, uids[uid], 0, (uint64_t)uid);

			if (new)
				((Pod *)new)->origin.line = (unsigned)i + 1;
			changes = replace_pod(model, shadow.objects[slot], new);
			shadow.objects[slot] = new;
		} else {
			const Attachment *new =
				is_gone ? NULL : attachment(name, uids[uid], (unsigned)slot, i);

			changes = replace_attachment(model, shadow.attachments[slot], new);
			shadow.attachments[slot] = new;
		}
		apply_changes(&shadow, &changes);
		compare_with_shadow(model, &shadow);
	}
}
