/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses whose memberships or verdicts may change in an update. See dirty.h. */
#include "dirty.h"
#include <assert.h>

bool pod_is_local(const Compiler *c, const Pod *pod)
{
	return c->options.is_all || pod->attached ||
	       text_is_equal(pod->host->name, c->options.node);
}

static const Namespace *namespace_before(const Update *u, const Pod *pod)
{
	const NamespaceChange *change =
		u->namespaces ? strmap_get(u->namespaces, pod->namespace) : NULL;

	return change ? change->before : model_namespace(u->c->model, pod->namespace);
}

/*
 * Idempotent. Records the address's owner before this update, so it must be called before the
 * address index is changed.
 */
static void mark_dirty(Update *u, Address address)
{
	uint32_t hash = hash_bytes(HASH_START, &address.value, sizeof(address.value));
	const Pod *owner;
	const DirtyAddress *known;
	DirtyAddress *new;
	size_t cursor = 0;

	while ((known = hash_table_find(u->dirty_by_address, hash, &cursor)))
		if (address_is_equal(known->address, address))
			return;
	owner = address_index_owner(&u->c->addresses, address);
	new = ARENA_NEW(u->scratch, DirtyAddress);
	*new = (DirtyAddress){
		.address = address, .before = {owner, owner ? namespace_before(u, owner) : NULL}};
	hash_table_add(u->dirty_by_address, hash, new);
	VEC_PUSH(u->scratch, &u->dirty, new);
}

/*
 * In the first update all sets are new and are filled from all pods, so only the addresses that may
 * get a verdict have to be dirty: those of local pods.
 */
static void mark_pod_dirty(Update *u, const Pod *pod)
{
	if (!u->c->is_started && !pod_is_local(u->c, pod))
		return;
	for (size_t i = 0; pod_is_subject(pod) && i < pod->addresses.n; i++)
		mark_dirty(u, pod->addresses.at[i]);
}

/* ---- Pods ---- */
static void count_local(Compiler *c, const Pod *pod, bool is_added)
{
	uint32_t hash = hash_text(HASH_START, pod->name);

	if (!pod_is_local(c, pod))
		return;
	assert(is_added || c->n_local > 0);
	c->n_local += is_added ? 1 : (size_t)-1;
	if (c->options.is_all || !pod_is_subject(pod))
		return;
	if (is_added)
		hash_table_add(c->local_pods, hash, pod);
	else
		hash_table_remove(c->local_pods, hash, pod);
}

static void mark_changed_pod(Update *u, const Pod *pod)
{
	mark_pod_dirty(u, pod);
	budget_note_pod(&u->c->budget, pod);
}

static void change_pod(Update *u, const PodChange *change)
{
	Compiler *c = u->c;

	if (change->before && change->after && pod_is_equal(change->before, change->after)) {
		address_index_replace(&c->addresses, change->before, change->after);
	} else {
		if (change->before)
			mark_changed_pod(u, change->before);
		if (change->after)
			mark_changed_pod(u, change->after);
		if (change->before)
			address_index_remove(&c->addresses, change->before);
		if (change->after)
			address_index_add(&c->addresses, change->after);
	}
	if (change->before)
		count_local(c, change->before, false);
	if (change->after)
		count_local(c, change->after, true);
}

/* ---- Namespaces ---- */
static void index_namespaces(Update *u)
{
	if (u->changes->namespaces.n)
		u->namespaces = strmap_new(u->scratch);
	for (size_t i = 0; i < u->changes->namespaces.n; i++) {
		const NamespaceChange *change = &u->changes->namespaces.at[i];

		/* if a namespace changed several times, the first change has the state before */
		if (!strmap_get(u->namespaces, change->namespace->name))
			strmap_put(u->namespaces, change->namespace->name, (void *)change);
	}
}

static bool has_same_labels(const Namespace *a, const Namespace *b)
{
	return a && b && namespaces_have_same_labels(a, b);
}

static void mark_namespaces_dirty(Update *u)
{
	for (size_t i = 0; i < u->changes->namespaces.n; i++) {
		const NamespaceChange *change = &u->changes->namespaces.at[i];
		const Pod *pod;
		size_t cursor = 0;

		if (has_same_labels(change->before, change->after))
			continue;
		while ((pod = namespace_next_pod(change->namespace, &cursor)))
			mark_pod_dirty(u, pod);
	}
}

/* ---- Policies: the local pods that any of them selects, and those it may select ---- */
static bool any_selects(const Policies *policies, const Pod *pod)
{
	for (size_t i = 0; policies && i < policies->n; i++)
		if (pod->known == KNOWN_ATTACHED || pod_is_selected(pod, &policies->at[i]->pods))
			return true;
	return false;
}

