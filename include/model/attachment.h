/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * An attachment: one interface of a pod of this node, as the container runtime has made it. It is
 * what libcni's record says (cniCacheV1): the record is written when the CNI plugins' ADD has
 * succeeded, before a container of the pod starts, and removed after their DEL.
 */
#include "base.h"

/* A metadata.uid as a number, by uid_of(); 0: none is known. */
typedef uint64_t Uid;
/* FNV-1a, 64 bits. Nobody but the API server, and root of a node, chooses a uid. */
Uid uid_of(const char *text);
/* Whether both may be of one pod: they are equal, or one of them is unknown. */
bool uid_may_be(Uid a, Uid b);

#define MAC_BYTES 6
#define MAC_TEXT_SIZE 18

typedef struct Mac {
	uint8_t bytes[MAC_BYTES]; /* all 0: unknown */
} Mac;

typedef struct Attachment {
	Origin origin;
	const char *namespace, *pod; /* whose interface it is */
	const char *uid_text;	     /* the pod's uid; "" if the runtime does not say it */
	Uid uid;		     /* of the pod */
	const char *container;	     /* the id of the pod's sandbox */
	const char *interface;	     /* in the pod, "eth0" */
	const char *netns;	     /* path of the pod's network namespace; "" if it is not said */
	const char
		*port; /* the host's end of the interface, a veth; "": it has none, as of macvlan */
	Mac mac;       /* of the interface in the pod */
	Addresses addresses; /* those that the plugins gave it */
	uint64_t made_at;    /* when the record was written: ns since 1970 */
} Attachment;

/* Both container runtimes, containerd and CRI-O, attach the cluster's network by this name. The
 * addresses of a pod's other interfaces are none that policies apply to. */
#define CLUSTER_INTERFACE "eth0"
bool attachment_is_of_cluster(const Attachment *attachment);

/* For qsort() of Attachment *: by interface, then container, then file. A total order of one pod's.
 */
int attachment_compare_p(const void *a, const void *b);
/* All fields but the origins. */
bool attachment_is_equal(const Attachment *a, const Attachment *b);
/* A deep copy, whose origin names `file`, which is borrowed. */
const Attachment *attachment_copy(Arena *arena, const Attachment *attachment, const char *file);

bool mac_parse(const char *text, Mac *ret_mac); /* six pairs of hexadecimal digits, with colons */
const char *mac_text(Mac mac, char ret_text[MAC_TEXT_SIZE]);
bool mac_is_known(Mac mac);
