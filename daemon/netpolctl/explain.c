/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netpolctl explain: allow or deny, and why; for one flow, or for one on each line of input. */
#include "netpolctl.h"
#include <string.h>

static int explain_batch(Ctl *ctl, Explainer *explainer)
{
	char *line = NULL;
	size_t capacity = 0;
	int status = CTL_OK;

	while (!ferror(stdout) && getline(&line, &capacity, stdin) > 0) {
		char *rest = NULL;
		const char *source = strtok_r(line, " \t\r\n", &rest),
			   *error = "expected SRC DST PORT";
		const char *destination = source ? strtok_r(NULL, " \t\r\n", &rest) : NULL;
		const char *port = destination ? strtok_r(NULL, " \t\r\n", &rest) : NULL;
		Flow flow;

		if (!source || source[0] == '#')
			continue;
		if (port &&
			explain_parse(explainer, source, destination, port, &flow, &error) == 0) {
			puts(ctl->is_json ? explain_json(explainer, ctl->arena, &flow)
				: explain_verdict(explainer, &flow) ? "allow"
								    : "deny");
			continue;
		}
		puts("error");
		fprintf(stderr, "netpolctl: %s\n", error);
		status = CTL_ERROR;
	}
	free(line);
	return status;
}

static int explain_one(Ctl *ctl, Explainer *explainer)
{
	const char *error;
	Flow flow;

	if (explain_parse(explainer, ctl->arguments[0], ctl->arguments[1], ctl->arguments[2], &flow,
		    &error) != 0)
		return ctl_fail(error);
	fputs(ctl->is_json ? explain_json(explainer, ctl->arena, &flow)
			   : explain_text(explainer, ctl->arena, &flow),
		stdout);
	if (ctl->is_json)
		puts("");
	return explain_verdict(explainer, &flow) ? CTL_OK : CTL_NO;
}

int run_explain(Ctl *ctl)
{
	CompileOptions options;
	Explainer *explainer;
	int r;

	r = ctl_load(ctl);
	if (r != 0)
		return r;
	options = settings_compile_options(&ctl->settings);
	explainer = explainer_new(snapshot_model(ctl->snapshot), &options);
	r = ctl->is_batch ? explain_batch(ctl, explainer) : explain_one(ctl, explainer);
	explainer_free(explainer);
	return r;
}
