/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parse: the values that valid files become. The diagnostics of invalid files are golden files. */
#include "parse.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static Source *parse(SourceKind kind, const char *file, const char *text)
{
	Source *source = NULL;

	cr_assert_eq(source_parse(kind, file, text, strlen(text), NULL, &source), 0);
	return source;
}

static const char *first_error(const Source *source)
{
	for (size_t i = 0; i < source->diags.list.n; i++)
		if (source->diags.list.at[i].severity == SEVERITY_ERROR)
			return source->diags.list.at[i].message;
	return "";
}

static Source *good(SourceKind kind, const char *file, const char *text)
{
	Source *source = parse(kind, file, text);

	cr_assert_eq(source->diags.n_errors, 0, "%s", first_error(source));
	return source;
}

static const char HEAD[] =
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec:\n";

static Source *spec(const char *text)
{
	char whole[4096];

	strcpy(whole, HEAD);
	strcat(whole, text);
	return good(SOURCE_POLICIES, "f.yaml", whole);
}

/* Each object of another kind is a note; many of them must not displace an error. */
Test(parse, an_error_after_many_notes_counts)
{
	static const char note[] = "kind: ConfigMap\napiVersion: v1\n---\n";
	char text[200 * sizeof(note) + sizeof(HEAD) + 100], *end = text;
	Source *source;

	for (int i = 0; i < 200; i++)
		end = stpcpy(end, note);
	strcpy(stpcpy(end, HEAD), "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/99}}]}]\n");
	source = parse(SOURCE_POLICIES, "f.yaml", text);
	cr_assert_eq(source->diags.n_errors, 1);
	cr_assert_eq(source->diags.list.at[DIAGS_MAX - 1].severity, SEVERITY_ERROR);
	source_free(source);
}

/* Pitfall 7 (tests/README.md): absent, empty, null and {} do not all mean the same. */
Test(parse, absent_empty_and_everybody_differ)
{
	static const struct {
		const char *spec;
		size_t rules;
		bool is_any_peer;
	} cases[] = {{"  podSelector: {}", 0, false}, {"  ingress: []", 0, false},
		{"  ingress: null", 0, false}, {"  ingress: [{}]", 1, true},
		{"  ingress: [{from: []}]", 1, true},
		{"  ingress: [{from: [{podSelector: {}}]}]", 1, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Source *source = spec(cases[i].spec);
		const Policy *policy = source->policies.at[0];

		cr_expect_eq(policy->rules[INGRESS].n, cases[i].rules, "%s", cases[i].spec);
		cr_expect(policy->isolates[INGRESS]);
		cr_expect_not(policy->isolates[EGRESS]);
		if (cases[i].rules)
			cr_expect_eq(policy->rules[INGRESS].at[0].is_any_peer, cases[i].is_any_peer,
				"%s", cases[i].spec);
		source_free(source);
	}
}

Test(parse, policy_types_are_defaulted_as_the_api_does)
{
	static const struct {
		const char *spec;
		bool ingress, egress;
	} cases[] = {{"  podSelector: {}", true, false}, {"  egress: []", true, false},
		{"  egress: [{}]", true, true}, {"  policyTypes: []\n  egress: [{}]", true, true},
		{"  policyTypes: [Egress]", false, true},
		{"  policyTypes: [Ingress]\n  egress: [{}]", true, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Source *source = spec(cases[i].spec);

		cr_expect_eq(source->policies.at[0]->isolates[INGRESS], cases[i].ingress, "%s",
			cases[i].spec);
		cr_expect_eq(source->policies.at[0]->isolates[EGRESS], cases[i].egress, "%s",
			cases[i].spec);
		source_free(source);
	}
}

Test(parse, ports_are_defaulted)
{
	Source *source = spec("  ingress: [{ports: [{}, {port: 80}, {port: 80, endPort: 90, "
			      "protocol: UDP}, {port: web}]}]");
	const Rule *rule = &source->policies.at[0]->rules[INGRESS].at[0];

	cr_expect_not(rule->is_any_port);
	cr_expect(rule->ports.at[0].kind == PORT_ALL && rule->ports.at[0].protocol == PROTOCOL_TCP);
	cr_expect(rule->ports.at[1].first == 80 && rule->ports.at[1].last == 80);
	cr_expect(rule->ports.at[2].last == 90 && rule->ports.at[2].protocol == PROTOCOL_UDP);
	cr_expect(rule->ports.at[3].kind == PORT_NAME);
	cr_expect_str_eq(source->policies.at[0]->namespace, "default");
	source_free(source);
}

/* The API server does not distinguish an absent string from an empty one. */
Test(parse, an_empty_namespace_means_default)
{
	static const char *const metadata[] = {
		"{name: x}", "{name: x, namespace: }", "{name: x, namespace: ''}"};

	for (size_t i = 0; i < ARRAY_SIZE(metadata); i++) {
		char text[256];
		Source *source;

		snprintf(text, sizeof(text),
			"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: "
			"%s\nspec: {}\n",
			metadata[i]);
		source = good(SOURCE_POLICIES, "f.yaml", text);
		cr_expect_str_eq(source->policies.at[0]->namespace, "default");
		cr_assert_eq(source->diags.list.n, 1);
		cr_expect_str_eq(source->diags.list.at[0].code, "no-namespace");
		source_free(source);
	}
}

Test(parse, lists_documents_and_json)
{
	Source *source = good(SOURCE_POLICIES, "f.yaml",
		"kind: List\napiVersion: v1\nitems:\n- {apiVersion: networking.k8s.io/v1, kind: "
		"NetworkPolicy, "
		"metadata: {name: a}, spec: {}}\n---\n---\nkind: NetworkPolicyList\napiVersion: "
		"extensions/v1beta1\nitems:\n- {metadata: {name: b, managedFields: [{any: "
		"thing}]}, spec: {}, status: {}}\n");

	cr_expect_eq(source->policies.n, 2);
	source_free(source);
	source = good(SOURCE_POLICIES, "f.json",
		"{\"apiVersion\":\"networking.k8s.io/"
		"v1\",\"kind\":\"NetworkPolicy\",\n\t\"metadata\":{\"name\":\"c\"},"
		"\"spec\":{\"podSelector\":{\"matchLabels\":{\"a\":\"1\"}}}}");
	cr_expect_eq(source->policies.n, 1);
	source_free(source);
}

/* yajl reads .json files; with a comment at the end it is not JSON, and libyaml reads it. Policies
 * and diagnostics are the same, with the same lines and columns. */
Test(parse, json_is_read_like_the_same_text_as_yaml)
{
	static const char *const specs[] = {"{\"podSelector\":{}}",
		"{\"podSelector\":{\"matchLabels\":{\"\\u0061\":\"\\\"\\\\\\/"
		"\\t\"}},\n\"ingres\":7}",
		"{ \"é\\u00e9\" : \"日本\",\"podSelector\":3,\r\n\t\"ingress\":[ null , "
		"{},{\"from\":"
		"[\n{\"podSelector\":[]}]}]}",
		"{\"ingress\":[{\"ports\":[{\"port\":-0},{\"port\":"
		"123456789012345678901234567890},{\"port\":true},{\"port\":\"80\"},{\"port\":null"
		"},{\"port\":65536},{\"prot\\u006f\":1}]}]}",
		"{\"podSelector\":{},\"podSelector\":{}}",
		"{\"policyTypes\":[\"\",\"x\\\"\\\\\"],\"a\":[]}", "{\"podSelector\":{}",
		"{\"podSelector\":{}}}", "{\"a\":01}", "{'podSelector': {},}",
		"{\"<<\":{\"podSelector\":{}}}", "\"\"", "[[[]]]", "null", "-", ""};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		char text[4096], yaml[sizeof(text) + 16];
		Source *x, *y;

		snprintf(text, sizeof(text),
			"{\"apiVersion\":\"networking.k8s.io/v1\",\n  \"kind\":\"NetworkPolicy\","
			"\"metadata\":{\"name\":\"x\"},\n\"spec\": %s}",
			specs[i]);
		snprintf(yaml, sizeof(yaml), "%s # not JSON", text);
		x = parse(SOURCE_POLICIES, "f.json", text);
		y = parse(SOURCE_POLICIES, "f.json", yaml);
		cr_expect_eq(x->policies.n, y->policies.n, "%s", text);
		cr_expect_eq(x->diags.list.n, y->diags.list.n, "%s", text);
		for (size_t k = 0; k < x->diags.list.n && k < y->diags.list.n; k++)
			cr_expect_str_eq(diag_line(x->arena, &x->diags.list.at[k]),
				diag_line(x->arena, &y->diags.list.at[k]));
		source_free(x);
		source_free(y);
	}
}

/* Each unquoted scalar as a port: what the API server's decoder makes of it (yaml_scalar.h). */
Test(parse, unquoted_ports_are_read_as_yaml_1_1)
{
	static const struct {
		const char *text;
		unsigned number; /* 0: no number; it may still be a name */
	} cases[] = {{"80", 80}, {"+80", 80}, {"080", 80}, {"0120", 80}, {"0o120", 80},
		{"0O120", 80}, {"0x50", 80}, {"0X50", 80}, {"0b1010000", 80}, {"0B1010000", 80},
		{"0b+1010000", 80}, {"8_0", 80}, {"80_", 80}, {"0_8", 8}, {"0x5_0", 80},
		{"80.0", 80}, {"80.", 80}, {"8e1", 80}, {"8E+1", 80}, {"800e-1", 80}, {".8e2", 80},
		{"!!str 80", 0}, {"_80", 0}, {"0x", 0}, {"0b2", 0}, {"0o8", 0}, {"80.5", 0},
		{".8_0e2", 0}, {"0x0x50", 0}, {"8e", 0}, {"--80", 0}, {"1e400", 0}, {"y", 0},
		{"N", 0}, {"On", 0}, {".inf", 0}, {"18446744073709551615", 0},
		{"18446744073709551616", 0}, {"http", 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256];
		Source *source;
		const Port *port;

		snprintf(text, sizeof(text), "%s  ingress: [{ports: [{port: %s}]}]\n", HEAD,
			cases[i].text);
		source = parse(SOURCE_POLICIES, "f.yaml", text);
		port = source->policies.at[0]->rules[INGRESS].at[0].ports.at;
		if (cases[i].number)
			cr_expect(
				port && port->kind == PORT_RANGE && port->first == cases[i].number,
				"%s", cases[i].text);
		else
			cr_expect(!port || port->kind == PORT_NAME, "%s", cases[i].text);
		source_free(source);
	}
}

/* The API server takes 80.0 and 8e1 in JSON for no whole numbers. */
Test(parse, json_ports_are_written_as_whole_numbers)
{
	static const char *const numbers[] = {"80.0", "8e1", "8E1", "1e400"};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		char text[256];
		Source *source;

		snprintf(text, sizeof(text),
			"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
			"\"metadata\":{\"name\":\"x\"},\"spec\":{\"ingress\":[{\"ports\":[{"
			"\"port\":%s}]}]}}",
			numbers[i]);
		source = parse(SOURCE_POLICIES, "f.json", text);
		cr_expect_eq(source->diags.n_errors, 1, "%s", numbers[i]);
		source_free(source);
	}
}

