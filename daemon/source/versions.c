/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which version of each policy file is in force: the header has the algorithm. */
#include "versions.h"
#include <assert.h>

bool version_is_new(const Version *version)
{
	return version->source && version->source != version->entry->accepted;
}

/* The version of a file that was deleted. It is accepted: see entry_withdraw. */
static bool is_withdrawn(const Version *version)
{
	return version->source && version->entry->is_withdrawn;
}

static void add_candidates(Versions *v, SourceDir *dir)
{
	for (size_t i = 0; i < dir->entries.all.n; i++) {
		Entry *entry = entry_at(&dir->entries, i);
		Source *source = entry_best_version(entry);
		Version version = {.dir = dir, .entry = entry, .source = source};

		version.has_names = source && source == entry->merged;
		VEC_PUSH(v->arena, &v->list, version);
	}
}

/* ---- The table of names ---- */
static void add_names(Names *names, Version *version)
{
	if (!version->has_names)
		names_add_policies(names->policies, version->source);
	version->has_names = true;
	names_add_sets(names, version->source);
}

static void remove_names(HashTable *policies, Version *version)
{
	if (version->has_names)
		names_remove_policies(policies, version->source);
	version->has_names = false;
}

/* Before the first round: what was in force and is no candidate defines nothing any more. */
static void remove_replaced(HashTable *policies, const Versions *v)
{
	for (size_t i = 0; i < v->list.n; i++) {
		const Version *version = &v->list.at[i];
		const Source *merged = version->entry->merged;

		if (merged && version->source != merged)
			names_remove_policies(policies, merged);
	}
}

static void remove_deleted(HashTable *policies, const EntryTable *entries)
{
	for (size_t i = 0; i < entries->changed.n; i++) {
		const Entry *entry = entries->changed.at[i];

		if (entry->is_deleted && entry->merged)
			names_remove_policies(policies, entry->merged);
	}
}

/* Before the first round: present files decide first who defines their names. */
static void remove_withdrawn(HashTable *policies, Versions *v)
{
	for (size_t i = 0; i < v->list.n; i++)
		if (is_withdrawn(&v->list.at[i]))
			remove_names(policies, &v->list.at[i]);
}

/* Before each round: whether a new candidate may define its names is decided again. */
static void remove_new(HashTable *policies, Versions *v)
{
	for (size_t i = 0; i < v->list.n; i++)
		if (version_is_new(&v->list.at[i]))
			remove_names(policies, &v->list.at[i]);
}

/* ---- One round ---- */
static void reject(Versions *v, const Names *names, Version *version, Origin origin,
	const char *code, const char *message)
{
	Source *accepted = version->entry->accepted;

	assert(version_is_new(version));
	remove_names(names->policies, version);
	DIAG_ERROR(&v->diags, origin, code,
		accepted ? "the file's last good version stays in force" : NULL, "%s", message);
	version->source = accepted;
}

/*
 * Versions that were in force together define no name twice. Those of the state directory may: a
 * crash may have come between the saving of two files. Then the first one defines the name.
 */
static void add_names_once(Versions *v, Names *names, Version *version)
{
	Policies not_merged = {};

	names_add_missing_sets(names, version->source);
	if (!version->has_names)
		names_add_rest(names, version->source, v->arena, &not_merged);
	version->has_names = true;
}

static void add_accepted(Versions *v, Names *names)
{
	for (size_t i = 0; i < v->list.n; i++) {
		Version *version = &v->list.at[i];

		if (version->source && !version_is_new(version) && !is_withdrawn(version))
			add_names_once(v, names, version);
	}
}

/* True: something was rejected. */
static bool reject_duplicates(Versions *v, Names *names)
{
	bool has_rejected = false;

	for (size_t i = 0; i < v->list.n; i++) {
		Version *version = &v->list.at[i];
		const char *message;
		Origin origin;

		if (!version_is_new(version))
			continue;
		message = names_find_duplicate(names, version->source, &origin);
		if (message) {
			reject(v, names, version, origin, "duplicate-policy", message);
			has_rejected = true;
		} else {
			add_names(names, version);
		}
	}
	return has_rejected;
}

static bool reject_undefined_sets(Versions *v, const Names *names)
{
	bool has_rejected = false;

	for (size_t i = 0; i < v->list.n; i++) {
		Version *version = &v->list.at[i];
		const Peer *peer;

		if (!version_is_new(version))
			continue;
		peer = cidr_sets_find_undefined(names->sets, version->source);
		if (!peer)
			continue;
		reject(v, names, version, peer->origin, "unknown-set",
			arena_printf(
				v->arena, "cidr_set \"%s\" is not defined anywhere", peer->set));
		has_rejected = true;
	}
	return has_rejected;
}

static void add_withdrawn_sets(const Versions *v, Names *names)
{
	for (size_t i = 0; i < v->list.n; i++)
		if (is_withdrawn(&v->list.at[i]))
			names_add_missing_sets(names, v->list.at[i].source);
}

/* Without duplicates only: a candidate that will be rejected may define a set. */
static bool reject_any(Versions *v, Names *names)
{
	remove_new(names->policies, v);
	names->sets = strmap_new(names->arena);
	add_accepted(v, names);
	if (reject_duplicates(v, names))
		return true;
	add_withdrawn_sets(v, names);
	return reject_undefined_sets(v, names);
}

/* ---- After the last round: deleted files ---- */
static void add_withdrawn(Versions *v, Names *names)
{
	for (size_t i = 0; i < v->list.n; i++) {
		Version *version = &v->list.at[i];
		Policies not_merged = {};
		bool is_merged = version->source == version->entry->merged;

		if (!is_withdrawn(version))
			continue;
		names_add_rest(
			names, version->source, v->arena, is_merged ? &v->lost : &not_merged);
		version->has_names = true;
	}
}

/* ---- All rounds, and the sets ---- */
static void resolve_sets(Versions *v, const Names *names)
{
	CidrSetResolver resolver = {.definitions = names->sets,
		.resolved = strmap_new(names->arena),
		.arena = v->arena,
		.diags = &v->diags};

	for (size_t i = 0; i < v->list.n; i++)
		if (v->list.at[i].source)
			cidr_sets_resolve(&resolver, v->list.at[i].source);
	v->sets = resolver.sets;
	cidr_sets_sort(&v->sets);
}

Versions versions_choose(Arena *parent, HashTable *policies, SourceDir *const *dirs, size_t n)
{
	Versions v = {.arena = arena_child(parent)};
	Names names = {.arena = arena_child(v.arena), .policies = policies};

	v.diags = (Diags){.arena = v.arena, .max = DIAGS_ALL_MAX};
	for (size_t i = 0; i < n; i++)
		if (dirs[i]->kind == SOURCE_POLICIES)
			add_candidates(&v, dirs[i]);
	remove_replaced(policies, &v);
	for (size_t i = 0; i < n; i++)
		if (dirs[i]->kind == SOURCE_POLICIES)
			remove_deleted(policies, &dirs[i]->entries);
	remove_withdrawn(policies, &v);
	while (reject_any(&v, &names))
		;
	add_withdrawn(&v, &names);
	resolve_sets(&v, &names);
	arena_free(names.arena);
	return v;
}
