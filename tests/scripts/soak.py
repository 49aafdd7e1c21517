#!/usr/bin/env python3
"""Thousands of reloads: netpold's memory and its open files stay what they were."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import Lab, Pod, wait_for
from report import test, finish, equal

RELOADS = int(os.environ.get("NETPOL_RELOADS", 10000))


def policy(i):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": f"p{i % 7}"},
            "spec": {"podSelector": {"matchLabels": {"n": str(i % 5)}},
                     "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}, {"ipBlock": {"cidr": f"10.{i % 200}.0.0/16", "except": [f"10.{i % 200}.1.0/24"]}}]}]}}


def held(pid):
    """Resident memory in KiB, open files."""
    with open(f"/proc/{pid}/status") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    files = []
    for _ in range(20):  # at rest: netpold may just be writing its metrics
        files.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.01)
    return rss, min(files)


def constant():
    """soak: 10,000 reloads, broken files among them, leak neither memory nor files"""
    with Lab("routed", conf="settle_ms = 0;\n") as lab:
        for i in range(5):
            lab.pods[f"default/p{i}"] = Pod("default", f"p{i}", [f"10.244.1.{i + 1}"], {"n": str(i)})
        peer = lab.pods["default/peer"] = Pod("default", "peer", ["10.244.2.1"], {}, node="another")
        lab.write_inventory()
        lab.write_policies([policy(0), policy(1)])
        lab.start()
        first = None
        for i in range(1, RELOADS + 1):
            if i % 20 == 0:
                lab.write_policy_file("broken.yaml", f"kind: [{i}")
            if i % 20 == 10:
                lab.write_policies([policy(i // 10), policy(i // 10 + 1)])
            else:
                peer.labels = {"a": "b"} if peer.labels == {} else {}
                lab.write_inventory()
            wait_for(lab.is_up_to_date, 20, "netpold to keep up")
            if i == RELOADS // 5:
                first = held(lab.daemon.pid)
        last = held(lab.daemon.pid)
        print(f"# soak.py: {lab.status()['generation']} generations: {first[0]} KiB, {first[1]} files after a fifth; "
              f"{last[0]} KiB, {last[1]} files at the end")
        equal(last[1], first[1], "open files")
        equal(last[0] <= first[0] * 1.1 + 512, True, f"memory: {first[0]} KiB, then {last[0]} KiB")


test(constant)
finish()
