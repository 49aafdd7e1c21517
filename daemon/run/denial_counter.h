/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_counter: the totals of refused packets (denial_totals.h), kept up to date: the kernel's
 * counters are read every few seconds, before the model changes (an address may get another pod),
 * and before a table is deleted.
 *
 * Counters of addresses that are not isolated any more are deleted in the kernel, since its sets
 * have a maximum size. The totals are saved in the state directory, once a minute if they have
 * changed, and at the end.
 */
#include "denial_totals.h"
#include "pipeline.h"
#include "state_keeper.h"
#include <systemd/sd-event.h>

typedef struct DenialCounter DenialCounter;

/* Borrows everything. Loads what was saved. on_changed(context) is called when totals changed. */
DenialCounter *denial_counter_new(sd_event *event, Nft *nft, const Settings *settings,
	const Pipeline *pipeline, const Enforcer *enforcer, void (*on_changed)(void *context),
	void *context);
DenialCounter *denial_counter_free(DenialCounter *counter);
/*
 * Reads the kernel's counters. Does nothing without a model, since it does not know then whose the
 * addresses are; nor if the last reading ended less than ten times as long ago as it took, so that
 * reading takes at most a tenth of the time.
 */
void denial_counter_read(DenialCounter *counter);
/* The same, without the limit of time. */
void denial_counter_read_now(DenialCounter *counter);
/*
 * Hands the totals to the state keeper if they have changed since the last call that did so, and
 * that was a minute ago or more. is_urgent, at the end and before a table is deleted: however long
 * ago it was.
 */
void denial_counter_save(DenialCounter *counter, StateKeeper *keeper, bool is_urgent);
DenialTotals *denial_counter_totals(DenialCounter *counter);
