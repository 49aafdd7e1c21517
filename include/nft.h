/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * nft: writes rulesets to the kernel, and reads them back.
 *
 * The module writes, reads back and watches our tables, and only ours: NAME in nft's families inet
 * and bridge, and tables whose names are NAME and a suffix (TableRole in ruleset.h). Two ways lead
 * to the kernel. Structure (tables, chains, rules, sets of ranges) goes through libnftables, as the
 * text that `netpolctl ruleset` prints. Elements of hash sets and verdict maps, and deletions of
 * objects, go as netlink messages that the module builds itself.
 *
 * An Nft is a set of netlink sockets. netpold opens one at its start, in the network namespace in
 * which it enforces, and closes it at its end. Only one thread may use it. The order of calls:
 *
 *     nft_open, nft_read               what does the kernel hold?
 *     nft_apply (plan)                 then what is wanted
 *     nft_watch, nft_generation_mark   from now on notice changes by others
 *     nft_apply ...                    per change of the ruleset; nft_has_missed after each
 *     nft_check                        periodically, unless nft_generation_is_accounted
 *     nft_flows_...                    after a change that may forbid established flows
 *
 * A table as nft_read() finds it, for a ruleset that is wanted:
 *
 *     has_table  is_known   the table is
 *     false      false      absent
 *     true       true       complete: written by us, whole; `held` is its ruleset
 *     true       false      a mismatch: not as we write it, after a crash or an edit by others;
 *                           `mismatch` says what is different
 *
 *               plan_create, nft_load                     plan_change
 *     absent ---------------------------> complete <------------------- complete
 *        ^                                 |    ^
 *        +-------- plan_remove ------------+    |  plan_replace: the fallback table enforces
 *                              crash half-way,  |  meanwhile
 *                              edit by others   |
 *                                          v    |
 *                                         mismatch
 *
 * The fallback table (NAME_guard), which plan_replace and nft_load make and plan_replace deletes:
 *
 *     has_fallback  is_fallback_complete
 *     false         false                 absent
 *     true          false                 present: has no base chains yet, enforces nothing
 *     true          true                  complete: enforces; its base chains come last
 *
 * Errors: -errno if a system call failed, NFT_E_REFUSED if the kernel or libnftables refused
 * something; nft_error() has the reason of the last refusal. After a refusal it is not known what
 * the kernel holds, and the caller has to call nft_read().
 */
#include "nft/denials.h"
#include "ruleset.h"
#include "senders.h"

enum {
	NFT_E_REFUSED = 1, /* the kernel or libnftables refused: see nft_error() */
};

/* ---- Text (pure) ---- */
/* The whole table as `nft -f` takes it, stable to the byte. The text is in `arena`. */
const char *nft_ruleset_text(Arena *arena, const Ruleset *ruleset);
/*
 * The same for the state directory: podless is empty. When the text is loaded, after a reboot, the
 * links of these names may be pods'.
 */
const char *nft_saved_text(Arena *arena, const Ruleset *ruleset);

/* ---- The kernel ---- */
typedef struct Nft Nft;

/* Opens the sockets in the caller's network namespace; needs CAP_NET_ADMIN there. 0 or -errno. */
int nft_open(Nft **ret_nft);
Nft *nft_close(Nft *nft); /* takes NULL; returns NULL */
/* The reason of the last refusal, one line; valid until the next call with this Nft. */
const char *nft_error(const Nft *nft);

/* ---- Changes by others ---- */
typedef enum NftNotice {
	NFT_NOTICE_NONE,    /* nothing happened to our tables */
	NFT_NOTICE_LOST,    /* notifications were lost, which may have been about our tables */
	NFT_NOTICE_TAMPERED /* another process changed a table of ours */
} NftNotice;

#define NFT_WHO_SIZE 64

/*
 * Subscribes to the kernel's notifications about the tables of that name. Called once. Returns a
 * file descriptor to poll, which the Nft owns, or -errno. When it is readable, nft_watch_read()
 * reads all that has come: `nft flush ruleset`, an added rule, a deleted element. Our own changes
 * are filtered out.
 *
 * ret_who: the process that made the change, "nft, process 4711"; untouched if it is not known. A
 * transaction names its process in its last message, which may come after the call that returned
 * NFT_NOTICE_TAMPERED: then a later call returns the name, with NFT_NOTICE_NONE.
 */
