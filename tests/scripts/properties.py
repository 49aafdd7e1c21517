#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled ruleset does not depend, to the byte, on the format that a policy is written in, on the names of the
files, or on the order of policies and inventory. Unknown labels of a namespace allow nothing. Audited policies change
no verdict; the trial's verdict is the one that they have when they are enforced.

NETPOL_SEED repeats a run; NETPOL_ROUNDS sets its length."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import conf_form
import naive
from chance import Chance, NUMBERS, PROTOCOLS
from netlab import Lab, Pod, NETPOLCTL, run
from report import test, finish, equal, repeated_by, seed

SEED = seed()
ROUNDS = int(os.environ.get("NETPOL_ROUNDS", 100))
NAMESPACES = ["default", "one", "two"]


def answer(files, inventory, *command, **more):
    """The output of a command of netpolctl for the files (name -> text)."""
    with tempfile.TemporaryDirectory() as d:
        for folder, content in (("p", files), ("i", inventory)):
            os.mkdir(f"{d}/{folder}", 0o755)
            for name, text in content.items():
                Lab.put(f"{d}/{folder}/{name}", text)
        Lab.put(f"{d}/netpol.conf", "")
        result = run(NETPOLCTL, "-c", f"{d}/netpol.conf", "--files", "--policies", f"{d}/p", "--inventory", f"{d}/i",
                     "--node", "node-1", *command, check=False, **more)
        equal(result.returncode, 0, f"netpolctl's exit status: {result.stderr[:400]}")
        equal("error" in result.stderr, False, f"netpolctl reports errors: {result.stderr[:400]}")
        return result.stdout


def compiled(files, inventory):
    return answer(files, inventory, "ruleset")


def manifests(policies):
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": policies})


def namespace(name, labels):
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "labels": labels}}


def random_cluster(chance):
    pods = [Pod(chance.choice(NAMESPACES), f"pod-{i}", [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"],
                chance.labels(), ports=chance.ports()) for i in range(10)]
    addresses = [a for p in pods for a in p.addresses] + ["172.17.0.5", "2001:db8::5"]
    items = [namespace(n, labels) for n, labels in chance.namespace_objects(NAMESPACES).items()]
    items += [p.manifest() for p in pods]
    return items, [chance.policy(i, NAMESPACES, addresses, audited=0.3) for i in range(chance.randint(1, 8))]


def rounds(check):
    """Calls check(chance, the inventory's items, the policies, the ruleset that they compile to) ROUNDS times."""
    for i in range(SEED, SEED + ROUNDS):
        with repeated_by(NETPOL_SEED=i, NETPOL_ROUNDS=1):
            chance = Chance(i)
            items, policies = random_cluster(chance)
            check(chance, items, policies, compiled({"a.json": manifests(policies)}, {"i.json": manifests(items)}))


def both_formats():
    """properties: the libconfig form and the manifest of a policy compile to the same ruleset"""
    def check(_, items, policies, wanted):
        equal(compiled({"a.conf": conf_form.policies(policies)}, {"i.json": manifests(items)}), wanted,
              "the libconfig form's ruleset")
    rounds(check)


def any_order():
    """properties: the ruleset does not depend on file names, formats or order, nor on the inventory's order"""
    def check(chance, items, policies, wanted):
        files, inventory = {}, {}
        chance.shuffle(policies)
        chance.shuffle(items)
        for i, policy in enumerate(policies):
            name = f"{chance.randint(0, 10 ** 6)}-{i}"
            if chance.random() < 0.5:
                files[f"{name}.conf"] = conf_form.policies([policy])
            else:
                files[f"{name}.yaml"] = "---\n" + json.dumps(policy) + "\n"
        half = chance.randint(0, len(items))
        for i, part in enumerate((items[:half], items[half:])):
            inventory[f"{chance.randint(0, 10 ** 6)}-{i}.json"] = manifests(part)
        equal(compiled(files, inventory), wanted, "the ruleset of the files in another order")
    rounds(check)


def allowed(policies, items, flows):
    verdicts = answer({"a.json": manifests(policies)}, {"i.json": manifests(items)}, "explain", "--batch",
                      input="".join(f"{flow}\n" for flow in flows)).split()
    return {flow for flow, verdict in zip(flows, verdicts, strict=True) if verdict == "allow"}


def unknown_labels():
    """properties: a flow that is allowed while a namespace's labels are unknown is allowed with any labels"""
    def check(chance, items, policies, _):
        pods = [i["metadata"] for i in items if i["kind"] == "Pod"]
        objects = [i["metadata"]["name"] for i in items if i["kind"] == "Namespace"]
        flows = [f"{a['namespace']}/{a['name']} {b['namespace']}/{b['name']} "
                 f"{chance.choice(NUMBERS)}/{chance.choice(PROTOCOLS)}" for a in pods for b in pods]
        without = allowed(policies, items, flows)
        for labels in [{}] + [chance.labels() for _ in range(3)]:
            added = [namespace(n, labels) for n in NAMESPACES if n not in objects]
            equal(sorted(without - allowed(policies, items + added, flows)), [], f"flows that {added} forbid")
    rounds(check)


def without_annotations(policies):
    return [dict(p, metadata={k: v for k, v in p["metadata"].items() if k != "annotations"}) for p in policies]


def trial():
    """properties: audited policies change no verdict; with them enforced the verdicts are those of the trial"""
    def check(chance, items, policies, _):
        pods = [i["metadata"] for i in items if i["kind"] == "Pod"]
        flows = [f"{a['namespace']}/{a['name']} {b['namespace']}/{b['name']} "
                 f"{chance.choice(NUMBERS)}/{chance.choice(PROTOCOLS)}" for a in pods for b in pods]
        enforced = [p for p in policies if not naive.is_audited(p)]
        equal(sorted(allowed(policies, items, flows)), sorted(allowed(without_annotations(enforced), items, flows)),
              "flows that are allowed, with and without the audited policies")
        lines = answer({"a.json": manifests(policies)}, {"i.json": manifests(items)}, "explain", "--batch", "-o",
                       "json", input="".join(f"{flow}\n" for flow in flows)).splitlines()
        equal({flow for flow, line in zip(flows, lines, strict=True) if json.loads(line)["with_audited"] == "allow"},
              allowed(without_annotations(policies), items, flows), "flows that the trial allows")
    rounds(check)


def enforced_is_the_default():
    """properties: the annotation netpol/enforcement: enforce, and audit = false, change nothing, to the byte"""
    def check(_, items, policies, __):
        policies = without_annotations(policies)
        wanted = compiled({"a.json": manifests(policies)}, {"i.json": manifests(items)})
        marked = [dict(p, metadata=dict(p["metadata"], annotations={"netpol/enforcement": "enforce"}))
                  for p in policies]
        for name, text in (("a.json", manifests(marked)), ("a.conf", conf_form.policies(marked))):
            equal(compiled({name: text}, {"i.json": manifests(items)}), wanted, "the ruleset with the annotation")
    rounds(check)


for case in (both_formats, any_order, unknown_labels, trial, enforced_is_the_default):
    test(case)
finish()
