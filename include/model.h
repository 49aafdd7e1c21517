#pragma once
/*
 * model: what the files say. Policies with their selectors, pods, namespaces.
 *
 * Everything here is immutable once read, but for where in its file it is, and lives in the arena
 * of the source it came from; a Model only points at it and must not outlive those sources.
 */
#include "base.h"

/* ---- Selectors (metav1.LabelSelector): all requirements must hold; none: selects all. ---- */
typedef enum Operator {
	OPERATOR_IN,
	OPERATOR_NOT_IN,
	OPERATOR_EXISTS,
	OPERATOR_NOT_EXISTS
} Operator;

typedef struct Requirement {
	const char *key;
	Operator op;
	Texts values; /* sorted, unique */
} Requirement;

typedef struct Selector {
	VEC(Requirement) list; /* sorted: equal selectors print alike */
} Selector;

typedef struct Label {
	const char *key, *value;
} Label;

typedef struct Labels {
	VEC(Label) list; /* sorted by key, keys unique */
} Labels;

void labels_sort(Labels *labels);
bool labels_are_equal(const Labels *a, const Labels *b);
const char *labels_get(const Labels *labels, const char *key); /* NULL if absent */

void selector_add(Arena *arena, Selector *selector, Requirement requirement);
/* NotIn and DoesNotExist hold for a missing key, as the API says. */
bool selector_matches(const Selector *selector, const Labels *labels);
const Selector *selector_copy(Arena *arena, const Selector *selector); /* takes NULL */
bool selectors_are_equal(const Selector *a, const Selector *b);	       /* as they are written */
uint32_t selector_hash(uint32_t hash, const Selector *selector); /* goes on from it; NULL as all */
/* In kubectl's grammar ("a=b,c in (d,e),!f"); "" selects all. Equal selectors give equal text. */
const char *selector_text(Arena *arena, const Selector *selector);
/*
 * Parses kubectl's grammar. Returns NULL, or what is wrong as words (in the arena), and where:
 * ret_at is the offset. Keys and values are checked as label syntax.
 */
const char *selector_parse(Arena *arena, const char *text, Selector *ret_selector, size_t *ret_at);

/* What is wrong with a label key or value, in the API server's words, or NULL. */
const char *label_key_error(const char *key);
const char *label_value_error(const char *value);

/* ---- Policies (networking.k8s.io/v1 NetworkPolicy) ---- */
typedef enum PeerKind { PEER_PODS, PEER_BLOCK, PEER_SET } PeerKind;

typedef struct Block {
	Range range;
	Ranges except; /* cuts only this block */
} Block;

typedef struct Peer {
	PeerKind kind;
	Origin origin;
	/* PEER_PODS: namespaces NULL: the policy's own namespace; pods NULL: all pods */
	const Selector *namespaces, *pods;
	const Block *block; /* PEER_BLOCK */
	const char *set;    /* PEER_SET: a cidr_set by name, resolved by the snapshot */
} Peer;

typedef enum PortKind { PORT_ALL, PORT_RANGE, PORT_NAME } PortKind;

typedef struct Port {
	PortKind kind;
	Protocol protocol;    /* never PROTOCOL_ANY */
	uint16_t first, last; /* PORT_RANGE */
	const char *name;     /* PORT_NAME: resolved on the destination pod */
} Port;

typedef struct Rule {
	Origin origin;
	bool is_any_peer; /* from/to absent or empty */
	bool is_any_port; /* ports absent or empty: every protocol, ICMP too */
	VEC(Peer) peers;  /* OR */
	VEC(Port) ports;  /* OR */
} Rule;

typedef struct Policy {
	Origin origin;
	const char *namespace, *name; /* namespace, name */
	Selector pods;		      /* whom it isolates, in its own namespace */
	bool isolates[DIRECTION_N];
	VEC(Rule) rules[DIRECTION_N];
} Policy;

/* cidr_sets of libconfig files: named in PEER_SET */
typedef struct CidrSet {
	Origin origin;
	const char *name;
	Ranges ranges;
} CidrSet;

/* Where in a policy; begin with all 0. */
typedef struct PeerCursor {
	Direction direction;
	size_t rule, peer;
} PeerCursor;

/* The next of its peers that name a cidr_set; NULL: there is none. */
const Peer *policy_next_set(const Policy *policy, PeerCursor *cursor);

/* Deep copies, whose origins name `file`, which is borrowed. */
const Policy *policy_copy(Arena *arena, const Policy *policy, const char *file);
const CidrSet *cidr_set_copy(Arena *arena, const CidrSet *set, const char *file);

/* ---- Inventory ---- */
typedef enum Phase {
	PHASE_PENDING,
	PHASE_RUNNING,
	PHASE_SUCCEEDED,
	PHASE_FAILED,
	PHASE_UNKNOWN
} Phase;

typedef struct NamedPort {
	const char *name;
	Protocol protocol;
	unsigned number; /* 1 to 65535; without holes: see inventory.c */
} NamedPort;

/* Where pods run. */
typedef struct Host {
	const char *name; /* of the node; NULL: nowhere yet */
	Addresses addresses;
} Host;

