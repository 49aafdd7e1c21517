/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counted from the model and the ruleset. */
#include "totals.h"

static size_t count_isolated(const Ruleset *ruleset)
{
	size_t n = 0;

	for (size_t i = 0; i < ruleset->sets.n; i++)
		if (ruleset->sets.at[i]->kind == SET_SELF)
			n += ruleset->sets.at[i]->elements.n;
	return n;
}

Totals totals_of(const Status *status)
{
	Totals t = {.errors = status->diags ? status->diags->n_errors : 0,
		.warnings = status->diags ? status->diags->n_warnings : 0};

	if (status->model) {
		ModelCounts counts = model_counts(status->model);

		t.policies = counts.policies;
		t.pods = counts.pods;
		t.namespaces = counts.namespaces;
		t.by_both = counts.attached - counts.unlisted;
		t.by_record = counts.unlisted;
	}
	for (size_t i = 0; status->local_pods && i < status->local_pods->n; i++)
		t.by_inventory += !status->local_pods->at[i]->attached;
	if (status->ruleset) {
		t.isolated = count_isolated(status->ruleset);
		t.sets = status->ruleset->sets.n;
		t.chains = status->ruleset->chains.n;
		for (size_t i = 0; i < t.sets; i++)
			t.elements += status->ruleset->sets.at[i]->elements.n +
				      status->ruleset->sets.at[i]->ranges.n;
	}
	return t;
}
