/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options that netpold and netpolctl share: they replace settings of netpol.conf. */
#include "run.h"
#include <string.h>

/* One that is over the limit is kept, so that settings_read() finds that there are too many. */
static void add(DirectoryOptions *directories, const char *path)
{
	if (directories->n < ARRAY_SIZE(directories->at))
		directories->at[directories->n++] = path;
}

bool settings_option_set(SettingsOptions *options, int option, const char *argument)
{
	switch (option) {
	case OPTION_CONF:
		options->conf = argument;
		options->is_conf_default = false;
		return true;
	case OPTION_POLICIES:
		add(&options->policies, argument);
		return true;
	case OPTION_INVENTORY:
		add(&options->inventory, argument);
		return true;
	case OPTION_ATTACHMENTS:
		options->attachments = argument;
		return true;
	case OPTION_NODE:
		options->node = argument;
		return true;
	case OPTION_RUNTIME:
		options->runtime = argument;
		return true;
	default:
		return false;
	}
}

static void replace(const char **setting, const char *option)
{
	if (option)
		*setting = option;
}

/* 0 or PARSE_E_INVALID. */
static int replace_directories(Arena *arena, Texts *setting, const DirectoryOptions *options,
	const char *name, Diags *diags)
{
	Origin origin = {.file = name};
	Texts directories = {};

	for (size_t i = 0; i < options->n; i++)
		if (!settings_add_directory(arena, &directories, options->at[i], origin, diags))
			return PARSE_E_INVALID;
	if (options->n > 0)
		*setting = directories;
	return 0;
}

/*
 * Beside the runtime directory, not in it: that is netpold's own, and root, who writes the records,
 * must not write where another user can put a symbolic link.
 */
static const char *attachments_of(Arena *arena, const char *runtime)
{
	size_t n = strlen(runtime);

	while (n > 1 && runtime[n - 1] == '/')
		n--;
	return arena_printf(arena, "%.*s-attachments", (int)n, runtime);
}

int settings_read(
	Arena *arena, const SettingsOptions *options, Settings *ret_settings, Diags *diags)
{
	int r = settings_load(arena, options->conf, options->is_conf_default, ret_settings, diags);

	if (replace_directories(
		    arena, &ret_settings->policies, &options->policies, "--policies", diags) != 0)
		r = PARSE_E_INVALID;
	if (replace_directories(arena, &ret_settings->inventory, &options->inventory, "--inventory",
		    diags) != 0)
		r = PARSE_E_INVALID;
	replace(&ret_settings->attachments, options->attachments);
	replace(&ret_settings->node, options->node);
	ret_settings->is_host_name &= !options->node;
	replace(&ret_settings->runtime, options->runtime);
	if (strcmp(ret_settings->attachments, ATTACHMENTS_AUTO) == 0) {
		ret_settings->is_attachments_auto = true;
		ret_settings->attachments = attachments_of(arena, ret_settings->runtime);
	}
	return r;
}

CompileOptions settings_compile_options(const Settings *settings)
{
	return (CompileOptions){.node = settings->node,
		.is_all = settings->enforce == ENFORCE_ALL,
		.is_drop = settings->deny == DENY_DROP,
		.is_unknown_allowed = settings->unknown_pods == UNKNOWN_ALLOW,
		.table = settings->table,
		.log_group = settings->is_log_denied ? (uint16_t)settings->log_group : 0,
		.budget = {.elements = (size_t)settings->namespace_elements,
			.rules = (size_t)settings->namespace_rules,
			.node = settings->enforce == ENFORCE_ALL ? NULL : settings->node}};
}
