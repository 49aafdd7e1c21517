/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Merges the policies of the chosen versions into the model. */
#include "policies.h"

/* The policies of the files of which another version is in force now; both sorted by name. */
typedef struct Replaced {
	Arena *arena;
	Policies before, after;
} Replaced;

static void add_policies(Arena *arena, Policies *policies, const Source *source)
{
	for (size_t i = 0; source && i < source->policies.n; i++)
		VEC_PUSH(arena, policies, source->policies.at[i]);
}

static void replace_version(Replaced *r, Entry *entry, Source *source)
{
	if (source == entry->merged)
		return;
	add_policies(r->arena, &r->before, entry->merged);
	add_policies(r->arena, &r->after, source);
	entry->merged = source;
}

static void replace_deleted(Replaced *r, const EntryTable *entries)
{
	for (size_t i = 0; i < entries->changed.n; i++) {
		Entry *entry = entries->changed.at[i];

		if (entry->is_deleted)
			replace_version(r, entry, NULL);
	}
}

static void sort_policies(Policies *policies)
{
	if (policies->n)
		qsort(policies->at, policies->n, sizeof(Policy *), names_compare_policies);
}

static void replace_versions(Replaced *r, const Versions *v, SourceDir *const *dirs, size_t n)
{
	for (size_t i = 0; i < v->list.n; i++)
		replace_version(r, v->list.at[i].entry, v->list.at[i].source);
	for (size_t i = 0; i < n; i++)
		if (dirs[i]->kind == SOURCE_POLICIES)
			replace_deleted(r, &dirs[i]->entries);
	for (size_t i = 0; i < v->lost.n; i++)
		VEC_PUSH(r->arena, &r->before, v->lost.at[i]);
	sort_policies(&r->before);
	sort_policies(&r->after);
}

/* By name over all files, not file by file: a policy may have moved from one file to another. */
static void merge_replaced(
	Model *model, const Replaced *r, const Versions *old, const Versions *new, Changes *changes)
{
	Merge walk = {.compare = names_compare_policies, .size = sizeof(Policy *)};

	merge_start(&walk, r->before.at, r->before.n, r->after.at, r->after.n);
	while (merge_next(&walk)) {
		const Policy *const *left = walk.left, *const *right = walk.right;
		const Policy *before = left ? *left : NULL, *after = right ? *right : NULL;
		bool has_changed_set =
			before && after && cidr_sets_differ(&old->sets, &new->sets, after);

		model_set_policy(model, before, after, has_changed_set, changes);
	}
}

/* A file that is as it was may name a cidr_set that is not. */
static void merge_unchanged(
	Model *model, const Versions *old, const Versions *new, Changes *changes)
{
	for (size_t i = 0; i < new->list.n; i++) {
		const Source *source = new->list.at[i].source;

		if (!source || !source->uses_cidr_sets || source != new->list.at[i].entry->merged)
			continue;
		for (size_t k = 0; k < source->policies.n; k++) {
			const Policy *policy = source->policies.at[k];

			if (cidr_sets_differ(&old->sets, &new->sets, policy))
				model_set_policy(model, policy, policy, true, changes);
		}
	}
}

void policies_merge(Model *model, const Versions *old, const Versions *new, SourceDir *const *dirs,
	size_t n, Changes *changes)
{
	Replaced r = {.arena = arena_child(new->arena)};

	merge_unchanged(model, old, new, changes); /* first: it compares with `merged` */
	replace_versions(&r, new, dirs, n);
	merge_replaced(model, &r, old, new, changes);
	model_set_cidr_sets(model, new->sets.at, new->sets.n);
	arena_free(r.arena);
}

void policies_accept(const Versions *versions)
{
	for (size_t i = 0; i < versions->list.n; i++) {
		const Version *version = &versions->list.at[i];

		if (version_is_new(version))
			entry_accept(&version->dir->entries, version->entry);
	}
}
