/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduling policy of the calling thread. See priority.h. */
#include "priority.h"
#include <sched.h>

bool priority_raise(void)
{
	const struct sched_param lowest = {.sched_priority = 1};

	return sched_getscheduler(0) == SCHED_OTHER &&
	       sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

void priority_restore(bool is_raised)
{
	const struct sched_param none = {};

	if (is_raised)
		sched_setscheduler(0, SCHED_OTHER, &none);
}
