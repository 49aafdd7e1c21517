/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netpol-mirror's pure parts: what is kept of an object, the protocol of list and watch, and the
 * files. The last test of the protocol plays a server with a history of its own that fails in every
 * way at random; after it has calmed down the store must hold what it has.
 */
#include "files.h"
#include "mirror.h"
#include "seed.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
	seed_report();
}

TestSuite(mirror, .init = set_up, .fini = tear_down);

/* ---- What is kept ---- */
static Buf kept;
static ApiKind kept_kind;

static bool keep_object(void *context, ApiEvent event, const ApiObject *object)
{
	(void)context, (void)event;
	api_object_add_line(&kept, kept_kind, object->version, object->text);
	buf_add(&kept, "\n");
	return true;
}

static bool keep_bookmark(void *context, const char *version, bool is_listed)
{
	(void)context;
	buf_printf(&kept, "bookmark %s%s\n", version, is_listed ? " listed" : "");
	return true;
}

static bool keep_status(void *context, const ApiStatus *status)
{
	(void)context;
	buf_printf(&kept, "status %u %s %u\n", status->code, status->reason, status->retry_after_s);
	return true;
}

/* The lines that the reader gives, or "error: ...". The text is fed in pieces of that size. */
static const char *read_answer(ApiKind kind, const char *text, size_t piece)
{
	static const ApiHandler handler = {keep_object, keep_bookmark, keep_status};
	ApiReader *reader = api_reader_new(arena, kind, &handler, NULL);
	size_t n = strlen(text);
	bool is_good = true;

	kept = (Buf){.arena = arena};
	kept_kind = kind;
	for (size_t i = 0; is_good && i < n; i += piece)
		is_good = api_reader_feed(reader, text + i, n - i < piece ? n - i : piece);
	if (!is_good || !api_reader_end(reader))
		return arena_printf(arena, "error: %s", api_reader_error(reader));
	return buf_text(&kept);
}

static const char POD[] =
	"{\"status\":{\"podIPs\":[{\"ip\":\"10.1.0.5\"}],\"phase\":\"Running\",\"conditions\":[{}],"
	"\"podIP\":\"10.1.0.5\"},\"metadata\":{\"uid\":\"u\",\"name\":\"web-1\",\"namespace\":"
	"\"shop\",\"resourceVersion\":\"17\",\"labels\":{\"app\":\"we\\\"b\",\"t\\u00e9\":\"\"},"
	"\"annotations\":{\"kubernetes.io/"
	"config.source\":\"file\"},\"managedFields\":[{\"f\":{}}]},"
	"\"spec\":{\"hostNetwork\":false,\"nodeName\":\"w1\",\"containers\":[{\"env\":[{\"name\":"
	"\"A\",\"value\":\"secret\"}]},{\"name\":\"c\",\"ports\":[{\"name\":\"http\",\"hostPort\":"
	"1,"
	"\"containerPort\":80,\"protocol\":\"TCP\"}]}],\"volumes\":[]}}";
static const char POD_LINE[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"17\",\"uid\":"
	"\"u\","
	"\"name\":\"web-1\",\"namespace\":\"shop\",\"labels\":{\"app\":\"we\\\"b\",\"t\xc3\xa9\":"
	"\"\"}},"
	"\"spec\":{\"hostNetwork\":false,\"nodeName\":\"w1\",\"containers\":[{\"ports\":[{\"name\":"
	"\"http\",\"containerPort\":80,\"protocol\":\"TCP\"}]}]},\"status\":{\"podIPs\":[{\"ip\":"
	"\"10.1.0.5\"}],\"phase\":\"Running\",\"podIP\":\"10.1.0.5\"}}\n";

Test(mirror, a_pod_is_reduced_to_what_netpold_reads)
{
	const char *list =
		arena_printf(arena, "{\"kind\":\"PodList\",\"items\":[%s],\"metadata\":{}}", POD);

	for (size_t piece = 1; piece < 100; piece++)
		cr_assert_str_eq(read_answer(API_PODS, list, piece), POD_LINE);
	cr_assert_str_eq(
		read_answer(API_PODS,
			arena_printf(arena, "{\"type\":\"ADDED\",\"object\":%s}\n", POD), 9),
		POD_LINE);
}

/* What netpold makes of the pod and of its line is the same pod. */
Test(mirror, netpold_reads_the_same_from_a_line)
{
	const char *texts[] = {arena_printf(arena, "{\"kind\":\"PodList\",\"items\":[%s]}", POD),
		arena_printf(arena, "{\"kind\":\"List\",\"items\":[%s]}", POD_LINE)};
	Source *sources[2];

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(source_parse(SOURCE_INVENTORY, "f.json", texts[i], strlen(texts[i]),
				     NULL, &sources[i]),
			0);
		cr_assert_eq(sources[i]->diags.n_errors, 0);
		cr_assert_eq(sources[i]->pods.n, 1);
	}
	cr_assert(pod_is_equal(sources[0]->pods.at[0], sources[1]->pods.at[0]));
	cr_assert_eq(sources[1]->n_static_pods, 0, "a mirror has all pods, not kubelet's own");
	source_free(sources[0]);
	source_free(sources[1]);
}

Test(mirror, a_policy_keeps_its_whole_spec)
{
	static const char spec[] =
		"{\"podSelector\":{},\"ingress\":[{},{\"from\":[{\"ipBlock\":{\"cidr\":\"10.0.0.0/"
		"8\","
		"\"except\":[]}},{\"namespaceSelector\":{}}],\"ports\":[{\"port\":80,\"endPort\":90"
		"},"
		"{\"port\":\"http\"}]}],\"egress\":[],\"x\":[null,true,1.5e3,\"\"]}";
	const char *policy = arena_printf(arena,
		"{\"kind\":\"NetworkPolicyList\",\"items\":[{\"metadata\":{\"name\":\"a\","
		"\"namespace\":\"b\",\"labels\":{\"c\":\"d\"}},\"spec\":%s,\"status\":{}}]}",
		spec);

	cr_assert_str_eq(read_answer(API_POLICIES, policy, 7),
		arena_printf(arena,
			"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
			"\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"},\"spec\":%s}\n",
			spec));
}

