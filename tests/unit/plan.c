/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: random rulesets, one after the other, and the plans between them, carried out on a model of
 * the kernel (lib/kernel_model.h). At the end the kernel holds the new ruleset and nothing else.
 * The in-flight guarantee holds for every packet, at whatever instant it entered the hook and made
 * each of its lookups: what all rulesets in force meanwhile allow passes, and what all of them
 * forbid is refused.
 */
#include "kernel_model.h"
#include <criterion/criterion.h>
#include <string.h>

#define SETS 4

static Arena *arena;

/* ---- Random rulesets ---- */
static Chain random_chain(unsigned *seed, Direction direction, bool is_audit)
{
	Chain chain = {.direction = direction, .is_audit = is_audit};

	for (int n = rand_r(seed) % 4; n > 0; n--) {
		ChainRule rule = {.match = MATCH_SET};
		int port = rand_r(seed) % (MODEL_PORTS + 1);

		if (rand_r(seed) % 5)
			rule.set = arena_printf(arena, "pods4_%d", rand_r(seed) % SETS);
		else
			rule.match = MATCH_ANY_ADDRESS;
		if (port < MODEL_PORTS) {
			rule.protocol = 6;
			VEC_PUSH(arena, &rule.ports, (PortRange){(uint16_t)port, (uint16_t)port});
		}
		VEC_PUSH(arena, &chain.rules, rule);
	}
	chain_finish(arena, &chain);
	return chain;
}

static bool has_chain(const Ruleset *r, const char *name)
{
	for (size_t i = 0; i < r->chains.n; i++)
		if (strcmp(r->chains.at[i]->name, name) == 0)
			return true;
	return false;
}

static bool needs_set(const Ruleset *r, const char *name)
{
	for (size_t i = 0; i < r->chains.n; i++)
		for (size_t k = 0; k < r->chains.at[i]->rules.n; k++)
			if (text_is_equal(r->chains.at[i]->rules.at[k].set, name))
				return true;
	return false;
}

static void add_members(Ruleset *r, const unsigned members[SETS])
{
	for (int s = 0; s < SETS; s++) {
		Set set = {.name = arena_printf(arena, "pods4_%d", s), .kind = SET_PODS};

		if (!needs_set(r, set.name))
			continue;
		for (int a = 0; a < MODEL_ADDRESSES; a++)
			if (members[s] >> a & 1)
				VEC_PUSH(arena, &set.elements,
					(Element){.address = model_address(a)});
		ruleset_add_set(r, set);
	}
}

/* What a ruleset is made from. Each change is small, so that all kinds of plans occur. */
typedef struct Spec {
	unsigned members[SETS], chain_seed[DIRECTION_N][MODEL_ADDRESSES];
	/* is_audited: of those, by an audit chain, which refuses nothing */
	bool is_isolated[DIRECTION_N][MODEL_ADDRESSES], is_audited[DIRECTION_N][MODEL_ADDRESSES];
	bool is_large;	  /* the ingress map has no size */
	unsigned podless; /* bit i: the interface of address i is left alone */
} Spec;

static Spec random_spec(unsigned *seed)
{
	Spec spec;
	int thirds = rand_r(seed) % 4; /* of the pods are isolated; 0: the maps are empty */

	spec.is_large = rand_r(seed) % 3 == 0;
	spec.podless = (unsigned)rand_r(seed) % (1u << MODEL_ADDRESSES);
	for (int s = 0; s < SETS; s++)
		spec.members[s] = (unsigned)rand_r(seed) % (1u << MODEL_ADDRESSES);
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (int a = 0; a < MODEL_ADDRESSES; a++) {
			spec.is_isolated[d][a] = rand_r(seed) % 3 < thirds;
			spec.is_audited[d][a] = rand_r(seed) % 4 == 0;
			spec.chain_seed[d][a] = (unsigned)rand_r(seed) % 5;
		}
	return spec;
}

/* An address moves from one set to another; it may have been in either. */
static void move_member(unsigned *seed, Spec *spec, int a)
{
	unsigned *one = &spec->members[rand_r(seed) % SETS],
		 *other = &spec->members[rand_r(seed) % SETS], bit = 1u << a;

	if (!(*one & bit) == !(*other & bit))
		*one ^= bit;
	*one ^= bit;
	*other ^= bit;
}

/* Adds or deletes a pod of this node: its isolation and memberships change together. */
static void add_or_delete_pod(unsigned *seed, Spec *spec, int a)
{
	bool is_there = false;

	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		is_there |= spec->is_isolated[d][a];
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		spec->is_isolated[d][a] = !is_there && rand_r(seed) % 2;
	for (int s = 0; s < SETS; s++) {
		spec->members[s] &= ~(1u << a);
		if (!is_there && rand_r(seed) % 2)
			spec->members[s] |= 1u << a;
	}
}

