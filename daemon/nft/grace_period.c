/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for the packets that are inside a hook. See grace_period.h. */
#include "grace_period.h"
#include "priority.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * On a kernel without PREEMPT_RT, packets pass our hooks with soft interrupts disabled. So a
 * processor on which an ordinary thread runs has no packet inside a hook. When this thread has run
 * once on each processor, all packets that were inside a hook before have left it. That takes
 * microseconds; the kernel's RCU grace period takes milliseconds.
 */
static bool visit(cpu_set_t *set, size_t size, long n)
{
	long visited = 0;

	for (long i = 0; i < n; i++) {
		CPU_ZERO_S(size, set);
		CPU_SET_S((size_t)i, size, set);
		if (sched_setaffinity(0, size, set) == 0)
			visited++;
		else if (errno != EINVAL) /* EINVAL: it is offline, or outside of our cpuset */
			return false;
	}
	return visited >= sysconf(_SC_NPROCESSORS_ONLN);
}

/* Cached: the number of possible processors does not change, and glibc reads files to find it. */
static long count_processors(void)
{
	static long n;

	n = n > 0 ? n : sysconf(_SC_NPROCESSORS_CONF);
	return n;
}

/* False: some processor could not be visited, or visiting proves nothing on this kernel. */
static bool visit_processors(void)
{
	long n = count_processors();
	size_t size = n > 0 ? CPU_ALLOC_SIZE((size_t)n) : 0;
	cpu_set_t *set = size ? CPU_ALLOC((size_t)n) : NULL,
		  *before = size ? CPU_ALLOC((size_t)n) : NULL;
	bool is_complete = set && before && access("/sys/kernel/realtime", F_OK) < 0 &&
			   sched_getaffinity(0, size, before) == 0;

	if (is_complete) {
		bool is_raised = priority_raise();

		is_complete = visit(set, size, n);
		sched_setaffinity(0, size, before);
		priority_restore(is_raised);
	}
	CPU_FREE(set);
	CPU_FREE(before);
	return is_complete;
}

/*
 * If the processors cannot be visited: packets pass hooks as RCU readers, and this membarrier
 * command is synchronize_rcu(). The kernel refuses it with nohz_full. Then we can only wait for a
 * time, 50 ms, that is far longer than a packet is inside a hook.
 */
void grace_period_wait(void)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	if (!visit_processors() && syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
		nanosleep(&pause, NULL);
}