typedef struct Pod {
	Origin origin;
	const char *namespace, *name;
	const Host *host; /* never NULL */
	Labels labels;
	Addresses addresses;  /* the primary one first */
	VEC(NamedPort) ports; /* of all containers, sidecars included */
	bool is_host_network;
	Phase phase;
	const char *started; /* RFC 3339 in UTC, compares as text; "" if not started */
	uint64_t version;    /* resourceVersion; 0 if none */
} Pod;

typedef struct Namespace {
	Origin origin;
	const char *name;
	Labels labels; /* always has kubernetes.io/metadata.name */
	uint64_t version;
} Namespace;

/* It may talk: it has an address and has not finished. */
bool pod_is_live(const Pod *pod);
/* It counts for policies: live, and not on the host's network. */
bool pod_is_subject(const Pod *pod);
/* "named port: resolved on the destination pod, by name and protocol" */
bool named_port_is(const NamedPort *port, const char *name, Protocol protocol);
/* A deep copy, whose origin names `file`, which is borrowed. */
Pod *pod_copy(Arena *arena, const Pod *pod, const char *file);
/* "namespace/name" */
const char *pod_text(Arena *arena, const Pod *pod);

/* By everything that policies, and whom an address counts for, look at. */
bool pod_is_equal(const Pod *a, const Pod *b);
bool namespace_is_equal(const Namespace *a, const Namespace *b);
/* By what they say, not where; cidr_sets by name. */
bool policy_is_equal(const Policy *a, const Policy *b);
bool rules_have_same_ports(const Rule *a, const Rule *b); /* as they are written */

/* ---- Model: all files merged, kept up to date file by file ---- */
typedef struct Model Model;
typedef VEC(const Pod *) Pods;
int pod_compare_p(const void *a, const void *b); /* for qsort of Pods: by namespace, then name */
typedef VEC(const Policy *) Policies;

/* A namespace, or the name of one that only policies are in so far. */
typedef struct NamespaceIndex {
	const char *name;
	const Namespace *object; /* NULL: there is none of the name; see model_replace */
	Policies policies;	 /* by name */
	/* the model's */
	Arena *arena;
	ConflictMap pods; /* of names */
	VEC(const Namespace *) candidates;
	const Namespace *implied;
	bool is_empty; /* forgotten by the next model_forget */
} NamespaceIndex;

/* What became different: NULL before: it is new; NULL after: it is gone. */
typedef struct PodChange {
	const Pod *before, *after;
} PodChange;

typedef struct NamespaceChange {
	const NamespaceIndex *namespace;
	const Namespace *before, *after;
} NamespaceChange;

typedef struct PolicyChange {
	const Policy *before, *after; /* may be the same: a cidr_set of it is another */
} PolicyChange;

typedef struct Changes {
	Arena *arena;
	VEC(PodChange) pods; /* one after the other: a pod may be in it twice */
	VEC(NamespaceChange) namespaces;
	VEC(PolicyChange) policies;
} Changes;

/* What one file says of the inventory. */
typedef struct InventoryPart {
	const Pod *const *pods;
	size_t n_pods;
	const Namespace *const *namespaces;
	size_t n_namespaces;
} InventoryPart;

Model *model_new(Arena *parent); /* in a child of the arena */
/*
 * From now on a file says `new`, where it said `old`; either may be empty, and what is in neither
 * stays. A pod or a namespace in two files: the higher resourceVersion counts, else the file that
 * sorts last. A namespace that only pods name exists, with the one label that every namespace has.
 * Appends to `changes` what that changed, also pods that say the same at another place in memory.
 * `old` must stay until the changes have been looked at.
 */
void model_replace(
	Model *model, const InventoryPart *old, const InventoryPart *new, Changes *changes);
/*
 * Policies are unique by name; before or after may be NULL. One that says the same is no change,
 * unless has_other_set: a cidr_set that it names is another.
 */
void model_set_policy(Model *model, const Policy *before, const Policy *after, bool has_other_set,
	Changes *changes);
/* The cidr_sets, by name, borrowed. */
void model_set_cidr_sets(Model *model, const CidrSet *const *sets, size_t n);
/* Namespaces that ceased to be before the last changes, which until now could be looked at. */
void model_purge(Model *model);
/* Changes that lead from nothing to the model. */
void model_list_changes(const Model *model, Changes *changes);

const Pod *model_pod(const Model *model, const char *namespace, const char *name);
const Namespace *model_namespace(const Model *model, const char *name);
/* Whether more than one file, or place, names the pod. */
bool model_is_duplicate(const Model *model, const Pod *pod);
const CidrSet *model_set(const Model *model, const char *name);
const NamespaceIndex *model_namespace_index(const Model *model, const char *name);
/* All of them, one a call, in no order; *cursor is 0 at first. NULL: no more. */
const NamespaceIndex *model_next_namespace(const Model *model, size_t *cursor);
const Pod *namespace_next_pod(const NamespaceIndex *namespace, size_t *cursor);
/* By namespace, then name. */
void model_list_pods(const Model *model, Arena *arena, Pods *ret_pods);

typedef struct ModelCounts {
	size_t policies, pods, namespaces;
	size_t duplicates; /* pods that more than one file, or place, names */
} ModelCounts;

ModelCounts model_counts(const Model *model);
/* Warns of pods in two files. */
void model_warn_duplicates(const Model *model, Diags *diags);