/* Whether a policy is audited is kept, whatever the value; of annotations nothing else. */
Test(mirror, a_policy_keeps_its_enforcement)
{
	static const char *const kept_and_given[][2] = {
		{"audit", "audit"}, {"Audit", "Audit"}, {"", ""}, {"", "audit\\u0000"}};

	for (size_t i = 0; i < ARRAY_SIZE(kept_and_given); i++) {
		const char *policy = arena_printf(arena,
			"{\"kind\":\"NetworkPolicyList\",\"items\":[{\"metadata\":{\"name\":\"a\","
			"\"namespace\":\"b\",\"annotations\":{\"x\":\"y\",\"%s\":\"%s\",\"%s\":"
			"\"z\"}},\"spec\":{}}]}",
			POLICY_ENFORCEMENT_ANNOTATION, kept_and_given[i][1],
			NAMESPACE_SENDERS_ANNOTATION);

		cr_assert_str_eq(read_answer(API_POLICIES, policy, 7),
			arena_printf(arena,
				"{\"apiVersion\":\"networking.k8s.io/"
				"v1\",\"kind\":\"NetworkPolicy\","
				"\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"annotations\":{"
				"\"%s\":\"%s\"}},\"spec\":{}}\n",
				POLICY_ENFORCEMENT_ANNOTATION, kept_and_given[i][0]),
			"%s: %s", kept_and_given[i][1], buf_text(&kept));
	}
}

