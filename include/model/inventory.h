/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Pods and namespaces, reduced to what NetworkPolicy looks at. */
#include "model/attachment.h"
#include "model/selector.h"

typedef enum Phase {
	PHASE_PENDING,
	PHASE_RUNNING,
	PHASE_SUCCEEDED,
	PHASE_FAILED,
	PHASE_UNKNOWN
} Phase;

/* A container port that has a name. It has no padding, because parse compares lists by bytes. */
typedef struct NamedPort {
	const char *name;
	Protocol protocol;
	unsigned number; /* 1 to 65535 */
} NamedPort;
_Static_assert(sizeof(NamedPort) == sizeof(char *) + sizeof(Protocol) + sizeof(unsigned),
	"NamedPort has padding");

/* The node that a pod runs on. Pods of one file share it. */
typedef struct Host {
	const char *name; /* NULL: not scheduled yet */
	Addresses addresses;
} Host;

/* How a Pod of the model is known. */
typedef enum Known {
	KNOWN_LISTED,	  /* a file of the inventory has it */
	KNOWN_REMEMBERED, /* none has it any more, but it is still attached */
	KNOWN_ATTACHED	  /* it is attached, and none ever had it: its labels are unknown */
} Known;

/* A pod's attachments: see attachment.h. */
typedef struct Attached {
	VEC(const Attachment *) list; /* at least one; sorted: attachment_compare_p */
	/* the latest made_at of those that the pod has its addresses from; 0: of none */
	uint64_t made_at;
	/* the pod as the inventory has it, whose origin may still change; NULL: it has none */
	const struct Pod *object;
} Attached;

typedef struct Pod {
	Origin origin;
	const char *namespace, *name;
	const Host *host; /* never NULL */
	Labels labels;
	Addresses addresses;  /* the primary one first */
	VEC(NamedPort) ports; /* of all containers, sidecars included */
	bool is_host_network; /* its addresses are the node's */
	Phase phase;
	Known known;
	Uid uid;
	const Attached *attached; /* NULL: no attachment of it is known */
	const char *started;	  /* RFC 3339 in UTC, so it sorts as text; "" if not started */
	uint64_t version;	  /* resourceVersion; 0 if none */
	uint64_t withdrawn_at;	  /* 0: its file is there; see withdrawn_counts_first() */
} Pod;

/* The label that the API server gives to every namespace, its name (since Kubernetes 1.21). */
#define NAMESPACE_NAME_LABEL "kubernetes.io/metadata.name"

#define NAMESPACE_SENDERS_ANNOTATION "netpol/senders"

typedef struct Namespace {
	Origin origin;
	const char *name;
	Labels labels; /* always has NAMESPACE_NAME_LABEL */
	/* false: no file has the object; `labels` is that one label, the others are unknown */
	bool are_labels_known;
	/*
	 * NAMESPACE_SENDERS_ANNOTATION: its pods may send from addresses that are not their own,
	 * from any or from these ranges. An annotation of a pod would let its author free himself.
	 */
	const char *senders; /* as it is written; NULL: there is none */
	bool are_senders_free;
	Ranges allowed_senders;
	uint64_t version;      /* resourceVersion; 0 if none */
	uint64_t withdrawn_at; /* as of Pod */
} Namespace;

/*
 * What a deleted file said stays in force for a while, but yields to what other files say of the
 * same name or address: first counts what is of a file that is there, then what was withdrawn last.
 * For two times withdrawn_at that are not equal: whether the first counts.
 */
bool withdrawn_counts_first(uint64_t withdrawn_at, uint64_t other);

/* Whether a selector selects a namespace. Policies apply MATCH_YES alone: isolation stands. */
typedef enum Match {
	MATCH_NO,
	MATCH_YES,
	MATCH_UNKNOWN /* it asks for an unknown label, and the known one does not exclude it */
} Match;

/*
 * The pod has an address, and has not finished or is still attached: it may send and receive. A
 * phase Succeeded or Failed does not tell that the last process has ended: the end of the
 * attachment does.
 */
bool pod_is_live(const Pod *pod);
/*
 * A subject of policies: they may isolate the pod and select it as a peer. It is live and not on
 * the host's network, where its address is the node's.
 */
bool pod_is_subject(const Pod *pod);
/* Whether the selector selects the pod for certain: of unknown labels only one without conditions
 * does. */
bool pod_is_selected(const Pod *pod, const Selector *selector);
/* A policy's port name selects the port if both name and protocol are equal. */
bool named_port_is(const NamedPort *port, const char *name, Protocol protocol);
Origin pod_origin(const Pod *pod); /* where the inventory lists it, or its attachment */
const char *pod_text(Arena *arena, const Pod *pod); /* "namespace/name" */
int pod_compare_p(const void *a, const void *b); /* for qsort() of Pod *: by namespace, then name */

Match namespace_match(const Namespace *namespace, const Selector *selector);
/* Every selector matches both alike. Without a label is not the same as unknown. */
bool namespaces_have_same_labels(const Namespace *a, const Namespace *b);

/* All fields but the origins. */
bool pod_is_equal(const Pod *a, const Pod *b);
bool namespace_is_equal(const Namespace *a, const Namespace *b);

/* A deep copy. Its origin names `file`, which is borrowed. */
Pod *pod_copy(Arena *arena, const Pod *pod, const char *file);
