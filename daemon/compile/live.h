#pragma once
/*
 * live: the sets that rules look up, each with what it selects, so that a pod that comes, goes or
 * changes is asked of those alone that its labels may touch. Private to the room.
 */
#include "index.h"
#include "selection.h"

/* What a set selects. SET_PODS: its peers. SET_PORTS: the named ports of whom any peer, block or
 * is_any selects. SET_CIDR: its ranges. SET_SELF: nothing; its elements are put in. */
typedef struct Definition {
	SetKind kind;
	Family family;
	VEC(Selection) peers;
	bool is_any;
	Ranges ranges;		   /* SET_CIDR, and the blocks of SET_PORTS: disjoint */
	VEC(NamedPort) ports;	   /* SET_PORTS: name and protocol */
	const char *key, *comment; /* the name is made from the key */
} Definition;

/* One of a set's peers, to be asked for itself: a set may have many. */
typedef struct LivePeer {
	struct LiveSet *set;
	const Selection *selection;
	unsigned asked; /* the number of the last question it was asked */
	struct LivePeer *next_asked;
} LivePeer;

typedef struct LiveSet {
	Arena *arena; /* of this and all below */
	char name[OBJECT_NAME_SET_SIZE];
	Definition is;
	bool is_unkeyed; /* no label tells who may be in it */
	LivePeer *peers; /* of its definition */
	const Set *set;	 /* as it was made last; NULL: it is new */
	size_t users;	 /* rules that look it up */
	/* of the last question that it was asked */
	unsigned asked;
	LivePeer *asked_peers; /* that may take whom the question is about; all: is_unkeyed */
	/* of the update under way, in its scratch arena */
	bool is_edited;
	Elements add, del;
} LiveSet;

typedef struct Live {
	Arena *arena;
	HashTable *by_name, *by_key;
	VEC(LiveSet *) sorted;	/* by name; as of the last update */
	HashTable *by_label;	/* LivePeer: those of which one label can tell */
	VEC(LiveSet *) unkeyed; /* those that any pod may be in */
	LiveSet *self[FAMILY_N];
	unsigned question;
	/* of the update under way */
	Arena *scratch;
	VEC(LiveSet *) fresh, edited;
	StrMap *renamed;     /* by the name that they had in this update: LiveSet */
	bool is_old_renamed; /* one that was there before, too */
} Live;

void live_start(Live *live, Arena *arena);
void live_free(Live *live);
/* An update begins: until live_end. */
void live_begin(Live *live, Arena *scratch);
/* The set of that definition, which is copied if there is none yet. */
LiveSet *live_set(Live *live, const Definition *definition);
LiveSet *live_find(const Live *live, const char *name);
/* The address counted for one pod and counts for another now: elements come and go. */
void live_move(Live *live, Address address, Member before, Member after);
void live_edit_self(Live *live, Address address, bool is_in);
/* Fills the sets that are new, from all pods. */
void live_fill(Live *live, const Model *model, const Index *index);
/*
 * Makes what was edited, and forgets what no rule looks up. A set's name tells its size, which is
 * known only now: some have another name from here on.
 */
void live_end(Live *live);
/* What the set is called now that had the name until live_end. */
const char *live_new_name(const Live *live, const char *name);
