/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The budgets of namespaces. See budget.h. */
#include "budget.h"
#include "cost.h"
#include "pod_classes.h"
#include <assert.h>

/* A want of a tracked namespace. Its set is never made; it is there for the table of candidates. */
typedef struct CountedWant {
	IndexedSet set; /* first: candidates_find() returns it */
	NamespaceBudget *namespace;
	size_t comparisons_each; /* of one pod with its selectors */
	/* of all addresses of both families; 0 until it is counted */
	size_t elements, comparisons;
	bool is_counted;
	bool is_new;	     /* being counted */
	uint64_t evaluation; /* the last one that charged it */
	size_t n_policies;
} CountedWant;

typedef VEC(CountedWant *) CountedWants;

typedef enum Over { OVER_NOT, OVER_RULES, OVER_ELEMENTS } Over;

typedef struct PolicyCost {
	const char *name;
	bool is_audit;
	CountedWants wants; /* each once; none if it is OVER_RULES */
	Over over;
} PolicyCost;

struct NamespaceBudget {
	char *name;
	/* of all policies; `wants` counts equal ones twice unless `is_distinct` */
	size_t rules;
	WantCounts wants;
	bool is_distinct;
	bool has_changed_policies, has_changed_pods; /* in this update */
	bool counts_rules; /* the bound exceeds the budget: classes of pods decide */
	bool is_tracked;
	/* of a tracked namespace */
	Arena *arena;	    /* of `policies` */
	Arena *table_arena; /* of `wants_by_key`; each want has an arena of its own */
	HashTable *wants_by_key;
	VEC(PolicyCost) policies; /* in force by name, then audited by name: in this order */
	bool is_outdated;	  /* a count has changed since the last evaluation */
	size_t elements;	  /* charged to those that are not over the budget */
	size_t n_over;
};

void budget_init(Budget *budget, Arena *arena, const CompileBudget *limits)
{
	*budget =
		(Budget){.limits = *limits, .arena = arena, .by_namespace = hash_table_new(arena)};
	candidates_init(&budget->candidates, arena);
}

void budget_free(Budget *budget)
{
	const NamespaceBudget *namespace;
	size_t cursor = 0;

	while ((namespace = hash_table_next(budget->by_namespace, &cursor))) {
		free(namespace->name);
		free((NamespaceBudget *)namespace);
	}
}

static bool is_unlimited(const Budget *budget)
{
	return budget->limits.elements == 0 && budget->limits.rules == 0;
}

static bool exceeds(size_t n, size_t limit)
{
	return limit > 0 && n > limit;
}

static NamespaceBudget *find_namespace(const Budget *budget, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const NamespaceBudget *namespace;
	size_t cursor = 0;

	while ((namespace = hash_table_find(budget->by_namespace, hash, &cursor)))
		if (text_is_equal(namespace->name, name))
			return (NamespaceBudget *)namespace;
	return NULL;
}

void budget_note_pod(Budget *budget, const Pod *pod)
{
	NamespaceBudget *tracked =
		budget->n_tracked ? find_namespace(budget, pod->namespace) : NULL;

	if (tracked)
		tracked->has_changed_pods = true;
	if (pod->addresses.n > budget->max_addresses)
		budget->max_addresses = pod->addresses.n;
	if (pod->ports.n > budget->max_ports)
		budget->max_ports = pod->ports.n;
}

void budget_begin(Budget *budget, Arena *scratch, size_t max_local_pods)
{
	budget->scratch = scratch;
	budget->max_local_pods = max_local_pods;
	budget->batch = (IndexedSets){};
	budget->found = (IndexedSets){};
	budget->elements = (Elements){};
}

void budget_change_policy(Budget *budget, const char *name)
{
	NamespaceBudget *namespace = find_namespace(budget, name);

	if (is_unlimited(budget))
		return;
	if (!namespace) {
		namespace = MEMORY_NEW(NamespaceBudget);
		namespace->name = memory_copy_text(name);
		hash_table_add(budget->by_namespace, hash_text(HASH_START, name), namespace);
	}
	namespace->has_changed_policies = true;
}

