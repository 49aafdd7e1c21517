/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grace: the grace period of the in-flight guarantee, which ends when every packet that was inside
 * a hook has left it; and whether nft_apply() waits for it exactly when a commit needs it. The
 * linker replaces the system calls (which processors there are, the affinity, membarrier) by those
 * of a simulated machine (tests/meson.build).
 */
#include "../../daemon/nft/grace_period.h"
#include "../../daemon/nft/kernel.h"
#include "../../daemon/nft/script.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROCESSORS_MAX 4096

/* ---- The machine ---- */
static struct Machine {
	bool is_real;			/* system calls go to the kernel */
	long configured;		/* possible processors */
	bool is_online[PROCESSORS_MAX]; /* may run a hook */
	bool is_ours[PROCESSORS_MAX];	/* in our cpuset */
	int refuses;	    /* errno of sched_setaffinity() outside the cpuset; 0: EINVAL */
	bool may_be_raised; /* RLIMIT_RTPRIO */
	int policy;	    /* of the caller, now: SCHED_OTHER is 0 */
	bool is_realtime, has_membarrier; /* PREEMPT_RT; membarrier works (not with nohz_full) */

	/* what the code under test did */
	bool is_visited[PROCESSORS_MAX];
	bool has_waited_there; /* for a processor, as an ordinary thread */
	cpu_set_t *affinity;   /* of the caller, now */
	unsigned barriers, pauses;
	long pause_ns;
} m;

int __real_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getscheduler(pid_t pid);
int __wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *param);
long __real_sysconf(int name);
long __wrap_sysconf(int name);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
long __wrap_syscall(long number, ...);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

static bool may_run_on(long i)
{
	return m.is_online[i] && m.is_ours[i];
}

/* As the kernel: succeeds if one processor of the set is online and in the cpuset, and the caller
 * runs there when it returns. */
int __wrap_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	bool is_possible = false;

	if (m.is_real) {
		int r = __real_sched_setaffinity(pid, size, set);

		if (r == 0)
			m.is_visited[sched_getcpu()] = true;
		return r;
	}
	cr_assert_eq(pid, 0);
	for (long i = 0; i < m.configured; i++)
		is_possible |= CPU_ISSET_S((size_t)i, size, set) && may_run_on(i);
	if (!is_possible) {
		errno = m.refuses ? m.refuses : EINVAL;
		return -1;
	}
	m.has_waited_there |= CPU_COUNT_S(size, set) == 1 && m.policy == SCHED_OTHER;
	for (long i = 0; CPU_COUNT_S(size, set) == 1 && i < m.configured; i++)
		m.is_visited[i] |= CPU_ISSET_S((size_t)i, size, set) != 0;
	memcpy(m.affinity, set, size);
	return 0;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	if (m.is_real)
		return __real_sched_getaffinity(pid, size, set);
	memcpy(set, m.affinity, size);
	return 0;
}

int __wrap_sched_getscheduler(pid_t pid)
{
	cr_assert_eq(pid, 0);
	return m.policy;
}

int __wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
	cr_assert_eq(pid, 0);
	cr_assert_eq(param->sched_priority, policy == SCHED_OTHER ? 0 : 1);
	errno = EPERM;
	if (policy != SCHED_OTHER && !m.may_be_raised)
		return -1;
	m.policy = policy;
	return 0;
}

long __wrap_sysconf(int name)
{
	long n = 0;

	if (m.is_real || (name != _SC_NPROCESSORS_CONF && name != _SC_NPROCESSORS_ONLN))
		return __real_sysconf(name);
	if (name == _SC_NPROCESSORS_CONF)
		return m.configured;
	for (long i = 0; i < m.configured; i++)
		n += m.is_online[i];
	return n;
}

int __wrap_access(const char *path, int mode)
{
	if (m.is_real || strcmp(path, "/sys/kernel/realtime") != 0)
		return __real_access(path, mode);
	errno = ENOENT;
	return m.is_realtime ? 0 : -1;
}

long __wrap_syscall(long number, ...)
{
	va_list list;
	int command;

	va_start(list, number);
	command = va_arg(list, int);
	va_end(list);
	cr_assert_eq(number, SYS_membarrier);
	cr_assert_eq(command, MEMBARRIER_CMD_GLOBAL,
		"MEMBARRIER_CMD_GLOBAL alone waits for all RCU readers");
	m.barriers++;
	errno = EINVAL;
	return m.has_membarrier ? 0 : -1;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	m.pauses++;
	m.pause_ns += time->tv_sec * 1000000000 + time->tv_nsec;
	return 0;
}

