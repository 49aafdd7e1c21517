#pragma once
/*
 * compile: model -> ruleset, after the definition of NetworkPolicy v1 and design.md section 4; and
 * explain: the verdict for one flow, and why. Pure.
 */
#include "model.h"
#include "ruleset.h"

enum {
	COMPILE_E_UNKNOWN = 1, /* an endpoint, port or protocol that cannot be understood */
};

typedef struct CompileOptions {
	const char *node; /* pods of this node are isolated here */
	bool is_all;	  /* every pod of the inventory is, wherever it runs */
	bool is_drop;	  /* refuse silently */
	const char *table;
	Ranges services; /* service_cidrs */
} CompileOptions;

/* ---- The compiler: keeps what the ruleset follows from, so that a change costs what it changes */
typedef struct Compiler Compiler;

/*
 * Borrows the model, and the options' texts. It knows of nothing until the first update: then the
 * changes must be all that is in the model.
 */
Compiler *compiler_new(const Model *model, const CompileOptions *options);
Compiler *compiler_free(Compiler *compiler);
/*
 * The model has changed by these: the ruleset for the pods of the node, as it is now, which the
 * caller frees with ruleset_free. It is the same, to the byte, whatever the way that the model came
 * to what it says.
 */
Ruleset *compiler_update(Compiler *compiler, const Changes *changes);
/* What is odd at present: two pods with one address, no pod of this node. */
void compiler_warn(const Compiler *compiler, Diags *diags);

/* For which pod the address counts; NULL: for none. */
const Pod *compiler_owner(const Compiler *compiler, Address address);

/* All of it at once: a compiler's first update. */
Ruleset *compile(const Model *model, const CompileOptions *options, Diags *diags);

typedef struct BridgeOptions {
	bool has_conntrack; /* bridges judge for themselves; else br_netfilter lifts the packets */
	bool is_tagged_judged; /* and those with a VLAN tag too */
} BridgeOptions;

/*
 * What the bridge table holds beside `inet`, as the compiler gave that (design.md 5.4). It may
 * outlive `inet`, with which it shares what is the same. The caller frees it with ruleset_free.
 */
Ruleset *compile_bridge(const Ruleset *inet, const BridgeOptions *options);

/* ---- Explain ---- */
typedef struct Endpoint {
	const Pod *pod; /* NULL: an address that is no pod's */
	Address address;
} Endpoint;

typedef struct Flow {
	Endpoint source, destination;
	uint8_t protocol; /* an IP protocol number; 0: one that has no ports and no name here */
	uint16_t port;	  /* of TCP, UDP, SCTP */
} Flow;

typedef struct Explainer Explainer;

/* Prepares to answer for any flow of the model, wherever its pods run. It borrows the model. */
Explainer *explainer_new(const Model *model);
Explainer *explainer_free(Explainer *explainer);

/*
 * SRC and DST as "namespace/pod" or an address; "80/TCP", "53/udp", "http", or "icmp". A pod name
 * stands for its address of the family that both ends have, the destination's primary one first.
 * On COMPILE_E_UNKNOWN *ret_error says why (static or the explainer's).
 */
int explain_parse(Explainer *explainer, const char *source, const char *destination,
	const char *port, Flow *ret_flow, const char **ret_error);
/* The verdict alone, from the same ruleset that the kernel would get. */
bool explain_verdict(const Explainer *explainer, const Flow *flow);
/* The verdict and why, in words; several lines. Text is in `arena`. */
const char *explain_text(const Explainer *explainer, Arena *arena, const Flow *flow);
/* The same as a JSON object. */
const char *explain_json(const Explainer *explainer, Arena *arena, const Flow *flow);
