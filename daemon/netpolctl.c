/* netpolctl: checks, explains and prints what the files say; `status` asks netpold's status.json.
 */
#include "compile.h"
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char USAGE[] =
	"usage: netpolctl [options] COMMAND\n"
	"\n"
	"  check [PATH...]                 validate files; 0 clean, 1 errors, 2 usage\n"
	"  explain SRC DST PORT[/PROTO]    allow or deny, and why; 0 allow, 1 deny, 2 error\n"
	"          SRC, DST: namespace/pod or an address; PORT: a number, a port's name, or icmp\n"
	"  explain --batch                 reads \"SRC DST PORT/PROTO\" lines, prints allow or "
	"deny\n"
	"  matrix PORT[/PROTO]             who reaches whom\n"
	"  ruleset                         the nft text that the files compile to\n"
	"  status                          what netpold holds and how it is; 1 if unhealthy\n"
	"\n"
	"options:\n"
	"  -c, --conf FILE      netpol.conf (default " RUN_CONF_DEFAULT ")\n"
	"      --policies DIR   over the setting of that name; so with the next three\n"
	"      --inventory DIR\n"
	"      --node NAME\n"
	"      --runtime DIR\n"
	"  -o text|json\n"
	"      --version\n";

typedef struct Ctl {
	Arena *arena;
	Diags diags;
	Settings settings;
	const char *conf, *policies, *inventory, *node, *runtime;
	bool is_json, is_batch, is_conf_default;
	SourceDir *dirs[2];
	Snapshot *snapshot;
	char **arguments;
	int n;
} Ctl;

static void print_diags(Ctl *ctl, const Diags *diags, FILE *to)
{
	bool is_coloured = isatty(fileno(to)) && !getenv("NO_COLOR");

	for (size_t i = 0; i < diags->list.n; i++)
		fputs(diag_block(ctl->arena, &diags->list.at[i], is_coloured), to);
	if (diags->n_dropped)
		fprintf(to, "netpolctl: %zu more are not shown\n", diags->n_dropped);
}

static int fail(const char *words)
{
	fprintf(stderr, "netpolctl: %s\n", words);
	return 2;
}

static int usage(void)
{
	fputs(USAGE, stderr);
	return 2;
}

/* ---- Settings and files ---- */
static int load_settings(Ctl *ctl)
{
	int r;

	r = settings_load(ctl->arena, ctl->conf, ctl->is_conf_default, &ctl->settings, &ctl->diags);
	print_diags(ctl, &ctl->diags, stderr);
	ctl->diags = (Diags){.arena = ctl->arena};
	if (ctl->policies)
		ctl->settings.policies = ctl->policies;
	if (ctl->inventory)
		ctl->settings.inventory = ctl->inventory;
	if (ctl->node)
		ctl->settings.node = ctl->node;
	if (ctl->runtime)
		ctl->settings.runtime = ctl->runtime;
	return r;
}

/* All of the directories, merged. */
static Snapshot *merge(SourceDir *const *dirs, size_t n)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Changes changes = {.arena = arena};
	Snapshot *snapshot = snapshot_new(dirs, n);

	snapshot_update(snapshot, &changes);
	return snapshot;
}

/* 0 or -errno, as source_dir_refresh. */
static int load_snapshot(Ctl *ctl)
{
	const char *paths[2] = {ctl->settings.policies, ctl->settings.inventory};

	for (int i = 0; i < 2; i++) {
		int r;

		ctl->dirs[i] = source_dir_new(
			i == 0 ? SOURCE_POLICIES : SOURCE_INVENTORY, paths[i], false);
		r = source_dir_refresh(ctl->dirs[i]);
		if (r < 0)
			return r;
	}
	ctl->snapshot = merge(ctl->dirs, 2);
	return 0;
}

/*
 * Loads everything; errors of files are said, and what is good goes on, as it does in netpold. A
 * directory that cannot be read is different: no answer would be worth anything. 0 or an exit
 * status.
 */
static int load(Ctl *ctl)
{
	int r;

	if (load_settings(ctl) != 0)
		return 2;
	r = load_snapshot(ctl);
	if (r < 0)
		return fail(strerror(-r));
	print_diags(ctl, snapshot_diags(ctl->snapshot), stderr);
	for (int i = 0; i < 2; i++)
		if (source_dir_diags(ctl->dirs[i])->n_errors)
			return 2;
	return 0;
}

