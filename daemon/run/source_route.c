/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The switch for source routes. See source_route.h. */
#include "source_route.h"
#include <stdio.h>

/* An interface accepts source routes if its own switch and this one are on. */
#define SWITCH "/proc/sys/net/ipv4/conf/all/accept_source_route"

void source_route_add_diags(Diags *diags)
{
	FILE *file = fopen(SWITCH, "re");
	int value = 0;

	if (!file)
		return; /* no IPv4 */
	if (fscanf(file, "%d", &value) == 1 && value)
		DIAG_WARNING(diags, ((Origin){.file = SWITCH}), "source-route",
			"sysctl -w net.ipv4.conf.all.accept_source_route=0",
			"packets with a source route reach pods past their ingress policies");
	fclose(file);
}
