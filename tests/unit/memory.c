/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The out-of-memory policy of base.h. While one file is read any allocation may fail: the result is
 * -ENOMEM, what was in force stays, and a second try has the result that it would have had without
 * the failure. Anywhere else the process ends. A lack of file descriptors is an error that is
 * returned.
 */
#include "files.h"
#include "compile.h"
#include "nft.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

/*
 * ---- Allocations that fail ----
 * The linker replaces netpol's calls by these, but not those of libraries (tests/meson.build).
 */
typedef enum Where { WHILE_READING, ELSEWHERE } Where;

static Where where;
static long until_failure = -1; /* allocations at that place before the failure; -1: never */
static bool has_failed, is_reading, is_without_streams;

static void fail_after(Where there, long k)
{
	where = there;
	until_failure = k;
	has_failed = false;
}

static bool fails(void)
{
	if (until_failure < 0 || is_reading != (where == WHILE_READING) || until_failure-- > 0)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

#define WRAP(result, on_failure, name, parameters, ...)                                            \
	result __real_##name parameters;                                                           \
	result __wrap_##name parameters;                                                           \
	result __wrap_##name parameters                                                            \
	{                                                                                          \
		if (fails())                                                                       \
			on_failure;                                                                \
		return __real_##name(__VA_ARGS__);                                                 \
	}
#define WRAP_LIBC(result, name, parameters, ...)                                                   \
	WRAP(result, return NULL, name, parameters, __VA_ARGS__)
#define WRAP_ARENA(result, name, parameters, ...)                                                  \
	WRAP(result, arena_out_of_memory(a), name, parameters, __VA_ARGS__)

WRAP_LIBC(void *, malloc, (size_t size), size)
WRAP_LIBC(void *, calloc, (size_t n, size_t size), n, size)
WRAP_LIBC(void *, reallocarray, (void *at, size_t n, size_t size), at, n, size)
WRAP_LIBC(void *, aligned_alloc, (size_t align, size_t size), align, size)
WRAP_LIBC(char *, strdup, (const char *text), text)

/* An arena calls malloc for a whole block only; here each of its allocations may fail. */
WRAP_ARENA(void *, arena_alloc, (Arena * a, size_t n), a, n)
WRAP_ARENA(void *, arena_place, (Arena * a, size_t n, size_t align), a, n, align)
WRAP_ARENA(char *, arena_strdup, (Arena * a, const char *text), a, text)
WRAP_ARENA(char *, arena_strndup, (Arena * a, const char *text, size_t n), a, text, n)
WRAP_ARENA(char *, arena_vprintf, (Arena * a, const char *format, va_list list), a, format, list)
WRAP_ARENA(void *, vec_grow,
	(Arena * a, void *at, uint32_t n, uint32_t *capacity, size_t item, size_t align), a, at, n,
	capacity, item, align)

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	errno = ENOMEM;
	return is_without_streams ? NULL : __real_fdopendir(fd);
}

int __real_source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *a, SourceFile *ret);
int __wrap_source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *a, SourceFile *ret);
int __wrap_source_file_read(int directory, SourceKind kind, const char *file, const char *name,
	Arena *a, SourceFile *ret)
{
	int r;

	is_reading = true;
	r = __real_source_file_read(directory, kind, file, name, a, ret);
	is_reading = false;
	return r;
}

/* ---- Files ---- */
static void set_up(void)
{
	arena = arena_new();
	files_begin();
}

static void tear_down(void)
{
	files_end();
	arena_free(arena);
}

/* The events of one burst: files that are written or removed. */
typedef struct Event {
	int dir;
	const char *name;
} Event;
static Event events[4];
static size_t n_events;

/* No text: the file is removed. */
static void change_file(int dir, const char *name, const char *text)
{
	events[n_events++] = (Event){dir, name};
	if (text)
		put(dir, name, text);
	else
		cr_assert_eq(unlink(path(dir, name)), 0);
}

#define PODS 8

/* One of the pods has another label; the last two have one address. */
static const char *pods_text(int other)
{
	Buf buf = {.arena = arena};

	buf_add(&buf, "{\"kind\":\"PodList\",\"items\":[");
	for (int i = 0; i < PODS; i++)
		buf_printf(&buf,
			"%s{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"n%d\",\"labels\":{\"a\":"
			"\"%d\"}},\"spec\":{\"nodeName\":\"node\",\"containers\":[{\"ports\":[{"
			"\"name\":\"web\",\"containerPort\":80}]}]},\"status\":{\"phase\":"
			"\"Running\",\"podIPs\":[{\"ip\":\"10.0.0.%d\"},{\"ip\":\"fd00::%d\"}]}}",
			i ? "," : "", i, i / 4, i == other ? 9 : i % 2, i < PODS - 1 ? i + 1 : i,
			i + 1);
	buf_add(&buf, "]}");
	return buf_text(&buf);
}

