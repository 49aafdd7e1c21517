# SPDX-License-Identifier: GPL-2.0-or-later
"""flood: pods a and b, and new UDP flows from a to b as fast as one core sends them: to port ALLOWED, which every
version of the files allows, and to port FORBIDDEN, which every version forbids.

Packets are counted by chains of the test, one before and one after netpold's chain in the same hook, so that packets
lost elsewhere do not count: where policies are evaluated, and where senders are checked. They are counted again in
b's namespace, whose ruleset no test flushes."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

from netlab import BUILD, Lab, Pod, Skip, wait_for

ALLOWED, FORBIDDEN = 1000, 2000
ALLOWED_LAST = 1399  # from ALLOWED on: for tests whose versions allow several ports
ADDRESSES = {"ip": ("10.244.1.10", "10.244.1.11"), "ip6": ("fd00:244:1::a", "fd00:244:1::b")}


@contextlib.contextmanager
def separate_processors():
    """Processes started inside this context run on one processor; yields another one for the flood. A veth packet
    is evaluated on the processor that sends it, so a packet can be inside a hook while netpold commits a transaction
    only if the two run on different processors."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        raise Skip("needs two processors: with one, no packet is inside a hook while netpold runs")
    os.sched_setaffinity(0, {min(before)})
    try:
        yield max(before)
    finally:
        os.sched_setaffinity(0, before)


