#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of reloads: netpold's memory and open files do not grow. A part of them also under valgrind."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import Lab, Pod, Skip, TESTS, wait_for
from report import test, finish, equal

RELOADS = int(os.environ.get("NETPOL_RELOADS", 10000))


def policy(i):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": f"p{i % 7}"},
            "spec": {"podSelector": {"matchLabels": {"n": str(i % 5)}}, "ingress": [
                {"from": [{"podSelector": {"matchLabels": {"a": "b"}}},
                          {"ipBlock": {"cidr": f"10.{i % 200}.0.0/16", "except": [f"10.{i % 200}.1.0/24"]}}]}]}}


def resources(pid):
    """(resident memory in KiB, number of open files)"""
    with open(f"/proc/{pid}/status") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    files = []
    for _ in range(20):  # the lowest of several: netpold may just be writing its metrics
        files.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.01)
    return rss, min(files)


def build():
    lab = Lab("routed", conf="settle_ms = 0;\n")
    for i in range(5):
        lab.pods[f"default/p{i}"] = Pod("default", f"p{i}", [f"10.244.1.{i + 1}"], {"n": str(i)})
    lab.pods["default/peer"] = Pod("default", "peer", ["10.244.2.1"], {}, node="another")
    lab.write_inventory()
    lab.write_policies([policy(0), policy(1)])
    return lab


def reload(lab, i, seconds):
    """One change: a label is added or removed; every now and then other policies, or a broken file."""
    peer = lab.pods["default/peer"]
    if i % 20 == 0:
        lab.write_policy_file("broken.yaml", f"kind: [{i}")
    if i % 20 == 10:
        lab.write_policies([policy(i // 10), policy(i // 10 + 1)])
    else:
        peer.labels = {"a": "b"} if peer.labels == {} else {}
        lab.write_inventory()
    wait_for(lab.is_up_to_date, seconds, "the change to be applied")


def constant():
    """soak: thousands of reloads, some with broken files, leak neither memory nor open files"""
    with build() as lab:
        lab.start()
        first = None
        for i in range(1, RELOADS + 1):
            reload(lab, i, 20)
            if i == RELOADS // 5:
                first = resources(lab.daemon.pid)
        last = resources(lab.daemon.pid)
        print(f"# soak.py: {lab.status()['generation']} generations: {first[0]} KiB, {first[1]} files after a fifth; "
              f"{last[0]} KiB, {last[1]} files at the end")
        equal(last[1], first[1], "open files")
        equal(last[0] <= first[0] * 1.1 + 512, True,
              f"memory grows by at most 10 % and 512 KiB; it was {first[0]} KiB, then {last[0]} KiB")


def under_valgrind():
    """soak: valgrind finds no invalid access and no leak in hundreds of reloads"""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    with build() as lab:
        lab.start(under=["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite",
                         "--errors-for-leak-kinds=definite", "--track-fds=yes", "--error-exitcode=99",
                         f"--suppressions={TESTS}/lib/valgrind.supp"])
        for i in range(1, max(RELOADS // 25, 20) + 1):
            reload(lab, i, 120)
        lab.daemon.terminate()
        equal(lab.daemon.wait(120), 0, f"valgrind's exit status: {lab.log()[:6000]}")
        lab.daemon = None


test(constant)
test(under_valgrind)
finish()
