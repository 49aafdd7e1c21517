/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * tamper: foreign changes of our tables, noticed by the kernel's notifications and undone at once.
 *
 * The notifications of nftables come over a netlink socket of the Nft. When it is readable the loop
 * calls on_readable with a priority above everything else; run.c then calls tamper_undo(). run.c
 * also calls it between the stages of whatever takes long (reading, compiling), so that a repair
 * does not wait for them. A repair restores the tables from memory and reads no file.
 *
 * What may go wrong: notifications are lost when the socket's buffer is full. Then the tables are
 * read back and repaired if they differ. If the socket cannot be opened, a warning is logged, and
 * only the health check finds foreign changes.
 */
#include "enforcer.h"
#include <systemd/sd-event.h>

typedef struct Tamper Tamper;

/* Borrows nft and enforcer, copies the table's name. Call it before our first transaction. */
Tamper *tamper_new(sd_event *event, Nft *nft, Enforcer *enforcer, const char *table,
	void (*on_readable)(void *context), void *context);
Tamper *tamper_free(Tamper *tamper);

typedef struct TamperResult {
	bool is_undone;	 /* a foreign change was undone, and logged */
	bool is_refused; /* the kernel refused a repair: to be tried again */
} TamperResult;

/* Reads the notifications that have come, and repairs the tables if they concern them. */
TamperResult tamper_undo(Tamper *tamper);
