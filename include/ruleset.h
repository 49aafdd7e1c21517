#pragma once
/*
 * ruleset: what the kernel shall hold (design.md 5.1), and how to get there from what it holds.
 *
 * A Ruleset is sorted throughout, so that equal ones are equal item by item. Chains and CIDR sets
 * are named by their content and never change; pod and port sets are named by what they select,
 * and how large they are, and only their elements change. No pointer leads back to a source.
 *
 * Nothing in a ruleset changes once it is made. The next one shares with it what is the same, so
 * that making it, and telling the two apart, costs what differs: sets and chains have several
 * owners, and go with the last.
 */
#include "base.h"

typedef enum SetKind {
	SET_PODS,  /* addresses: hash */
	SET_PORTS, /* address . protocol . port: hash */
	SET_SELF,  /* address . the same address: hash */
	SET_CIDR   /* ranges: interval; never edited */
} SetKind;

typedef struct Element {
	Address address;
	uint8_t protocol; /* SET_PORTS */
	uint16_t port;	  /* SET_PORTS */
} Element;

typedef VEC(Element) Elements;

typedef struct Set {
	unsigned
		refcount; /* reference count; 0: it lives in a ruleset's arena, and cannot be shared
			   */
	const char *name;
	const char *comment; /* what it selects, at most 128 bytes with the NUL; or NULL */
	SetKind kind;
	Family family;
	Elements elements; /* sorted; not of SET_CIDR */
	uint64_t serial;   /* no other set has it; 0: it lives in an arena */
	uint64_t edit_of;  /* the serial of the set that these made it from; 0: of none */
	Elements added, removed;
	Ranges ranges; /* sorted, disjoint; of SET_CIDR */
} Set;

typedef enum MatchKind {
	MATCH_ANYBODY, /* no condition on the address */
	MATCH_BLOCK,   /* one CIDR */
	MATCH_SET,     /* SET_PODS or SET_CIDR by name */
	MATCH_PORT_SET /* SET_PORTS by name: judges protocol and port too */
} MatchKind;

typedef struct PortRange {
	uint16_t first, last;
} PortRange;

typedef VEC(PortRange) PortRanges;

/* One accepting rule: the peer's address (source when INGRESS), then protocol and port. */
typedef struct ChainRule {
	MatchKind match;
	Family family;
	Range block;
	const char *set;
	const char *excluded; /* only in plans: addresses in this set do not match */
	uint8_t protocol;     /* 0: any */
	PortRanges ports;     /* empty: any; sorted, disjoint, with gaps */
} ChainRule;

/* A chain serves the addresses of one family, unless no rule of it looks at an address. */
typedef struct Chain {
	unsigned refcount; /* as a set's */
	const char *name;
	Direction direction;
	bool is_drop;	      /* what a refusal is: drop, else reject; on bridges always drop */
	VEC(ChainRule) rules; /* sorted, unique */
} Chain;

/* An element of a per-pod verdict map: the pod's address leads to its chain. */
typedef struct Verdict {
	Address address;
	const char *chain; /* the name of a chain of the same ruleset, in that chain's memory */
} Verdict;

typedef VEC(Verdict) Verdicts;

/* Which packets a table is for; each kind has base chains of its own (design.md 5.4). */
typedef enum TableKind {
	TABLE_INET, /* routed ones, and those that br_netfilter lifts: forward, input, output */
	/* bridged ones, with connection tracking of the bridge's own: forward, input */
	TABLE_BRIDGE,
	/* bridged ones that br_netfilter does not lift (with a VLAN tag), or nobody could judge by
	   their addresses: forward, input */
	TABLE_TAGGED,
} TableKind;

/* What the base chains depend on, and where they are. */
typedef struct BaseOptions {
	const char *table;
	TableKind kind;
	Ranges services; /* addresses that `input` passes untranslated and `output` judges */
	bool is_empty[DIRECTION_N][FAMILY_N]; /* nobody is in the map: it is not asked */
	bool is_large[DIRECTION_N][FAMILY_N]; /* more than MAP_SMALL_MOST are in the map */
	/* somebody is in one, on this node: what names no pod's address is refused beside them */
	bool is_isolating[DIRECTION_N];
} BaseOptions;

/*
 * What says how many elements it holds at most is a table of fixed size in the kernel, where a
 * packet's lookup costs less than in one that grows. Ours say twice of what they may hold: elements
 * come before others go. A size cannot be changed: a map that outgrows it is made anew.
 */
#define MAP_SMALL_MAX 2048
#define MAP_SMALL_SIZE (2 * MAP_SMALL_MAX)
/*
 * What a set of so many elements says; 0: nothing, as one of very many, or where lookups gain
 * nothing by it. It is part of its name: a set that outgrows its size, or would do with a smaller
 * one, is another set, and the chains that look it up are others. It follows from the elements
 * alone, not from how many there were before: equal rulesets are equal whatever their history.
 */
