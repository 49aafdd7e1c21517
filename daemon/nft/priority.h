/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * priority: lets the calling thread run before all ordinary threads for a short time. A grace
 * period needs it on each processor in turn, and a thread that is moved to a busy processor waits
 * there for seconds if it is an ordinary one; meanwhile nothing is enforced that is new.
 *
 * It needs RLIMIT_RTPRIO 1 or CAP_SYS_NICE (the unit has LimitRTPRIO=1). Where the kernel refuses,
 * the thread stays as it is.
 */
#include <stdbool.h>

/* False: the thread stays as it is, because it is not an ordinary one, or the kernel refuses. */
bool priority_raise(void);
/* What priority_raise() has returned. */
void priority_restore(bool is_raised);
