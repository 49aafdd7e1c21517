/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counted from the model and the ruleset. */
#include "totals.h"

/* Addresses that are isolated, or that audited policies alone are for. */
static size_t count_selves(const Ruleset *ruleset, bool is_audit)
{
	size_t n = 0;

	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		n += ruleset_set(ruleset, object_name_self(f, is_audit))->elements.n;
	return n;
}

Totals totals_of(const Status *status)
{
	Totals t = {.errors = status->diags ? status->diags->n_errors : 0,
		.warnings = status->diags ? status->diags->n_warnings : 0};

	if (status->model) {
		ModelCounts counts = model_counts(status->model);

		t.policies = counts.policies;
		t.audited = counts.audited;
		t.pods = counts.pods;
		t.namespaces = counts.namespaces;
		t.by_both = counts.attached - counts.unlisted;
		t.by_record = counts.unlisted;
	}
	for (size_t i = 0; status->local_pods && i < status->local_pods->n; i++)
		t.by_inventory += !status->local_pods->at[i]->attached;
	if (status->ruleset) {
		t.isolated = count_selves(status->ruleset, false);
		t.sets = status->ruleset->sets.n;
		t.chains = status->ruleset->chains.n;
		for (size_t i = 0; i < t.sets; i++)
			t.elements += status->ruleset->sets.at[i]->elements.n +
				      status->ruleset->sets.at[i]->ranges.n;
	}
	return t;
}
