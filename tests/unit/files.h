/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Policies and inventory in a temporary folder of the test. */
#include "source.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Arena *arena;   /* of the texts */
static char root[100]; /* the folder, by files_begin() */

static inline void files_begin_in(const char *parent)
{
	/* mkdtemp() replaces the last six */
	snprintf(root, sizeof(root), "%s/netpol-unit-XXXXXX", parent);
	cr_assert(mkdtemp(root));
}

static inline void files_begin(void)
{
	files_begin_in("/tmp");
}

static inline void files_end(void)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_expect_eq(system(command), 0);
}

/* 0: policies, 1: inventory */
static inline const char *folder(int dir)
{
	return arena_printf(arena, "%s/%s", root, dir == 0 ? "policies" : "inventory");
}

static inline const char *path(int dir, const char *name)
{
	return arena_printf(arena, "%s/%s", folder(dir), name);
}

/* Both directories, empty. */
static inline void files_clear(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s/policies %s/inventory", root, root);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(mkdir(folder(0), 0755) | mkdir(folder(1), 0755), 0);
}

static inline void put(int dir, const char *name, const char *text)
{
	FILE *file = fopen(path(dir, ".new"), "w");

	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
	cr_assert_eq(rename(path(dir, ".new"), path(dir, name)), 0);
}

static inline void dirs_new(SourceDir *dirs[2], bool is_saving)
{
	for (int i = 0; i < 2; i++) {
		dirs[i] = source_dir_new(
			i == 0 ? SOURCE_POLICIES : SOURCE_INVENTORY, folder(i), is_saving);
		cr_assert(dirs[i]);
	}
}

static inline void dirs_free(SourceDir *dirs[2])
{
	for (int i = 0; i < 2; i++)
		source_dir_free(dirs[i]);
}
