/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl matrix: which pod reaches which, on one port. */
#include "netpolctl.h"
#include <string.h>

/*
 * Where the verdict would be another if the audited policies were enforced, the table has an
 * other letter: 'x' is allowed and would be denied, 'o' is denied and would be allowed. JSON
 * has the verdicts in force alone.
 */
static char trial_cell(const Explainer *explainer, const Flow *flow, char verdict)
{
	if (explain_trial(explainer, flow) == explain_verdict(explainer, flow))
		return verdict;
	return verdict == '.' ? 'x' : 'o';
}

/*
 * '.' allowed, 'X' denied, '-' not applicable: the two have no address family in common, or the
 * named port is not one of the destination.
 */
static char cell(Ctl *ctl, Explainer *explainer, const Pod *from, const Pod *to, const char *port)
{
	const char *error;
	char verdict;
	Flow flow;

	if (explain_parse(explainer, pod_text(ctl->arena, from), pod_text(ctl->arena, to), port,
		    &flow, &error) != 0)
		return '-';
	verdict = explain_verdict(explainer, &flow) ? '.' : 'X';
	return ctl->is_json ? verdict : trial_cell(explainer, &flow, verdict);
}

static void print_matrix_text(Ctl *ctl, Explainer *explainer, const Pods *pods, const char *port)
{
	int width = 0;

	for (size_t i = 0; i < pods->n; i++) {
		int n = (int)strlen(pod_text(ctl->arena, pods->at[i]));

		width = n > width ? n : width;
	}
	printf("%s: rows reach columns; . allowed, X denied, - not applicable\n", port);
	if (explain_has_trial(explainer))
		puts("with the audited policies enforced: x would be denied, o would be allowed");
	printf("%*s", width + 5, "");
	for (size_t i = 0; i < pods->n; i++)
		printf(" %3zu", i + 1);
	for (size_t i = 0; i < pods->n; i++) {
		printf("\n%3zu %-*s ", i + 1, width, pod_text(ctl->arena, pods->at[i]));
		for (size_t k = 0; k < pods->n; k++)
			printf(" %3c", cell(ctl, explainer, pods->at[i], pods->at[k], port));
	}
	puts("");
}

static void print_matrix_json(Ctl *ctl, Explainer *explainer, const Pods *pods, const char *port)
{
	Buf buf = {.arena = ctl->arena};

	buf_add(&buf, "{\"pods\": [");
	for (size_t i = 0; i < pods->n; i++) {
		buf_add(&buf, i ? ", " : "");
		text_add_json(&buf, pod_text(ctl->arena, pods->at[i]));
	}
	buf_add(&buf, "],\n \"rows\": [");
	for (size_t i = 0; i < pods->n; i++) {
		buf_add(&buf, i ? ",\n  \"" : "\n  \"");
		for (size_t k = 0; k < pods->n; k++)
			buf_printf(
				&buf, "%c", cell(ctl, explainer, pods->at[i], pods->at[k], port));
		buf_add(&buf, "\"");
	}
	puts(buf_text(&buf));
	puts("]}");
}

int run_matrix(Ctl *ctl)
{
	CompileOptions options;
	Explainer *explainer;
	Pods all = {}, pods = {};
	int r;

	r = ctl_load(ctl);
	if (r != 0)
		return r;
	options = settings_compile_options(&ctl->settings);
	explainer = explainer_new(snapshot_model(ctl->snapshot), &options);
	model_list_pods(snapshot_model(ctl->snapshot), ctl->arena, &all);
	for (size_t i = 0; i < all.n; i++)
		if (pod_is_live(all.at[i]))
			VEC_PUSH(ctl->arena, &pods, all.at[i]);
	(ctl->is_json ? print_matrix_json : print_matrix_text)(
		ctl, explainer, &pods, ctl->arguments[0]);
	explainer_free(explainer);
	return 0;
}
