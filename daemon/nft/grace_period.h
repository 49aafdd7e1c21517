/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * grace_period: waits until every packet that was inside a hook at the call has left it.
 *
 * A packet sees a chain's rules as they were when it entered the hook, but each set and map as it
 * is at the lookup. Some commits of a plan may therefore begin only after all packets have left
 * that entered before the previous commit (plan.c says which). The function does not wait for
 * packets that enter after the call.
 *
 * It takes microseconds on most machines, milliseconds on the others, and cannot fail.
 */
void grace_period_wait(void);