Test(mirror, what_is_no_answer_is_refused)
{
	static const char *const answers[][2] = {
		{"<html>", "error: HTML in place of JSON: a proxy between us and the API server?"},
		{"no answer", "error: no JSON: lexical error: invalid string in json text."},
		{"[]", "error: expected an object"},
		{"7", "error: expected an object"},
		{"{\"kind\":\"PodList\"}", "error: a PodList without items"},
		{"{\"kind\":\"Table\",\"rows\":[]}",
			"error: kind \"Table\": neither a list nor an event"},
		{"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{",
			"error: the answer ends in the middle of an object"},
		{"{\"kind\":\"PodList\",\"items\":[7]}", "error: expected an object"},
		{"{\"kind\":\"PodList\",\"items\":{}}",
			"error: a list where an object is expected, or the other way round"},
		{"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"../"
		 "x\",\"namespace\":\"n\"}}]}",
			"error: a Pod whose name is \"../x\""},
		{"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"x\"}}]}",
			"error: the Pod x: its namespace is \"\""},
		{"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"x\",\"namespace\":"
		 "\"n\"},\"spec\":{\"nodeName\":\".\"}}]}",
			"error: the Pod x: its node is \".\""},
		{"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"x\",\"labels\":7}}]}",
			"error: labels: not the type that the API has there"},
		{"{\"kind\":\"List\",\"items\":[{\"kind\":\"Node\",\"metadata\":{\"name\":\"x\"}}]"
		 "}",
			"error: a Node in a list of pods"},
		{"{\"type\":\"SHOUTED\",\"object\":{}}",
			"error: an event of the unknown type \"SHOUTED\""},
		{"{\"kind\":\"Status\",\"code\":429,\"reason\":\"TooManyRequests\",\"details\":{"
		 "\"retryAfterSeconds\":3}}",
			"status 429 TooManyRequests 3\n"},
		{"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\","
		 "\"code\":410,\"reason\":\"Expired\"}}",
			"status 410 Expired 0\n"},
		{"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\","
		 "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}},\"status\":7}}",
			"bookmark 9 listed\n"},
		{"{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"x\",\"namespace\":"
		 "\"n\"},\"metadata\":{}}]}",
			"error: metadata is there twice"},
		{"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"name\":\"x\",\"namespace\":"
		 "\"n\"}},\"type\":\"ADDED\"}",
			"error: an event without an object, or with two types"},
		{"{\"kind\":\"PodList\",\"items\":null}", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		cr_assert_str_eq(read_answer(API_PODS, answers[i][0], 5), answers[i][1]);
}

/* Who may write one pod must not stop the list of all. */
Test(mirror, a_nul_in_an_annotation_is_no_reason_to_refuse_the_list)
{
	static const char *const keys[] = {"k8s.io/initial-events-end", "unknown",
		"kubernetes.io/config.source", "kubernetes.io/config.hash",
		NAMESPACE_SENDERS_ANNOTATION};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *object = arena_printf(arena,
			"{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"annotations\":"
			"{\"%s\":\"true\\u0000\"}}}",
			keys[i]);
		const char *line = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{"
				   "\"name\":\"a\",\"namespace\":\"b\"}}\n";

		cr_assert_str_eq(read_answer(API_PODS,
					 arena_printf(arena,
						 "{\"kind\":\"PodList\",\"items\":[%s]}", object),
					 5),
			line, "%s: %s", keys[i], buf_text(&kept));
		cr_assert_str_eq(
			read_answer(API_PODS,
				arena_printf(arena, "{\"type\":\"ADDED\",\"object\":%s}", object),
				5),
			line, "%s: %s", keys[i], buf_text(&kept));
	}
	cr_assert_str_eq(read_answer(API_PODS,
				 "{\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"a\","
				 "\"namespace\":\"b\\u0000\"}}]}",
				 5),
		"error: a NUL character in a string");
}

Test(mirror, an_object_without_end_is_refused)
{
	static const ApiHandler handler = {keep_object, keep_bookmark, keep_status};
	ApiReader *reader = api_reader_new(arena, API_PODS, &handler, NULL);
	char piece[4096];
	bool is_good = api_reader_feed(reader, "{\"x\":[", 6);
	size_t n = 0;

	memset(piece, ' ', sizeof(piece));
	for (; is_good && n < 2 * API_OBJECT_BYTES_MAX; n += sizeof(piece))
		is_good = api_reader_feed(reader, piece, sizeof(piece));
	cr_assert(!is_good);
	cr_assert_str_eq(api_reader_error(reader), "an object of more than 16 MiB");
}

/* ---- The protocol ---- */
typedef struct Side {
	Store *store;
	Reflector *reflector;
	ReflectorRequest request;
	uint64_t now_ms;
} Side;

static Side side_new(void)
{
	Side side = {.store = store_new(API_NAMESPACES)};

	side.reflector = reflector_new(API_NAMESPACES, side.store);
	return side;
}

static void side_free(Side *side)
{
	reflector_free(side->reflector);
	store_free(side->store);
}

#define WHILE_MS 100000 /* longer than the time that two watches are apart */

/*
 * Asks, and answers with this status and body after so long; the connection breaks with `error`, or
 * NULL. The path that was asked for.
 */
static const char *answer_after(
	Side *side, uint64_t ms, unsigned status, const char *body, const char *error)
{
	const char *path;

	reflector_ask(side->reflector, 0, side->now_ms, &side->request);
	side->now_ms += side->request.delay_ms + ms;
	path = arena_strdup(arena, side->request.path);
	if (status) {
		reflector_begin(side->reflector, status, 0);
		reflector_feed(side->reflector, body, strlen(body));
	}
	reflector_end(side->reflector, error);
	return path;
}

static const char *answer(Side *side, unsigned status, const char *body, const char *error)
{
	return answer_after(side, WHILE_MS, status, body, error);
}

static const char *list_of(const char *version, const char *next, const char *names)
{
	Buf buf = {.arena = arena};

	buf_printf(&buf, "{\"kind\":\"NamespaceList\",\"metadata\":{\"resourceVersion\":\"%s\",",
		version);
	buf_printf(&buf, "\"continue\":\"%s\"},\"items\":[", next);
	for (; *names; names++)
		buf_printf(&buf, "{\"metadata\":{\"name\":\"%c\",\"resourceVersion\":\"%s\"}}%s",
			*names, version, names[1] ? "," : "");
	buf_add(&buf, "]}");
	return buf_text(&buf);
}

static const char *event(const char *type, const char *name, int version)
{
	return arena_printf(arena,
		"{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":"
		"\"%d\",\"labels\":{\"v\":\"%d\"}}}}\n",
		type, name, version, version);
}

static const char *bookmark(int version, bool is_listed)
{
	return arena_printf(arena,
		"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"%d\"%s}}}"
		"\n",
		version,
		is_listed ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static const char REFUSED[] = "{\"kind\":\"Status\",\"code\":422,\"reason\":\"Invalid\"}";

/* The names that are known, in the order of the alphabet. */
static const char *known(const Side *side)
{
	Buf buf = {.arena = arena};

	for (char name[2] = "a"; *name <= 'z'; ++*name)
		if (store_has(side->store, "", name))
			buf_add(&buf, name);
	return buf_text(&buf);
}

static ReflectorError error_of(const Side *side)
{
	const char *words;

	return reflector_error(side->reflector, &words);
}

#define PATH "/api/v1/namespaces"
#define WATCH PATH "?watch=1&allowWatchBookmarks=true&timeoutSeconds=300"
#define STREAM WATCH "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"

/* The promise to netpold is as old as the latest of these: see daemon/mirror/run.c. */
Test(mirror, a_list_that_cannot_be_read_is_nothing_that_was_heard)
{
	Side side = side_new();
	const ReflectorCounts *counts = reflector_counts(side.reflector);

	answer(&side, 200,
		arena_printf(arena, "%s%s{\"type\":\"ADDED\",\"object\":{}}",
			event("ADDED", "a", 3), bookmark(3, false)),
		NULL);
	answer(&side, 422, REFUSED, NULL);
	answer(&side, 200, list_of("5", "next", "ab"), NULL);
	answer(&side, 200, "{\"kind\":\"NamespaceList\",\"items\":[{}", NULL);
	cr_assert_eq(counts->heard, 0);
	answer(&side, 200, list_of("5", "", "ab"), NULL);
	cr_assert_eq(counts->heard, 1);
	answer(&side, 200, event("ADDED", "c", 6), NULL);
	answer(&side, 200, bookmark(7, false), NULL);
	cr_assert_eq(counts->heard, 3);
	answer(&side, 200, "", NULL);
	cr_assert_eq(counts->heard, 3);
	side_free(&side);
}

Test(mirror, a_stream_becomes_a_watch)
{
	Side side = side_new();
	const char *body = arena_printf(arena, "%s%s%s%s", event("ADDED", "a", 3),
		event("ADDED", "b", 1), bookmark(7, true), event("DELETED", "a", 8));

	cr_assert_str_eq(answer(&side, 200, body, NULL), STREAM);
	cr_assert_str_eq(known(&side), "b");
	cr_assert(reflector_is_listed(side.reflector));
	cr_assert_eq(error_of(&side), REFLECT_E_NONE);
	cr_assert_str_eq(answer(&side, 200, "", NULL), WATCH "&resourceVersion=8");
	cr_assert_eq(reflector_counts(side.reflector)->lists, 1);
	cr_assert_eq(reflector_counts(side.reflector)->watches, 2);
	side_free(&side);
}

Test(mirror, a_server_without_streams_is_listed_in_pages)
{
	Side side = side_new();

	cr_assert_str_eq(answer(&side, 422, REFUSED, NULL), STREAM);
	cr_assert_eq(error_of(&side), REFLECT_E_NONE, "to be older is no error");
	cr_assert_str_eq(answer(&side, 200, list_of("5", "t/+=", "ab"), NULL), PATH "?limit=500");
	cr_assert_eq(side.request.delay_ms, 0);
	cr_assert(!reflector_is_listed(side.reflector));
	cr_assert_str_eq(answer(&side, 200, list_of("5", "", "c"), NULL),
		PATH "?limit=500&continue=t%2F%2B%3D");
	cr_assert(reflector_is_listed(side.reflector));
	cr_assert_str_eq(known(&side), "abc");
	cr_assert_str_eq(
		answer(&side, 200, event("ADDED", "d", 6), NULL), WATCH "&resourceVersion=5");
	cr_assert_str_eq(known(&side), "abcd");
	side_free(&side);
}

static void list_in_pages(Side *side, const char *version, const char *names)
{
	answer(side, 422, REFUSED, NULL);
	answer(side, 200, list_of(version, "", names), NULL);
	cr_assert_str_eq(known(side), names);
}

Test(mirror, nothing_is_removed_before_a_list_is_complete)
{
	Side side = side_new();
	const char *cut = list_of("20", "", "cd");

	list_in_pages(&side, "5", "ab");
	answer(&side, 410, "{\"kind\":\"Status\",\"code\":410}", NULL);
	cr_assert_eq(error_of(&side), REFLECT_E_GONE);
	answer(&side, 200, list_of("20", "page-2", "c"), NULL);
	cr_assert_str_eq(known(&side), "abc");
	answer(&side, 200, arena_strndup(arena, cut, strlen(cut) - 1), NULL);
	cr_assert_eq(error_of(&side), REFLECT_E_ANSWER);
	cr_assert_str_eq(known(&side), "abcd");
	answer(&side, 200, arena_strndup(arena, cut, strlen(cut) / 2), "reset");
	cr_assert_eq(error_of(&side), REFLECT_E_CONNECTION);
	cr_assert_str_eq(known(&side), "abcd");
	answer(&side, 200, cut, NULL);
	cr_assert_str_eq(known(&side), "cd");
	cr_assert_eq(error_of(&side), REFLECT_E_NONE);
	side_free(&side);
}

Test(mirror, a_page_that_expired_begins_the_list_anew)
{
	Side side = side_new();

	answer(&side, 422, REFUSED, NULL);
	answer(&side, 200, list_of("5", "next", "ab"), NULL);
	answer(&side, 410, "", NULL);
	cr_assert_str_eq(answer(&side, 200, list_of("9", "", "bc"), NULL), PATH "?limit=500");
	cr_assert_str_eq(known(&side), "bc");
	side_free(&side);
}

Test(mirror, an_error_event_ends_the_watch)
{
	Side side = side_new();
	const char *gone = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}";

	list_in_pages(&side, "5", "ab");
	answer(&side, 200, arena_printf(arena, "%s%s", event("ADDED", "c", 6), gone),
		"ended by us");
	cr_assert_eq(error_of(&side), REFLECT_E_GONE);
	cr_assert_str_eq(known(&side), "abc");
	cr_assert_str_eq(answer(&side, 200, list_of("9", "", "c"), NULL), PATH "?limit=500");
	cr_assert_str_eq(known(&side), "c");
	side_free(&side);
}

Test(mirror, events_may_come_twice_and_late)
{
	Side side = side_new();

	list_in_pages(&side, "5", "a");
	answer(&side, 200,
		arena_printf(arena, "%s%s%s%s%s", event("ADDED", "b", 9), event("DELETED", "b", 11),
			event("MODIFIED", "b", 10), event("DELETED", "b", 11),
			event("DELETED", "a", 4)),
		NULL);
	cr_assert_str_eq(known(&side), "a", "b stays deleted, and a is newer than its event");
	/* once the server says that all is sent, a name is free again */
	answer(&side, 200,
		arena_printf(arena, "%s%s", bookmark(12, false), event("ADDED", "b", 13)), NULL);
	cr_assert_str_eq(known(&side), "ab");
	cr_assert_eq(store_count(side.store), 2);
	side_free(&side);
}

Test(mirror, a_bookmark_that_goes_back_is_another_history)
{
	Side side = side_new();

	list_in_pages(&side, "50", "ab");
	answer(&side, 200, bookmark(49, false), "ended by us");
	cr_assert_eq(error_of(&side), REFLECT_E_ANSWER);
	cr_assert_str_eq(answer(&side, 200, list_of("9", "", "b"), NULL), PATH "?limit=500");
	cr_assert_str_eq(known(&side), "b");
	answer(&side, 200, event("DELETED", "b", 10), NULL);
	cr_assert_str_eq(known(&side), "", "versions of the old history do not count");
	side_free(&side);
}

Test(mirror, the_server_says_when_to_come_back)
{
	Side side = side_new();

	list_in_pages(&side, "5", "a");
	reflector_ask(side.reflector, 0, 0, &side.request);
	reflector_begin(side.reflector, 429, 17);
	reflector_end(side.reflector, NULL);
	cr_assert_eq(error_of(&side), REFLECT_E_THROTTLED);
	reflector_ask(side.reflector, 0, 0, &side.request);
	cr_assert_geq(side.request.delay_ms, 17000);
	reflector_begin(side.reflector, 503, 4000000000u);
	reflector_end(side.reflector, NULL);
	reflector_ask(side.reflector, 0, 0, &side.request);
	cr_assert_leq(side.request.delay_ms, 301000, "a limit: the server may be wrong");
	side_free(&side);
}

Test(mirror, delays_grow_up_to_a_limit)
{
	Side side = side_new();
	uint64_t last = 0;

	for (int i = 0; i < 100; i++) {
		answer(&side, 0, NULL, "Connection refused");
		cr_assert_geq(side.request.delay_ms, last);
		cr_assert_leq(side.request.delay_ms, 10000);
		last = side.request.delay_ms;
	}
	cr_assert_geq(last, 5000);
	cr_assert_eq(reflector_counts(side.reflector)->errors[REFLECT_E_CONNECTION], 100);
	answer(&side, 200, bookmark(3, true), NULL);
	answer(&side, 0, NULL, "Connection refused");
	cr_assert_eq(side.request.delay_ms, 0, "a success forgets what was before");
	side_free(&side);
}

Test(mirror, a_watch_that_is_refused_again_and_again_is_listed)
{
	Side side = side_new();
	const char *path = "";

	list_in_pages(&side, "5", "a");
	for (int i = 0; i < 4; i++)
		path = answer(&side, 504, "{\"kind\":\"Status\",\"code\":504}", NULL);
	cr_assert_str_eq(path, PATH "?limit=500");
	side_free(&side);
}

/* As of a watch from a version that the server does not have yet: etcd was restored from a backup.
 */
Test(mirror, a_watch_without_a_word_is_listed)
{
	static const char *const ends[] = {NULL, "nothing was heard for 100 s"};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		Side side = side_new();

		list_in_pages(&side, "5", "ab");
		for (int n = 0; n < 2; n++) {
			answer(&side, 200, "", ends[i]);
			cr_assert_neq(error_of(&side), REFLECT_E_NONE);
			answer(&side, 0, NULL,
				"Connection refused"); /* says nothing of the watch */
		}
		answer(&side, 200, bookmark(6, false), NULL);
		for (int n = 0; n < 3; n++)
			cr_assert_str_eq(
				answer(&side, 200, "", ends[i]), WATCH "&resourceVersion=6");
		cr_assert_str_eq(known(&side), "ab");
		cr_assert_str_eq(
			answer(&side, 200, list_of("4", "", "b"), NULL), PATH "?limit=500");
		cr_assert_str_eq(known(&side), "b");
		side_free(&side);
	}
}

/* The milliseconds that n conversations take in which the server answers each watch at once. */
static uint64_t time_of(Side *side, int n, const char *watch, const char *list)
{
	uint64_t begin = side->now_ms;

	for (; n > 0; n--) {
		ReflectorPhase phase = reflector_phase(side->reflector);

		if (phase == REFLECT_STREAM)
			answer_after(side, 0, 422, REFUSED, NULL);
		else
			answer_after(side, 0, 200, phase == REFLECT_WATCH ? watch : list, NULL);
	}
	return side->now_ms - begin;
}

Test(mirror, watches_that_end_at_once_make_no_busy_loop)
{
	const char *gone = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}";
	const char *const watches[] = {"", bookmark(5, false), bookmark(4, false),
		event("ADDED", "c", 6), arena_printf(arena, "%s%s", event("ADDED", "c", 6), gone)};

	for (size_t i = 0; i < ARRAY_SIZE(watches); i++) {
		Side side = side_new();
		const char *list = list_of("5", "", "ab");

		list_in_pages(&side, "5", "ab");
		time_of(&side, 30, watches[i], list); /* up to the longest pauses */
		cr_assert_geq(time_of(&side, 30, watches[i], list), 100000, "%s", watches[i]);
		cr_assert_neq(*known(&side), '\0');
		/* one that lasts ends that */
		answer(&side, 422, REFUSED, NULL);
		while (reflector_phase(side.reflector) != REFLECT_WATCH)
			answer(&side, 200, list, NULL);
		answer(&side, 200, bookmark(7, false), NULL);
		answer_after(&side, 10, 200, bookmark(7, false), NULL);
		cr_assert_eq(side.request.delay_ms, 0);
		answer(&side, 200, bookmark(7, false), NULL);
		cr_assert_geq(side.request.delay_ms, 495);
		cr_assert_leq(side.request.delay_ms, 990);
		side_free(&side);
	}
}

Test(mirror, streams_that_end_at_once_make_no_busy_loop)
{
	Side side = side_new();
	const char *body = arena_printf(arena, "%s%s{\"type\":\"ERROR\",\"object\":{\"code\":410}}",
		event("ADDED", "a", 3), bookmark(5, true));
	uint64_t begin = 0;

	for (int i = 0; i < 20; i++) {
		cr_assert_str_eq(answer_after(&side, 0, 200, body, NULL), STREAM);
		begin = i == 9 ? side.now_ms : begin;
	}
	cr_assert_geq(side.now_ms - begin, 100000);
	side_free(&side);
}

Test(mirror, a_list_without_end_is_given_up)
{
	Side side = side_new();
	uint64_t last = 0;

	list_in_pages(&side, "5", "ab");
	answer(&side, 410, "", NULL);
	for (int round = 0; round < 8; round++) {
		int n = 0;

		do {
			answer_after(&side, 1, 200, list_of("9", "for ever", "c"), NULL);
			cr_assert_eq(side.request.delay_ms > 0, n == 0,
				"a pause before the list, none before each page");
			last = n == 0 ? side.request.delay_ms : last;
		} while (n++ < 10000 && error_of(&side) == REFLECT_E_NONE);
		cr_assert_eq(error_of(&side), REFLECT_E_ANSWER);
		cr_assert_eq(n, 4000);
		cr_assert_str_eq(known(&side), "abc", "nothing is taken away");
	}
	cr_assert_geq(last, 15000);
	answer(&side, 200, list_of("9", "", "c"), NULL);
	cr_assert_str_eq(known(&side), "c");
	side_free(&side);
}

Test(mirror, what_is_forbidden_is_said)
{
	Side side = side_new();
	const char *words;

	for (int n = 0; n < 10; n++)
		answer(&side, 0, NULL, "Connection refused");
	/* as a server does that has just started: RBAC's rules are not there yet */
	answer(&side, 403, "{\"kind\":\"Status\",\"message\":\"no\",\"code\":403}", NULL);
	reflector_ask(side.reflector, 0, side.now_ms, &side.request);
	cr_assert_leq(side.request.delay_ms, 1000, "it comes back soon");
	for (int i = 0; i < 10; i++)
		answer(&side, 403, "{\"kind\":\"Status\",\"message\":\"no\",\"code\":403}", NULL);
	cr_assert_geq(side.request.delay_ms, 30000);
	cr_assert_leq(side.request.delay_ms, 60000);
	cr_assert(reflector_is_forbidden(side.reflector));
	cr_assert_eq(reflector_error(side.reflector, &words), REFLECT_E_FORBIDDEN);
	cr_assert_str_eq(words, "403: no");
	answer(&side, 200, bookmark(3, true), NULL);
	cr_assert(!reflector_is_forbidden(side.reflector));
	side_free(&side);
}

Test(mirror, an_operator_reads_what_is_wrong)
{
	Side side = side_new();
	const char *words;

	answer(&side, 401, "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}", NULL);
	reflector_error(side.reflector, &words);
	cr_assert_str_eq(words,
		"401: Unauthorized: the server does not take our credential; a token may have "
		"ended");
	answer(&side, 502, "<html>", NULL);
	reflector_error(side.reflector, &words);
	cr_assert_str_eq(words, "502: no word of the API server's; a proxy in between?");
	side_free(&side);
}

Test(mirror, a_body_that_is_no_status_does_no_harm)
{
	static const char *const bodies[] = {"<html>no</html>", "", "{", "{\"items\":[{}]}",
		"{\"kind\":\"NamespaceList\",\"items\":[{\"metadata\":{\"name\":\"x\"}}]}",
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}"};
	Side side = side_new();

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		answer(&side, 502, bodies[i], NULL);
		cr_assert_eq(error_of(&side), REFLECT_E_SERVER);
		cr_assert_str_eq(known(&side), "");
	}
	side_free(&side);
}

