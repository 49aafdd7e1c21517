/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A libFuzzer target for each parser, built from the real sources by tests/fuzz/run. The macro
 * READER selects one.
 *
 * A valid input is compiled for every pod, rendered, and explained; the diagnostics of an invalid
 * one are printed. Nothing may crash, hang, fail an assert, or leave a quote or a line break in a
 * comment of the rendered text. The reader "kernel" also applies the ruleset to the kernel, in a
 * network namespace of its own, and must read the same ruleset back.
 */
#include "compile.h"
#include "mirror.h"
#include "nft.h"
#include "source.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct Reader {
	const char *name;
	SourceKind kind;
	const char *files[2]; /* the input's first byte selects; NULL: it is no Source */
	bool is_applied;
} Reader;

static const Reader READERS[] = {{"manifest", SOURCE_POLICIES, {"f.yaml", "f.json"}, false},
	{"conf", SOURCE_POLICIES, {"f.conf", "f.conf"}, false},
	{"inventory", SOURCE_INVENTORY, {"f.json", "f.json"}, false},
	{"inventory_yaml", SOURCE_INVENTORY, {"f.yaml", "f.yaml"}, false},
	{"attachment", SOURCE_ATTACHMENTS, {"record", "record"}, false},
	{"settings", SOURCE_POLICIES, {NULL, NULL}, false},
	{"kubeconfig", SOURCE_POLICIES, {NULL, NULL}, false},
	{"api", SOURCE_POLICIES, {NULL, NULL}, false},
	{"kernel", SOURCE_POLICIES, {"f.yaml", "f.conf"}, true}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Reader *selected_reader(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(READERS); i++)
		if (strcmp(READERS[i].name, READER) == 0)
			return &READERS[i];
	abort();
}

/* Two pods, so that the selectors of policies match something. */
static InventoryPart default_pods(Arena *arena)
{
	static const char *const names[] = {"a", "b"};
	Pods pods = {};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		Pod *pod = ARENA_NEW(arena, Pod);

		*pod = (Pod){.namespace = "default",
			.name = names[i],
			.host = ARENA_NEW(arena, Host),
			.phase = PHASE_RUNNING,
			.started = ""};
		VEC_PUSH(arena, &pod->addresses, (Address){0x0af40101 + i, FAMILY_IPV4});
		VEC_PUSH(arena, &pod->addresses,
			(Address){((AddressValue)0xfd << 120) + i, FAMILY_IPV6});
		VEC_PUSH(arena, &pod->labels.list, (Label){"role", i ? "db" : "frontend"});
		VEC_PUSH(arena, &pod->ports, (NamedPort){"http", PROTOCOL_TCP, 80});
		VEC_PUSH(arena, &pods, pod);
	}
	return (InventoryPart){pods.at, pods.n, NULL, 0};
}

/* Aborts unless each comment ends at its second quote, and a line break follows. */
static void check_comments(const char *text)
{
	for (const char *at = text; (at = strstr(at, "comment \"")); at++) {
		size_t n = strcspn(at + 9, "\"\n");

		if (n > RULESET_COMMENT_MAX || at[9 + n] != '"' || at[10 + n] != '\n')
			abort();
	}
}

/* ---- The kernel ---- */
/* Aborts, with the input, unless the condition holds. */
static void must(bool is_true, const char *what, const char *why, const char *text)
{
	if (is_true)
		return;
	fprintf(stderr, "%s\n%s: %s\n", text, what, why ? why : "");
	abort();
}

/* libFuzzer's SIGALRM would interrupt netlink calls; netpold blocks its signals likewise. */
static void mask_alarm(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(how, &set, NULL);
}

/* Applies the ruleset, reads it back, compares the two, and removes it. */
static void check_kernel(Arena *arena, const Ruleset *ruleset, const char *text)
{
	static Nft *nft;
	NftState state;
	NftCounts counts;
	Plan plan;

	if (!nft && nft_open(&nft) != 0)
		abort();
	plan_create(arena, ruleset, &plan);
	must(nft_apply(nft, &plan, &counts) == 0, "the kernel refuses it", nft_error(nft), text);
	must(nft_read(nft, ruleset, &state) == 0, "cannot be read back", nft_error(nft), text);
	must(state.is_known, "reads back differently", state.mismatch, text);
	plan_change(arena, state.held, ruleset, &plan);
	must(plan.commits.n == 0, "reads back as another ruleset", NULL, text);
	ruleset_unref(state.held);
	plan_remove(arena, &ruleset->base, &plan);
	must(nft_apply(nft, &plan, &counts) == 0, "cannot be deleted", nft_error(nft), text);
}

