/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compile and ruleset: the order of files, which pod owns an address, shared chains and sets,
 * names.
 */
#include "compile.h"
#include "nft.h"
#include "source.h"
#include <criterion/criterion.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
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

TestSuite(compile, .init = set_up, .fini = tear_down);

static Source *parse(SourceKind kind, const char *file, const char *text)
{
	Source *source = NULL;

	cr_assert_eq(source_parse(kind, file, text, strlen(text), NULL, &source), 0);
	cr_assert_eq(source->diags.n_errors, 0, "%s",
		source->diags.n_errors ? source->diags.list.at[0].message : "");
	return source;
}

static const char PODS[] =
	"{\"kind\":\"PodList\",\"items\":["
	"{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"labels\":{\"x\":\"1\"}},\"spec\":{"
	"\"nodeName\":\"w\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\","
	"\"startTime\":\"2026-01-01T00:00:00Z\"}},"
	"{\"metadata\":{\"name\":\"b\",\"namespace\":\"n\",\"labels\":{\"x\":\"2\"}},\"spec\":{"
	"\"nodeName\":\"w\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.2\"}},"
	"{\"metadata\":{\"name\":\"c\",\"namespace\":\"n\",\"labels\":{\"x\":\"2\"}},\"spec\":{"
	"\"nodeName\":\"v\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.3\"}},"
	"{\"metadata\":{\"name\":\"d\",\"namespace\":\"n\",\"labels\":{\"x\":\"1\"}},\"spec\":{"
	"\"nodeName\":\"w\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\","
	"\"startTime\":\"2026-02-01T00:00:00Z\"}}]}";
static const char POLICY[] = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: "
			     "{name: %s, namespace: 'n'}\n"
			     "spec: {podSelector: {matchLabels: {x: \"%s\"}}, ingress: [{from: "
			     "[{podSelector: {matchLabels: {x: \"2\"}}}], ports: [{port: 80}]}]}\n";

static Ruleset *run(const Model *model, bool is_all, Diags *diags)
{
	CompileOptions options = {.node = "w", .is_all = is_all, .table = "netpol"};
	Ruleset *ruleset = NULL;

	diags->arena = arena;
	ruleset = compile(model, &options, diags);
	return ruleset;
}

static void add(Model *model, const Source *source)
{
	Changes changes = {.arena = arena};
	InventoryPart old = {}, new = {source->pods.at, source->pods.n, source->namespaces.at,
					source->namespaces.n};

	model_replace(model, &old, &new, &changes);
	for (size_t i = 0; i < source->policies.n; i++)
		model_set_policy(model, NULL, source->policies.at[i], false, &changes);
}

static Model *model_of(bool is_reversed, Source *sources[3])
{
	Model *model = model_new(arena);
	const char *names[] = {"p1", "p2"};

	sources[0] = parse(SOURCE_POLICIES, "1.yaml",
		arena_printf(arena, POLICY, names[is_reversed], is_reversed ? "2" : "1"));
	sources[1] = parse(SOURCE_POLICIES, "2.yaml",
		arena_printf(arena, POLICY, names[!is_reversed], is_reversed ? "1" : "2"));
	sources[2] = parse(SOURCE_INVENTORY, "p.json", PODS);
	for (int i = 0; i < 3; i++)
		add(model, sources[i]);
	return model;
}

Test(compile, the_order_of_files_does_not_matter)
{
	Source *one[3], *two[3];
	Model *a = model_of(false, one), *b = model_of(true, two);
	Diags diags = {};
	Ruleset *x = run(a, false, &diags), *y = run(b, false, &diags);

	cr_assert_str_eq(nft_ruleset_text(arena, x), nft_ruleset_text(arena, y));
	ruleset_unref(x);
	ruleset_unref(y);
	for (int i = 0; i < 3; i++) {
		source_free(one[i]);
		source_free(two[i]);
	}
}

/* A unicast frame whose IPv6 address is not link-local. */
#define UNICAST_ACCEPT "meta pkttype other @nh,192,32 & 0xffc00000 != 0xfe800000 accept\n"