/* ---- A server that fails at random ---- */
static unsigned random_state;

static unsigned random_below(unsigned n)
{
	return (unsigned)rand_r(&random_state) % n;
}

typedef struct Server {
	int objects[26]; /* the version; 0: not there */
	struct {
		int object, version;
		bool is_deleted;
	} log[4000];
	int n_log, version, oldest; /* oldest: events before it are forgotten */
	bool has_streams, is_calm;
} Server;

static void server_change(Server *server)
{
	int object = (int)random_below(26), version = ++server->version;
	bool is_deleted = server->objects[object] && random_below(3) == 0;

	server->objects[object] = is_deleted ? 0 : version;
	server->log[server->n_log].object = object;
	server->log[server->n_log].version = version;
	server->log[server->n_log++].is_deleted = is_deleted;
}

static const char *name_of(int object)
{
	return arena_printf(arena, "%c", 'a' + object);
}

static const char *server_list(const Server *server, bool is_stream, int from, int to)
{
	Buf buf = {.arena = arena};
	bool is_first = true;

	for (int i = from; i < to; i++) {
		const char *added = event("ADDED", name_of(i), server->objects[i]);

		if (!server->objects[i])
			continue;
		if (is_stream) {
			buf_add(&buf, added);
			continue;
		}
		added = strstr(added, "\"object\":") + strlen("\"object\":");
		buf_printf(&buf, "%s%.*s", is_first ? "" : ",", (int)strlen(added) - 2, added);
		is_first = false;
	}
	return buf_text(&buf);
}

