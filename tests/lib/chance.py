# SPDX-License-Identifier: GPL-2.0-or-later
"""chance: random clusters and policies, with many corner cases. Everything comes from one seed."""
import random

KEYS = ["app", "role", "tier", "example.com/team"]
VALUES = ["a", "b", "c", ""]
NAMES = ["http", "dns", "metrics"]
NAMESPACE_NAME = "kubernetes.io/metadata.name"  # the label that the API server sets on every namespace
NUMBERS = [53, 80, 81, 443, 8080]
PROTOCOLS = ["TCP", "UDP", "SCTP"]


class Chance(random.Random):
    def labels(self):
        return {k: self.choice(VALUES) for k in KEYS if self.random() < 0.5}

    def expression(self, key, values):
        e = {"key": key, "operator": self.choice(["In", "NotIn", "Exists", "DoesNotExist"])}
        if e["operator"] in ("In", "NotIn"):
            e["values"] = self.sample(values, self.randint(1, min(3, len(values))))
        return e

    def selector(self):
        s = {}
        if self.random() < 0.5:
            s["matchLabels"] = {self.choice(KEYS): self.choice(VALUES)}
        if self.random() < 0.4:
            s["matchExpressions"] = [self.expression(self.choice(KEYS), VALUES)]
        return s

    def namespace_selector(self, namespaces):
        """By the name with any operator, by other labels, by both, or all namespaces."""
        if self.random() < 0.2:
            return {"matchLabels": {NAMESPACE_NAME: self.choice(namespaces)}}
        selector = self.selector() if self.random() < 0.7 else {}
        if self.random() < 0.3:
            selector.setdefault("matchExpressions", []).append(self.expression(NAMESPACE_NAME, namespaces))
        return selector

    def namespace_objects(self, namespaces):
        """{name: labels} of the namespaces that have a Namespace object; some have none."""
        return {n: self.labels() for n in namespaces if self.random() < 0.6}

    def block(self, addresses):
        """A block around one of the addresses, with excepts strictly inside it."""
        import ipaddress
        address = ipaddress.ip_address(self.choice(addresses))
        bits = address.max_prefixlen
        prefix = self.choice([0, 1, 8, bits - 8, bits - 4, bits - 2, bits])
        net = ipaddress.ip_network((int(address) >> (bits - prefix) << (bits - prefix) if prefix else 0, prefix)) \
            if address.version == 4 else \
            ipaddress.IPv6Network((int(address) >> (bits - prefix) << (bits - prefix) if prefix else 0, prefix))
        block = {"cidr": str(net)}
        excepts = []
        for _ in range(self.choice([0, 0, 1, 2, 3])):
            other = ipaddress.ip_address(self.choice(addresses))
            if other.version == net.version and other in net and prefix < bits:
                p = self.choice([x for x in (prefix + 1, bits - 3, bits - 1, bits) if prefix < x <= bits])
                value = int(other) >> (bits - p) << (bits - p)
                excepts.append(str(type(net)((value, p))))
        if self.random() < 0.1 and prefix < bits:
            excepts = [str(n) for n in net.subnets(1)]  # the whole block, as two halves
        if excepts:
            block["except"] = excepts
        return block

    def peer(self, namespaces, addresses):
        kind = self.random()
        if kind < 0.3:
            return {"ipBlock": self.block(addresses)}
        peer = {}
        if kind < 0.75:
            peer["podSelector"] = self.selector()
        if kind > 0.5:
            peer["namespaceSelector"] = self.namespace_selector(namespaces)
        return peer

    def port(self):
        port = {}
        if self.random() < 0.8:
            port["protocol"] = self.choice(PROTOCOLS)
        kind = self.random()
        if kind < 0.25:
            port["port"] = self.choice(NAMES)
        elif kind < 0.85:
            port["port"] = self.choice(NUMBERS)
            if self.random() < 0.3:
                port["endPort"] = self.choice([n for n in NUMBERS + [65535] if n >= port["port"]])
        return port

    def rule(self, direction, namespaces, addresses):
        rule = {}
        if self.random() < 0.8:
            rule["from" if direction == "ingress" else "to"] = [
                self.peer(namespaces, addresses) for _ in range(self.choice([0, 1, 1, 2, 3]))]
        if self.random() < 0.7:
            rule["ports"] = [self.port() for _ in range(self.choice([0, 1, 1, 2, 4]))]
        return rule

    def policy(self, i, namespaces, addresses, audited=0.0):
        """audited: how probable it is that the policy says whether it is enforced or audited."""
        spec = {"podSelector": self.selector() if self.random() < 0.8 else {}}
        if self.random() < 0.7:
            spec["policyTypes"] = self.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"], []])
        for direction in ("ingress", "egress"):
            if self.random() < 0.75:
                spec[direction] = [self.rule(direction, namespaces, addresses)
                                   for _ in range(self.choice([0, 1, 1, 2]))]
        metadata = {"name": f"policy-{i}", "namespace": self.choice(namespaces)}
        if metadata["namespace"] == "default" and self.random() < 0.5:
            del metadata["namespace"]
        if self.random() < audited:
            metadata["annotations"] = {"netpol/enforcement": self.choice(["audit", "audit", "audit", "enforce"])}
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata,
                "spec": spec}

    def ports(self):
        return [(n, self.choice(NUMBERS), self.choice(PROTOCOLS)) for n in NAMES if self.random() < 0.6]