/* ---- check ---- */
static void print_json_diag(const Ctl *ctl, Buf *buf, const Diag *diag, bool is_first)
{
	buf_add(buf, is_first ? "\n  {\"file\": " : ",\n  {\"file\": ");
	text_add_json(buf, diag->origin.file ? diag->origin.file : "");
	buf_printf(buf, ", \"line\": %u, \"column\": %u, \"severity\": \"%s\", \"code\": \"%s\", ",
		diag->origin.line, diag->origin.column, severity_text(diag->severity), diag->code);
	buf_add(buf, "\"message\": ");
	text_add_json(buf, diag->message);
	buf_add(buf, ", \"hint\": ");
	text_add_json(buf, diag->hint ? diag->hint : "");
	buf_add(buf, "}");
	(void)ctl;
}

static int finish_check(Ctl *ctl, const Diags *diags)
{
	if (ctl->is_json) {
		Buf buf = {.arena = ctl->arena};

		buf_add(&buf, "[");
		for (size_t i = 0; i < diags->list.n; i++)
			print_json_diag(ctl, &buf, &diags->list.at[i], i == 0);
		printf("%s%s]\n", buf_text(&buf), diags->list.n ? "\n" : "");
	} else {
		print_diags(ctl, diags, stdout);
		if (diags->n_errors)
			printf("%zu error%s\n", diags->n_errors, diags->n_errors == 1 ? "" : "s");
	}
	return diags->n_errors ? 1 : 0;
}

static void no_file(Ctl *ctl, Diags *diags, const char *path, const char *words)
{
	DIAG_ERROR(diags, ((Origin){.file = arena_strdup(ctl->arena, path)}), "unreadable", NULL,
		"%s", words);
}

/* What lies in the inventory's directory is an inventory, all else policies. */
static SourceKind kind_of_directory(const Ctl *ctl, const char *path)
{
	char here[PATH_MAX], inventory[PATH_MAX];
	bool is_inventory = realpath(path, here) && realpath(ctl->settings.inventory, inventory) &&
			    strcmp(here, inventory) == 0;

	return is_inventory ? SOURCE_INVENTORY : SOURCE_POLICIES;
}

static bool has_nothing(const Source *source)
{
	return source->diags.n_errors == 0 && source->policies.n == 0 && source->sets.n == 0;
}

static bool is_no_inventory(const Source *source)
{
	for (size_t i = 0; i < source->diags.list.n; i++)
		if (strcmp(source->diags.list.at[i].code, PARSE_CODE_NO_INVENTORY) == 0)
			return true;
	return false;
}

static int read_as(
	int directory, SourceKind kind, const char *path, const char *name, Source **ret_source)
{
	ARENA_CLEANUP Arena *scratch = arena_new();
	SourceFile file;
	int r = source_file_read(directory, kind, path, name, scratch, &file);

	if (r < 0)
		return r;
	free(file.text);
	*ret_source = file.source;
	return 0;
}

/* Elsewhere a file shows by what is in it which of the two it is. */
static int read_either(
	int directory, SourceKind kind, const char *path, const char *name, Source **ret_source)
{
	Source *other = NULL;
	int r = read_as(directory, kind, path, name, ret_source);

	if (r < 0 || kind == SOURCE_INVENTORY || !has_nothing(*ret_source) ||
		!source_name_is_read(SOURCE_INVENTORY, name))
		return r;
	r = read_as(directory, SOURCE_INVENTORY, path, name, &other);
	if (r == 0 && !is_no_inventory(other)) {
		source_free(*ret_source);
		*ret_source = other;
		return 0;
	}
	source_free(other);
	return r;
}

static int check_file(Ctl *ctl, Diags *diags, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dir = slash ? arena_strndup(ctl->arena, path, (size_t)(slash - path) + 1) : ".";
	const char *name = slash ? slash + 1 : path;
	SourceKind kind = kind_of_directory(ctl, dir);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	Source *source = NULL;
	int r;

	if (fd < 0) {
		no_file(ctl, diags, path, strerror(errno));
		return 0;
	}
	if (!source_name_is_read(kind, name)) {
		no_file(ctl, diags, path,
			"not a .conf, .yaml, .yml or .json file: netpold ignores it");
		return close(fd);
	}
	r = read_either(fd, kind, path, name, &source);
	close(fd);
	if (source)
		diags_append(diags, &source->diags);
	source_free(source);
	return r;
}

