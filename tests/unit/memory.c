/*
 * memory: whichever allocation fails while files are read, merged and compiled, nothing crashes,
 * nothing is half done: tried again as the daemon does, it is as if nothing had failed. So it is
 * with descriptors.
 */
#include "files.h"
#include "compile.h"
#include "nft.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* ---- Allocations of netpol's own that fail: the linker leads them here (tests/meson.build) ----
 */
static long until_failure = -1; /* -1: never */
static bool has_failed;

static bool fails(void)
{
	if (until_failure < 0 || until_failure-- > 0)
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
WRAP_LIBC(void *, realloc, (void *at, size_t size), at, size)
WRAP_LIBC(void *, reallocarray, (void *at, size_t n, size_t size), at, n, size)
WRAP_LIBC(void *, aligned_alloc, (size_t align, size_t size), align, size)
WRAP_LIBC(char *, strdup, (const char *text), text)
WRAP_LIBC(DIR *, fdopendir, (int fd), fd)

/* An arena asks malloc now and then; each of its allocations may be the one. */
WRAP_ARENA(void *, arena_alloc, (Arena * a, size_t n), a, n)
WRAP_ARENA(void *, arena_place, (Arena * a, size_t n, size_t align), a, n, align)
WRAP_ARENA(char *, arena_strdup, (Arena * a, const char *text), a, text)
WRAP_ARENA(char *, arena_strndup, (Arena * a, const char *text, size_t n), a, text, n)
WRAP_ARENA(char *, arena_vprintf, (Arena * a, const char *format, va_list list), a, format, list)
WRAP_ARENA(void *, vec_grow,
	(Arena * a, void *at, uint32_t n, uint32_t *room, size_t item, size_t align), a, at, n,
	room, item, align)

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

/* What happens: some files are written, or go. */
typedef struct Told {
	int dir;
	const char *name;
} Told;
static Told told[4];
static size_t n_told;

/* No text: it goes. */
static void tell(int dir, const char *name, const char *text)
{
	told[n_told++] = (Told){dir, name};
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
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: y, namespace: "
	"n1}\n"
	"spec:\n  podSelector: {matchExpressions: [{key: a, operator: In, values: ['9', '1']}]}\n"
	"  egress:\n  - to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]\n"
	"  - to: [{podSelector: {}}]\n    ports: [{port: web}]\n  policyTypes: [Egress]\n";
/* the name is taken: refused, as long as the other is there */
static const char TAKEN[] = "policies = ( { name = \"x\"; namespace = \"n0\"; pods = \"\"; } );\n";
static const char SPACES[] =
	"{\"kind\":\"NamespaceList\",\"items\":[{\"metadata\":{\"name\":\"n1\",\"labels\":{"
	"\"team\":\"red\"}}}]}";

static void event(int i)
{
	n_told = 0;
	switch (i) {
	case 0:
		tell(0, "x.conf", POLICY);
		tell(1, "pods.json", pods_text(-1));
		break;
	case 1:
		tell(1, "pods.json", pods_text(3));
		break;
	case 2:
		tell(0, "y.yaml", MANIFEST);
		tell(1, "spaces.json", SPACES);
		break;
	case 3:
		tell(1, "pods.json", pods_text(5));
		tell(1, "again.json", pods_text(2)); /* every pod twice */
		break;
	case 4:
		tell(0, "z.conf", TAKEN);
		break;
	case 5:
		tell(0, "x.conf", NULL);
		tell(1, "again.json", NULL);
		break;
	default:
		tell(1, "pods.json", NULL);
	}
}

#define EVENTS 7

/* ---- The daemon's way ---- */
typedef struct Way {
	SourceDir *dirs[2];
	Snapshot *snapshot;
	Compiler *compiler;
	Ruleset *held;
} Way;

static Way way_new(void)
{
	Way way = {};

	dirs_new(way.dirs, true);
	way.held = ruleset_new();
	cr_assert(way.held);
	return way;
}

static void way_free(Way *way)
{
	ruleset_free(way->held);
	compiler_free(way->compiler);
	snapshot_free(way->snapshot);
	dirs_free(way->dirs);
}

static int merge(Way *way, Changes *changes)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++)
		r = source_dir_refresh(way->dirs[i]);
	if (r < 0)
		return r;
	if (!way->snapshot)
		way->snapshot = snapshot_new(way->dirs[0], way->dirs[1]);
	r = way->snapshot ? snapshot_update(way->snapshot, changes) : -ENOMEM;
	if (r < 0) {
		way->compiler = compiler_free(way->compiler);
		way->snapshot = snapshot_free(way->snapshot);
	}
	return r;
}

