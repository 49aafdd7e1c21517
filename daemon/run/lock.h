/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * lock: at most one netpold for a runtime directory. Two of them on one table would each take the
 * other's changes for tampering and undo them.
 *
 * The lock is a record lock (fcntl F_SETLK) on the file `lock` in the runtime directory, which only
 * its owner and root may open: the kernel releases it when the process ends, however it ends, and
 * names the holder's pid to whoever asks. run_holder() in run.h asks; netpolctl needs it too.
 */
#include <sys/types.h>

/*
 * Takes the lock until this process ends. Returns 0; -EWOULDBLOCK: *ret_holder has it; or another
 * -errno: the directory cannot be made or written.
 */
int lock_take(const char *runtime, pid_t *ret_holder);
