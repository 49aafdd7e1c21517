/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helm templates: see template.h. */
#include "template.h"
#include <string.h>

static bool line_has(const char *text, unsigned line, const char *words)
{
	const char *found;

	for (; text && line > 1; line--) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	found = text ? strstr(text, words) : NULL;
	return found && found < text + strcspn(text, "\n");
}

/* A syntax error may be found lines later; any other one is where its cause is. */
void template_hint(Diags *diags, const char *text)
{
	if (!strstr(text, "{{") || !strstr(text, "}}"))
		return;
	for (size_t i = 0; i < diags->list.n; i++) {
		Diag *diag = &diags->list.at[i];

		if (diag->severity != SEVERITY_ERROR || !diag->origin.line)
			continue;
		if (strcmp(diag->code, "syntax") == 0 || line_has(text, diag->origin.line, "{{"))
			diag->hint = "looks like a Helm template: render it first (helm template)";
	}
}
