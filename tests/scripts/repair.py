#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What others do to our tables is undone at once, whatever their size: how many forbidden packets get through a flood
meanwhile is counted and printed. And what others do to their own tables costs next to nothing.

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
    "map not asked": "flush chain inet netpol forward; "
                     "add rule inet netpol forward ct state established,related accept; "
                     "add rule inet netpol forward ip daddr vmap @ingress4",
    "removed verdict": f"delete element inet netpol egress4 {{ {A} }}",
    "verdict to accept": f"delete element inet netpol egress4 {{ {A} }}; "
                         f"add element inet netpol egress4 {{ {A} : accept }}",
}


def tamper(lab, command):
    """How many forbidden packets arrived because of it."""
    repairs, before = lab.status()["repairs"], lab.arrived(FORBIDDEN)
    # what got through the last time was cut, and would not get through again
    lab.in_node("nft", f"add table inet netpol_cut; delete table inet netpol_cut; {command}")
    wait_for(lambda: lab.status()["repairs"] > repairs, 60, f"repair after {command!r}")
    lab.pause_flood()
    passed = lab.arrived(FORBIDDEN) - before
    lab.go_on()
    return passed


def repair(lab, name, command, wanted):
    passed, shut, whole = [], [], []
    for _ in range(ROUNDS):
        passed.append(tamper(lab, command))
        told = re.findall(r"safe after (\d+) ms, repaired after (\d+) ms", lab.log())[-1]
        shut.append(int(told[0]))
        whole.append(int(told[1]))
    equal(lab.listing(), wanted, f"after {command!r}")
    equal("guard" in lab.in_node("nft", "list", "tables").stdout, False, "guard left")
    before = lab.arrived(FORBIDDEN), lab.arrived(ALLOWED)
    wait_for(lambda: lab.arrived(ALLOWED) > before[1] + 1000, 60, "allowed packets after the repair")
    equal(lab.arrived(FORBIDDEN) - before[0], 0, "forbidden packets after the repair")
    if os.environ.get("VERBOSE"):
        print(f"# repair.py: {name}: {list(zip(passed, shut, whole))}")
    print(f"# repair.py: {name}: forbidden packets that passed: {sum(passed) / ROUNDS:.0f} on average, {max(passed)} "
          f"at most; isolated pods safe after {sorted(shut)[ROUNDS // 2]} ms (at most {max(shut)}), all put back after "
          f"{sorted(whole)[ROUNDS // 2]} ms (at most {max(whole)})")


def repairs(lab):
    Versions(lab, random.Random(SEED))
    lab.start()
    wait_for(lab.is_saved, 60, "the saving")
    wanted = lab.listing()
    lab.start_flood()
    for name, command in TAMPERING.items():
        repair(lab, name, command, wanted)
    equal("(nft, process" in lab.log(), True, f"who it was, in {lab.log()[-500:]}")


def small():
    """repair: of a small table, under a flood: every kind of tampering is undone, and what passed is counted"""
    with FloodLab() as lab:
        repairs(lab)


def large():
    """repair: of a large table: isolated pods are shut first, then all is put back"""
    with FloodLab() as lab:
        big.write(lab.inventory, lab.policies, *SIZE)
        print(f"# repair.py: {SIZE[0]} pods, {SIZE[1]} policies, {SIZE[2]} local pods")
        repairs(lab)


def burst():
    """repair: a storm of tampering ends as it should"""
    with FloodLab() as lab:
        Versions(lab, random.Random(SEED))
        lab.start()
        wanted = lab.listing()
        for i in range(100):
            lab.in_node("nft", random.Random(i).choice(list(TAMPERING.values())), check=False)
        wait_for(lambda: lab.listing() == wanted, 60, "the table as it was")


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def others():
    """repair: 200,000 changes of other people's tables are none of ours, and cost next to nothing"""
    with Lab("routed") as lab:
        lab.start()
        pid = lab.daemon.pid  # "ip netns exec" has become netpold
        elements = ", ".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(20000))
        script = (f"table inet other {{\n set s {{ type ipv4_addr; elements = {{ {elements} }}\n }}\n}}\n"
                  "delete table inet other\n")
        before, repairs, theirs = cpu(pid), lab.status()["repairs"], os.times()
        for _ in range(10):
            lab.in_node("nft", "-f", "-", input=script)
        time.sleep(0.3)
        after = os.times()
        theirs = after.children_user + after.children_system - theirs.children_user - theirs.children_system
        ours = cpu(pid) - before
        print(f"# repair.py: 400,000 changes by others: {theirs:.2f} s of processor for them, {ours:.2f} s for netpold")
        equal(lab.status()["repairs"], repairs, "repairs")
        equal("adopting" in lab.log(), False, "our table was read back")
        equal(ours < theirs / 5, True, f"{ours:.2f} s of processor against their {theirs:.2f} s")


for case in (small, large, burst, others):
    test(case)
finish()