/* An unquoted key that the API server reads as something else selects other pods there. */
Test(parse, unquoted_label_keys_are_what_they_look_like)
{
	static const struct {
		const char *key, *read_as; /* NULL: as written */
	} cases[] = {{"app", NULL}, {"10", NULL}, {"true", NULL}, {"1.5", NULL}, {"100000.5", NULL},
		{"2024-01-01", NULL}, {"3e45678", NULL}, {"\"on\"", NULL}, {"'010'", NULL},
		{"!!str 010", NULL}, {"on", "\"true\""}, {"True", "\"true\""}, {"n", "\"false\""},
		{"010", "\"8\""}, {"080", "\"80\""}, {"0x10", "\"16\""}, {"8_0", "\"80\""},
		{"1.10", "\"1.1\""}, {"1e6", "\"1e+06\""}, {"1e5", "\"100000\""},
		{"0.00001", "\"1e-05\""}, {"0.0001", NULL}, {"16777217.0", "\"1.6777216e+07\""},
		{"123456789.5", "\"1.2345679e+08\""}, {"1e39", "\".inf\""}, {"-0", "\"0\""},
		{"null", "no string"}, {"~", "no string"}, {"18446744073709551615", "no string"}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256];
		Source *source;
		const char *error, *read_as = cases[i].read_as;

		snprintf(text, sizeof(text), "%s  podSelector: {matchLabels: {? %s : v}}\n", HEAD,
			cases[i].key);
		source = parse(SOURCE_POLICIES, "f.yaml", text);
		error = first_error(source);
		cr_expect(read_as ? strstr(error, read_as) != NULL : !*error, "%s: %s",
			cases[i].key, error);
		source_free(source);
		snprintf(text, sizeof(text),
			"{kind: Pod, metadata: {name: p, labels: {? %s : v}}, spec: {nodeName: "
			"node}}\n",
			cases[i].key);
		source = parse(SOURCE_INVENTORY, "f.yaml", text);
		error = first_error(source);
		cr_expect(read_as ? strstr(error, read_as) != NULL : !*error, "%s: %s",
			cases[i].key, error);
		source_free(source);
	}
}

