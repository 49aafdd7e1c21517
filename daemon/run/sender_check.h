/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * sender_check: a packet that comes from a pod's port has an address of that pod as its source
 * (include/senders.h has the rules). It finds out where the pods of this node are (links), keeps
 * the tables NAME_senders in the kernel as they should be, and reads what they have refused.
 *
 *     pods or settings changed    sender_check_update(), called by update.c
 *     an interface changed        a notification: the same, 3 ms later (they come in bursts)
 *     somebody changed the tables sender_check_repair(): written again
 *     the kernel refused          the same again, a second later
 *     the health check            sender_check_count(): counters, the journal once a minute
 *
 * This file says when. Its parts, each with a file of its own:
 *
 *     sender_facts   at which port each pod is, what it may send  (with pod_bridges, unreached)
 *     sender_tables  the tables in the kernel
 *     forged_log     what they have refused, for each pod
 *     sender_report  all that for the status
 *
 * The tables stay in the kernel when netpold ends. A pod that starts while netpold does not run is
 * at a port that the tables do not know. It may send from unlisted addresses of its bridge, so its
 * network works.
 *
 * What may go wrong: the kernel does not answer where a pod is (then its addresses may come from
 * any port that is not known), or refuses the tables. Both are in the status.
 */
#include "forged_log.h"
#include "links.h"
#include "pipeline.h"
#include <systemd/sd-event.h>

typedef struct SenderCheck SenderCheck;

/*
 * Borrows everything. on_changed(context): after a notification of interfaces the tables were
 * changed, or the kernel refused that. event may be NULL: then there are no notifications.
 */
SenderCheck *sender_check_new(sd_event *event, Nft *nft, const Settings *settings,
	const Pipeline *pipeline, void (*on_changed)(void *context), void *context);
SenderCheck *sender_check_free(SenderCheck *check);
/*
 * Makes the tables what they should be. log_group: of NFLOG, for what they drop; 0: none.
 * 0 or RUN_E_REFUSED.
 */
int sender_check_update(SenderCheck *check, SendersBridge bridge, uint16_t log_group);
/* The pod at the interface, and the interface's name in the arena. Both as of the last update. */
PortPod sender_check_pod_at(const SenderCheck *check, unsigned interface);
const char *sender_check_interface(const SenderCheck *check, Arena *arena, unsigned interface);
/* If somebody else changed the tables, or `is_doubtful`, they are written again. 0, RUN_E_REFUSED.
 */
int sender_check_repair(SenderCheck *check, bool is_doubtful);
/* Reads how many packets were refused; says so in the journal, once a minute. */
void sender_check_count(SenderCheck *check);
/* "": the kernel has the tables; or why not. */
const char *sender_check_refusal(const SenderCheck *check);
/* For the status. Borrowed until the next call of another function. */
const SenderReport *sender_check_report(const SenderCheck *check);
