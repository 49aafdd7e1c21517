/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * script: the structural part of a commit as nft scripts. nft_ruleset_text() (nft.h), a whole table
 * as text, is defined in script.c too. Pure functions.
 *
 * A commit is up to three transactions: its additions (script), elements and deletions
 * (transaction.h), its changes (script). Text is in `arena`; "" when there is nothing to do.
 */
#include "ruleset.h"

/* The sets, maps and chains that the commit adds, and a new table's refusal chains. One table. */
const char *script_render_additions(Arena *arena, const Commit *commit);
/* The commit's changes of base chains (new rules, deletion), and its deletion of a table. */
const char *script_render_changes(Arena *arena, const Commit *commit);
