#!/usr/bin/env python3
"""The in-flight guarantee (design.md 5.2), measured: under a flood of new flows, thousands of policy
edits, label changes and set moves; what the versions before and after both forbid never passes, what
both allow is never refused. And the same with whole-table transactions, to show that the test sees.

Counted by two chains of the test's own, one before and one behind ours in the same hook, so that
nothing that is lost elsewhere counts."""
import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import Lab, BUILD, wait_for
from report import test, finish, equal

EDITS = int(os.environ.get("NETPOL_EDITS", 2000))
NAIVE_MOST = 3000
SEED = int(os.environ.get("NETPOL_SEED", time.time_ns() % 1000000))
ALLOWED, FORBIDDEN = 1000, 2000
A4, B4, A6, B6 = "10.244.1.10", "10.244.1.11", "fd00:244:1::a", "fd00:244:1::b"


def counters(mode):
    family, ours = ("bridge", -200) if mode == "tracked" else ("inet", 0)
    return f"table {family} count {{\n" + "".join(
        f"\tchain {name} {{\n\t\ttype filter hook forward priority {priority}; policy accept;\n" + "".join(
            f"\t\t{ip} udp dport {port} counter\n" for ip in ("ip daddr " + B4, "ip6 daddr " + B6)
            for port in (ALLOWED, FORBIDDEN)) + "\t}\n"
        for name, priority in (("before", ours - 10), ("behind", ours + 10))) + "}\n"


class Versions:
    """Files that differ from step to step, all of which allow A -> B 1000 and forbid A -> B 2000."""

    def __init__(self, lab, chance):
        self.lab, self.chance = lab, chance
        self.role, self.open_side, self.junk, self.others = "x", "ingress", 0, False

    def policy(self, name, selector, direction, ports):
        """Peers by label: the flow's other end is x or y, by separate rules, so that moving it from
        one set to the other leaves what is allowed."""
        key = "from" if direction == "ingress" else "to"
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"podSelector": {"matchLabels": {"pod": selector}},
                         "policyTypes": [direction.capitalize()], direction: [
                             {key: [{"podSelector": {"matchLabels": {"role": role}}}],
                              "ports": [{"protocol": "UDP", "port": p} for p in ports]}
                             for role in ("x", "y")]}}

    def ports(self, direction):
        return [ALLOWED, 5000 + self.junk] + ([FORBIDDEN] if direction == self.open_side else [])

    def write_policies(self):
        policies = [self.policy("egress-a", "a", "egress", self.ports("egress")),
                    self.policy("ingress-b", "b", "ingress", self.ports("ingress"))]
        if self.others:
            policies.append(self.policy("more-b", "b", "ingress", [ALLOWED, 6000 + self.junk]))
        self.lab.write_policies(policies)

    def write_labels(self):
        for pod in self.lab.pods.values():
            pod.labels["role"] = self.role
        self.lab.write_inventory()

    def step(self):
        kind = self.chance.choice(["edit", "swap", "labels", "policy", "both"])
        if kind in ("edit", "both"):
            self.junk = (self.junk + 1) % 900
        if kind in ("swap", "both"):
            self.open_side = "egress" if self.open_side == "ingress" else "ingress"
        if kind == "policy":
            self.others = not self.others
        if kind in ("labels", "both"):
            self.role = "y" if self.role == "x" else "x"
            self.write_labels()
        if kind != "labels":
            self.write_policies()


def build(mode, *options):
    lab = Lab(mode, conf="settle_ms = 3;\ndeny = \"drop\";\n")
    a = lab.pod("default", "a", [A4, A6], {"pod": "a"})
    b = lab.pod("default", "b", [B4, B6], {"pod": "b"})
    # what arrives, goes no further: an answer would make the flow an established one
    lab.inside(b.netns, "nft", "-f", "-", input="table inet sink {\n chain c {\n type filter hook "
               "prerouting priority raw; policy accept;\n udp dport { 1000, 2000 } drop\n }\n}\n")
    versions = Versions(lab, random.Random(SEED))
    versions.write_policies()
    versions.write_labels()
    lab.start(*options)
    lab.in_node("nft", "-f", "-", input=counters(mode))
    return lab, a, b, versions