int nft_watch(Nft *nft, const char *table);
NftNotice nft_watch_read(Nft *nft, char ret_who[NFT_WHO_SIZE]);

/*
 * Whether another process may have changed our table unnoticed, since the last call: it changed
 * some table during a large change of ours, while the watch was unsubscribed.
 */
bool nft_has_missed(Nft *nft);

/*
 * The generation counter (explained in daemon/nft/generation.h). nft_generation_mark() is called
 * when the content of our tables is known. nft_generation_is_accounted(): every transaction since
 * then was our own or has been notified, so the tables are what we wrote, without reading them
 * back. False also if there is no mark or no watch; waits up to 20 ms for notifications on their
 * way, which are kept for nft_watch_read().
 */
void nft_generation_mark(Nft *nft);
bool nft_generation_is_accounted(Nft *nft);

/* ---- Reading ---- */
/* Whether a table of that name and kind exists, whoever made it. False also if asking failed. */
bool nft_has_table(Nft *nft, const BaseOptions *base);
/*
 * Whether the kernel tracks connections on bridges (module nf_conntrack_bridge, which it loads on
 * first use): tried with a chain that is made and deleted in one transaction, in a table of its own
 * (TABLE_PROBE). If not, *ret_why is the reason, valid as nft_error().
 */
bool nft_can_track_bridges(Nft *nft, const char *table, const char **ret_why);

/* See the tables at the head of this file. */
typedef struct NftState {
	bool has_table;
	bool has_fallback;
	bool is_fallback_complete;
	bool is_known;
	const char *mismatch; /* the first one found, in held's memory; NULL: none */
	Ruleset *held;	      /* the caller's to ruleset_unref(), in each case */
} NftState;

/*
 * Reads our table back into a ruleset, `held`: sets with their elements, verdict maps, and the
 * names of chains. Rules are not read, but the text of each object that `wanted` has too is
 * compared with what we would write, except for white space. 0 or -errno.
 */
int nft_read(Nft *nft, const Ruleset *wanted, NftState *ret_state);
/*
 * Whether the kernel's table is exactly `wanted`, elements included, and there is no fallback
 * table. 0 or -errno.
 */
int nft_check(Nft *nft, const Ruleset *wanted, bool *ret_is_equal);

/* ---- Writing ---- */
typedef struct NftCounts {
	unsigned commits, elements; /* transactions; set and map elements added or deleted */
} NftCounts;

/*
 * Carries the plan out, commit by commit; waits a grace period before each that needs one. Stops at
 * the first refusal; *ret_counts is set in each case. 0 or NFT_E_REFUSED.
 */
int nft_apply(Nft *nft, const Plan *plan, NftCounts *ret_counts);
/*
 * Creates a table, which must be absent, from a text of nft_ruleset_text(). It is one transaction,
 * so afterwards the table is absent or complete. 0 or NFT_E_REFUSED.
 */
int nft_load(Nft *nft, const char *text);
/*
 * Replaces the table by `new` in one transaction. That violates the in-flight guarantee: a packet
 * inside a hook has the rules of one version and the elements of the other. Only for the test that
 * has to show that it can see that leak. 0 or NFT_E_REFUSED.
 */
int nft_apply_naively(Nft *nft, const Ruleset *new);

/* ---- Senders: which source addresses pods may send from (senders.h) ---- */
/*
 * Carries `senders` into the tables NAME_senders of both families; NULL: they are deleted. `old` is
 * what they hold, as far as is known; NULL: not known, and they are replaced as a whole. Does
 * nothing if both are equal. One transaction: if it is refused, the tables are as before.
 * 0 or NFT_E_REFUSED.
 *
 * A packet that is in the hook meanwhile may see some sets as before and others as after, so it may
 * be refused although it is its sender's; the next one is not.
 */
int nft_senders_apply(Nft *nft, const char *table, const Senders *old, const Senders *senders);
/* Whether somebody else changed these tables, or may have, since the last call. */
bool nft_senders_take_notice(Nft *nft);

/* How many packets were refused that came in at an interface. */
typedef struct NftForged {
	unsigned interface;
	uint64_t packets;
} NftForged;

