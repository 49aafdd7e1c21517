/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: policies that ask for more than their namespace may: which ones are left out, what their
 * pods may still do, and that it follows from the content alone.
 */
#include "compile.h"
#include "nft.h"
#include "source.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static Arena *arena;
static VEC(Source *) sources; /* freed at the end of a test */

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	for (size_t i = 0; i < sources.n; i++)
		source_free(sources.at[i]);
	arena_free(arena);
}

TestSuite(budget, .init = set_up, .fini = tear_down);

/* ---- Models ---- */
static const Source *parse(SourceKind kind, const char *file, const char *text)
{
	Source *source = NULL;

	cr_assert_eq(source_parse(kind, file, text, strlen(text), NULL, &source), 0);
	cr_assert_eq(source->diags.n_errors, 0, "%s",
		source->diags.n_errors ? source->diags.list.at[0].message : "");
	VEC_PUSH(arena, &sources, source);
	return source;
}

/* Pods from the number `from` on, each with label i=NUMBER, a port "web", and odd=yes or no. */
static const Source *pods(int from, int n)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, "{\"kind\":\"PodList\",\"items\":[");
	for (int i = from; i < from + n; i++)
		buf_printf(&buf,
			"%s{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"n%d\",\"labels\":{"
			"\"i\":\"%d\",\"odd\":\"%s\"}},\"spec\":{\"nodeName\":\"w\","
			"\"containers\":[{\"ports\":[{\"name\":\"web\",\"containerPort\":80},"
			"{\"name\":\"web\",\"containerPort\":81}]}]},"
			"\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.%d.%d\"}}",
			i > from ? "," : "", i, i % 2, i, i % 2 ? "yes" : "no", i / 256, i % 256);
	buf_add(&buf, "]}");
	return parse(SOURCE_INVENTORY, "pods.json", buf_text(&buf));
}

/* A pod of n0 that no inventory has: a record of the container runtime alone. */
static const Source *attached(int i)
{
	return parse(SOURCE_ATTACHMENTS, arena_printf(arena, "cbr0-c%d-eth0", i),
		arena_printf(arena,
			"{\"kind\":\"cniCacheV1\",\"containerId\":\"c%d\",\"ifName\":\"eth0\","
			"\"cniArgs\":[[\"K8S_POD_NAMESPACE\",\"n0\"],[\"K8S_POD_NAME\",\"a%d\"]],"
			"\"result\":{\"ips\":[{\"address\":\"10.9.%d.%d/16\"}]}}",
			i, i, i / 256, i % 256));
}

/* `policies`: the inside of `policies = ( ... )`. */
static const Source *policies(const char *policies)
{
	return parse(SOURCE_POLICIES, "p.conf", arena_printf(arena, "policies = (%s);", policies));
}

typedef struct Fixture {
	Model *model;
	Compiler *compiler;
	Ruleset *ruleset;
} Fixture;

static InventoryPart part_of(const Source *source)
{
	if (!source)
		return (InventoryPart){};
	return (InventoryPart){.pods = source->pods.at,
		.n_pods = source->pods.n,
		.attachments = source->attachments.at,
		.n_attachments = source->attachments.n};
}

static void update(Fixture *f, const Source *old, const Source *new)
{
	Changes changes = {.arena = arena};
	InventoryPart before = part_of(old), after = part_of(new);

	model_purge(f->model);
	model_replace(f->model, &before, &after, &changes);
	for (size_t i = 0; old && i < old->policies.n; i++)
		model_set_policy(f->model, old->policies.at[i], NULL, false, &changes);
	for (size_t i = 0; new &&i < new->policies.n; i++)
		model_set_policy(f->model, NULL, new->policies.at[i], false, &changes);
	ruleset_unref(f->ruleset);
	f->ruleset = compiler_update(f->compiler, &changes);
}

static Fixture begin(CompileBudget budget)
{
	const CompileOptions options = {.node = "w", .table = "netpol", .budget = budget};
	Fixture f = {.model = model_new(arena)};

	f.compiler = compiler_new(f.model, &options);
	return f;
}

static void end(Fixture *f)
{
	ruleset_unref(f->ruleset);
	compiler_free(f->compiler);
}