static const char *server_page(const Server *server, const char *path)
{
	const char *next = strstr(path, "continue=");
	int from = next ? atoi(next + strlen("continue=")) : 0;
	int to = from + 7 > 26 ? 26 : from + 7;

	return arena_printf(arena,
		"{\"kind\":\"NamespaceList\",\"metadata\":{\"resourceVersion\":\"%d\",\"continue\":"
		"\"%s\"},\"items\":[%s]}",
		server->version, to < 26 ? arena_printf(arena, "%d", to) : "",
		server_list(server, false, from, to));
}

static const char *server_watch(const Server *server, int since)
{
	Buf buf = {.arena = arena};

	for (int i = 0; i < server->n_log; i++) {
		const char *text = event(server->log[i].is_deleted ? "DELETED" : "MODIFIED",
			name_of(server->log[i].object), server->log[i].version);

		if (server->log[i].version <= since)
			continue;
		for (unsigned n = server->is_calm ? 1 : 1 + random_below(2); n > 0; n--)
			buf_add(&buf, text);
		if (random_below(4) == 0)
			buf_add(&buf, bookmark(server->log[i].version, false));
	}
	return buf_text(&buf);
}

/* The body, and the status. A page may be of another version than the one before: a real server's
 * are not, so objects change only between lists (see below). */
