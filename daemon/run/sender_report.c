/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings -> the part of the status. See sender_report.h. */
#include "sender_report.h"

SenderReport sender_report_make(Arena *arena, const SenderFindings *found, const Senders *senders,
	const char *mode, ForgedTotals forged)
{
	const SenderFacts *facts = &found->facts;
	SenderReport report = {.mode = mode, .forged = forged};

	if (senders) {
		report.pods = senders->counts.pods;
		report.placed = senders->counts.placed;
		for (size_t i = 0; i < facts->pods.n; i++)
			if (facts->pods.at[i].is_free || facts->pods.at[i].allowed.n)
				VEC_PUSH(arena, &report.free,
					arena_strdup(arena, facts->pods.at[i].name));
	}
	for (size_t i = 0; i < found->unreached.n; i++)
		VEC_PUSH(arena, &report.unreached,
			(UnreachedAddress){found->unreached.at[i].address,
				arena_strdup(arena, found->unreached.at[i].words)});
	return report;
}
