/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * inventory_item: one Pod or Namespace while its fields arrive, in any order.
 *
 *     item_begin ( item_set* | item_begin_container (...) item_end_container )* item_end
 *
 * Lists grow in buffers of the scratch arena, which one item after the other uses; item_end copies
 * them, at their final size, to the arena of the Source. Whether an item is a Pod or a Namespace is
 * known only at the end of the document (inventory_objects.h), so an Item has the fields of both.
 */
#include "intern.h"
#include "inventory_path.h"

typedef struct Item {
	const char *kind; /* NULL: it has none, as in kubelet's PodList */
	/* It is the API server's copy of a static pod, whose uid is another one there: the
	   annotation has kubelet's, which the container runtime gets. */
	bool has_config_hash;
	const char *senders; /* of a Namespace: its annotation; or NULL */
	bool is_static;	     /* a pod that kubelet has from its own node, not from the API server */
	/* a list: pod and host are not set */
	bool has_items; /* it has the key `items`, be it null (an empty list of Go) */
	bool has_more;	/* metadata.continue */
	uint32_t n_items;
	uint32_t list; /* the list that it is an item of: see item_at() */
	Pod pod;       /* of a Namespace: origin, name, labels and version */
	Host host;     /* where the pod runs; interned into pod.host by item_end */
} Item;

typedef struct ItemReader {
	Arena *arena, *scratch; /* of results; of buffers and error messages */
	Interner *interner;	/* copies into `arena` */
	Item *item;		/* the current one, borrowed */
	Item buffers;		/* its lists are the buffers, at their largest size so far */
	const char *label;	/* the key of the label whose value comes next */
	Buf token;		/* a text that is not stored, NUL-terminated */
	/* the current container */
	uint32_t n_ports_before; /* ports of the pod before it */
	bool is_init, is_sidecar;
} ItemReader;

ItemReader item_reader_make(Arena *arena, Arena *scratch);
void item_begin(ItemReader *r, Item *item, Origin origin);
void item_end(ItemReader *r);
void item_begin_container(ItemReader *r, bool is_init);
void item_end_container(ItemReader *r);
void item_begin_port(ItemReader *r);
void item_set_label_key(ItemReader *r, const char *text, size_t n);
/* Sets the field at a path of shape scalar. Returns NULL, or what is wrong with the text. */
const char *item_set(ItemReader *r, PathKind field, const char *text, size_t n);