/* ---- Counting ---- */
static size_t count_elements(
	Budget *budget, const CountedWant *want, Address address, const Member *member)
{
	Elements *elements = &budget->elements;

	if (!member->pod || !candidate_selects(&want->set, address, member))
		return 0;
	if (want->set.definition.kind == SET_PODS)
		return 1;
	elements->n = 0;
	indexed_set_add_elements(budget->scratch, &want->set, address, member->pod, elements);
	elements_sort(elements); /* and drops duplicates */
	return elements->n;
}

typedef struct Count {
	size_t elements, comparisons;
} Count;

static Count count_address(
	Budget *budget, const CountedWant *want, Address address, const Member *member)
{
	return (Count){count_elements(budget, want, address, member), want->comparisons_each};
}

static void find(Budget *budget, const Member *member)
{
	budget->found.n = 0;
	candidates_begin(&budget->candidates);
	candidates_find(&budget->candidates, budget->scratch, member, &budget->found);
}

void budget_move(Budget *budget, Address address, Member before, Member after)
{
	if (budget->n_tracked == 0)
		return;
	find(budget, &before);
	for (size_t i = 0; i < budget->found.n; i++) {
		CountedWant *want = (CountedWant *)budget->found.at[i];
		Count count = count_address(budget, want, address, &before);

		assert(want->elements >= count.elements);
		assert(want->comparisons >= count.comparisons);
		want->elements -= count.elements;
		want->comparisons -= count.comparisons;
		want->namespace->is_outdated = true;
	}
	find(budget, &after);
	for (size_t i = 0; i < budget->found.n; i++) {
		CountedWant *want = (CountedWant *)budget->found.at[i];
		Count count = count_address(budget, want, address, &after);

		want->elements += count.elements;
		want->comparisons += count.comparisons;
		want->namespace->is_outdated = true;
	}
}

static void count_pod(Budget *budget, const AddressIndex *addresses, const Member *member)
{
	find(budget, member);
	for (size_t i = 0; i < member->pod->addresses.n; i++) {
		Address address = member->pod->addresses.at[i];

		if (!address_index_has_entry(addresses, member->pod, i))
			continue;
		for (size_t k = 0; k < budget->found.n; k++) {
			CountedWant *want = (CountedWant *)budget->found.at[k];
			Count count;

			if (!want->is_new)
				continue;
			count = count_address(budget, want, address, member);
			want->elements += count.elements;
			want->comparisons += count.comparisons;
		}
	}
}

/* Counts the wants of budget->batch. */
static void count_batch(Budget *budget, const Model *model, const AddressIndex *addresses)
{
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	while ((namespace = model_next_namespace(model, &cursor))) {
		Member member = {.namespace = namespace->object};
		size_t at_pod = 0;

		while ((member.pod = namespace_next_pod(namespace, &at_pod)))
			if (pod_is_subject(member.pod))
				count_pod(budget, addresses, &member);
	}
	for (size_t i = 0; i < budget->batch.n; i++) {
		CountedWant *want = (CountedWant *)budget->batch.at[i];

		want->is_new = false;
		want->is_counted = true;
	}
	budget->batch.n = 0;
}

/* ---- The bound, and tracking ---- */
static void count_policies(
	NamespaceBudget *namespace, const NamespaceIndex *index, const Model *model)
{
	namespace->rules = 0;
	namespace->wants = (WantCounts){};
	namespace->is_distinct = false;
	for (size_t i = 0; i < index->policies.n; i++) {
		namespace->rules = cost_add(namespace->rules, cost_rules(index->policies.at[i]));
		cost_count(index->policies.at[i], model, &namespace->wants);
	}
}

static uint32_t want_hash(const Definition *definition)
{
	return hash_text(HASH_START + (uint32_t)definition->kind, definition->key);
}

