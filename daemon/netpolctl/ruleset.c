/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl ruleset: the nft text of what is in force. */
#include "netpolctl.h"

static void print_ruleset(Ctl *ctl, const char *text)
{
	Buf buf = {.arena = ctl->arena};

	if (!ctl->is_json) {
		fputs(text, stdout);
		return;
	}
	buf_add(&buf, "{\"table\": ");
	text_add_json(&buf, ctl->settings.table);
	buf_add(&buf, ", \"nft\": ");
	text_add_json(&buf, text);
	puts(buf_text(&buf));
	puts("}");
}

/*
 * With the bridge table only if the setting is bridge = "conntrack". What "auto" chooses depends on
 * this kernel, and the files may be for another machine.
 */
static const char *ruleset_text(Ctl *ctl, const Ruleset *inet)
{
	BridgeOptions options = {.has_conntrack = true};
	const char *text = nft_ruleset_text(ctl->arena, inet);
	Ruleset *bridge;

	if (ctl->settings.bridge == BRIDGE_CONNTRACK) {
		bridge = compile_bridge(inet, &options);
		text = arena_printf(ctl->arena, "%s%s", text, nft_ruleset_text(ctl->arena, bridge));
		ruleset_unref(bridge);
	}
	return text;
}

int run_ruleset(Ctl *ctl)
{
	Diags diags = {.arena = ctl->arena};
	CompileOptions options;
	Ruleset *ruleset;
	int r;

	r = ctl_load(ctl);
	if (r != 0)
		return r;
	options = settings_compile_options(&ctl->settings);
	ruleset = compile(snapshot_model(ctl->snapshot), &options, &diags);
	ctl_print_diags(ctl, &diags, SEVERITY_WARNING, stderr);
	print_ruleset(ctl, ruleset_text(ctl, ruleset));
	ruleset_unref(ruleset);
	return CTL_OK;
}