/* kubectl reads files that begin with a byte order mark, which Windows' editors write. */
Test(parse, a_byte_order_mark_is_skipped)
{
	static const struct {
		SourceKind kind;
		const char *file, *text;
	} cases[] = {{SOURCE_POLICIES, "f.yaml", "\ufeffpolicies: 1\nkind: ConfigMap\n"},
		{SOURCE_POLICIES, "f.json", "\ufeff{\"kind\": \"ConfigMap\"}"},
		{SOURCE_POLICIES, "f.conf", "\ufeffpolicies = ( );"},
		{SOURCE_INVENTORY, "f.json",
			"\ufeff{\"kind\": \"Pod\", \"metadata\": {\"name\": \"p\"}}"},
		{SOURCE_INVENTORY, "f.yaml", "\ufeffkind: Pod\nmetadata: {name: p}\n"}};
	Settings settings;
	Arena *arena = arena_new();
	Diags diags = {.arena = arena};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		source_free(good(cases[i].kind, cases[i].file, cases[i].text));
	settings_default(arena, "n", &settings);
	cr_expect_eq(settings_parse(arena, "c", "\ufeffsettle_ms = 5;", &settings, &diags), 0);
	arena_free(arena);
}

Test(parse, other_encodings_are_named)
{
	static const struct {
		const char *text, *name;
		size_t n;
	} cases[] = {{"\xff\xfek\0i\0", "UTF-16LE", 6}, {"\xfe\xff\0k\0i", "UTF-16BE", 6},
		{"\xff\xfe\0\0k\0\0\0", "UTF-32LE", 8}, {"\0\0\xfe\xff\0\0\0k", "UTF-32BE", 8},
		{"k\0i\0n\0d\0", "UTF-16LE", 8}, {"\0k\0i\0n\0d", "UTF-16BE", 8},
		{"k\0\0\0i\0\0\0", "UTF-32LE", 8}, {"\0\0\0k\0\0\0i", "UTF-32BE", 8},
		{"\xff\xfe", "UTF-16LE", 2}, {"\xff", "not UTF-8", 1}, {"ki\0nd", "not UTF-8", 5}};
	static const char *const files[] = {"f.yaml", "f.json", "f.conf"};

	for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(files); i++) {
		size_t at = i / ARRAY_SIZE(files);
		Source *source = NULL;

		cr_assert_eq(source_parse(SOURCE_POLICIES, files[i % ARRAY_SIZE(files)],
				     cases[at].text, cases[at].n, NULL, &source),
			0);
		cr_expect(strstr(first_error(source), cases[at].name), "%zu: %s", at,
			first_error(source));
		source_free(source);
	}
}

Test(parse, anchors_and_merge_keys_work)
{
	Source *source =
		spec("  podSelector: &s {matchLabels: {a: b}}\n  ingress:\n  - from:\n    - "
		     "podSelector: *s\n"
		     "    - &p {namespaceSelector: {}}\n    - {<<: *p, podSelector: {}}\n");
	const Rule *rule = &source->policies.at[0]->rules[INGRESS].at[0];

	cr_assert_eq(rule->peers.n, 3);
	cr_expect_eq(rule->peers.at[0].pods->list.n, 1);
	cr_expect(rule->peers.at[2].namespaces && rule->peers.at[2].pods);
	source_free(source);
}

Test(parse, both_formats_of_one_policy_are_one_model)
{
	Source *yaml =
		spec("  podSelector: {matchLabels: {role: db}}\n  policyTypes: [Ingress, Egress]\n "
		     " ingress:\n"
		     "  - from:\n    - ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}\n"
		     "    - namespaceSelector: {matchLabels: {project: p}}\n    ports: [{protocol: "
		     "TCP, port: 6379}]\n");
	Source *conf = good(SOURCE_POLICIES, "f.conf",
		"policies = ( { name = \"x\"; pods = \"role=db\"; types = [ \"Ingress\", "
		"\"Egress\" ]; ingress = ( { from = "
		"( { cidr = \"172.17.0.0/16\"; except = [ \"172.17.1.0/24\" ]; }, { namespaces = "
		"\"project=p\"; } ); "
		"ports = ( { protocol = \"TCP\"; port = 6379; } ); } ); } );");
	const Policy *a = yaml->policies.at[0], *b = conf->policies.at[0];
	const Rule *x = &a->rules[INGRESS].at[0], *y = &b->rules[INGRESS].at[0];

	cr_expect_str_eq(
		selector_text(yaml->arena, &a->pods), selector_text(conf->arena, &b->pods));
	cr_expect(a->isolates[EGRESS] && b->isolates[EGRESS] && !b->rules[EGRESS].n);
	cr_expect(range_is_equal(x->peers.at[0].block->range, y->peers.at[0].block->range));
	cr_expect(range_is_equal(
		x->peers.at[0].block->except.at[0], y->peers.at[0].block->except.at[0]));
	cr_expect_str_eq(selector_text(yaml->arena, x->peers.at[1].namespaces),
		selector_text(conf->arena, y->peers.at[1].namespaces));
	cr_expect(x->ports.at[0].first == y->ports.at[0].first);
	source_free(yaml);
	source_free(conf);
}

/* ---- Inventories ---- */
Test(parse, kubelets_pod_list_has_its_kind_last_and_none_on_items)
{
	Source *source = good(SOURCE_INVENTORY, "pods.json",
		"{\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"labels\":{\"k\":"
		"\"v\"},\"resourceVersion\":"
		"\"42\"},\"spec\":{\"nodeName\":\"w\",\"hostNetwork\":false,\"big\":"
		"123456789012345678901234567890,"
		"\"containers\":[{\"name\":\"c\",\"ports\":[{\"name\":\"http\",\"containerPort\":"
		"80},{\"containerPort\":81}]}]},"
		"\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"podIPs\":[{\"ip\":\"10."
		"0.0.1\"},{\"ip\":\"fd00::1\"}]}}],"
		"\"apiVersion\":\"v1\",\"kind\":\"PodList\"}");
	const Pod *pod;

	cr_assert_eq(source->pods.n, 1);
	pod = source->pods.at[0];
	cr_expect_str_eq(pod->namespace, "n");
	cr_expect_str_eq(labels_get(&pod->labels, "k"), "v");
	cr_expect_eq(pod->addresses.n, 2);
	cr_expect_eq(pod->ports.n, 1);
	cr_expect_eq(pod->version, 42);
	cr_expect_eq(pod->phase, PHASE_RUNNING);
	source_free(source);
}