/* Processors 0 to configured - 1, all of them online and ours; the caller may run on 0 and 1. */
static void machine(long configured)
{
	m = (struct Machine){.configured = configured, .has_membarrier = true};
	m.affinity = CPU_ALLOC(PROCESSORS_MAX);
	CPU_ZERO_S(CPU_ALLOC_SIZE(PROCESSORS_MAX), m.affinity);
	CPU_SET_S(0, CPU_ALLOC_SIZE(PROCESSORS_MAX), m.affinity);
	CPU_SET_S(1, CPU_ALLOC_SIZE(PROCESSORS_MAX), m.affinity);
	for (long i = 0; i < configured; i++)
		m.is_online[i] = m.is_ours[i] = true;
}

/* Waits, and checks that the caller's affinity is restored. */
static void wait_there(void)
{
	size_t size = CPU_ALLOC_SIZE(PROCESSORS_MAX);
	cpu_set_t *before = CPU_ALLOC(PROCESSORS_MAX);

	memcpy(before, m.affinity, size);
	grace_period_wait();
	cr_assert(CPU_EQUAL_S(size, before, m.affinity), "the affinity was not restored");
	CPU_FREE(before);
	CPU_FREE(m.affinity);
}

static void expect_all_visited(void)
{
	for (long i = 0; i < m.configured; i++)
		cr_assert_eq(m.is_visited[i], m.is_online[i], "processor %ld", i);
	cr_assert_eq(m.barriers + m.pauses, 0,
		"all processors were visited, so nothing else need be waited for");
}

/* If not all processors can be visited. */
static void expect_barrier(void)
{
	cr_assert_eq(m.barriers, 1);
	cr_assert_eq(m.pauses, 0, "membarrier has waited already");
}

/* ---- Waiting ---- */
Test(grace, every_processor_is_visited)
{
	machine(8);
	wait_there();
	expect_all_visited();
}

/* An ordinary thread waits for a busy processor, for seconds. */
Test(grace, processors_are_visited_with_a_realtime_priority)
{
	machine(8);
	m.may_be_raised = true;
	wait_there();
	expect_all_visited();
	cr_assert(!m.has_waited_there);
	cr_assert_eq(m.policy, SCHED_OTHER, "the policy was not restored");
}

Test(grace, processors_are_visited_without_permission_for_a_priority)
{
	machine(8);
	wait_there();
	expect_all_visited();
	cr_assert(m.has_waited_there);
}

Test(grace, a_policy_that_the_administrator_has_set_stays)
{
	machine(8);
	m.may_be_raised = true;
	m.policy = SCHED_RR;
	wait_there();
	expect_all_visited();
	cr_assert_eq(m.policy, SCHED_RR);
}

Test(grace, offline_processors_are_not_visited)
{
	machine(8);
	m.is_online[0] = m.is_online[4] = m.is_online[7] = false;
	wait_there();
	expect_all_visited();
}

Test(grace, more_processors_than_a_cpu_set_t_has_are_visited)
{
	machine(3000);
	wait_there();
	expect_all_visited();
}

Test(grace, a_processor_that_comes_online_is_visited_next_time)
{
	machine(8);
	m.is_online[5] = false;
	wait_there();
	machine(8);
	wait_there();
	expect_all_visited();
}

Test(grace, membarrier_waits_if_a_processor_is_outside_the_cpuset)
{
	machine(8);
	m.is_ours[6] = false;
	wait_there();
	expect_barrier();
}

Test(grace, membarrier_waits_if_the_affinity_may_not_be_set)
{
	machine(8);
	m.is_ours[0] = false;
	m.refuses = EPERM;
	wait_there();
	expect_barrier();
}

/* With PREEMPT_RT a packet may be preempted inside a hook, so running on its processor proves
 * nothing. */
Test(grace, membarrier_waits_on_a_realtime_kernel)
{
	machine(8);
	m.is_realtime = true;
	wait_there();
	expect_barrier();
}

Test(grace, without_membarrier_a_fixed_time_is_waited)
{
	machine(8);
	m.is_ours[6] = m.has_membarrier = false;
	wait_there();
	cr_assert_eq(m.pauses, 1);
	cr_assert_geq(m.pause_ns, 50 * 1000 * 1000);
}