static int check_directory(Ctl *ctl, Diags *diags, const char *path)
{
	SourceKind kind = kind_of_directory(ctl, path);
	SourceDir *dir = source_dir_new(kind, path, false);
	int r = source_dir_refresh(dir);

	if (r == 0) {
		Snapshot *snapshot = merge(&dir, 1);

		diags_append(diags, snapshot_diags(snapshot));
		snapshot_free(snapshot);
	}
	source_dir_free(dir);
	return r;
}

static int check_paths(Ctl *ctl)
{
	Diags diags = {.arena = ctl->arena};

	if (load_settings(ctl) != 0)
		return 1;
	for (int i = 0; i < ctl->n; i++) {
		struct stat st;
		bool is_directory = stat(ctl->arguments[i], &st) == 0 && S_ISDIR(st.st_mode);
		int r = is_directory ? check_directory(ctl, &diags, ctl->arguments[i])
				     : check_file(ctl, &diags, ctl->arguments[i]);

		if (r < 0)
			return fail(strerror(-r));
	}
	return finish_check(ctl, &diags);
}

static int run_check(Ctl *ctl)
{
	int r;

	if (ctl->n > 0)
		return check_paths(ctl);
	if (load_settings(ctl) != 0)
		return 1;
	r = load_snapshot(ctl);
	if (r < 0)
		return fail(strerror(-r));
	return finish_check(ctl, snapshot_diags(ctl->snapshot));
}

/* ---- explain ---- */
static int explain_batch(Ctl *ctl, Explainer *explainer)
{
	char *line = NULL;
	size_t capacity = 0;
	int status = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		char *rest = NULL;
		const char *source = strtok_r(line, " \t\r\n", &rest),
			   *error = "expected SRC DST PORT";
		const char *destination = source ? strtok_r(NULL, " \t\r\n", &rest) : NULL;
		const char *port = destination ? strtok_r(NULL, " \t\r\n", &rest) : NULL;
		Flow flow;

		if (!source || source[0] == '#')
			continue;
		if (port &&
			explain_parse(explainer, source, destination, port, &flow, &error) == 0) {
			puts(ctl->is_json ? explain_json(explainer, ctl->arena, &flow)
				: explain_verdict(explainer, &flow) ? "allow"
								    : "deny");
			continue;
		}
		puts("error");
		fprintf(stderr, "netpolctl: %s\n", error);
		status = 2;
	}
	free(line);
	return status;
}

static int explain_one(Ctl *ctl, Explainer *explainer)
{
	const char *error;
	Flow flow;

	if (explain_parse(explainer, ctl->arguments[0], ctl->arguments[1], ctl->arguments[2], &flow,
		    &error) != 0)
		return fail(error);
	fputs(ctl->is_json ? explain_json(explainer, ctl->arena, &flow)
			   : explain_text(explainer, ctl->arena, &flow),
		stdout);
	if (ctl->is_json)
		puts("");
	return explain_verdict(explainer, &flow) ? 0 : 1;
}

static int run_explain(Ctl *ctl)
{
	Explainer *explainer;
	int r;

	if (ctl->n != (ctl->is_batch ? 0 : 3))
		return usage();
	r = load(ctl);
	if (r != 0)
		return r;
	explainer = explainer_new(snapshot_model(ctl->snapshot));
	r = ctl->is_batch ? explain_batch(ctl, explainer) : explain_one(ctl, explainer);
	explainer_free(explainer);
	return r;
}

/* ---- matrix ---- */

/* '.' allowed, 'X' denied, '-' the two have no family, or the port no number there. */
static char cell(Ctl *ctl, Explainer *explainer, const Pod *from, const Pod *to, const char *port)
{
	const char *error;
	Flow flow;

	if (explain_parse(explainer, pod_text(ctl->arena, from), pod_text(ctl->arena, to), port,
		    &flow, &error) != 0)
		return '-';
	return explain_verdict(explainer, &flow) ? '.' : 'X';
}

