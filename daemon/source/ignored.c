/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that are not read: see ignored.h. */
#include "ignored.h"
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

static const char CODE[] = "ignored";

/* ---- Names ---- */
/* Hidden files are not listed here: .web.yaml.swp, .#web.yaml, ConfigMaps' ..data. */
static bool is_leftover(const char *name)
{
	static const char *const suffixes[] = {"~", "#", ".swp", ".swo", ".bak", ".orig", ".rej",
		".old", ".new", ".tmp", ".save", ".disabled", ".dpkg-old", ".dpkg-new",
		".dpkg-dist", ".dpkg-tmp", ".dpkg-bak", ".ucf-old", ".ucf-new", ".ucf-dist",
		".rpmsave", ".rpmnew", ".rpmorig"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (text_has_suffix(name, suffixes[i]))
			return true;
	return name[0] == '.';
}

bool ignored_has_warning(SourceKind kind, const char *name)
{
	return !source_name_is_read(kind, name) && !is_leftover(name);
}

/* ---- The list ---- */
static void remove_at(IgnoredNames *ignored, size_t i)
{
	free(ignored->at[i].name);
	ignored->n--;
	memmove(&ignored->at[i], &ignored->at[i + 1], (ignored->n - i) * sizeof(IgnoredName));
	ignored->has_changed = true;
}

static void insert_at(IgnoredNames *ignored, size_t i, const char *name, bool is_directory)
{
	if (ignored->n == IGNORED_MAX) {
		remove_at(ignored, IGNORED_MAX - 1);
		ignored->has_more = true;
	}
	memmove(&ignored->at[i + 1], &ignored->at[i], (ignored->n - i) * sizeof(IgnoredName));
	ignored->at[i] = (IgnoredName){memory_copy_text(name), is_directory};
	ignored->n++;
	ignored->has_changed = true;
}

bool ignored_look(IgnoredNames *ignored, int fd, const char *name)
{
	size_t i = 0;
	struct stat st;
	bool is_known, is_there;

	while (i < ignored->n && strcmp(ignored->at[i].name, name) < 0)
		i++;
	is_known = i < ignored->n && strcmp(ignored->at[i].name, name) == 0;
	is_there = fstatat(fd, name, &st, 0) == 0;
	if (is_known && !is_there)
		remove_at(ignored, i);
	if (is_known && is_there)
		ignored->at[i].is_directory = S_ISDIR(st.st_mode);
	if (!is_known && is_there && i < IGNORED_MAX)
		insert_at(ignored, i, name, S_ISDIR(st.st_mode));
	if (!is_known && is_there && i == IGNORED_MAX && !ignored->has_more)
		ignored->has_more = ignored->has_changed = true;
	return is_known && !is_there && ignored->has_more;
}

static bool are_same(const IgnoredNames *a, const IgnoredNames *b)
{
	if (a->n != b->n || a->has_more != b->has_more)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->at[i].name, b->at[i].name) != 0 ||
			a->at[i].is_directory != b->at[i].is_directory)
			return false;
	return true;
}

void ignored_replace(IgnoredNames *ignored, IgnoredNames *found)
{
	found->has_changed = ignored->has_changed || !are_same(ignored, found);
	ignored_free(ignored);
	*ignored = *found;
	*found = (IgnoredNames){};
}

void ignored_free(IgnoredNames *ignored)
{
	for (size_t i = 0; i < ignored->n; i++)
		free(ignored->at[i].name);
	ignored->n = 0;
}

/* ---- Warnings ---- */
/* The name that was probably meant: in small letters, or without its last ending; or NULL. */
static const char *nearest_name(Arena *arena, SourceKind kind, const char *name)
{
	char *nearest = arena_strdup(arena, name), *dot = strrchr(nearest, '.');

	if (!dot)
		return NULL;
	for (char *s = dot; *s; s++)
		*s = (char)tolower((unsigned char)*s);
	if (source_name_is_read(kind, nearest))
		return nearest;
	*dot = '\0';
	return source_name_is_read(kind, nearest) ? nearest : NULL;
}

static const char *hint_for(Arena *arena, SourceKind kind, const IgnoredName *ignored)
{
	const char *nearest = nearest_name(arena, kind, ignored->name);

	if (ignored->is_directory)
		return "move its files up, or the subdirectory away";
	if (nearest)
		return arena_printf(arena, "rename it to \"%s\"?", nearest);
	return kind == SOURCE_POLICIES ? "names that end in .conf, .yaml, .yml or .json are read"
				       : "names that end in .yaml, .yml or .json are read";
}

void ignored_warn(const IgnoredNames *ignored, SourceKind kind, const char *path, Diags *diags)
{
	for (size_t i = 0; i < ignored->n; i++) {
		Origin origin = {};

		origin.file = arena_printf(diags->arena, "%s/%s", path, ignored->at[i].name);
		DIAG_WARNING(diags, origin, CODE, hint_for(diags->arena, kind, &ignored->at[i]),
			"%s is not read",
			ignored->at[i].is_directory ? "a subdirectory" : "this file");
	}
	if (ignored->has_more)
		DIAG_WARNING(diags, ((Origin){.file = path}), CODE, NULL,
			"more than %d names in this directory are not read", IGNORED_MAX);
}

bool ignored_is_warning(const Diag *diag)
{
	return strcmp(diag->code, CODE) == 0;
}
