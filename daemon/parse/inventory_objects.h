/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * inventory_objects: the items of one document become pods and namespaces of the Source. This waits
 * for the document's end, since kubectl prints the list's `kind` after its `items`, and the items
 * of kubelet's PodList have no kind of their own.
 *
 * Lists in lists are taken apart, at any depth, as kubectl does (objects.c has the references).
 */
#include "inventory_item.h"

typedef struct InventoryDocument {
	Item root;	 /* the list, or the single object */
	bool has_object; /* the root has a map `object`, as a watch event has */
	VEC(Item) items; /* in the order of the text: a list is before its items */
} InventoryDocument;

/* Items are numbered: 0 is the root, then those of `items`. */
Item *item_at(InventoryDocument *document, uint32_t number);
/* Appends to source->pods, source->namespaces and source->diags. */
void inventory_add_document(Source *source, InventoryDocument *document);