static void list_policy(Update *u, StrMap *by_namespace, const Policy *policy)
{
	Policies *list = strmap_get(by_namespace, policy->namespace);

	if (!list) {
		list = ARENA_NEW(u->scratch, Policies);
		strmap_put(by_namespace, policy->namespace, list);
	}
	VEC_PUSH(u->scratch, list, policy);
}

static void mark_selected_local(Update *u, StrMap *by_namespace)
{
	const Pod *pod;
	size_t cursor = 0;

	while ((pod = hash_table_next(u->c->local_pods, &cursor)))
		if (any_selects(strmap_get(by_namespace, pod->namespace), pod))
			mark_pod_dirty(u, pod);
}

static void mark_selected_all(Update *u, StrMap *by_namespace)
{
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	while ((namespace = model_next_namespace(u->c->model, &cursor))) {
		const Policies *policies = strmap_get(by_namespace, namespace->name);
		const Pod *pod;
		size_t at_pod = 0;

		while (policies && (pod = namespace_next_pod(namespace, &at_pod)))
			if (any_selects(policies, pod))
				mark_pod_dirty(u, pod);
	}
}

static void list_changed(Update *u, StrMap *by_namespace)
{
	for (size_t i = 0; i < u->changes->policies.n; i++) {
		const PolicyChange *change = &u->changes->policies.at[i];

		if (change->before)
			list_policy(u, by_namespace, change->before);
		if (change->after && change->after != change->before)
			list_policy(u, by_namespace, change->after);
	}
}

/* Policies that did not change, but have a selection that became exclusive or ceased to be so. */
static void list_affected(Update *u, StrMap *by_namespace)
{
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	if (!selector_usage_has_changed(&u->c->usage))
		return;
	while ((namespace = model_next_namespace(u->c->model, &cursor)))
		for (size_t i = 0; i < namespace->policies.n; i++)
			if (selector_usage_affects(&u->c->usage, namespace->policies.at[i]))
				list_policy(u, by_namespace, namespace->policies.at[i]);
}

static void count_usage(Update *u)
{
	for (size_t i = 0; i < u->changes->policies.n; i++) {
		const PolicyChange *change = &u->changes->policies.at[i];

		if (change->before)
			selector_usage_remove(&u->c->usage, change->before);
		if (change->after)
			selector_usage_add(&u->c->usage, change->after);
	}
}

/* Not in the first update: every local pod is dirty already. */
static void mark_policies_dirty(Update *u)
{
	StrMap *by_namespace;

	if (!u->c->is_started || u->changes->policies.n + u->toggled.n == 0)
		return;
	by_namespace = strmap_new(u->scratch);
	list_changed(u, by_namespace);
	for (size_t i = 0; i < u->toggled.n; i++)
		list_policy(u, by_namespace, u->toggled.at[i]);
	list_affected(u, by_namespace);
	if (u->c->options.is_all)
		mark_selected_all(u, by_namespace);
	else
		mark_selected_local(u, by_namespace);
}

/* ---- The state after this update ---- */
static void find_owners(Update *u, size_t from)
{
	for (size_t i = from; i < u->dirty.n; i++) {
		DirtyAddress *dirty = u->dirty.at[i];

		dirty->after.pod = address_index_owner(&u->c->addresses, dirty->address);
		if (dirty->after.pod)
			dirty->after.namespace =
				model_namespace(u->c->model, dirty->after.pod->namespace);
	}
}

static void update_budget(Update *u)
{
	Budget *budget = &u->c->budget;

	budget_begin(budget, u->scratch, u->c->n_local);
	for (size_t i = 0; i < u->dirty.n; i++)
		budget_move(budget, u->dirty.at[i]->address, u->dirty.at[i]->before,
			u->dirty.at[i]->after);
	for (size_t i = 0; i < u->changes->policies.n; i++) {
		const PolicyChange *change = &u->changes->policies.at[i];

		budget_change_policy(
			budget, (change->after ? change->after : change->before)->namespace);
	}
	budget_end(budget, u->c->model, &u->c->addresses, &u->toggled);
}

void dirty_find(Update *u)
{
	size_t n;

	u->dirty_by_address = hash_table_new(u->scratch);
	index_namespaces(u);
	for (size_t i = 0; i < u->changes->pods.n; i++)
		change_pod(u, &u->changes->pods.at[i]);
	mark_namespaces_dirty(u);
	n = u->dirty.n;
	find_owners(u, 0);
	update_budget(u);
	count_usage(u);
	mark_policies_dirty(u);
	find_owners(u, n);
}