static const char POLICY[] =
	"cidr_sets = ( { name = \"s\"; cidrs = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]; } );\n"
	"policies = ( { name = \"x\"; namespace = \"n0\"; pods = \"a=0\"; ingress = ( { from = (\n"
	"{ pods = \"a in (1,9)\"; }, { cidr_set = \"s\"; }, { namespaces = \"team=red\"; } );\n"
	"ports = ( { port = \"web\"; }, { protocol = \"UDP\"; port = 53; } ); } ); } );\n";
static const char MANIFEST[] =
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: 'y', namespace: "
	"n1}\n"
	"spec:\n  podSelector: {matchExpressions: [{key: a, operator: In, values: ['9', '1']}]}\n"
	"  egress:\n  - to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]\n"
	"  - to: [{podSelector: {}}]\n    ports: [{port: web}]\n  policyTypes: [Egress]\n";
/* has POLICY's name: rejected while the file with POLICY exists */
static const char SAME_NAME[] =
	"policies = ( { name = \"x\"; namespace = \"n0\"; pods = \"\"; } );\n";
static const char NAMESPACES[] =
	"{\"kind\":\"NamespaceList\",\"items\":[{\"metadata\":{\"name\":\"n1\",\"labels\":{"
	"\"team\":\"red\"}}}]}";

static void make_burst(int i)
{
	n_events = 0;
	switch (i) {
	case 0:
		change_file(0, "x.conf", POLICY);
		change_file(1, "pods.json", pods_text(-1));
		break;
	case 1:
		change_file(1, "pods.json", pods_text(3));
		break;
	case 2:
		change_file(0, "y.yaml", MANIFEST);
		change_file(1, "namespaces.json", NAMESPACES);
		break;
	case 3:
		change_file(1, "pods.json", pods_text(5));
		change_file(1, "again.json", pods_text(2)); /* a duplicate of every pod */
		break;
	case 4:
		change_file(0, "z.conf", SAME_NAME);
		break;
	case 5:
		change_file(0, "x.conf", NULL);
		change_file(1, "again.json", NULL);
		break;
	default:
		change_file(1, "pods.json", NULL);
	}
}

#define BURSTS 7
#define BURSTS_THAT_WRITE 5 /* those after them only remove files */

/* ---- From a burst to a ruleset ---- */
typedef struct Pipeline {
	SourceDir *dirs[2];
	Snapshot *snapshot;
	Compiler *compiler;
	Ruleset *applied;
} Pipeline;

static Pipeline pipeline_new(void)
{
	Pipeline pipeline = {};

	dirs_new(pipeline.dirs, true);
	pipeline.applied = ruleset_new();
	pipeline.applied->base.table = "netpol"; /* plan_change() needs it */
	ruleset_sort(pipeline.applied);
	cr_assert(pipeline.applied);
	return pipeline;
}

static void pipeline_free(Pipeline *pipeline)
{
	ruleset_unref(pipeline->applied);
	compiler_free(pipeline->compiler);
	snapshot_free(pipeline->snapshot);
	dirs_free(pipeline->dirs);
}

/* As in netpold. On an error (-errno) the snapshot and the ruleset are as before. */
static int reconcile(Pipeline *pipeline)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	CompileOptions options = {.node = "node", .table = "netpol"};
	Changes changes = {.arena = scratch};
	Ruleset *ruleset;
	Plan plan;
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++)
		r = source_dir_refresh(pipeline->dirs[i], 0);
	if (r < 0)
		return r;
	if (!pipeline->snapshot) {
		pipeline->snapshot = snapshot_new(pipeline->dirs, 2);
		pipeline->compiler = compiler_new(snapshot_model(pipeline->snapshot), &options);
	}
	snapshot_update(pipeline->snapshot, &changes);
	ruleset = compiler_update(pipeline->compiler, &changes);
	plan_change(scratch, pipeline->applied, ruleset, &plan);
	ruleset_unref(pipeline->applied);
	pipeline->applied = ruleset;
	return 0;
}

static const char *text_of(const Pipeline *pipeline)
{
	return nft_ruleset_text(arena, pipeline->applied);
}

