/* Waiting for the packets that are inside a hook. */
#include "kernel.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * On a kernel that is not PREEMPT_RT a packet goes through a hook of ours with soft interrupts off,
 * so a processor on which a thread runs is inside no hook. Whoever has run on each of them since
 * the commit knows that all packets that were inside then have left. That takes microseconds, the
 * kernel's own grace period milliseconds.
 */
static bool visit(cpu_set_t *set, size_t size, long n)
{
	long visited = 0;

	for (long i = 0; i < n; i++) {
		CPU_ZERO_S(size, set);
		CPU_SET_S((size_t)i, size, set);
		if (sched_setaffinity(0, size, set) == 0)
			visited++;
		else if (errno != EINVAL) /* one that is off, or one that is not ours to visit */
			return false;
	}
	return visited >= sysconf(_SC_NPROCESSORS_ONLN);
}

/* Asked once: it is all that there ever may be, and glibc reads files to tell. */
static long count_processors(void)
{
	static long n;

	n = n > 0 ? n : sysconf(_SC_NPROCESSORS_CONF);
	return n;
}

static bool visit_processors(void)
{
	long n = count_processors();
	size_t size = n > 0 ? CPU_ALLOC_SIZE((size_t)n) : 0;
	cpu_set_t *set = size ? CPU_ALLOC((size_t)n) : NULL,
		  *before = size ? CPU_ALLOC((size_t)n) : NULL;
	bool is_well = set && before && access("/sys/kernel/realtime", F_OK) < 0 &&
		       sched_getaffinity(0, size, before) == 0;

	if (is_well) {
		is_well = visit(set, size, n);
		sched_setaffinity(0, size, before);
	}
	CPU_FREE(set);
	CPU_FREE(before);
	return is_well;
}

/*
 * Elsewhere: the packet path is an RCU reader, and this membarrier is synchronize_rcu(). Where that
 * is not to be had either (nohz_full), time must do.
 */
void grace_period_wait(void)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	if (!visit_processors() && syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
		nanosleep(&pause, NULL);
}
