/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * inventory_path: the fields of Pods and Namespaces that netpol reads
 * (k8s.io/api/core/v1/types.go), as a constant tree of the paths that lead to them. A Pod as
 * kubelet prints it has hundreds of fields; whatever is not in this tree is skipped.
 */
#include "json_events.h"

/* What is at the end of a path. */
typedef enum PathKind {
	PATH_INNER,   /* nothing by itself: it leads to others */
	PATH_ITEMS,   /* the list of objects in a PodList, NamespaceList or List */
	PATH_ITEM,    /* an object: an item of that list, or the root; an item may be a list, too */
	PATH_WATCHED, /* `object` of a watch event */
	PATH_KIND,    /* kind */
	PATH_NAME,    /* metadata.name */
	PATH_CONTINUE, /* metadata.continue: there are more pages of the list */
	PATH_NAMESPACE,
	PATH_VERSION,	    /* metadata.resourceVersion */
	PATH_LABEL,	    /* the value of any key of metadata.labels */
	PATH_UID,	    /* metadata.uid */
	PATH_CONFIG_HASH,   /* kubelet's annotation: the uid that the runtime has of a static pod */
	PATH_CONFIG_SOURCE, /* kubelet's annotation: where it has the pod from */
	PATH_SENDERS,	    /* our annotation of a Namespace: see Namespace */
	PATH_NODE,	    /* spec.nodeName */
	PATH_HOST_NETWORK,
	PATH_CONTAINER, /* an item of spec.containers or spec.initContainers */
	PATH_RESTART_POLICY,
	PATH_PORT, /* an item of a container's ports */
	PATH_PORT_NAME,
	PATH_PORT_NUMBER,
	PATH_PORT_PROTOCOL,
	PATH_PHASE,	   /* status.phase */
	PATH_ADDRESS,	   /* status.podIP, and of status.podIPs */
	PATH_HOST_ADDRESS, /* status.hostIP, and of status.hostIPs */
	PATH_STARTED,	   /* status.startTime */
	PATH_ENFORCEMENT,  /* not of inventories: our annotation of a NetworkPolicy */
	PATH_WHOLE	   /* not of inventories: all that is below is kept (trim.c) */
} PathKind;

typedef enum Shape { SHAPE_SCALAR, SHAPE_MAP, SHAPE_LIST } Shape;

typedef struct Path {
	const char *key; /* in the map above; NULL: an item of a list, or the root; "*": any key */
	PathKind kind;
	Shape shape;		     /* what the API has there; anything else is an error */
	ScalarKind scalar;	     /* SHAPE_SCALAR */
	const struct Path *children; /* of a map or list; ends with a zero Path */
} Path;

extern const Path INVENTORY_ROOT; /* a PATH_ITEM; the tree has a circle: items of items */

/* The path of that key, n bytes, of a map; NULL: it is not read. */
const Path *path_find_key(const Path *map, const char *key, size_t n);
/* The path of a list's items. Every list of the tree has one. */
const Path *path_of_items(const Path *list);
