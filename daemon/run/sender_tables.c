/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Senders -> the kernel. See sender_tables.h. */
#include "sender_tables.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

struct SenderTables {
	Nft *nft;
	const Settings *settings;
	Senders *applied; /* NULL: none */
	bool is_known;	  /* the kernel has exactly `applied` */
	char refusal[512];
};

SenderTables *sender_tables_new(Nft *nft, const Settings *settings)
{
	SenderTables *tables = MEMORY_NEW(SenderTables);

	*tables = (SenderTables){.nft = nft, .settings = settings};
	return tables;
}

SenderTables *sender_tables_free(SenderTables *tables)
{
	if (!tables)
		return NULL;
	senders_free(tables->applied);
	free(tables);
	return NULL;
}

const Senders *sender_tables_applied(const SenderTables *tables)
{
	return tables->applied;
}

const char *sender_tables_refusal(const SenderTables *tables)
{
	return tables->refusal;
}

static bool are_as_wanted(const SenderTables *tables, const Senders *wanted)
{
	if (!tables->is_known || !tables->applied != !wanted)
		return false;
	return !wanted || senders_are_equal(tables->applied, wanted);
}

int sender_tables_apply(SenderTables *tables, Senders *wanted)
{
	const Senders *held = tables->is_known ? tables->applied : NULL;
	int r;

	tables->refusal[0] = '\0';
	if (are_as_wanted(tables, wanted)) {
		senders_free(wanted);
		return 0;
	}
	r = nft_senders_apply(tables->nft, tables->settings->table, held, wanted);
	/* refused: elements of somebody else's making; the next try replaces the tables */
	tables->is_known = r == 0;
	if (r != 0) {
		snprintf(tables->refusal, sizeof(tables->refusal),
			"the kernel refused the tables of the sender check: %s",
			nft_error(tables->nft));
		senders_free(wanted);
		return RUN_E_REFUSED;
	}
	senders_free(tables->applied);
	tables->applied = wanted;
	return 0;
}

bool sender_tables_are_lost(SenderTables *tables, bool is_doubtful)
{
	bool is_changed = nft_senders_take_notice(tables->nft);

	if (!tables->applied || (!is_changed && !is_doubtful))
		return false;
	tables->is_known = false;
	if (is_changed)
		log_line(LOG_WARNING, "repaired",
			"another program changed the tables of the sender check: they are written "
			"again");
	return true;
}

bool sender_tables_count(const SenderTables *tables, Arena *arena, NftForgedCounts *ret_counts)
{
	return tables->applied &&
	       nft_senders_count(tables->nft, tables->settings->table, arena, ret_counts) >= 0;
}
