/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings, directories, snapshot. */
#include "netpolctl.h"
#include <assert.h>

int ctl_load_settings(Ctl *ctl)
{
	Diags diags = {.arena = ctl->arena};
	int r = settings_read(ctl->arena, &ctl->options, &ctl->settings, &diags);

	ctl_print_diags(ctl, &diags, SEVERITY_WARNING, stderr);
	return r;
}

Snapshot *ctl_merge(SourceDir *const *dirs, size_t n)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Changes changes = {.arena = arena};
	Snapshot *snapshot = snapshot_new(dirs, n);

	snapshot_update(snapshot, &changes);
	return snapshot;
}

/* 0 or -errno. */
static int read_directories(Ctl *ctl, SourceKind kind, const Texts *paths)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++) {
		SourceDir *dir = source_dir_new(kind, paths->at[i], false);

		assert(ctl->n_dirs < ARRAY_SIZE(ctl->dirs));
		ctl->dirs[ctl->n_dirs++] = dir;
		r = source_dir_refresh(dir, 0);
	}
	return r;
}

int ctl_read_directories(Ctl *ctl)
{
	int r = read_directories(ctl, SOURCE_POLICIES, &ctl->settings.policies);

	return r ? r : read_directories(ctl, SOURCE_INVENTORY, &ctl->settings.inventory);
}

int ctl_read_attachments(Ctl *ctl)
{
	SourceDir *dir;

	if (!*ctl->settings.attachments)
		return 0;
	dir = source_dir_new(SOURCE_ATTACHMENTS, ctl->settings.attachments, false);
	source_dir_set_optional(dir, ctl->settings.is_attachments_auto);
	assert(ctl->n_dirs < ARRAY_SIZE(ctl->dirs));
	ctl->dirs[ctl->n_dirs++] = dir;
	return source_dir_refresh(dir, 0);
}

void ctl_free(Ctl *ctl)
{
	ctl->snapshot = snapshot_free(ctl->snapshot);
	for (size_t i = 0; i < ctl->n_dirs; i++)
		source_dir_free(ctl->dirs[i]);
	ctl->n_dirs = 0;
}
