#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The sender check's tables in the kernel, after random changes: pods and their records come, go and have other
addresses and ports; veths come, go and change their bridge; namespaces become free; others change the tables. They must
be as a netpold that has just started writes them. NETPOL_ROUNDS rounds of some changes each."""
import difflib
import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import records
from netlab import NETPOLD, Lab, Pod, run, wait_for, without_refused
from report import equal, finish, repeated_by, seed, test

ROUNDS = int(os.environ.get("NETPOL_ROUNDS", "30"))
SEED = seed()
SPACES = ("one", "two", "three")
PORTS = [f"p{i}" for i in range(8)]
SUBNETS = (("10.244.1.", "fd00:244:1::"), ("10.244.2.", "fd00:244:2::"), ("198.51.100.", "2001:db8:1::"))
MANY = (12, 60)  # records, addresses of each: the sets of senders are made anew, with another size
FORMS = (("any", 2), ("198.51.100.0/28", 1), ("2001:db8:1::/64, 10.244.1.0/28", 1), (None, 4))


class Node:
    """Two bridges, each with a pod that stays: netpold remembers a bridge that has led to pods."""

    def __init__(self, lab, chance):
        self.lab, self.chance, self.pods, self.many, self.forms = lab, chance, {}, False, {}
        self.records = os.path.join(lab.dir, "records")
        self.far = lab._make_netns("far")
        os.mkdir(self.records, 0o755)
        lab.set(attachments=self.records, withdraw_ms=0, log_denied=False)
        with open(lab.conf) as f:
            conf = f.read()
        self.fresh = os.path.join(lab.dir, "fresh.conf")
        for name in ("run", "state"):
            conf = conf.replace(f'"{lab.dir}/{name}"', f'"{lab.dir}/fresh-{name}"')
        lab.put(self.fresh, conf + 'table = "fresh";\n')
        os.mkdir(f"{lab.dir}/fresh-run")
        for i in (0, 1):
            self.link(f"add br{i} type bridge", f"set br{i} up addrgenmode none")
            for address, length in zip(SUBNETS[i], (24, 64)):
                self.address(f"add {address}1/{length} dev br{i} nodad")
            self.make_port(f"stays{i}")
            self.link(f"set stays{i} master br{i}")
            self.write_record("one", f"stays{i}", [SUBNETS[i][0] + "250"], f"stays{i}")
        for i in range(MANY[0]):
            self.make_port(f"many{i}")
        self.ports = set()

    def link(self, *lines):
        self.lab._ip(self.lab.node, [f"link {line}" for line in lines])

    def address(self, line, netns=None):
        run("ip", "-n", netns or self.lab.node, "address", *line.replace(" nodad", " nodad" * (":" in line)).split(),
            check=False)

    def make_port(self, name):
        self.link(f"add {name} type veth peer name {name} netns {self.far}", f"set {name} up addrgenmode none")
        self.lab._ip(self.far, [f"link set {name} up addrgenmode none"])

    # ---- Changes ----
    def some_address(self):
        return self.chance.choice(SUBNETS)[self.chance.random() < 0.5] + str(self.chance.randrange(10, 22))

    def record_name(self, name):
        return os.path.join(self.records, f"cbr0-{name}-eth0")

    def pod_comes(self):
        name = f"pod{self.chance.randrange(20)}"
        space = self.chance.choice(SPACES)
        addresses = [self.some_address() for _ in range(self.chance.choice((1, 1, 2, 3)))]
        self.pods[name] = Pod(space, name, addresses, node=self.chance.choice(("node-1", "node-1", "node-2")))
        self.write_inventory()

    def pod_goes(self):
        if self.pods:
            del self.pods[self.chance.choice(sorted(self.pods))]
            self.write_inventory()

    def write_record(self, namespace, name, addresses, port):
        """Where a record does not name the network namespace, it does not count while its port is gone."""
        records.write(self.records, records.text(namespace, name, addresses, container=name, port=port,
                                                 netns=self.chance.choice((f"/run/netns/{self.far}", ""))))

    def record_comes(self):
        name = f"pod{self.chance.randrange(20)}"
        pod = self.pods.get(name)
        addresses = pod.addresses if pod and self.chance.random() < 0.7 else [self.some_address() for _ in range(2)]
        self.write_record(pod.namespace if pod else "one", name, addresses, self.chance.choice((*PORTS, "gone", "")))

    def record_goes(self):
        path = self.record_name(f"pod{self.chance.randrange(20)}")
        if os.path.exists(path):
            os.unlink(path)

    def many_records(self):
        self.many = not self.many
        for i in range(MANY[0]):
            name = f"many{i}"
            if self.many:
                self.write_record("two", name, [f"10.99.{i}.{k}" for k in range(MANY[1])], name)
            else:
                os.unlink(self.record_name(name))

    def port_changes(self):
        name = self.chance.choice(PORTS)
        if name not in self.ports:
            self.make_port(name)
            if self.chance.random() < 0.7:  # at once: netpold is not told of what changes in pods' namespaces
                self.address(f"add {self.some_address()} dev {name} nodad", self.far)
            self.ports.add(name)
        elif self.chance.random() < 0.3:
            self.link(f"del {name}")
            self.ports.remove(name)
        else:
            self.link(f"set {name} " + self.chance.choice(("master br0", "master br1", "nomaster")))

    def route(self):
        """The kernel tells netpold where a pod without a record is: a route leads to it."""
        if self.ports:
            address = self.some_address()
            self.lab.in_node("ip", "route", self.chance.choice(("add", "add", "del")),
                             f"{address}/{128 if ':' in address else 32}", "dev",
                             self.chance.choice(sorted(self.ports)), check=False)

    def bridge_address(self):
        i = self.chance.choice((0, 1))
        length = self.chance.choice((24, 28))
        self.address(f"{self.chance.choice(('add', 'del'))} {SUBNETS[i][0]}{self.chance.choice((1, 2, 12))}/{length} "
                     f"dev br{i}")

    def form(self):
        texts, weights = zip(*FORMS)
        self.forms[self.chance.choice(SPACES)] = self.chance.choices(texts, weights)[0]
        self.write_inventory()

    def tampering(self):
        family, table = self.chance.choice(("inet", "bridge")), "netpol_senders"
        known = re.findall(r"\n\tset (\w+) \{\n.*?elements = \{ ([^,}]*)", self.lab.in_node(
            "nft", "list", "table", family, table, check=False).stdout, re.S)
        commands = [("delete", "table", family, table), ("flush", "set", family, table, "owned4"),
                    ("flush", "ruleset"), ("add", "element", family, table, "owned4", "{ 10.244.1.17 }"),
                    *(("delete", "element", family, table, name, f"{{ {element.strip()} }}")
                      for name, element in known if name in ("owned4", "owned6", "senders4", "senders6", "known"))]
        self.lab.in_node("nft", *self.chance.choice(commands), check=False)

    def restart(self):
        self.lab.stop()
        for _ in range(self.chance.randrange(3)):
            self.change()
        self.lab.start()

    def change(self):
        changes = {self.pod_comes: 6, self.pod_goes: 3, self.record_comes: 8, self.record_goes: 4,
                   self.port_changes: 6, self.route: 3, self.bridge_address: 2, self.form: 2, self.tampering: 1,
                   self.many_records: 0.3}
        chosen = self.chance.choices(list(changes), list(changes.values()))[0]
        chosen()
        return chosen.__name__

    def write_inventory(self):
        items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "annotations": {"netpol/senders": form} if (form := self.forms.get(name)) else {}}}
            for name in SPACES] + [pod.manifest() for pod in self.pods.values()]
        self.lab.put(os.path.join(self.lab.inventory, "pods.json"),
                     json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    # ---- What the kernel has ----
    def listing(self, table):
        """Both tables, a line an element. What the kernel adds itself, for packets, is left out."""
        text = ""
        for family in ("inet", "bridge"):
            text += self.lab.in_node("nft", "list", "table", family, f"{table}_senders", check=False).stdout
        blocks = [without_refused(block) for block in text.replace(f"{table}_senders", "senders").split("\n\t}\n")]
        return [line for block in blocks for line in re.sub(
            r"elements = \{(.*?)\}", lambda m: "\n".join(sorted(e.strip() for e in m[1].split(","))), block,
            flags=re.S).split("\n")]

    def write_fresh(self):
        self.lab.in_node(NETPOLD, "-c", self.fresh, "--once", check=False)
        wanted = self.listing("fresh")
        self.lab.in_node(NETPOLD, "-c", self.fresh, "--remove")
        return wanted

    def check(self, what):
        """The last change has been read when the listings are equal. What a new netpold asks the kernel may be another
        answer a moment later (a neighbour's entry, a port that has come up), so it is asked again."""
        wanted = found = None
        end = time.monotonic() + 60
        while time.monotonic() < end:
            wanted, found = self.write_fresh(), self.listing("netpol")
            if found == wanted:
                return
            time.sleep(0.2)
        equal("\n".join(difflib.unified_diff(wanted, found, "a new netpold", "the one that has run", lineterm="", n=3)),
              "", what)


def after_changes(mode):
    chance = random.Random(SEED)
    lab = Lab(mode)
    with lab, repeated_by(NETPOL_SEED=SEED, NETPOL_ROUNDS=ROUNDS):
        node = Node(lab, chance)
        node.write_inventory()
        lab.start()
        node.check("at first")
        for i in range(ROUNDS):
            if chance.random() < 0.1:
                node.restart()
            done = [node.change() for _ in range(chance.randrange(1, 7))]
            node.check(f"round {i}, after {', '.join(done)}")


for mode in ("routed", "bridged", "tracked"):
    test(after_changes, mode, name=f"{mode}: after random changes the tables are as a new netpold writes them")
finish()