static void take_unsaved(Pipeline *pipeline)
{
	StateText *list = NULL;

	for (int i = 0; i < 2; i++)
		source_dir_take_unsaved(pipeline->dirs[i], &list);
	for (StateText *next; list; list = next) {
		next = list->next;
		state_text_free(list);
	}
}

static int process_burst(Pipeline *pipeline)
{
	int r;

	for (size_t i = 0; i < n_events; i++)
		source_dir_mark(pipeline->dirs[events[i].dir], events[i].name);
	for (int i = 0; i < 2; i++)
		source_dir_prefetch(pipeline->dirs[i]);
	r = reconcile(pipeline);
	if (r == 0)
		take_unsaved(pipeline);
	return r;
}

/* While reading, k allocations succeed and the next one fails. False: there were only k. */
static bool process_with_failure(Pipeline *pipeline, long k)
{
	const char *before = text_of(pipeline);
	int r;

	fail_after(WHILE_READING, k);
	r = process_burst(pipeline);
	until_failure = -1;
	cr_assert(r == 0 || (r == -ENOMEM && has_failed));
	if (r < 0) {
		cr_assert_str_eq(text_of(pipeline), before);
		cr_assert_eq(process_burst(pipeline), 0);
	}
	return has_failed;
}

/* The ruleset after each burst when nothing fails. */
static const char *wanted[BURSTS];

static Pipeline begin(void)
{
	files_clear();
	return pipeline_new();
}

static void expect(const Pipeline *pipeline, int burst, long k)
{
	if (!wanted[burst])
		wanted[burst] = text_of(pipeline);
	cr_assert_str_eq(text_of(pipeline), wanted[burst], "burst %d, failure %ld", burst, k);
}

/* As process_with_failure() for the last burst. */
static bool play(int last, long k)
{
	Pipeline pipeline = begin();
	bool has_failed_once = false;

	for (int e = 0; e <= last; e++) {
		make_burst(e);
		has_failed_once = process_with_failure(&pipeline, e == last ? k : -1);
	}
	expect(&pipeline, last, k);
	pipeline_free(&pipeline);
	return has_failed_once;
}

/* ---- Reading a file ---- */
static const struct {
	int dir;
	const char *name, *text;
} FILES[] = {{0, "x.conf", POLICY}, {0, "y.yaml", MANIFEST}, {0, "z.conf", "policies = ("},
	{0, "z.json", "{\"kind\": \"NetworkPolicy\", \"spec\": {}}"},
	{1, "namespaces.json", NAMESPACES}, {1, "pods.json", NULL}, {1, "pods.yaml", NULL}};

/* The names and diagnostics of a source, as text. */
static const char *source_text(const Source *source)
{
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < source->policies.n; i++)
		buf_printf(&buf, "policy %s\n", source->policies.at[i]->name);
	for (size_t i = 0; i < source->sets.n; i++)
		buf_printf(&buf, "set %s\n", source->sets.at[i]->name);
	for (size_t i = 0; i < source->namespaces.n; i++)
		buf_printf(&buf, "namespace %s\n", source->namespaces.at[i]->name);
	for (size_t i = 0; i < source->pods.n; i++)
		buf_printf(&buf, "pod %s\n", source->pods.at[i]->name);
	for (size_t i = 0; i < source->diags.list.n; i++)
		buf_printf(&buf, "%s\n", diag_line(arena, &source->diags.list.at[i]));
	return buf_text(&buf);
}

