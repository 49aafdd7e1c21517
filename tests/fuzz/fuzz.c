/*
 * The readers, and read-compile-render, under libFuzzer; built from the real sources
 * (tests/fuzz/run).
 *
 * The first byte chooses the reader. What reads well is compiled for every pod, rendered, and
 * explained; the diagnostics of what does not are printed. Nothing may crash, hang, or leave a
 * quote or a line break in a comment of the rendered text.
 */
#include "compile.h"
#include "nft.h"
#include "source.h"
#include <string.h>

static const struct {
	SourceKind kind;
	const char *file;
} READERS[] = {{SOURCE_POLICIES, "f.yaml"}, {SOURCE_POLICIES, "f.json"},
	{SOURCE_POLICIES, "f.conf"}, {SOURCE_INVENTORY, "f.json"}, {SOURCE_INVENTORY, "f.yaml"}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two pods of our own, so that policies find somebody. */
static void add_pods(Arena *arena, Model *model)
{
	static const char *const names[] = {"a", "b"};
	Namespace *space = ARENA_NEW(arena, Namespace);

	space->name = "default";
	VEC_PUSH(arena, &model->namespaces, space);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		Pod *pod = ARENA_NEW(arena, Pod);

		*pod = (Pod){.space = "default",
			.name = names[i],
			.phase = PHASE_RUNNING,
			.started = ""};
		VEC_PUSH(arena, &pod->addresses, (Address){0x0af40101 + i, FAMILY_IPV4});
		VEC_PUSH(arena, &pod->addresses,
			(Address){((AddressValue)0xfd << 120) + i, FAMILY_IPV6});
		VEC_PUSH(arena, &pod->labels.list, (Label){"role", i ? "db" : "frontend"});
		VEC_PUSH(arena, &pod->ports, (NamedPort){"http", PROTOCOL_TCP, 80});
		VEC_PUSH(arena, &model->pods, pod);
	}
}

/* A comment ends at its second quote, and nothing but a line break follows that. */
static void check_comments(const char *text)
{
	for (const char *at = text; (at = strstr(at, "comment \"")); at++) {
		size_t n = strcspn(at + 9, "\"\n");

		if (n > RULESET_COMMENT_MOST || at[9 + n] != '"' || at[10 + n] != '\n')
			abort();
	}
}

static void explain(Arena *arena, const Model *model)
{
	Explainer *explainer = NULL;
	const char *error;
	Flow flow;

	if (explainer_new(model, &explainer) == 0 &&
		explain_parse(explainer, "10.244.1.1", "10.244.1.2", "http", &flow, &error) == 0)
		explain_text(explainer, arena, &flow);
	explainer_free(explainer);
}

static void compile_and_render(Arena *arena, const Source *source)
{
	CompileOptions options = {.node = "", .is_all = true, .table = "netpol"};
	Model model = {.arena = arena};
	Diags diags = {.arena = arena};
	Ruleset *ruleset;

	for (size_t i = 0; i < source->policies.n; i++)
		VEC_PUSH(arena, &model.policies, source->policies.at[i]);
	for (size_t i = 0; i < source->sets.n; i++)
		VEC_PUSH(arena, &model.sets, source->sets.at[i]);
	for (size_t i = 0; i < source->pods.n; i++)
		VEC_PUSH(arena, &model.pods, source->pods.at[i]);
	if (source->pods.n == 0)
		add_pods(arena, &model);
	if (compile(&model, &options, &diags, &ruleset) == 0) {
		check_comments(nft_ruleset_text(arena, ruleset));
		ruleset_free(ruleset);
	}
	explain(arena, &model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t reader = size ? data[0] % ARRAY_SIZE(READERS) : 0, n = size ? size - 1 : 0;
	char *text = malloc(n + 1);
	Source *source;

	memcpy(text, data + (size > 0), n);
	text[n] = '\0';
	if (source_parse(READERS[reader].kind, READERS[reader].file, text, n, &source) == 0) {
		Arena *arena = arena_new();

		for (size_t i = 0; i < source->diags.list.n; i++)
			diag_block(arena, &source->diags.list.at[i], true);
		if (source->diags.n_errors == 0)
			compile_and_render(arena, source);
		arena_free(arena);
		source_free(source);
	}
	free(text);
	return 0;
}
