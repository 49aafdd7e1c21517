/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sets that rules look up: created, filled, edited and freed as the model changes. */
#include "set_index.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

void set_index_init(SetIndex *index, Arena *arena)
{
	*index = (SetIndex){
		.arena = arena, .by_name = hash_table_new(arena), .by_key = hash_table_new(arena)};
	candidates_init(&index->candidates, arena);
}

void set_index_free(SetIndex *index)
{
	const IndexedSet *set;
	size_t cursor = 0;

	while ((set = hash_table_next(index->by_name, &cursor)))
		set_unref(set->set);
}

/* ---- Creating and freeing sets ---- */
#define SELF_KEY_AUDIT "audit" /* of a SET_SELF; that of isolated pods has an empty key */

static void name_set(const Definition *definition, size_t size, char name[OBJECT_NAME_SET_SIZE])
{
	if (definition->kind == SET_SELF)
		snprintf(name, OBJECT_NAME_SET_SIZE, "%s",
			object_name_self(definition->family, *definition->key != '\0'));
	else if (definition->kind == SET_LINKS)
		snprintf(name, OBJECT_NAME_SET_SIZE, "%s", object_name_podless(false));
	else
		object_name_set(definition->kind, definition->family, definition->key, size, name);
}

IndexedSet *set_index_find(const SetIndex *index, const char *name)
{
	uint32_t hash = hash_text(HASH_START, name);
	const IndexedSet *set;
	size_t cursor = 0;

	while ((set = hash_table_find(index->by_name, hash, &cursor)))
		if (strcmp(set->name, name) == 0)
			return (IndexedSet *)set;
	return NULL;
}

static void mark_edited(SetIndex *index, IndexedSet *set)
{
	if (!set->is_edited)
		VEC_PUSH(index->scratch, &index->edited, set);
	set->is_edited = true;
}

static uint32_t key_hash(const Definition *definition)
{
	return hash_text(
		HASH_START + 2 * (uint32_t)definition->kind + definition->family, definition->key);
}

static IndexedSet *find_by_key(const SetIndex *index, const Definition *definition)
{
	uint32_t hash = key_hash(definition);
	const IndexedSet *set;
	size_t cursor = 0;

	while ((set = hash_table_find(index->by_key, hash, &cursor)))
		if (set->definition.kind == definition->kind &&
			set->definition.family == definition->family &&
			strcmp(set->definition.key, definition->key) == 0)
			return (IndexedSet *)set;
	return NULL;
}

IndexedSet *set_index_get(SetIndex *index, const Definition *definition)
{
	IndexedSet *set = find_by_key(index, definition);
	Arena *arena;

	if (set)
		return set;
	assert(index->scratch);
	arena = arena_child(index->arena);
	set = ARENA_NEW(arena, IndexedSet);
	indexed_set_init(set, arena, definition);
	name_set(&set->definition, 0, set->name);
	hash_table_add(index->by_name, hash_text(HASH_START, set->name), set);
	hash_table_add(index->by_key, key_hash(&set->definition), set);
	candidates_add(&index->candidates, set);
	VEC_PUSH(index->scratch, &index->new_sets, set);
	mark_edited(index, set);
	return set;
}

static void free_set(SetIndex *index, IndexedSet *set)
{
	candidates_remove(&index->candidates, set);
	hash_table_remove(index->by_name, hash_text(HASH_START, set->name), set);
	hash_table_remove(index->by_key, key_hash(&set->definition), set);
	set_unref(set->set);
	arena_free(set->arena);
}

/* ---- Elements ---- */
/* Adds the elements that a candidate has for an address of the member: none if it selects none. */
static void add_elements(Arena *arena, const IndexedSet *set, Address address, const Member *member,
	Elements *elements)
{
	if (!member->pod || set->definition.family != address.family ||
		!candidate_selects(set, address, member))
		return;
	indexed_set_add_elements(arena, set, address, member->pod, elements);
}

static void edit_elements(SetIndex *index, IndexedSet *set, Elements *before, Elements *after)
{
	size_t n = set->add.n + set->del.n;

	elements_sort(before);
	elements_sort(after);
	elements_diff(index->scratch, before, after, &set->add, &set->del);
	if (set->add.n + set->del.n > n)
		mark_edited(index, set);
}

