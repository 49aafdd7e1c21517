/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * compile: makes the ruleset from the model, by the rules of NetworkPolicy v1; and explain, which
 * gives the verdict for one flow and the reason. Pure.
 *
 * The rules of the API (networking.k8s.io/v1): a pod is isolated in a direction if any policy of
 * its namespace selects it and has that direction in policyTypes. An isolated pod may exchange what
 * any rule of these policies allows, and nothing else. A connection must be allowed twice: by the
 * source's egress and by the destination's ingress. Replies to allowed connections pass, a pod may
 * reach itself, and a node's own processes may reach its pods.
 *
 * A pod that is attached, but whose labels no inventory has yet (KNOWN_ATTACHED), is isolated in
 * both directions if its namespace has any policy in force: it may select the pod. What rules of
 * policies for all pods of the namespace allow, it may do.
 *
 * A Compiler lives as long as the model. It keeps from update to update what the ruleset is made
 * from: which pod each address belongs to, which selections the policies use, the sets with their
 * members, the chains with the number of verdicts that lead to them. The cost of an update
 * therefore depends on the changes, not on the size of the model. The first update gets the whole
 * model as changes. One thread calls the compiler; any thread may read the rulesets that it
 * returns, and they may outlive it.
 *
 *     model_list_changes, or the merge  -->  compiler_update  -->  Ruleset (inet)
 *                                                                    |
 *                                                             compile_bridge  -->  Ruleset (bridge)
 *
 * An audited policy is not in force. A pod that audited policies select, and that no policy in
 * force isolates, has an audit chain: what their rules do not allow is counted and logged, and
 * passes.
 *
 * An update cannot fail: policies and inventory were validated when they were parsed. What an
 * operator should know of the result is a warning (compiler_warn). explain_parse() fails for a
 * question that has no answer.
 */
#include "model.h"
#include "ruleset.h"

enum {
	COMPILE_E_UNKNOWN = 1, /* explain_parse: the texts name no flow of this model */
};

/*
 * What the policies of one namespace may ask for; 0: no limit. Policies are taken by name. One that
 * would exceed a limit isolates its pods as it says, but its rules are left out.
 */
typedef struct CompileBudget {
	size_t elements;  /* in all their sets: each different selection or list of ranges once */
	size_t rules;	  /* in all chains of their pods on `node`: pairs of a peer and a port */
	const char *node; /* NULL: pods of every node count */
} CompileBudget;

typedef struct CompileOptions {
	const char *node;	 /* this node's name: its pods are isolated here */
	bool is_all;		 /* isolate every pod of the inventory, wherever it runs */
	bool is_drop;		 /* refuse by drop, else by reject */
	bool is_unknown_allowed; /* a pod of unknown labels is not isolated */
	bool is_trial;		 /* as if audited policies were enforced */
	const char *table;	 /* the nftables table's name */
	CompileBudget budget;
	uint16_t log_group; /* of NFLOG, for refused packets; 0: they are only counted */
} CompileOptions;

/* ---- The compiler ---- */
typedef struct Compiler Compiler;

/* Borrows the model, and the texts of the options. */
Compiler *compiler_new(const Model *model, const CompileOptions *options);
Compiler *compiler_free(Compiler *compiler); /* takes NULL; returns NULL */
/*
 * `changes`: all that changed in the model since the last update; at first, all that is in it.
 * Returns the ruleset for the model as it is now; the caller drops it by ruleset_unref. It depends
 * on the model alone, to the byte, not on the changes that led there.
 */
Ruleset *compiler_update(Compiler *compiler, const Changes *changes);
/* Whether the rules of a policy of the model are left out: see CompileBudget. */
bool compiler_is_over_budget(const Compiler *compiler, const Policy *policy);
/*
 * Adds what is to be said of the state after the last update: an error for each policy that is over
 * the budget; warnings about pods that have the same address, and about an inventory without a pod
 * of this node.
 */
void compiler_warn(const Compiler *compiler, Diags *diags);