/* A skipped field may contain keys with the names of fields that are read. */
Test(parse, keys_inside_skipped_fields_are_not_read)
{
	Source *source = good(SOURCE_INVENTORY, "pods.json",
		"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"managedFields\":[{\"x\":{\"y\":{}"
		",\"name\":\"b\"},\"name\":\"c\",\"labels\":{\"k\":\"v\"}}],\"namespace\":\"n\"},"
		"\"status\":{\"conditions\":[[],{\"phase\":7}],\"phase\":\"Running\"}}");
	const Pod *pod;

	cr_assert_eq(source->pods.n, 1);
	pod = source->pods.at[0];
	cr_expect_str_eq(pod->name, "a");
	cr_expect_str_eq(pod->namespace, "n");
	cr_expect_eq(pod->labels.list.n, 0);
	cr_expect_eq(pod->phase, PHASE_RUNNING);
	source_free(source);
}

/* An init container ends before the pod runs, unless restartPolicy Always makes it a sidecar. */
Test(parse, ports_of_init_containers_count_for_sidecars_only)
{
	Source *source = good(SOURCE_INVENTORY, "pods.json",
		"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"a\"},\"spec\":{"
		"\"initContainers\":[{\"ports\":[{\"name\":\"gone\",\"containerPort\":1}]},"
		"{\"ports\":[{\"name\":\"stays\",\"containerPort\":2}],\"restartPolicy\":"
		"\"Always\"}],\"containers\":[{\"ports\":[{\"name\":\"web\",\"containerPort\":3}]}"
		"]}},{\"metadata\":{\"name\":\"b\"}}]}");
	const Pod *pod;

	cr_assert_eq(source->pods.n, 2);
	pod = source->pods.at[0];
	cr_assert_eq(pod->ports.n, 2);
	cr_expect_str_eq(pod->ports.at[0].name, "stays");
	cr_expect_str_eq(pod->ports.at[1].name, "web");
	cr_expect_eq(source->pods.at[1]->ports.n, 0);
	source_free(source);
}

/* The packets of an IPv4-mapped address are IPv4. The API stores a null label value as "". */
Test(parse, a_mapped_address_is_ipv4)
{
	Source *source = good(SOURCE_INVENTORY, "f.yaml",
		"kind: Pod\nmetadata: {name: p, labels: {app: , git: 3e45678}}\n"
		"spec: {containers: [{ports: [{name: http, containerPort: 0x50}]}]}\n"
		"status: {podIP: '::ffff:10.244.1.11', podIPs: [{ip: 10.244.1.11}]}\n");
	const Pod *pod = source->pods.at[0];

	cr_assert_eq(pod->addresses.n, 1);
	cr_expect_eq(pod->addresses.at[0].family, FAMILY_IPV4);
	cr_expect(pod->addresses.at[0].value == 0x0af4010b);
	cr_expect_str_eq(labels_get(&pod->labels, "app"), "");
	cr_expect_str_eq(labels_get(&pod->labels, "git"), "3e45678");
	cr_expect_eq(pod->ports.at[0].number, 80);
	source_free(source);
}

Test(parse, a_namespace_has_its_name_as_a_label)
{
	Source *source = good(SOURCE_INVENTORY, "n.yaml",
		"kind: Namespace\nmetadata: {name: one, labels: {a: b}}\n");

	cr_assert_eq(source->namespaces.n, 1);
	cr_expect_str_eq(
		labels_get(&source->namespaces.at[0]->labels, "kubernetes.io/metadata.name"),
		"one");
	source_free(source);
}

/* Pitfall 31 (tests/README.md): an export that failed is not an empty inventory. */
Test(parse, failed_exports_are_errors)
{
	static const char *const texts[] = {"", "\n", "Unauthorized", "{}", "[]", "null",
		"{\"kind\":\"PodList\"}", "{\"kind\":\"Status\",\"message\":\"forbidden\"}",
		"<html>", "{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"na",
		"{\"kind\":\"PodList\",\"items\":[]} x", "{\"kind\":\"PodList\",\"items\":{}}",
		"{\"kind\":\"List\",\"items\":[{\"metadata\":{\"name\":\"a\"}}]}",
		("{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"a\"},\"status\":{"
		 "\"podIP\":\"10.0.0.999\"}}]}"),
		"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":7}}]}",
		/* a number at the very end, where yajl counts its offset from 0 again */
		"\n\n\n12345", "\"x\"", "true"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Source *source = parse(SOURCE_INVENTORY, "pods.json", texts[i]);

		cr_expect_gt(source->diags.n_errors, 0, "%s", texts[i]);
		source_free(source);
	}
	source_free(good(SOURCE_INVENTORY, "pods.json", "{\"kind\":\"PodList\",\"items\":[]}"));
	source_free(good(SOURCE_INVENTORY, "pods.json", "{\"kind\":\"PodList\",\"items\":null}"));
}

/*
 * kubectl prints an empty list, with exit status 1, when the API server does not answer. A file
 * of comments or of other objects was written on purpose.
 */
