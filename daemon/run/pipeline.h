/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * pipeline: feeds -> snapshot -> compiler -> the rulesets that are wanted, and the diagnostics of
 * all three. What goes from one stage to the next is the changes; the first time, and after
 * pipeline_reset(), that is everything.
 *
 *     EMPTY --pipeline_update()--> BUILT --pipeline_update()--> BUILT
 *       ^                            |
 *       +-- pipeline_reset(); what is wanted is unknown
 *
 * EMPTY: no snapshot, no compiler. BUILT: the compiler has seen every change of the snapshot's
 * model. Both are made and freed together, since a compiler that missed a change is useless.
 *
 * Called by run.c after feeds_refresh(). Borrows the settings, whose texts the compiler keeps, and
 * the feeds, whose directories the snapshot keeps: pipeline_reset() comes before either changes.
 */
#include "enforcer.h"
#include "feeds.h"
#include "link_watch.h"
#include "local_pods.h"

typedef struct Pipeline Pipeline;

/* on_stage(context) is called between stages that take long. */
Pipeline *pipeline_new(const Settings *settings, const Feeds *feeds,
	void (*on_stage)(void *context), void *context);
Pipeline *pipeline_free(Pipeline *pipeline);
void pipeline_reset(Pipeline *pipeline);

typedef struct PipelineInput {
	bool is_in_force;	     /* the inet table was applied: see feeds_are_known() */
	const BridgeOptions *bridge; /* NULL: no bridge table is wanted */
	LinkWatch *link_watch;	     /* or NULL: see link_watch_fill() */
	uint16_t log_group; /* for refused packets; 0: none. Of the first update after EMPTY */
} PipelineInput;

/*
 * Merges and compiles what the refresh read. The rulesets are the caller's to free. False: what is
 * wanted is unknown, *ret_wanted is untouched. Directories that cannot be read are added to
 * `faults`.
 */
bool pipeline_update(Pipeline *pipeline, const PipelineInput *input, Faults *faults,
	Ruleset *ret_wanted[KERNEL_TABLE_N]);
const Model *pipeline_model(const Pipeline *pipeline); /* NULL: EMPTY */
/* The pods of this node; NULL: EMPTY. Valid until the next update or reset. */
const Pods *pipeline_local_pods(const Pipeline *pipeline);
/* The pod that the address belongs to; NULL: none, or EMPTY. */
const Pod *pipeline_owner(const Pipeline *pipeline, Address address);
/* explain_refusal() by the model in force; nothing is known if EMPTY. */
void pipeline_explain(const Pipeline *pipeline, Arena *arena, const Flow *flow, Direction direction,
	bool is_audit, Refusal *ret_refusal);
/* Of the last update: the files', the snapshot's, the compiler's. Valid until the next. */
const Diags *pipeline_diags(const Pipeline *pipeline);
/*
 * Whether an update since the last call was so large that the memory it freed is worth returning to
 * the kernel (malloc_trim).
 */
bool pipeline_take_garbage(Pipeline *pipeline);