size_t set_size(const Set *set);

/*
 * A ruleset is filled by one thread and is constant from then on. It has a reference count of its
 * own: whoever needs it longer than its maker, another thread above all, holds the whole of it, its
 * arena included.
 */
typedef struct Ruleset {
	unsigned refcount; /* reference count */
	Arena *arena;	   /* owns everything but what is shared */
	BaseOptions base;
	VEC(const Set *) sets;			  /* by name; self4 and self6 always there */
	VEC(const Chain *) chains;		  /* by name */
	Verdicts verdicts[DIRECTION_N][FAMILY_N]; /* by address */
} Ruleset;

#define RULESET_COMMENT_MAX 127

/*
 * One piece of memory of its own, with one owner. release takes NULL, and what lives in an arena.
 * set_edit: the same without `del`, with `add` (both sorted).
 */
const Set *set_make(const Set *draft);
const Set *set_edit(const Set *set, const Elements *add, const Elements *del);
/* One more owner; from any thread. Asserts that it does not live in an arena. */
const Set *set_ref(const Set *set);
void set_unref(const Set *set);
const Chain *chain_make(const Chain *draft);
const Chain *chain_ref(const Chain *chain);
void chain_unref(const Chain *chain);

Ruleset *ruleset_new(void); /* empty, without its self sets */
/* One more owner, who lets go by ruleset_free; from any thread. */
const Ruleset *ruleset_ref(const Ruleset *ruleset);
/* Lets go; the last owner frees it. Takes NULL; returns NULL. */
Ruleset *ruleset_unref(const Ruleset *ruleset);
/*
 * Another ruleset with the same content and an arena of its own, whose base options the caller may
 * change. Sets and chains are shared: none of them may live in the arena of `ruleset`, which is
 * asserted.
 */
Ruleset *ruleset_clone(const Ruleset *ruleset);
/* Adds a set or chain that lives in the ruleset's arena, to be filled before it is sorted. */
Set *ruleset_add_set(Ruleset *ruleset, Set draft);
Chain *ruleset_add_chain(Ruleset *ruleset, Chain draft);
Set *ruleset_add_self(Ruleset *ruleset, Family family);
const Set *ruleset_set(const Ruleset *ruleset, const char *name); /* NULL if absent */
const Chain *ruleset_chain(const Ruleset *ruleset, const char *name);
const Verdict *ruleset_verdict(const Ruleset *ruleset, Direction direction, Address address);
/* Sorts everything that was added, and counts the maps; to be called once after filling. */
void ruleset_sort(Ruleset *ruleset);
/* Of verdicts that came sorted: which maps are idle, which large. */
void ruleset_count_maps(Ruleset *ruleset);
bool base_is_equal(const BaseOptions *a, const BaseOptions *b); /* but for the table's name */
bool table_is_bridge(TableKind kind); /* in nft's family "bridge", else in "inet" */
bool ruleset_is_equal(const Ruleset *a, const Ruleset *b);

/*
 * What stands in for the ruleset while it is put back, small whatever its size: every pod that it
 * isolates is reached by, and reaches, nobody but itself. In a table of that name.
 */
Ruleset *ruleset_lockdown(const Ruleset *ruleset, const char *table);
/* Sets, chains and elements, in elements' worth of work for the kernel. */
size_t ruleset_cost(const Ruleset *ruleset);

int element_compare(const void *a, const void *b);
int verdict_compare(const void *a, const void *b); /* by address */
void elements_sort(Elements *elements);		   /* and drops repeated ones */
/* Sorts the chain's rules, drops repeated ones, and names it by what is left. */
void chain_finish(Arena *arena, Chain *chain);
/* `text` as an nft comment: cut to fit between UTF-8 sequences, nothing in it ends the string. */
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
 *     self4, self6                SET_SELF
 *     in_HASH, out_HASH           the chain of isolated pods, ingress or egress; HASH is of its
 *                                 rules
 *     ingress4, ... egress6       the verdict map of a direction and a family
 *     NAME_next                   the standby object of a set, chain or map; see plan.c
 *     moving4, moving6            standby only: the addresses that a change moves between sets
 *
 * The base chains and the chains that refuse have fixed names and belong to nft's render.c. A
 * table's name is the administrator's; the tables that come and go besides have a suffix to it.
 */
typedef enum ObjectKind { OBJECT_SET, OBJECT_MAP, OBJECT_CHAIN } ObjectKind;

typedef struct ObjectName {
	ObjectKind kind;
	SetKind set;	     /* OBJECT_SET */
	Direction direction; /* OBJECT_MAP, OBJECT_CHAIN */
	Family family;	     /* OBJECT_SET, OBJECT_MAP; a chain's name does not tell it */
	bool is_standby;     /* exists only while a change is being made */
} ObjectName;

