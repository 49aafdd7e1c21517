#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Refused packets: each refused flow is logged once, with both ends and the policies; every packet is counted. The same
of what audited policies would refuse, and what passes. With real packets, compared with the naive evaluator and with
counters of the test."""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chance import Chance, NUMBERS, PROTOCOLS
from connection import Connection
from flood import ADDRESSES, FORBIDDEN, Flood, FloodLab
from naive import Cluster
from netlab import BUILD, Lab, Skip, wait_for
from report import test, finish, equal, none_of, repeated_by, seed
from talk import ask, serve

SEED = seed()
ROUNDS = int(os.environ.get("NETPOL_ROUNDS", 4))
FLOWS = 60  # of a round: fewer refused ones than the 200 that may be logged at once
GROUP = 6443
NAMESPACES = ["default", "one", "two"]
OUTSIDE = ["172.17.0.5", "2001:db8::5"]


def deny(name, namespace="default", **labels):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name,
            "namespace": namespace}, "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]}}


def metrics(lab):
    """{a metric with its labels: its value}"""
    with open(os.path.join(lab.runtime, "netpol.prom")) as f:
        return {m[1]: float(m[2]) for m in re.finditer(r"^(netpol_\S+) (\S+)$", f.read(), re.M)}


def packets(lab, pod, direction, what="packets", name="denied"):
    return metrics(lab).get(f'netpol_{name}_{what}_total{{namespace="default",pod="{pod}",direction="{direction}"}}', 0)


# ---- Who, to whom, and why ----
def refused_by(naive, flow):
    """(whether it would only be, direction, policies that isolate or would): what would refuse the flow, and what does,
    which is the last one. Egress comes first."""
    a, b, protocol, number = flow
    ends = {"Egress": (naive.pod_of(a), b, naive.pod_of(b)), "Ingress": (naive.pod_of(b), a, naive.pod_of(a))}
    result = []
    for direction, (subject, address, other) in ends.items():
        judged = direction, subject, address, other, protocol, number, naive.pod_of(b)
        if not naive.direction_allows(*judged):
            return result + [(False, direction.lower(), naive.isolating(direction, subject))]
        if naive.would_deny(*judged):
            result.append((True, direction.lower(), naive.selecting(direction, subject)))
    return result


def wanted_entries(naive, flow):
    """The entries as they must be, but for number, time and reason; none: the flow is allowed."""
    a, b, protocol, number = flow
    result = []
    for is_audit, direction, policies in refused_by(naive, flow) if a != b else ():
        result.append({"kind": "would-deny" if is_audit else "denied", "audit": is_audit, "direction": direction,
                       "source": a, "destination": b, "protocol": protocol, "port": number,
                       "policies": [f"{p['metadata'].get('namespace', 'default')}/{p['metadata']['name']}"
                                    for p in policies]})
        for end, address in (("source", a), ("destination", b)):
            pod = naive.pod_of(address)
            if pod:
                result[-1].update({f"{end}_namespace": pod.namespace, f"{end}_pod": pod.name})
    return result


def found_entry(entry):
    """Without what differs from run to run, and the policies without their places."""
    result = {k: v for k, v in entry.items() if k not in ("number", "time", "reason")}
    result["policies"] = [p.split(" ")[0] for p in entry["policies"]]
    return result


def key(entry):
    return tuple(entry.get(k) for k in ("audit", "direction", "source", "destination", "protocol", "port"))


def check_places(entry):
    """Each policy's line is where the file has it: policies.json has one policy a line."""
    for policy in entry["policies"]:
        name, place = re.fullmatch(r"(\S+) \((.*)\)", policy).groups()
        file, line = place.rsplit(":", 1)
        with open(file) as f:
            text = f.read().split("\n")[int(line) - 1]
        equal(f'"name": "{name.split("/")[1]}"' in text, True, f"the policy {name} in line {line}: {text[:200]}")
    equal(bool(entry["reason"]), True, f"the reason of {entry}")


def log_round(chance, lab, pods, where, seen):
    for pod in pods:
        if chance.random() < 0.3:
            pod.labels, pod.ports = chance.labels(), chance.ports()
    addresses = list(where)
    lab.namespaces = dict(chance.namespace_objects(NAMESPACES))
    policies = [chance.policy(i, NAMESPACES, addresses, audited=0.4) for i in range(chance.randint(2, 7))]
    if not seen:  # the first round has flows of both kinds for certain
        policies = [deny("all"), audited(deny("all", namespace="one"))]
    before = lab.status().get("generation", 0), len(lab.denied())
    lab.write_inventory()
    lab.put(os.path.join(lab.policies, "policies.json"), '{"kind": "List", "apiVersion": "v1", "items": [\n' +
            ",\n".join(json.dumps(p) for p in policies) + "\n]}\n")
    wait_for(lab.is_up_to_date, 60, "netpold to take the files")
    naive = Cluster(lab.namespaces, pods, policies)
    flows = []
    while len(flows) < FLOWS:
        a, b = chance.choice(addresses), chance.choice(addresses)
        flow = a, b, chance.choice(PROTOCOLS), chance.choice(NUMBERS)
        if a != b and (":" in a) == (":" in b) and flow not in flows:
            flows.append(flow)
    found = lab.probe([(where[a], where[b], protocol.lower(), a, b, number) for a, b, protocol, number in flows])
    none_of(naive.wrong(flows, found), len(flows))
    wanted = {key(e): e for f in flows for e in wanted_entries(naive, f)}
    new = {k for k in wanted if k not in seen}
    wait_for(lambda: new <= {key(e) for e in lab.denied()[before[1]:]}, 60, f"{len(new)} refused flows to be logged")
    logged = lab.denied()[before[1]:]
    for entry in logged:
        equal(found_entry(entry), wanted.get(key(entry)), f"the entry {entry}")
        check_places(entry)
    equal(sorted(key(e) for e in logged if key(e) in new), sorted(new), "each new refused flow, once")
    seen |= set(wanted)
    return new