/* k allocations succeed. The source as text; NULL: the next one failed. */
static const char *read_with(int dir, const char *name, Arena *scratch, long k)
{
	int fd = open(folder(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	SourceKind kind = dir == 0 ? SOURCE_POLICIES : SOURCE_INVENTORY;
	const char *text = NULL;
	SourceFile file = {};

	fail_after(WHILE_READING, k);
	r = __wrap_source_file_read(fd, kind, name, name, scratch, &file);
	until_failure = -1;
	close(fd);
	cr_assert_eq(r, has_failed ? -ENOMEM : 0, "%s, failure %ld: %d", name, k, r);
	if (r == 0) {
		text = source_text(file.source);
		source_free(file.source);
	}
	free(file.text);
	return text;
}

Test(memory, any_allocation_of_reading_a_file_may_fail, .init = set_up, .fini = tear_down)
{
	Arena *scratch = arena_new();

	files_clear();
	for (size_t i = 0; i < ARRAY_SIZE(FILES); i++) {
		int dir = FILES[i].dir;
		const char *name = FILES[i].name, *whole;
		long n = 0;

		put(dir, name, FILES[i].text ? FILES[i].text : pods_text(-1));
		whole = read_with(dir, name, scratch, -1);
		cr_assert_gt(strlen(whole), 0, "%s", name);
		while (!read_with(dir, name, scratch, n)) {
			cr_assert_str_eq(read_with(dir, name, scratch, -1), whole, "%s", name);
			n++;
		}
		cr_assert_gt(n, 10, "%s", name);
	}
	arena_free(scratch);
}

Test(memory, a_file_that_could_not_be_read_is_read_later, .init = set_up, .fini = tear_down)
{
	for (int e = 0; e < BURSTS_THAT_WRITE; e++) {
		long n = 0;

		cr_assert_not(play(e, -1));
		while (play(e, n))
			n++;
		cr_log_info("burst %d: %ld allocations", e, n);
		cr_assert_gt(n, 20, "burst %d", e);
	}
}

/* ---- Anywhere else ---- */
/* The exit status of a process in which k allocations outside of reading succeed and the next one
 * fails; 0: there were only k. */
static int end_of_process(int last, long k)
{
	Pipeline pipeline = begin();
	struct rlimit none = {};
	pid_t child;
	int status;

	for (int e = 0; e < last; e++) {
		make_burst(e);
		cr_assert_eq(process_burst(&pipeline), 0);
	}
	make_burst(last);
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		fail_after(ELSEWHERE, k);
		_exit(process_burst(&pipeline) == 0 ? (has_failed ? 1 : 0) : 2);
	}
	cr_assert(child > 0 && waitpid(child, &status, 0) == child);
	pipeline_free(&pipeline);
	return status;
}

/* Coprime to the number of allocations per pod: over all bursts most allocations fail once. */
#define STEP 7

Test(memory, any_other_allocation_that_fails_ends_the_process, .init = set_up, .fini = tear_down)
{
	for (int e = 0; e < BURSTS; e++) {
		int status;
		long k = e;

		while ((status = end_of_process(e, k)) != 0) {
			cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
				"burst %d, failure %ld: %x", e, k, (unsigned)status);
			k += STEP;
		}
		cr_assert_gt(k, 4 * STEP, "burst %d", e);
	}
}

Test(memory, a_failed_heap_allocation_ends_the_process, .signal = SIGABRT)
{
	fail_after(ELSEWHERE, 0);
	memory_alloc(1);
}

Test(memory, a_directory_without_memory_ends_the_process, .signal = SIGABRT)
{
	fail_after(ELSEWHERE, 1); /* its path */
	source_dir_new(SOURCE_POLICIES, "/nowhere", true);
}

Test(memory, a_text_to_be_saved_without_memory_ends_the_process, .signal = SIGABRT)
{
	fail_after(ELSEWHERE, 1); /* its name */
	state_text_new("boot", NULL, 0);
}

Test(memory, a_ruleset_without_memory_ends_the_process, .signal = SIGABRT)
{
	fail_after(ELSEWHERE, 1); /* its arena */
	ruleset_new();
}

/* ---- Descriptors ---- */
static int reconcile_with_descriptors(Pipeline *pipeline, rlim_t more)
{
	struct rlimit before, few;
	int r, lowest = dup(0);

	close(lowest);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)lowest + more;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = reconcile(pipeline);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	return r;
}

Test(memory, a_lack_of_descriptors_is_an_error, .init = set_up, .fini = tear_down)
{
	int n_refused = 0;

	cr_assert_not(play(0, -1));
	for (rlim_t more = 0; more < 8; more++) {
		Pipeline pipeline = begin();
		int r;

		make_burst(0);
		r = reconcile_with_descriptors(&pipeline, more);
		cr_assert(r == 0 || r == -EMFILE, "%d", r);
		n_refused += r < 0;
		if (r < 0)
			cr_assert_eq(reconcile(&pipeline), 0);
		expect(&pipeline, 0, (long)more);
		pipeline_free(&pipeline);
	}
	cr_assert(n_refused > 1 && n_refused < 8);
}

/* opendir() allocates: it fails with ENOMEM as open() may. */
Test(memory, a_directory_that_could_not_be_opened_is_opened_later, .init = set_up,
	.fini = tear_down)
{
	Pipeline pipeline = begin();

	make_burst(0);
	is_without_streams = true;
	cr_assert_eq(reconcile(&pipeline), -ENOMEM);
	is_without_streams = false;
	cr_assert_eq(reconcile(&pipeline), 0);
	cr_assert_eq(source_dir_count(pipeline.dirs[0]), 1);
	pipeline_free(&pipeline);
}