static const char *server_answer(Server *server, const char *path, unsigned *ret_status)
{
	const char *version = strstr(path, "resourceVersion=");
	int since = version ? atoi(version + strlen("resourceVersion=")) : 0;
	static const unsigned failures[] = {401, 403, 410, 429, 500, 503};

	*ret_status = 200;
	if (!server->is_calm && random_below(4) == 0) {
		*ret_status = failures[random_below(ARRAY_SIZE(failures))];
		return random_below(2) ? "<html>" : "{\"kind\":\"Status\",\"reason\":\"x\"}";
	}
	if (strstr(path, "sendInitialEvents")) {
		*ret_status = server->has_streams ? 200 : 422;
		return server->has_streams
			       ? arena_printf(arena, "%s%s", server_list(server, true, 0, 26),
					 bookmark(server->version, true))
			       : REFUSED;
	}
	if (!version)
		return server_page(server, path);
	if (since < server->oldest) {
		*ret_status = random_below(2) ? 410 : 200;
		return *ret_status == 410 ? "" : "{\"type\":\"ERROR\",\"object\":{\"code\":410}}";
	}
	return server->is_calm ? arena_printf(arena, "%s%s", server_watch(server, since),
					 bookmark(server->version, false))
			       : server_watch(server, since);
}

/* In pieces; the connection may break anywhere. */
static void converse(Side *side, Server *server)
{
	const char *body, *error = NULL;
	unsigned status;
	size_t n;

	side->now_ms += random_below(2 * WHILE_MS);
	reflector_ask(
		side->reflector, (uint32_t)random_below(1000000), side->now_ms, &side->request);
	body = server_answer(server, side->request.path, &status);
	n = strlen(body);
	if (!server->is_calm && random_below(4) == 0) {
		n = random_below((unsigned)n + 1);
		error = random_below(2) ? "cut" : NULL;
	}
	if (error && n == 0) {
		reflector_end(side->reflector, error);
		return;
	}
	reflector_begin(side->reflector, status, 0);
	for (size_t i = 0, piece; i < n; i += piece) {
		piece = 1 + random_below(200);
		piece = piece > n - i ? n - i : piece;
		if (!reflector_feed(side->reflector, body + i, piece))
			break;
	}
	reflector_end(side->reflector, error);
}

