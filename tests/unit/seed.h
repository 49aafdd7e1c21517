/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * seed: the seed of a random unit test. Each test has a fixed one, so that all runs are the same;
 * NETPOL_SEED=N replaces it. A test that fails prints the command that repeats it, which
 * begins with the round that failed.
 *
 *	Test(suite, name, .fini = seed_report)
 *	{
 *		for (unsigned round = 0; round < ROUNDS; round++) {
 *			unsigned state = seed_of_round(1, round);	for rand_r()
 *			...
 *		}
 *		seed_end();
 *	}
 *
 * Criterion runs .fini after a failed cr_assert() too: if seed_end() was not reached, the test has
 * failed. It does not run after a crash: then repeat the whole test, with the same seed.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static bool seed_is_running;
static unsigned seed_running; /* of the round that runs */

/* The seed of a round, counted from 0. fixed: what round 0 gets without NETPOL_SEED. */
static inline unsigned seed_of_round(unsigned fixed, unsigned round)
{
	const char *text = getenv("NETPOL_SEED");
	char *end;

	seed_running = fixed;
	if (text) {
		seed_running = (unsigned)strtoul(text, &end, 10);
		cr_assert(*text && !*end, "NETPOL_SEED is not a number: %s", text);
	}
	seed_running += round;
	seed_is_running = true;
	return seed_running;
}

/* The number of rounds: NETPOL_ROUNDS, or else the default. */
static inline unsigned seed_rounds(unsigned rounds_default)
{
	const char *text = getenv("NETPOL_ROUNDS");
	unsigned long rounds = rounds_default;
	char *end;

	if (text) {
		rounds = strtoul(text, &end, 10);
		cr_assert(rounds > 0 && rounds <= UINT_MAX && !*end,
			"NETPOL_ROUNDS is not a positive number: %s", text);
	}
	return (unsigned)rounds;
}

static inline void seed_end(void)
{
	seed_is_running = false;
}

/*
 * As .fini: the command that repeats a failure. It is one more failed assertion, because with --tap
 * Criterion shows nothing else of a test.
 */
static inline void seed_report(void)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program));

	if (!seed_is_running || n < 0)
		return;
	cr_expect_fail("repeat: NETPOL_SEED=%u %.*s --filter '%s/%s'", seed_running, (int)n,
		program, criterion_current_test->category, criterion_current_test->name);
}
