/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How all commands print diagnostics and errors. */
#include "netpolctl.h"
#include <unistd.h>

void ctl_print_diags(Ctl *ctl, const Diags *diags, Severity least, FILE *to)
{
	bool is_coloured = isatty(fileno(to)) && !getenv("NO_COLOR");

	for (size_t i = 0; i < diags->list.n; i++)
		if (diags->list.at[i].severity >= least)
			fputs(diag_block(ctl->arena, &diags->list.at[i], is_coloured), to);
	if (diags->n_dropped)
		fprintf(to, "netpolctl: %zu more diagnostics are not shown\n", diags->n_dropped);
}

int ctl_fail(const char *words)
{
	fprintf(stderr, "netpolctl: %s\n", words);
	return CTL_ERROR;
}
