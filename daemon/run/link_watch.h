/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * link_watch: which links lead to no isolated pod, for the set podless of our tables; and updates
 * of that set when links, routes or neighbours have changed.
 *
 *     update                  link_watch_fill(): the set, for the addresses that are isolated
 *     notification            link_watch_apply(): if links left the set, our tables change at once;
 *                             if links only came into it, ADD_USEC later, by the callback again
 *
 * A link that leaves the set may be a pod's from now on. One that comes may be that of a pod which
 * the inventory is about to list: the pause saves a change that would have to be undone.
 *
 * Between updates only the set is changed: no file is read, nothing is compiled.
 *
 * What can go wrong: the kernel does not answer, or does not know where an isolated pod is. Then
 * the set is empty, so the rules hold for all veths, and the log says why, once.
 */
#include "enforcer.h"
#include <systemd/sd-event.h>

typedef struct LinkWatch LinkWatch;

/*
 * on_changed(context) shall call link_watch_apply(). Without an event loop (--once) nobody would
 * notice later that a link leads to a pod: then, and if the kernel refuses the sockets, which is
 * logged, the result is NULL.
 */
LinkWatch *link_watch_new(sd_event *event, void (*on_changed)(void *context), void *context);
LinkWatch *link_watch_free(LinkWatch *watch); /* takes NULL; returns NULL */

/*
 * Gives `inet`, which nobody else refers to yet, its set podless. watch: NULL: it stays empty, and
 * the rules hold for all veths.
 */
void link_watch_fill(LinkWatch *watch, Ruleset *inet);
/*
 * Brings the tables in force to what the links are now. bridge: NULL if no bridge table is wanted.
 * Whether there was a change: *ret_is_changed, set in each case. 0, or as enforcer_apply().
 */
int link_watch_apply(
	LinkWatch *watch, Enforcer *enforcer, const BridgeOptions *bridge, bool *ret_is_changed);
