/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that a directory has and that are not read: a warning each, which comes and goes with the
 * name, and which makes no refresh a full scan. */
#include "files.h"
#include <string.h>

static SourceDir *dirs[2];
static Snapshot *snapshot;

static void begin(void)
{
	arena = arena_new();
	files_begin();
	files_clear();
	dirs_new(dirs, false);
	snapshot = snapshot_new(dirs, 2);
}

static void end(void)
{
	snapshot_free(snapshot);
	dirs_free(dirs);
	files_end();
	arena_free(arena);
}

TestSuite(ignored, .init = begin, .fini = end);

static void refresh(void)
{
	Changes changes = {.arena = arena};

	for (int i = 0; i < 2; i++)
		cr_assert_eq(source_dir_refresh(dirs[i], 0), 0);
	snapshot_update(snapshot, &changes);
}

/* The names with a warning, each after a blank. */
static const char *warned(void)
{
	const Diags *diags = snapshot_diags(snapshot);
	Buf buf = {.arena = arena};

	for (size_t i = 0; i < diags->list.n; i++) {
		const Diag *diag = &diags->list.at[i];

		cr_assert_eq(diag->severity, SEVERITY_WARNING, "%s", diag_line(arena, diag));
		buf_printf(&buf, " %s", strrchr(diag->origin.file, '/') + 1);
	}
	return buf_text(&buf);
}

Test(ignored, names_that_look_like_files_to_read)
{
	static const char *const leftovers[] = {".hidden.yaml", "a.yaml~", "#a.yaml#", "a.yaml.swp",
		"a.yaml.bak", "a.yaml.orig", "a.yaml.rej", "a.yaml.new", "a.yaml.tmp",
		"a.yaml.dpkg-old", "a.conf.rpmsave"};

	for (size_t i = 0; i < ARRAY_SIZE(leftovers); i++)
		put(0, leftovers[i], "nonsense");
	put(0, "a.YAML", "");
	put(0, "b.yml.txt", "");
	put(0, "c", "");
	cr_assert_eq(mkdir(path(0, "d"), 0755), 0);
	put(1, "pods.conf", "");
	refresh();
	cr_expect_str_eq(warned(), " a.YAML b.yml.txt c d pods.conf");
}

Test(ignored, a_warning_comes_and_goes_with_the_name)
{
	refresh();
	put(0, "a.YAML", "");
	put(0, "a.yaml~", "");
	cr_expect(source_dir_mark(dirs[0], "a.YAML"));
	cr_expect_not(source_dir_mark(dirs[0], "a.yaml~"));
	refresh();
	cr_expect_str_eq(warned(), " a.YAML");

	/* another file is read: the warning stays */
	put(0, "b.conf", "# nothing\n");
	source_dir_mark(dirs[0], "b.conf");
	refresh();
	cr_expect_str_eq(warned(), " a.YAML");

	cr_assert_eq(rename(path(0, "a.YAML"), path(0, "c.yaml.txt")), 0);
	source_dir_mark(dirs[0], "a.YAML");
	source_dir_mark(dirs[0], "c.yaml.txt");
	refresh();
	cr_expect_str_eq(warned(), " c.yaml.txt");

	cr_assert_eq(unlink(path(0, "c.yaml.txt")), 0);
	source_dir_mark(dirs[0], NULL);
	refresh();
	cr_expect_str_eq(warned(), "");
}

/* With 100,000 files a full scan at each event would take most of the time. */
Test(ignored, a_warning_causes_no_full_scan)
{
	put(0, "a.YAML", "");
	refresh();
	put(0, "unmarked.conf", "# nothing\n");
	source_dir_mark(dirs[0], "a.YAML");
	source_dir_prefetch(dirs[0]);
	refresh();
	refresh();
	cr_expect_str_eq(warned(), " a.YAML");
	cr_expect_eq(source_dir_count(dirs[0]), 0, "the directory was scanned");
}

/* Twenty get a warning of their own. When one is deleted, a full scan finds another one. */
Test(ignored, many_names_are_counted)
{
	const Diags *diags;

	for (int i = 0; i < 30; i++)
		put(0, arena_printf(arena, "f%02d", i), "");
	refresh();
	diags = snapshot_diags(snapshot);
	cr_assert_eq(diags->list.n, 21);
	cr_expect_str_eq(
		diags->list.at[20].message, "more than 20 names in this directory are not read");
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(unlink(path(0, arena_printf(arena, "f%02d", i))), 0);
		source_dir_mark(dirs[0], arena_printf(arena, "f%02d", i));
	}
	refresh();
	refresh();
	cr_expect_str_eq(warned(), " f20 f21 f22 f23 f24 f25 f26 f27 f28 f29");
	put(0, "a", "");
	source_dir_mark(dirs[0], "a");
	refresh();
	cr_expect_str_eq(warned(), " a f20 f21 f22 f23 f24 f25 f26 f27 f28 f29");
}