static Spec changed(unsigned *seed, Spec spec)
{
	for (int n = rand_r(seed) % 4 - 1; n > 0; n--)
		spec.podless ^= 1u << rand_r(seed) % MODEL_ADDRESSES;
	if (rand_r(seed) % 8 == 0)
		return spec;
	if (rand_r(seed) % 4 == 0) {
		add_or_delete_pod(seed, &spec, 0);
		return spec;
	}
	spec.is_large ^= rand_r(seed) % 5 == 0;
	for (int n = 1 + rand_r(seed) % 4 * (rand_r(seed) % 2); n > 0; n--) {
		int kind = rand_r(seed) % 5, d = rand_r(seed) % 2,
		    a = rand_r(seed) % MODEL_ADDRESSES;

		if (kind == 0)
			spec.members[rand_r(seed) % SETS] ^= 1u << a;
		else if (kind == 1)
			move_member(seed, &spec, a);
		else if (kind == 2)
			spec.is_isolated[d][a] = !spec.is_isolated[d][a];
		else if (kind == 3)
			spec.is_audited[d][a] = !spec.is_audited[d][a];
		else
			spec.chain_seed[d][a] = (unsigned)rand_r(seed) % 5;
	}
	return spec;
}

static Ruleset *ruleset_from(const Spec *spec)
{
	Ruleset *r = ruleset_new();
	Set *self[2], *podless;

	r->base.table = "netpol";
	for (int is_audit = 0; is_audit < 2; is_audit++) {
		ruleset_add_self(r, FAMILY_IPV6, is_audit);
		self[is_audit] = ruleset_add_self(r, FAMILY_IPV4, is_audit);
	}
	podless = ruleset_add_podless(r);
	for (int a = 0; a < MODEL_ADDRESSES; a++)
		if (spec->podless >> a & 1)
			VEC_PUSH(arena, &podless->elements, model_link(a));
	for (Direction d = INGRESS; d < DIRECTION_N; d++)
		for (int a = 0; a < MODEL_ADDRESSES; a++) {
			unsigned seed = spec->chain_seed[d][a];
			Chain chain;

			if (!spec->is_isolated[d][a])
				continue;
			chain = random_chain(&seed, d, spec->is_audited[d][a]);
			if (!has_chain(r, chain.name))
				ruleset_add_chain(r, chain);
			VEC_PUSH(arena, &r->verdicts[d][FAMILY_IPV4],
				(Verdict){model_address(a), chain.name});
			VEC_PUSH(arena, &self[chain.is_audit]->elements,
				(Element){.address = model_address(a)});
		}
	add_members(r, spec->members);
	ruleset_sort(r);
	r->base.is_large[INGRESS][FAMILY_IPV4] = spec->is_large;
	return r;
}

/* ---- What a ruleset allows ---- */
typedef struct Truth {
	bool at[2][MODEL_ADDRESSES][MODEL_ADDRESSES][MODEL_PORTS];
} Truth;

#define EACH_FLOW(flow)                                                                            \
	for (int link_ = 0; link_ < 2; link_++)                                                    \
		for (Flow flow = {.is_link = link_}; flow.from < MODEL_ADDRESSES; flow.from++)     \
			for (flow.to = 0; flow.to < MODEL_ADDRESSES; flow.to++)                    \
				for (flow.port = 0; flow.port < MODEL_PORTS; flow.port++)

static bool *truth_at(Truth *truth, Flow flow)
{
	return &truth->at[flow.is_link][flow.from][flow.to][flow.port];
}

/* By the rules about link-local packets. */
static bool is_link_allowed(const Ruleset *ruleset, Flow flow)
{
	const Elements *podless = &ruleset_set(ruleset, object_name_podless(false))->elements;
	bool has_from = false, has_to = false;

	for (size_t i = 0; i < podless->n; i++) {
		has_from |= address_is_equal(podless->at[i].address, model_link(flow.from).address);
		has_to |= address_is_equal(podless->at[i].address, model_link(flow.to).address);
	}
	return !flow.is_link || ((has_from || !ruleset->base.is_isolating[EGRESS]) &&
					(has_to || !ruleset->base.is_isolating[INGRESS]));
}

static Truth truth_of(const Ruleset *ruleset)
{
	Truth truth;

	EACH_FLOW(flow)
	{
		const Tuple tuple = {.source = model_address(flow.from),
			.destination = model_address(flow.to),
			.protocol = 6,
			.port = (uint16_t)flow.port};

		*truth_at(&truth, flow) =
			ruleset_allows(ruleset, &tuple) && is_link_allowed(ruleset, flow);
	}
	return truth;
}

