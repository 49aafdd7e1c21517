/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * grace_period: waiting until no packet is inside a hook that was inside it at the call.
 *
 * A packet sees a chain's rules as they were when it entered the hook, but each set and map as it
 * is at the lookup. Some steps of a plan may therefore only be made when no packet is left that
 * entered before the previous step (plan.c says which). Packets that enter during the wait are not
 * waited for.
 *
 * Microseconds on most machines, milliseconds on the others; it cannot fail.
 */
void grace_period_wait(void);