/* A table for tagged frames refuses those of isolated pods, unless br_netfilter filters them. */
Test(compile, tagged_frames_are_refused_only_from_and_to_isolated_pods)
{
	Source *sources[3];
	Model *model = model_of(false, sources);
	Diags diags = {};
	Ruleset *inet = run(model, false, &diags), *refused, *filtered, *again;
	const Verdicts *verdicts;
	const char *text;

	refused = compile_bridge(inet, &(BridgeOptions){});
	filtered = compile_bridge(inet, &(BridgeOptions){.is_tagged_filtered = true});
	verdicts = &refused->verdicts[INGRESS][FAMILY_IPV4];
	cr_assert_eq(verdicts->n, inet->verdicts[INGRESS][FAMILY_IPV4].n);
	cr_assert_eq(refused->chains.n, 1);
	cr_assert_eq(refused->chains.at[0]->rules.n, 0, "the chain accepts nothing");
	cr_assert(refused->chains.at[0]->is_drop);
	for (size_t i = 0; i < verdicts->n; i++)
		cr_assert_str_eq(verdicts->at[i].chain, refused->chains.at[0]->name);
	cr_assert_eq(refused->sets.n, 5, "no set but those of every table");
	cr_assert_eq(filtered->chains.n, 0);
	cr_assert_eq(filtered->verdicts[INGRESS][FAMILY_IPV4].n, 0);
	text = strstr(nft_ruleset_text(arena, filtered),
		"\t\tmeta protocol { 8021q, 8021ad } drop\n"
		"\t\tip6 daddr fe80::/10 ");
	cr_assert_not_null(text, "link-local packets are refused while a pod is isolated");
	cr_assert_not_null(strstr(text, "\t\tether type != { 8021q, 8021ad } accept\n"));
	text = strstr(nft_ruleset_text(arena, filtered), "\t\tmeta protocol ip6 " UNICAST_ACCEPT);
	cr_assert_not_null(text, "where all frames are filtered, the rule does not match the tag");
	again = compile_bridge(inet, &(BridgeOptions){.is_tagged_filtered = true});
	cr_assert(ruleset_is_equal(filtered, again));
	again->base.is_isolating[INGRESS] = false;
	cr_assert_not(ruleset_is_equal(filtered, again));
	text = strstr(nft_ruleset_text(arena, refused), "\t\tether type ip6 " UNICAST_ACCEPT);
	cr_assert_not_null(text);
	ruleset_unref(inet);
	ruleset_unref(again);
	ruleset_unref(refused);
	ruleset_unref(filtered);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

/* Policies of one name in two namespaces: their pods do not share a chain. */
Test(compile, a_name_means_another_policy_in_another_namespace)
{
	static const char policies[] = "policies = ( { name = \"a\"; namespace = \"n\"; ingress = "
				       "( { ports = ( { port = 80; } "
				       "); } ); }, { name = \"a\"; namespace = \"m\"; ingress = ( "
				       "{ ports = ( { port = 81; } ); "
				       "} ); } );";
	static const char pods[] =
		"{\"kind\":\"PodList\",\"items\":["
		"{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{\"nodeName\":\"w\"},"
		"\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\"}},"
		"{\"metadata\":{\"name\":\"a\",\"namespace\":\"m\"},\"spec\":{\"nodeName\":\"w\"},"
		"\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.2\"}}]}";
	Source *sources[] = {parse(SOURCE_POLICIES, "a.conf", policies),
		parse(SOURCE_INVENTORY, "i.json", pods)};
	Model *model = model_new(arena);
	Diags diags = {};
	Tuple tuple = {.protocol = 6};
	Ruleset *ruleset;

	add(model, sources[0]);
	add(model, sources[1]);
	ruleset = run(model, false, &diags);
	address_parse("10.0.0.9", &tuple.source);
	for (uint16_t i = 0; i < 2; i++) {
		address_parse(i ? "10.0.0.2" : "10.0.0.1", &tuple.destination);
		tuple.port = 80 + i;
		cr_expect(ruleset_allows(ruleset, &tuple));
		tuple.port = 81 - i;
		cr_expect_not(ruleset_allows(ruleset, &tuple));
	}
	ruleset_unref(ruleset);
	source_free(sources[0]);
	source_free(sources[1]);
}

/* Whether it is audited is the only difference; the compiler would not hear of the change. */
Test(compile, a_change_of_enforcement_is_a_change)
{
	Source *sources[] = {parse(SOURCE_POLICIES, "a.conf", "policies = ( { name = \"a\"; } );"),
		parse(SOURCE_POLICIES, "a.conf",
			"policies = ( { name = \"a\"; audit = true; } );")};
	Changes changes = {.arena = arena};
	Model *model = model_new(arena);

	add(model, sources[0]);
	model_set_policy(
		model, sources[0]->policies.at[0], sources[1]->policies.at[0], false, &changes);
	cr_assert_eq(changes.policies.n, 1);
	cr_assert_eq(model_counts(model).audited, 1);
	cr_assert_eq(model_counts(model).policies, 1);
	source_free(sources[0]);
	source_free(sources[1]);
}

/*
 * An audited pod is in no table that refuses: lockdown, tagged frames; and no rule about links is
 * made for it. Pod b is isolated, pod d is audited for both directions.
 */
Test(compile, audited_pods_are_not_isolated)
{
	static const char audited[] =
		"policies = ( { name = \"a\"; namespace = \"n\"; audit = true; "
		"pods = \"x=1\"; types = [ \"Ingress\", \"Egress\" ]; } );";
	static const char enforced[] = "policies = ( { name = \"b\"; namespace = \"n\"; pods = "
				       "\"x=2\"; types = [ \"Ingress\" ]; } );";
	Source *sources[] = {parse(SOURCE_POLICIES, "a.conf", audited),
		parse(SOURCE_INVENTORY, "i.json", PODS),
		parse(SOURCE_POLICIES, "b.conf", enforced)};
	Tuple tuple = {.protocol = 6, .port = 80};
	Model *model = model_new(arena);
	Diags diags = {};

	address_parse("10.0.0.9", &tuple.source);
	address_parse("10.0.0.1", &tuple.destination);
	for (unsigned n_enforced = 0; n_enforced < 2; n_enforced++) {
		Ruleset *inet, *bridge, *lockdown;

		add(model, sources[2 * n_enforced]);
		if (n_enforced == 0)
			add(model, sources[1]);
		cr_assert_eq(model_counts(model).audited, 1);
		inet = run(model, false, &diags);
		cr_assert_eq(inet->verdicts[INGRESS][FAMILY_IPV4].n, 1 + n_enforced);
		cr_assert_eq(inet->verdicts[EGRESS][FAMILY_IPV4].n, 1);
		cr_assert(ruleset_allows(inet, &tuple));
		cr_assert_not(ruleset_evaluate(inet, &tuple, INGRESS).is_isolated);
		cr_assert_eq(inet->base.is_isolating[INGRESS], n_enforced);
		cr_assert_not(inet->base.is_isolating[EGRESS]);
		cr_assert_eq(strstr(nft_ruleset_text(arena, inet), "jump midstream") != NULL,
			n_enforced);
		cr_assert_eq(ruleset_set(inet, object_name_self(FAMILY_IPV4, false))->elements.n,
			n_enforced);
		cr_assert_eq(ruleset_set(inet, object_name_self(FAMILY_IPV4, true))->elements.n, 1);
		bridge = compile_bridge(inet, &(BridgeOptions){});
		lockdown = ruleset_lockdown(inet, "guard");
		cr_assert_eq(bridge->verdicts[INGRESS][FAMILY_IPV4].n, n_enforced);
		cr_assert_eq(bridge->verdicts[EGRESS][FAMILY_IPV4].n, 0);
		cr_assert_eq(lockdown->verdicts[INGRESS][FAMILY_IPV4].n, n_enforced);
		cr_assert_eq(lockdown->verdicts[EGRESS][FAMILY_IPV4].n, 0);
		cr_assert(ruleset_allows(lockdown, &tuple));
		ruleset_unref(inet);
		ruleset_unref(bridge);
		ruleset_unref(lockdown);
	}
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

static const BridgeOptions BRIDGES[] = {{}, {.is_tagged_filtered = true}, {.has_conntrack = true}};

static void expect_chains(const char *text, const char *leading)
{
	for (const char *at = text; (at = strstr(at, leading)) != NULL; at++) {
		const char *name = at + strlen(leading);
		int length = (int)strcspn(name, " ,\n");

		cr_expect_not_null(
			strstr(text, arena_printf(arena, "\tchain %.*s {\n", length, name)),
			"no chain %.*s in %s", length, name, text);
	}
}

/* Of each kind of table: the kernel refuses the whole of a table whose rules lead nowhere. */
Test(compile, the_chains_that_rules_lead_to_are_in_the_table)
{
	Source *sources[3];
	Model *model = model_of(false, sources);
	Diags diags = {};
	Ruleset *inet = run(model, false, &diags);

	for (size_t i = 0; i <= ARRAY_SIZE(BRIDGES); i++) {
		Ruleset *bridge =
			i < ARRAY_SIZE(BRIDGES) ? compile_bridge(inet, &BRIDGES[i]) : NULL;
		const char *text = nft_ruleset_text(arena, bridge ? bridge : inet);

		cr_expect_not_null(strstr(text, "goto "));
		expect_chains(text, "goto ");
		expect_chains(text, "jump ");
		ruleset_unref(bridge);
	}
	ruleset_unref(inet);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

/* The saving thread prints a ruleset that the main loop has already replaced. */
Test(compile, a_referenced_ruleset_outlives_what_it_was_made_from)
{
	enum { N = ARRAY_SIZE(BRIDGES) + 2 };
	Ruleset *made[N];
	const Ruleset *held[N];
	const char *before[N];
	Source *sources[3];
	Diags diags = {};

	mallopt(M_PERTURB, 0x5a); /* freed memory is overwritten */
	made[0] = run(model_of(false, sources), false, &diags);
	made[1] = ruleset_lockdown(made[0], "guard");
	for (size_t i = 2; i < N; i++)
		made[i] = compile_bridge(made[0], &BRIDGES[i - 2]);
	for (size_t i = 0; i < N; i++) {
		held[i] = ruleset_ref(made[i]);
		before[i] = nft_ruleset_text(arena, held[i]);
	}
	for (size_t i = 0; i < N; i++)
		ruleset_unref(made[i]);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
	for (size_t i = 0; i < N; i++) {
		cr_expect_str_eq(nft_ruleset_text(arena, held[i]), before[i]);
		ruleset_unref(held[i]);
	}
}

/* A set in an arena is freed with the arena: set_ref() asserts that no reference is taken. */
Test(compile, a_set_in_an_arena_cannot_be_referenced, .signal = SIGABRT)
{
	Source *sources[3];
	Diags diags = {};
	Ruleset *inet = run(model_of(false, sources), false, &diags), *tagged;

	tagged = compile_bridge(inet, &BRIDGES[0]);
	ruleset_clone(tagged);
}

/* No map can match link-local flows, so every packet of them is filtered, established or not. */
Test(compile, established_flows_on_a_bridge_are_accepted_unless_link_local)
{
	static const char *const established[] = {
		"\t\tct state established meta protocol ip meta l4proto != tcp accept\n"
		"\t\tct state established ip6 daddr != fe80::/10 meta l4proto != tcp accept\n"
		"\t\tct state established meta protocol ip tcp flags != syn / syn,ack accept\n"
		"\t\tct state established ip6 daddr != fe80::/10 tcp flags != syn / syn,ack "
		"accept\n",
		"\t\tct state established meta l4proto != tcp accept\n"
		"\t\tct state established tcp flags != syn / syn,ack accept\n"};
	Source *sources[3];
	Diags diags = {};
	Ruleset *inet = run(model_of(false, sources), false, &diags), *bridge;

	bridge = compile_bridge(inet, &(BridgeOptions){.has_conntrack = true});
	for (int i = 0; i < 2; i++) {
		cr_expect_not_null(strstr(nft_ruleset_text(arena, bridge), established[i]));
		cr_expect_null(strstr(nft_ruleset_text(arena, bridge), established[!i]));
		bridge->base.is_isolating[INGRESS] = false;
	}
	ruleset_unref(inet);
	ruleset_unref(bridge);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

/* Links that lead to no isolated pod: in every table, in a lockdown too, but not in what is saved.
 */
Test(compile, all_tables_have_the_same_set_podless)
{
	static const char text[] = "\tset podless {\n\t\ttype ifname\n\t\telements = { "
				   "\"lxc0\",\n\t\t\t     \"ve-1\" }\n\t}\n";
	Source *sources[3];
	Diags diags = {};
	Ruleset *inet = run(model_of(false, sources), false, &diags), *lockdown;
	Set spec = {.name = object_name_podless(false), .kind = SET_LINKS, .family = FAMILY_IPV6};
	const Set *podless;
	char name[ELEMENT_LINK_SIZE];

	VEC_PUSH(arena, &spec.elements, element_of_link("ve-1"));
	VEC_PUSH(arena, &spec.elements, element_of_link("lxc0"));
	elements_sort(&spec.elements);
	cr_expect_str_eq(element_link_name(&spec.elements.at[1], name), "ve-1");
	podless = set_make(&spec);
	ruleset_set_podless(inet, podless);
	set_unref(podless);
	cr_expect_not_null(strstr(nft_ruleset_text(arena, inet), text));
	cr_expect_null(strstr(nft_saved_text(arena, inet), "lxc0"));
	cr_expect_not_null(
		strstr(nft_saved_text(arena, inet), "set podless {\n\t\ttype ifname\n\t}"));
	for (size_t i = 0; i < ARRAY_SIZE(BRIDGES); i++) {
		Ruleset *bridge = compile_bridge(inet, &BRIDGES[i]);

		cr_expect_not_null(strstr(nft_ruleset_text(arena, bridge), text));
		ruleset_unref(bridge);
	}
	lockdown = ruleset_lockdown(inet, "guard");
	cr_expect_not_null(strstr(nft_ruleset_text(arena, lockdown), text));
	ruleset_unref(lockdown);
	ruleset_unref(inet);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

Test(compile, only_local_pods_and_one_chain_for_the_same_policies)
{
	Source *sources[3];
	Model *model = model_of(false, sources);
	Diags diags = {};
	Ruleset *local = run(model, false, &diags), *all = run(model, true, &diags);

	cr_expect_eq(local->verdicts[INGRESS][FAMILY_IPV4].n, 2); /* a or d, and b */
	cr_expect_eq(all->verdicts[INGRESS][FAMILY_IPV4].n, 3);
	cr_expect_eq(local->verdicts[EGRESS][FAMILY_IPV4].n, 0);
	cr_expect_eq(
		all->chains.n, 2, "p1 and p2 have the same rules, but a chain says whose it is");
	ruleset_unref(local);
	ruleset_unref(all);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

/* Pitfall 10: the address belongs to the pod that started last, with a warning. */
Test(compile, an_address_of_two_pods_is_the_later_ones)
{
	Source *sources[3];
	Model *model = model_of(false, sources);
	Diags diags = {};
	Ruleset *ruleset = run(model, false, &diags);
	Explainer *explainer = NULL;
	Flow flow;
	const char *error;

	cr_assert_eq(diags.list.n, 1);
	cr_expect_str_eq(diags.list.at[0].code, "address-clash");
	explainer = explainer_new(model, &(CompileOptions){});
	cr_assert_eq(explain_parse(explainer, "10.0.0.2", "10.0.0.1", "80", &flow, &error), 0);
	cr_expect_str_eq(flow.destination.pod->name, "d");
	cr_expect(explain_verdict(explainer, &flow));
	cr_assert_eq(explain_parse(explainer, "n/b", "n/d", "81/tcp", &flow, &error), 0);
	cr_expect_not(explain_verdict(explainer, &flow));
	cr_assert_eq(explain_parse(explainer, "10.0.0.9", "n/d", "icmp", &flow, &error), 0);
	cr_expect_not(explain_verdict(explainer, &flow));
	cr_expect_eq(explain_parse(explainer, "n/nobody", "n/d", "80", &flow, &error),
		COMPILE_E_UNKNOWN);
	cr_expect_eq(
		explain_parse(explainer, "n/b", "fd00::1", "80", &flow, &error), COMPILE_E_UNKNOWN);
	cr_expect_eq(
		explain_parse(explainer, "n/b", "n/d", "80/xyz", &flow, &error), COMPILE_E_UNKNOWN);
	explainer_free(explainer);
	ruleset_unref(ruleset);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
}

/* ---- Pods that are attached, and that no inventory has yet ---- */
/* Freed by free_kept(), after the last use of the model. */
static VEC(Source *) kept;

static Source *keep(Source *source)
{
	VEC_PUSH(arena, &kept, source);
	return source;
}

static void free_kept(void)
{
	for (size_t i = 0; i < kept.n; i++)
		source_free(kept.at[i]);
}

static void attach(Model *model, const char *pod, const char *address)
{
	Changes changes = {.arena = arena};
	Source *source = keep(parse(SOURCE_ATTACHMENTS, "record",
		arena_printf(arena,
			"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"eth0\","
			"\"cniArgs\":"
			"[[\"K8S_POD_NAMESPACE\",\"n\"],[\"K8S_POD_NAME\",\"%s\"]],\"result\":{"
			"\"ips\":["
			"{\"address\":\"%s/24\"}]}}",
			pod, address)));
	InventoryPart none = {}, part = {.attachments = source->attachments.at,
					 .n_attachments = source->attachments.n};

	cr_assert_eq(source->attachments.n, 1);
	model_replace(model, &none, &part, &changes);
}

static bool is_allowed(
	const Model *model, bool is_unknown_allowed, const char *source, const char *destination)
{
	Explainer *explainer =
		explainer_new(model, &(CompileOptions){.is_unknown_allowed = is_unknown_allowed});
	const char *error;
	Flow flow;
	bool verdict;

	cr_assert_eq(explain_parse(explainer, source, destination, "80", &flow, &error), 0);
	verdict = explain_verdict(explainer, &flow);
	if (!verdict && flow.source.pod && flow.source.pod->known == KNOWN_ATTACHED)
		cr_expect(strstr(explain_text(explainer, arena, &flow), "unknown"));
	explainer_free(explainer);
	return verdict;
}

Test(compile, a_pod_of_unknown_labels_is_isolated_where_there_are_policies)
{
	Model *model = model_new(arena);
	Source *policy =
		keep(parse(SOURCE_POLICIES, "1.yaml", arena_printf(arena, POLICY, "x", "1")));
	Changes changes = {.arena = arena};

	add(model, keep(parse(SOURCE_INVENTORY, "p.json", PODS)));
	attach(model, "new", "10.0.0.9");
	cr_expect(is_allowed(model, false, "n/new", "8.8.8.8"), "no policy in its namespace");
	model_set_policy(model, NULL, policy->policies.at[0], false, &changes);
	cr_expect_not(is_allowed(model, false, "n/new", "8.8.8.8"), "egress, too");
	cr_expect_not(is_allowed(model, false, "8.8.8.8", "n/new"));
	cr_expect_not(is_allowed(model, false, "n/b", "10.0.0.9"));
	cr_expect(is_allowed(model, false, "10.0.0.9", "n/new"), "itself");
	cr_expect(is_allowed(model, true, "n/new", "8.8.8.8"));
	cr_expect_not(is_allowed(model, true, "n/new", "n/d"), "it is no peer x=2 for certain");
	free_kept();
}

/* A policy for all pods of the namespace is for it as well; one for all but some may be. */
Test(compile, what_is_for_all_pods_is_for_one_of_unknown_labels)
{
	Model *model = model_new(arena);

	attach(model, "new", "10.0.0.9");
	add(model, keep(parse(SOURCE_POLICIES, "1.yaml",
			   "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: "
			   "{name: a, "
			   "namespace: 'n'}\nspec: {podSelector: {}, policyTypes: [Egress], "
			   "egress: [{to: "
			   "[{ipBlock: {cidr: 10.9.0.0/16}}]}]}\n")));
	add(model, keep(parse(SOURCE_POLICIES, "2.yaml",
			   "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: "
			   "{name: b, "
			   "namespace: 'n'}\nspec: {podSelector: {matchExpressions: [{key: k, "
			   "operator: "
			   "DoesNotExist}]}, policyTypes: [Egress], egress: [{}]}\n")));
	cr_expect(is_allowed(model, false, "n/new", "10.9.0.1"));
	cr_expect_not(is_allowed(model, false, "n/new", "8.8.8.8"));
	free_kept();
}

/* A pod is in three files, with these versions: the node of the entry that wins. */
static const char *node_of_duplicate(const char *const files[3], const char *const versions[3])
{
	Model *model = model_new(arena);
	Diags diags = {.arena = arena};
	const char *node;
	Source *sources[3];

	for (int i = 0; i < 3; i++) {
		sources[i] = parse(SOURCE_INVENTORY, files[i],
			arena_printf(arena,
				"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\","
				"\"resourceVersion\":\"%s\"},\"spec\":{\"nodeName\":\"%d\"}}",
				versions[i], i));
		add(model, sources[i]);
	}
	cr_assert_eq(model_counts(model).duplicates, 1);
	cr_assert_eq(model_counts(model).pods, 1);
	model_warn_duplicates(model, &diags);
	cr_assert_eq(diags.list.n, 2);
	cr_assert_str_eq(diags.list.at[1].code, "duplicate");
	node = arena_strdup(arena, model_pod(model, "default", "a")->host->name);
	for (int i = 0; i < 3; i++)
		source_free(sources[i]);
	return node;
}

Test(compile, a_pod_of_several_files_is_the_newest_then_the_last_files)
{
	static const char *const files[] = {"/x/b.json", "/x/c.json", "/x/a.json"};

	cr_expect_str_eq(node_of_duplicate(files, (const char *const[]){"7", "9", "10"}), "2");
	cr_expect_str_eq(node_of_duplicate(files, (const char *const[]){"8", "0", "3"}), "0");
	cr_expect_str_eq(node_of_duplicate(files, (const char *const[]){"5", "5", "5"}), "1");
}

static void expect_name(const char *name, ObjectName wanted)
{
	ObjectName found;

	cr_assert(object_name_parse(name, &found), "%s", name);
	cr_expect_eq(found.kind, wanted.kind, "%s", name);
	cr_expect_eq(found.set, wanted.set, "%s", name);
	cr_expect_eq(found.direction, wanted.direction, "%s", name);
	cr_expect_eq(found.family, wanted.family, "%s", name);
	cr_expect_eq(found.is_standby, wanted.is_standby, "%s", name);
	cr_expect_eq(found.is_audit, wanted.is_audit, "%s", name);
}

/* The object itself, then its standby object. */
static void expect_names(const char *name, ObjectName wanted)
{
	expect_name(name, wanted);
	wanted.is_standby = true;
	expect_name(object_name_standby(arena, name), wanted);
}

/* nft_read recognises the objects in the kernel by their names alone. */
Test(compile, a_parsed_name_gives_what_it_was_made_from)
{
	static const char *const others[] = {"", "self", "self5", "self4_", "ingress", "ingress5",
		"ingress4_nex", "pods_", "pods5_", "in", "out", "moving4_", "forward", "refuse_in",
		"pods4", "podless_", "podles"};
	ObjectName found;

	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		for (SetKind kind = SET_PODS; kind <= SET_CIDR; kind++) {
			char name[OBJECT_NAME_SET_SIZE];

			if (kind == SET_SELF || kind == SET_LINKS)
				continue;
			object_name_set(kind, f, "default: app=db", 1024, name);
			expect_names(name, (ObjectName){OBJECT_SET, .set = kind, .family = f});
		}
		expect_name(object_name_self(f, false),
			(ObjectName){OBJECT_SET, .set = SET_SELF, .family = f});
		expect_name(object_name_self(f, true),
			(ObjectName){OBJECT_SET, .set = SET_SELF, .family = f, .is_audit = true});
		expect_name(object_name_moving(f),
			(ObjectName){OBJECT_SET, .family = f, .is_standby = true});
		for (Direction d = INGRESS; d < DIRECTION_N; d++) {
			expect_names(object_name_map(d, f, false),
				(ObjectName){OBJECT_MAP, .direction = d, .family = f});
			cr_expect_str_eq(object_name_map(d, f, true),
				object_name_standby(arena, object_name_map(d, f, false)));
		}
	}
	expect_names(object_name_podless(false),
		(ObjectName){OBJECT_SET, .set = SET_LINKS, .family = FAMILY_IPV6});
	cr_expect_str_eq(
		object_name_podless(true), object_name_standby(arena, object_name_podless(false)));
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (int is_audit = 0; is_audit < 2; is_audit++) {
			const char *name =
				object_name_chain(arena, d, is_audit, "0123456789abcdef01234567");

			expect_names(name,
				(ObjectName){OBJECT_CHAIN, .direction = d, .is_audit = is_audit});
			cr_expect_eq(verdict_isolates(&(Verdict){.chain = name}), !is_audit);
		}
	cr_expect_not(verdict_isolates(NULL));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		cr_expect_not(object_name_parse(others[i], &found), "%s", others[i]);
	cr_expect_str_eq(object_name_table(arena, "netpol", TABLE_ENFORCING), "netpol");
	cr_expect_str_eq(object_name_table(arena, "netpol", TABLE_FALLBACK), "netpol_guard");
}

/* base_is_equal() compares every field that base chains are rendered from: if one differs, the
 * plan replaces the base chains. */
Test(compile, base_options_are_equal_if_every_rendered_field_is)
{
	const BaseOptions one = {.table = "netpol"};
	BaseOptions two = {.table = "netpol_guard"}; /* the name makes no difference */

	cr_expect(base_is_equal(&one, &two));
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
			two = one;
			two.is_empty[d][f] = true;
			cr_expect_not(base_is_equal(&one, &two));
			two = one;
			two.is_large[d][f] = true;
			cr_expect_not(base_is_equal(&one, &two));
			two = one;
			two.is_isolating[d] = true;
			cr_expect_not(base_is_equal(&one, &two));
		}
	two = one;
	two.kind = TABLE_TAGGED;
	cr_expect_not(base_is_equal(&one, &two));
	two = one;
	two.is_transit = true;
	cr_expect_not(base_is_equal(&one, &two));
}

/* Pitfall 14: no character ends the nft string; truncation keeps UTF-8 sequences whole. */
Test(compile, comments_are_safe)
{
	const char *text = comment_truncate(arena, "a\"; drop; #\n\\}");

	cr_expect_str_eq(text, "a'; drop; #??}");
	for (size_t n = 100; n < 160; n++) {
		char many[256] = "";

		memset(many, 'x', n);
		strcat(many, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
			     "\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
		text = comment_truncate(arena, many);
		cr_assert_leq(strlen(text), RULESET_COMMENT_MAX);
		cr_assert_eq(text_utf8_check(text, strlen(text)), strlen(text));
	}
}

/* ruleset_allows() decides which established flows are reset. */
Test(compile, a_flow_is_evaluated_as_its_packets_are_filtered)
{
	static const struct {
		const char *from, *to;
		uint8_t protocol;
		uint16_t port;
		bool is_allowed;
	} cases[] = {{"10.0.0.2", "10.0.0.1", 6, 80, true}, {"10.0.0.2", "10.0.0.1", 6, 81, false},
		{"10.0.0.2", "10.0.0.1", 17, 80, false}, {"10.9.0.1", "10.0.0.1", 6, 80, false},
		{"10.0.0.1", "10.0.0.1", 6, 81, true}, {"10.0.0.1", "10.0.0.2", 6, 81, false},
		{"10.0.0.1", "10.9.0.2", 6, 81, true}, {"10.9.0.1", "10.96.0.1", 6, 81, true}};
	Source *sources[3];
	Model *model = model_of(false, sources);
	Diags diags = {};
	Ruleset *ruleset = run(model, false, &diags);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Tuple tuple = {.protocol = cases[i].protocol, .port = cases[i].port};

		cr_assert(address_parse(cases[i].from, &tuple.source));
		cr_assert(address_parse(cases[i].to, &tuple.destination));
		cr_expect_eq(ruleset_allows(ruleset, &tuple), cases[i].is_allowed, "%s -> %s %u",
			cases[i].from, cases[i].to, cases[i].port);
	}
	ruleset_unref(ruleset);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		source_free(sources[i]);
}

/* ---- Which selections are merged into one set ---- */
typedef struct Cluster {
	Model *model;
	VEC(Source *) sources;
} Cluster;

static Cluster *cluster_new(void)
{
	Cluster *cluster = arena_alloc(arena, sizeof(Cluster));

	cluster->model = model_new(arena);
	VEC_PUSH(arena, &cluster->sources, parse(SOURCE_INVENTORY, "p.json", PODS));
	add(cluster->model, cluster->sources.at[0]);
	return cluster;
}

static void add_policies(Cluster *cluster, const char *text)
{
	Source *source = parse(SOURCE_POLICIES, "p.conf", text);

	VEC_PUSH(arena, &cluster->sources, source);
	add(cluster->model, source);
}

/* A policy of namespace n: pods that match `pods` accept the port from those that match `from`. */
static void allow(
	Cluster *cluster, const char *name, const char *pods, const char *from, const char *port)
{
	add_policies(
		cluster, arena_printf(arena,
				 "policies = ( { name = \"%s\"; namespace = \"n\"; pods = \"%s\"; "
				 "ingress = ( { from = ( { pods = \"%s\"; } ); ports = ( { port = "
				 "%s; } ); } ); } );",
				 name, pods, from, port));
}

static void cluster_free(Cluster *cluster)
{
	for (size_t i = 0; i < cluster->sources.n; i++)
		source_free(cluster->sources.at[i]);
}

/* The IPv4 pod sets, sorted: their names, or their comments. */
static Texts sets_of(const Cluster *cluster, bool is_name)
{
	Diags diags = {};
	Ruleset *ruleset = run(cluster->model, false, &diags);
	Texts texts = {};

	for (size_t i = 0; i < ruleset->sets.n; i++) {
		const Set *set = ruleset->sets.at[i];

		if (set->kind == SET_PODS && set->family == FAMILY_IPV4)
			VEC_PUSH(arena, &texts,
				arena_strdup(arena, is_name ? set->name : set->comment));
	}
	ruleset_unref(ruleset);
	qsort(texts.at, texts.n, sizeof(*texts.at), text_compare_p);
	return texts;
}

/* "n: a; n: b | n: c" */
static const char *selections(const Cluster *cluster)
{
	Texts comments = sets_of(cluster, false);
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < comments.n; i++)
		buf_printf(&buf, "%s%s", i ? " | " : "", comments.at[i]);
	return buf_text(&buf);
}

Test(compile, exclusive_selections_of_a_group_are_one_set)
{
	Cluster *cluster = cluster_new();

	allow(cluster, "p1", "x=1", "x=2", "80");
	allow(cluster, "p2", "x=1", "x=1", "80");
	allow(cluster, "p3", "x=1", "x=2", "80");
	cr_expect_str_eq(selections(cluster), "n: x=1; n: x=2");
	allow(cluster, "p4", "x=1", "x=4", "81");
	cr_expect_str_eq(selections(cluster), "n: x=1; n: x=2 | n: x=4");
	allow(cluster, "p5", "x=2", "x=5", "80");
	cr_expect_str_eq(selections(cluster), "n: x=1; n: x=2 | n: x=4 | n: x=5");
	cluster_free(cluster);
}

/* A selection that two groups use is stored once. */
Test(compile, a_selection_of_several_groups_is_a_set_of_its_own)
{
	Cluster *cluster = cluster_new();

	allow(cluster, "p1", "x=1", "x=2", "80");
	allow(cluster, "p2", "x=1", "x=1", "80");
	allow(cluster, "p3", "x=1", "x=3", "80");
	allow(cluster, "other-pods", "x=2", "x=2", "80");
	cr_expect_str_eq(selections(cluster), "n: x=1; n: x=3 | n: x=2");
	allow(cluster, "other-port", "x=1", "x=3", "81");
	cr_expect_str_eq(selections(cluster), "n: x=1 | n: x=2 | n: x=3");
	cluster_free(cluster);
}

Test(compile, a_selection_of_both_directions_is_a_set_of_its_own)
{
	Cluster *cluster = cluster_new();

	allow(cluster, "p1", "x=1", "x=1", "80");
	allow(cluster, "p2", "x=1", "x=2", "80");
	add_policies(cluster,
		"policies = ( { name = \"out\"; namespace = \"n\"; pods = \"x=1\"; egress = ( "
		"{ to = ( { pods = \"x=2\"; }, { pods = \"x=3\"; } ); ports = ( { port "
		"= 80; } ); } ); } );");
	cr_expect_str_eq(selections(cluster), "n: x=1 | n: x=2 | n: x=3");
	cluster_free(cluster);
}

/* The first selection of the set names a namespace, "1", which sorts before "[". */
Test(compile, a_set_of_several_namespaces_is_filled_from_all)
{
	Cluster *cluster = cluster_new();
	Diags diags = {};
	Ruleset *ruleset;
	bool has_other = false;

	VEC_PUSH(arena, &cluster->sources,
		parse(SOURCE_INVENTORY, "1.json",
			"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"1\"},"
			"\"spec\":{"
			"\"nodeName\":\"w\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0."
			"9\"}}"));
	add(cluster->model, cluster->sources.at[1]);
	add_policies(cluster,
		"policies = ( { name = \"in\"; namespace = \"1\"; ingress = ( { from = ( { pods "
		"= \"\"; }, { namespaces = \"\"; pods = \"x=2\"; } ); } ); } );");
	ruleset = run(cluster->model, false, &diags);
	for (size_t i = 0; i < ruleset->sets.n; i++)
		if (ruleset->sets.at[i]->kind == SET_PODS &&
			ruleset->sets.at[i]->family == FAMILY_IPV4) {
			cr_expect_str_eq(ruleset->sets.at[i]->comment, "1: *; [*]: x=2");
			cr_expect_eq(ruleset->sets.at[i]->elements.n, 3);
			has_other = true;
		}
	cr_expect(has_other);
	ruleset_unref(ruleset);
	cluster_free(cluster);
}

static size_t count_of_both(const Texts *a, const Texts *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += bsearch(&a->at[i], b->at, b->n, sizeof(*b->at), text_compare_p) != NULL;
	return n;
}

/* One more selection changes few sets, and a packet looks up few sets. */
Test(compile, many_selections_are_split_into_sets_of_bounded_size)
{
	Cluster *cluster = cluster_new();
	Texts before, after;

	for (int i = 0; i < 1000; i++)
		allow(cluster, arena_printf(arena, "p%d", i), "x=1",
			arena_printf(arena, "y=v%d", i), "80");
	before = sets_of(cluster, true);
	cr_expect_geq(before.n, 10);
	cr_expect_leq(before.n, 1000 / 16 + 1);
	allow(cluster, "another", "x=1", "y=v500a", "80");
	after = sets_of(cluster, true);
	cr_expect_geq(count_of_both(&before, &after), before.n - 4, "%zu of %u",
		count_of_both(&before, &after), before.n);
	cluster_free(cluster);
}

/* ---- Namespaces without a Namespace object ---- */
static const char OBJECTS[] = "{\"kind\":\"NamespaceList\",\"items\":[{\"metadata\":{\"name\":"
			      "\"other\"}},{\"metadata\":{\"name\":\"n\"}}]}";
static const char BY_LABELS[] =
	"policies = ( { name = \"p\"; namespace = \"n\"; ingress = ( { from = ( { namespaces = "
	"\"team!=a\"; }, { namespaces = \"!team\"; } ); }, { from = ( { namespaces = "
	"\"kubernetes.io/metadata.name=n,team!=a\"; } ); ports = ( { port = 80; } ); } ); },\n"
	"{ name = \"q\"; namespace = \"n\"; ingress = ( { from = ( { namespaces = \"\"; pods = "
	"\"x=7\"; }, { namespaces = \"kubernetes.io/metadata.name!=other\"; pods = \"x=7\"; } ); } "
	"); } );";

/* How many pods the sets select. */
static size_t count_selected(const Ruleset *ruleset)
{
	size_t n = 0;

	for (size_t i = 0; i < ruleset->sets.n; i++)
		n += ruleset->sets.at[i]->kind == SET_PODS ? ruleset->sets.at[i]->elements.n : 0;
	return n;
}

/* A Namespace object without labels is added and deleted: both change what is selected. */
Test(compile, an_object_without_labels_makes_the_labels_known)
{
	Cluster *cluster = cluster_new();
	const CompileOptions options = {.node = "w", .table = "netpol"};
	Compiler *compiler = compiler_new(cluster->model, &options);
	Source *source = parse(SOURCE_INVENTORY, "n.json", OBJECTS);
	InventoryPart objects = {
		.namespaces = source->namespaces.at, .n_namespaces = source->namespaces.n};
	Changes first = {.arena = arena}, come = {.arena = arena}, go = {.arena = arena};
	Ruleset *ruleset;

	add_policies(cluster, BY_LABELS);
	model_list_changes(cluster->model, &first);
	ruleset = compiler_update(compiler, &first);
	cr_expect_eq(count_selected(ruleset), 0);
	ruleset_unref(ruleset);
	model_replace(cluster->model, &(InventoryPart){}, &objects, &come);
	ruleset = compiler_update(compiler, &come);
	cr_expect_eq(count_selected(ruleset), 6, "three addresses in two sets, found %zu",
		count_selected(ruleset));
	ruleset_unref(ruleset);
	model_replace(cluster->model, &objects, &(InventoryPart){}, &go);
	ruleset = compiler_update(compiler, &go);
	cr_expect_eq(count_selected(ruleset), 0);
	ruleset_unref(ruleset);
	compiler_free(compiler);
	source_free(source);
	cluster_free(cluster);
}

static const Diags *unknown_labels(const Cluster *cluster)
{
	Diags *diags = ARENA_NEW(arena, Diags);

	diags->arena = arena;
	model_warn_unknown_labels(cluster->model, diags);
	return diags;
}

static void add_pods(Cluster *cluster, const char *namespace)
{
	Source *source = parse(SOURCE_INVENTORY, "more.json",
		arena_printf(arena,
			"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"a\","
			"\"namespace\":\"%s\"}},{\"metadata\":{\"name\":\"b\",\"namespace\":"
			"\"%s\"}}]}",
			namespace, namespace));

	VEC_PUSH(arena, &cluster->sources, source);
	add(cluster->model, source);
}

Test(compile, a_policy_that_selects_unknown_labels_gets_one_warning)
{
	Cluster *cluster = cluster_new();
	const Diags *diags;

	add_policies(cluster, BY_LABELS);
	diags = unknown_labels(cluster);
	cr_assert_eq(diags->list.n, 1, "q selects namespaces by name only");
	cr_expect_eq(diags->list.at[0].severity, SEVERITY_WARNING);
	cr_expect_eq(diags->list.at[0].origin.line, 1);
	cr_expect(strstr(diags->list.at[0].message, "\"n/p\""));
	cr_expect(strstr(diags->list.at[0].message, " \"n\""));
	cr_expect(strstr(diags->list.at[0].hint, "kubectl get namespaces -o json"));
	for (int i = 0; i < 9; i++)
		add_pods(cluster, arena_printf(arena, "m%d", i));
	diags = unknown_labels(cluster);
	cr_assert_eq(diags->list.n, 1);
	cr_expect(strstr(diags->list.at[0].message, "\"m0\", \"m1\", \"m2\" and 7 more"), "%s",
		diags->list.at[0].message);
	cluster_free(cluster);
}

/* Rules that are not in force, and selectors that the namespace's name decides. */
Test(compile, no_warning_where_unknown_labels_decide_nothing)
{
	Cluster *cluster = cluster_new();

	add_policies(cluster,
		"policies = ( { name = \"p\"; namespace = \"n\"; types = [ \"Egress\" ]; ingress = "
		"( { from = ( { namespaces = \"team=a\"; } ); } ); },\n"
		"{ name = \"q\"; namespace = \"n\"; ingress = ( { from = ( { namespaces = "
		"\"kubernetes.io/metadata.name=other,team=a\"; }, { pods = \"team=a\"; } ); } ); } "
		");");
	cr_expect_eq(unknown_labels(cluster)->list.n, 0);
	add_pods(cluster, "other");
	cr_expect_eq(unknown_labels(cluster)->list.n, 1);
	cluster_free(cluster);
}

/* The number of warnings is bounded, the number of policies is not. */
Test(compile, warnings_beyond_the_limit_are_counted)
{
	Cluster *cluster = cluster_new();
	const Diags *diags;

	for (int i = 0; i < DIAGS_MAX + 3; i++)
		add_policies(cluster,
			arena_printf(arena,
				"policies = ( { name = \"p%03d\"; namespace = \"n\"; ingress = "
				"( { from = ( { namespaces = \"team=a\"; } ); } ); } );",
				i));
	diags = unknown_labels(cluster);
	cr_expect_eq(diags->list.n, DIAGS_MAX);
	cr_expect_eq(diags->n_dropped, 3);
	cr_expect_eq(diags->n_warnings, DIAGS_MAX + 3);
	cr_expect(strstr(diags->list.at[0].message, "\"n/p000\""));
	cluster_free(cluster);
}

/* ---- A packet that was refused ---- */
/* The flow is from b to d, which is the pod at 10.0.0.1. */
static Refusal refusal_of(
	const char *annotations, const char *selected, uint16_t port, bool is_audit)
{
	const CompileOptions options = {.node = "w", .table = "netpol"};
	Source *sources[] = {parse(SOURCE_POLICIES, "1.yaml",
				     arena_printf(arena, POLICY,
					     arena_printf(arena, "p%s", annotations), selected)),
		parse(SOURCE_INVENTORY, "p.json", PODS)};
	Model *model = model_new(arena);
	Compiler *compiler = compiler_new(model, &options);
	Changes changes = {.arena = arena};
	Flow flow = {.protocol = PROTOCOL_TCP, .port = port};
	Refusal refusal;

	add(model, sources[0]);
	add(model, sources[1]);
	model_list_changes(model, &changes);
	ruleset_unref(compiler_update(compiler, &changes));
	cr_assert(address_parse("10.0.0.2", &flow.source.address));
	cr_assert(address_parse("10.0.0.1", &flow.destination.address));
	flow.source.pod = compiler_owner(compiler, flow.source.address);
	flow.destination.pod = compiler_owner(compiler, flow.destination.address);
	explain_refusal(model, compiler, arena, &flow, INGRESS, is_audit, &refusal);
	compiler_free(compiler);
	source_free(
		sources[0]); /* the refusal's policies with it: only their number is looked at */
	source_free(sources[1]);
	return refusal;
}

#define AUDIT ", annotations: {netpol/enforcement: audit}"

/* The kernel's message may come after the model has changed, and before the table has. */
Test(compile, a_refusal_that_the_model_does_not_know_is_not_explained_by_it)
{
	static const struct {
		const char *annotations, *selected;
		uint16_t port;
		bool is_audit, is_known;
	} cases[] = {
		{"", "1", 81, false, true},
		{"", "1", 80, false, false},	/* a rule allows it */
		{"", "2", 81, false, false},	/* no policy selects the pod */
		{AUDIT, "1", 81, false, false}, /* it is audited */
		{AUDIT, "1", 81, true, true},
		{AUDIT, "1", 80, true, false},
		{"", "1", 81, true, false}, /* it is enforced */
		{"", "2", 81, true, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Refusal refusal = refusal_of(
			cases[i].annotations, cases[i].selected, cases[i].port, cases[i].is_audit);

		cr_expect_eq(refusal.policies.n, cases[i].is_known, "case %zu", i);
		cr_expect_eq(strcmp(refusal.nearest, REFUSAL_OUTDATED) != 0, cases[i].is_known,
			"case %zu: %s", i, refusal.nearest);
	}
}