/* With the real system calls. If a cpuset excludes some processors, membarrier waits. */
Test(grace, the_processors_of_this_machine_are_visited)
{
	cpu_set_t before, after;
	long online = __real_sysconf(_SC_NPROCESSORS_ONLN), visited = 0;

	m = (struct Machine){.is_real = true, .has_membarrier = true};
	cr_assert_eq(__real_sched_getaffinity(0, sizeof(before), &before), 0);
	grace_period_wait();
	cr_assert_eq(__real_sched_getaffinity(0, sizeof(after), &after), 0);
	cr_assert(CPU_EQUAL(&before, &after));
	for (long i = 0; i < PROCESSORS_MAX; i++)
		visited += m.is_visited[i];
	cr_assert(visited >= online || m.barriers == 1);
}

/* ---- When nft_apply waits ---- */
static Arena *arena;
static Buf order; /* a word for each step */

void __real_grace_period_wait(void);
void __wrap_grace_period_wait(void);
const char *__real_script_render_changes(Arena *a, const Commit *commit);
const char *__wrap_script_render_changes(Arena *a, const Commit *commit);
int __wrap_transaction_send_commit(
	Netlink *netlink, Arena *scratch, const Commit *commit, TransactionResult *ret_result);
int __wrap_nft_run_cmd_from_buffer(struct nft_ctx *ctx, const char *script);

void __wrap_grace_period_wait(void)
{
	if (arena)
		buf_add(&order, "wait ");
	else
		__real_grace_period_wait();
}

const char *__wrap_script_render_changes(Arena *a, const Commit *commit)
{
	buf_add(&order, "render ");
	return __real_script_render_changes(a, commit);
}

int __wrap_transaction_send_commit(
	Netlink *netlink, Arena *scratch, const Commit *commit, TransactionResult *ret_result)
{
	(void)netlink, (void)scratch, (void)commit;
	buf_add(&order, m.policy == SCHED_FIFO ? "Elements " : "elements ");
	*ret_result = (TransactionResult){.is_sent = true};
	return 0;
}

int __wrap_nft_run_cmd_from_buffer(struct nft_ctx *ctx, const char *script)
{
	(void)ctx;
	buf_add(&order, strstr(script, "delete") ? "delete " : "add ");
	return 0;
}

static void add_commit(Plan *plan, bool needs_grace_period, OpKind kind)
{
	static const BaseOptions base = {.table = "netpol"};
	Commit commit = {.name = "test", .needs_grace_period = needs_grace_period};

	VEC_PUSH(arena, &commit.ops, (Op){.kind = kind, .base = &base});
	VEC_PUSH(arena, &plan->commits, commit);
}

/* The wait comes after rendering, which takes time and does not depend on packets. */
Test(grace, nft_apply_waits_before_the_commits_that_need_it)
{
	Nft nft = {};
	Plan plan = {};
	NftCounts counts;

	arena = plan.arena = arena_new();
	order = (Buf){.arena = arena};
	add_commit(&plan, false, OP_ADD_TABLE);
	add_commit(&plan, true, OP_ADD_MAP);
	add_commit(&plan, false, OP_DEL_BASE);
	add_commit(&plan, true, OP_DEL_TABLE);
	cr_assert_eq(nft_apply(&nft, &plan, &counts), 0);
	cr_assert_str_eq(buf_text(&order), "render add elements "
					   "render wait add elements "
					   "render elements delete "
					   "render wait elements delete ");
	arena_free(arena);
}

static const char *order_of_change(bool may_be_raised, uint32_t n_elements)
{
	Nft nft = {};
	Plan plan = {.arena = arena};
	NftCounts counts;

	m = (struct Machine){.may_be_raised = may_be_raised};
	order = (Buf){.arena = arena};
	add_commit(&plan, true, OP_ADD_MAP);
	plan.commits.at[0].ops.at[0].elements.n = n_elements;
	cr_assert_eq(nft_apply(&nft, &plan, &counts), 0);
	cr_assert_eq(m.policy, SCHED_OTHER, "the policy was not restored");
	return buf_text(&order);
}

/* "Elements": with the priority. */
Test(grace, nft_apply_has_the_priority_for_small_changes)
{
	arena = arena_new();
	cr_expect_str_eq(order_of_change(true, 1000), "render wait add Elements ");
	cr_expect_str_eq(order_of_change(true, 1001), "render wait add elements ");
	cr_expect_str_eq(order_of_change(false, 1), "render wait add elements ");
	arena_free(arena);
}
