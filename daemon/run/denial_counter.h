/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * denial_counter: the totals of refused packets (denial_totals.h), kept up to date: the kernel's
 * counters are read every few seconds, before the model changes (an address may get another pod),
 * and before a table is deleted.
 *
 * Counters of addresses that are not isolated any more are deleted in the kernel: its sets have a
 * limit. The totals are saved in the state directory, once a minute if they have changed, and at
 * the end.
 */
#include "denial_totals.h"
#include "pipeline.h"
#include "state_keeper.h"
#include <systemd/sd-event.h>

typedef struct DenialCounter DenialCounter;

/* Borrows everything. Loads what was saved. on_changed(context): the totals are others now. */
DenialCounter *denial_counter_new(sd_event *event, Nft *nft, const Settings *settings,
	const Pipeline *pipeline, const Enforcer *enforcer, void (*on_changed)(void *context),
	void *context);
DenialCounter *denial_counter_free(DenialCounter *counter);
/*
 * Reads the kernel's counters; not if the last reading took long and is not long ago, nor without a
 * model: then it is not known whose the addresses are.
 */
void denial_counter_read(DenialCounter *counter);
/* The same, however long the last reading took. */
void denial_counter_read_now(DenialCounter *counter);
/*
 * Hands the totals to the state keeper, if they have changed since the last time, and that is a
 * minute ago or it is urgent: at the end, and before a table is deleted.
 */
void denial_counter_save(DenialCounter *counter, StateKeeper *keeper, bool is_urgent);
DenialTotals *denial_counter_totals(DenialCounter *counter);