typedef struct Compiling {
	Way *way;
	Changes *changes;
	Ruleset *ruleset;
	Plan plan;
} Compiling;

static int compile_changes(void *context)
{
	Compiling *c = context;
	CompileOptions options = {.node = "node", .table = "netpol"};
	const Model *model = snapshot_model(c->way->snapshot);
	int r;

	if (!c->way->compiler) {
		c->way->compiler = compiler_new(model, &options);
		if (!c->way->compiler)
			return -ENOMEM;
		*c->changes = (Changes){.arena = c->changes->arena};
		model_list_changes(model, c->changes);
	}
	r = compiler_update(c->way->compiler, c->changes, &c->ruleset);
	if (r == 0)
		plan_change(c->changes->arena, c->way->held, c->ruleset, &c->plan);
	return r;
}

static int reconcile(Way *way)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	Changes changes = {.arena = scratch};
	Compiling c = {.way = way, .changes = &changes};
	int r = scratch ? merge(way, &changes) : -ENOMEM;

	if (r < 0)
		return r;
	r = arena_try(scratch, compile_changes, &c);
	if (r < 0) {
		way->compiler = compiler_free(way->compiler);
		ruleset_free(c.ruleset);
		return r;
	}
	ruleset_free(way->held);
	way->held = c.ruleset;
	return 0;
}

static const char *text_of(const Way *way)
{
	return nft_ruleset_text(arena, way->held);
}

static void expect_saved(Way *way)
{
	for (int i = 0; i < 2; i++) {
		StateText *list = NULL;
		int r = source_dir_take_unsaved(way->dirs[i], &list);

		cr_assert(r == 0 || (r == -ENOMEM && has_failed));
		for (StateText *next; list; list = next) {
			next = list->next;
			state_text_free(list);
		}
	}
}

/* After k allocations one fails. True: there were so many. */
static bool go(Way *way, long k)
{
	int r;

	has_failed = false;
	until_failure = k;
	for (size_t i = 0; i < n_told; i++)
		source_dir_note(way->dirs[told[i].dir], told[i].name);
	for (int i = 0; i < 2; i++)
		source_dir_read_ahead(way->dirs[i]);
	r = reconcile(way);
	cr_assert(r == 0 || (r == -ENOMEM && has_failed));
	if (r == 0)
		expect_saved(way);
	until_failure = -1;
	if (r < 0)
		cr_assert_eq(reconcile(way), 0);
	return has_failed;
}

/* The same without a failure, after each event. */
static const char *wanted[EVENTS];

static Way begin(void)
{
	files_clear();
	return way_new();
}

static void expect(const Way *way, int event, long k)
{
	if (!wanted[event])
		wanted[event] = text_of(way);
	cr_assert_str_eq(text_of(way), wanted[event], "event %d, failure %ld", event, k);
}

/* True: the last event had so many allocations. */
static bool play(int last, long k)
{
	Way way = begin();
	bool had_so_many = false;

	for (int e = 0; e <= last; e++) {
		event(e);
		had_so_many = go(&way, e == last ? k : -1);
	}
	expect(&way, last, k);
	way_free(&way);
	return had_so_many;
}

Test(memory, any_allocation_may_fail, .init = set_up, .fini = tear_down)
{
	for (int e = 0; e < EVENTS; e++) {
		long n = 0;

		cr_assert_not(play(e, -1));
		while (play(e, n))
			n++;
		cr_log_info("event %d: %ld allocations", e, n);
		cr_assert_gt(n, 50);
	}
}

/* ---- Descriptors ---- */
static int reconcile_with_descriptors(Way *way, rlim_t more)
{
	struct rlimit before, few;
	int r, lowest = dup(0);

	close(lowest);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)lowest + more;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = reconcile(way);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	return r;
}

Test(memory, there_may_be_no_descriptor, .init = set_up, .fini = tear_down)
{
	int n_refused = 0;

	cr_assert_not(play(0, -1));
	for (rlim_t more = 0; more < 8; more++) {
		Way way = begin();
		int r;

		event(0);
		r = reconcile_with_descriptors(&way, more);
		cr_assert(r == 0 || r == -EMFILE, "%d", r);
		n_refused += r < 0;
		if (r < 0)
			cr_assert_eq(reconcile(&way), 0);
		expect(&way, 0, (long)more);
		way_free(&way);
	}
	cr_assert(n_refused > 1 && n_refused < 8);
}