static Truth both(Truth a, Truth b)
{
	EACH_FLOW(flow)
	{
		*truth_at(&a, flow) &= *truth_at(&b, flow);
	}
	return a;
}

/* In the model at its latest instant, where all lookups see the same state. */
static Truth truth_now(const Kernel *k)
{
	Truth truth;

	EACH_FLOW(flow)
	{
		Outcome outcome = kernel_outcome(k, flow, kernel_now(k), kernel_now(k));

		cr_assert(outcome.may_pass != outcome.may_be_refused);
		*truth_at(&truth, flow) = outcome.may_pass;
	}
	return truth;
}

/* ---- Rulesets in force, one after the other ---- */
/*
 * A stage is a part of the model's history: it leads from one ruleset in force to the next, perhaps
 * through others. Each stage begins at the last instant of the stage before.
 */
enum { STAGES_MAX = 4, VERSIONS_MAX = 4 };

typedef struct Stage {
	int last; /* its last instant */
	int n;
	Truth versions[VERSIONS_MAX];
} Stage;

typedef struct Run {
	Kernel *kernel;
	unsigned round;
	int start; /* packets that entered earlier are not checked */
	int n;
	Stage stages[STAGES_MAX];
} Run;

static void run_add_version(Run *run, Truth truth)
{
	Stage *stage = &run->stages[run->n];

	cr_assert_lt(stage->n, VERSIONS_MAX);
	stage->versions[stage->n++] = truth;
}

static Run run_begin(unsigned round, const Ruleset *first)
{
	Run run = {.kernel = kernel_new(arena), .round = round};

	if (first)
		kernel_load(run.kernel, first);
	run.start = kernel_now(run.kernel);
	run_add_version(&run, truth_now(run.kernel));
	return run;
}

/* Ends the stage. The next one begins with the ruleset that is in force now. */
static void run_end_stage(Run *run)
{
	Stage *stage = &run->stages[run->n];
	Truth last = stage->versions[stage->n - 1], now = truth_now(run->kernel);

	stage->last = kernel_now(run->kernel);
	cr_assert_arr_eq(&now, &last, sizeof(now),
		"round %u, stage %d: the model allows something else than the ruleset", run->round,
		run->n);
	cr_assert_lt(++run->n, STAGES_MAX);
	run_add_version(run, last);
}

static void carry_out(Run *run, const Plan *plan)
{
	for (size_t i = 0; i < plan->commits.n; i++)
		kernel_commit(run->kernel, &plan->commits.at[i]);
}

/* Packets that enter the hook at `entered`, in stage `from`, and have left it by `last`. */
static void check_flight(Run *run, int entered, int last, int from, int to)
{
	EACH_FLOW(flow)
	{
		bool is_allowed = true, is_forbidden = true;
		Outcome outcome;

		for (int s = from; s <= to; s++)
			for (int v = 0; v < run->stages[s].n; v++) {
				bool is_so = *truth_at(&run->stages[s].versions[v], flow);

				is_allowed &= is_so;
				is_forbidden &= !is_so;
			}
		if (!is_allowed && !is_forbidden)
			continue;
		outcome = kernel_outcome(run->kernel, flow, entered, last);
		cr_assert(is_allowed ? !outcome.may_be_refused : !outcome.may_pass,
			"round %u: %d -> %d port %d is %s, but may be %s: "
			"it entered during %s (%d), and left by %s (%d)",
			run->round, flow.from, flow.to, flow.port,
			is_allowed ? "allowed" : "forbidden",
			is_allowed ? "refused" : "let through",
			kernel_commit_name(run->kernel, entered), entered,
			kernel_commit_name(run->kernel, last), last);
	}
}

/*
 * Checks all packets. A packet that entered earlier and stays as long can see no less, so it is
 * enough to check those that entered at the first instant, or at the first of a stage. They leave
 * at the end of a stage, or as late as they can.
 */
static void run_check(Run *run)
{
	int start = run->start;

	for (int from = 0; from < run->n; from++) {
		for (int entered = start; entered <= run->stages[from].last; entered++) {
			int latest = kernel_last_seen(run->kernel, entered), to = from;

			if (entered != start && !kernel_is_first(run->kernel, entered))
				continue;
			for (; to + 1 < run->n && run->stages[to].last < latest; to++)
				check_flight(run, entered, run->stages[to].last, from, to);
			check_flight(run, entered, latest, from, to);
		}
		start = run->stages[from].last;
	}
}

