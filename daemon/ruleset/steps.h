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
/* Base chains that look up the verdict maps, or their standby objects. */
void steps_set_base(Steps *steps, bool is_standby);
/* With its elements. */
void steps_add_set(Steps *steps, const Set *set);
void steps_del_set(Steps *steps, const Set *set);
/* OP_ADD_ELEMENTS or OP_DEL_ELEMENTS; without elements nothing. */
void steps_edit_set(Steps *steps, OpKind kind, const Set *set, Elements elements);
void steps_add_chain(Steps *steps, const Chain *chain);
void steps_del_chain(Steps *steps, const Chain *chain);
/* OP_ADD_MAP or OP_DEL_MAP, of one map or of all. */
void steps_map(Steps *steps, OpKind kind, Direction direction, Family family, bool is_standby);
void steps_all_maps(Steps *steps, OpKind kind, bool is_standby);
/* OP_ADD_VERDICTS or OP_DEL_VERDICTS; without verdicts nothing. */
void steps_edit_map(Steps *steps, OpKind kind, Direction direction, Family family, bool is_standby,
	Verdicts verdicts);
/* A lookup in the map finds the old or the new verdict: the two operations are one transaction. */
void steps_move_verdicts(Steps *steps, Direction direction, Family family, Verdicts verdicts);

/* New sets and chains, which nothing refers to yet. */
void steps_grow(Steps *steps, const Difference *d);
/*
 * A pod may always reach itself, so its address enters the self set in the commit that isolates it
 * or before, and leaves after the one that ends its isolation. In the same transaction is early
 * enough, since packets look up the verdict maps first.
 */
void steps_grow_selves(Steps *steps, const Difference *d);
/* Old chains, sets and self elements, which nothing refers to any more. */
void steps_shrink(Steps *steps, const Difference *d);
/* Drops commits without operations, with their grace period. */
void steps_end(Steps *steps);
