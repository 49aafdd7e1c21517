#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in conf.d, flow by flow with real packets: routed and bridged, IPv4 and IPv6, both directions; TCP, UDP,
SCTP, ICMP; to and from the pod's own node and outside addresses; pods that no policy isolates."""
import atexit
import functools
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import Lab, NODE_ADDRESSES, TESTS, wait_for
from report import test, no_difference, equal, finish

CONF_D = os.path.join(os.path.dirname(TESTS), "conf.d")
V4, V6 = 0, 1


def addresses(i):
    return [f"10.244.1.{i}", f"fd00:244:1::{i:x}"]


def build(mode):
    lab = Lab(mode)
    for name, labels in {"default": {}, "my-project": {"project": "myproject"}, "alice": {"user": "alice"},
                         "my-namespace": {}, "batch": {}, "kube-system": {}, "edge": {}}.items():
        lab.namespace(name, **labels)
    plan = [("default", "db", {"role": "db"}), ("default", "frontend", {"role": "frontend"}),
            ("default", "other", {}), ("my-project", "worker", {}), ("my-project", "frontend", {"role": "frontend"}),
            ("default", "or", {"app": "or"}), ("default", "and", {"app": "and"}),
            ("default", "client", {"role": "client"}), ("alice", "client", {"role": "client"}),
            ("alice", "server", {}), ("my-namespace", "isolated", {}), ("batch", "job", {}),
            ("kube-system", "dns", {"k8s-app": "kube-dns"}), ("edge", "web", {"app": "web"})]
    for i, (namespace, name, labels) in enumerate(plan):
        lab.pod(namespace, name, addresses(10 + i), labels)
    for name in os.listdir(CONF_D):
        shutil.copy(os.path.join(CONF_D, name), lab.policies)
    lab.outside = lab.world("172.17.0.5", "172.17.1.5", "172.17.2.5", "10.0.0.5", "10.0.1.5", "8.8.8.8",
                            "192.0.2.9", "2001:db8:f:1::9", "2001:db8:9::9", "fd99::9", "192.168.7.7")
    lab.write_inventory()
    lab.apply()
    return lab


def flow(lab, source, destination, port, protocol, family):
    """A flow for Lab.probe(). source, destination: namespace/pod, or an outside address, or "node"."""
    ends = []
    for end in (source, destination):
        if end in lab.pods:
            ends.append((lab.pods[end].netns, lab.pods[end].addresses[family]))
        elif end == "node":
            ends.append((lab.node, NODE_ADDRESSES[family]))
        else:
            ends.append((lab.outside, end))
    return ends[0][0], ends[1][0], protocol, ends[0][1], ends[1][1], port


def refusal(lab, source, destination):
    """How a packet is refused: a bridge table cannot reject, so it drops; routed packets are rejected in every mode."""
    is_bridged = source in lab.pods and destination in lab.pods and source != destination
    return "drop" if lab.mode == "tracked" and is_bridged else "reject"


def check_flows(lab, table):
    """table: lines of (source, destination, port, protocol, wanted verdict, families)"""
    flows, names, wanted = [], [], []
    for source, destination, port, protocol, verdict, families in table:
        for family in families:
            flows.append(flow(lab, source, destination, port, protocol, family))
            names.append(f"{source} -> {destination} {protocol} {port} IPv{4 + 2 * family}")
            wanted.append(refusal(lab, source, destination) if verdict == "reject" else verdict)
    no_difference(lab.probe(flows), wanted, names)