static void run_ends_with(const Run *run, const Ruleset *ruleset)
{
	const char *what = kernel_difference(run->kernel, ruleset);

	cr_assert_null(
		what, "round %u: the kernel does not hold the new ruleset: %s", run->round, what);
	cr_assert_eq(kernel_count_tables(run->kernel), 1);
}

/* ---- Changes ---- */
typedef struct Versions {
	Spec specs[3];
	Ruleset *at[3];
	Truth truth[3];
} Versions;

/* Each ruleset differs a little from the one before. */
static Versions make_versions(unsigned round)
{
	unsigned seed = round;
	Spec spec = random_spec(&seed);
	Versions v;

	for (size_t i = 0; i < ARRAY_SIZE(v.at); i++, spec = changed(&seed, spec)) {
		v.specs[i] = spec;
		v.at[i] = ruleset_from(&spec);
		v.truth[i] = truth_of(v.at[i]);
	}
	return v;
}

static void free_versions(const Versions *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(v->at); i++)
		ruleset_unref(v->at[i]);
}

static bool is_in_place(const Plan *plan)
{
	bool is_so = false;

	for (size_t i = 0; i < plan->commits.n; i++)
		is_so |= strcmp(plan->commits.at[i].name, "tighten") == 0 ||
			 strcmp(plan->commits.at[i].name, "loosen") == 0;
	return is_so;
}

/* Two changes: a packet may see both if no grace period separates them. */
static void check_changes(unsigned round, unsigned ways[2])
{
	Versions v = make_versions(round);
	Run run = run_begin(round, v.at[0]);

	for (size_t i = 1; i < ARRAY_SIZE(v.at); i++) {
		Plan plan;

		plan_change(arena, v.at[i - 1], v.at[i], &plan);
		ways[is_in_place(&plan)]++;
		carry_out(&run, &plan);
		run_add_version(&run, v.truth[i]);
		run_end_stage(&run);
		run_ends_with(&run, v.at[i]);
	}
	run_check(&run);
	free_versions(&v);
}

/* ---- Whole tables ---- */
/* The fallback table of a change to `new`: the same ruleset in another table, or its lockdown. */
static Ruleset *fallback_of(const Versions *v, int i, bool is_lockdown)
{
	Ruleset *fallback = is_lockdown ? ruleset_lockdown(v->at[i], "netpol_guard")
					: ruleset_from(&v->specs[i]);

	fallback->base.table = "netpol_guard";
	return fallback;
}

/* Without a table everything is allowed. */
static void check_create_and_remove(unsigned round)
{
	Versions v = make_versions(round);
	Run run = run_begin(round, NULL);
	Truth open = truth_now(run.kernel);
	Plan plan;

	plan_create(arena, v.at[0], &plan);
	carry_out(&run, &plan);
	run_add_version(&run, v.truth[0]);
	run_end_stage(&run);
	run_ends_with(&run, v.at[0]);
	plan_remove(arena, &v.at[0]->base, &plan);
	carry_out(&run, &plan);
	run_add_version(&run, open);
	run_end_stage(&run);
	cr_assert_eq(kernel_count_tables(run.kernel), 0);
	run_check(&run);
	free_versions(&v);
}

/* Begins with a table that a netpold left when it was killed in the middle of a plan. */
static Run run_begin_after_crash(unsigned round, const Versions *v)
{
	Run run = run_begin(round, v->at[0]);
	unsigned seed = round;
	Plan plan;

	plan_change(arena, v->at[0], v->at[1], &plan);
	plan.commits.n -= plan.commits.n ? (size_t)rand_r(&seed) % plan.commits.n : 0;
	carry_out(&run, &plan);
	run.start = kernel_now(run.kernel);
	run.stages[0].versions[0] = truth_now(run.kernel);
	return run;
}

/* has_fallback: the fallback table was loaded just before, as in a repair. */
static void check_replace(unsigned round, bool is_lockdown, bool has_table, bool has_fallback)
{
	Versions v = make_versions(round);
	Ruleset *new = v.at[2], *fallback = fallback_of(&v, 2, is_lockdown);
	Run run = has_table ? run_begin_after_crash(round, &v) : run_begin(round, NULL);
	Truth lockdown = truth_of(fallback);
	Plan plan;

	if (has_fallback) {
		kernel_load(run.kernel, fallback);
		run_add_version(&run, both(run.stages[0].versions[0], lockdown));
		run_end_stage(&run);
	}
	plan_replace(arena, new, fallback, has_table, has_fallback, &plan);
	carry_out(&run, &plan);
	run_add_version(&run, lockdown);
	run_add_version(&run, v.truth[2]);
	run_end_stage(&run);
	run_ends_with(&run, new);
	run_check(&run);
	ruleset_unref(fallback);
	free_versions(&v);
}

