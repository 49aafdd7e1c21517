/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denials: the log of refused flows. Each new flow that policies refused or would refuse, or whose
 * packet the sender check dropped, becomes a journal entry and a line of denied.jsonl.
 *
 * The kernel sends a message for each (include/nft/denials.h). Who the ends are, and which policies
 * isolate the pod, is looked up in the model in force. So update.c calls denials_drain() before the
 * model changes. An address whose pod is gone by then is logged without a name. The sender of a
 * forged packet is not its source, but the pod at whose port it came in; the sender check knows it.
 *
 * Reading does not hold the event loop up: it takes 32 messages a wakeup, and the kernel sends at
 * most 100 a second for each table. What may go wrong: the kernel has no NFLOG, or another process
 * has bound the group. denials_trouble() says it, and denials_check() tries again. Packets are
 * counted all the same.
 */
#include "denial_totals.h"
#include "pipeline.h"
#include "sender_check.h"
#include <systemd/sd-event.h>

typedef struct Denials Denials;

/* Borrows everything. event may be NULL: then no message is read. */
Denials *denials_new(sd_event *event, Nft *nft, const Settings *settings, const Pipeline *pipeline,
	DenialTotals *totals, const SenderCheck *senders);
Denials *denials_free(Denials *denials);
/*
 * After a reload, and periodically: asks the kernel again whether it has NFLOG, if it had not, and
 * binds the group, if it is not bound or another one now. True: denials_group() has changed.
 */
bool denials_check(Denials *denials);
/* The group that the rules shall log to; 0: none, the setting or the kernel does not allow it. */
uint16_t denials_group(const Denials *denials);
/*
 * After the tables were changed: closes the group that was bound before. Until then they may log to
 * it, and what the kernel sends to a group that nobody has bound is lost, and counted by nobody.
 */
void denials_leave_previous(Denials *denials);
/* Reads messages that have come, with an upper limit; none while there is no model. */
void denials_drain(Denials *denials);
/* At the end: reads what has come, and reads nothing more. The totals are complete then. */
void denials_close(Denials *denials);
/* Why refused flows are not logged although they should be; NULL: they are. */
const char *denials_trouble(const Denials *denials);
/* For the status; valid until the next call. */
const DenialFigures *denials_figures(Denials *denials);