/* The names of the policies that an error says are over the budget; "near NAMESPACE" of a warning.
 */
static const char *said(const Fixture *f)
{
	Buf buf = {.arena = arena};
	Diags diags = {.arena = arena};

	compiler_warn(f->compiler, &diags);
	for (size_t i = 0; i < diags.list.n; i++) {
		const Diag *diag = &diags.list.at[i];
		char name[64];

		if (sscanf(diag->message, "the policies of namespace %63s ", name) == 1) {
			cr_assert_eq(diag->severity, SEVERITY_WARNING);
			buf_printf(&buf, "%snear %s", i ? " " : "", name);
			continue;
		}
		cr_assert_str_eq(diag->code, "over-budget", "%s", diag->message);
		cr_assert_eq(diag->severity, SEVERITY_ERROR);
		cr_assert(diag->origin.line > 0 && diag->hint);
		cr_assert_eq(sscanf(diag->message, "policy %63s ", name), 1);
		buf_printf(&buf, "%s%s", i ? " " : "", name);
	}
	return buf_text(&buf);
}

/* The same, without warnings. */
static const char *over(const Fixture *f)
{
	const char *text = said(f);

	return strncmp(text, "near", 4) == 0 ? "" : text;
}

/* The policies that are over the budget when all of this is there from the start. */
static const char *over_of(CompileBudget budget, const Source *pods, const Source *policies)
{
	Fixture f = begin(budget);
	const char *names;

	update(&f, NULL, pods);
	update(&f, NULL, policies);
	names = over(&f);
	end(&f);
	return names;
}

static bool is_allowed(const Fixture *f, int source, int destination, uint16_t port)
{
	Tuple tuple = {.protocol = 6, .port = port};
	char text[ADDRESS_TEXT_SIZE];

	snprintf(text, sizeof(text), "10.0.%d.%d", source / 256, source % 256);
	cr_assert(address_parse(text, &tuple.source));
	snprintf(text, sizeof(text), "10.0.%d.%d", destination / 256, destination % 256);
	cr_assert(address_parse(text, &tuple.destination));
	return ruleset_allows(f->ruleset, &tuple);
}

/* n peers that each select every pod. */
static const char *peers(int n)
{
	Buf buf = {.arena = arena};

	for (int i = 0; i < n; i++)
		buf_printf(&buf, "%s{ namespaces = \"\"; pods = \"odd!=x%d\"; }", i ? ", " : "", i);
	return buf_text(&buf);
}

static const char *policy(const char *name, const char *namespace, const char *rest)
{
	return arena_printf(arena, "{ name = \"%s\"; namespace = \"%s\"; pods = \"\"; %s }", name,
		namespace, rest);
}

static const char *from(const char *peers)
{
	return arena_printf(arena, "ingress = ( { from = ( %s ); } );", peers);
}

/* ---- Tests ---- */
Test(budget, a_policy_that_does_not_fit_isolates_and_the_next_ones_are_taken)
{
	Fixture f = begin((CompileBudget){.elements = 100});
	const char *small = "ingress = ( { from = ( { pods = \"odd=no\"; } );"
			    "ports = ( { port = %d; } ); } );";
	const char *big = "{ name = \"b\"; namespace = \"n0\"; pods = \"i in (2,3)\"; %s "
			  "egress = ( { } ); }";

	update(&f, NULL, pods(0, 20));
	update(&f, NULL,
		policies(arena_printf(arena, "%s,\n%s,\n%s",
			policy("a", "n0", arena_printf(arena, small, 1)),
			arena_printf(arena, big, from(peers(10))),
			policy("c", "n0", arena_printf(arena, small, 3)))));
	cr_assert_str_eq(over(&f), "n0/b");
	cr_assert(is_allowed(&f, 4, 2, 1) && is_allowed(&f, 4, 2, 3));
	cr_assert(!is_allowed(&f, 4, 2, 2) && !is_allowed(&f, 1, 2, 1));
	/* it isolates in both directions, only the pods that it selects, and allows nothing */
	cr_assert(!is_allowed(&f, 2, 1, 1), "egress is not isolated");
	cr_assert(is_allowed(&f, 4, 1, 1), "a pod that the policy does not select is isolated");
	end(&f);
}