BOTH = (V4, V6)
DB = "default/db"
FULL_EXAMPLE = [
    # ingress of role=db: TCP 6379 only, from the three kinds of peers
    ("default/frontend", DB, 6379, "tcp", "allow", BOTH),
    ("default/frontend", DB, 6380, "tcp", "reject", BOTH),
    ("default/frontend", DB, 6379, "udp", "reject", BOTH),
    ("default/frontend", DB, 6379, "sctp", "drop", BOTH),
    ("default/frontend", DB, 0, "icmp", "drop", BOTH),
    ("my-project/worker", DB, 6379, "tcp", "allow", BOTH),
    ("my-project/frontend", DB, 6379, "tcp", "allow", BOTH),
    ("default/other", DB, 6379, "tcp", "reject", BOTH),
    ("alice/client", DB, 6379, "tcp", "reject", BOTH),
    ("172.17.0.5", DB, 6379, "tcp", "allow", (V4,)),
    ("172.17.2.5", DB, 6379, "tcp", "allow", (V4,)),
    ("172.17.1.5", DB, 6379, "tcp", "reject", (V4,)),
    ("8.8.8.8", DB, 6379, "tcp", "reject", (V4,)),
    ("2001:db8:9::9", DB, 6379, "tcp", "reject", (V6,)),
    # egress of role=db: only to TCP 5978 of 10.0.0.0/24
    (DB, "10.0.0.5", 5978, "tcp", "allow", (V4,)),
    (DB, "10.0.0.5", 5979, "tcp", "reject", (V4,)),
    (DB, "10.0.0.5", 5978, "udp", "reject", (V4,)),
    (DB, "10.0.1.5", 5978, "tcp", "reject", (V4,)),
    (DB, "default/frontend", 6379, "tcp", "reject", BOTH),
    (DB, "default/frontend", 0, "icmp", "drop", BOTH),
    (DB, "2001:db8:9::9", 5978, "tcp", "reject", (V6,)),
    # its own node: egress policies apply; the node always reaches the pod (kubelet's probes)
    (DB, "node", 10250, "tcp", "reject", BOTH),
    (DB, "node", 10250, "udp", "reject", BOTH),
    (DB, "node", 0, "icmp", "drop", BOTH),
    ("node", DB, 8080, "tcp", "allow", BOTH),
    ("node", DB, 8080, "udp", "allow", BOTH),
    ("default/other", "node", 10250, "tcp", "allow", BOTH),
    ("default/other", "node", 10250, "udp", "allow", BOTH),
    # a pod to itself
    (DB, DB, 1234, "tcp", "allow", BOTH),
    # pods that no policy isolates
    ("default/other", "default/frontend", 80, "tcp", "allow", BOTH),
    ("default/other", "default/frontend", 80, "udp", "allow", BOTH),
    ("default/other", "default/frontend", 80, "sctp", "allow", BOTH),
    ("default/other", "default/frontend", 0, "icmp", "allow", BOTH),
    ("8.8.8.8", "default/other", 80, "tcp", "allow", (V4,)),
    ("default/other", "8.8.8.8", 80, "tcp", "allow", (V4,)),
]
OR_AND = [
    ("alice/server", "default/or", 80, "tcp", "allow", BOTH),
    ("alice/client", "default/or", 80, "tcp", "allow", BOTH),
    ("default/client", "default/or", 80, "udp", "allow", BOTH),
    ("default/client", "default/or", 0, "icmp", "allow", BOTH),
    ("default/client", "default/or", 80, "sctp", "allow", BOTH),
    ("default/other", "default/or", 80, "tcp", "reject", BOTH),
    ("alice/client", "default/and", 80, "tcp", "allow", BOTH),
    ("alice/server", "default/and", 80, "tcp", "reject", BOTH),
    ("default/client", "default/and", 80, "tcp", "reject", BOTH),
]
SHIPPED = [
    ("default/other", "my-namespace/isolated", 80, "tcp", "reject", BOTH),
    ("default/other", "my-namespace/isolated", 80, "udp", "reject", BOTH),
    ("default/other", "my-namespace/isolated", 0, "icmp", "drop", BOTH),
    ("my-namespace/isolated", "default/other", 80, "tcp", "allow", BOTH),
    ("node", "my-namespace/isolated", 80, "tcp", "allow", BOTH),
    ("batch/job", "kube-system/dns", 53, "udp", "allow", BOTH),
    ("batch/job", "kube-system/dns", 53, "tcp", "allow", BOTH),
    ("batch/job", "kube-system/dns", 80, "tcp", "reject", BOTH),
    ("batch/job", "default/other", 53, "udp", "reject", BOTH),
    ("batch/job", "8.8.8.8", 53, "udp", "reject", (V4,)),
    ("8.8.8.8", "edge/web", 443, "tcp", "allow", (V4,)),
    ("2001:db8:9::9", "edge/web", 443, "tcp", "allow", (V6,)),
    ("10.0.0.5", "edge/web", 443, "tcp", "reject", (V4,)),
    ("192.168.7.7", "edge/web", 443, "tcp", "reject", (V4,)),
    ("fd99::9", "edge/web", 443, "tcp", "reject", (V6,)),
    ("192.0.2.9", "edge/web", 8005, "tcp", "allow", (V4,)),
    ("2001:db8:f:1::9", "edge/web", 8010, "tcp", "allow", (V6,)),
    ("192.0.2.9", "edge/web", 8011, "tcp", "reject", (V4,)),
    ("8.8.8.8", "edge/web", 8005, "tcp", "reject", (V4,)),
]