#define POLICY                                                                                     \
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {}\n"
Test(parse, an_empty_list_says_nothing)
{
	static const struct {
		SourceKind kind;
		const char *file, *text;
		bool says_nothing;
	} cases[] = {{SOURCE_POLICIES, "f.yaml", "apiVersion: v1\nkind: List\nitems: []\n", true},
		{SOURCE_POLICIES, "f.yaml", "apiVersion: v1\nkind: List\nitems: null\n", true},
		{SOURCE_POLICIES, "f.json",
			"{\"apiVersion\":\"v1\",\"items\":[],\"kind\":\"List\"}", true},
		{SOURCE_POLICIES, "f.json",
			"{\"apiVersion\":\"networking.k8s.io/"
			"v1\",\"kind\":\"NetworkPolicyList\",\"items\":[]}",
			true},
		{SOURCE_POLICIES, "f.yaml",
			"kind: List\nitems: []\n---\napiVersion: v1\nkind: Service\n", true},
		{SOURCE_POLICIES, "f.yaml",
			"kind: List\nitems: [{apiVersion: v1, kind: List, items: []}]\n", true},
		{SOURCE_POLICIES, "f.yaml", "kind: List\nitems: []\n---\n" POLICY, false},
		{SOURCE_POLICIES, "f.yaml", POLICY "---\nkind: List\nitems: []\n", false},
		{SOURCE_POLICIES, "f.yaml",
			"kind: List\nitems: [{apiVersion: v1, kind: Service}]\n", false},
		{SOURCE_POLICIES, "f.yaml", "apiVersion: v1\nkind: Service\n", false},
		{SOURCE_POLICIES, "f.yaml", "# later\n", false},
		{SOURCE_POLICIES, "f.conf", "# later\n", false},
		{SOURCE_POLICIES, "f.conf", "policies = ();\n", false},
		{SOURCE_INVENTORY, "f.json", "{\"kind\":\"PodList\",\"items\":[]}", true},
		{SOURCE_INVENTORY, "f.json", "{\"items\":null,\"kind\":\"PodList\"}", true},
		{SOURCE_INVENTORY, "f.yaml", "kind: List\nitems: []\n", true},
		{SOURCE_INVENTORY, "f.yaml",
			"kind: PodList\nitems: []\n---\nkind: NamespaceList\nitems: []\n", true},
		{SOURCE_INVENTORY, "f.yaml",
			"kind: PodList\nitems: []\n---\nkind: Namespace\nmetadata: {name: x}\n",
			false},
		{SOURCE_INVENTORY, "f.yaml", "kind: List\nitems: [{kind: Service}]\n", false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Source *source = good(cases[i].kind, cases[i].file, cases[i].text);
		bool is_warned = false;

		for (size_t k = 0; k < source->diags.list.n; k++)
			is_warned |= strcmp(source->diags.list.at[k].code, "empty-list") == 0;
		cr_expect_eq(source->says_nothing, cases[i].says_nothing, "%s", cases[i].text);
		cr_expect_eq(is_warned, cases[i].says_nothing, "%s", cases[i].text);
		source_free(source);
	}
}

/* Parses the text with " for each ', which makes the texts below readable. */
static Source *parse_quoted(SourceKind kind, const char *file, const char *text)
{
	char quoted[2048];
	size_t n = strlen(text);

	cr_assert_lt(n, sizeof(quoted));
	for (size_t i = 0; i <= n; i++)
		quoted[i] = text[i] == '\'' ? '"' : text[i];
	return parse(kind, file, quoted);
}

/* As `kubectl get --watch -o json` prints: objects without "---" between them. */
#define POLICY_OF(name)                                                                            \
	"{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'name':'" name    \
	"'},'spec':{}}"
#define POD_OF(name) "{'metadata':{'name':'" name "','labels':{'app':'" name "'}},'kind':'Pod'}"

/* names: of the policies or pods, one character each */
static void expect_names(SourceKind kind, const char *file, const char *text, const char *names)
{
	Source *source = parse_quoted(kind, file, text);
	size_t n = strlen(names);

	cr_expect_eq(source->diags.n_errors, 0, "%s: %s: %s", file, text, first_error(source));
	cr_assert_eq(kind == SOURCE_POLICIES ? source->policies.n : source->pods.n, n, "%s", text);
	for (size_t i = 0; i < n && kind == SOURCE_POLICIES; i++)
		cr_expect_eq(source->policies.at[i]->name[0], names[i], "%s", text);
	for (size_t i = 0; i < n && kind == SOURCE_INVENTORY; i++) {
		const Pod *pod = source->pods.at[i];

		cr_expect_eq(pod->name[0], names[i], "%s", text);
		cr_expect_eq(pod->labels.list.n, 1, "%s", text);
		cr_expect_str_eq(labels_get(&pod->labels, "app"), pod->name, "%s", text);
	}
	source_free(source);
}

Test(parse, a_json_stream_is_several_documents)
{
	expect_names(SOURCE_POLICIES, "f.json", POLICY_OF("a") "\n" POLICY_OF("b") "\n", "ab");
	expect_names(SOURCE_POLICIES, "f.json", POLICY_OF("a") POLICY_OF("b"), "ab");
	expect_names(SOURCE_POLICIES, "f.yaml", "\n " POLICY_OF("a") "\n\n" POLICY_OF("b"), "ab");
	expect_names(SOURCE_POLICIES, "f.yaml", POLICY_OF("a") "\n---\n" POLICY_OF("b"), "ab");
	expect_names(SOURCE_POLICIES, "f.yaml",
		POLICY_OF("a") POLICY_OF("b") "\n---\n" POLICY "---\n" POLICY_OF("c"), "abxc");
	expect_names(SOURCE_POLICIES, "f.json",
		POLICY_OF("a") "{'kind':'List','items':[" POLICY_OF("b") "]}", "ab");
	expect_names(SOURCE_INVENTORY, "f.json", POD_OF("a") "\n" POD_OF("b") "\n", "ab");
	expect_names(SOURCE_INVENTORY, "f.yaml", POD_OF("a") "\n" POD_OF("b") "\n", "ab");
	expect_names(SOURCE_INVENTORY, "f.yaml", POD_OF("a") "\n---\n" POD_OF("b") "\n", "ab");
	expect_names(SOURCE_INVENTORY, "f.json",
		"{'items':[" POD_OF("a") "],'kind':'PodList'}\n"
					 "{'kind':'Namespace','metadata':{'name':'x'}}" POD_OF("b"),
		"ab");
}

/* kubectl flattens lists of any kind. */
Test(parse, nested_lists_are_flattened)
{
	static const char *const inventories[][2] = {
		/* the labels of a list, before or after its items, are not those of a pod */
		{"{'kind':'List','items':[" POD_OF(
			 "a") ",{'metadata':{'labels':{'x':'y','app':'l'}},"
			      "'items':[" POD_OF(
				      "b") ",{'items':[{'metadata':{'name':'c','labels':{'app':'c'}"
					   "}}],"
					   "'kind':'PodList'}," POD_OF(
						   "d") "],'kind':'PodList'}," POD_OF("e") "]}",
			"abcde"},
		{"{'items':[{'items':[" POD_OF("a") "],'metadata':{'labels':{'app':'l'}},"
						    "'kind':'PodList'}," POD_OF(
							    "b") "],'kind':'List'}",
			"ab"},
		{"{'kind':'List','items':[{'kind':'ServiceList','items':[{'metadata':{'name':'s'}}"
		 "," POD_OF("a") "]},{'kind':'AllowList'},{'kind':'Bundle','items':[" POD_OF(
			 "b") "]}]}",
			"ab"}};

	for (size_t i = 0; i < ARRAY_SIZE(inventories); i++) {
		expect_names(SOURCE_INVENTORY, "f.json", inventories[i][0], inventories[i][1]);
		expect_names(SOURCE_INVENTORY, "f.yaml", inventories[i][0], inventories[i][1]);
	}
	expect_names(SOURCE_POLICIES, "f.yaml",
		"apiVersion: v1\nkind: List\nitems:\n"
		"- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicyList\n  items:\n"
		"  - {metadata: {name: a}, spec: {}}\n"
		"  - {metadata: {name: b}, spec: {}}\n"
		"- {apiVersion: example.com/v1, kind: Bundle, items: [" POLICY_OF(
			"c") "]}\n"
			     "- " POLICY_OF("d") "\n",
		"abcd");
}

/* An item that may have been a pod is not skipped; a text that is no inventory is not an empty one.
 */
Test(parse, inventories_that_may_lack_pods_are_errors)
{
	static const char *const texts[] = {"{'kind':'List','items':[{'kind':'pod'}]}",
		"{'kind':'List','items':[{'kind':'podList','items':[]}]}",
		"{'kind':'List','items':[{'kind':'PodList'}]}",
		"{'kind':'List','items':[{'items':[]}]}",
		"{'kind':'List','items':[{'items':[" POD_OF("a") "]}]}",
		"{'kind':'List','items':[{'kind':'PartialObjectMetadata'}]}",
		"{'kind':'List','items':[{'kind':'Status'}]}",
		"{'kind':'Pod','metadata':{'name':'a'},'items':null}",
		"{'kind':'Pod','metadata':{'name':'a'},'items':[" POD_OF("b") "]}",
		"{'kind':'PodList','metadata':{'continue':'x'},'items':[]}",
		"{'items':[" POD_OF("a") "],'kind':'PodList','metadata':{'continue':'x'}}",
		"{'kind':'List','items':[{'kind':'PodList','metadata':{'continue':'x'},'items':[]}]"
		"}",
		"{'type':'ADDED','object':" POD_OF("a") "}",
		POD_OF("a") "{'type':'ADDED','object':" POD_OF("b") "}",
		POD_OF("a") "{'kind':", POD_OF("a") " 5", "null", "# none\n", "---\n---\n"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Source *json = parse_quoted(SOURCE_INVENTORY, "f.json", texts[i]);
		Source *yaml = parse_quoted(SOURCE_INVENTORY, "f.yaml", texts[i]);

		cr_expect_gt(json->diags.n_errors, 0, "%s", texts[i]);
		cr_expect_gt(yaml->diags.n_errors, 0, "%s", texts[i]);
		source_free(json);
		source_free(yaml);
	}
	expect_names(SOURCE_INVENTORY, "f.json",
		"{'kind':'PodList','metadata':{'continue':''},'items':[" POD_OF("a") "]}", "a");
}

/* "app\0x" is not "app": a reader that stops at the NUL selects the wrong pods. */
Test(parse, a_key_does_not_end_at_a_nul)
{
	static const struct {
		SourceKind kind;
		const char *file, *text;
	} bad[] = {
		{SOURCE_POLICIES, "f.yaml",
			"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: "
			"x}\nspec: {podSelector: {matchLabels: {\"app\\0x\": v}}}\n"},
		{SOURCE_POLICIES, "f.json",
			"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
			"\"metadata\":{\"name\":\"x\"},\"spec\":{\"podSelector\":{},"
			"\"ingress\\u0000\":"
			"[]}}"},
		{SOURCE_INVENTORY, "f.json",
			"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"labels\":{"
			"\"app\\u0000x\":"
			"\"v\"}}}"},
		{SOURCE_INVENTORY, "f.yaml",
			"kind: Pod\nmetadata: {name: a, labels: {\"app\\0x\": v}}\n"}};
	Source *source;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		source = parse(bad[i].kind, bad[i].file, bad[i].text);
		cr_expect_gt(source->diags.n_errors, 0, "%s", bad[i].text);
		source_free(source);
	}
	source = good(SOURCE_INVENTORY, "f.json",
		"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"name\\u0000, and much that "
		"follows\":\"b\"}}");
	cr_expect_str_eq(source->pods.at[0]->name, "a");
	source_free(source);
}