Test(budget, a_limit_of_exactly_what_is_asked_for_is_enough)
{
	const Source *inventory = pods(0, 40);
	const Source *asked = policies(policy("a", "n0", from(peers(300))));
	/* 40 addresses, and 2 comparisons of each, for each peer */
	const size_t needed = 300 * (40 + 40 * 2 / 16);

	cr_assert_str_eq(over_of((CompileBudget){.elements = needed}, inventory, asked), "");
	cr_assert_str_eq(
		over_of((CompileBudget){.elements = needed - 1}, inventory, asked), "n0/a");
	cr_assert_str_eq(over_of((CompileBudget){}, inventory, asked), "", "0 is no limit");
}

Test(budget, a_namespace_near_its_budget_is_warned_of)
{
	const Source *inventory = pods(0, 40);
	const Source *asked = policies(policy("a", "n0", from(peers(20))));
	const size_t needed = 20 * 45;
	static const struct {
		size_t limit;
		const char *said;
	} cases[] = {{1010, ""}, {990, "near n0"}, {900, "near n0"}, {899, "n0/a"}};

	cr_assert_eq(needed, 900);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Fixture f = begin((CompileBudget){.elements = cases[i].limit});

		update(&f, NULL, inventory);
		update(&f, NULL, asked);
		cr_expect_str_eq(said(&f), cases[i].said, "limit %zu", cases[i].limit);
		end(&f);
	}
}

/*
 * 50 policies with one selector of all 40 pods, and with one of a single pod each: these could
 * select all pods too, so the budget has to count them.
 */
Test(budget, equal_selectors_are_charged_once)
{
	const Source *inventory = pods(0, 40), *asked;
	Buf buf = {.arena = arena};

	for (int i = 0; i < 50; i++)
		buf_printf(&buf, "%s%s", i ? "," : "",
			policy(arena_printf(arena, "p%d", i), "n0",
				arena_printf(arena,
					"ingress = ( { from = ( { namespaces = \"\"; },"
					"{ namespaces = \"\"; pods = \"i=%d\"; } );"
					"ports = ( { port = %d; } ); } );"
					"egress = ( { to = ( { namespaces = \"\"; } ); } );",
					i % 5, i + 1)));
	asked = policies(buf_text(&buf));
	cr_assert_str_eq(over_of((CompileBudget){.elements = 47}, inventory, asked), "");
	cr_assert_neq(*over_of((CompileBudget){.elements = 46}, inventory, asked), '\0');
}

Test(budget, selectors_of_the_own_namespace_are_charged_for_its_pods)
{
	const Source *inventory = pods(0, 40);
	Buf buf = {.arena = arena};

	for (int i = 0; i < 10; i++)
		buf_printf(&buf, "%s{ pods = \"odd!=x%d\"; }", i ? ", " : "", i);
	/* 20 of the pods are in n0; 2 comparisons of each */
	cr_assert_str_eq(over_of((CompileBudget){.elements = 10 * (20 + 20 * 2 / 16)}, inventory,
				 policies(policy("a", "n0", from(buf_text(&buf))))),
		"");
	cr_assert_str_eq(over_of((CompileBudget){.elements = 10 * (20 + 20 * 2 / 16) - 1},
				 inventory, policies(policy("a", "n0", from(buf_text(&buf))))),
		"n0/a");
}

Test(budget, pods_that_only_records_name_are_charged)
{
	Fixture f = begin((CompileBudget){.elements = 100});

	update(&f, NULL, policies(policy("a", "n0", from("{ pods = \"\"; }"))));
	for (int i = 0; i < 90; i++)
		update(&f, NULL, attached(i));
	cr_expect_str_eq(over(&f), "");
	for (int i = 90; i < 300; i++)
		update(&f, NULL, attached(i));
	cr_expect_str_eq(over(&f), "n0/a");
	end(&f);
}

