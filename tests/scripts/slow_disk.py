#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk that takes 100 ms to sync, under ordinary churn: the saving thread still uses rulesets that the main loop
replaced long ago. netpold does not crash, and every saved text was in force at some time, to the byte."""
import hashlib
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import BUILD, Lab, Pod, wait_for
from report import test, finish, equal, seed

CHANGES = int(os.environ.get("NETPOL_CHANGES", 400))
SEED = seed()
FSYNC_MS = 100
PODS = 3  # each is isolated or not, which makes 2 ** PODS versions
TABLES = {"inet": "ruleset/inet.nft", "bridge": "ruleset/bridge.nft"}
POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: default}
spec:
  podSelector: {matchLabels: {isolated: "yes"}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {role: peer}}}], ports: [{port: 80}]}]
"""


def slow_start(lab):
    # ASan refuses to start if another library is loaded before its own, as LD_PRELOAD does
    asan = os.environ.get("ASAN_OPTIONS", "")
    lab.start(under=("env", f"LD_PRELOAD={BUILD}/tests/slow_fsync.so"), NETPOL_FSYNC_MS=str(FSYNC_MS),
              ASAN_OPTIONS=f"{asan}{':' if asan else ''}verify_asan_link_order=0")


def write_version(lab, version):
    """The bits of the number say which pods are isolated."""
    for i in range(PODS):
        lab.pods[f"default/p{i}"].labels["isolated"] = "yes" if version >> i & 1 else "no"
    lab.write_inventory()


def saved_texts(lab):
    """{family: text} of the rulesets in the state directory, None if there is none. Checks the checksums."""
    result = {}
    for family, name in TABLES.items():
        try:
            with open(f"{lab.state}/{name}", "rb") as f:
                content = f.read()
        except FileNotFoundError:
            result[family] = None
            continue
        m = re.fullmatch(rb"(.*)\n# netpol state, sha256 ([0-9a-f]{64}) of [0-9a-f]{16}\n", content, re.S)
        equal(bool(m), True, f"{name} ends with its checksum")
        equal(hashlib.sha256(m.group(1)).hexdigest(), m.group(2).decode(), f"{name}'s checksum")
        result[family] = m.group(1)
    return result


def is_alive(lab):
    if lab.daemon.poll() is not None:
        raise AssertionError(f"netpold ended with status {lab.daemon.returncode}: {lab.log()[-3000:]}")
    return True


def churn(lab, chance):
    """CHANGES random changes. Returns {family: every text that was seen in the state directory}."""
    seen = {family: set() for family in TABLES}
    for _ in range(CHANGES):
        write_version(lab, chance.randrange(2 ** PODS))
        wait_for(lambda: is_alive(lab) and lab.is_up_to_date(), 60, "a change to be applied")
        for family, text in saved_texts(lab).items():
            seen[family].add(text)
    return seen


def as_loaded(lab, family, text):
    """nft's listing of the table, after loading the text into a new network namespace."""
    netns = lab._make_netns(f"copy{len(lab.netns)}")
    lab.inside(netns, "nft", "-f", "-", input=text.decode())
    return lab.inside(netns, "nft", "list", "table", family, "netpol").stdout


def texts_of_versions(lab):
    """{family: the texts of all versions}. Compares each with the kernel's table."""
    result = {family: set() for family in TABLES}
    for version in range(2 ** PODS):
        write_version(lab, version)
        wait_for(lambda: is_alive(lab) and lab.is_saved(), 60, f"version {version} to be saved")
        for family, text in saved_texts(lab).items():
            result[family].add(text)
            if text is not None:
                listing = lab.in_node("nft", "list", "table", family, "netpol").stdout
                equal(as_loaded(lab, family, text).count("goto"), listing.count("goto"),
                      f"number of verdicts of version {version}")
    return result


def slow_disk(mode):
    with Lab(mode, conf="settle_ms = 1;\n") as lab:
        for i in range(PODS):
            lab.pods[f"default/p{i}"] = Pod("default", f"p{i}", [f"10.244.1.{10 + i}"])
        for i in range(200):  # enough that rendering a table takes a while
            lab.pods[f"default/q{i}"] = Pod("default", f"q{i}", [f"10.244.9.{i}"], {"role": "peer"}, "node-2")
        lab.write_policy_file("p.yaml", POLICY)
        write_version(lab, 1)
        slow_start(lab)
        seen, versions = churn(lab, random.Random(SEED)), texts_of_versions(lab)
        for family in TABLES:
            wrong = seen[family] - versions[family] - {None}
            print(f"# slow_disk.py: {mode}, {family}: {len(seen[family])} texts seen in {CHANGES} changes, "
                  f"{len(versions[family])} versions")
            equal(wrong, set(), f"texts of {family} that were never in force")
        lab.stop()


for mode in ("routed", "bridged", "tracked"):
    test(slow_disk, mode, name=f"slow disk, {mode}: under churn every saved text was in force")
finish()
