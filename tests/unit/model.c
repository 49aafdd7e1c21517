/* model: selectors and their grammar. */
#include "model.h"
#include <criterion/criterion.h>
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

Test(model, selectors_print_to_what_parses_back)
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

Test(model, equal_selectors_print_alike)
{
	Selector one = {}, two = {};
	size_t at;

	selector_parse(arena, "a in (x,y,x),b=c", &one, &at);
	selector_parse(arena, "b==c,a in (y,x)", &two, &at);
	cr_assert_str_eq(selector_text(arena, &one), selector_text(arena, &two));
}

Test(model, bad_selectors_say_where)
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

Test(model, who_counts)
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
