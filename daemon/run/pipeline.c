/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files -> rulesets. */
#include "pipeline.h"
#include <assert.h>

/* An update of more pods frees enough memory to return it to the kernel. */
#define CHANGES_SMALL 500

struct Pipeline {
	const Settings *settings;
	const Feeds *feeds;
	void (*on_stage)(void *context);
	void *context;
	Snapshot *snapshot;    /* NULL together with the compiler: the state is EMPTY */
	Compiler *compiler;    /* borrows the settings and the snapshot's model */
	LocalPods *local_pods; /* NULL: EMPTY */
	Arena *diag_arena;
	Diags diags; /* of the last update */
	bool has_garbage;
};

Pipeline *pipeline_new(const Settings *settings, const Feeds *feeds,
	void (*on_stage)(void *context), void *context)
{
	Pipeline *p = MEMORY_NEW(Pipeline);

	*p = (Pipeline){
		.settings = settings, .feeds = feeds, .on_stage = on_stage, .context = context};
	return p;
}

Pipeline *pipeline_free(Pipeline *p)
{
	if (!p)
		return NULL;
	pipeline_reset(p);
	arena_free(p->diag_arena);
	free(p);
	return NULL;
}

void pipeline_reset(Pipeline *p)
{
	p->local_pods = local_pods_free(p->local_pods);
	p->compiler = compiler_free(p->compiler);
	p->snapshot = snapshot_free(p->snapshot);
}

const Model *pipeline_model(const Pipeline *p)
{
	return p->snapshot ? snapshot_model(p->snapshot) : NULL;
}

const Pods *pipeline_local_pods(const Pipeline *p)
{
	return p->local_pods ? local_pods_list(p->local_pods) : NULL;
}

const Pod *pipeline_owner(const Pipeline *p, Address address)
{
	return p->compiler ? compiler_owner(p->compiler, address) : NULL;
}

void pipeline_explain(const Pipeline *p, Arena *arena, const Flow *flow, Direction direction,
	bool is_audit, Refusal *ret_refusal)
{
	*ret_refusal = (Refusal){};
	if (p->compiler)
		explain_refusal(snapshot_model(p->snapshot), p->compiler, arena, flow, direction,
			is_audit, ret_refusal);
}

const Diags *pipeline_diags(const Pipeline *p)
{
	return &p->diags;
}

bool pipeline_take_garbage(Pipeline *p)
{
	bool has_garbage = p->has_garbage;

	p->has_garbage = false;
	return has_garbage;
}

/* ---- Update ---- */
static void build(Pipeline *p, uint16_t log_group)
{
	CompileOptions options = settings_compile_options(p->settings);
	SourceDir *const *dirs;
	size_t n;

	assert(!p->snapshot == !p->compiler);
	if (p->snapshot)
		return;
	p->has_garbage = true;
	options.log_group = log_group; /* the kernel may have none */
	dirs = feeds_dirs(p->feeds, &n);
	p->snapshot = snapshot_new(dirs, n);
	p->compiler = compiler_new(snapshot_model(p->snapshot), &options);
	p->local_pods = local_pods_new(p->settings->node);
}

static void start_diags(Pipeline *p)
{
	arena_free(p->diag_arena);
	p->diag_arena = arena_new();
	p->diags = (Diags){.arena = p->diag_arena, .max = DIAGS_ALL_MAX};
	diags_append(&p->diags, snapshot_diags(p->snapshot));
}

static void compile_tables(Pipeline *p, const Changes *changes, const PipelineInput *input,
	Ruleset *ret_wanted[KERNEL_TABLE_N])
{
	Ruleset *inet = compiler_update(p->compiler, changes);

	p->has_garbage |= changes->pods.n > CHANGES_SMALL;
	compiler_warn(p->compiler, &p->diags);
	link_watch_fill(input->link_watch, inet);
	ret_wanted[KERNEL_INET] = inet;
	ret_wanted[KERNEL_BRIDGE] = input->bridge ? compile_bridge(inet, input->bridge) : NULL;
}

bool pipeline_update(Pipeline *p, const PipelineInput *input, Faults *faults,
	Ruleset *ret_wanted[KERNEL_TABLE_N])
{
	ARENA_CLEANUP Arena *arena = arena_new();
	Changes changes = {.arena = arena};

	build(p, input->log_group);
	snapshot_update(p->snapshot, &changes);
	start_diags(p);
	if (!feeds_are_known(p->feeds, input->is_in_force, faults)) {
		pipeline_reset(p); /* the compiler misses these changes */
		return false;
	}
	local_pods_update(p->local_pods, &changes);
	p->on_stage(p->context);
	compile_tables(p, &changes, input, ret_wanted);
	p->on_stage(p->context);
	return true;
}
