/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * model: what the policy and inventory files say, merged into one view of the cluster.
 *
 * The three headers below are values: selectors, policies, pods. The module parse makes them; they
 * live in the arena of the file that they were read from. They do not change afterwards, with one
 * exception: if a new version of a file has an equal pod at another line, source updates the
 * origin of the pod in place.
 *
 *     model/selector.h     labels and label selectors
 *     model/policy.h       NetworkPolicy, cidr_sets
 *     model/inventory.h    pods, namespaces
 *     model/attachment.h   interfaces of this node's pods
 *
 * A Model merges the values of all files. It borrows them: whoever calls it (the snapshot, in
 * source) keeps a file's arena until the model no longer points into it. The model owns only its
 * indexes:
 *
 *     Model ── namespace name ──> NamespaceIndex ── policies, sorted by name
 *       │                           │          └─── pod name -> Pod, or conflicting Pods of which
 *       │                           │               one wins (ConflictMap)
 *       │                           └── Namespace objects of the name, of which one wins
 *       └── cidr_sets, sorted by name
 *
 * It is updated file by file, never rebuilt. One update is:
 *
 *     1. model_purge            frees the indexes that the update before left empty
 *     2. model_replace          once for each changed inventory file
 *        model_set_policy       once for each policy that was added, removed or replaced
 *        model_set_cidr_sets    if policy files have changed
 *     3. the caller hands the Changes that step 2 has collected to the compiler
 *     4. the caller frees the old versions of the files
 *
 * Old versions and empty indexes outlive the update because the Changes point to them. Nothing here
 * fails: parse has validated each file, and source passes on no file that has errors. One thread
 * uses a Model: lookups may write the cached winner of a ConflictMap.
 */
#include "model/selector.h"
#include "model/policy.h"
#include "model/inventory.h"
#include "model/attachment.h"

typedef struct Model Model;
typedef VEC(const Pod *) Pods;
typedef VEC(const Policy *) Policies;

/*
 * Everything in one namespace. It exists as long as a file has something in the namespace: a
 * policy, a pod, or the Namespace object itself.
 */
typedef struct NamespaceIndex {
	const char *name;
	/*
	 * The Namespace object in force: the winner of those in the files. If no file has one, but
	 * the namespace has pods, an implied object whose labels are unknown but for the name.
	 * NULL: there are policies only.
	 */
	const Namespace *object;
	Policies policies; /* strictly sorted by name */
	/* private */
	Arena *arena;	  /* has the index itself */
	ConflictMap pods; /* the inventory's, by name */
	HashTable *joins; /* daemon/model/join.h, by the pod's name: pods with attachments */
	VEC(const Namespace *) candidates; /* the objects of the name, in all files */
	const Namespace *implied;	   /* see `object`; never NULL */
	bool is_idle;			   /* was emptied; model_purge() frees it if still empty */
} NamespaceIndex;

/*
 * ---- Changes: what an update has changed, for the compiler ----
 *
 * `before` is NULL for something new, `after` for something removed. Each list is in the order of
 * the calls. If a pod is in it twice, because it has moved from one file to another, the first
 * `after` is the second `before`: entries are to be applied in order.
 */
typedef struct PodChange {
	const Pod *before, *after; /* never the same; may be equal, at other addresses in memory */
} PodChange;

typedef struct NamespaceChange {
	const NamespaceIndex *namespace;
	const Namespace *before, *after; /* never the same */
} NamespaceChange;

typedef struct PolicyChange {
	/* the same pointer, or equal, only if a cidr_set that the policy names has changed */
	const Policy *before, *after;
} PolicyChange;

typedef struct Changes {
	Arena *arena; /* the caller's; has the lists */
	VEC(PodChange) pods;
	VEC(NamespaceChange) namespaces;
	VEC(PolicyChange) policies;
} Changes;

/* ---- Update ---- */
/* What one file has of the inventory, or of the attachments. {}: nothing. */
typedef struct InventoryPart {
	const Pod *const *pods;
	size_t n_pods;
	const Namespace *const *namespaces;
	size_t n_namespaces;
	const Attachment *const *attachments;
	size_t n_attachments;
} InventoryPart;

Model *model_new(Arena *parent); /* in a child of the arena; freed with it */

/*
 * Replaces the objects `old` of a file, which must be in the model, by `new`. Objects of the file
 * that are in neither stay. If several objects have one name, one whose file is there wins
 * (withdrawn_counts_first), then the highest resourceVersion, then the file name that sorts last,
 * then the last place in the file.
 *
 * A pod with attachments is joined with them: daemon/model/join.h. Then the model has a Pod of its
 * own in the place of the file's.
 */
void model_replace(
	Model *model, const InventoryPart *old, const InventoryPart *new, Changes *changes);
/*
 * Replaces a policy: NULL before adds, NULL after removes. Policies are unique by namespace and
 * name; the caller has resolved conflicts. Appends no change if both are equal, unless
 * `has_changed_set`: a cidr_set that the policy names has changed.
 */
void model_set_policy(Model *model, const Policy *before, const Policy *after, bool has_changed_set,
	Changes *changes);
/* Replaces all cidr_sets; `sets` is strictly sorted by name. The array is copied. */
void model_set_cidr_sets(Model *model, const CidrSet *const *sets, size_t n);
/* Frees the indexes of namespaces that are empty. The Changes of earlier updates become invalid. */
void model_purge(Model *model);

/* ---- Lookups: NULL if there is none ---- */
const Pod *model_pod(const Model *model, const char *namespace, const char *name);
const Namespace *model_namespace(const Model *model, const char *name);
const CidrSet *model_cidr_set(const Model *model, const char *name);
const NamespaceIndex *model_namespace_index(const Model *model, const char *name);

/*
 * ---- Iteration ----
 * One item a call, in no particular order; NULL after the last. *cursor is 0 at first. A pod that
 * several objects name is returned once: the winner. A pod of another uid that is still attached is
 * returned too.
 */
const NamespaceIndex *model_next_namespace(const Model *model, size_t *cursor);
const Pod *namespace_next_pod(const NamespaceIndex *namespace, size_t *cursor);

/* At least as many as namespace_next_pod() returns: one that is listed and attached counts twice.
 */
size_t namespace_count_pods(const NamespaceIndex *namespace);

/* All pods, by namespace, then name. */
void model_list_pods(const Model *model, Arena *arena, Pods *ret_pods);
/* The changes from an empty model to this one: what a compiler that starts needs. */
void model_list_changes(const Model *model, Changes *changes);

typedef struct ModelCounts {
	size_t policies, pods, namespaces; /* namespaces: also implied ones */
	size_t audited;			   /* of the policies */
	size_t attached, unlisted;	   /* pods with attachments; of these not in any file */
	size_t duplicates;		   /* pod names that several objects have */
} ModelCounts;

ModelCounts model_counts(const Model *model);

/* ---- Pods of one name that several files, or several places of one file, have ---- */
bool model_is_duplicate(const Model *model, const Pod *pod);
/*
 * A warning for each Pod object that did not win, but for those of deleted files, sorted by the
 * winner's namespace and name. Beyond DIAGS_MAX pods they are only counted.
 */
void model_warn_duplicates(const Model *model, Diags *diags);

/* ---- Namespaces with pods, of which no file has the object ---- */
/*
 * A warning for each policy with a namespaceSelector of which it is unknown whether it selects such
 * a namespace: it asks for other labels than the name.
 */
void model_warn_unknown_labels(const Model *model, Diags *diags);
