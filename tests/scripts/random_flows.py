#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random clusters and policies, some of them audited: explain, and the kernel with real packets, are compared with the
naive evaluator.

NETPOL_SEED repeats a run; NETPOL_ROUNDS sets its length."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import records
from chance import Chance, NUMBERS, PROTOCOLS
from naive import Cluster
from netlab import Lab, Pod, NETPOLCTL, run
from report import test, finish, equal, none_of, repeated_by, seed

SEED = seed()
ROUNDS = int(os.environ.get("NETPOL_ROUNDS", 0))
QUICK = os.environ.get("NETPOL_QUICK")
NAMESPACES = ["default", "one", "two"]
OUTSIDE = ["172.17.0.5", "8.8.8.8", "2001:db8::5"]


def random_pods(chance):
    """Among them corner cases: finished pods whose address another pod has, pending pods, pods on the host network; and
    pods that are attached: without an address in the inventory, with an old one, finished, not listed."""
    pods = []
    for i in range(12):
        addresses = [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"]
        chance.shuffle(addresses)
        more = {}
        kind = chance.random()
        if kind < 0.08:
            more["phase"] = chance.choice(["Succeeded", "Failed"])
            if pods:
                addresses = pods[-1].addresses
        elif kind < 0.14:
            addresses = []
            more["phase"] = "Pending"
        elif kind < 0.20:
            addresses, more["host_network"] = ["192.168.60.9"], True
        elif kind < 0.26 and pods:
            addresses, more["started"] = pods[-1].addresses, f"2026-01-0{chance.randint(1, 3)}T00:00:00Z"
        elif kind < 0.4:
            addresses = addresses[:1]
        pods.append(Pod(chance.choice(NAMESPACES), f"pod-{i}", addresses, chance.labels(),
                        node="node-1", ports=chance.ports(), **more))
        if addresses and not more.get("host_network") and chance.random() < 0.4:
            attach(chance, pods[-1], i)
    return pods


def attach(chance, pod, at):
    pod.more["attached"] = 1000000000 + at
    kind = chance.random()
    if kind < 0.3:
        pod.more["unlisted"], pod.ports = True, []
    elif kind < 0.6:
        pod.more["listed_addresses"] = []
    elif kind < 0.8:
        pod.more["listed_addresses"] = ["10.244.1.99"]


def write_records(folder, pods):
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    for i, pod in enumerate(pods):
        if "attached" in pod.more:
            records.write(folder, records.text(pod.namespace, pod.name, pod.addresses, container=f"c{i}"),
                          pod.more["attached"])


def random_cluster(chance, pods):
    namespaces = chance.namespace_objects(NAMESPACES)
    addresses = [a for p in pods for a in p.addresses] + OUTSIDE
    policies = [chance.policy(i, NAMESPACES, addresses, audited=0.3) for i in range(chance.randint(1, 7))]
    return namespaces, policies, addresses


def inventory(namespaces, pods):
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": [
        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": n, "labels": l}}
        for n, l in namespaces.items()] + [p.manifest() for p in pods if not p.more.get("unlisted")]})


def some_flows(chance, addresses, n):
    flows = []
    while len(flows) < n:
        a, b = chance.choice(addresses), chance.choice(addresses)
        if (":" in a) == (":" in b):
            flows.append((a, b, chance.choice(PROTOCOLS), chance.choice(NUMBERS)))
    return flows


def compare(naive, flows, found, explain):
    """Compares each flow's verdict with the naive evaluator's. The error has explain's output for the first
    difference."""
    equal(len(found), len(flows), "the number of verdicts")
    bad = naive.wrong(flows, found)
    if bad:
        a, b, protocol, number = next(f for f, verdict in zip(flows, found) if naive.wrong([f], [verdict]))
        bad[0] += "\n" + explain(a, b, f"{number}/{protocol}").stdout.rstrip()
    none_of(bad, len(flows))


def check_reasons(explain, flows):
    """Every verdict of explain, and of the trial where it differs, has a reason: the rule that allows the flow, or the
    one that nearly did."""
    for a, b, protocol, number in flows:
        output = explain(a, b, f"{number}/{protocol}").stdout
        for verdict, reason in (("allowed", "allowed by the rule at "), ("denied", "    n")):
            n = output.count(f": {verdict}\n") + output.count(f": would be {verdict}\n")
            equal(output.count(reason), n, f"the number of reasons, one a verdict, in: {output}")