@functools.cache
def lab_of(mode):
    """The lab that the cases of a mode share; each case leaves it unchanged."""
    lab = build(mode)
    atexit.register(lab.close)
    return lab


def full_example(mode):
    check_flows(lab_of(mode), FULL_EXAMPLE)


def or_and(mode):
    check_flows(lab_of(mode), OR_AND)


def shipped(mode):
    check_flows(lab_of(mode), SHIPPED)


def check_explain(lab):
    """What explain answers to every flow that the cases send."""
    lines, wanted = [], []
    for source, destination, port, protocol, verdict, families in FULL_EXAMPLE + OR_AND + SHIPPED:
        for family in families:
            _, _, _, a, b, _ = flow(lab, source, destination, port, protocol, family)
            lines.append(f"{a} {b} {port}/{protocol}\n")
            wanted.append("allow" if verdict == "allow" else "deny")
    result = lab.ctl("explain", "--batch", input="".join(lines))
    no_difference(result.stdout.split(), wanted, lines)
    return result.stderr


def explain_agrees(mode):
    check_explain(lab_of(mode))


def break_policies(lab):
    for name in os.listdir(lab.policies):
        lab.write_policy_file(name, "kind: [\n" if name.endswith("yaml") else "policies = (\n")


def explain_agrees_in_force(mode):
    """With every policy file broken; and then after a reboot, which has emptied the inventory, too."""
    lab = lab_of(mode)
    number = len(os.listdir(lab.policies))
    try:
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        break_policies(lab)
        wait_for(lambda: str(lab.status()["files"]).count("last good version in force") == number, 60,
                 "the broken files")
        for what in ("with broken files", "after a reboot"):
            if what == "after a reboot":
                lab.reboot()
                lab.start()
            check_flows(lab, FULL_EXAMPLE + OR_AND + SHIPPED)
            told = check_explain(lab)
            equal((told.count(": its last good version"), "pods.json: its saved version" in told),
                  (number, what == "after a reboot"), f"the files that explain says are others, {what}: {told}")
    finally:
        lab.stop()
        for name in os.listdir(CONF_D):
            shutil.copy(os.path.join(CONF_D, name), lab.policies)
        lab.write_inventory()
        lab.apply()


def drop(mode):
    lab = lab_of(mode)
    try:
        lab.set(deny="drop")
        lab.apply()
        check_flows(lab, [(s, d, p, proto, "drop" if v == "reject" else v, f)
                          for s, d, p, proto, v, f in FULL_EXAMPLE])
    finally:
        lab.set(deny=None)
        lab.apply()


def no_other_tables(mode):
    lab = lab_of(mode)
    equal("drop" in lab.in_node("nft", "list", "ruleset").stdout, True, "netpold's table is there")
    tables = lab.in_node("nft", "list", "tables").stdout.split("\n")
    equal([t for t in tables if t and "netpol" not in t], [], "tables of other names")


for mode in ("routed", "bridged", "tracked"):
    for case, title in ((full_example, "the full example, both directions"),
                        (or_and, "OR of entries, AND within an entry"),
                        (shipped, "default deny, DNS egress, blocks with except"),
                        (explain_agrees, "explain and the kernel agree"),
                        (explain_agrees_in_force, "they agree with broken files, and without the inventory"),
                        (drop, 'deny = "drop" refuses the same flows, without an answer'),
                        (no_other_tables, "no other table is created")):
        test(case, mode, name=f"{mode}: {title}")
finish()