static void print_matrix_text(Ctl *ctl, Explainer *explainer, const Pods *pods, const char *port)
{
	int width = 0;

	for (size_t i = 0; i < pods->n; i++) {
		int n = (int)strlen(pod_text(ctl->arena, pods->at[i]));

		width = n > width ? n : width;
	}
	printf("%s: rows reach columns; . allowed, X denied, - not applicable\n", port);
	printf("%*s", width + 5, "");
	for (size_t i = 0; i < pods->n; i++)
		printf(" %3zu", i + 1);
	for (size_t i = 0; i < pods->n; i++) {
		printf("\n%3zu %-*s ", i + 1, width, pod_text(ctl->arena, pods->at[i]));
		for (size_t k = 0; k < pods->n; k++)
			printf(" %3c", cell(ctl, explainer, pods->at[i], pods->at[k], port));
	}
	puts("");
}

static void print_matrix_json(Ctl *ctl, Explainer *explainer, const Pods *pods, const char *port)
{
	Buf buf = {.arena = ctl->arena};

	buf_add(&buf, "{\"pods\": [");
	for (size_t i = 0; i < pods->n; i++) {
		buf_add(&buf, i ? ", " : "");
		text_add_json(&buf, pod_text(ctl->arena, pods->at[i]));
	}
	buf_add(&buf, "],\n \"rows\": [");
	for (size_t i = 0; i < pods->n; i++) {
		buf_add(&buf, i ? ",\n  \"" : "\n  \"");
		for (size_t k = 0; k < pods->n; k++)
			buf_printf(
				&buf, "%c", cell(ctl, explainer, pods->at[i], pods->at[k], port));
		buf_add(&buf, "\"");
	}
	puts(buf_text(&buf));
	puts("]}");
}

static int run_matrix(Ctl *ctl)
{
	Explainer *explainer;
	Pods all = {}, pods = {};
	int r;

	if (ctl->n != 1)
		return usage();
	r = load(ctl);
	if (r != 0)
		return r;
	explainer = explainer_new(snapshot_model(ctl->snapshot));
	model_list_pods(snapshot_model(ctl->snapshot), ctl->arena, &all);
	for (size_t i = 0; i < all.n; i++)
		if (pod_is_live(all.at[i]))
			VEC_PUSH(ctl->arena, &pods, all.at[i]);
	(ctl->is_json ? print_matrix_json : print_matrix_text)(
		ctl, explainer, &pods, ctl->arguments[0]);
	explainer_free(explainer);
	return 0;
}

/* ---- ruleset, status ---- */
static void print_ruleset(Ctl *ctl, const char *text)
{
	Buf buf = {.arena = ctl->arena};

	if (!ctl->is_json) {
		fputs(text, stdout);
		return;
	}
	buf_add(&buf, "{\"table\": ");
	text_add_json(&buf, ctl->settings.table);
	buf_add(&buf, ", \"nft\": ");
	text_add_json(&buf, text);
	puts(buf_text(&buf));
	puts("}");
}

/* The bridge table goes with it where it is asked for; what "auto" takes, only the kernel knows. */
static const char *ruleset_text(Ctl *ctl, const Ruleset *inet)
{
	BridgeOptions options = {.has_conntrack = true};
	const char *text = nft_ruleset_text(ctl->arena, inet);
	Ruleset *bridge;

	if (ctl->settings.bridge == BRIDGE_CONNTRACK) {
		bridge = compile_bridge(inet, &options);
		text = arena_printf(ctl->arena, "%s%s", text, nft_ruleset_text(ctl->arena, bridge));
		ruleset_unref(bridge);
	}
	return text;
}

static int run_ruleset(Ctl *ctl)
{
	CompileOptions options;
	Ruleset *ruleset;
	int r;

	if (ctl->n != 0)
		return usage();
	r = load(ctl);
	if (r != 0)
		return r;
	options = (CompileOptions){.node = ctl->settings.node,
		.is_all = ctl->settings.enforce == ENFORCE_ALL,
		.is_drop = ctl->settings.deny == DENY_DROP,
		.table = ctl->settings.table,
		.services = ctl->settings.service_cidrs};
	ruleset = compile(snapshot_model(ctl->snapshot), &options, &ctl->diags);
	print_diags(ctl, &ctl->diags, stderr);
	print_ruleset(ctl, ruleset_text(ctl, ruleset));
	ruleset_unref(ruleset);
	return 0;
}

