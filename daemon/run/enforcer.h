/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * enforcer: our tables in the kernel, and the record of what was done to them: one Table (table.h
 * has its states) for routed packets, one for bridged packets where the bridge needs one.
 *
 * run.c calls enforcer_apply() with the rulesets that the pipeline made, enforcer_repair() after a
 * foreign change, enforcer_check() in the periodic health check. None of them reads a file: a
 * repair restores from memory what was applied last.
 *
 * What was applied is borrowed by others (stale flows, state keeper, status) through
 * enforcer_applied(): valid until the next enforcer_apply(), or longer with ruleset_ref().
 *
 * The generation counts the changes that were applied: it goes up by one for each
 * enforcer_apply() that changed something and for each repair. Errors of all functions:
 * RUN_E_REFUSED or -errno; then the generation stays, and enforcer_refusal() has the reason.
 */
#include "run.h"

typedef enum KernelTable { KERNEL_INET, KERNEL_BRIDGE, KERNEL_TABLE_N } KernelTable;

typedef struct Enforcer Enforcer;

/* Called during a call of enforcer_apply() or _repair(); they must not call the enforcer back. */
typedef struct EnforcerEvents {
	void *context;
	void (*on_tightened)(void *context); /* an established flow may be forbidden now */
	void (*on_changed)(void *context);   /* there is a new generation */
	void (*on_removing)(void *context);  /* a table is deleted next; its counters are lost */
} EnforcerEvents;

typedef struct EnforcerRecord {
	uint64_t generation;
	uint64_t repairs;   /* how often a foreign change was undone */
	int64_t applied_at; /* of the last change, seconds since the epoch; 0: none yet */
	unsigned apply_ms;  /* how long the last change took */
	unsigned safe_ms;   /* of the last repair: until the fallback tables were loaded */
	NftCounts last;	    /* of the last change */
	Histogram commits, repair_times; /* how long they took */
} EnforcerRecord;

/* Borrows nft, copies the name of the tables. is_naive: whole-table transactions. */
Enforcer *enforcer_new(Nft *nft, const char *name, bool is_naive, EnforcerEvents events);
Enforcer *enforcer_free(Enforcer *enforcer); /* the tables stay in the kernel */

/* Makes each table the wanted one. Takes the rulesets over; NULL: no such table is wanted. */
int enforcer_apply(Enforcer *enforcer, Ruleset *wanted[KERNEL_TABLE_N]);
/*
 * Restores the tables as they were applied last. is_certain: they were changed for certain, so
 * fallback tables are loaded first, which takes milliseconds: until the repair is done they refuse
 * all that the ruleset forbids.
 */
int enforcer_repair(Enforcer *enforcer, bool is_certain);
/* Distrust what is known of the kernel: the next change reads the tables back first. */
void enforcer_forget(Enforcer *enforcer);
/*
 * NULL if the kernel holds what was applied; otherwise a static text that says what differs. Small
 * tables are read back each time. Reading a large one would block the event loop for half a second,
 * so it is read only if nftables' generation counter counted more transactions than our own and
 * those that we were notified of (nft_generation_is_accounted()).
 */
const char *enforcer_check(Enforcer *enforcer);

const Ruleset *enforcer_applied(const Enforcer *enforcer, KernelTable table); /* NULL: none */
/* Of the last enforcer_apply(), or of a repair since; "": it was not refused. */
const char *enforcer_refusal(const Enforcer *enforcer);
const EnforcerRecord *enforcer_record(const Enforcer *enforcer);