/* p0 and the attached pod have different chains, each with the 100 rules of `large`. */
Test(budget, pods_that_only_records_name_have_chains)
{
	static const struct {
		const char *large; /* which pods it selects */
		size_t rules;
	} cases[] = {{"", 200}, {"!x", 100}}; /* unknown labels: one of them may be x */

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t limit = cases[i].rules - 1; limit <= cases[i].rules; limit++) {
			Fixture f = begin((CompileBudget){.rules = limit, .node = "w"});
			update(&f, NULL, pods(0, 1));
			update(&f, NULL, attached(1));
			update(&f, NULL,
				policies(arena_printf(arena,
					"{ name = \"b\"; namespace = \"n0\"; pods = \"i=0\"; }, "
					"{ name = \"large\"; namespace = \"n0\"; pods = \"%s\"; %s "
					"}",
					cases[i].large, from(peers(100)))));
			cr_expect_str_eq(over(&f), limit < cases[i].rules ? "n0/large" : "",
				"\"%s\", %zu rules", cases[i].large, limit);
			end(&f);
		}
}

Test(budget, no_namespace_pays_for_another)
{
	const Source *both = policies(arena_printf(arena, "%s,%s",
		policy("a", "n0", from(peers(100))), policy("a", "n1", from(peers(2)))));

	cr_assert_str_eq(over_of((CompileBudget){.elements = 100}, pods(0, 40), both), "n0/a");
}

/* The policy is taken while there are few pods; as they come and go, so does its place. */
Test(budget, pods_that_come_later_are_charged)
{
	Fixture f = begin((CompileBudget){.elements = 1000}), fresh;
	const Source *few = pods(0, 20), *many = pods(20, 400);
	const Source *asked = policies(policy("a", "n0", from(peers(10))));
	const char *before;

	update(&f, NULL, few);
	update(&f, NULL, asked);
	cr_assert_str_eq(over(&f), "");
	cr_assert(is_allowed(&f, 3, 2, 1));
	before = nft_ruleset_text(arena, f.ruleset);
	update(&f, NULL, many);
	cr_assert_str_eq(over(&f), "n0/a");
	cr_assert(!is_allowed(&f, 3, 2, 1));
	fresh = begin((CompileBudget){.elements = 1000});
	update(&fresh, NULL, many);
	update(&fresh, NULL, few);
	update(&fresh, NULL, asked);
	cr_assert_str_eq(
		nft_ruleset_text(arena, f.ruleset), nft_ruleset_text(arena, fresh.ruleset));
	update(&f, many, NULL);
	cr_assert_str_eq(over(&f), "");
	cr_assert_str_eq(nft_ruleset_text(arena, f.ruleset), before);
	end(&f);
	end(&fresh);
}

/* What was too much to be counted to its end is counted on when there is less of it. */
Test(budget, a_policy_far_over_the_budget_is_within_it_when_pods_go)
{
	Fixture f = begin((CompileBudget){.elements = 5000});
	const Source *few = pods(0, 10), *many = pods(10, 1000);
	const Source *asked = policies(policy("a", "n0", from(peers(400))));

	update(&f, NULL, many);
	update(&f, NULL, few);
	update(&f, NULL, asked);
	cr_assert_str_eq(over(&f), "n0/a");
	update(&f, many, NULL);
	cr_assert_str_eq(over(&f), "");
	update(&f, NULL, many);
	cr_assert_str_eq(over(&f), "n0/a");
	update(&f, asked, NULL);
	cr_assert_str_eq(over(&f), "");
	end(&f);
}

Test(budget, pairs_of_peers_and_ports_are_rules)
{
	Buf ports = {.arena = arena};
	const Source *asked;

	for (int i = 0; i < 20; i++)
		buf_printf(&ports, "%s{ port = %d; }", i ? ", " : "", 2 * i + 1);
	asked = policies(policy("a", "n0",
		arena_printf(arena,
			"ingress = ( { from = ( %s, { cidr = \"10.1.0.0/16\"; }, "
			"{ cidr = \"10.2.0.0/16\"; } ); ports = ( %s ); } );",
			peers(9), buf_text(&ports))));
	/* both blocks together are one peer */
	cr_assert_str_eq(over_of((CompileBudget){.rules = 200}, pods(0, 4), asked), "");
	cr_assert_str_eq(over_of((CompileBudget){.rules = 199}, pods(0, 4), asked), "n0/a");
}

