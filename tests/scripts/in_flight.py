#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The in-flight guarantee (docs/architecture.md), measured with thousands of policy edits, label changes and moves
between sets, and files that are deleted and written again, under a flood of new flows: a packet that both the old and
the new version forbid never passes, and one that both allow is never refused. The control does the same with
whole-table transactions, which must leak."""
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from flood import ALLOWED, FORBIDDEN, FloodLab, Versions, separate_processors
from netlab import wait_for
from report import test, finish, equal

EDITS = int(os.environ.get("NETPOL_EDITS", 2000))
# The control: how many leaks must be seen, after how many it ends, and after how many changes it gives up. On two
# processors about every third change leaks when nothing else runs, every twentieth next to ten busy processes.
LEAKS_LEAST, LEAKS_ENOUGH, NAIVE_MOST = 10, 40, 3000
# BLOCKS rules before the one that matches, and three forbidden packets for each allowed one: at nearly every instant a
# packet is inside the hook, and mostly one that must not pass.
BLOCKS, PORTS, FLOWS = 100, (ALLOWED, FORBIDDEN, FORBIDDEN, FORBIDDEN), 1024
SEED = int(os.environ.get("NETPOL_SEED", time.time_ns() % 1000000))


def run_edits(lab, versions, n, is_enough):
    done = 0
    for done in range(1, n + 1):
        versions.step()
        wait_for(lab.has_read_all if versions.has_deletions else lab.is_up_to_date, 60, f"edit {done} to be applied")
        if done % 25 == 0 and is_enough():
            break
    return done


def measure(family, edits, *options, mode="routed", is_naive=False, withdraw_ms=0):
    with separate_processors() as core, FloodLab(mode, withdraw_ms=withdraw_ms) as lab:
        versions = Versions(lab, random.Random(SEED), BLOCKS)
        if is_naive:  # egress allows after BLOCKS rules what ingress forbids
            versions.kinds, versions.open_side = ["edit"], "egress"
            versions.write_policies()
        else:
            versions.kinds += [] if withdraw_ms else ["many pods", "many pods and labels"]
            versions.has_deletions = withdraw_ms > 0
        lab.start(*options)
        lab.count()
        lab.start_flood(family, PORTS, FLOWS, core)
        start = time.monotonic()
        done = run_edits(lab, versions, edits, lambda: is_naive and sum(lab.leaks()) >= LEAKS_ENOUGH)
        seconds = time.monotonic() - start
        sent = lab.stop_flood()
        (passed, refused), evaluated = lab.leaks(), lab.evaluated()
        print(f"# in_flight.py: {mode} {family} {' '.join(options) or 'several commits'}: {done} changes in "
              f"{seconds:.0f} s, {evaluated} packets evaluated ({evaluated / seconds / 1e6:.2f} million/s, "
              f"{sent} sent): {passed} forbidden packets passed, {refused} allowed packets were refused")
        return passed, refused, evaluated


def guarantee(family, edits, **more):
    passed, refused, evaluated = measure(family, edits, **more)
    equal((passed, refused), (0, 0), f"NETPOL_SEED={SEED}: (forbidden packets that passed, allowed ones refused)")
    equal(evaluated > 100 * edits, True, f"more than {100 * edits} packets evaluated; they were {evaluated}")


def guarantee_v4():
    """in flight: changes under a flood, IPv4: no forbidden packet passes, no allowed one is refused"""
    guarantee("ip", EDITS)


def guarantee_v6():
    """in flight: changes under a flood, IPv6: no forbidden packet passes, no allowed one is refused"""
    guarantee("ip6", EDITS // 4)


def guarantee_tracked():
    """in flight: changes under a flood, in a bridge table: no forbidden packet passes, no allowed one is refused"""
    guarantee("ip", EDITS // 4, mode="tracked")


def guarantee_deleted():
    """in flight: the same, and files are deleted, and written again under the same or another name"""
    guarantee("ip", EDITS // 4, withdraw_ms=60000)  # the longest: a busy machine must not fail it


def naive_leaks():
    """in flight: whole-table transactions leak packets, and the test detects them"""
    passed, refused, _ = measure("ip", NAIVE_MOST, "--naive-transactions", is_naive=True)
    equal(passed + refused >= LEAKS_LEAST, True,
          f"at least {LEAKS_LEAST} leaks detected; with {passed + refused} the test proves nothing")


print(f"# in_flight.py: NETPOL_SEED={SEED}")
for case in (naive_leaks, guarantee_v4, guarantee_v6, guarantee_tracked, guarantee_deleted):
    test(case)
finish()
