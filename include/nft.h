#pragma once
/*
 * nft: ruleset -> kernel. Structure (tables, chains, rules, CIDR sets) goes through libnftables as
 * the very text that `netpolctl ruleset` prints; elements of hash sets and verdict maps go over
 * netlink directly. Only our own tables, and their guards, are ever read or written.
 */
#include "ruleset.h"

enum {
	NFT_E_REFUSED = 1, /* the kernel, or nft, refused: see nft_error() */
};

/* ---- Text, pure ---- */
/* The whole ruleset as `nft -f` takes it. Stable to the byte. Text is in `arena`. */
const char *nft_ruleset_text(Arena *arena, const Ruleset *ruleset);

/* ---- The kernel ---- */
typedef struct Nft Nft;

/* Opens netlink in the caller's network namespace. Needs CAP_NET_ADMIN there. */
int nft_open(Nft **ret_nft);
Nft *nft_close(Nft *nft);
/* What the last refusal said. */
const char *nft_error(const Nft *nft);

typedef enum NftNotice {
	NFT_NOTICE_NONE,    /* nothing about our tables */
	NFT_NOTICE_LOST,    /* some news were lost: they may have been about ours */
	NFT_NOTICE_TAMPERED /* somebody else changed a table of ours */
} NftNotice;

#define NFT_WHO_SIZE 64

/*
 * From now on the kernel's news of the table are gathered: the file descriptor to poll (the Nft's),
 * or -errno. When it is readable, take reads them all: `nft flush ruleset`, an added rule, a
 * removed element. Our own changes do not count. ret_who: the process that did it, as the kernel
 * tells, "nft, process 4711"; left as it was if it does not, or not yet: a transaction's last
 * message says it, and the first are read before that one is written. Then the next take has it.
 */
int nft_watch(Nft *nft, const char *table);
NftNotice nft_watch_read(Nft *nft, char ret_who[NFT_WHO_SIZE]);

/*
 * Whether, since it was asked last, somebody else changed any table while a large change of ours
 * was made, for which the watch is deaf: it may have been ours.
 */
bool nft_has_missed(Nft *nft);

/*
 * The books: every transaction of nftables has a number, and is either ours or was heard of by the
 * watch. When they balance nothing escaped it, and what stands is what we wrote, without reading it
 * back. Opened when it is known what stands. News that come meanwhile are kept for nft_watch_take.
 */
void nft_generation_mark(Nft *nft);
bool nft_generation_is_accounted(Nft *nft);

/* Whether the table stands, whoever made it. */
bool nft_has_table(Nft *nft, const BaseOptions *base);
/*
 * Whether the kernel tracks connections on bridges (nf_conntrack_bridge, which it loads when it is
 * first wanted): tried by a chain that is made and deleted in one transaction, in a table of the
 * name `table` followed by "_try". If not, *ret_why says why, in the Nft's memory.
 */
bool nft_can_track_bridges(Nft *nft, const char *table, const char **ret_why);

typedef struct NftState {
	bool has_table;		   /* ours stands */
	bool has_fallback;	   /* a guard of an interrupted change is there */
	bool is_fallback_complete; /* and enforces */
	bool is_known;	      /* the table is one that we wrote, whole: `held` says what it holds */
	const char *mismatch; /* else: what is odd about it */
	Ruleset *held;	      /* the caller frees it */
} NftState;

#define NFT_FALLBACK_SUFFIX "_guard"

/* Reads our table back. What `wanted` has too is compared to the letter. */
int nft_read(Nft *nft, const Ruleset *wanted, NftState *ret_state);

typedef struct NftCounts {
	unsigned commits, elements; /* transactions; set and map elements added or removed */
} NftCounts;

/* Carries the plan out, commit by commit; stops at the first refusal. */
int nft_apply(Nft *nft, const Plan *plan, NftCounts *ret_counts);
/*
 * Makes a table where there is none, in one transaction, of nft_ruleset_text: from nothing to all
 * of it there is no state between.
 */
int nft_load(Nft *nft, const char *text);
/* Whether the kernel's table is, to the letter and the element, this one. 0, or as nft_read. */
int nft_check(Nft *nft, const Ruleset *wanted, bool *ret_is_so);
/*
 * Puts `new` in place of `old` in one whole-table transaction. This is what the in-flight guarantee
 * forbids; it exists so that a test can show that it would see the leak.
 */
int nft_apply_naively(Nft *nft, const Ruleset *new);

/* ---- Flows that the kernel tracks ---- */
typedef bool (*NftAllows)(void *context, const Tuple *tuple); /* whether it may go on */

typedef struct NftStaleTable {
	const BaseOptions *base; /* of the table beside which it is */
	bool is_drop;		 /* refuse silently */
} NftStaleTable;

#define NFT_STALE_SUFFIX "_cut"

typedef struct NftKilled {
	unsigned n;
	bool is_refused; /* the kernel took no table of them: see nft_error() */
} NftKilled;

/*
 * Looks through all flows that the kernel tracks in this namespace, a piece at a time, and makes it
 * forget those that may not go on: their next packet is judged as a new one. So that the answering
 * end does not take up a TCP connection or UDP exchange again, these are refused by a table of
 * their own, NAME_cut, which is there only while there are any. start gives the file descriptor to
 * poll (the Nft's), or -errno; it ends a look that is under way. When it is readable, take judges
 * what has come: 1, more is to come; 0, that was all; or -errno. ret_forgotten: of this piece.
 */
int nft_flows_start(Nft *nft);
void nft_flows_end(Nft *nft); /* when it has ended, and is polled no more */
int nft_flows_take(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context,
	NftKilled *ret_forgotten);
/* What was cut and may go on now is let go. Costs nothing while nothing is cut. 0 or an error. */
int nft_flows_review(
	Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context);