static bool is_same_want(const Definition *a, const Definition *b)
{
	return a->kind == b->kind && text_is_equal(a->key, b->key);
}

/* Counts equal wants once. */
static void count_distinct(
	NamespaceBudget *namespace, const NamespaceIndex *index, const Model *model)
{
	ARENA_CLEANUP Arena *arena = arena_new();
	HashTable *seen = hash_table_new(arena);
	Wants wants = {};

	for (size_t i = 0; i < index->policies.n; i++)
		cost_list(arena, index->policies.at[i], model, &wants);
	namespace->wants = (WantCounts){};
	namespace->is_distinct = true;
	for (size_t i = 0; i < wants.n; i++) {
		uint32_t hash = want_hash(&wants.at[i].definition);
		const Want *known;
		size_t cursor = 0;

		while ((known = hash_table_find(seen, hash, &cursor)))
			if (is_same_want(&known->definition, &wants.at[i].definition))
				break;
		if (known)
			continue;
		hash_table_add(seen, hash, &wants.at[i]);
		cost_count_want(&wants.at[i], &namespace->wants);
	}
}

/* At least as much as the policies of the namespace are charged; in elements. */
static size_t bound(const Budget *budget, const NamespaceBudget *namespace,
	const NamespaceIndex *index, size_t n_addresses)
{
	const WantCounts *wants = &namespace->wants;
	size_t own = cost_multiply(namespace_count_pods(index), budget->max_addresses);
	size_t n = cost_multiply(wants->of_address, n_addresses);

	n = cost_add(
		n, cost_multiply(wants->of_own_address, own < n_addresses ? own : n_addresses));
	n = cost_add(
		n, cost_multiply(cost_multiply(wants->of_port, budget->max_ports), n_addresses));
	return cost_add(n / COMPARISONS_PER_ELEMENT, wants->of_range + 1);
}

/* ---- Thresholds ---- */
/* A namespace whose policies are charged more is warned of: pods that come may be too many. */
static size_t warning_limit(const Budget *budget)
{
	return budget->limits.elements / 10 * 9;
}

/*
 * A namespace whose bound is larger is tracked: it may exceed the warning's limit. It stays tracked
 * until its bound is much smaller, so that it is not counted again and again. What is decided does
 * not depend on that.
 */
static size_t tracking_limit(const Budget *budget, bool is_tracked)
{
	size_t limit = budget->limits.elements / 8;

	return is_tracked ? 4 * limit : 7 * limit;
}

/* By an upper bound: each pod has a chain of its own, with all rules. */
static bool may_have_too_many_rules(
	const Budget *budget, const NamespaceBudget *namespace, const NamespaceIndex *index)
{
	size_t n = namespace_count_pods(index);

	if (n > budget->max_local_pods)
		n = budget->max_local_pods;
	return exceeds(cost_multiply(namespace->rules, n ? n : 1), budget->limits.rules);
}

static bool may_need_counts(const Budget *budget, NamespaceBudget *namespace,
	const NamespaceIndex *index, const Model *model, size_t n_addresses)
{
	size_t limit = tracking_limit(budget, namespace->is_tracked);

	if (budget->limits.elements == 0)
		return false;
	if (bound(budget, namespace, index, n_addresses) <= limit)
		return false;
	if (namespace->is_distinct)
		return true;
	count_distinct(namespace, index, model);
	return bound(budget, namespace, index, n_addresses) > limit;
}

static void free_want(Budget *budget, NamespaceBudget *namespace, CountedWant *want)
{
	const Definition *definition = &want->set.definition;

	if (want->is_counted)
		candidates_remove(&budget->candidates, &want->set);
	hash_table_remove(namespace->wants_by_key, want_hash(definition), want);
	arena_free(want->set.arena);
}

static CountedWants list_wants(const Budget *budget, const NamespaceBudget *namespace)
{
	CountedWants wants = {};
	const CountedWant *want;
	size_t cursor = 0;

	while ((want = hash_table_next(namespace->wants_by_key, &cursor)))
		VEC_PUSH(budget->scratch, &wants, (CountedWant *)want);
	return wants;
}

