/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * settings: the settings in force. Read from netpol.conf at the start and again on SIGHUP; if the
 * file has an error then, the settings in force stay.
 *
 * The components borrow settings_in_force() for as long as they live: the struct stays where it is,
 * and a reload changes its content. Texts in it are valid until the next reload. So whoever keeps
 * one (the compiler does) must be freed before settings_reload() is called.
 *
 * Two settings do not change while netpold runs: the table's name, since the table of the old name
 * would stay in the kernel with nobody to maintain it, and the runtime directory, which has the
 * lock.
 */
#include "run.h"

typedef struct SettingsStore SettingsStore;

/* Borrows the options. Nothing is in force before the first reload. */
SettingsStore *settings_store_new(const SettingsOptions *options);
SettingsStore *settings_store_free(SettingsStore *store);
/* Errors are logged. 0; or PARSE_E_INVALID: what was in force stays. */
int settings_reload(SettingsStore *store);
const Settings *settings_in_force(const SettingsStore *store);