static bool is_between_pages(const Side *side)
{
	return strstr(side->request.path ? side->request.path : "", "limit=") &&
	       reflector_phase(side->reflector) == REFLECT_LIST;
}

Test(mirror, whatever_fails_the_end_is_what_the_server_has)
{
	unsigned rounds = seed_rounds(300);

	for (unsigned round = 0; round < rounds; round++) {
		Server server = {.version = 100};
		Side side = side_new();

		random_state = seed_of_round(1, round);
		server.has_streams = random_below(2);

		for (int step = 0; step < 60; step++) {
			unsigned n = is_between_pages(&side) ? 0 : random_below(20);

			for (; n > 0; n--)
				server_change(&server);
			if (random_below(10) == 0)
				server.oldest = server.version;
			converse(&side, &server);
		}
		server.is_calm = true;
		for (int step = 0; step < 12; step++)
			converse(&side, &server);
		for (int i = 0; i < 26; i++)
			cr_assert_eq(store_has(side.store, "", name_of(i)), server.objects[i] != 0,
				"round %u, %c", round, 'a' + i);
		cr_assert_eq(error_of(&side), REFLECT_E_NONE, "round %u: %d %s", round,
			error_of(&side), side.request.path);
		side_free(&side);
		arena_clear(arena);
	}
	seed_end();
}

/* ---- Files ---- */
typedef struct Disk {
	Store *stores[API_KIND_N];
	Files *files;
} Disk;

static const bool ALL[API_KIND_N] = {true, true, true};

static void disk_open(Disk *disk)
{
	for (int i = 0; i < API_KIND_N; i++)
		disk->stores[i] = store_new((ApiKind)i);
	cr_assert_eq(files_open(root, disk->stores, &disk->files), 0);
}

static void disk_close(Disk *disk)
{
	files_close(disk->files);
	for (int i = 0; i < API_KIND_N; i++)
		store_free(disk->stores[i]);
}

static void disk_begin(Disk *disk)
{
	files_begin();
	disk_open(disk);
}

static void disk_end(Disk *disk)
{
	disk_close(disk);
	files_end();
}

static void take(Disk *disk, ApiKind kind, const char *namespace, const char *name,
	const char *node, uint64_t version)
{
	ApiObject object = {.namespace = namespace,
		.name = name,
		.node = node,
		.version = version,
		.text = arena_printf(arena,
			",\"name\":\"%s\",\"namespace\":\"%s\"},\"spec\":{\"nodeName\":\"%s\"}}",
			name, namespace, node)};

	cr_assert(store_take(disk->stores[kind], API_LISTED, &object));
}

static void take_away(Disk *disk, ApiKind kind, const char *namespace, const char *name)
{
	ApiObject object = {.namespace = namespace, .name = name, .node = "", .version = 1000};

	cr_assert(store_take(disk->stores[kind], API_DELETED, &object));
}

static bool has_changes(const Disk *disk)
{
	for (int i = 0; i < API_KIND_N; i++) {
		size_t cursor = 0;

		for (StoreFile *file; (file = store_next_file(disk->stores[i], &cursor));)
			if (file->is_changed)
				return true;
	}
	return false;
}

static size_t write_all(Disk *disk)
{
	size_t n;

	cr_assert_eq(files_write(disk->files, ALL, &n), 0);
	cr_assert(!has_changes(disk));
	return n;
}

/* Whether the file has the text; NULL: whether there is no file. */
static bool has(const char *name, const char *text)
{
	FILE *file = fopen(arena_printf(arena, "%s/%s", root, name), "r");
	char content[4096];
	size_t n;

	if (!file || !text)
		return (file ? fclose(file), false : !text);
	n = fread(content, 1, sizeof(content) - 1, file);
	content[n] = '\0';
	fclose(file);
	return strstr(content, text);
}

Test(mirror, a_pod_waits_for_its_namespace)
{
	Disk disk;

	disk_begin(&disk);
	take(&disk, API_PODS, "shop", "web", "w1", 3);
	take(&disk, API_PODS, "other", "db", "w1", 4);
	take(&disk, API_NAMESPACES, "", "other", "", 1);
	cr_assert_eq(write_all(&disk), 2);
	cr_assert(has("inventory/node-w1.json", "\"db\""));
	cr_assert(!has("inventory/node-w1.json", "\"web\""));
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	cr_assert_eq(write_all(&disk), 2);
	cr_assert(has("inventory/node-w1.json", "\"web\""));
	/* one that netpold knows stays, whatever becomes of its namespace */
	take_away(&disk, API_NAMESPACES, "", "shop");
	take(&disk, API_PODS, "other", "db-2", "w1", 5);
	cr_assert_eq(write_all(&disk), 2);
	cr_assert(has("inventory/node-w1.json", "\"web\""));
	disk_end(&disk);
}

Test(mirror, a_file_without_objects_is_deleted)
{
	Disk disk;

	disk_begin(&disk);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_POLICIES, "shop", "deny", "", 3);
	take(&disk, API_PODS, "shop", "web", "w1", 4);
	take(&disk, API_PODS, "shop", "pending", "", 4);
	cr_assert_eq(write_all(&disk), 3);
	take_away(&disk, API_POLICIES, "shop", "deny");
	take(&disk, API_PODS, "shop", "web", "w2", 5); /* another pod of that name, elsewhere */
	cr_assert_eq(write_all(&disk), 3);
	cr_assert(has("policies/shop.json", NULL));
	cr_assert(has("inventory/node-w1.json", NULL));
	cr_assert(has("inventory/node-w2.json", "\"web\""));
	disk_end(&disk);
}