void set_index_move(SetIndex *index, Address address, Member before, Member after)
{
	IndexedSets candidates = {};

	candidates_begin(&index->candidates);
	candidates_find(&index->candidates, index->scratch, &before, &candidates);
	candidates_find(&index->candidates, index->scratch, &after, &candidates);
	for (size_t i = 0; i < candidates.n; i++) {
		Elements old = {}, new = {};

		add_elements(index->scratch, candidates.at[i], address, &before, &old);
		add_elements(index->scratch, candidates.at[i], address, &after, &new);
		edit_elements(index, candidates.at[i], &old, &new);
	}
}

void set_index_edit_self(SetIndex *index, Address address, bool is_audit, bool is_in)
{
	IndexedSet *set = index->self[is_audit][address.family];
	Element element = {.address = address};

	if (is_in)
		VEC_PUSH(index->scratch, &set->add, element);
	else
		VEC_PUSH(index->scratch, &set->del, element);
	mark_edited(index, set);
}

/* ---- Filling new sets ---- */
static void fill_from_pod(SetIndex *index, const AddressIndex *addresses, const Member *member)
{
	IndexedSets *found = &index->found; /* one list for all pods */

	found->n = 0;
	candidates_begin(&index->candidates);
	candidates_find(&index->candidates, index->scratch, member, found);
	for (size_t i = 0; i < member->pod->addresses.n; i++) {
		Address address = member->pod->addresses.at[i];

		if (!address_index_holds(addresses, member->pod, address))
			continue;
		for (size_t k = 0; k < found->n; k++)
			if (!found->at[k]->set)
				add_elements(index->scratch, found->at[k], address, member,
					&found->at[k]->add);
	}
}

static void fill_from_namespace(
	SetIndex *index, const AddressIndex *addresses, const NamespaceIndex *namespace)
{
	Member member = {.namespace = namespace->object};
	size_t cursor = 0;

	while ((member.pod = namespace_next_pod(namespace, &cursor)))
		if (pod_is_subject(member.pod))
			fill_from_pod(index, addresses, &member);
}

/* The namespace that all peers of the set select from; NULL: there are several, or a selector. */
static const char *only_namespace_of(const Definition *definition)
{
	const char *namespace =
		definition->kind == SET_PODS ? definition->peers.at[0].namespace : NULL;

	for (size_t i = 0; namespace && i < definition->peers.n; i++)
		if (!text_is_equal(definition->peers.at[i].namespace, namespace))
			return NULL;
	return namespace;
}

/* The namespace that all new sets select from: then only its pods have to be walked. Or NULL. */
static const char *only_namespace(const SetIndex *index)
{
	const char *only = NULL;

	for (size_t i = 0; i < index->new_sets.n; i++) {
		const char *namespace;

		if (!set_selects_pods(index->new_sets.at[i]))
			continue;
		namespace = only_namespace_of(&index->new_sets.at[i]->definition);
		if (!namespace || (only && strcmp(only, namespace) != 0))
			return NULL;
		only = namespace;
	}
	return only;
}

static bool any_selects_pods(const SetIndex *index)
{
	for (size_t i = 0; i < index->new_sets.n; i++)
		if (set_selects_pods(index->new_sets.at[i]))
			return true;
	return false;
}

void set_index_fill(SetIndex *index, const Model *model, const AddressIndex *addresses)
{
	const char *only = only_namespace(index);
	const NamespaceIndex *namespace;
	size_t cursor = 0;

	if (!any_selects_pods(index))
		return;
	if (only) {
		namespace = model_namespace_index(model, only);
		if (namespace)
			fill_from_namespace(index, addresses, namespace);
		return;
	}
	while ((namespace = model_next_namespace(model, &cursor)))
		fill_from_namespace(index, addresses, namespace);
}

/* ---- Begin and end of an update ---- */
static IndexedSet *get_self(SetIndex *index, Family family, const char *key)
{
	IndexedSet *self =
		set_index_get(index, &(Definition){.kind = SET_SELF, .family = family, .key = key});

	self->users = 1; /* the refusal chains look it up in every table */
	return self;
}

