/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl check: the diagnostics of the configured directories, or of the files and directories
 * on the command line. */
#include "netpolctl.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_json_diag(Buf *buf, const Diag *diag, bool is_first)
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
}

static void print_count(size_t n, const char *what)
{
	if (n)
		printf("%zu %s%s\n", n, what, n == 1 ? "" : "s");
}

static int print_result(Ctl *ctl, const Diags *diags)
{
	if (ctl->is_json) {
		Buf buf = {.arena = ctl->arena};

		buf_add(&buf, "[");
		for (size_t i = 0; i < diags->list.n; i++)
			print_json_diag(&buf, &diags->list.at[i], i == 0);
		printf("%s%s]\n", buf_text(&buf), diags->list.n ? "\n" : "");
	} else {
		ctl_print_diags(ctl, diags, SEVERITY_NOTE, stdout);
		print_count(diags->n_errors, "error");
		if (ctl->is_strict)
			print_count(diags->n_warnings, "warning");
	}
	return diags->n_errors || (ctl->is_strict && diags->n_warnings) ? CTL_NO : CTL_OK;
}

static void add_unreadable(Ctl *ctl, Diags *diags, const char *path, const char *words)
{
	DIAG_ERROR(diags, ((Origin){.file = arena_strdup(ctl->arena, path)}), "unreadable", NULL,
		"%s", words);
}

/* The configured inventory directories hold inventories; any other directory, policies. */
static SourceKind kind_of_directory(const Ctl *ctl, const char *path)
{
	const Texts *directories = &ctl->settings.inventory;
	char here[PATH_MAX], inventory[PATH_MAX];

	for (size_t i = 0; realpath(path, here) && i < directories->n; i++)
		if (realpath(directories->at[i], inventory) && strcmp(here, inventory) == 0)
			return SOURCE_INVENTORY;
	return SOURCE_POLICIES;
}

static bool has_code(const Source *source, const char *code)
{
	for (size_t i = 0; i < source->diags.list.n; i++)
		if (strcmp(source->diags.list.at[i].code, code) == 0)
			return true;
	return false;
}

/* Nothing in it is a policy, and it is well-formed. */
static bool may_be_inventory(const Source *source)
{
	return (source->diags.n_errors == 0 || has_code(source, PARSE_CODE_OTHER_LIST)) &&
	       source->policies.n == 0 && source->sets.n == 0;
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

/*
 * A file outside the inventory directory may still be an inventory. It is one if it has no policies
 * and the inventory's reader accepts it as one.
 */
static int read_either(
	int directory, SourceKind kind, const char *path, const char *name, Source **ret_source)
{
	Source *other = NULL;
	int r = read_as(directory, kind, path, name, ret_source);

	if (r < 0 || kind == SOURCE_INVENTORY || !may_be_inventory(*ret_source) ||
		!source_name_is_read(SOURCE_INVENTORY, name))
		return r;
	r = read_as(directory, SOURCE_INVENTORY, path, name, &other);
	/* a List without items may be either, and stays a policy file */
	if (r == 0 && !has_code(other, PARSE_CODE_NO_INVENTORY) && !(*ret_source)->says_nothing) {
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
		add_unreadable(ctl, diags, path, strerror(errno));
		return 0;
	}
	if (!source_name_is_read(kind, name)) {
		add_unreadable(ctl, diags, path,
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
	int r = source_dir_refresh(dir, 0);

	if (r == 0) {
		Snapshot *snapshot = ctl_merge(&dir, 1);

		diags_append(diags, snapshot_diags(snapshot));
		snapshot_free(snapshot);
	}
	source_dir_free(dir);
	return r;
}

static int check_paths(Ctl *ctl)
{
	Diags diags = {.arena = ctl->arena, .max = DIAGS_ALL_MAX};

	if (ctl_load_settings(ctl) != 0)
		return CTL_NO;
	for (int i = 0; i < ctl->n; i++) {
		struct stat st;
		bool is_directory = stat(ctl->arguments[i], &st) == 0 && S_ISDIR(st.st_mode);
		int r = is_directory ? check_directory(ctl, &diags, ctl->arguments[i])
				     : check_file(ctl, &diags, ctl->arguments[i]);

		if (r < 0)
			return ctl_fail(strerror(-r));
	}
	return print_result(ctl, &diags);
}

int run_check(Ctl *ctl)
{
	Diags diags = {.arena = ctl->arena, .max = DIAGS_ALL_MAX};
	CompileOptions options;
	int r;

	if (ctl->n > 0)
		return check_paths(ctl);
	if (ctl_load_settings(ctl) != 0)
		return CTL_NO;
	r = ctl_read_directories(ctl);
	if (r < 0)
		return ctl_fail(strerror(-r));
	ctl->snapshot = ctl_merge(ctl->dirs, ctl->n_dirs);
	options = settings_compile_options(&ctl->settings);
	diags_append(&diags, snapshot_diags(ctl->snapshot));
	compile_check_budget(snapshot_model(ctl->snapshot), &options.budget, &diags);
	return print_result(ctl, &diags);
}
