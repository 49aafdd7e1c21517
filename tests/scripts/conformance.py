#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every cell of the conformance data, through explain and through the kernel.

The data are in ../shared/conformance next to the repository, or in the file that NETPOL_CONFORMANCE names; without them
the tests are skipped. They have 230 cases with 123,669 cells, whose verdicts come from other implementations."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from conformance_data import DATA, load
from netlab import Lab, Pod, NETPOLCTL, run
from report import test, finish, equal, none_of, repeated_by

SAMPLE = int(os.environ.get("NETPOL_SAMPLE", 0))  # N: only every Nth case goes through the kernel
QUICK = os.environ.get("NETPOL_QUICK")


def pods_of(cluster):
    return [Pod(p["namespace"], p["name"], [p["ip"]], p["labels"],
                ports=[(q.get("name", ""), q["containerPort"], q.get("protocol", "TCP"))
                       for c in p["containers"] for q in c["ports"]]) for p in cluster["pods"]]


def inventory_of(cluster, pods):
    items = [{"kind": "Namespace", "apiVersion": "v1", "metadata": n} for n in cluster["namespaces"]]
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": items + [p.manifest() for p in pods]})


def policy_list(step):
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": step["policies"]})


def cells(step, pods):
    """Yields (source, destination, protocol, port, whether it is allowed) for all cells but the diagonal."""
    for probe in step["probes"]:
        for i, row in enumerate(probe["expected"]):
            for k, cell in enumerate(row):
                if i != k:
                    yield pods[i], pods[k], probe["protocol"], probe["port"], cell == "."


def differing(case, source, destination, protocol, port, found, is_allowed):
    return (f"case {case}: {source.key} {source.addresses[0]} -> {destination.key} {destination.addresses[0]} "
            f"{port}/{protocol}: got {found}, wanted {'allow' if is_allowed else 'deny'}")


def through_explain():
    """conformance: explain gives the recorded verdict for every cell"""
    data, n, bad = load(DATA), 0, []
    with tempfile.TemporaryDirectory() as d:
        for name in ("p", "i"):
            os.mkdir(f"{d}/{name}", 0o755)
        Lab.put(f"{d}/netpol.conf", "")
        for case in data["cases"]:
            for step in case["steps"]:
                cluster = data["clusters"][step["cluster"]]
                pods = pods_of(cluster)
                Lab.put(f"{d}/i/i.json", inventory_of(cluster, pods))
                Lab.put(f"{d}/p/p.json", policy_list(step))
                wanted = list(cells(step, pods))
                text = "".join(f"{s.key} {t.key} {port}/{proto}\n" for s, t, proto, port, _ in wanted)
                result = run(NETPOLCTL, "-c", f"{d}/netpol.conf", "--files", "--policies", f"{d}/p",
                             "--inventory", f"{d}/i", "explain", "--batch", input=text, check=False)
                equal(result.returncode, 0, result.stderr[:300])
                for (s, t, proto, port, allowed), found in zip(wanted, result.stdout.split()):
                    n += 1
                    if (found == "allow") != allowed:
                        bad.append(differing(case["id"], s, t, proto, port, found, allowed))
    none_of(bad, n)
    equal(n > 100000, True, f"more than 100,000 cells; they were {n}")


def through_kernel(mode, nth):
    data, n, bad = load(DATA), 0, []
    by_cluster = {}
    for case in data["cases"][::nth]:
        for step in case["steps"]:
            by_cluster.setdefault(step["cluster"], []).append((case["id"], step))
    for index, steps in by_cluster.items():
        cluster = data["clusters"][index]
        with Lab(mode, subnets=(("10.20.0.1", 16), ("fd00:20::1", 64))) as lab:
            for namespace in cluster["namespaces"]:
                lab.namespace(namespace["name"], **namespace["labels"])
            pods = [lab.pod(p.namespace, p.name, p.addresses, p.labels, ports=p.ports)
                    for p in pods_of(cluster)]
            lab.write_inventory()
            for name, step in steps:
                lab.write_policies(step["policies"])
                lab.apply()
                wanted = list(cells(step, pods))
                found = lab.probe([(s.netns, t.netns, proto.lower(), s.addresses[0], t.addresses[0], port)
                                   for s, t, proto, port, _ in wanted])
                for (s, t, proto, port, allowed), verdict in zip(wanted, found):
                    n += 1
                    if (verdict == "allow") != allowed:
                        bad.append(differing(name, s, t, proto, port, verdict, allowed))
    none_of(bad, n)
    equal(n > 100000 // nth // 2, True, f"more than {100000 // nth // 2} cells; they were {n}")
    print(f"# conformance.py: {mode}: {n} cells")


test(through_explain)
for mode, nth in (("routed", SAMPLE or 1), ("bridged", SAMPLE or 10), ("tracked", SAMPLE or 10)):
    if not QUICK:
        test(through_kernel, mode, nth, name=f"conformance: real packets get the recorded verdicts, {mode}, "
                                             f"{'every case' if nth == 1 else f'one case in {nth}'}")
finish()