Test(mirror, a_restart_writes_only_what_differs)
{
	Disk disk;

	disk_begin(&disk);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_POLICIES, "shop", "deny", "", 3);
	take(&disk, API_PODS, "shop", "web", "w1", 4);
	take(&disk, API_PODS, "shop", "gone", "w9", 4);
	write_all(&disk);
	cr_assert_eq(system(arena_printf(arena,
			     "echo '{}' > %s/policies/mine.json; echo no > "
			     "%s/inventory/node-x.json",
			     root, root)),
		0);
	disk_close(&disk);
	disk_open(&disk);
	files_load(disk.files);
	for (int i = 0; i < API_KIND_N; i++)
		store_begin_list(disk.stores[i]);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_POLICIES, "shop", "deny", "", 3);
	take(&disk, API_PODS, "shop", "web", "w1", 77); /* only its version is another */
	for (int i = 0; i < API_KIND_N; i++)
		store_end_list(disk.stores[i]);
	cr_assert_eq(write_all(&disk), 1, "one that is gone is deleted");
	cr_assert(has("inventory/node-w9.json", NULL));
	cr_assert(has("inventory/node-w1.json", "\"4\""));
	cr_assert(has("policies/mine.json", "{}"), "what we did not write is not ours");
	cr_assert(has("inventory/node-x.json", "no"));
	disk_end(&disk);
}

Test(mirror, a_kind_that_was_not_listed_is_not_written)
{
	static const bool no_pods[API_KIND_N] = {true, true, false};
	Disk disk;
	size_t n;

	disk_begin(&disk);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_PODS, "shop", "web", "w1", 4);
	cr_assert_eq(files_write(disk.files, no_pods, &n), 0);
	cr_assert_eq(files_mark_complete(disk.files, no_pods), 0);
	cr_assert_eq(n, 1);
	cr_assert(has("policies/" SOURCE_COMPLETE, ""));
	cr_assert(has("inventory/" SOURCE_COMPLETE, NULL));
	cr_assert(has("inventory/node-w1.json", NULL));
	cr_assert_eq(write_all(&disk), 1);
	cr_assert_eq(files_mark_complete(disk.files, ALL), 0);
	cr_assert(has("inventory/" SOURCE_COMPLETE, ""));
	disk_end(&disk);
}

Test(mirror, what_cannot_be_written_is_tried_again)
{
	Disk disk;
	size_t n;

	disk_begin(&disk);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_PODS, "shop", "web", "w1", 4);
	/* a directory in the place of the temp file */
	cr_assert_eq(mkdir(arena_printf(arena, "%s/inventory/.new", root), 0755), 0);
	cr_assert_lt(files_write(disk.files, ALL, &n), 0);
	cr_assert_eq(n, 0);
	cr_assert(has_changes(&disk));
	cr_assert_eq(rmdir(arena_printf(arena, "%s/inventory/.new", root)), 0);
	cr_assert_eq(write_all(&disk), 2);
	disk_end(&disk);
}

Test(mirror, what_others_change_is_written_again)
{
	Disk disk;

	disk_begin(&disk);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_POLICIES, "shop", "deny", "", 3);
	take(&disk, API_PODS, "shop", "web", "w1", 4);
	write_all(&disk);
	cr_assert_eq(system(arena_printf(arena,
			     "echo >%s/inventory/node-w1.json; rm -r %s/policies", root, root)),
		0);
	for (unsigned turn = 0; turn < FILES_TURNS; turn++) {
		files_check(disk.files, turn);
		write_all(&disk);
	}
	cr_assert(has("inventory/node-w1.json", "\"web\""));
	cr_assert(has("policies/shop.json", "\"deny\""));
	cr_assert_eq(files_mark_complete(disk.files, ALL), 0);
	cr_assert(has("policies/" SOURCE_COMPLETE, ""));
	disk_end(&disk);
}

/* netpold would withdraw what comes back later than the rest. */
Test(mirror, a_deleted_folder_comes_back_as_a_whole)
{
	Disk disk;

	disk_begin(&disk);
	for (char name[2] = "a"; *name <= 'z'; ++*name) {
		take(&disk, API_NAMESPACES, "", name, "", 2);
		take(&disk, API_POLICIES, name, "deny", "", 3);
		take(&disk, API_PODS, name, "web", name, 4);
	}
	write_all(&disk);
	cr_assert_eq(files_mark_complete(disk.files, ALL), 0);
	cr_assert_eq(system(arena_printf(arena, "rm -r %s/policies %s/inventory", root, root)), 0);
	files_check(disk.files, 0);
	cr_assert(has("policies/" SOURCE_COMPLETE, NULL));
	cr_assert_eq(write_all(&disk), 26 + 26 + 1);
	cr_assert_eq(files_mark_complete(disk.files, ALL), 0);
	cr_assert(has("policies/" SOURCE_COMPLETE, ""));
	cr_assert(has("inventory/" SOURCE_COMPLETE, ""));
	disk_end(&disk);
}

Test(mirror, long_names_fit_into_file_names)
{
	char name[254], other[254];
	Disk disk;

	memset(name, 'a', sizeof(name) - 1);
	memset(other, 'a', sizeof(other) - 1);
	name[253] = other[253] = '\0';
	other[252] = 'b';
	disk_begin(&disk);
	take(&disk, API_NAMESPACES, "", "shop", "", 2);
	take(&disk, API_PODS, "shop", "web", name, 4);
	take(&disk, API_PODS, "shop", "web-2", other, 4);
	cr_assert_eq(write_all(&disk), 3);
	disk_end(&disk);
}
