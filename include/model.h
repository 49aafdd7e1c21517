#pragma once
/*
 * model: what the files say. Policies with their selectors, pods, namespaces.
 *
 * Everything here is immutable once read and lives in the arena of the source it came from; a
 * Model only points at it and must not outlive those sources.
 */
#include "base.h"

/* ---- Protocols and ports ---- */
typedef enum Protocol {
	PROTOCOL_ANY = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_SCTP = 132
} Protocol;

const char *protocol_text(Protocol protocol);		       /* "TCP"; "any" for PROTOCOL_ANY */
bool protocol_parse(const char *text, Protocol *ret_protocol); /* upper case, as the API has it */

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
const char *labels_get(const Labels *labels, const char *key); /* NULL if absent */

void selector_add(Arena *arena, Selector *selector, Requirement requirement);
/* NotIn and DoesNotExist hold for a missing key, as the API says. */
bool selector_matches(const Selector *selector, const Labels *labels);
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
typedef enum Direction { INGRESS, EGRESS, DIRECTION_N } Direction;
const char *direction_text(Direction direction); /* "ingress", "egress" */

typedef enum PeerKind { PEER_PODS, PEER_BLOCK, PEER_SET } PeerKind;

typedef struct Peer {
	PeerKind kind;
	Origin origin;
	/* PEER_PODS: namespaces NULL: the policy's own namespace; pods NULL: all pods */
	const Selector *namespaces, *pods;
	Range block;	 /* PEER_BLOCK */
	Ranges except;	 /* PEER_BLOCK: cuts only this block */
	const char *set; /* PEER_SET: a cidr_set by name, resolved by the snapshot */
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
	const char *space, *name; /* namespace, name */
	Selector pods;		  /* whom it isolates, in its own namespace */
	bool isolates[DIRECTION_N];
	VEC(Rule) rules[DIRECTION_N];
} Policy;

/* cidr_sets of libconfig files: named in PEER_SET */
typedef struct CidrSet {
	Origin origin;
	const char *name;
	Ranges ranges;
} CidrSet;

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
	uint16_t number;
} NamedPort;

typedef struct Pod {
	Origin origin;
	const char *space, *name, *node;
	Labels labels;
	VEC(Address) addresses; /* the primary one first */
	VEC(Address) host_addresses;
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
/* "namespace/name" */
const char *pod_text(Arena *arena, const Pod *pod);

/* ---- Model: the files of one moment, merged ---- */
typedef struct Model {
	Arena *arena; /* owner of the arrays here; the items belong to the sources */
	VEC(const Policy *) policies;	   /* sorted by namespace, name */
	VEC(const Pod *) pods;		   /* sorted by namespace, name */
	VEC(const Namespace *) namespaces; /* sorted by name; one for every pod's namespace */
	VEC(const CidrSet *) sets;	   /* sorted by name */
} Model;

const Pod *model_pod(const Model *model, const char *space, const char *name);
const Namespace *model_namespace(const Model *model, const char *name);
const CidrSet *model_set(const Model *model, const char *name);
/* The index of the first pod of the namespace, and how many it has; pods are sorted. */
size_t model_pods_of(const Model *model, const char *space, size_t *ret_first);