typedef enum TableRole {
	TABLE_ENFORCING,   /* NAME: enforces the ruleset */
	TABLE_FALLBACK,	   /* NAME_guard: enforces while TABLE_ENFORCING is made again */
	TABLE_STALE_FLOWS, /* NAME_cut: refuses flows that were established and are now forbidden */
	TABLE_PROBE,	   /* NAME_try: made and deleted in one transaction, to try a feature */
} TableRole;

/* The size of a buffer for a set's name, the NUL included. */
#define OBJECT_NAME_SET_SIZE (sizeof("ports4_") + DIGEST_NAME_LENGTH)

/* False: netpol never makes an object of that name. HASH is not looked at. */
bool object_name_parse(const char *name, ObjectName *ret_name);
const char *object_name_table(Arena *arena, const char *table, TableRole role);
const char *object_name_self(Family family);
const char *object_name_moving(Family family);
const char *object_name_map(Direction direction, Family family, bool is_standby);
/* `key` is the text of what the set selects; `size` as set_size() has it. Not for SET_SELF. */
void object_name_set(SetKind kind, Family family, const char *key, size_t size,
	char ret_name[OBJECT_NAME_SET_SIZE]);
const char *object_name_chain(
	Arena *arena, Direction direction, const char hash[DIGEST_NAME_LENGTH + 1]);
const char *object_name_standby(Arena *arena, const char *name);

/* ---- What becomes of a flow ---- */
/* A new flow as the hooks see it, a Service's translated. */
typedef struct Tuple {
	Address source, destination;
	uint8_t protocol;
	uint16_t port;	      /* the destination's, of TCP, UDP, SCTP */
	uint16_t source_port; /* decides nothing */
} Tuple;

typedef struct Evaluation {
	bool is_isolated, is_allowed;
} Evaluation;

/* By the chain of the pod that the direction is about. */
Evaluation ruleset_evaluate(const Ruleset *ruleset, const Tuple *tuple, Direction direction);
/*
 * By both; a pod to itself, and what goes to a service address untranslated, is allowed. The node's
 * own processes are the caller's to know.
 */
bool ruleset_allows(const Ruleset *ruleset, const Tuple *tuple);

/* ---- Plan: grow, switch, shrink ---- */
typedef enum OpKind {
	OP_ADD_TABLE,
	OP_ADD_SET,	 /* without elements */
	OP_ADD_MAP,	 /* the verdict map of (direction, family, is_next), empty */
	OP_ADD_CHAIN,	 /* with its rules */
	OP_ADD_ELEMENTS, /* of set->name: the op's elements or ranges */
	OP_DEL_ELEMENTS,
	OP_ADD_VERDICTS, /* of the map */
	OP_DEL_VERDICTS,
	OP_SET_BASE, /* the base chains' rules, through the maps of is_next */
	OP_DEL_BASE, /* unhook: the base chains are deleted */
	OP_DEL_MAP,
	OP_DEL_CHAIN,
	OP_DEL_SET,
	OP_DEL_TABLE
} OpKind;

typedef struct Op {
	OpKind kind;
	const Set *set;
	const Chain *chain;
	const BaseOptions *base; /* the table that it is about */
	Direction direction;
	Family family;
	bool is_standby;
	Elements elements;
	Verdicts verdicts;
} Op;

/*
 * One commit, carried out in this order: structure that is added; elements, and maps, chains and
 * sets that go; base chains and tables that are switched or go. Only OP_SET_BASE needs to be
 * atomic, and is; see plan.c.
 */
typedef struct Commit {
	const char *name;	 /* "grow", "switch", ... */
	bool needs_grace_period; /* every packet in flight must have left before it begins */
	VEC(Op) ops;
} Commit;

typedef struct Plan {
	Arena *arena;	     /* the caller's */
	VEC(Commit) commits; /* none: nothing differs */
	bool may_tighten;    /* flows that were allowed may be forbidden */
} Plan;

/*
 * From `old`, which the kernel holds, to `new`, so that the in-flight guarantee of design.md 5.2
 * holds at every instant. Both must have the same table, and outlive the plan.
 */
void plan_change(Arena *arena, const Ruleset *old, const Ruleset *new, Plan *ret_plan);
/* From no table to `new`. Enforcement begins with the last commit, whole. */
void plan_create(Arena *arena, const Ruleset *new, Plan *ret_plan);
/*
 * From a table whose state is not known to `new`, without a gap: a second table of the name
 * `guard` enforces `new` while ours is taken down and made again. has_table, has_guard: what is
 * there already; a guard that is there is kept as it is.
 */
void plan_replace(Arena *arena, const Ruleset *new, const Ruleset *fallback, bool has_table,
	bool has_fallback, Plan *ret_plan);
/* To no table: enforcement ends with the first commit. */
void plan_remove(Arena *arena, const BaseOptions *base, Plan *ret_plan);
