/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * script: whole tables, and the structural part of a commit, as nft scripts. nft_ruleset_text()
 * (nft.h) is here too.
 *
 * A commit is up to three transactions: its additions (script), elements and deletions
 * (transaction.h), its changes (script). Text is in `arena`; "" when there is nothing to do.
 */
#include "ruleset.h"

/* Refusal chains, sets, maps and chains that the commit adds: all of one table. */
const char *script_render_additions(Arena *arena, const Commit *commit);
/* Base chains that are switched or deleted, and tables that are deleted. */
const char *script_render_changes(Arena *arena, const Commit *commit);
