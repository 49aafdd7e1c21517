/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * steps: writes a plan, commit by commit. steps_begin opens a commit; every other function adds
 * operations to the commit that was opened last. Private to the module.
 */
#include "difference.h"

typedef struct Steps {
	Plan *plan;
	const BaseOptions *base; /* the table that the operations are about */
} Steps;

void steps_begin(Steps *steps, const char *name, bool needs_grace_period);

/* An operation without arguments beyond its table: OP_ADD_TABLE, OP_DEL_BASE, OP_DEL_TABLE. */
void steps_table(Steps *steps, OpKind kind);
/* Replaces the base chains' rules: they look up the verdict maps, or the standby maps. */
void steps_set_base(Steps *steps, bool is_standby);
/* Adds the set and its elements. */
void steps_add_set(Steps *steps, const Set *set);
void steps_del_set(Steps *steps, const Set *set);
/* OP_ADD_ELEMENTS or OP_DEL_ELEMENTS. Does nothing if there are no elements. */
void steps_edit_set(Steps *steps, OpKind kind, const Set *set, Elements elements);
void steps_add_chain(Steps *steps, const Chain *chain);
void steps_del_chain(Steps *steps, const Chain *chain);
/* OP_ADD_MAP or OP_DEL_MAP, of one map or of all. */
void steps_map(Steps *steps, OpKind kind, Direction direction, Family family, bool is_standby);
void steps_all_maps(Steps *steps, OpKind kind, bool is_standby);
/* OP_ADD_VERDICTS or OP_DEL_VERDICTS. Does nothing if there are no verdicts. */
void steps_edit_map(Steps *steps, OpKind kind, Direction direction, Family family, bool is_standby,
	Verdicts verdicts);
/*
 * Changes the chain of addresses that are in the map. The kernel cannot replace an element's data,
 * so each verdict is deleted and added; both are in one transaction, so that a lookup finds the old
 * or the new verdict, and never none.
 */
void steps_move_verdicts(Steps *steps, Direction direction, Family family, Verdicts verdicts);

/* New sets and chains, which nothing refers to yet. */
void steps_grow(Steps *steps, const Difference *d);
/*
 * Adds elements to the self sets; steps_shrink deletes others. A pod may always reach itself, so
 * its address must be in the self set as long as it is isolated. To add it in the same transaction
 * as the verdict is early enough, since packets look up the verdict maps first.
 */
void steps_grow_selves(Steps *steps, const Difference *d);
/* Old chains, sets and self elements, which nothing refers to any more. */
void steps_shrink(Steps *steps, const Difference *d);
/* Drops commits that have no operations, and their grace periods. Ends every plan_change(). */
void steps_end(Steps *steps);