static CountedWant *get_want(Budget *budget, NamespaceBudget *namespace, const Want *spec)
{
	uint32_t hash = want_hash(&spec->definition);
	const CountedWant *known;
	CountedWant *want;
	Arena *arena;
	size_t cursor = 0;

	while ((known = hash_table_find(namespace->wants_by_key, hash, &cursor)))
		if (is_same_want(&known->set.definition, &spec->definition))
			return (CountedWant *)known;
	arena = arena_child(budget->arena);
	want = ARENA_NEW(arena, CountedWant);
	*want = (CountedWant){.namespace = namespace,
		.comparisons_each = cost_comparisons(&spec->definition),
		.elements = spec->n_ranges,
		.is_counted = spec->definition.kind == SET_CIDR};
	indexed_set_init(&want->set, arena, &spec->definition);
	hash_table_add(namespace->wants_by_key, hash, want);
	return want;
}

static int want_compare(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (CountedWant *const *)a,
		  y = (uintptr_t) * (CountedWant *const *)b;

	return x < y ? -1 : x > y;
}

static void add_wants(Budget *budget, NamespaceBudget *namespace, const Policy *policy,
	const Model *model, PolicyCost *cost)
{
	size_t last = 0;
	Wants wants = {};

	cost_list(budget->scratch, policy, model, &wants);
	for (size_t i = 0; i < wants.n; i++)
		VEC_PUSH(namespace->arena, &cost->wants, get_want(budget, namespace, &wants.at[i]));
	if (wants.n == 0)
		return;
	qsort(cost->wants.at, cost->wants.n, sizeof(CountedWant *), want_compare);
	for (size_t i = 1; i < cost->wants.n; i++)
		if (cost->wants.at[i] != cost->wants.at[last])
			cost->wants.at[++last] = cost->wants.at[i];
	cost->wants.n = (uint32_t)last + 1;
	for (size_t i = 0; i < cost->wants.n; i++)
		cost->wants.at[i]->n_policies++;
}

/* Those that are in force, or the audited ones. classes: NULL if rules are not counted. */
static void list_some_policies(Budget *budget, NamespaceBudget *namespace,
	const NamespaceIndex *index, const Model *model, PodClasses *classes, bool is_audit)
{
	for (size_t i = 0; i < index->policies.n; i++) {
		const Policy *policy = index->policies.at[i];
		PolicyCost cost = {
			.name = arena_strdup(namespace->arena, policy->name), .is_audit = is_audit};

		if (policy->is_audit != is_audit)
			continue;
		if (classes && !pod_classes_take(
				       classes, policy, cost_rules(policy), budget->limits.rules))
			cost.over = OVER_RULES;
		else if (budget->limits.elements)
			add_wants(budget, namespace, policy, model, &cost);
		VEC_PUSH(namespace->arena, &namespace->policies, cost);
	}
}

/* Makes the list of policies anew. Wants that the list before had keep their counts. */
static void list_policies(
	Budget *budget, NamespaceBudget *namespace, const NamespaceIndex *index, const Model *model)
{
	CountedWants wants;
	PodClasses classes;

	if (!namespace->table_arena) {
		namespace->table_arena = arena_child(budget->arena);
		namespace->wants_by_key = hash_table_new(namespace->table_arena);
	}
	wants = list_wants(budget, namespace);
	for (size_t i = 0; i < wants.n; i++)
		wants.at[i]->n_policies = 0;
	arena_free(namespace->arena);
	namespace->arena = arena_child(budget->arena);
	namespace->policies.at = NULL;
	namespace->policies.n = namespace->policies.capacity = 0;
	if (index && namespace->counts_rules)
		pod_classes_begin(&classes, budget->scratch, index, budget->limits.node);
	for (int is_audit = 0; index && is_audit < 2; is_audit++)
		list_some_policies(budget, namespace, index, model,
			namespace->counts_rules ? &classes : NULL, is_audit);
	for (size_t i = 0; i < wants.n; i++)
		if (wants.at[i]->n_policies == 0)
			free_want(budget, namespace, wants.at[i]);
	namespace->is_outdated = true;
}

