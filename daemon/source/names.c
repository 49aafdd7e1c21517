/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that the policy files in force define. */
#include "names.h"

static uint32_t policy_hash(const Policy *policy)
{
	return hash_text(hash_text(HASH_START, policy->namespace), policy->name);
}

int names_compare_policies(const void *a, const void *b)
{
	const Policy *x = *(const Policy *const *)a, *y = *(const Policy *const *)b;
	int r = strcmp(x->namespace, y->namespace);

	return r ? r : strcmp(x->name, y->name);
}

void names_add_policies(HashTable *policies, const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		hash_table_add(
			policies, policy_hash(source->policies.at[i]), source->policies.at[i]);
}

void names_remove_policies(HashTable *policies, const Source *source)
{
	for (size_t i = 0; i < source->policies.n; i++)
		hash_table_remove(
			policies, policy_hash(source->policies.at[i]), source->policies.at[i]);
}

void names_add_sets(Names *names, const Source *source)
{
	for (size_t i = 0; i < source->sets.n; i++)
		strmap_put(names->sets, source->sets.at[i]->name, (void *)source->sets.at[i]);
}

static const Policy *find_same_name(const HashTable *policies, const Policy *policy)
{
	const Policy *other;
	size_t cursor = 0;

	while ((other = hash_table_find(policies, policy_hash(policy), &cursor)))
		if (names_compare_policies(&other, &policy) == 0)
			return other;
	return NULL;
}

/* ---- Versions of deleted files ---- */
void names_add_missing_sets(Names *names, const Source *source)
{
	for (size_t i = 0; i < source->sets.n; i++) {
		const CidrSet *set = source->sets.at[i];

		if (!strmap_get(names->sets, set->name))
			strmap_put(names->sets, set->name, (void *)set);
	}
}

static void drop_defined_sets(const Names *names, Source *source)
{
	size_t n = 0;

	for (size_t i = 0; i < source->sets.n; i++)
		if (strmap_get(names->sets, source->sets.at[i]->name) == source->sets.at[i])
			source->sets.at[n++] = source->sets.at[i];
	source->sets.n = n;
}

void names_add_rest(Names *names, Source *source, Arena *arena, Policies *lost)
{
	size_t n = 0;

	for (size_t i = 0; i < source->policies.n; i++) {
		const Policy *policy = source->policies.at[i];

		if (find_same_name(names->policies, policy))
			VEC_PUSH(arena, lost, policy);
		else
			source->policies.at[n++] = policy;
	}
	source->policies.n = n;
	names_add_policies(names->policies, source);
	drop_defined_sets(names, source);
}

/* ---- Duplicates ---- */
static const char *find_duplicate_policy(
	const Names *names, const Source *source, Origin *ret_origin)
{
	for (size_t i = 0; i < source->policies.n; i++) {
		const Policy *policy = source->policies.at[i];
		const Policy *other = find_same_name(names->policies, policy);

		if (!other)
			continue;
		*ret_origin = policy->origin;
		return arena_printf(names->arena,
			"NetworkPolicy \"%s/%s\" is defined twice; the other is at %s:%u",
			policy->namespace, policy->name, other->origin.file, other->origin.line);
	}
	return NULL;
}

static const char *find_duplicate_set(const Names *names, const Source *source, Origin *ret_origin)
{
	for (size_t i = 0; i < source->sets.n; i++) {
		const CidrSet *set = source->sets.at[i];
		const CidrSet *other = strmap_get(names->sets, set->name);

		if (!other)
			continue;
		*ret_origin = set->origin;
		return arena_printf(names->arena,
			"cidr_set \"%s\" is defined twice; the other is at %s:%u", set->name,
			other->origin.file, other->origin.line);
	}
	return NULL;
}

const char *names_find_duplicate(const Names *names, const Source *source, Origin *ret_origin)
{
	const char *message = find_duplicate_policy(names, source, ret_origin);

	return message ? message : find_duplicate_set(names, source, ret_origin);
}
