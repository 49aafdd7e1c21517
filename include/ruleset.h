/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ruleset: the content of one nftables table, as a value; and plans, the sequences of commits that
 * change the kernel's table from one ruleset to another. Pure: nothing here talks to the kernel.
 *
 * A ruleset is one table: verdict maps, which lead the addresses of isolated pods to chains; chains
 * of accepting rules; sets, which these rules look up; and what the base chains depend on. All of
 * it is sorted, so equal rulesets are equal item by item, whatever their history. Chains and CIDR
 * sets are named by their content and never change. Pod and port sets are named by what they
 * select, and by how large they are; only their elements change.
 *
 * Lifetime. A ruleset is filled by one thread, then completed, and constant from then on:
 *
 *     ruleset_new --> filling --> complete --> freed, when the last reference is dropped
 *                      |           ^
 *                      |           |  ruleset_sort, or ruleset_complete if it is sorted already
 *                      `-----------'
 *
 * Successive rulesets share the sets and chains that are equal, by reference counts. Making the
 * next ruleset, and finding the difference of two, therefore costs what differs between them.
 *
 * Who calls it: compile makes rulesets from the model; nft makes one from what it reads back from
 * the kernel, and carries plans out; run decides which plan, and keeps the ruleset in force.
 * Threads share complete rulesets only.
 *
 * Nothing here fails. Assertions state what callers owe: sorted lists, complete rulesets, and for a
 * plan two rulesets of one table.
 */
#include "base.h"

typedef enum SetKind {
	SET_PODS,  /* addresses: hash */
	SET_PORTS, /* address . protocol . port: hash */
	SET_SELF,  /* address . the same address: hash */
	SET_LINKS, /* names of interfaces: hash; as addresses, see element_of_link */
	SET_CIDR   /* ranges: interval; never edited */
} SetKind;

typedef struct Element {
	Address address;
	uint8_t protocol; /* SET_PORTS */
	uint16_t port;	  /* SET_PORTS */
} Element;

typedef VEC(Element) Elements;

typedef struct Set {
	unsigned refcount;   /* 0: it lives in a ruleset's arena, see refcount.c */
	const char *name;    /* see ObjectName */
	const char *comment; /* what it selects, at most RULESET_COMMENT_MAX bytes; or NULL */
	SetKind kind;
	Family family;
	Elements elements; /* sorted, unique; not of SET_CIDR */
	uint64_t serial;   /* unique among all sets of the process; 0: it lives in an arena */
	/*
	 * The serial of the set that set_edit() made this one from; `added` and `removed` are the
	 * difference. It spares a plan the comparison of all elements. 0: not known.
	 */
	uint64_t edit_of;
	Elements added, removed; /* sorted; empty if edit_of is 0 */
	Ranges ranges;		 /* sorted, disjoint; of SET_CIDR */
} Set;

typedef enum MatchKind {
	MATCH_ANY_ADDRESS, /* no condition on the address */
	MATCH_BLOCK,	   /* one CIDR */
	MATCH_SET,	   /* SET_PODS or SET_CIDR by name */
	MATCH_PORT_SET	   /* SET_PORTS by name: matches protocol and port too */
} MatchKind;

typedef struct PortRange {
	uint16_t first, last;
} PortRange;

typedef VEC(PortRange) PortRanges;

/*
 * One accepting rule: conditions on the peer's address (the source for INGRESS, the destination for
 * EGRESS), and on protocol and destination port.
 */
typedef struct ChainRule {
	MatchKind match;
	Family family;
	Range block;	      /* MATCH_BLOCK */
	const char *set;      /* MATCH_SET, MATCH_PORT_SET: the set's name */
	const char *excluded; /* addresses in this set do not match; only in standby chains */
	uint8_t protocol;     /* 0: any */
	PortRanges ports;     /* empty: any; else sorted, disjoint, with gaps between */
} ChainRule;

/* Rules with a condition on the address are of one family; a chain without any serves both. */
typedef struct Chain {
	unsigned refcount;   /* as a set's */
	const char *name;    /* chain_finish sets it */
	const char *comment; /* whose chain it is, as of a set; part of the name; or NULL */
	Direction direction;
	/* of pods that only audited policies are for: what no rule accepts is counted, and passes
	 */
	bool is_audit;
	bool is_drop;	      /* refuse by drop, else by reject; on bridges always by drop */
	VEC(ChainRule) rules; /* sorted, unique */
} Chain;

/* An element of a verdict map: the address of an isolated or audited pod leads to its chain. */
typedef struct Verdict {
	Address address;
	const char *chain; /* the name of a chain of the same ruleset, which owns the text */
} Verdict;

/* Whether the chain isolates the address: not if it is an audit chain, as its name tells. */
bool verdict_isolates(const Verdict *verdict); /* false for NULL */

typedef VEC(Verdict) Verdicts;

/* Which packets a table is for. Each kind has base chains of its own. */
typedef enum TableKind {
	/* routed packets, and those that br_netfilter passes up from a bridge: forward, input,
	   output */
	TABLE_INET,
	/* bridged packets, with connection tracking on the bridge: forward, input */
	TABLE_BRIDGE,
	/* bridged packets that br_netfilter does not pass up (with a VLAN tag), and those without a
	   pod's address: forward, input */
	TABLE_TAGGED,
} TableKind;

/* What the base chains depend on. */
typedef struct BaseOptions {
	const char *table; /* its name */
	TableKind kind;
	bool is_empty[DIRECTION_N][FAMILY_N]; /* the verdict map; base chains do not look it up */
	bool is_large[DIRECTION_N][FAMILY_N]; /* it has more than MAP_SMALL_MAX elements */
	/* pods of this node are isolated in the direction: link-local traffic is refused then */
	bool is_isolating[DIRECTION_N];
	/*
	 * The NFLOG group that refused packets are logged to; 0: they are counted only. No plan
	 * changes it: a table with another group is replaced as a whole.
	 */
	uint16_t log_group;
	/* pods of other nodes are isolated too: of their flows this node may see one direction */
	bool is_transit;
	/* beside a table that counts for audited pods, or in its place: this one does not */
	bool is_fallback;
} BaseOptions;

/*
 * A set or map that states its size is a hash table of fixed size in the kernel, where a packet's
 * lookup costs less than in one that grows. The stated size is twice the number of elements,
 * because a plan adds elements before it deletes others. The kernel cannot change the size: a map
 * that becomes small or large is deleted and made again.
 */
#define MAP_SMALL_MAX 2048
#define MAP_SMALL_SIZE (2 * MAP_SMALL_MAX)
/*
 * The size that a set with these elements states; 0: none, for very many elements, and for kinds of
 * sets that gain nothing. The size is part of the set's name: with another size it is another set,
 * looked up by other chains. It depends on the elements alone, not on earlier ones, so equal
 * rulesets stay equal whatever their history.
 */
size_t set_size(const Set *set);

typedef struct Ruleset {
	unsigned refcount;
	Arena *arena;	  /* of everything that is not shared */
	bool is_complete; /* sorted, and constant from then on */
	BaseOptions base;
	VEC(const Set *) sets;	   /* by name; the self sets and podless are always there */
	VEC(const Chain *) chains; /* by name */
	Verdicts verdicts[DIRECTION_N][FAMILY_N]; /* by address */
	VEC(Set *) unsorted; /* those of `sets` that live in the arena; for ruleset_sort */
} Ruleset;

#define RULESET_COMMENT_MAX 127 /* bytes, without the NUL: the kernel's limit is 128 with it */

/* ---- Sets and chains with a reference count (refcount.c). From any thread. ---- */
/* Copies `spec`, with one reference. Elements are sorted and unique. */
const Set *set_make(const Set *spec);
/*
 * A new set: `set` with the elements of `add`, and then without those of `del`. Both lists are
 * sorted and unique. One reference; `set` does not change.
 */
const Set *set_edit(const Set *set, const Elements *add, const Elements *del);
/*
 * What `set` is made of, borrowed from it, for a set in an arena. Not `*set`: another thread may be
 * writing its reference count.
 */
Set set_spec(const Set *set);
/* Takes a reference and returns `set`. Asserts that it does not live in an arena. */
const Set *set_ref(const Set *set);
/* Drops a reference; the last one frees it. Does nothing for NULL, and in an arena. */
void set_unref(const Set *set);
/* The same of chains. `spec` has been finished. */
const Chain *chain_make(const Chain *spec);
const Chain *chain_ref(const Chain *chain);
void chain_unref(const Chain *chain);

/* ---- Rulesets: made, filled, completed, shared ---- */
Ruleset *ruleset_new(void); /* empty, without its self sets; one reference */
/*
 * Adds a set or chain that lives in the ruleset's arena; its texts must live as long as that. The
 * caller may write to the returned object until it completes the ruleset.
 */
Set *ruleset_add_set(Ruleset *ruleset, Set spec);
Chain *ruleset_add_chain(Ruleset *ruleset, Chain spec);
Set *ruleset_add_self(Ruleset *ruleset, Family family, bool is_audit); /* self4, ..., still empty */
Set *ruleset_add_podless(Ruleset *ruleset); /* the set podless, still empty */
/* Sorts all that was added, and completes the ruleset. */
void ruleset_sort(Ruleset *ruleset);
/*
 * Completes a ruleset whose lists are sorted already (asserted). Derives is_empty, is_large and
 * is_isolating from the verdicts.
 */
void ruleset_complete(Ruleset *ruleset);
/*
 * Replaces the set podless by this one, a reference of which it takes. The one change that a
 * complete ruleset allows, and only while nobody else has a reference of it (asserted): which links
 * lead to no pod is known only when it is known which pods are isolated.
 */
void ruleset_set_podless(Ruleset *ruleset, const Set *podless);
/* A reference of the whole ruleset, its arena included. From any thread. */
const Ruleset *ruleset_ref(const Ruleset *ruleset);
/* Drops a reference; the last one frees it. Takes NULL; returns NULL. */
Ruleset *ruleset_unref(const Ruleset *ruleset);
/*
 * A complete ruleset with the same content and an arena of its own; the caller may change its base
 * options. Sets and chains are shared: none may live in the arena of `ruleset`, which is asserted.
 */
Ruleset *ruleset_clone(const Ruleset *ruleset);
/*
 * The same isolated pods in the table `table`, without any rule: only what a pod sends to itself
 * passes. It is small however large `ruleset` is.
 */
Ruleset *ruleset_lockdown(const Ruleset *ruleset, const char *table);

/* ---- Lookups in complete rulesets, and comparison ---- */
const Set *ruleset_set(const Ruleset *ruleset, const char *name); /* NULL if absent */
const Chain *ruleset_chain(const Ruleset *ruleset, const char *name);
const Verdict *ruleset_verdict(const Ruleset *ruleset, Direction direction, Address address);
/* Both ignore the table's name. */
bool ruleset_is_equal(const Ruleset *a, const Ruleset *b);
/* Whether any verdict of the direction isolates. The ruleset need not be complete. */
bool ruleset_isolates(const Ruleset *ruleset, Direction direction);
bool base_is_equal(const BaseOptions *a, const BaseOptions *b);
bool table_is_bridge(TableKind kind); /* in nft's family "bridge", else in "inet" */
/* How much work the kernel has to load it; the unit is one element. */
size_t ruleset_cost(const Ruleset *ruleset);

/* ---- Parts of rulesets ---- */
int element_compare(const void *a, const void *b);
int verdict_compare(const void *a, const void *b); /* by address */
void elements_sort(Elements *elements);		   /* and drops duplicates */
/*
 * The name of an interface as an element of SET_LINKS. Its 16 bytes, NULs at the end included, are
 * the set's key in the kernel, as those of an IPv6 address are: so such sets are of that family,
 * and the name's bytes are the address. At most 15 bytes (asserted).
 */
Element element_of_link(const char *name);
#define ELEMENT_LINK_SIZE 17 /* a key of another program may have no NUL */
const char *element_link_name(const Element *element, char ret_name[ELEMENT_LINK_SIZE]);
/* Appends to `add` what is in `new` only, to `del` what is in `old` only. Both are sorted. */
void elements_diff(
	Arena *arena, const Elements *old, const Elements *new, Elements *add, Elements *del);
/* Sorts the chain's rules, drops duplicates, and names it by its content; once for each chain. */
void chain_finish(Arena *arena, Chain *chain);
/*
 * `text` as an nft comment: truncated to RULESET_COMMENT_MAX bytes between UTF-8 sequences, without
 * characters that end an nft string.
 */
const char *comment_truncate(Arena *arena, const char *text);

/*
 * ---- Names of nft objects (names.c) ----
 *
 * Every name that netpol gives to an object in its tables is made and parsed here:
 *
 *     pods4_HASH, pods6_HASH      SET_PODS; HASH is 24 hex digits of what the set selects and its
 *                                 size
 *     ports4_HASH, ports6_HASH    SET_PORTS
 *     cidr4_HASH, cidr6_HASH      SET_CIDR
 *     self4, self6                SET_SELF: isolated pods
 *     audit_self4, audit_self6    SET_SELF: pods with an audit chain
 *     podless                     SET_LINKS: interfaces that certainly lead to no isolated pod;
 *                                 the rules about link-local packets leave them alone
 *     in_HASH, out_HASH           the chain of isolated pods, ingress or egress; HASH is of its
 *                                 rules
 *     audit_in_..., audit_out_... the same of audited pods
 *     ingress4, ... egress6       the verdict map of a direction and a family
 *     NAME_next                   the standby object of a set, chain or map; see standby.c
 *     moving4, moving6            standby only: the addresses that a change adds to a set or
 *                                 deletes from one
 *
 * The base chains, the chains that refuse, and what counts and logs refused packets have fixed
 * names and belong to nft (render.c, denial_rules.c). A table's name comes from netpol.conf;
 * temporary tables append a suffix to it (TableRole).
 */
typedef enum ObjectKind { OBJECT_SET, OBJECT_MAP, OBJECT_CHAIN } ObjectKind;

typedef struct ObjectName {
	ObjectKind kind;
	SetKind set;	     /* OBJECT_SET */
	Direction direction; /* OBJECT_MAP, OBJECT_CHAIN */
	Family family;	     /* OBJECT_SET, OBJECT_MAP; a chain's name does not tell it */
	bool is_audit;	     /* SET_SELF, OBJECT_CHAIN */
	bool is_standby;     /* exists only while a change is being made */
} ObjectName;

typedef enum TableRole {
	TABLE_ENFORCING,   /* NAME: enforces the ruleset */
	TABLE_FALLBACK,	   /* NAME_guard: enforces while TABLE_ENFORCING is made again */
	TABLE_STALE_FLOWS, /* NAME_cut: refuses flows that were established and are now forbidden */
	TABLE_SENDERS,	   /* NAME_senders: refuses packets of senders that they are not from */
	TABLE_PROBE,	   /* NAME_try: made and deleted in one transaction, to try a feature */
} TableRole;

/* The size of a buffer for a set's name, the NUL included. */
#define OBJECT_NAME_SET_SIZE (sizeof("ports4_") + DIGEST_NAME_LENGTH)

/* False: netpol never makes an object of that name. Accepts any text in the place of HASH. */
bool object_name_parse(const char *name, ObjectName *ret_name);
const char *object_name_table(Arena *arena, const char *table, TableRole role);
const char *object_name_self(Family family, bool is_audit);
const char *object_name_podless(bool is_standby);
const char *object_name_moving(Family family);
const char *object_name_map(Direction direction, Family family, bool is_standby);
/* `key` is the text of what the set selects; `size` as set_size() has it. Not for SET_SELF and
 * SET_LINKS. */
void object_name_set(SetKind kind, Family family, const char *key, size_t size,
	char ret_name[OBJECT_NAME_SET_SIZE]);
const char *object_name_chain(
	Arena *arena, Direction direction, bool is_audit, const char hash[DIGEST_NAME_LENGTH + 1]);
const char *object_name_standby(Arena *arena, const char *name);

/* ---- Flows evaluated against a ruleset (evaluate.c) ---- */
/* A new flow as the forward hook sees it: a Service's address is translated. */
typedef struct Tuple {
	Address source, destination;
	uint8_t protocol;
	uint16_t port;	      /* the destination's, of TCP, UDP, SCTP */
	uint16_t source_port; /* no rule looks at it */
} Tuple;

typedef struct Evaluation {
	bool is_isolated, is_allowed;
} Evaluation;

/*
 * The verdict in one direction: for INGRESS by the chain of the destination, for EGRESS by the
 * chain of the source. An address without a verdict that isolates is not isolated, and the flow is
 * allowed.
 */
Evaluation ruleset_evaluate(const Ruleset *ruleset, const Tuple *tuple, Direction direction);
/*
 * The verdict in both directions. As in the table, a pod may reach itself. A node's own processes
 * may always reach its pods: the caller applies that exception itself.
 */
bool ruleset_allows(const Ruleset *ruleset, const Tuple *tuple);

/* ---- Plans: the in-flight guarantee and its proof are in plan.c and docs/architecture.md ---- */
typedef enum OpKind {
	OP_ADD_TABLE,
	OP_ADD_SET,	 /* without elements */
	OP_ADD_MAP,	 /* the verdict map of (direction, family, is_standby), empty */
	OP_ADD_CHAIN,	 /* with its rules */
	OP_ADD_ELEMENTS, /* to set->name: `elements`, or the set's ranges */
	OP_DEL_ELEMENTS,
	OP_ADD_VERDICTS, /* to the map */
	OP_DEL_VERDICTS,
	OP_SET_BASE, /* replaces the base chains' rules; they look up the maps of is_standby */
	OP_DEL_BASE, /* unhooks: the base chains are deleted */
	OP_DEL_MAP,
	OP_DEL_CHAIN,
	OP_DEL_SET,
	OP_DEL_TABLE
} OpKind;

typedef struct Op {
	OpKind kind;
	const Set *set;
	const Chain *chain;
	const BaseOptions *base; /* of the table that the operation is about */
	Direction direction;
	Family family;
	bool is_standby;
	Elements elements;
	Verdicts verdicts;
} Op;

/*
 * One step of a plan. It may take several transactions, in this order: new objects; elements, and
 * objects that are deleted; base chains and tables. Only OP_SET_BASE has to be atomic.
 */
typedef struct Commit {
	const char *name;	 /* static: "grow", "switch", ... */
	bool needs_grace_period; /* it begins when all packets in flight have left the hooks */
	VEC(Op) ops;
} Commit;

typedef struct Plan {
	Arena *arena;	     /* the caller's */
	VEC(Commit) commits; /* none: nothing differs */
	bool may_tighten;    /* it may forbid established flows: look for stale flows afterwards */
} Plan;

/*
 * From `old`, which the kernel holds, to `new`, with the in-flight guarantee. Both are complete and
 * of the same table; both outlive the plan.
 */
void plan_change(Arena *arena, const Ruleset *old, const Ruleset *new, Plan *ret_plan);
/* From no table to `new`. Enforcement begins with the last commit, all at once. */
void plan_create(Arena *arena, const Ruleset *new, Plan *ret_plan);
/*
 * From a table of unknown state to `new`, without a gap in enforcement: `fallback`, in a table of
 * another name, enforces while ours is deleted and made again. has_table, has_fallback: which of
 * the two tables exist; an existing fallback table is complete, and used as it is.
 */
void plan_replace(Arena *arena, const Ruleset *new, const Ruleset *fallback, bool has_table,
	bool has_fallback, Plan *ret_plan);
/* To no table. Enforcement ends with the first commit. */
void plan_remove(Arena *arena, const BaseOptions *base, Plan *ret_plan);