static void end_tracking(Budget *budget, NamespaceBudget *namespace, const Model *model)
{
	list_policies(budget, namespace, NULL, model); /* frees all wants */
	namespace->arena = arena_free(namespace->arena);
	namespace->table_arena = arena_free(namespace->table_arena);
	namespace->is_tracked = namespace->is_outdated = false;
	budget->n_tracked--;
}

/*
 * ---- The decision ----
 * Wants are counted only as far as the decision needs it: of a policy that asks for a hundred times
 * the budget, a hundredth. What is not counted yet is charged nothing.
 */
static size_t charge_of(const CountedWant *want)
{
	return want->elements + want->comparisons / COMPARISONS_PER_ELEMENT;
}

/* What the policy asks for beyond what policies before it ask for already. */
static size_t charge_of_policy(const PolicyCost *cost, uint64_t evaluation)
{
	size_t n = 0;

	for (size_t i = 0; i < cost->wants.n; i++)
		if (cost->wants.at[i]->evaluation != evaluation)
			n = cost_add(n, charge_of(cost->wants.at[i]));
	return n;
}

/* Puts wants of the policy that are not counted into the batch. False: all are counted. */
static bool request_counts(Budget *budget, const PolicyCost *cost, size_t *n_requested)
{
	bool is_incomplete = false;

	for (size_t i = 0; i < cost->wants.n; i++) {
		CountedWant *want = cost->wants.at[i];

		if (want->is_counted)
			continue;
		is_incomplete = true;
		if (want->is_new || *n_requested >= budget->batch_max)
			continue;
		++*n_requested;
		want->is_new = true;
		candidates_add(&budget->candidates, &want->set);
		VEC_PUSH(budget->scratch, &budget->batch, &want->set);
	}
	return is_incomplete;
}

/*
 * Decides about the policies in their order. False: counts are missing, and have been requested. A
 * policy that is over the budget by what is counted of it needs no more counts.
 */
static bool evaluate(Budget *budget, NamespaceBudget *namespace)
{
	size_t elements = 0, n_requested = 0;
	bool is_complete = true;

	budget->evaluation++;
	namespace->n_over = 0;
	for (size_t i = 0; i < namespace->policies.n; i++) {
		PolicyCost *cost = &namespace->policies.at[i];
		size_t needed = cost_add(elements, charge_of_policy(cost, budget->evaluation));

		if (cost->over != OVER_RULES)
			cost->over =
				exceeds(needed, budget->limits.elements) ? OVER_ELEMENTS : OVER_NOT;
		namespace->n_over += cost->over != OVER_NOT;
		if (cost->over != OVER_NOT)
			continue;
		is_complete &= !request_counts(budget, cost, &n_requested);
		elements = needed;
		for (size_t k = 0; k < cost->wants.n; k++)
			cost->wants.at[k]->evaluation = budget->evaluation;
	}
	namespace->elements = elements;
	namespace->is_outdated = false;
	return is_complete;
}

static int cost_compare(const void *a, const void *b)
{
	const PolicyCost *x = a, *y = b;

	if (x->is_audit != y->is_audit)
		return x->is_audit ? 1 : -1;
	return strcmp(x->name, y->name);
}

static const PolicyCost *find_cost(const NamespaceBudget *namespace, const Policy *policy)
{
	const PolicyCost wanted = {.name = policy->name, .is_audit = policy->is_audit};

	if (namespace->policies.n == 0)
		return NULL;
	return bsearch(&wanted, namespace->policies.at, namespace->policies.n, sizeof(PolicyCost),
		cost_compare);
}

static bool is_over(const NamespaceBudget *namespace, const Policy *policy)
{
	const PolicyCost *cost = find_cost(namespace, policy);

	return cost && cost->over != OVER_NOT;
}