/* libconfig by itself reads 4294967376 as 80, and ends a string at "\x00". */
Test(parse, a_libconfig_text_is_not_truncated_or_wrapped)
{
	static const struct {
		const char *selector, *port;
		bool is_good;
	} cases[] = {{"a=b", "80", true}, {"a=b", "0x50", true}, {"a=b", "80L", true},
		{"a=b", "80 # 4294967376, \"\\x00\"\n", true}, {"a1=x4294967376", "80", true},
		{"a=\\x62", "80", true}, {"a=b", "4294967376", false},
		{"a=b", "18446744073709551696", false}, {"a=b", "0x100000050", false},
		{"a=b", "0X100000050L", false}, {"a=b\\x00,c=d", "80", false},
		{"a=b\\\"\\X00,c=d", "80", false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[512];
		Source *source;

		snprintf(text, sizeof(text),
			"\npolicies = ( { name = \"x\"; pods = \"%s\";\ningress = ( { ports = ( { "
			"port = %s; } ); } ); } );",
			cases[i].selector, cases[i].port);
		source = parse(SOURCE_POLICIES, "f.conf", text);
		cr_expect_eq(source->diags.n_errors == 0, cases[i].is_good, "%s: %s", text,
			first_error(source));
		if (!cases[i].is_good)
			cr_expect_eq(source->diags.list.at[0].origin.line,
				strcmp(cases[i].port, "80") == 0 ? 2 : 3);
		source_free(source);
	}
}

/* ---- The annotation of a namespace that frees its pods as senders ---- */
Test(parse, senders_annotation)
{
	static const struct {
		const char *text;
		bool is_good, is_free;
		uint32_t n;
	} cases[] = {{"any", true, true, 0}, {"10.0.0.0/8", true, false, 1},
		{"10.0.0.0/8, fd00::/8,192.0.2.1/32", true, false, 3}, {"", true, false, 0},
		{"10.0.0.1/8", false, false, 0}, {"10.0.0.0/8, all", false, false, 0},
		{"Any", false, false, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[400];
		Source *source;
		const Namespace *namespace;

		snprintf(text, sizeof(text),
			"{\"kind\": \"Namespace\", \"metadata\": {\"name\": \"n\", "
			"\"annotations\": {\"other\": \"x\", \"netpol/senders\": \"%s\"}}}",
			cases[i].text);
		cr_assert_eq(
			source_parse(SOURCE_INVENTORY, "i.json", text, strlen(text), NULL, &source),
			0);
		cr_assert_eq(source->namespaces.n, 1);
		cr_expect_eq(source->diags.n_errors, 0, "%s", cases[i].text);
		cr_expect_eq(
			source->diags.n_warnings, cases[i].is_good ? 0 : 1, "%s", cases[i].text);
		namespace = source->namespaces.at[0];
		cr_expect_eq(namespace->are_senders_free, cases[i].is_free, "%s", cases[i].text);
		cr_expect_eq(namespace->allowed_senders.n, cases[i].n, "%s", cases[i].text);
		source_free(source);
	}
}

/* ---- netpol.conf ---- */
static size_t settings(Arena *arena, const char *text, Settings *ret_settings)
{
	Diags diags = {.arena = arena};

	settings_default(arena, "node", ret_settings);
	settings_parse(arena, "netpol.conf", text, ret_settings, &diags);
	return diags.n_errors;
}

Test(parse, settings_are_checked)
{
	static const char *const bad[] = {"tabel = \"x\";", "table = \"a b\";", "table = \"9\";",
		"settle_ms = -1;", "settle_ms = \"1\";", "withdraw_ms = 60001;", "log_denied = 1;",
		"log_group = 0;", "log_group = 65536;", "withdraw_ms = -1;", "bridge = \"yes\";",
		"enforce = true;", "policies = \"relative\";", "node = \"\";", "deny = \"Drop\";",
		"namespace_elements = -1;", "namespace_elements = \"1\";", "namespace_element = 1;",
		"namespace_rules = 1000000001;", "namespace_rules = 1.5;", "mirror = 7;",
		"attachments = \"relative\";", "attachments = 1;", "unknown_pods = \"drop\";",
		"unknown_pod = \"allow\";", "mirror = { kubeconfig = \"k\"; };",
		"mirror = { directory = 7; };", "mirror = { kubekonfig = \"/k\"; };",
		"senders = \"on\";", "senders = true;", "senders_free = \"a/b\";",
		"senders_free = [ \"a\" ];", "senders_free = [ \"a/b/c\" ];",
		"senders_free = [ \"/b\" ];", "senders_free = [ \"A/b\" ];",
		"pod_tunnels = \"no\";"};
	Arena *arena = arena_new();
	Settings s;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect_eq(settings(arena, bad[i], &s), 1, "%s", bad[i]);
	cr_assert_eq(settings(arena,
			     "bridge = \"off\"; deny = \"drop\"; enforce = \"all\"; settle_ms = 0; "
			     "withdraw_ms = 60000; namespace_elements = 0; attachments = \"\"; "
			     "unknown_pods = \"allow\"; "
			     "namespace_rules = 1000000000; mirror = { directory = \"/m\"; }; "
			     "senders = \"every\"; senders_free = [ \"kube-system/vpn-*\" ]; "
			     "pod_tunnels = \"allow\";",
			     &s),
		0);
	cr_expect(s.bridge == BRIDGE_OFF && s.deny == DENY_DROP && s.enforce == ENFORCE_ALL &&
		  s.settle_ms == 0 && s.withdraw_ms == 60000);
	cr_expect(s.unknown_pods == UNKNOWN_ALLOW && !*s.attachments);
	cr_expect(s.namespace_elements == 0 && s.namespace_rules == 1000000000);
	cr_expect_str_eq(SENDERS_MODE_TEXT[s.senders], "every");
	cr_expect_eq(s.pod_tunnels, POD_TUNNELS_ALLOW);
	cr_assert_eq(s.senders_free.n, 1);
	cr_expect_str_eq(s.senders_free.at[0], "kube-system/vpn-*");
	cr_expect_str_eq(s.mirror_directory, "/m");
	cr_expect_str_eq(s.mirror_kubeconfig, "/etc/netpol/kubeconfig");
	cr_expect_eq(s.policies.n, 1);
	cr_expect_str_eq(s.policies.at[0], "/etc/netpol/conf.d");
	arena_free(arena);
}

/* "on" resembles "off", which would turn a protection off. */
Test(parse, the_hint_for_on_is_not_off)
{
	static const char *const texts[] = {
		"senders = \"on\";", "bridge = \"on\";", "senders = \"On\";"};
	Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	Settings s;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		settings_default(arena, "node", &s);
		settings_parse(arena, "netpol.conf", texts[i], &s, &diags);
		cr_assert_eq(diags.n_errors, i + 1);
		cr_expect(!diags.list.at[i].hint, "%s: %s", texts[i], diags.list.at[i].hint);
	}
	settings_parse(arena, "netpol.conf", "senders = \"of\";", &s, &diags);
	cr_expect_str_eq(diags.list.at[ARRAY_SIZE(texts)].hint, "did you mean \"off\"?");
	arena_free(arena);
}

Test(parse, directories_are_one_path_or_a_list)
{
	static const char *const bad[] = {"policies = [];", "inventory = ();", "policies = 7;",
		"policies = [ \"/a\", \"b\" ];", "policies = ( \"/a\", 7 );", "inventory = \"\";",
		"inventory = [ \"/a\", \"/b\", \"/a\" ];", "policies = [ \"/a\", \"/a/\" ];",
		"policies = { a = \"/a\"; };"};
	Arena *arena = arena_new();
	Buf many = {.arena = arena};
	Settings s;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cr_expect_eq(settings(arena, bad[i], &s), 1, "%s", bad[i]);
		/* the default is as it was */
		cr_expect_str_eq(s.policies.at[0], SETTINGS_POLICIES_DEFAULT);
		cr_expect_eq(s.policies.n + s.inventory.n, 2);
	}
	cr_assert_eq(settings(arena, "policies = [ \"/b\", \"/a/\" ]; inventory = \"/a\";", &s), 0);
	cr_assert_eq(s.policies.n, 2);
	cr_expect_str_eq(s.policies.at[0], "/b");
	cr_expect_str_eq(s.policies.at[1], "/a");
	cr_assert_eq(s.inventory.n, 1);
	cr_expect_str_eq(s.inventory.at[0], "/a");

	buf_add(&many, "policies = [ \"/0\"");
	for (int i = 1; i < SETTINGS_DIRECTORIES_MAX; i++)
		buf_printf(&many, ", \"/%d\"", i);
	cr_expect_eq(settings(arena, arena_printf(arena, "%s];", buf_text(&many)), &s), 0);
	cr_expect_eq(s.policies.n, SETTINGS_DIRECTORIES_MAX);
	cr_expect_eq(settings(arena, arena_printf(arena, "%s, \"/x\"];", buf_text(&many)), &s), 1);
	arena_free(arena);
}

