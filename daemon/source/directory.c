/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory of sources: its lifetime, queries, events, and its own diagnostics. */
#include "directory.h"
#include "attachment_file.h"
#include <string.h>

/* ---- Lifetime ---- */
SourceDir *source_dir_new(SourceKind kind, const char *path, bool is_saving)
{
	SourceDir *dir = MEMORY_NEW(SourceDir);

	dir->kind = kind;
	dir->entries.is_saving = is_saving;
	dir->pending.is_full_scan = true;
	dir->path = memory_copy_text(path);
	source_state_folder(kind, path, dir->state_folder);
	dir->diag_arena = arena_new();
	dir->diags.arena = dir->diag_arena;
	return dir;
}

SourceDir *source_dir_free(SourceDir *dir)
{
	if (!dir)
		return NULL;
	entries_free(&dir->entries);
	pending_free(&dir->pending);
	ignored_free(&dir->ignored);
	free(dir->path);
	arena_free(dir->diag_arena);
	free(dir);
	return NULL;
}

void source_dir_set_withdraw_ms(SourceDir *dir, uint64_t withdraw_ms)
{
	dir->withdraw_ms = withdraw_ms;
}

void source_dir_set_optional(SourceDir *dir, bool is_optional)
{
	dir->is_optional = is_optional;
}

/* ---- Queries ---- */
SourceKind source_dir_kind(const SourceDir *dir)
{
	return dir->kind;
}

const char *source_dir_path(const SourceDir *dir)
{
	return dir->path;
}

const Diags *source_dir_diags(const SourceDir *dir)
{
	return &dir->diags;
}

size_t source_dir_count(const SourceDir *dir)
{
	return dir->entries.all.n;
}

SourceDirFile source_dir_file(const SourceDir *dir, size_t i)
{
	const Entry *entry = entry_at(&dir->entries, i);

	return (SourceDirFile){entry->name, entry->current, entry->accepted,
		(int64_t)entry->stat.st_mtim.tv_sec * 1000000000 + entry->stat.st_mtim.tv_nsec,
		entry_is_gone(entry)};
}

/* With an error of the directory itself nobody can tell which files are gone. */
uint64_t source_dir_next_withdrawal(const SourceDir *dir)
{
	uint64_t next = SOURCE_NEVER;

	if (dir->entries.n_withdrawn == 0 || dir->diags.n_errors)
		return SOURCE_NEVER;
	for (size_t i = 0; i < dir->entries.all.n; i++) {
		const Entry *entry = entry_at(&dir->entries, i);

		if (entry_is_gone(entry) && entry->gone_at_ms + dir->withdraw_ms < next)
			next = entry->gone_at_ms + dir->withdraw_ms;
	}
	return next;
}

bool source_dir_has_restored(const SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.all.n; i++)
		if (entry_at(&dir->entries, i)->is_restored)
			return true;
	return false;
}

bool source_dir_mark_stale(SourceDir *dir)
{
	bool is_marked = false;

	for (size_t i = 0; i < dir->entries.all.n; i++) {
		const Entry *entry = entry_at(&dir->entries, i);

		if (entry->accepted && attachment_file_is_doubtful(entry->accepted))
			is_marked |= source_dir_mark(dir, entry->name);
	}
	return is_marked;
}

/* ---- Events ---- */
void source_dir_set_being_written(SourceDir *dir, const char *name, bool is_being_written)
{
	Entry *entry = entry_find(&dir->entries, name);

	/* a new file needs an entry, or a refresh would read it half written */
	if (!entry && is_being_written && source_name_is_read(dir->kind, name) &&
		entry_add(&dir->entries, name, &entry) == 0)
		entries_sort(&dir->entries);
	if (entry)
		entry->is_being_written = is_being_written;
}

void source_dir_clear_being_written(SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.all.n; i++)
		entry_at(&dir->entries, i)->is_being_written = false;
}

/*
 * An event of a name that is not read may end a warning about it, or begin one (ignored.h), or end
 * that restored files stay in force (SOURCE_COMPLETE). It also matters if there are symbolic links:
 * the path of one may lead through that name, as in Kubernetes' own ConfigMap volumes (web.yaml ->
 * ..data/web.yaml). It is not known which link, so all files are looked at.
 */
bool source_dir_mark(SourceDir *dir, const char *name)
{
	bool is_read = name && source_name_is_read(dir->kind, name);

	if (is_read) {
		pending_mark(&dir->pending, name);
		return true;
	}
	if (name && !dir->has_links && strcmp(name, SOURCE_COMPLETE) != 0) {
		if (!ignored_has_warning(dir->kind, name))
			return false;
		pending_mark(&dir->pending, name);
		return true;
	}
	dir->pending.is_full_scan = true;
	return true;
}

bool directory_has_trouble(const SourceDir *dir)
{
	for (size_t i = 0; i < dir->diags.list.n; i++)
		if (!ignored_is_warning(&dir->diags.list.at[i]))
			return true;
	return false;
}

bool directory_must_scan(const SourceDir *dir)
{
	return dir->pending.is_full_scan || directory_has_trouble(dir);
}

/* ---- Diagnostics of the directory itself ---- */
void directory_clear_diags(SourceDir *dir)
{
	arena_free(dir->diag_arena);
	dir->diag_arena = arena_new();
	dir->diags = (Diags){.arena = dir->diag_arena};
}

void directory_add_error(SourceDir *dir, const char *message)
{
	DIAG_ERROR(&dir->diags, ((Origin){.file = dir->path}), "directory",
		dir->entries.all.n ? "what was read from it last stays in force" : NULL, "%s",
		message);
}

void directory_warn_restored(SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.all.n; i++) {
		const Entry *entry = entry_at(&dir->entries, i);
		Origin origin = {};

		if (!entry->is_restored || !entry->accepted)
			continue;
		origin.file = arena_printf(dir->diag_arena, "%s/%s", dir->path, entry->name);
		DIAG_WARNING(&dir->diags, origin, "kept",
			"if it is gone for good, remove its copy from the state directory and "
			"restart netpold",
			"not written since this machine started: its content from before the "
			"reboot stays in force");
	}
}
