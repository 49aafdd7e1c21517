#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The in-flight guarantee (docs/architecture.md), measured: under a flood of new flows, thousands of policy
edits, label changes and set moves; what the versions before and after both forbid never passes, what
both allow is never refused. And the same with whole-table transactions, to show that the test sees."""
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from flood import ALLOWED, FORBIDDEN, FloodLab, Versions, apart
from netlab import wait_for
from report import test, finish, equal

EDITS = int(os.environ.get("NETPOL_EDITS", 2000))
# The control: leaks that must be seen, leaks after which it ends, changes after which it gives up. On two processors
# about every third change leaks when nothing else runs, every twentieth beside ten busy processes.
LEAKS_LEAST, LEAKS_ENOUGH, NAIVE_MOST = 10, 40, 3000
# Rules before the one that matches, and the share of forbidden packets: so that at nearly every instant a packet is
# inside the hook, and mostly one that must not pass.
BLOCKS, PORTS, FLOWS = 100, (ALLOWED, FORBIDDEN, FORBIDDEN, FORBIDDEN), 1024
SEED = int(os.environ.get("NETPOL_SEED", time.time_ns() % 1000000))


def run_edits(lab, versions, n, is_enough):
    done = 0
    for done in range(1, n + 1):
        versions.step()
        wait_for(lab.is_up_to_date, 60, f"edit {done} to be applied")
        if done % 25 == 0 and is_enough():
            break
    return done


def measure(family, edits, *options, mode="routed", is_naive=False):
    with apart() as core, FloodLab(mode) as lab:
        versions = Versions(lab, random.Random(SEED), BLOCKS)
        if is_naive:  # what ingress forbids, egress lets pass after BLOCKS rules
            versions.kinds, versions.open_side = ["edit"], "egress"
            versions.write_policies()
        else:
            versions.kinds += ["many pods", "many pods and labels"]
        lab.start(*options)
        lab.count()
        lab.start_flood(family, PORTS, FLOWS, core)
        start = time.monotonic()
        done = run_edits(lab, versions, edits, lambda: is_naive and sum(lab.seen()) >= LEAKS_ENOUGH)
        seconds = time.monotonic() - start
        sent = lab.stop_flood()
        (passed, refused), judged = lab.seen(), lab.judged()
        print(f"# in_flight.py: {mode} {family} {' '.join(options) or 'grow, switch, shrink'}: {done} changes in "
              f"{seconds:.0f} s, {judged} packets judged ({judged / seconds / 1e6:.2f} million/s, {sent} sent): "
              f"forbidden that passed {passed}, allowed that were refused {refused}")
        return passed, refused, judged


def guarantee(family, edits, **more):
    passed, refused, judged = measure(family, edits, **more)
    equal((passed, refused), (0, 0), f"NETPOL_SEED={SEED}: (passed, refused)")
    equal(judged > 100 * edits, True, f"only {judged} packets")


def guarantee_v4():
    """in flight: 2,000 changes under a flood, IPv4: nothing passes, nothing is refused"""
    guarantee("ip", EDITS)


def guarantee_v6():
    """in flight: the same, IPv6"""
    guarantee("ip6", EDITS // 4)


def guarantee_tracked():
    """in flight: the same on a bridge that judges for itself"""
    guarantee("ip", EDITS // 4, mode="tracked")


def naive_leaks():
    """in flight: whole-table transactions leak tens of packets, and this test sees them"""
    passed, refused, _ = measure("ip", NAIVE_MOST, "--naive-transactions", is_naive=True)
    equal(passed + refused >= LEAKS_LEAST, True, f"{passed + refused} leaks seen: the test is blind")


print(f"# in_flight.py: NETPOL_SEED={SEED}")
for case in (naive_leaks, guarantee_v4, guarantee_v6, guarantee_tracked):
    test(case)
finish()