def logs(mode):
    """each flow that is refused, or would be, is logged once, with its ends, policies and lines, and no other"""
    chance, seen = Chance(SEED), set()
    with Lab(mode) as lab:
        pods = [lab.pod(NAMESPACES[i % 3], f"pod-{i}", [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"],
                        chance.labels(), ports=chance.ports()) for i in range(6)]
        outside = lab.world(*OUTSIDE)
        where = {a: p.netns for p in pods for a in p.addresses} | {a: outside for a in OUTSIDE}
        lab.write_inventory()
        lab.start()
        for i in range(ROUNDS):
            with repeated_by(NETPOL_ROUNDS=i + 1):
                log_round(chance, lab, pods, where, seen)
        equal({k[0] for k in seen}, {False, True}, "whether flows were refused, and others would be")
        equal(metrics(lab)["netpol_denied_flows_lost_total"], 0, "entries that were lost")


def icmp(mode):
    """refused ICMP is logged and counted, in both families, without a port"""
    with Lab(mode) as lab:
        a, b = (lab.pod("default", name, [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"], {"pod": name})
                for i, name in enumerate("ab"))
        lab.namespace("default")
        lab.write_inventory()
        lab.write_policies([deny("b", pod="b")])
        lab.start()
        lab.probe([(a.netns, b.netns, "icmp", a.addresses[f], b.addresses[f], 0) for f in (0, 1)])
        wait_for(lambda: len(lab.denied()) == 2, 60, "two entries")
        equal([(e["protocol"], e.get("port"), e["source_pod"], e["destination_pod"]) for e in lab.denied()],
              [("ICMP", None, "a", "b"), ("ICMPv6", None, "a", "b")], "protocol, port and pods")
        wait_for(lambda: packets(lab, "b", "ingress") >= 2, 60, "the packets to be counted")


# In IPv6: UDP to 101, behind options of 160 bytes to 102, and behind an authentication header to 103.
EXTENSIONS = """
import socket, struct, sys
source, destination = (socket.inet_pton(socket.AF_INET6, a) for a in sys.argv[1:])
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
def udp(port):
    return struct.pack("!HHHH", 5, port, 12, 0xffff) + b"xxxx"
options = bytes([17, 19]) + bytes([1, 156]) + bytes(156)
for kind, rest in (17, udp(101)), (60, options + udp(102)), (51, bytes([17, 4]) + bytes(22) + udp(103)):
    header = struct.pack("!IHBB", 6 << 28, len(rest), kind, 64)
    s.sendto(header + source + destination + rest, (sys.argv[2], 0))
"""


def extensions(mode):
    """the port behind IPv6 extension headers is logged; an authentication header is a protocol, as to the rules"""
    with Lab(mode) as lab:
        a, b = (lab.pod("default", name, [f"fd00:244:1::{10 + i:x}"], {"pod": name}) for i, name in enumerate("ab"))
        policy = deny("b", pod="b")
        policy["spec"]["ingress"] = [{"ports": [{"protocol": "UDP", "port": 103}]}]
        lab.namespace("default")
        lab.write_inventory()
        lab.write_policies([policy])
        lab.start()
        lab.inside(a.netns, "python3", "-c", EXTENSIONS, a.addresses[0], b.addresses[0])
        wait_for(lambda: len(lab.denied()) == 3, 60, "the entries")
        equal([(e["protocol"], e.get("port")) for e in lab.denied()],
              [("UDP", 101), ("UDP", 102), ("51", None)], "what was refused")


# ---- How many ----
def flood_policies(direction):
    pod, rule = ("b", "ingress") if direction == "ingress" else ("a", "egress")
    return [{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p",
             "namespace": "default"}, "spec": {"podSelector": {"matchLabels": {"pod": pod}},
             "policyTypes": [direction.capitalize()], rule: [{"ports": [{"port": 1000, "protocol": "UDP"}]}]}}]


def counts(mode, deny_by):
    """the counters equal what was sent, both families and directions, and survive restarts and replaced tables"""
    with FloodLab(mode, deny=deny_by) as lab:
        lab.namespace("default")
        lab.write_inventory()
        sent = 0
        for direction, pod in (("ingress", "b"), ("egress", "a")):
            lab.write_policies(flood_policies(direction))
            if not lab.daemon:
                lab.start()
            wait_for(lab.is_up_to_date, 60, "netpold to take the files")
            lab.count()
            before = packets(lab, pod, direction)
            for family in ADDRESSES:
                lab.start_flood(family)
                time.sleep(0.3)
                lab.stop_flood()
            sent = sum(n for (chain, _, port), n in lab.counts().items() if (chain, port) == ("before", FORBIDDEN))
            wait_for(lambda: packets(lab, pod, direction) - before >= sent, 60, f"{sent} packets to be counted")
            equal(packets(lab, pod, direction) - before, sent, f"packets that {pod} refused")
            equal(sent > 0, True, "whether packets were refused")
        equal(packets(lab, "a", "egress", "bytes") >= 28 * sent // 2, True, "bytes")
        survives(lab, "a", "egress")


def table_handle(lab):
    """Another one if the table was made again."""
    text = lab.in_node("nft", "-j", "list", "tables").stdout
    return [t["table"]["handle"] for t in json.loads(text)["nftables"] if t.get("table", {}).get("name") == "netpol"]


def survives(lab, pod, direction, name="denied"):
    """The total is the same after a restart, after a crash, and after the table was made again; a restart adopts it."""
    total, handle = packets(lab, pod, direction, name=name), table_handle(lab)
    for what, change in (("a restart", lambda: lab.stop()), ("a crash", lambda: lab.stop(signal.SIGKILL)),
                         ("another restart", lambda: lab.stop()),
                         ("a replaced table", lambda: lab.in_node("nft", "add rule inet netpol forward accept"))):
        change()
        if not lab.daemon:
            lab.start()
            equal(table_handle(lab), handle, f"the tables' handles after {what}")
        else:
            before = lab.status()["repairs"]
            wait_for(lambda: lab.status()["repairs"] > before, 60, "the repair")
        wait_for(lambda: packets(lab, pod, direction, name=name) >= total, 60, f"the total after {what}")
        equal(packets(lab, pod, direction, name=name), total, f"the total after {what}")


def memory_of(lab):
    """Of netpold, in kB."""
    with open(f"/proc/{lab.daemon.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def random_sources(mode):
    """a flood of refused packets of 20,000 sources: all refused, at most 100 entries a second, no memory that grows"""
    with FloodLab(mode) as lab:
        lab.set(senders="off")  # it would drop them before
        lab.namespace("default")
        lab.write_inventory()
        lab.write_policies([deny("b", pod="b")])
        lab.start()
        before, start = lab.arrived(FORBIDDEN), time.monotonic()
        flood = Flood(lab.a.netns, lab.mac_towards(lab.b), "172.20.0.1", ADDRESSES["ip"][1], (FORBIDDEN,), 20000,
                      has_sources=True)
        try:
            wait_for(lambda: len(lab.denied()) > 300, 60, "300 entries")
            memory = memory_of(lab)
            time.sleep(3)
            grown = memory_of(lab) - memory
        finally:
            sent, took = flood.stop(), time.monotonic() - start
        time.sleep(1.5)
        logged = len(lab.denied())
        equal((sent > 2 * logged, lab.arrived(FORBIDDEN) - before), (True, 0), f"packets that passed, of {sent}")
        equal(logged <= 200 + 100 * (took + 1), True, f"{logged} entries in {took:.1f} s: at most 100 a second and 200")
        size = len(re.findall(r" expires ", lab.in_node("nft", "list", "ruleset").stdout))
        equal(size <= 200 + 100 * (took + 3), True, f"{size} elements of the kernel's sets")
        equal(grown < 8192, True, f"netpold took {grown} kB more")
        print(f"# denials.py: {sent} packets in {took:.1f} s, {logged} entries, {size} elements, memory + {grown} kB")


# ---- Audited policies ----
def audited(policy):
    policy["metadata"]["annotations"] = {"netpol/enforcement": "audit"}
    return policy


def would_counts(mode):
    """audit: what would be refused passes, and is counted as it was sent"""
    with FloodLab(mode) as lab:
        lab.namespace("default")
        lab.write_inventory()
        for direction, pod in (("ingress", "b"), ("egress", "a")):
            lab.write_policies([audited(p) for p in flood_policies(direction)])
            if not lab.daemon:
                lab.start()
            wait_for(lab.is_up_to_date, 60, "netpold to take the files")
            lab.count()
            before = packets(lab, pod, direction, name="would_deny")
            for family in ADDRESSES:
                lab.start_flood(family)
                time.sleep(0.3)
                lab.stop_flood()
            found = lab.counts()
            sent, passed = (sum(n for (chain, _, port), n in found.items() if (chain, port) == (at, FORBIDDEN))
                            for at in ("before", "after"))
            equal((sent > 0, passed), (True, sent), "packets that passed, of those that would be refused")
            wait_for(lambda: packets(lab, pod, direction, name="would_deny") - before >= sent, 60, "the counters")
            equal(packets(lab, pod, direction, name="would_deny") - before, sent, f"packets that {pod} would refuse")
        equal([e for e in metrics(lab) if e.startswith("netpol_denied_packets_total{")], [], "refused packets")
        equal({(e["audit"], e["direction"], e["port"]) for e in lab.denied()},
              {(True, "ingress", FORBIDDEN), (True, "egress", FORBIDDEN)}, "the entries")
        survives(lab, "a", "egress", "would_deny")
        equal((lab.status()["counts"]["isolated_addresses"], len(lab.status()["audited_policies"]),
               lab.status()["health"]), (0, 1, "ok"), f"the status: {lab.why()}")


def trial(mode):
    """audit: a trial: established flows stay, all pass; enforced: they are cut, new ones refused; and back again"""
    with Lab(mode) as lab:
        a, b = (lab.pod("default", name, [f"10.244.1.{10 + i}"], {"pod": name}) for i, name in enumerate("ab"))
        lab.namespace("default")
        lab.write_inventory()
        lab.write_policies([])
        lab.start()
        ends, host, programs = (a.netns, b.netns), b.addresses[0], [serve(lab, b, b.addresses[0], 80, 81)]
        try:
            programs += [Connection(lab, ends, "tcp", host, 90), Connection(lab, ends, "udp", host, 90)]
            for connection in programs[1:]:
                wait_for(lambda: connection.received("server") > 5, 60, "the first bytes")
            try_policy(lab, a, b, programs[1:])
            refused = "drop" if mode == "tracked" else "refused"
            lab.write_policies([deny("b", pod="b")])
            wait_for(lambda: lab.is_up_to_date() and lab.status()["cut_flows"] >= 2, 60, "established flows to be cut")
            equal(ask(lab, a, "tcp", host, 80), refused, "the flow, enforced")
            wait_for(lambda: (False, 80) in [(e["audit"], e["port"]) for e in lab.denied()], 60, "its entry")
            lab.write_policies([audited(deny("b", pod="b"))])
            wait_for(lab.is_up_to_date, 60, "netpold to take the audited policy again")
            equal([ask(lab, a, "tcp", host, 80), ask(lab, a, "udp", host, 81)], ["allow"] * 2, "flows, audited again")
            wait_for(lambda: (True, 81) in [(e["audit"], e["port"]) for e in lab.denied()], 60, "the entry")
        finally:
            for program in programs:
                program.close() if isinstance(program, Connection) else program.end()


def try_policy(lab, a, b, connections):
    """An audited policy that would refuse everything: nothing is cut, a new flow passes, and is told."""
    lab.write_policies([audited(deny("b", pod="b"))])
    wait_for(lab.is_up_to_date, 60, "netpold to take the audited policy")
    equal(ask(lab, a, "tcp", b.addresses[0], 80), "allow", "a flow that would be refused")
    wait_for(lambda: [(e["audit"], e["port"]) for e in lab.denied()] == [(True, 80)], 60, "its entry, and no other")
    check_words(lab)
    for connection in connections:
        n = connection.received("server")
        wait_for(lambda: connection.received("server") > n + 5, 60, "more bytes of the established flow")
    equal(lab.status()["cut_flows"], 0, "flows that were cut")


def to_itself(mode):
    """audit: what an audited pod sends to itself through a Service is not counted, nor logged"""
    with Lab(mode) as lab:
        a, b = (lab.pod("default", name, [f"10.244.1.{10 + i}"], {"pod": name}) for i, name in enumerate("ab"))
        host = a.addresses[0]
        policy = audited(deny("a", pod="a"))
        policy["spec"]["policyTypes"] = ["Ingress", "Egress"]
        lab.namespace("default")
        lab.write_inventory()
        lab.write_policies([policy])
        lab.start()
        server = serve(lab, a, host, 8080, 81)
        lab.in_node("nft", "-f", "-", input="table ip service {\n chain services {\n type nat hook prerouting priority "
                    f"dstnat;\n ip daddr 10.96.0.10 tcp dport 80 dnat to {host}:8080\n }}\n chain masquerading {{\n type nat "
                    f"hook postrouting priority srcnat;\n ip saddr {host} ip daddr {host} masquerade\n }}\n}}\n")
        try:
            equal(ask(lab, a, "tcp", "10.96.0.10", 80), "allow", "a to its own Service")
            equal(ask(lab, b, "tcp", host, 8080), "allow", "b to a")
        finally:
            server.end()
        wait_for(lambda: lab.denied(), 60, "the entry of b's flow")
        equal([(e["source"], e["direction"]) for e in lab.denied()], [(b.addresses[0], "ingress")], "the entries")
        wait_for(lambda: packets(lab, "a", "ingress", name="would_deny") > 0, 60, "b's packet to be counted")
        equal(packets(lab, "a", "egress", name="would_deny"), 0, "what a would have been refused")


def check_words(lab):
    """What operators read of one flow that an audited policy would refuse."""
    place = os.path.join(lab.policies, "policies.json")
    answer = lab.ctl("denied").stdout
    equal(re.sub(r"^\S+Z", "TIME", answer).splitlines()[:2], [
        "TIME  would deny ingress  default/a (10.244.1.10) -> default/b (10.244.1.11) TCP 80",
        f"    audited by default/b ({place}:1)"], "netpolctl denied")
    equal((lab.ctl("denied", "--audit").stdout, lab.ctl("denied", "--refused").stdout), (answer, ""), "the filters")
    equal(lab.status()["audited_policies"], [f"default/b ({place}:1)"], "the status")
    answer = lab.ctl("explain", "default/a", "default/b", "80").stdout
    equal(answer.splitlines()[0].split()[0], "allow", answer)
    equal("would be denied if the audited policies were enforced" in answer, True, answer)


def mixture():
    """audit: where a policy in force isolates, audited ones allow nothing and count nothing"""
    with Lab("routed") as lab:
        pods = [lab.pod("default", name, [f"10.244.1.{10 + i}"], {"pod": name}) for i, name in enumerate("abc")]
        lab.namespace("default")
        lab.write_inventory()
        more = audited(deny("more", pod="b"))
        more["spec"].update(policyTypes=["Ingress", "Egress"], ingress=[{}], egress=[])
        lab.write_policies([deny("b", pod="b"), more])
        lab.start()
        a, b, c = pods
        found = lab.probe([(x.netns, y.netns, "tcp", x.addresses[0], y.addresses[0], 80) for x, y in ((a, b), (b, c))])
        equal(found, ["reject", "allow"], "b's ingress is in force, its egress audited")
        wait_for(lambda: len(lab.denied()) == 2, 60, "two entries")
        equal(sorted((e["audit"], e["direction"], e["policies"][0].split()[0]) for e in lab.denied()),
              [(False, "ingress", "default/b"), (True, "egress", "default/more")], "the entries")
        lab.write_policies([audited(deny("b", pod="b")), deny("b-too", pod="b")])
        wait_for(lab.is_up_to_date, 60, "netpold to take the other policy")
        equal(lab.probe([(a.netns, b.netns, "tcp", a.addresses[0], b.addresses[0], 81)]), ["reject"], "the flow")


def unreadable():
    """audit: a value that is neither: the last good version stays; without one nothing changes; the error names both"""
    lab, flow = pair()
    with lab:
        lab.start()
        path = os.path.join(lab.policies, "policies.json")
        good = open(path).read()
        lab.write_policies([dict(deny("b", pod="b"), metadata={"name": "b", "namespace": "default", "annotations": {
            "netpol/enforcement": "Audit"}})])
        wait_for(lambda: 'supported values: "enforce", "audit"; did you mean "audit"?' in lab.why(), 60, "the error")
        equal(lab.probe([flow(80)]), ["reject"], "the last good version")
        lab.put(os.path.join(lab.policies, "other.json"), good.replace('"b"', '"a"').replace(
            '"metadata": {', '"metadata": {"annotations": {"netpol/enforcement": "x"}, '))
        wait_for(lambda: "other.json" in lab.why(), 60, "the error of the other file")
        a, b = lab.pods["default/a"], lab.pods["default/b"]
        equal(lab.probe([(b.netns, a.netns, "tcp", b.addresses[0], a.addresses[0], 80)]), ["allow"], "nothing changed")


# ---- What may go wrong ----
def pair(mode="routed", conf=""):
    """A lab with a and b, of which b is isolated, and the flow from a to b."""
    lab = Lab(mode, conf)
    a, b = (lab.pod("default", name, [f"10.244.1.{10 + i}"], {"pod": name}) for i, name in enumerate("ab"))
    lab.namespace("default")
    lab.write_inventory()
    lab.write_policies([deny("b", pod="b")])
    return lab, lambda port: (a.netns, b.netns, "tcp", a.addresses[0], b.addresses[0], port)


class Group:
    """Has an NFLOG group of a network namespace, as ulogd would."""

    def __init__(self, lab, group):
        code = ("import socket,struct,sys,time; s=socket.socket(16, socket.SOCK_RAW, 12); s.bind((0, 0)); "
                "s.send(struct.pack('=IHHIIBBHHHBBBB', 28, 0x401, 5, 1, 0, 0, 0, "
                f"socket.htons({group}), 5, 1, 1, 0, 0, 0));"
                "print(struct.unpack('=i', s.recv(4096)[16:20])[0], flush=True); time.sleep(600)")
        self.process = subprocess.Popen(["ip", "netns", "exec", lab.node, "python3", "-c", code],
                                        stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "0\n", "the kernel's answer to another process that takes the group")

    def close(self):
        self.process.kill()
        self.process.wait()


def group_taken():
    """failures: another process has the group: said, counted all the same, and logged once it has gone"""
    lab, flow = pair()
    with lab:
        other = Group(lab, GROUP)
        lab.start()
        wait_for(lambda: f"NFLOG group {GROUP} (log_group) belongs to another process" in lab.why(), 60, "the reason")
        equal(lab.status()["health"], "degraded", "health")
        equal(lab.probe([flow(80)]), ["reject"], "the flow")
        wait_for(lambda: packets(lab, "b", "ingress") > 0, 60, "the packet to be counted")
        equal(lab.denied(), [], "entries")
        other.close()
        wait_for(lambda: lab.status()["health"] == "ok", 60, "netpold to take the group")
        equal(lab.probe([flow(81)]), ["reject"], "another flow")
        wait_for(lambda: [e["port"] for e in lab.denied()] == [81], 60, "the entry")


def settings():
    """failures: log_denied = false counts only; a reload with another group replaces the table, without a gap"""
    lab, flow = pair(conf="log_denied = false;\n")
    with lab:
        lab.start()
        equal(lab.probe([flow(80)]), ["reject"], "the flow")
        wait_for(lambda: packets(lab, "b", "ingress") > 0, 60, "the packet to be counted")
        equal(("log prefix" in "".join(lab.listing()), lab.denied()), (False, []), "rules that log, and entries")
        answer = lab.ctl("denied")
        equal((answer.returncode, answer.stdout, answer.stderr), (0, "", "netpolctl: no refused flow was logged yet: "
                                                                  "log_denied is false\n"), "netpolctl denied")
        total = packets(lab, "b", "ingress")
        for group, port in ((6443, 81), (77, 82)):
            lab.set(log_denied=None, log_group=group)
            lab.daemon.send_signal(signal.SIGHUP)
            wait_for(lambda: f"group {group} " in "".join(lab.listing()), 60, "rules that log to the group")
            # what the fallback table counts in its last moment is lost
            wait_for(lambda: "_guard" not in lab.in_node("nft", "list", "tables").stdout, 60, "the fallback table to go")
            equal(lab.probe([flow(port)]), ["reject"], "the flow")
            wait_for(lambda: [e["port"] for e in lab.denied()][-1:] == [port], 60, "the entry")
        wait_for(lambda: packets(lab, "b", "ingress") >= total + 2, 60, "the total over the replaced tables")
        equal(lab.status()["health"], "ok", lab.why())


def is_quiet(lab):
    """Whether no entry comes for longer than the ring waits before it is written."""
    before = len(lab.denied())
    time.sleep(1.5)
    return 0 < before == len(lab.denied())


def lost():
    """failures: a reader slower than the kernel: what does not fit is counted, and netpold goes on"""
    lab, flow = pair()
    with lab:
        lab.start()
        lab.daemon.send_signal(signal.SIGSTOP)
        # no limit and no set of what was seen: each packet is logged
        lab.in_node("nft", "flush chain inet netpol count_in; "
                    f'add rule inet netpol count_in counter log prefix "in" group {GROUP} snaplen 128')
        a, b = lab.pods["default/a"], lab.pods["default/b"]
        flood = Flood(a.netns, lab.mac_towards(b), a.addresses[0], b.addresses[0], (2000,))

        def logged():
            text = lab.in_node("nft", "list", "chain", "inet", "netpol", "count_in").stdout
            return int(re.search(r"counter packets (\d+)", text).group(1))
        try:
            wait_for(lambda: logged() > 10000, 60, "more messages than netpold's socket has room for")
        finally:
            flood.stop()
        lab.daemon.send_signal(signal.SIGCONT)
        wait_for(lambda: lab.status()["repairs"] > 0 and is_quiet(lab), 60, "the repair, and the end of the messages")
        equal(lab.probe([flow(80)]), ["reject"], "the flow")
        wait_for(lambda: lab.denied()[-1:] and lab.denied()[-1].get("port") == 80, 60, "the entry after the flood")
        wait_for(lambda: metrics(lab)["netpol_denied_flows_lost_total"] > 0, 60, "lost messages to be counted")
        equal("refused flows were not logged" in lab.log(), True, f"the log says it: {lab.log()[-500:]}")
        equal(lab.status()["health"], "ok", lab.why())


def ring():
    """failures: the ring keeps the last 4,096, goes on after a restart, and begins anew if the file is damaged"""
    lab, flow = pair()
    with lab:
        path = os.path.join(lab.runtime, "denied.jsonl")
        lab.put(path, "".join(f'{{"number":{i},"time":"2026-01-01T00:00:00Z","direction":"ingress","source":"10.0.0.1",'
                              f'"destination":"10.0.0.2","protocol":"TCP","port":{i},"policies":[],"reason":""}}\n'
                              for i in range(1, 5001)))
        lab.start()
        equal(lab.probe([flow(80)]), ["reject"], "the flow")
        wait_for(lambda: lab.denied()[-1]["number"] == 5001, 60, "the next entry")
        equal([e["number"] for e in lab.denied()], list(range(906, 5002)), "the entries")
        lab.stop()
        lab.put(path, "{\"number\":7,\"time\n\0\0" + "x" * 100000)
        lab.in_node("nft", "flush", "ruleset")
        lab.start()
        equal(lab.probe([flow(81)]), ["reject"], "the flow")
        wait_for(lambda: len(open(path, "rb").read()) < 1000, 60, "the damaged file to be replaced")
        equal([(e["number"], e["port"]) for e in lab.denied()], [(1, 81)], "the entries")


def gone():
    """failures: a pod that is gone when its entry is read still has its name; an unknown address has none"""
    lab, flow = pair()
    with lab:
        lab.start()
        lab.daemon.send_signal(signal.SIGSTOP)
        equal(lab.probe([flow(80)]), ["reject"], "the flow")
        del lab.pods["default/a"]
        lab.write_inventory()
        lab.daemon.send_signal(signal.SIGCONT)
        wait_for(lambda: lab.denied(), 60, "the entry")
        equal(lab.denied()[0].get("source_pod"), "a", f"the source's name: {lab.denied()}")
        wait_for(lab.is_up_to_date, 60, "the inventory to be read")
        equal(lab.probe([flow(81)]), ["reject"], "the flow of an address that is no pod's")
        wait_for(lambda: len(lab.denied()) == 2, 60, "the second entry")
        equal((lab.denied()[1]["source"], lab.denied()[1].get("source_pod")), ("10.244.1.10", None), "the source")
        text = lab.ctl("denied").stdout
        equal("no pod (10.244.1.10) -> default/b" in text, True, f"netpolctl denied: {text}")


SEND = ("import socket,sys; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        "[s.sendto(b'x', (sys.argv[1], p)) for p in range(int(sys.argv[2]), int(sys.argv[3]))]")


def backlog(lab, ports, meanwhile):
    """Refused flows of a to b while netpold is stopped, and what is done meanwhile."""
    a, b = lab.pods["default/a"], lab.pods["default/b"]
    lab.daemon.send_signal(signal.SIGSTOP)
    lab.inside(a.netns, "python3", "-c", SEND, b.addresses[0], str(ports[0]), str(ports[-1] + 1), check=False)
    meanwhile()
    lab.daemon.send_signal(signal.SIGCONT)


def crash():
    """failures: a crash before the totals are saved: flows are counted on, and packets of a table that was replaced"""
    lab, _ = pair(conf='deny = "drop";\n')
    with lab:
        a, b = lab.pods["default/a"], lab.pods["default/b"]

        def refuse(ports, n):
            lab.inside(a.netns, "python3", "-c", SEND, b.addresses[0], str(ports[0]), str(ports[-1] + 1))
            wait_for(lambda: len(lab.denied()) == n, 60, f"{n} entries")
            wait_for(lambda: (flows_total(lab), packets(lab, "b", "ingress")) == (n, n), 60, f"{n} flows and packets")

        lab.start()
        refuse(range(1000, 1020), 20)
        lab.stop()  # which saves the totals
        lab.start()
        refuse(range(2000, 2030), 50)
        lab.stop(signal.SIGKILL)
        lab.start()
        wait_for(lambda: flows_total(lab) >= 50, 20, "the total of flows after a crash")
        equal(flows_total(lab), 50, "the total of flows after a crash")
        lab.in_node("nft", "add rule inet netpol forward accept")
        wait_for(lambda: lab.status()["repairs"] > 0, 60, "the repair")
        path = os.path.join(lab.state, "denied")
        wait_for(lambda: "total default b ingress 50 " in open(path).read(), 20, "the totals of the replaced table on disk")
        lab.stop(signal.SIGKILL)
        lab.start()
        wait_for(lambda: packets(lab, "b", "ingress") >= 50, 60, "the total of packets after a repair and a crash")
        equal((flows_total(lab), packets(lab, "b", "ingress")), (50, 50), "the totals after a repair and a crash")


def changes():
    """failures: while policies change, no entry names a policy, or a rule, that does not refuse its flow"""
    lab, _ = pair(conf='deny = "drop";\n')
    with lab:
        a, b = lab.pods["default/a"], lab.pods["default/b"]
        opened = deny("b", pod="b")
        opened["spec"]["ingress"] = [{"ports": [{"protocol": "UDP", "port": 1, "endPort": 60000}]}]
        lab.start()
        code = SEND.replace("s.sendto", "__import__('time').sleep(0.005) or s.sendto")
        sender = subprocess.Popen(["ip", "netns", "exec", a.netns, "python3", "-c", code, b.addresses[0], "1000", "2000"])
        try:
            for i in range(60):
                lab.write_policies(([deny("b", pod="b")], [opened], [deny("b", pod="b")], [])[i % 4])
                wait_for(lab.is_up_to_date, 60, "netpold to take the policies")
        finally:
            sender.kill()
            sender.wait()
        wait_for(lambda: is_quiet(lab), 60, "the last entries")
        entries = lab.denied()
        outdated = [e for e in entries if "was changed in that moment" in e["reason"]]
        print(f"# denials.py: {len(outdated)} of {len(entries)} entries came while their policy was changed")
        equal({(len(e["policies"]), e["reason"]) for e in entries if e not in outdated},
              {(1, "no rule has this peer or this port")}, "policies and reasons of the others")
        equal([e["policies"] for e in outdated if e["policies"]], [], "policies of these")


def flows_total(lab):
    return metrics(lab)['netpol_denied_flows_total{direction="ingress"}']


def many():
    """failures: a reload, a new group, and the end, with more messages than one go reads: all are logged, with pods"""
    lab, _ = pair(conf='deny = "drop";\n')
    with lab:
        lab.start()
        ports = [range(first, first + 150) for first in (1000, 2000, 3000)]

        def check(n, what):
            wait_for(lambda: len(lab.denied()) >= n, 60, f"{n} entries {what}")
            equal({(e.get("source_pod"), e.get("destination_pod"), len(e["policies"])) for e in lab.denied()},
                  {("a", "b", 1)}, f"the pods, and how many policies, of {n} entries {what}")
            equal(sorted(e["port"] for e in lab.denied()), [p for r in ports[:n // 150] for p in r], f"the ports {what}")
            equal([e["number"] for e in lab.denied()], list(range(1, n + 1)), f"the numbers {what}")
            wait_for(lambda: flows_total(lab) >= n, 60, f"the total of flows {what}")
            equal(flows_total(lab), n, f"the total of flows {what}")

        backlog(lab, ports[0], lambda: lab.daemon.send_signal(signal.SIGHUP))
        check(150, "after a reload")

        def other_group():
            lab.set(log_group=77)
            lab.daemon.send_signal(signal.SIGHUP)
        time.sleep(2)  # the kernel lets 200 pass at once again
        backlog(lab, ports[1], other_group)
        check(300, "after a new group")
        wait_for(lambda: "group 77 " in "".join(lab.listing()), 60, "rules that log to the group")
        time.sleep(2)
        backlog(lab, ports[2], lambda: lab.daemon.send_signal(signal.SIGTERM))
        equal(lab.daemon.wait(60), 0, "netpold's status")
        lab.daemon = None
        lab.start()
        check(450, "after a restart")


def no_journal():
    """failures: without journald nothing waits, the entries are in the ring, and the loss is counted"""
    if os.path.exists("/run/systemd/journal/socket"):
        raise Skip("this machine has journald")
    lab, flow = pair()
    with lab:
        lab.start(JOURNAL_STREAM="8:1")
        equal(lab.probe([flow(80)]), ["reject"], "the flow")
        wait_for(lambda: len(lab.denied()) == 1, 60, "the entry")
        wait_for(lambda: metrics(lab)["netpol_denied_flows_unlogged_total"] == 1, 60, "the loss to be counted")


def no_nflog():
    """failures: a kernel without NFLOG: said, counted all the same, and the saved table is restored without the log"""
    if not os.environ.get("NETPOL_MACHINE"):
        raise Skip("takes a module out of the kernel: only in the machine of tests/vm")
    lab, flow = pair()
    with lab:
        lab.start()
        wait_for(lab.is_saved, 60, "the table to be saved")
        lab.stop()
        lab.in_node("nft", "flush", "ruleset")
        lab.in_node("modprobe", "-r", "nfnetlink_log")
        os.makedirs("/etc/modprobe.d", exist_ok=True)
        lab.put("/etc/modprobe.d/no-nflog.conf", "install nfnetlink_log /bin/false\n")
        try:
            lab.start()
            equal("was restored from the state directory" in lab.log(), True, f"the log: {lab.log()}")
            wait_for(lambda: "the kernel cannot log packets" in lab.why(), 60, "the reason")
            equal(lab.probe([flow(80)]), ["reject"], "the flow")
            wait_for(lambda: packets(lab, "b", "ingress") > 0, 60, "the packet to be counted")
        finally:
            os.unlink("/etc/modprobe.d/no-nflog.conf")
        wait_for(lambda: lab.status()["health"] == "ok", 60, "netpold to find that the kernel can log again")
        equal(lab.probe([flow(81)]), ["reject"], "another flow")
        wait_for(lambda: [e["port"] for e in lab.denied()] == [81], 60, "its entry")


def ctl():
    """netpolctl denied: equal ones are counted together, by pod and by time; --follow prints new ones"""
    lab, flow = pair()
    with lab:
        lab.start()
        follow = subprocess.Popen([os.path.join(BUILD, "netpolctl"), "-c", lab.conf, "denied", "--follow"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lab.probe([flow(80), flow(81)])
        wait_for(lambda: len(lab.denied()) == 2, 60, "two entries")
        lines = [follow.stdout.readline() for _ in range(6)]
        follow.terminate()
        follow.communicate()
        equal([re.sub(r"^\S+Z", "TIME", line.rstrip()) for line in lines[::3]],
              [f"TIME  ingress  default/a (10.244.1.10) -> default/b (10.244.1.11) TCP {p}" for p in (80, 81)],
              "what --follow prints")
        for options, n in (((), 2), (("--since", "1h"), 2), (("--pod", "default/b"), 2), (("--pod", "default/c"), 0)):
            answer = lab.ctl("denied", *options)
            equal((answer.returncode, len(re.findall(r"^2", answer.stdout, re.M))), (0, n), f"{options}: {answer}")
        path = os.path.join(lab.runtime, "denied.jsonl")
        text = open(path).read()
        lab.stop()
        lab.put(path, re.sub(r'"time":"[^"]*"', '"time":"2026-01-01T00:00:00Z"', text, count=1) + text.replace(
            '"number":', '"number":1'))
        answer = lab.ctl("denied", "--since", "1h").stdout
        equal(re.findall(r"^\S+Z  (.*)ingress .* TCP (\d+)$", answer, re.M), [("", "80"), ("2 times  ", "81")], answer)
        answer = lab.ctl("denied", "--since", "1h", "-o", "json").stdout
        equal([json.loads(line)["port"] for line in answer.splitlines()], [81, 80, 81], "-o json")


def links(mode):
    """packets without a pod's address are refused as before, and fill no counters"""
    lab = Lab(mode)
    with lab:
        a, b = (lab.pod("default", name, [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"], {"pod": name})
                for i, name in enumerate("ab"))
        lab.namespace("default")
        lab.write_inventory()
        lab.write_policies([deny("all")])
        lab.start()
        send = ("import socket,sys; s=socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); "
                "[s.sendto(b'x', (f'fe80::{i:x}', 5353, 0, socket.if_nametoindex('eth0'))) for i in range(1, 50)]; "
                "s.sendto(b'x', ('ff02::fb', 5353, 0, socket.if_nametoindex('eth0'))); "
                "s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(1, socket.SO_BROADCAST, 1); "
                "s.sendto(b'x', ('10.244.1.255', 5353)); s.sendto(b'x', ('224.0.0.251', 5353))")
        lab.inside(a.netns, "python3", "-c", send, check=False)
        lab.probe([(a.netns, b.netns, "udp", a.addresses[0], b.addresses[0], 53)])
        wait_for(lambda: lab.denied(), 60, "the entry of the pod's flow")
        time.sleep(1.5)
        equal([(e["destination"], e["port"]) for e in lab.denied()], [("10.244.1.11", 53)], "the entries")
        text = lab.in_node("nft", "list", "ruleset").stdout
        equal(set(re.findall(r"(\S+) counter packets", text)) - {a for p in (a, b) for a in p.addresses}, set(),
              "addresses that have a counter, other than the pods'")


for MODE in ("routed", "bridged", "tracked"):
    test(logs, MODE, name=f"{MODE}: {logs.__doc__}")
    for case in (icmp, extensions):
        test(case, MODE, name=f"{MODE}: {case.__doc__}")
    for verdict in ("reject", "drop"):
        test(counts, MODE, verdict, name=f"{MODE}, {verdict}: {counts.__doc__}")
    test(random_sources, MODE, name=f"{MODE}: {random_sources.__doc__}")
    for case in (would_counts, trial, *([to_itself] if MODE != "tracked" else [])):
        test(case, MODE, name=f"{MODE}: {case.__doc__}")
for MODE in ("bridged", "tracked"):
    test(links, MODE, name=f"{MODE}: {links.__doc__}")
for case in (mixture, unreadable, ctl, group_taken, settings, lost, ring, gone, many, crash, changes, no_journal, no_nflog):
    test(case)
finish()