/* ---- Valid input: compile, render, explain ---- */
static void explain(Arena *arena, const Model *model)
{
	Explainer *explainer = explainer_new(model, &(CompileOptions){});
	const char *error;
	Flow flow;

	if (explain_parse(explainer, "10.244.1.1", "10.244.1.2", "http", &flow, &error) == 0)
		explain_text(explainer, arena, &flow);
	explainer_free(explainer);
}

/* Skips a name that the model has: model_set_policy() requires unique names. */
static void add_policy(Model *model, const Policy *policy, Changes *changes)
{
	const NamespaceIndex *namespace = model_namespace_index(model, policy->namespace);

	for (size_t i = 0; namespace && i < namespace->policies.n; i++)
		if (strcmp(namespace->policies.at[i]->name, policy->name) == 0)
			return;
	model_set_policy(model, NULL, policy, false, changes);
}

/* What netpol-attachments copies of a record is the same attachment. */
static void check_trimmed(Arena *arena, const Source *source)
{
	for (size_t i = 0; i < source->attachments.n; i++) {
		const char *text = attachment_record_text(arena, source->attachments.at[i]);
		Source *trimmed;

		if (source_parse(
			    SOURCE_ATTACHMENTS, "trimmed", text, strlen(text), NULL, &trimmed) != 0)
			abort();
		must(trimmed->attachments.n == 1 && attachment_is_equal(trimmed->attachments.at[0],
							    source->attachments.at[i]),
			"a trimmed record differs", NULL, text);
		source_free(trimmed);
	}
}

static const char *compile_and_render(Arena *arena, const Reader *reader, const Source *source)
{
	CompileOptions options = {.node = "", .is_all = true, .table = "netpol"};
	Model *model = model_new(arena);
	Changes changes = {.arena = arena};
	InventoryPart none = {},
		      part = {source->pods.at, source->pods.n, source->namespaces.at,
			      source->namespaces.n, source->attachments.at, source->attachments.n};
	Diags diags = {.arena = arena};
	const char *text;
	Ruleset *ruleset;

	if (source->pods.n + source->attachments.n == 0)
		part = default_pods(arena);
	check_trimmed(arena, source);
	model_replace(model, &none, &part, &changes);
	for (size_t i = 0; i < source->policies.n; i++)
		add_policy(model, source->policies.at[i], &changes);
	model_set_cidr_sets(model, source->sets.at, source->sets.n);
	ruleset = compile(model, &options, &diags);
	text = nft_ruleset_text(arena, ruleset);
	check_comments(text);
	if (reader->is_applied) {
		mask_alarm(SIG_BLOCK);
		check_kernel(arena, ruleset, text);
		mask_alarm(SIG_UNBLOCK);
	}
	ruleset_unref(ruleset);
	explain(arena, model);
	return text;
}

static void print(Arena *arena, const Diags *diags)
{
	for (size_t i = 0; i < diags->list.n; i++)
		diag_block(arena, &diags->list.at[i], true);
}

/* JSON is also YAML. With a comment at its end the text is not JSON, so libyaml reads it. If that
 * is valid, the text without the comment must be valid too, and compile to the same ruleset. */
static void check_as_yaml(Arena *arena, const Reader *reader, const char *file, const char *text,
	const Source *source, const char *ruleset)
{
	const char *yaml = arena_printf(arena, "%s\n# not JSON\n", text);
	Source *other;

	/* an empty file is an error, and one with a comment is not */
	if (source->diags.n_errors && strcmp(source->diags.list.at[0].code, "empty") == 0)
		return;
	if (source_parse(reader->kind, file, yaml, strlen(yaml), NULL, &other) != 0)
		return;
	if (other->diags.n_errors == 0) {
		must(source->diags.n_errors == 0, "valid as YAML", "an error as JSON", text);
		must(strcmp(compile_and_render(arena, reader, other), ruleset) == 0,
			"as YAML it compiles to another ruleset than as JSON", ruleset, text);
	}
	source_free(other);
}

