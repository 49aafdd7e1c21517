/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of directories that netpold reads. */
#include "feeds.h"
#include <assert.h>
#include <string.h>

struct Feeds {
	SourceDir **dirs;
	size_t n;
};

static void free_dirs(Feeds *feeds)
{
	for (size_t i = 0; i < feeds->n; i++)
		source_dir_free(feeds->dirs[i]);
	free(feeds->dirs);
}

Feeds *feeds_new(void)
{
	return MEMORY_NEW(Feeds);
}

Feeds *feeds_free(Feeds *feeds)
{
	if (feeds)
		free_dirs(feeds);
	free(feeds);
	return NULL;
}

/* The directory of this kind and path, taken out of the list; or a new one. */
static SourceDir *take_or_make(Feeds *feeds, SourceKind kind, const char *path)
{
	for (size_t i = 0; i < feeds->n; i++) {
		SourceDir *dir = feeds->dirs[i];

		if (!dir || source_dir_kind(dir) != kind || strcmp(source_dir_path(dir), path) != 0)
			continue;
		feeds->dirs[i] = NULL;
		return dir;
	}
	return source_dir_new(kind, path, kind != SOURCE_ATTACHMENTS);
}

/* Appends the directories of one kind to the list `new`; those that stay come from `old`. */
static void add_dirs(Feeds *new, Feeds *old, SourceKind kind, const Texts *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		new->dirs[new->n++] = take_or_make(old, kind, paths->at[i]);
}

/* A record that is removed is so for good, since its pod's network is gone: no withdrawal. */
static void add_attachments(Feeds *new, Feeds *old, const Settings *settings)
{
	SourceDir *dir;

	if (!*settings->attachments)
		return;
	dir = take_or_make(old, SOURCE_ATTACHMENTS, settings->attachments);
	source_dir_set_optional(dir, settings->is_attachments_auto);
	new->dirs[new->n++] = dir;
}

void feeds_set(Feeds *feeds, const Settings *settings)
{
	size_t n = (size_t)settings->policies.n + settings->inventory.n + 1;
	Feeds new = {.dirs = memory_calloc(n, sizeof(SourceDir *))};

	add_dirs(&new, feeds, SOURCE_POLICIES, &settings->policies);
	add_dirs(&new, feeds, SOURCE_INVENTORY, &settings->inventory);
	for (size_t i = 0; i < new.n; i++)
		source_dir_set_withdraw_ms(new.dirs[i], (uint64_t)settings->withdraw_ms);
	add_attachments(&new, feeds, settings);
	free_dirs(feeds);
	*feeds = new;
}

SourceDir *const *feeds_dirs(const Feeds *feeds, size_t *ret_n)
{
	*ret_n = feeds->n;
	return feeds->dirs;
}

/* ---- Reading ---- */
void feeds_mark_all(Feeds *feeds)
{
	for (size_t i = 0; i < feeds->n; i++)
		source_dir_mark(feeds->dirs[i], NULL);
}

void feeds_prefetch(Feeds *feeds)
{
	for (size_t i = 0; i < feeds->n; i++)
		source_dir_prefetch(feeds->dirs[i]);
}

int feeds_refresh(Feeds *feeds, uint64_t now_ms, void (*on_stage)(void *context), void *context)
{
	int r = 0;

	assert(feeds->n > 0); /* feeds_set() comes first */
	for (size_t i = 0; r == 0 && i < feeds->n; i++) {
		r = source_dir_refresh(feeds->dirs[i], now_ms);
		on_stage(context);
	}
	return r;
}

void feeds_check(const Feeds *feeds, int64_t now_s, Diags *diags)
{
	for (size_t i = 0; i < feeds->n; i++)
		source_dir_check_feeds(feeds->dirs[i], now_s, diags);
}

uint64_t feeds_next_withdrawal(const Feeds *feeds)
{
	uint64_t next = SOURCE_NEVER;

	for (size_t i = 0; i < feeds->n; i++) {
		uint64_t at = source_dir_next_withdrawal(feeds->dirs[i]);

		next = at < next ? at : next;
	}
	return next;
}

bool feeds_mark_stale(Feeds *feeds)
{
	bool is_marked = false;

	for (size_t i = 0; i < feeds->n; i++)
		if (source_dir_kind(feeds->dirs[i]) == SOURCE_ATTACHMENTS)
			is_marked |= source_dir_mark_stale(feeds->dirs[i]);
	return is_marked;
}

bool feeds_are_current(const Feeds *feeds)
{
	for (size_t i = 0; i < feeds->n; i++)
		if (!source_dir_is_current(feeds->dirs[i]))
			return false;
	return true;
}

bool feeds_are_known(const Feeds *feeds, bool is_in_force, Faults *faults)
{
	bool is_known = true;

	for (size_t i = 0; i < feeds->n; i++) {
		const SourceDir *dir = feeds->dirs[i];
		bool is_unknown = source_dir_count(dir) == 0 && !is_in_force &&
				  source_dir_kind(feeds->dirs[i]) != SOURCE_ATTACHMENTS;

		if (source_dir_diags(dir)->n_errors == 0)
			continue;
		is_known &= !is_unknown;
		faults_add(faults, "%s cannot be read: %s", source_dir_path(dir),
			is_unknown ? "no content of it is known yet, so the tables in the kernel "
				     "stay as they are"
				   : "what was read last stays in force");
	}
	return is_known;
}

/* ---- The state directory ---- */
/*
 * Earlier versions had one folder of the state directory for each kind, which is the one of the
 * default path now.
 */
static void adopt_saved(const char *state, SourceKind kind, const Texts *paths)
{
	const char *usual =
		kind == SOURCE_POLICIES ? SETTINGS_POLICIES_DEFAULT : SETTINGS_INVENTORY_DEFAULT;

	for (size_t i = 0; i < paths->n; i++)
		if (strcmp(paths->at[i], usual) == 0)
			return;
	source_state_adopt(state, kind, paths->at[0]);
}

void feeds_adopt_saved(const Settings *settings)
{
	adopt_saved(settings->state, SOURCE_POLICIES, &settings->policies);
	adopt_saved(settings->state, SOURCE_INVENTORY, &settings->inventory);
}

int feeds_restore(Feeds *feeds, const char *state, bool is_new_boot, Diags *diags)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < feeds->n; i++)
		if (source_dir_kind(feeds->dirs[i]) != SOURCE_ATTACHMENTS)
			r = source_dir_restore(feeds->dirs[i], state, is_new_boot, diags);
	return r;
}

bool feeds_have_restored(const Feeds *feeds)
{
	for (size_t i = 0; i < feeds->n; i++)
		if (source_dir_has_restored(feeds->dirs[i]))
			return true;
	return false;
}

void feeds_take_unsaved(Feeds *feeds, StateText **list)
{
	for (size_t i = 0; i < feeds->n; i++)
		source_dir_take_unsaved(feeds->dirs[i], list);
}