def check_trial(naive, explain, flows):
    """With audited policies explain has a second verdict: as if they were enforced."""
    text = "".join(f"{a} {b} {number}/{protocol}\n" for a, b, protocol, number in flows)
    lines = [json.loads(line) for line in explain("--batch", "-o", "json", input=text).stdout.splitlines()]
    for flow, line in zip(flows, lines, strict=True):
        wanted = "allow" if naive.allows(*flow, trial=True) else "deny"
        equal(line["with_audited"], wanted, f"the trial's verdict of {flow}: {line['why']}")
        differs = f"  would be {'allowed' if wanted == 'allow' else 'denied'} if the audited policies were enforced\n"
        equal(differs in line["why"], wanted != line["verdict"], f"whether both verdicts are told: {line['why']}")


def explain_round(chance, d):
    pods = random_pods(chance)
    namespaces, policies, addresses = random_cluster(chance, pods)
    flows = some_flows(chance, addresses, 400)
    Lab.put(f"{d}/i/i.json", inventory(namespaces, pods))
    write_records(f"{d}/a", pods)
    Lab.put(f"{d}/p/p.json", json.dumps({"kind": "List", "apiVersion": "v1", "items": policies}))
    text = "".join(f"{a} {b} {number}/{protocol}\n" for a, b, protocol, number in flows)

    def explain(*flow, **options):
        return run(NETPOLCTL, "-c", f"{d}/netpol.conf", "--files", "--policies", f"{d}/p", "--inventory", f"{d}/i",
                   "--attachments", f"{d}/a", "explain", *flow, check=False, **options)

    result = explain("--batch", input=text)
    equal(result.returncode, 0, f"netpolctl's exit status: {result.stderr[:300]}")
    naive = Cluster(namespaces, pods, policies)
    compare(naive, flows, result.stdout.split(), explain)
    check_reasons(explain, flows[:10])
    check_trial(naive, explain, flows[:100])


def explain_against_naive():
    """random: explain agrees with the naive evaluator"""
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(f"{d}/p", 0o755)
        os.mkdir(f"{d}/i", 0o755)
        os.mkdir(f"{d}/a", 0o755)
        Lab.put(f"{d}/netpol.conf", "")
        for i in range(ROUNDS or 150):
            with repeated_by(NETPOL_SEED=SEED + i, NETPOL_ROUNDS=1):
                explain_round(Chance(SEED + i), d)


def kernel_round(chance, lab, pods, where):
    for p in pods:  # labels and ports change, addresses stay
        if chance.random() < 0.3:
            p.labels, p.ports = chance.labels(), chance.ports()
    namespaces, policies, addresses = random_cluster(chance, pods)
    lab.namespaces = dict(namespaces)
    lab.write_inventory()
    lab.write_policies(policies)
    lab.apply()
    flows = some_flows(chance, addresses, 350)
    found = lab.probe([(where[a], where[b], protocol.lower(), a, b, number) for a, b, protocol, number in flows])
    compare(Cluster(namespaces, pods, policies), flows, found, lambda *flow: lab.ctl("explain", *flow))


def kernel_rounds(mode, rounds):
    """Each round changes the table of the round before, so a failure is repeated by all rounds up to it."""
    chance = Chance(SEED)
    with Lab(mode) as lab:
        pods = []
        for i in range(9):
            pods.append(lab.pod(NAMESPACES[i % 3], f"pod-{i}", [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"],
                                chance.labels(), ports=chance.ports()))
        outside = lab.world(*OUTSIDE)
        where = {a: p.netns for p in pods for a in p.addresses} | {a: outside for a in OUTSIDE}
        for i in range(rounds):
            with repeated_by(NETPOL_ROUNDS=i + 1):
                kernel_round(chance, lab, pods, where)


def kernel_routed():
    """random: the kernel, routed, agrees with the naive evaluator"""
    kernel_rounds("routed", ROUNDS or 20)


def kernel_bridged():
    """random: the kernel, bridged, agrees with the naive evaluator"""
    kernel_rounds("bridged", ROUNDS or 20)


def kernel_tracked():
    """random: the kernel, with a bridge table, agrees with the naive evaluator"""
    kernel_rounds("tracked", ROUNDS or 20)


test(explain_against_naive)
if not QUICK:
    test(kernel_routed)
    test(kernel_bridged)
    test(kernel_tracked)
finish()