/* ---- Records of the container runtime ---- */
#define RECORD(interface, ips, interfaces)                                                         \
	"{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"config\":\"e30=\",\"ifName\":"          \
	"\"" interface "\",\"networkName\":\"cbr0\",\"netns\":\"/var/run/netns/"                   \
	"cni-1\",\"cniArgs\":[[\"IgnoreUnkn"                                                       \
	"own\",\"1\"],[\"K8S_POD_NAMESPACE\",\"shop\"],[\"K8S_POD_NAME\",\"web-1\"],[\"K8S_POD_"   \
	"UID\""                                                                                    \
	",\"u-1\"]],\"capabilityArgs\":{\"portMappings\":null},\"result\":{\"cniVersion\":\"1.0."  \
	"0\","                                                                                     \
	"\"dns\":{},\"interfaces\":[" interfaces "],\"ips\":[" ips "]}}"
#define IPS "{\"address\":\"10.244.1.10/24\",\"interface\":2},{\"address\":\"fd00::7/64\"}"
#define BRIDGE                                                                                     \
	"{\"mac\":\"02:00:00:00:00:01\",\"name\":\"cni0\"},{\"mac\":\"02:00:00:00:00:02\","        \
	"\"name\":"                                                                                \
	"\"veth1a2b\"},{\"mac\":\"02:00:00:00:00:0A\",\"name\":\"eth0\",\"sandbox\":\"/n\"},"      \
	"{\"name\":\"bwp1\"}"