/* 8 pods of n0, each isolated by a policy of its own too: 8 chains have the large policy's rules.
 */
Test(budget, rules_are_charged_for_each_chain)
{
	const Source *inventory = pods(0, 16);
	const char *large = policy("a", "n0", from(peers(100)));
	Buf buf = {.arena = arena};

	buf_add(&buf, large);
	for (int i = 0; i < 16; i += 2)
		buf_printf(
			&buf, ", { name = \"b%d\"; namespace = \"n0\"; pods = \"i=%d\"; }", i, i);
	cr_assert_str_eq(
		over_of((CompileBudget){.rules = 100, .node = "w"}, inventory, policies(large)), "",
		"one chain");
	buf_printf(&buf, ", %s", policy("c", "n0", from(peers(2))));
	cr_assert_str_eq(over_of((CompileBudget){.rules = 816, .node = "w"}, inventory,
				 policies(buf_text(&buf))),
		"");
	cr_assert_str_eq(over_of((CompileBudget){.rules = 815, .node = "w"}, inventory,
				 policies(buf_text(&buf))),
		"n0/c", "c adds two rules to each of the chains");
	cr_assert_str_eq(over_of((CompileBudget){.rules = 102, .node = "elsewhere"}, inventory,
				 policies(buf_text(&buf))),
		"", "no pod of this node");
}

/* The port's number is another one for each pod, so each has a chain of its own. */
Test(budget, named_ports_divide_chains)
{
	static const char rule[] = "ingress = ( { ports = ( { port = \"web\"; } ); } );";
	const Source *asked = policies(policy("a", "n0", rule));
	Buf buf = {.arena = arena};
	const Source *inventory;

	buf_add(&buf, "{\"kind\":\"PodList\",\"items\":[");
	for (int i = 0; i < 6; i++)
		buf_printf(&buf,
			"%s{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"n0\"},\"spec\":{"
			"\"nodeName\":\"w\",\"containers\":[{\"ports\":[{\"name\":\"web\","
			"\"containerPort\":%d}]}]},\"status\":{\"phase\":\"Running\","
			"\"podIP\":\"10.0.0.%d\"}}",
			i ? "," : "", i, 80 + i / 2, i + 1);
	buf_add(&buf, "]}");
	inventory = parse(SOURCE_INVENTORY, "pods.json", buf_text(&buf));
	cr_assert_str_eq(over_of((CompileBudget){.rules = 3}, inventory, asked), "");
	cr_assert_str_eq(over_of((CompileBudget){.rules = 2}, inventory, asked), "n0/a");
}

Test(budget, selectors_that_select_nothing_are_charged_for_comparing)
{
	Buf buf = {.arena = arena};

	for (int i = 0; i < 500; i++)
		buf_printf(&buf, "%s{ namespaces = \"\"; pods = \"!i,x%d\"; }", i ? ", " : "", i);
	cr_assert_str_eq(over_of((CompileBudget){.elements = 1000}, pods(0, 200),
				 policies(policy("a", "n0", from(buf_text(&buf))))),
		"n0/a");
}

Test(budget, ranges_and_named_ports_are_elements)
{
	const Source *inventory = pods(0, 40);
	const Source *ranges = policies(policy("a", "n0",
		from("{ cidr = \"10.0.0.0/8\"; except = [ \"10.1.0.0/16\", \"10.3.0.0/16\" ]; }")));
	const Source *names = policies(policy("a", "n0",
		"egress = ( { to = ( { pods = \"odd=no\"; } ); ports = ( { port = \"web\"; } ); } "
		");"));
	/* 20 pods of n0 have two ports of the name, and 2 comparisons each */
	const size_t needed = 40 + 40 / 16;

	cr_assert_str_eq(over_of((CompileBudget){.elements = 3}, inventory, ranges), "");
	cr_assert_str_eq(over_of((CompileBudget){.elements = 2}, inventory, ranges), "n0/a");
	cr_assert_str_eq(over_of((CompileBudget){.elements = needed}, inventory, names), "");
	cr_assert_str_eq(
		over_of((CompileBudget){.elements = needed - 1}, inventory, names), "n0/a");
}
