# SPDX-License-Identifier: GPL-2.0-or-later
"""naive: evaluates flows, written only from the text of the NetworkPolicy API (k8s.io/api/networking/v1) and from the
table in docs/policies.md of what the API leaves open. Slow and obvious; it shares no code with the compiler.

A policy with the annotation netpol/enforcement: audit is not in force. Each flow has two verdicts: by the policies in
force, and the trial's, as if the audited ones were in force too."""
import ipaddress


def is_audited(policy):
    return (policy["metadata"].get("annotations") or {}).get("netpol/enforcement") == "audit"


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


NAME = "kubernetes.io/metadata.name"  # the label that the API server sets on every namespace


class Cluster:
    """namespaces: {name: labels}, of those with a Namespace object; pods: netlab.Pod; policies: manifests. A pod with
    more["attached"], a time, has a record of the container runtime since then; with more["unlisted"] it has nothing
    else, so that its labels are unknown."""

    def __init__(self, namespaces, pods, policies):
        self.namespaces = {n: dict(labels, **{NAME: n}) for n, labels in namespaces.items()}
        self.pods, self.policies = pods, policies

    def namespace_matches(self, selector, name):
        """Without a Namespace object only the name is known: a selector that asks for another label does not match."""
        if name in self.namespaces:
            return label_selector_matches(selector, self.namespaces[name])
        keys = list(selector.get("matchLabels") or {}) + [e["key"] for e in selector.get("matchExpressions") or []]
        return all(key == NAME for key in keys) and label_selector_matches(selector, {NAME: name})

    def has_addresses(self, pod):
        """Whether policies apply to the pod's addresses: not after it finished, unless it is attached still, nor on the
        host network."""
        return (pod.addresses and not pod.more.get("host_network") and
                (pod.more.get("attached") or pod.more.get("phase", "Running") not in ("Succeeded", "Failed")))

    def is_selected(self, selector, pod):
        """Unknown labels match only what matches all pods."""
        if pod.more.get("unlisted"):
            return not selector.get("matchLabels") and not selector.get("matchExpressions")
        return label_selector_matches(selector, pod.labels)

    def pod_of(self, address):
        """The pod that an address belongs to. Of several pods: the one attached last, else a running one, of these the
        one that started last."""
        candidates = [p for p in self.pods if self.has_addresses(p) and address in p.addresses]
        if not candidates:
            return None
        return max(candidates, key=lambda p: (p.more.get("attached", 0), p.more.get("phase", "Running") == "Running",
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
            if not self.namespace_matches(peer["namespaceSelector"], pod.namespace):
                return False
        elif pod.namespace != policy["metadata"].get("namespace", "default"):
            return False
        return self.is_selected(peer.get("podSelector", {}), pod)

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
        """The directions that a policy isolates, with the API's defaults."""
        types = spec.get("policyTypes") or []
        return types if types else ["Ingress"] + (["Egress"] if spec.get("egress") else [])

    def selecting(self, direction, subject):
        """The policies for the direction that select the pod, in force or not, by name."""
        return sorted((p for p in self.policies if p["metadata"].get("namespace", "default") == subject.namespace and
                       direction in self.types(p["spec"]) and
                       label_selector_matches(p["spec"].get("podSelector", {}), subject.labels)),
                      key=lambda p: p["metadata"]["name"])

    def isolating(self, direction, subject):
        """The policies that isolate the pod in the direction, by name."""
        return [p for p in self.selecting(direction, subject) if not is_audited(p)]

    def would_deny(self, direction, subject, *flow):
        """Whether the trial refuses what passes because nothing isolates the pod in the direction."""
        return (subject is not None and not self.isolating(direction, subject) and
                not self.direction_allows(direction, subject, *flow, trial=True))

    def direction_allows(self, direction, subject, other_address, other, protocol, number, destination, trial=False):
        if subject is None:
            return True
        isolated = False
        for policy in self.policies:
            spec = policy["spec"]
            if policy["metadata"].get("namespace", "default") != subject.namespace:
                continue
            if subject.more.get("unlisted") and not is_audited(policy):
                isolated = True  # any policy of the namespace may be for it
            if is_audited(policy) and not trial:
                continue
            if direction not in self.types(spec):
                continue
            if not self.is_selected(spec.get("podSelector", {}), subject):
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
        """flows: (source, destination, protocol, port); found: their verdicts. Returns a line for each wrong one."""
        lines = []
        for (a, b, protocol, number), verdict in zip(flows, found):
            wanted = self.allows(a, b, protocol, number)
            if (verdict == "allow") != wanted:
                lines.append(f"{self.named(a)} -> {self.named(b)} {number}/{protocol}: got {verdict}, "
                             f"wanted {'allow' if wanted else 'deny'}")
        return lines

    def named(self, address):
        pod = self.pod_of(address)
        return f"{address} ({pod.namespace}/{pod.name})" if pod else address

    def allows(self, source, destination, protocol, number, trial=False):
        """source, destination: addresses as text; protocol: TCP, UDP, SCTP, or ICMP, which ignores the port number."""
        if source == destination:
            return True
        a, b = self.pod_of(source), self.pod_of(destination)
        return (self.direction_allows("Egress", a, destination, b, protocol, number, b, trial) and
                self.direction_allows("Ingress", b, source, a, protocol, number, b, trial))