Test(parse, a_record_of_libcni_is_an_attachment)
{
	Source *source = good(SOURCE_ATTACHMENTS, "cbr0-c1-eth0", RECORD("eth0", IPS, BRIDGE));
	const Attachment *a;
	char text[MAC_TEXT_SIZE];

	cr_assert_eq(source->attachments.n, 1);
	a = source->attachments.at[0];
	cr_expect_str_eq(a->namespace, "shop");
	cr_expect_str_eq(a->pod, "web-1");
	cr_expect_eq(a->uid, uid_of("u-1"));
	cr_expect_str_eq(a->container, "c1");
	cr_expect_str_eq(a->netns, "/var/run/netns/cni-1");
	cr_expect_str_eq(a->port, "veth1a2b");
	cr_expect_str_eq(mac_text(a->mac, text), "02:00:00:00:00:0a");
	cr_expect_eq(a->addresses.n, 2);
	cr_expect_eq(a->addresses.at[0].value, 0x0af4010a);
	cr_expect(attachment_is_of_cluster(a));
	source_free(source);
}

/* What the plugins of other kinds say: ptp and old versions; Calico; macvlan. */
Test(parse, records_of_other_plugins)
{
	static const struct {
		const char *interfaces, *port;
		bool has_mac;
	} cases[] = {{"{\"name\":\"veth9\"},{\"name\":\"eth0\",\"sandbox\":\"/n\",\"mac\":"
		      "\"02:00:00:00:00:03\"}",
			     "veth9", true},
		{"{\"name\":\"cali1\"}", "cali1", false}, {"", "", false},
		{"{\"name\":\"eth0\",\"sandbox\":\"/n\",\"mac\":\"02:00:00:00:00:03\"}", "", true}};

	Arena *arena = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = arena_printf(arena,
			"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"eth0\","
			"\"cniArgs\":"
			"[[\"K8S_POD_NAMESPACE\",\"n\"],[\"K8S_POD_NAME\",\"p\"]],\"result\":{"
			"\"interfaces\":[%s],\"ip4\":{\"ip\":\"10.0.0.1/32\"}}}",
			cases[i].interfaces);
		Source *source = good(SOURCE_ATTACHMENTS, "x", text);

		cr_assert_eq(source->attachments.n, 1);
		cr_expect_str_eq(source->attachments.at[0]->port, cases[i].port, "%zu", i);
		cr_expect_eq(mac_is_known(source->attachments.at[0]->mac), cases[i].has_mac);
		cr_expect_eq(source->attachments.at[0]->uid, 0);
		cr_expect_str_eq(source->attachments.at[0]->netns, cases[i].has_mac ? "/n" : "");
		cr_expect_eq(source->attachments.at[0]->addresses.n, 1);
		source_free(source);
	}
	arena_free(arena);
}

Test(parse, records_without_an_attachment)
{
	static const char *const texts[] = {"", RECORD("lo", IPS, BRIDGE),
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"eth0\",\"result\":{}}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"eth0\"}"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Source *source = good(SOURCE_ATTACHMENTS, "x", texts[i]);

		cr_expect_eq(source->attachments.n, 0, "%s", texts[i]);
		source_free(source);
	}
	cr_expect_not(source_name_is_read(SOURCE_ATTACHMENTS, "cni-loopback-c1-lo"));
	cr_expect_not(source_name_is_read(SOURCE_ATTACHMENTS, ".tmp"));
	cr_expect(source_name_is_read(SOURCE_ATTACHMENTS, "cbr0-c1-eth0"));
}

Test(parse, hostile_records_are_errors)
{
	static const char *const texts[] = {"{", "[]", "null", "\"x\"", "{}{}", "{}",
		"{\"kind\":\"cniCacheV2\"}", "{\"kind\":1}",
		"{\"kind\":\"cniCacheV1\",\"ifName\":\"eth0\"}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\"}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"e\",\"cniArgs\":{}}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"e\",\"cniArgs\":[1]}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"e\",\"cniArgs\":[[1,2]"
		"]}",
		"{\"kind\":\"cniCacheV1\",\"containerId\":\"c\",\"ifName\":\"e\",\"result\":[]}",
		RECORD("eth0", "{\"address\":\"10.244.1.10\"}", ""),
		RECORD("eth0", "{\"address\":\"10.244.1/24\"}", ""), RECORD("eth0", "1", ""),
		RECORD("eth0", "{\"address\":7}", ""), RECORD("eth0", IPS, "[]"),
		RECORD("eth0", IPS, "{\"name\":\"eth0\",\"sandbox\":\"/n\",\"mac\":\"02:00\"}"),
		RECORD("et\\u0000h0", IPS, BRIDGE)};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Source *source = parse(SOURCE_ATTACHMENTS, "x", texts[i]);

		cr_expect_gt(source->diags.n_errors, 0, "%s", texts[i]);
		cr_expect_eq(source->attachments.n, 0, "%s", texts[i]);
		source_free(source);
	}
}

Test(parse, a_trimmed_record_is_the_same_attachment)
{
	static const char *const texts[] = {
		RECORD("eth0", IPS, BRIDGE), RECORD("e\\\"h", "", ""), RECORD("net1", IPS, "")};
	Arena *arena = arena_new();
	Source *error;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		Source *whole = good(SOURCE_ATTACHMENTS, "x", texts[i]), *trimmed;
		const char *text = attachment_record_text(arena, whole->attachments.at[0]);

		trimmed = good(SOURCE_ATTACHMENTS, "x", text);
		cr_assert_eq(trimmed->attachments.n, 1);
		cr_expect(attachment_is_equal(whole->attachments.at[0], trimmed->attachments.at[0]),
			"%s", text);
		cr_expect_null(strstr(text, "config"));
		source_free(whole);
		source_free(trimmed);
	}
	error = parse(SOURCE_ATTACHMENTS, "x", attachment_record_error(arena, "a \"b\""));
	cr_expect_str_eq(first_error(error), "the record cannot be used: a \"b\"");
	source_free(error);
	arena_free(arena);
}

/* As of kubelet's static pods: the API server's copy has another uid than the runtime was given. */
Test(parse, a_static_pods_uid_is_that_of_kubelet)
{
	Source *source = good(SOURCE_INVENTORY, "f.json",
		"{\"kind\":\"List\",\"items\":[{\"kind\":\"Pod\",\"metadata\":{\"name\":"
		"\"a\","
		"\"uid\":\"x\"}},"
		"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\",\"annotations\":{"
		"\"kubernetes.io/"
		"config.hash\""
		":\"h\"},\"uid\":\"x\"}},{\"kind\":\"Pod\",\"metadata\":{\"name\":\"c\"}}]"
		"}");

	cr_assert_eq(source->pods.n, 3);
	cr_expect_eq(source->pods.at[0]->uid, uid_of("x"));
	cr_expect_eq(source->pods.at[1]->uid, uid_of("h"));
	cr_expect_eq(source->pods.at[2]->uid, 0);
	source_free(source);
}