typedef VEC(NftForged) NftForgedCounts;

/*
 * Appends what the tables have counted since they were made, an interface up to once for each
 * table. Nothing if there are no such tables. 0 or -errno.
 */
int nft_senders_count(Nft *nft, const char *table, Arena *arena, NftForgedCounts *counts);

/* ---- Other policy engines ---- */
/* Chains of one engine in one table: the name of the first one, and how many there are. */
typedef struct NftForeign {
	const char *engine, *family, *table, *chain;
	unsigned n;
} NftForeign;

typedef VEC(NftForeign) NftForeigns;

#define NFT_FOREIGN_MAX 20 /* tables that are told */

/*
 * Appends the tables that have chains of kube-router, Calico or Weave Net, which are known by their
 * names: what is left of an engine that was turned off still refuses packets. Only names are read,
 * and only of nftables, which is what iptables writes to unless it is iptables-legacy. 0 or -errno.
 */
int nft_find_foreign(Arena *arena, NftForeigns *found);

/* ---- Stale flows: established flows that the policies no longer allow ---- */
/*
 * A scan reads all flows that the kernel tracks in this network namespace, piece by piece, and cuts
 * those for which `allows` returns false. A table NAME_cut refuses the packets of flows that were
 * cut. A TCP flow is deleted from connection tracking. Any other flow is marked there, and stays
 * refused as long as its packets come, from either end; it is released by a scan that finds it
 * allowed again.
 *
 *            nft_flows_start            is_done, or an error
 *     idle --------------------> running ------------------> ended
 *      ^                          ^   |                        |
 *      |          nft_flows_take  +---+                        |
 *      +-------------------- nft_flows_end --------------------+
 *
 * nft_flows_start() while one is running begins anew.
 */
typedef struct NftForbidden {
	Address pods[DIRECTION_N]; /* the ends of the flow whose policies forbid it */
	size_t n_pods;
	bool may_reopen; /* the end that answered, by conntrack, may open a flow to the other one */
} NftForbidden;

/* Which end opened a flow, as far as it is known. */
typedef enum NftOpener {
	NFT_OPENER_SOURCE,
	/* a TCP flow that conntrack picked up at a packet of the server; one that was cut and
	   reopened */
	NFT_OPENER_DESTINATION,
	NFT_OPENER_UNKNOWN /* one that it picked up, and whose ports do not tell */
} NftOpener;

/* Whether the flow may go on; if not, *ret_forbidden is set. */
typedef bool (*NftAllows)(
	void *context, const Tuple *tuple, NftOpener opener, NftForbidden *ret_forbidden);

typedef struct NftStaleTable {
	const BaseOptions
		*base; /* of the enforcing table, NAME; the table of stale flows is NAME_cut */
	bool is_drop;  /* it drops packets; else it rejects them, where the kernel can */
} NftStaleTable;

typedef struct NftCut {
	unsigned n;	   /* flows of this piece that were allowed until now */
	unsigned n_marked; /* marked flows of this piece, those of earlier scans included */
	bool has_tcp;	   /* TCP flows are among the forbidden ones */
	bool is_refused;   /* the kernel refused a part of NAME_cut: see nft_error() */
	bool is_done;	   /* this was the last piece */
} NftCut;

/* Returns a file descriptor to poll, which the Nft owns until nft_flows_end(), or -errno. */
int nft_flows_start(Nft *nft);
void nft_flows_end(Nft *nft); /* the caller polls the descriptor no more */
/*
 * Reads a piece, when the descriptor is readable, and cuts the forbidden flows in it. 0, or -errno,
 * which ends the scan; *ret_cut is set in each case.
 */
int nft_flows_take(Nft *nft, const NftStaleTable *tables, size_t n, NftAllows allows, void *context,
	NftCut *ret_cut);
/* Whether any of the tables of stale flows exists; and deletes those. 0 or NFT_E_REFUSED. */
bool nft_flows_have_table(Nft *nft, const NftStaleTable *tables, size_t n);
int nft_flows_delete_tables(Nft *nft, const NftStaleTable *tables, size_t n);
/* For how long a TCP packet of a flow that was cut is refused, at least. */
#define NFT_FLOWS_TCP_USEC (24 * 60 * 60 * UINT64_C(1000000))
