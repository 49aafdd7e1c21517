/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * report: puts what netpol-mirror says of itself (mirror_status.h) where others read it:
 *
 *     status.json, mirror.prom       netpolctl status, Prometheus
 *     inventory/.alive/mirror        netpold, which warns if we are silent (docs/service.md)
 *     READY=1, STATUS=, WATCHDOG=1   systemd
 *
 * A file that cannot be written is not an error of its own: the status says already that files
 * cannot be written.
 */
#include "mirror_status.h"

/*
 * The promise in .alive is written once all was listed and written (is_ready); until then
 * files_open() has said there that nothing was listed. owes_ready: READY=1 is to be sent, too.
 * Returns whether it is still to be sent.
 */
bool report_write(const char *directory, const MirrorStatus *status, bool owes_ready);
