/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Refused packets: a counter for each pod whose policies refuse, and a log message for each new
 * flow that is refused. Packets that pass, and that audited policies would refuse, have counters
 * and messages of their own. Packets that the sender check drops have messages here; their counters
 * are those of nft_senders_count().
 *
 * The kernel counts and logs, by objects of our tables (daemon/nft/denial_rules.h). Counters are
 * read when somebody asks (nft_read_denied). Messages come by NFLOG, which sends those of a group
 * to the one process that has bound it: a DenialLog.
 */
#include "ruleset.h"

typedef struct Nft Nft;

/*
 * What refused a packet, or would refuse it if the audited policies were enforced. Below
 * DENIAL_KIND_N: the policies of a direction, in force or audited, as one number: each kind has its
 * own chain, sets, totals and log prefix.
 */
typedef enum DenialKind {
	DENIED_INGRESS,
	DENIED_EGRESS,
	WOULD_DENY_INGRESS,
	WOULD_DENY_EGRESS,
	DENIAL_KIND_N,
	DENIED_FORGED = DENIAL_KIND_N /* the sender check */
} DenialKind;

static inline DenialKind denial_kind(Direction direction, bool is_audit)
{
	if (direction == INGRESS)
		return is_audit ? WOULD_DENY_INGRESS : DENIED_INGRESS;
	return is_audit ? WOULD_DENY_EGRESS : DENIED_EGRESS;
}

static inline Direction denial_direction(DenialKind kind)
{
	return kind == DENIED_INGRESS || kind == WOULD_DENY_INGRESS ? INGRESS : EGRESS;
}

static inline bool denial_is_audit(DenialKind kind)
{
	return kind == WOULD_DENY_INGRESS || kind == WOULD_DENY_EGRESS;
}

/* ---- Messages ---- */
typedef struct Denial {
	DenialKind kind;
	Tuple tuple;	    /* ports: 0 if the protocol has none */
	unsigned interface; /* at which it came in, on a bridge the bridge's port; 0: not known */
} Denial;

typedef struct DenialLog DenialLog;

/*
 * Whether the kernel can log to NFLOG groups (module nfnetlink_log, which it loads on first use):
 * tried with a rule that is made and deleted in one transaction, in a table of its own
 * (TABLE_PROBE). If not, *ret_why is the reason, valid as nft_error().
 */
bool nft_can_log(Nft *nft, const char *table, const char **ret_why);
/*
 * The text of a table without what logs: for a kernel that has no NFLOG any more, and would refuse
 * the whole table. In the arena.
 */
const char *nft_text_without_log(Arena *arena, const char *text);
/* Binds the group, of the caller's network namespace. 0; -EBUSY: another process has it; -errno. */
int denial_log_open(uint16_t group, DenialLog **ret_log);
DenialLog *denial_log_close(DenialLog *log); /* takes NULL; returns NULL */
int denial_log_fd(const DenialLog *log);     /* to poll */
/*
 * Reads at most `max` messages, without waiting. Returns how many of ret_denials were filled; fewer
 * than max: there are no more. Messages that did not fit into the socket, or that are about no IP
 * packet, are counted: see denial_log_lost().
 */
size_t denial_log_read(DenialLog *log, Denial *ret_denials, size_t max);
uint64_t denial_log_lost(const DenialLog *log); /* since it was opened */

/* ---- Counters ---- */
typedef struct DenialCount {
	DenialKind kind;
	Address address; /* of the pod that refused */
	uint64_t packets, bytes;
} DenialCount;

typedef struct DenialCounts {
	uint64_t handle; /* of the table: a table that was made again has another one; 0: none */
	VEC(DenialCount) list;
} DenialCounts;

/* The table's counters, in the arena; none if there is no such table. 0 or -errno. */
int nft_read_denied(Nft *nft, Arena *arena, const BaseOptions *base, DenialCounts *ret_counts);
/* Deletes the counters: those of addresses whose pods refuse nothing any more. 0 or -errno. */
int nft_forget_denied(Nft *nft, const BaseOptions *base, const DenialCounts *counts);