/* The names of the policies that are over the budget, in scratch memory; NULL: none. */
static StrMap *names_over(Budget *budget, const NamespaceBudget *namespace)
{
	StrMap *names = NULL;

	for (size_t i = 0; i < namespace->policies.n; i++)
		if (namespace->policies.at[i].over != OVER_NOT) {
			names = names ? names : strmap_new(budget->scratch);
			strmap_put(names,
				arena_strdup(budget->scratch, namespace->policies.at[i].name),
				(void *)namespace);
		}
	return names;
}

/* ---- The end of an update ---- */
typedef struct Outdated {
	NamespaceBudget *namespace;
	const NamespaceIndex *index;
	StrMap *were_over;
} Outdated;

typedef VEC(Outdated) OutdatedList;

static bool update_tracking(Budget *budget, NamespaceBudget *namespace, const NamespaceIndex *index,
	const Model *model, size_t n_addresses)
{
	bool was_tracked = namespace->is_tracked, counts_rules, is_to_be_listed;

	if (namespace->has_changed_policies)
		count_policies(namespace, index, model);
	counts_rules = may_have_too_many_rules(budget, namespace, index);
	if (!counts_rules && !may_need_counts(budget, namespace, index, model, n_addresses)) {
		if (was_tracked)
			end_tracking(budget, namespace, model);
		return was_tracked;
	}
	if (!was_tracked) {
		namespace->is_tracked = true;
		budget->n_tracked++;
	}
	is_to_be_listed = !was_tracked || namespace->has_changed_policies ||
			  counts_rules != namespace->counts_rules ||
			  (counts_rules && namespace->has_changed_pods);
	namespace->counts_rules = counts_rules;
	if (is_to_be_listed)
		list_policies(budget, namespace, index, model);
	return namespace->is_outdated;
}

static void free_namespace(Budget *budget, NamespaceBudget *namespace, const Model *model)
{
	if (namespace->is_tracked)
		end_tracking(budget, namespace, model);
	hash_table_remove(budget->by_namespace, hash_text(HASH_START, namespace->name), namespace);
	free(namespace->name);
	free(namespace);
}

/* Lists the namespaces whose policies have to be decided anew; frees those without policies. */
static void list_outdated(
	Budget *budget, const Model *model, size_t n_addresses, OutdatedList *outdated)
{
	VEC(NamespaceBudget *) all = {};
	const NamespaceBudget *next;
	size_t cursor = 0;

	while ((next = hash_table_next(budget->by_namespace, &cursor)))
		VEC_PUSH(budget->scratch, &all, (NamespaceBudget *)next);
	for (size_t i = 0; i < all.n; i++) {
		NamespaceBudget *namespace = all.at[i];
		const NamespaceIndex *index = model_namespace_index(model, namespace->name);
		StrMap *were_over = names_over(budget, namespace);
		size_t n_over = were_over ? strmap_count(were_over) : 0;

		budget->n_over -= n_over;
		if (!index || index->policies.n == 0) {
			free_namespace(budget, namespace, model);
			continue;
		}
		if (update_tracking(budget, namespace, index, model, n_addresses))
			VEC_PUSH(
				budget->scratch, outdated, (Outdated){namespace, index, were_over});
		else
			budget->n_over += n_over;
		namespace->has_changed_policies = namespace->has_changed_pods = false;
	}
}

/* Each walk over all pods counts a batch of wants of each namespace, each time twice as many. */
static void decide(Budget *budget, const Model *model, const AddressIndex *addresses,
	const OutdatedList *outdated)
{
	bool is_complete = false;

	for (budget->batch_max = 64; !is_complete; budget->batch_max *= 2) {
		is_complete = true;
		for (size_t i = 0; i < outdated->n; i++)
			is_complete &= evaluate(budget, outdated->at[i].namespace);
		if (budget->batch.n)
			count_batch(budget, model, addresses);
	}
}