/* Adds the errors of policies over the budget alone, from the model, without a compiler. */
void compile_check_budget(const Model *model, const CompileBudget *limits, Diags *diags);

/* The pod that the address belongs to; NULL: none. */
const Pod *compiler_owner(const Compiler *compiler, Address address);

/* A compiler's first update, with its warnings. */
Ruleset *compile(const Model *model, const CompileOptions *options, Diags *diags);

typedef struct BridgeOptions {
	/*
	 * The kernel tracks connections on bridges, so the bridge table filters bridged packets.
	 * Otherwise br_netfilter passes them up to the hooks of the inet table.
	 */
	bool has_conntrack;
	/*
	 * The inet table filters frames with a VLAN tag too, because br_netfilter passes them up
	 * (bridge-nf-filter-vlan-tagged is 1). Otherwise the bridge table refuses them.
	 */
	bool is_tagged_filtered;
} BridgeOptions;

/*
 * The table in family `bridge` that goes with an inet ruleset of the compiler. It shares the sets
 * and chains, and may outlive `inet`. The caller drops it by ruleset_unref.
 */
Ruleset *compile_bridge(const Ruleset *inet, const BridgeOptions *options);

/* ---- Explain ---- */
typedef struct Endpoint {
	const Pod *pod; /* NULL: the address belongs to no pod */
	Address address;
} Endpoint;

typedef struct Flow {
	Endpoint source, destination;
	uint8_t protocol; /* an IP protocol number */
	uint16_t port;	  /* of TCP, UDP, SCTP */
} Flow;

typedef struct Explainer Explainer;

/*
 * For any flow of the model, wherever its pods run, with the budget and is_unknown_allowed of
 * `like`. Borrows the model.
 */
Explainer *explainer_new(const Model *model, const CompileOptions *like);
Explainer *explainer_free(Explainer *explainer); /* takes NULL; returns NULL */

/*
 * source, destination: "namespace/pod" or an address; port: "80/TCP", "53/udp", "http" or "icmp".
 * A pod stands for its first address; if the other end is of another family, for its first address
 * of that family. 0 or COMPILE_E_UNKNOWN; then *ret_error has the reason (static, or the
 * explainer's memory): there is no such pod or port, or there can be no verdict, since the address
 * is a loopback or a multicast address, or the like.
 */
int explain_parse(Explainer *explainer, const char *source, const char *destination,
	const char *port, Flow *ret_flow, const char **ret_error);
/* Whether the flow is allowed. */
bool explain_verdict(const Explainer *explainer, const Flow *flow);
/* Whether it would be if the audited policies were enforced. */
bool explain_trial(const Explainer *explainer, const Flow *flow);
bool explain_has_trial(const Explainer *explainer); /* there are audited policies */
/* The verdict and the reason, several lines. The text is in `arena`. */
const char *explain_text(const Explainer *explainer, Arena *arena, const Flow *flow);
/* The same as a JSON object. */
const char *explain_json(const Explainer *explainer, Arena *arena, const Flow *flow);

/* ---- Why a packet was refused ---- */
typedef struct Refusal {
	Policies policies;   /* that isolate the pod, or would; none: not known */
	Texts places;	     /* of these policies: "file:line" */
	const char *nearest; /* one line: the rule that comes nearest, and what it lacks */
} Refusal;

/* `nearest`, if the model does not refuse the packet: it was refused by what was in force before.
 */
#define REFUSAL_OUTDATED                                                                           \
	"what refused it was changed in that moment, and does not refuse it any more"

/*
 * The reason of one direction, of a packet that was refused, or (is_audit) would have been if the
 * audited policies were enforced. By the model and its compiler: no ruleset is made for it, so that
 * netpold can ask for each refused flow. Lists and texts are in the arena; policies are the
 * model's.
 */
void explain_refusal(const Model *model, const Compiler *compiler, Arena *arena, const Flow *flow,
	Direction direction, bool is_audit, Refusal *ret_refusal);