class Flood:
    """New UDP flows from eth0 of a namespace, in frames to the MAC address `link`, to each of the ports in turn, until
    stop() (tools/flood.c)."""

    def __init__(self, netns, link, source, target, ports, flows=2048, core=None, is_answer=False, has_sources=False):
        """flows: so many source ports. core: see separate_processors(). is_answer: from the ports, to so many others.
        has_sources: also from so many addresses, from `source` on."""
        under = ("taskset", "-c", str(core)) if core is not None else ()
        options = ("-r",) * is_answer + ("-s",) * has_sources
        self.process = subprocess.Popen(
            [*under, "ip", "netns", "exec", netns, os.path.join(BUILD, "tests", "flood"), *options, "-n", str(flows),
             "eth0", link, source, target, *map(str, ports)], stdout=subprocess.PIPE, text=True)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        wait_for(self.is_paused, 60, "the flood to stop")

    def is_paused(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "T"

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """Returns how many frames were sent."""
        self.resume()
        self.process.terminate()
        return int(self.process.communicate()[0] or 0)


class FloodLab(Lab):
    PORTS = (f"{ALLOWED}-{ALLOWED_LAST}", FORBIDDEN)

    def __init__(self, mode="routed", deny="drop", withdraw_ms=0, **more):
        """withdraw_ms: 0, for a test to whose changes it does not matter, and which waits for them."""
        super().__init__(mode, conf=f'settle_ms = 3;\nwithdraw_ms = {withdraw_ms};\ndeny = "{deny}";\n', **more)
        self.flood, self.family = None, "ip"
        self.a, self.b = (self.pod("default", name, [ADDRESSES["ip"][i], ADDRESSES["ip6"][i]], {"pod": name})
                          for i, name in enumerate("ab"))
        # drop what arrives: an answer would make the flow established
        self.inside(self.b.netns, "nft", "-f", "-", input="table inet sink {\n chain c {\n type filter hook "
                    "prerouting priority raw; policy accept;\n" + "".join(
                        f" udp dport {port} counter drop\n" for port in self.PORTS) + " }\n}\n")

    # ---- counting ----
    @property
    def counting_families(self):
        """Of the table where policies are evaluated, and of the one where senders are checked."""
        return {"routed": ["inet"], "bridged": ["inet", "bridge"], "tracked": ["bridge"]}[self.mode]

    def count(self):
        """Adds the counting chains. To be called again after a flush of the node's ruleset."""
        policies = -200 if self.mode == "tracked" else 0
        senders = 10 if self.mode == "bridged" else -150
        self.in_node("nft", "-f", "-", input="".join(
            f"table {family} count\ndelete table {family} count\n" for family in self.counting_families) +
            self._chains(self.counting_families[0], "forward", "", policies) +
            self._chains(self.counting_families[-1], "prerouting", "check_", senders))

    def _chains(self, family, hook, prefix, priority):
        """Two chains, before and after the one of this priority."""
        return f"table {family} count {{\n" + "".join(
            f"\tchain {prefix}{name} {{\n\t\ttype filter hook {hook} priority {priority + more};\n" + "".join(
                f"\t\t{ip} daddr {ADDRESSES[ip][1]} udp dport {port} counter\n" for ip in ADDRESSES
                for port in self.PORTS) + "\t}\n"
            for name, more in (("before", -5), ("after", 5))) + "}\n"

    def counts(self):
        """{(chain, family, first port): packets}"""
        text = [self.in_node("nft", "list", "table", family, "count").stdout for family in self.counting_families]
        result, chain = {}, None
        for line in "".join(text).splitlines():
            m = re.match(r"\s+chain (\w+) {", line)
            chain = m.group(1) if m else chain
            m = re.search(r"(ip6?) daddr \S+ udp dport (\d+)(?:-\d+)? counter packets (\d+)", line)
            if m:
                result[chain, m.group(1), int(m.group(2))] = int(m.group(3))
        return result

    def arrived(self, port):
        """How many packets to the port have reached b's namespace."""
        text = self.inside(self.b.netns, "nft", "list", "table", "inet", "sink").stdout
        return int(re.search(rf"udp dport {port}(?:-\d+)? counter packets (\d+)", text).group(1))

    def leaks(self):
        """(forbidden packets that passed, allowed ones that were refused, also by the sender check)"""
        c = self.counts()
        refused = sum(c[chain + "before", self.family, ALLOWED] - c[chain + "after", self.family, ALLOWED]
                      for chain in ("", "check_"))
        return c["after", self.family, FORBIDDEN], refused

    def evaluated(self):
        """How many packets netpold's chain has evaluated."""
        c = self.counts()
        return c["before", self.family, ALLOWED] + c["before", self.family, FORBIDDEN]

    # ---- flooding ----
    def start_flood(self, family="ip", ports=(ALLOWED, FORBIDDEN), flows=2048, core=None):
        self.family = family
        self.flood = Flood(self.a.netns, self.mac_towards(self.b), *ADDRESSES[family], ports, flows, core)
        wait_for(lambda: self.arrived(ALLOWED) > 100, 60, "the first packets of the flood")

    def pause_flood(self):
        """Returns when every packet that was sent has been evaluated."""
        self.flood.pause()
        self.drain()

    def drain(self):
        """Waits until no more packets arrive: some may still be queued for a processor."""
        def is_drained():
            before = self.arrived(ALLOWED), self.arrived(FORBIDDEN)
            time.sleep(0.03)
            return (self.arrived(ALLOWED), self.arrived(FORBIDDEN)) == before
        wait_for(is_drained, 60, "the last packets to arrive")

    def resume_flood(self):
        self.flood.resume()

    def stop_flood(self):
        """Returns how many frames were sent."""
        if not self.flood:
            return 0
        sent = self.flood.stop()
        self.flood = None
        self.drain()
        return sent

    def close(self):
        self.stop_flood()
        super().close()


class Versions:
    """Files that differ from step to step, all of which allow a -> b ALLOWED and forbid a -> b FORBIDDEN."""
    OF_PODS = ("labels", "many pods and labels")  # kinds of steps
    has_deletions = False

    def __init__(self, lab, chance, blocks=0):
        """blocks: how many rules of a's egress chain each packet passes before the one that allows it. The longer a
        packet is in the hook, the more often a transaction is committed meanwhile."""
        self.lab, self.chance, self.has_many_pods = lab, chance, False
        self.blocks = [{"to": [{"ipBlock": {"cidr": f"10.99.{i >> 8}.{i & 255}/32"}}],
                        "ports": [{"protocol": "UDP", "port": 10000 + i}]} for i in range(blocks)]
        self.kinds = ["edit", "swap", "labels", "policy", "both", "ways", "audit"]
        self.role, self.open_side, self.junk, self.others = "x", "ingress", 0, False
        self.is_audited = False  # the policy of the open side is: it forbids nothing, and isolates nobody
        self.is_one_way = False  # only ingress uses roles: then netpold edits the sets of both pods in place
        self.names = ["policies.json", "pods.json"]
        self.write_policies()
        self.write_labels()

    def policy(self, name, selector, direction, ports, more=()):
        """Peers by label: one rule allows role x and another role y. A peer that moves from one set to the other
        stays allowed."""
        key = "from" if direction == "ingress" else "to"
        peers = [{}] if self.is_one_way and direction == "egress" else [
            {key: [{"podSelector": {"matchLabels": {"role": role}}}]} for role in ("x", "y")]
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"podSelector": {"matchLabels": {"pod": selector}},
                         "policyTypes": [direction.capitalize()], direction: [*more] + [
                             dict(rule, ports=[{"protocol": "UDP", "port": p} for p in ports]) for rule in peers]}}

    def ports(self, direction):
        return [ALLOWED, 5000 + self.junk] + ([FORBIDDEN] if direction == self.open_side else [])

    def policies(self):
        policies = [self.policy("egress-a", "a", "egress", self.ports("egress"), self.blocks),
                    self.policy("ingress-b", "b", "ingress", self.ports("ingress"))]
        if self.others:
            policies.append(self.policy("more-b", "b", "ingress", [ALLOWED, 6000 + self.junk]))
        if self.is_audited:
            policies[self.open_side == "ingress"]["metadata"]["annotations"] = {"netpol/enforcement": "audit"}
        return policies

    def write_policies(self):
        self.lab.write_policies(self.policies(), self.names[0])

    def write_labels(self):
        for pod in (self.lab.a, self.lab.b):
            pod.labels["role"] = self.role
        self.lab.write_inventory(self.names[1])

    def delete(self, is_inventory, is_renamed):
        """The policies' file or the pods'; for a moment there is none. What is written next has the name of before or
        another: such a step needs withdraw_ms."""
        os.unlink(os.path.join(self.lab.inventory if is_inventory else self.lab.policies, self.names[is_inventory]))
        time.sleep(self.chance.random() * 0.01)
        if is_renamed:
            self.names[is_inventory] = f"{'zy'[self.names[is_inventory][0] == 'z']}{is_inventory}.json"

    def write_many_pods(self):
        """Adds or removes 520 pods of role x: the set of that role gets another size, and therefore another name."""
        path = os.path.join(self.lab.inventory, "many.json")
        if not self.has_many_pods:
            os.unlink(path)
            return
        self.lab.put(path, json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            Pod("default", f"c{i}", [f"10.250.{i >> 8}.{i & 255}"], {"role": "x"}, "node-2").manifest()
            for i in range(520)]}))

    def step(self):
        """Writes the files' next version: one random kind of change."""
        kind = self.chance.choice(self.kinds)
        if self.has_deletions and self.chance.random() < 0.7:
            self.delete(kind in self.OF_PODS, self.chance.random() < 0.5)
        if kind == "ways":
            self.is_one_way = not self.is_one_way
        if kind in ("edit", "both"):
            self.junk = (self.junk + 1) % 900
        if kind in ("swap", "both"):
            self.open_side = "egress" if self.open_side == "ingress" else "ingress"
        if kind == "audit":
            self.is_audited = not self.is_audited
        if kind == "policy":
            self.others = not self.others
        if kind in ("many pods", "many pods and labels"):
            self.has_many_pods = not self.has_many_pods
            self.write_many_pods()
        if kind in self.OF_PODS or kind == "both":
            self.role = "y" if self.role == "x" else "x"
            self.write_labels()
        if kind not in self.OF_PODS and kind != "many pods":
            self.write_policies()
