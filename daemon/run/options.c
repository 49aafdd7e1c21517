/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options that netpold and netpolctl share: they replace settings of netpol.conf. */
#include "run.h"

bool settings_option_set(SettingsOptions *options, int option, const char *argument)
{
	switch (option) {
	case OPTION_CONF:
		options->conf = argument;
		options->is_conf_default = false;
		return true;
	case OPTION_POLICIES:
		options->policies = argument;
		return true;
	case OPTION_INVENTORY:
		options->inventory = argument;
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

int settings_read(
	Arena *arena, const SettingsOptions *options, Settings *ret_settings, Diags *diags)
{
	int r = settings_load(arena, options->conf, options->is_conf_default, ret_settings, diags);

	replace(&ret_settings->policies, options->policies);
	replace(&ret_settings->inventory, options->inventory);
	replace(&ret_settings->node, options->node);
	ret_settings->is_host_name &= !options->node;
	replace(&ret_settings->runtime, options->runtime);
	return r;
}

CompileOptions settings_compile_options(const Settings *settings)
{
	return (CompileOptions){.node = settings->node,
		.is_all = settings->enforce == ENFORCE_ALL,
		.is_drop = settings->deny == DENY_DROP,
		.table = settings->table,
		.services = settings->service_cidrs};
}