void set_index_begin(SetIndex *index, Arena *scratch)
{
	assert(!index->scratch); /* the update before has ended */
	index->scratch = scratch;
	index->new_sets.n = index->new_sets.capacity = 0;
	index->edited.n = index->edited.capacity = 0;
	index->new_sets.at = index->edited.at = NULL;
	index->found = (IndexedSets){};
	index->renamed = NULL;
	index->is_old_set_renamed = false;
	/* empty in each ruleset of the compiler: see ruleset_set_podless */
	set_index_get(index, &(Definition){.kind = SET_LINKS, .family = FAMILY_IPV6, .key = ""})
		->users = 1;
	for (Family f = FAMILY_IPV4; f < FAMILY_N; f++) {
		index->self[0][f] = get_self(index, f, "");
		index->self[1][f] = get_self(index, f, SELF_KEY_AUDIT);
	}
}

static void replace_set(IndexedSet *set, const Set *made)
{
	set_unref(set->set);
	set->set = made;
}

static void rename_set(SetIndex *index, IndexedSet *set, size_t size)
{
	if (!index->renamed)
		index->renamed = strmap_new(index->scratch);
	/* the value is the set's own buffer, which gets the new name below */
	strmap_put(index->renamed, arena_strdup(index->scratch, set->name), set->name);
	hash_table_remove(index->by_name, hash_text(HASH_START, set->name), set);
	name_set(&set->definition, size, set->name);
	hash_table_add(index->by_name, hash_text(HASH_START, set->name), set);
}

static void make_new_set(SetIndex *index, IndexedSet *set)
{
	const Set spec = {.name = set->name,
		.comment = set->definition.comment,
		.kind = set->definition.kind,
		.family = set->definition.family,
		.elements = set->add,
		.ranges = set->definition.kind == SET_CIDR ? set->definition.ranges : (Ranges){}};
	size_t size = set_size(&spec);

	assert(set->del.n == 0);
	if (size)
		rename_set(index, set, size);
	replace_set(set, set_make(&spec));
}

static void edit_set(SetIndex *index, IndexedSet *set)
{
	size_t size = set_size(set->set);
	Set renamed;

	replace_set(set, set_edit(set->set, &set->add, &set->del));
	if (set_size(set->set) == size)
		return;
	rename_set(index, set, set_size(set->set));
	renamed = set_spec(set->set);
	renamed.name = set->name;
	replace_set(set, set_make(&renamed));
	index->is_old_set_renamed = true;
}

static void make_set(SetIndex *index, IndexedSet *set)
{
	elements_sort(&set->add);
	elements_sort(&set->del);
	if (set->set)
		edit_set(index, set);
	else
		make_new_set(index, set);
	set->is_edited = false;
	set->add = set->del = (Elements){};
}

const char *set_index_new_name(const SetIndex *index, const char *name)
{
	const char *new = index->renamed ? strmap_get(index->renamed, name) : NULL;

	return new ? new : name;
}

static int set_compare(const void *a, const void *b)
{
	return strcmp((*(IndexedSet *const *)a)->name, (*(IndexedSet *const *)b)->name);
}

static void sort_sets(IndexedSet **sets, size_t n)
{
	if (n)
		qsort(sets, n, sizeof(IndexedSet *), set_compare);
}

/*
 * Merges the new sets into `sorted`, and frees the sets that no rule looks up. They are freed after
 * the walk, because Merge compares each item with the one before it.
 */
static void update_sorted(SetIndex *index)
{
	Merge walk = {.compare = set_compare, .size = sizeof(IndexedSet *)};
	IndexedSets old = VEC_COPY(index->scratch, index->sorted), unused = {};

	if (index->is_old_set_renamed)
		sort_sets(old.at, old.n);
	sort_sets(index->new_sets.at, index->new_sets.n);
	index->sorted.n = 0;
	merge_start(&walk, old.at, old.n, index->new_sets.at, index->new_sets.n);
	while (merge_next(&walk)) {
		IndexedSet *set = *(IndexedSet *const *)(walk.left ? walk.left : walk.right);

		assert(!walk.left || !walk.right); /* a name has one set */
		if (set->users > 0)
			VEC_PUSH(index->arena, &index->sorted, set);
		else
			VEC_PUSH(index->scratch, &unused, set);
	}
	for (size_t i = 0; i < unused.n; i++)
		free_set(index, unused.at[i]);
}

void set_index_end(SetIndex *index)
{
	for (size_t i = 0; i < index->edited.n; i++)
		if (index->edited.at[i]->users > 0)
			make_set(index, index->edited.at[i]);
	update_sorted(index);
	index->scratch = NULL;
}
