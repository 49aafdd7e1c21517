/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * join: the attachments of one pod, and the Pod that they and the inventory make together. The
 * inventory has a pod's labels, the attachments have its addresses, and tell that it exists:
 *
 *     (none) ── an attachment comes ──> the inventory lists the pod: KNOWN_LISTED <──┐
 *        ^                              else: KNOWN_ATTACHED, labels unknown ─ listed┤
 *        │                                                                           │
 *        │                                 no file lists it any more                 v
 *        └──── the last attachment goes ──────────── KNOWN_REMEMBERED <── KNOWN_LISTED
 *
 * A pod is found by namespace and name. Where both the attachment and the inventory say a uid, they
 * must be equal: a pod that was deleted and created again under its name is another pod. So there
 * may be several joins of one name; at most one takes the Pod object of the inventory.
 *
 * A join has copies of all that it needs: what it remembers outlives the file that said it. Private
 * to the module.
 */
#include "namespace_index.h"

typedef struct Join {
	const char *name;
	Uid uid;
	VEC(const Attachment *) attachments; /* borrowed: of the files in force */
	const Pod *object; /* the inventory's pod that it takes; borrowed; NULL: none */
	const Pod *pod;	   /* what they make; in pod_arena. NULL: not made yet */
	Arena *arena;	   /* has the join itself */
	Arena *pod_arena;  /* a child of arena */
} Join;

/* Adds to, or removes from, the join that the attachment belongs to; join_update() must follow. */
void join_add(NamespaceIndex *namespace, const Attachment *attachment);
void join_remove(NamespaceIndex *namespace, const Attachment *attachment);
/* Makes the pods of all joins of that name anew, and frees joins without attachments. */
void join_update(Model *model, NamespaceIndex *namespace, const char *name, Arena *scratch);
/* The model's pods of that name: those of the joins, and the inventory's, if no join takes it. */
void join_list_pods(const NamespaceIndex *namespace, const char *name, Arena *arena, Pods *ret);
/* Of several pods of that name: the one that the inventory lists, else any; NULL: there is none. */
const Pod *join_pod(const NamespaceIndex *namespace, const char *name);
/* One pod a call, as namespace_next_pod(). */
const Pod *join_next_pod(const NamespaceIndex *namespace, size_t *cursor);
/* Frees what earlier updates have replaced. */
void join_purge(Model *model);
