/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ignored: names in a directory that are not read although somebody may believe it: web.YAML,
 * web.yml.txt, a name without an ending, a subdirectory. Each gets a warning. Hidden names, and
 * what editors and package managers leave behind, do not: these names say that the file does not
 * count.
 *
 * The list is brought up to date by each full scan, and between scans by the events of single
 * names. A warning that stands therefore needs no scan.
 */
#include "source.h"

#define IGNORED_MAX 20 /* that are named; one warning says that there are more */

typedef struct IgnoredName {
	char *name;
	bool is_directory;
} IgnoredName;

typedef struct IgnoredNames {
	IgnoredName at[IGNORED_MAX]; /* n of them, sorted: the first ones */
	size_t n;
	bool has_more;
	bool has_changed; /* reset by who takes notice of it */
} IgnoredNames;

/* Whether a file of this name in a directory of this kind gets a warning. */
bool ignored_has_warning(SourceKind kind, const char *name);
/*
 * Looks whether the name, one that has a warning, is there. True: of those that had no room one
 * may take its place, but only a full scan can tell which. fd: the directory.
 */
bool ignored_look(IgnoredNames *ignored, int fd, const char *name);
/* What a full scan has found takes the place of what was known. `found` is moved. */
void ignored_replace(IgnoredNames *ignored, IgnoredNames *found);
void ignored_free(IgnoredNames *ignored);
/* One warning for each. path: of the directory. */
void ignored_warn(const IgnoredNames *ignored, SourceKind kind, const char *path, Diags *diags);
/* Whether a diagnostic is one of those. */
bool ignored_is_warning(const Diag *diag);
