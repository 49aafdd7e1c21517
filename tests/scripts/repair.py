#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes of netpold's tables by others are undone, whatever the tables' size. Under a flood, the forbidden packets
that pass meanwhile are counted and printed. Changes of other programs' own tables cost netpold next to nothing.

NETPOL_SIZE=PODS:POLICIES:LOCAL sets the size of the large table."""
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import big
from flood import ADDRESSES, ALLOWED, FORBIDDEN, FloodLab, Versions
from netlab import Lab, wait_for
from report import test, finish, equal, seed

ROUNDS = int(os.environ.get("NETPOL_TIMES", 10))
SIZE = [int(n) for n in os.environ.get("NETPOL_SIZE", "20000:2000:200").split(":")]
SEED = seed()
A = ADDRESSES["ip"][0]

TAMPERING = {
    "flush ruleset": "flush ruleset",
    "delete table": "delete table inet netpol",
    "flush chain": "flush chain inet netpol forward",
    "delete chain": "delete chain inet netpol forward",
    "accept rule": "insert rule inet netpol forward accept",
    "map not looked up": "flush chain inet netpol forward; "
                     "add rule inet netpol forward ct state established,related accept; "
                     "add rule inet netpol forward ip daddr vmap @ingress4",
    "removed verdict": f"delete element inet netpol egress4 {{ {A} }}",
    "verdict to accept": f"delete element inet netpol egress4 {{ {A} }}; "
                         f"add element inet netpol egress4 {{ {A} : accept }}",
}


def tamper(lab, command):
    """Runs the nft command and waits for the repair. Returns how many forbidden packets arrived meanwhile."""
    repairs, before = lab.status()["repairs"], lab.arrived(FORBIDDEN)
    # the flows that passed the last time are in the table of stale flows, which would refuse them now
    lab.in_node("nft", f"add table inet netpol_cut; delete table inet netpol_cut; {command}")
    wait_for(lambda: lab.status()["repairs"] > repairs, 60, f"repair after {command!r}")
    lab.pause_flood()
    passed = lab.arrived(FORBIDDEN) - before
    lab.resume_flood()
    return passed


def repair(lab, name, command, wanted):
    passed, safe, repaired = [], [], []
    for _ in range(ROUNDS):
        passed.append(tamper(lab, command))
        times = re.findall(r"protected again after (\d+) ms, the table was repaired after (\d+) ms", lab.log())[-1]
        safe.append(int(times[0]))
        repaired.append(int(times[1]))
    equal(lab.listing(), wanted, f"the table after {command!r}")
    equal("guard" in lab.in_node("nft", "list", "tables").stdout, False, "a fallback table is left")
    before = lab.arrived(FORBIDDEN), lab.arrived(ALLOWED)
    wait_for(lambda: lab.arrived(ALLOWED) > before[1] + 1000, 60, "allowed packets after the repair")
    equal(lab.arrived(FORBIDDEN) - before[0], 0, "forbidden packets after the repair")
    if os.environ.get("VERBOSE"):
        print(f"# repair.py: {name}: {list(zip(passed, safe, repaired))}")
    print(f"# repair.py: {name}: forbidden packets that passed: {sum(passed) / ROUNDS:.0f} on average, {max(passed)} "
          f"at most; isolated pods safe after {sorted(safe)[ROUNDS // 2]} ms (at most {max(safe)}), table repaired "
          f"after {sorted(repaired)[ROUNDS // 2]} ms (at most {max(repaired)})")


def repairs(lab):
    Versions(lab, random.Random(SEED))
    lab.start()
    wait_for(lab.is_saved, 60, "the state to be saved")
    wanted = lab.listing()
    lab.start_flood()
    for name, command in TAMPERING.items():
        repair(lab, name, command, wanted)
    equal("(nft, process" in lab.log(), True, f"the log names the process that changed the table: {lab.log()[-500:]}")


def small():
    """repair: every kind of tampering with a small table is undone, under a flood"""
    with FloodLab() as lab:
        repairs(lab)


def large():
    """repair: every kind of tampering with a large table is undone, under a flood; isolated pods are protected first"""
    with FloodLab() as lab:
        big.write(lab.inventory, lab.policies, *SIZE)
        print(f"# repair.py: {SIZE[0]} pods, {SIZE[1]} policies, {SIZE[2]} local pods")
        repairs(lab)


def burst():
    """repair: after a hundred changes in a row the table is repaired"""
    with FloodLab() as lab:
        Versions(lab, random.Random(SEED))
        lab.start()
        wanted = lab.listing()
        for i in range(100):
            lab.in_node("nft", random.Random(i).choice(list(TAMPERING.values())), check=False)
        wait_for(lambda: lab.listing() == wanted, 60, "the table to be repaired")


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def others():
    """repair: 400,000 changes of other programs' tables cause no repair, and cost next to nothing"""
    with Lab("routed") as lab:
        lab.start()
        pid = lab.daemon.pid  # "ip netns exec" has become netpold
        elements = ", ".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(20000))
        script = (f"table inet other {{\n set s {{ type ipv4_addr; elements = {{ {elements} }}\n }}\n}}\n"
                  "delete table inet other\n")
        before, repairs, theirs = processor_seconds(pid), lab.status()["repairs"], os.times()
        for _ in range(10):
            lab.in_node("nft", "-f", "-", input=script)
        time.sleep(0.3)
        after = os.times()
        theirs = after.children_user + after.children_system - theirs.children_user - theirs.children_system
        ours = processor_seconds(pid) - before
        print(f"# repair.py: 400,000 changes by others: {theirs:.2f} s of processor for them, {ours:.2f} s for netpold")
        equal(lab.status()["repairs"], repairs, "repairs")
        equal("adopting" in lab.log(), False, "netpold's table was read back")
        equal(ours < theirs / 5, True,
              f"netpold uses less than a fifth of their processor time: {ours:.2f} s, they {theirs:.2f} s")


for case in (small, large, burst, others):
    test(case)
finish()