/* status.json has a key a line; for people the punctuation goes. */
static void print_status_line(const char *line)
{
	size_t n = strcspn(line, "\n");
	const char *inner = line + strspn(line, " {}[],\n");

	if (!*inner)
		return; /* brackets only */
	if (n > 0 && line[n - 1] == ',')
		n--;
	if (n > 2 && strncmp(line, "  ", 2) == 0) {
		line += 2;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++) {
		bool is_empty = line[i] == '"' || line[i] == '{' || line[i] == '}';

		if (line[i] == '\\' && i + 1 < n)
			putchar(line[++i]);
		else if (!is_empty)
			putchar(line[i]);
	}
	putchar('\n');
}

static int run_status(Ctl *ctl)
{
	bool is_healthy = false;
	const char *path;
	char *line = NULL;
	size_t capacity = 0;
	FILE *file;

	if (ctl->n != 0)
		return usage();
	if (load_settings(ctl) != 0)
		return 2;
	path = arena_printf(ctl->arena, "%s/" RUN_STATUS_FILE, ctl->settings.runtime);
	file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "netpolctl: %s: %s (is netpold running?)\n", path, strerror(errno));
		return 2;
	}
	while (getline(&line, &capacity, file) > 0) {
		is_healthy |= strncmp(line, "  \"health\": \"healthy\"", 21) == 0;
		if (ctl->is_json)
			fputs(line, stdout);
		else
			print_status_line(line);
	}
	free(line);
	fclose(file);
	return is_healthy ? 0 : 1;
}

/* ---- Command line ---- */
enum { OPT_POLICIES = 256, OPT_INVENTORY, OPT_NODE, OPT_RUNTIME, OPT_BATCH, OPT_VERSION };

static const struct option OPTIONS[] = {{"conf", required_argument, NULL, 'c'},
	{"policies", required_argument, NULL, OPT_POLICIES},
	{"inventory", required_argument, NULL, OPT_INVENTORY},
	{"node", required_argument, NULL, OPT_NODE},
	{"runtime", required_argument, NULL, OPT_RUNTIME}, {"output", required_argument, NULL, 'o'},
	{"batch", no_argument, NULL, OPT_BATCH}, {"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'}, {}};

static const struct {
	const char *name;
	int (*run)(Ctl *ctl);
} COMMANDS[] = {{"check", run_check}, {"explain", run_explain}, {"matrix", run_matrix},
	{"ruleset", run_ruleset}, {"status", run_status}};

/* -1: go on; else the exit status. */
static int take_option(Ctl *ctl, int c)
{
	if (c == 'c') {
		ctl->conf = optarg;
		ctl->is_conf_default = false;
	} else if (c == OPT_POLICIES) {
		ctl->policies = optarg;
	} else if (c == OPT_INVENTORY) {
		ctl->inventory = optarg;
	} else if (c == OPT_NODE) {
		ctl->node = optarg;
	} else if (c == OPT_RUNTIME) {
		ctl->runtime = optarg;
	} else if (c == 'o' && (strcmp(optarg, "json") == 0 || strcmp(optarg, "text") == 0)) {
		ctl->is_json = strcmp(optarg, "json") == 0;
	} else if (c == OPT_BATCH) {
		ctl->is_batch = true;
	} else if (c == OPT_VERSION) {
		puts("netpolctl " RUN_VERSION);
		return 0;
	} else if (c == 'h') {
		fputs(USAGE, stdout);
		return 0;
	} else {
		return usage();
	}
	return -1;
}

static int run_command(Ctl *ctl)
{
	const char *name = ctl->arguments[0];

	ctl->arguments++;
	ctl->n--;
	for (size_t i = 0; i < ARRAY_SIZE(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			return COMMANDS[i].run(ctl);
	fprintf(stderr, "netpolctl: unknown command \"%s\"\n", name);
	return usage();
}

int main(int argc, char **argv)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Ctl ctl = {.arena = arena,
		.diags = {.arena = arena},
		.conf = RUN_CONF_DEFAULT,
		.is_conf_default = true};
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "c:o:h", OPTIONS, NULL)) != -1)
		r = take_option(&ctl, c);
	if (r < 0 && optind == argc)
		r = usage();
	if (r < 0) {
		ctl.arguments = argv + optind;
		ctl.n = argc - optind;
		r = run_command(&ctl);
	}
	snapshot_free(ctl.snapshot);
	source_dir_free(ctl.dirs[0]);
	source_dir_free(ctl.dirs[1]);
	return r;
}