def start_flood(lab, pod, to, source, destination):
    """Frames go to the gateway, or straight to the other pod on the bridge."""
    link = "02:ff:00:00:00:01"
    if lab.mode != "routed":
        link = json.loads(lab.inside(to.netns, "ip", "-j", "link", "show", "eth0").stdout)[0]["address"]
    return subprocess.Popen(["ip", "netns", "exec", pod.netns, os.path.join(BUILD, "tests", "flood"), "eth0",
                             link, source, destination, str(ALLOWED), str(FORBIDDEN)],
                            stdout=subprocess.PIPE, text=True)


def counts(lab):
    """{(chain, family, port): packets}"""
    family = "bridge" if lab.mode == "tracked" else "inet"
    text, result, chain = lab.in_node("nft", "list", "table", family, "count").stdout, {}, None
    for line in text.splitlines():
        m = re.match(r"\s+chain (\w+) {", line)
        chain = m.group(1) if m else chain
        m = re.search(r"(ip6?) daddr \S+ udp dport (\d+) counter packets (\d+)", line)
        if m:
            result[chain, m.group(1), int(m.group(2))] = int(m.group(3))
    return result


def run_edits(lab, versions, n, enough=lambda: False):
    done = 0
    for done in range(1, n + 1):
        versions.step()
        wait_for(lab.is_up_to_date, 20, f"edit {done} to be applied")
        if done % 50 == 0 and enough():
            break
    return done


def measure(family, edits, *options, enough=None, mode="routed"):
    lab, pod, to, versions = build(mode, *options)
    with lab:
        flood = start_flood(lab, pod, to, *((A4, B4) if family == "ip" else (A6, B6)))

        def seen():
            c = counts(lab)
            return (c["behind", family, FORBIDDEN],
                    c["before", family, ALLOWED] - c["behind", family, ALLOWED])

        try:
            wait_for(lambda: counts(lab)["behind", family, ALLOWED] > 1000, 5, "the flood")
            start = time.monotonic()
            done = run_edits(lab, versions, edits, (lambda: sum(seen()) > 0) if enough else lambda: False)
            seconds = time.monotonic() - start
        finally:
            flood.terminate()
            sent = int(flood.communicate()[0] or 0)
        wait_for(lambda: flood.poll() is not None, 5, "the flood to end")
        passed, refused = seen()
        c = counts(lab)
        judged = c["before", family, ALLOWED] + c["before", family, FORBIDDEN]
        print(f"# in_flight.py: {mode} {family} {' '.join(options) or 'grow, switch, shrink'}: {done} changes in "
              f"{seconds:.0f} s, {judged} packets judged ({judged / seconds / 1e6:.2f} million/s, {sent} sent): "
              f"forbidden that passed {passed}, allowed that were refused {refused}")
        return passed, refused, judged, lab


def guarantee_v4():
    """in flight: 2,000 changes under a flood, IPv4: nothing passes, nothing is refused"""
    passed, refused, judged, _ = measure("ip", EDITS)
    equal((passed, refused), (0, 0), f"NETPOL_SEED={SEED}: (passed, refused)")
    equal(judged > 100 * EDITS, True, f"only {judged} packets")


def guarantee_v6():
    """in flight: the same, IPv6"""
    passed, refused, judged, _ = measure("ip6", EDITS // 4)
    equal((passed, refused), (0, 0), f"NETPOL_SEED={SEED}: (passed, refused)")
    equal(judged > 100 * EDITS // 4, True, f"only {judged} packets")


def guarantee_tracked():
    """in flight: the same on a bridge that judges for itself"""
    passed, refused, judged, _ = measure("ip", EDITS // 4, mode="tracked")
    equal((passed, refused), (0, 0), f"NETPOL_SEED={SEED}: (passed, refused)")
    equal(judged > 100 * EDITS // 4, True, f"only {judged} packets")


def naive_leaks():
    """in flight: whole-table transactions leak, and this test sees it"""
    passed, refused, _, _ = measure("ip", NAIVE_MOST, "--naive-transactions", enough=True)
    equal(passed + refused > 0, True, "no leak seen: the test is blind")


print(f"# in_flight.py: NETPOL_SEED={SEED}")
test(naive_leaks)
test(guarantee_v4)
test(guarantee_v6)
test(guarantee_tracked)
finish()
