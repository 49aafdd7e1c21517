/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * journal: entries that come by the hundred, sent without waiting.
 *
 * sd_journal_send() blocks while journald's socket is full; a journald that hangs would stop the
 * event loop, and with it repairs. Messages of log.h are few; entries of refused flows are not.
 */
#include <stdbool.h>

/*
 * One entry in journald's native protocol: lines "FIELD=value"; no value has a line break. To
 * standard error if systemd did not start us: then only the value of MESSAGE=, which comes first.
 * False: the entry was not taken, because journald is absent or does not read.
 */
bool journal_send(const char *fields);