void budget_end(
	Budget *budget, const Model *model, const AddressIndex *addresses, Policies *ret_toggled)
{
	OutdatedList outdated = {};

	list_outdated(budget, model, address_index_count(addresses), &outdated);
	decide(budget, model, addresses, &outdated);
	for (size_t i = 0; i < outdated.n; i++) {
		const Outdated *o = &outdated.at[i];

		for (size_t k = 0; k < o->index->policies.n; k++) {
			const Policy *policy = o->index->policies.at[k];
			bool was = o->were_over && strmap_get(o->were_over, policy->name);
			bool is = is_over(o->namespace, policy);

			budget->n_over += is;
			if (was != is)
				VEC_PUSH(budget->scratch, ret_toggled, policy);
		}
	}
	budget->scratch = NULL;
}

bool budget_is_over(const Budget *budget, const Policy *policy)
{
	const NamespaceBudget *namespace =
		budget->n_over ? find_namespace(budget, policy->namespace) : NULL;

	return namespace && is_over(namespace, policy);
}

/* ---- Words ---- */
static void warn(const Budget *budget, const Policy *policy, const PolicyCost *cost, Diags *diags)
{
	bool is_rules = cost->over == OVER_RULES;

	DIAG_ERROR(diags, policy->origin, "over-budget",
		is_rules ? "name fewer pairs of peers and ports, divide the policies among several "
			   "namespaces, or raise namespace_rules in netpol.conf"
			 : "use fewer different selectors, or such that select fewer pods, or "
			   "raise namespace_elements in netpol.conf",
		"policy %s/%s is over the budget of its namespace: %s; the policies of namespace "
		"%s would need more than %zu %s "
		"(%s)",
		policy->namespace, policy->name,
		policy->is_audit ? "it is audited without its rules: what they would allow counts "
				   "as denied, and passes"
				 : "its pods are isolated, none of its rules is in force",
		policy->namespace, is_rules ? budget->limits.rules : budget->limits.elements,
		is_rules ? "rules" : "elements",
		is_rules ? "namespace_rules" : "namespace_elements");
}

static int namespace_compare(const void *a, const void *b)
{
	return strcmp((*(NamespaceBudget *const *)a)->name, (*(NamespaceBudget *const *)b)->name);
}

static void warn_namespace(
	const Budget *budget, const NamespaceBudget *namespace, const Model *model, Diags *diags)
{
	const NamespaceIndex *index = model_namespace_index(model, namespace->name);

	for (size_t i = 0; index && i < index->policies.n; i++) {
		const PolicyCost *cost = find_cost(namespace, index->policies.at[i]);

		if (cost && cost->over != OVER_NOT)
			warn(budget, index->policies.at[i], cost, diags);
	}
	if (index && index->policies.n && namespace->n_over == 0 &&
		exceeds(namespace->elements, warning_limit(budget)))
		DIAG_WARNING(diags, index->policies.at[index->policies.n - 1]->origin,
			"near-budget",
			"use fewer different selectors, or raise namespace_elements in netpol.conf",
			"the policies of namespace %s need more than nine tenths of its budget of "
			"%zu "
			"elements (namespace_elements); if more pods come that they select, "
			"policies will "
			"be over the budget, and their rules no longer in force",
			namespace->name, budget->limits.elements);
}

void budget_warn(const Budget *budget, const Model *model, Diags *diags)
{
	VEC(const NamespaceBudget *) tracked = {};
	const NamespaceBudget *namespace;
	size_t cursor = 0;

	while (budget->n_tracked && (namespace = hash_table_next(budget->by_namespace, &cursor)))
		if (namespace->is_tracked)
			VEC_PUSH(diags->arena, &tracked, namespace);
	if (tracked.n)
		qsort(tracked.at, tracked.n, sizeof(NamespaceBudget *), namespace_compare);
	for (size_t i = 0; i < tracked.n; i++)
		warn_namespace(budget, tracked.at[i], model, diags);
}