/* The existing table is adopted and changed, and then a left fallback table is removed. */
static void check_adoption(unsigned round, bool is_lockdown)
{
	Versions v = make_versions(round);
	Ruleset *fallback = fallback_of(&v, 1, is_lockdown);
	Run run = run_begin(round, v.at[0]);
	Truth lockdown = truth_of(fallback);
	Plan plan;

	kernel_load(run.kernel, fallback);
	run_add_version(&run, both(v.truth[0], lockdown));
	run_end_stage(&run);
	plan_change(arena, v.at[0], v.at[1], &plan);
	carry_out(&run, &plan);
	run_add_version(&run, both(v.truth[1], lockdown));
	run_end_stage(&run);
	plan_remove(arena, &fallback->base, &plan);
	carry_out(&run, &plan);
	run_add_version(&run, v.truth[1]);
	run_end_stage(&run);
	run_ends_with(&run, v.at[1]);
	run_check(&run);
	ruleset_unref(fallback);
	free_versions(&v);
}

/* ---- Tests ---- */
#define EACH_ROUND(most, ...)                                                                      \
	for (unsigned round = 1; round <= (most); round++) {                                       \
		arena = arena_new();                                                               \
		__VA_ARGS__;                                                                       \
		arena_free(arena);                                                                 \
	}

Test(plan, changes_keep_the_guarantee)
{
	unsigned ways[2] = {};

	EACH_ROUND(4000, check_changes(round, ways));
	cr_assert_gt(ways[false], 100, "few changes used standby objects");
	cr_assert_gt(ways[true], 100, "few changes were made in place");
}

Test(plan, the_first_table_and_its_removal_keep_the_guarantee)
{
	EACH_ROUND(600, check_create_and_remove(round));
}

Test(plan, replacing_a_table_keeps_the_guarantee)
{
	EACH_ROUND(600, check_replace(round, round % 2, true, false));
}

Test(plan, replacing_a_table_behind_a_fallback_just_loaded_keeps_the_guarantee)
{
	EACH_ROUND(600, check_replace(round, round % 2, true, true));
}

Test(plan, recreating_a_deleted_table_behind_its_fallback_keeps_the_guarantee)
{
	EACH_ROUND(600, check_replace(round, round % 2, false, true));
}

Test(plan, removing_a_fallback_after_a_change_keeps_the_guarantee)
{
	EACH_ROUND(600, check_adoption(round, round % 2));
}

Test(plan, equal_rulesets_need_no_commit)
{
	unsigned seed = 3;

	arena = arena_new();
	Spec spec = random_spec(&seed);
	Ruleset *one = ruleset_from(&spec), *two = ruleset_from(&spec);
	Plan plan;

	plan_change(arena, one, two, &plan);
	cr_assert_eq(plan.commits.n, 0);
	cr_assert(ruleset_is_equal(one, two));
	ruleset_unref(one);
	ruleset_unref(two);
	arena_free(arena);
}

static bool isolates(const Spec *spec, Direction direction, int a)
{
	return spec->is_isolated[direction][a] && !spec->is_audited[direction][a];
}

/* An isolated pod exchanges packets with itself only; other pods, audited ones too, are not
 * affected. */
Test(plan, lockdown_refuses_isolated_pods_and_no_others)
{
	for (unsigned round = 1; round <= 200; round++) {
		unsigned seed = round;
		Spec spec = random_spec(&seed);
		Ruleset *ruleset, *lockdown;
		Kernel *k;

		arena = arena_new();
		ruleset = ruleset_from(&spec);
		lockdown = ruleset_lockdown(ruleset, "guard");
		k = kernel_new(arena);
		kernel_load(k, lockdown);
		EACH_FLOW(flow)
		{
			int from = flow.from, to = flow.to;
			bool is_self = from == to && (isolates(&spec, EGRESS, from) ||
							     isolates(&spec, INGRESS, from));
			bool is_open =
				!isolates(&spec, EGRESS, from) && !isolates(&spec, INGRESS, to);

			if (!is_link_allowed(ruleset, flow))
				is_self = is_open = false;

			cr_assert_eq(kernel_outcome(k, flow, kernel_now(k), kernel_now(k)).may_pass,
				is_self || is_open, "round %u: %d -> %d", round, from, to);
		}
		cr_assert_str_eq(lockdown->base.table, "guard");
		cr_assert_leq(lockdown->chains.n, 2);
		ruleset_unref(ruleset);
		ruleset_unref(lockdown);
		arena_free(arena);
	}
}
