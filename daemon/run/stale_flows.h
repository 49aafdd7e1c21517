/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * stale_flows: established flows that a change of policy forbids. Our tables filter the first
 * packet of a flow; the rule `ct state established accept` passes the others. So after a change
 * that may forbid something, all flows that the kernel tracks are evaluated against the ruleset in
 * force, and those that it forbids are killed (nft.h says how). All protocols are treated alike.
 *
 *            stale_flows_mark(), _schedule()          the timer           the walk has ended
 *     IDLE ---------------------------------> WAITING ---------> WALKING ------------------> IDLE
 *                                                ^                             and if it was
 *                                                +---------------------------- marked meanwhile
 *
 * A node may track a million flows, so the walk is done in pieces, each when the event loop has
 * nothing else to do; and after a walk the next waits for three times as long as it took, at most
 * 250 ms. Changes may come without end: one walk follows another, none is restarted.
 *
 * A table, NAME_cut, refuses the packets of killed flows, so that the other end cannot revive them.
 * A walk also releases those that are allowed again, and deletes the table if nothing is left for
 * it. No change waits for any of that.
 *
 * What may go wrong: the kernel does not list its flows, or does not take the table. That is
 * logged, stale_flows_trouble() says it until a walk succeeds, and a second later there is another.
 */
#include "enforcer.h"
#include "timer.h"

typedef struct StaleFlows StaleFlows;

/*
 * Borrows everything. burst: armed while file events are being gathered; a walk that is due then
 * waits for its end, once, since the kernel lists flows for milliseconds at a time.
 * on_killed(context): a walk has ended that killed some.
 */
StaleFlows *stale_flows_new(sd_event *event, Nft *nft, const Settings *settings,
	const Enforcer *enforcer, const Timer *burst, void (*on_killed)(void *context),
	void *context);
StaleFlows *stale_flows_free(StaleFlows *flows);
/* A change may have forbidden something: the next stale_flows_schedule() schedules a walk. */
void stale_flows_mark(StaleFlows *flows);
/*
 * After a change: a walk later, if stale_flows_mark() asked for one, or if flows were cut that may
 * be allowed again.
 */
void stale_flows_schedule(StaleFlows *flows);
/* Why forbidden flows may go on; NULL: they do not. */
const char *stale_flows_trouble(const StaleFlows *flows);
uint64_t stale_flows_killed(const StaleFlows *flows); /* since the start */
