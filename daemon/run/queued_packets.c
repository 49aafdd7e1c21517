/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that wait for the neighbour: see queued_packets.h. */
#include "queued_packets.h"
#include "limits.h"
#include "links.h"
#include "log.h"
#include <syslog.h>

/* Those that are isolated in ingress after the change, and were not before. */
static void list_isolated(
	Arena *arena, const Verdicts *before, const Verdicts *after, Addresses *ret_addresses)
{
	Merge walk = {.compare = verdict_compare, .size = sizeof(Verdict)};

	merge_start(&walk, before->at, before->n, after->at, after->n);
	while (merge_next(&walk))
		if (verdict_isolates(walk.right) && !verdict_isolates(walk.left))
			VEC_PUSH(arena, ret_addresses, ((const Verdict *)walk.right)->address);
}

void queued_packets_drop(const Ruleset *before, const Ruleset *after)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Addresses addresses = {};
	int r;

	if (!before || !after || before == after)
		return;
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
		list_isolated(arena, &before->verdicts[INGRESS][f], &after->verdicts[INGRESS][f],
			&addresses);
	r = links_drop_waiting(&addresses);
	if (r < 0)
		log_line(LOG_WARNING, "neighbours",
			"packets that waited for new pods could not be dropped: %s",
			error_text(-r));
}
