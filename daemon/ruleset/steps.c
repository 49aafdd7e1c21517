/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operations that plans consist of. */
#include "steps.h"
#include <assert.h>

void steps_begin(Steps *steps, const char *name, bool needs_grace_period)
{
	VEC_PUSH(steps->plan->arena, &steps->plan->commits,
		(Commit){.name = name, .needs_grace_period = needs_grace_period});
}

static void add_op(Steps *steps, Op op)
{
	Plan *plan = steps->plan;

	assert(plan->commits.n > 0);
	op.base = steps->base;
	VEC_PUSH(plan->arena, &plan->commits.at[plan->commits.n - 1].ops, op);
}

void steps_table(Steps *steps, OpKind kind)
{
	assert(kind == OP_ADD_TABLE || kind == OP_DEL_BASE || kind == OP_DEL_TABLE);
	add_op(steps, (Op){.kind = kind});
}

void steps_set_base(Steps *steps, bool is_standby)
{
	add_op(steps, (Op){.kind = OP_SET_BASE, .is_standby = is_standby});
}

/* ---- Sets and chains ---- */
void steps_add_set(Steps *steps, const Set *set)
{
	add_op(steps, (Op){.kind = OP_ADD_SET, .set = set});
	if (set->elements.n || set->ranges.n)
		add_op(steps, (Op){.kind = OP_ADD_ELEMENTS, .set = set, .elements = set->elements});
}

void steps_del_set(Steps *steps, const Set *set)
{
	add_op(steps, (Op){.kind = OP_DEL_SET, .set = set});
}

void steps_edit_set(Steps *steps, OpKind kind, const Set *set, Elements elements)
{
	assert(kind == OP_ADD_ELEMENTS || kind == OP_DEL_ELEMENTS);
	if (elements.n)
		add_op(steps, (Op){.kind = kind, .set = set, .elements = elements});
}

void steps_add_chain(Steps *steps, const Chain *chain)
{
	add_op(steps, (Op){.kind = OP_ADD_CHAIN, .chain = chain});
}

void steps_del_chain(Steps *steps, const Chain *chain)
{
	add_op(steps, (Op){.kind = OP_DEL_CHAIN, .chain = chain});
}

/* ---- Maps ---- */
void steps_map(Steps *steps, OpKind kind, Direction direction, Family family, bool is_standby)
{
	assert(kind == OP_ADD_MAP || kind == OP_DEL_MAP);
	add_op(steps, (Op){.kind = kind,
			      .direction = direction,
			      .family = family,
			      .is_standby = is_standby});
}

void steps_all_maps(Steps *steps, OpKind kind, bool is_standby)
{
	for (Direction direction = INGRESS; direction < DIRECTION_N; direction++)
		for (Family f = FAMILY_IPV4; f < FAMILY_N; f++)
			steps_map(steps, kind, direction, f, is_standby);
}

void steps_edit_map(Steps *steps, OpKind kind, Direction direction, Family family, bool is_standby,
	Verdicts verdicts)
{
	assert(kind == OP_ADD_VERDICTS || kind == OP_DEL_VERDICTS);
	if (verdicts.n)
		add_op(steps, (Op){.kind = kind,
				      .direction = direction,
				      .family = family,
				      .is_standby = is_standby,
				      .verdicts = verdicts});
}

void steps_move_verdicts(Steps *steps, Direction direction, Family family, Verdicts verdicts)
{
	steps_edit_map(steps, OP_DEL_VERDICTS, direction, family, false, verdicts);
	steps_edit_map(steps, OP_ADD_VERDICTS, direction, family, false, verdicts);
}

/* ---- Parts of every plan that changes a table ---- */
void steps_grow(Steps *steps, const Difference *d)
{
	for (size_t i = 0; i < d->new_sets.n; i++)
		steps_add_set(steps, d->new_sets.at[i]);
	for (size_t i = 0; i < d->new_chains.n; i++)
		steps_add_chain(steps, d->new_chains.at[i]);
}

void steps_grow_selves(Steps *steps, const Difference *d)
{
	for (size_t i = 0; i < d->self_edits.n; i++)
		steps_edit_set(
			steps, OP_ADD_ELEMENTS, d->self_edits.at[i].set, d->self_edits.at[i].add);
}

void steps_shrink(Steps *steps, const Difference *d)
{
	for (size_t i = 0; i < d->self_edits.n; i++)
		steps_edit_set(
			steps, OP_DEL_ELEMENTS, d->self_edits.at[i].set, d->self_edits.at[i].del);
	for (size_t i = 0; i < d->old_chains.n; i++)
		steps_del_chain(steps, d->old_chains.at[i]);
	for (size_t i = 0; i < d->old_sets.n; i++)
		steps_del_set(steps, d->old_sets.at[i]);
}

/*
 * The grace period of an empty commit can be dropped: each commit that needs one says so itself,
 * whatever was before it. So does the first commit of a plan, for the plan before it may have
 * changed this table, or loaded a fallback table, a moment ago.
 */
void steps_end(Steps *steps)
{
	Plan *plan = steps->plan;
	size_t n = 0;

	for (size_t i = 0; i < plan->commits.n; i++)
		if (plan->commits.at[i].ops.n)
			plan->commits.at[n++] = plan->commits.at[i];
	plan->commits.n = n;
}
