/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings, directories, snapshot. */
#include "netpolctl.h"

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

int ctl_read_directories(Ctl *ctl)
{
	const char *paths[2] = {ctl->settings.policies, ctl->settings.inventory};
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		ctl->dirs[i] = source_dir_new(
			i == 0 ? SOURCE_POLICIES : SOURCE_INVENTORY, paths[i], false);
		r = source_dir_refresh(ctl->dirs[i], 0);
	}
	return r;
}

void ctl_free(Ctl *ctl)
{
	ctl->snapshot = snapshot_free(ctl->snapshot);
	for (size_t i = 0; i < ARRAY_SIZE(ctl->dirs); i++)
		ctl->dirs[i] = source_dir_free(ctl->dirs[i]);
}
