/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ok, degraded or unhealthy, and why. Pure: a Status in, texts out. */
#include "totals.h"
#include <string.h>

const char *const HEALTH_TEXT[] = {"ok", "degraded", "unhealthy", NULL};

/*
 * Warnings about the form of a file whose content is enforced as it is written. Every other warning
 * says that something may not be enforced as its author believes.
 */
static bool is_about_form(const Diag *diag)
{
	static const char *const codes[] = {PARSE_CODE_NO_SPEC, PARSE_CODE_METADATA,
		PARSE_CODE_LEGACY_CIDR, PARSE_CODE_EMPTY_LIST};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (strcmp(diag->code, codes[i]) == 0)
			return true;
	return false;
}

static void add_diags(Arena *arena, Texts *reasons, const Diags *diags, Severity severity)
{
	for (size_t i = 0; i < diags->list.n && reasons->n < HEALTH_REASONS_MAX; i++) {
		const Diag *diag = &diags->list.at[i];

		if (diag->severity == severity && !is_about_form(diag))
			VEC_PUSH(arena, reasons, diag_line(arena, diag));
	}
}

/*
 * True of a node whose pods no policy selects, too. But it is what a wrong label, a wrong namespace
 * or an inventory without this node's pods looks like.
 */
static void add_nothing_isolated(Arena *arena, Texts *reasons, const Totals *t)
{
	size_t n = t->policies - t->audited;

	if (n > 0 && t->isolated == 0 && reasons->n < HEALTH_REASONS_MAX)
		VEC_PUSH(arena, reasons,
			arena_printf(arena, "%zu %s in force, but no pod of this node is isolated",
				n, n == 1 ? "policy is" : "policies are"));
}

static bool is_isolated(const Ruleset *ruleset, Address address)
{
	return verdict_isolates(ruleset_verdict(ruleset, INGRESS, address)) ||
	       verdict_isolates(ruleset_verdict(ruleset, EGRESS, address));
}

/* Pods that policies isolate, and whose packets do not pass our hooks. */
static void add_unreached(Texts *reasons, Arena *arena, const Status *status)
{
	if (!status->senders || !status->ruleset)
		return;
	for (size_t i = 0; i < status->senders->unreached.n; i++) {
		const UnreachedAddress *at = &status->senders->unreached.at[i];

		if (reasons->n < HEALTH_REASONS_MAX && is_isolated(status->ruleset, at->address))
			VEC_PUSH(arena, reasons, arena_printf(arena, "pod %s", at->words));
	}
}

void status_summarize(Arena *arena, Status *status)
{
	Texts reasons = {};

	status->totals = totals_of(status);
	if (status->unhealthy)
		VEC_PUSH(arena, &reasons, status->unhealthy);
	add_unreached(&reasons, arena, status);
	if (status->diags) {
		add_diags(arena, &reasons, status->diags, SEVERITY_ERROR);
		add_diags(arena, &reasons, status->diags, SEVERITY_WARNING);
	}
	add_nothing_isolated(arena, &reasons, &status->totals);
	status->reasons = reasons;
	status->health = reasons.n ? HEALTH_DEGRADED : HEALTH_OK;
	if (status->unhealthy)
		status->health = HEALTH_UNHEALTHY;
}
