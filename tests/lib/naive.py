# SPDX-License-Identifier: GPL-2.0-or-later
"""naive: what a flow gets, written only from the text of the NetworkPolicy API (k8s.io/api/networking/v1)
and docs/policies.md's table of what it leaves open. Slow, obvious, and without a line of the compiler's."""
import ipaddress


def label_selector_matches(selector, labels):
    """metav1.LabelSelector: matchLabels and matchExpressions are ANDed; an empty one matches all."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for e in selector.get("matchExpressions") or []:
        key, op, values = e["key"], e["operator"], e.get("values") or []
        if op == "In" and not (key in labels and labels[key] in values):
            return False
        if op == "NotIn" and key in labels and labels[key] in values:
            return False
        if op == "Exists" and key not in labels:
            return False
        if op == "DoesNotExist" and key in labels:
            return False
    return True


class Cluster:
    """namespaces: name -> labels; pods: objects with namespace, name, labels, addresses, ports,
    node, and more (phase, host_network, started) as netlab.Pod has them."""

    def __init__(self, namespaces, pods, policies):
        self.namespaces = {n: dict(labels, **{"kubernetes.io/metadata.name": n})
                           for n, labels in namespaces.items()}
        self.pods, self.policies = pods, policies
        for p in pods:
            self.namespaces.setdefault(p.namespace, {"kubernetes.io/metadata.name": p.namespace})

    def counts(self, pod):
        return (pod.addresses and not pod.more.get("host_network") and
                pod.more.get("phase", "Running") not in ("Succeeded", "Failed"))

    def holder(self, address):
        """Who holds an address: of several claimants the one that runs, and started last."""
        claimants = [p for p in self.pods if self.counts(p) and address in p.addresses]
        if not claimants:
            return None
        return max(claimants, key=lambda p: (p.more.get("phase", "Running") == "Running",
                                             p.more.get("started", "2026-01-01T00:00:00Z"),
                                             p.namespace, p.name))

    def peer_matches(self, policy, peer, address, pod):
        if "ipBlock" in peer:
            block, ip = peer["ipBlock"], ipaddress.ip_address(address)
            net = ipaddress.ip_network(block["cidr"])
            if ip.version != net.version or ip not in net:
                return False
            return not any(ip in ipaddress.ip_network(x) for x in block.get("except") or [])
        if pod is None:
            return False
        if "namespaceSelector" in peer:
            if not label_selector_matches(peer["namespaceSelector"], self.namespaces[pod.namespace]):
                return False
        elif pod.namespace != policy["metadata"].get("namespace", "default"):
            return False
        return label_selector_matches(peer.get("podSelector", {}), pod.labels)

    def port_matches(self, port, protocol, number, destination):
        if port.get("protocol", "TCP") != protocol:
            return False
        wanted = port.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            return destination is not None and any(
                n == wanted and p == number and q == protocol for n, p, q in destination.ports)
        return wanted <= number <= port.get("endPort", wanted)

    def types(self, spec):
        given = spec.get("policyTypes") or []
        return given if given else ["Ingress"] + (["Egress"] if spec.get("egress") else [])

    def direction_allows(self, direction, subject, other_address, other, protocol, number, destination):
        if subject is None:
            return True
        isolated = False
        for policy in self.policies:
            spec = policy["spec"]
            if policy["metadata"].get("namespace", "default") != subject.namespace:
                continue
            if direction not in self.types(spec):
                continue
            if not label_selector_matches(spec.get("podSelector", {}), subject.labels):
                continue
            isolated = True
            for rule in spec.get(direction.lower()) or []:
                peers = rule.get("from" if direction == "Ingress" else "to") or []
                ports = rule.get("ports") or []
                if peers and not any(self.peer_matches(policy, p, other_address, other) for p in peers):
                    continue
                if ports and not any(self.port_matches(p, protocol, number, destination) for p in ports):
                    continue
                return True
        return not isolated

    def wrong(self, flows, found):
        """flows: (source, destination, protocol, number); found: a verdict each. A line for each that is wrong."""
        lines = []
        for (a, b, protocol, number), verdict in zip(flows, found):
            wanted = self.allows(a, b, protocol, number)
            if (verdict == "allow") != wanted:
                lines.append(f"{self.named(a)} -> {self.named(b)} {number}/{protocol}: got {verdict}, "
                             f"wanted {'allow' if wanted else 'deny'}")
        return lines

    def named(self, address):
        pod = self.holder(address)
        return f"{address} ({pod.namespace}/{pod.name})" if pod else address

    def allows(self, source, destination, protocol, number):
        """Addresses as text; protocol TCP, UDP, SCTP, or ICMP (number ignored)."""
        if source == destination:
            return True
        a, b = self.holder(source), self.holder(destination)
        return (self.direction_allows("Egress", a, destination, b, protocol, number, b) and
                self.direction_allows("Ingress", b, source, a, protocol, number, b))
