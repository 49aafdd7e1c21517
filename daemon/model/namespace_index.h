/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The Model's struct, and the lifetime of its namespace indexes. An index is made when the first
 * file has something in the namespace, and freed by model_purge() after the last file has dropped
 * it. Private to the module.
 *
 *                    get, add something              is emptied: namespace_index_retire
 *     (none) ─────────────────────────> in use ──────────────────────────────────────> idle
 *        ^                                ^                                             │ │
 *        │                                └────────── something is added again ─────────┘ │
 *        └───────────────────────────── model_purge, if it is still empty ────────────────┘
 *
 * Idle indexes wait because the Changes of the update that emptied them point to them.
 */
#include "model.h"

struct Model {
	Arena *arena;
	HashTable *namespaces;	    /* NamespaceIndex, by name */
	VEC(NamespaceIndex *) idle; /* those with is_idle */
	VEC(const CidrSet *) sets;  /* strictly sorted by name */
	VEC(Arena *) retired;	    /* of pods that joins have replaced */
	ModelCounts counts;
};

/* The index of the namespace; makes an empty one if there is none. */
NamespaceIndex *namespace_index_get(Model *model, const char *name);
/* To be called after something was removed: an index without content becomes idle. */
void namespace_index_retire(Model *model, NamespaceIndex *namespace);
/* Computes what NamespaceIndex.object has to be now; the caller stores it there. */
const Namespace *namespace_index_winner(const NamespaceIndex *namespace);
/* Whether `pod` wins over `than`, another pod of the same name. */
bool pod_is_later(const Pod *pod, const Pod *than);