static void read_source(
	Arena *arena, const Reader *reader, bool is_second, const char *text, size_t n)
{
	const char *ruleset = "", *file = reader->files[is_second];
	Source *source;

	if (source_parse(reader->kind, file, text, n, NULL, &source) != 0)
		return;
	print(arena, &source->diags);
	if (source->diags.n_errors == 0)
		ruleset = compile_and_render(arena, reader, source);
	if (strcmp(reader->name, "manifest") == 0 && strlen(text) == n)
		check_as_yaml(arena, reader, file, text, source, ruleset);
	source_free(source);
}

static void read_settings(Arena *arena, const char *text)
{
	Settings settings;
	Diags diags = {.arena = arena};

	settings_default(arena, "node", &settings);
	settings_parse(arena, "netpol.conf", text, &settings, &diags);
	print(arena, &diags);
}

static void read_kubeconfig(Arena *arena, const char *text, size_t n)
{
	Kubeconfig config;
	Diags diags = {.arena = arena};

	kubeconfig_parse(arena, "kubeconfig", text, n, &config, &diags);
	print(arena, &diags);
}

/* ---- The answers of an API server ---- */
/* Each line of a file that the mirror writes is one that netpold reads, whatever the answers were.
 */
static void check_lines(Arena *arena, ApiKind kind, const Store *store)
{
	SourceKind source_kind = kind == API_POLICIES ? SOURCE_POLICIES : SOURCE_INVENTORY;
	size_t cursor = 0;

	for (const StoreFile *file; (file = store_next_file(store, &cursor));)
		for (const StoreObject *o = file->first; o; o = o->next) {
			Buf line = {.arena = arena};
			Source *source;

			api_object_add_line(&line, kind, o->text_version, o->text);
			if (strchr(buf_text(&line), '\n'))
				abort();
			if (source_parse(source_kind, "f.json", buf_text(&line), line.n, NULL,
				    &source) != 0)
				continue;
			for (size_t i = 0; i < source->diags.list.n; i++)
				must(strcmp(source->diags.list.at[i].code, "syntax") != 0,
					"a line is no JSON", source->diags.list.at[i].message,
					buf_text(&line));
			source_free(source);
		}
}

/*
 * A conversation: the input is answers, each behind a byte of 0x1 to 0x8 that says how it comes.
 * With 0x1 to 0x6 the status is one of those below; with 0x8 the connection is cut.
 */
static void converse(Arena *arena, ApiKind kind, const char *text, size_t n)
{
	static const unsigned statuses[] = {200, 422, 410, 429, 403, 500};
	Store *store = store_new(kind);
	Reflector *reflector = reflector_new(kind, store);
	uint64_t now_ms = 0;

	for (size_t at = 0; at < n;) {
		unsigned how = (unsigned char)text[at],
			 status = how - 1 < 6 ? statuses[how - 1] : 200;
		size_t end = at + 1;
		ReflectorRequest request;

		while (end < n && (unsigned char)(text[end] - 1) >= 8)
			end++;
		reflector_ask(reflector, how, now_ms += how, &request);
		reflector_begin(reflector, status, how);
		for (size_t i = at + 1; i < end && reflector_feed(reflector, text + i, 1); i++)
			;
		reflector_end(reflector, how == 8 ? "cut" : NULL);
		at = end;
	}
	check_lines(arena, kind, store);
	reflector_free(reflector);
	store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const Reader *reader = selected_reader();
	size_t n = size ? size - 1 : 0;
	char *text = malloc(n + 1);
	Arena *arena = arena_new();

	memcpy(text, data + (size > 0), n);
	text[n] = '\0';
	if (reader->files[0])
		read_source(arena, reader, size && data[0] % 2, text, n);
	else if (strcmp(reader->name, "kubeconfig") == 0)
		read_kubeconfig(arena, text, n);
	else if (strcmp(reader->name, "api") == 0)
		converse(arena, (ApiKind)(size ? data[0] % API_KIND_N : 0), text, n);
	else
		read_settings(arena, text);
	arena_free(arena);
	free(text);
	return 0;
}
