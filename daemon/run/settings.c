/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings in force. */
#include "settings.h"
#include "log.h"
#include <string.h>
#include <syslog.h>

struct SettingsStore {
	const SettingsOptions *options;
	Arena *arena; /* of the settings; NULL: there are none yet */
	Settings settings;
};

SettingsStore *settings_store_new(const SettingsOptions *options)
{
	SettingsStore *store = MEMORY_NEW(SettingsStore);

	store->options = options;
	return store;
}

SettingsStore *settings_store_free(SettingsStore *store)
{
	if (store)
		arena_free(store->arena);
	free(store);
	return NULL;
}

static void keep(Arena *arena, const char *what, const char *old, const char **setting)
{
	if (!old || strcmp(old, *setting) == 0)
		return;
	log_line(LOG_ERR, what, "\"%s\" changes only with a restart: it stays \"%s\"", what, old);
	*setting = arena_strdup(arena, old);
}

int settings_reload(SettingsStore *store)
{
	Arena *arena = arena_new();
	Diags diags = {.arena = arena};
	Settings settings;
	int r = settings_read(arena, store->options, &settings, &diags);

	log_diags(&diags);
	if (r != 0) {
		arena_free(arena);
		return r;
	}
	keep(arena, "table", store->settings.table, &settings.table);
	keep(arena, "runtime", store->settings.runtime, &settings.runtime);
	arena_free(store->arena);
	store->arena = arena;
	store->settings = settings;
	return 0;
}

const Settings *settings_in_force(const SettingsStore *store)
{
	return &store->settings;
}
