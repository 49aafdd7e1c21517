/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * inventory_objects: the items of one document become pods and namespaces of the Source. This waits
 * for the document's end, since kubectl prints the list's `kind` after its `items`, and the items
 * of kubelet's PodList have no kind of their own.
 */
#include "inventory_item.h"

typedef struct InventoryDocument {
	Item root;	 /* the list, or the single object */
	bool has_items;	 /* the root has the key `items`; its value may be null, as Go prints nil */
	VEC(Item) items; /* complete: item_end was called for each */
} InventoryDocument;

/* Appends to source->pods, source->namespaces and source->diags. */
void inventory_add_document(Source *source, const InventoryDocument *document);
