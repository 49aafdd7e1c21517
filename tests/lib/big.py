# SPDX-License-Identifier: GPL-2.0-or-later
"""big: inventories and policies of any size, as in a large cluster: one file of pods for each node. Deterministic."""
import json
import os


def address(i):
    return f"10.{1 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"


def pod(i, n_namespaces, local):
    a = address(i)
    return {"metadata": {"name": f"p{i}", "namespace": f"ns{i % n_namespaces}",
                         "labels": {"app": f"app{i % 50}", "tier": f"t{i % 7}", "i": str(i % 1000)}},
            "spec": {"nodeName": "node-1" if i < local else f"node-{2 + i // 110}", "containers": [
                {"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIP": a, "podIPs": [{"ip": a}], "startTime": "2026-01-01T00:00:00Z"}}


def policy(i, n_namespaces):
    team = {"matchLabels": {"team": f"team{i // 10 % 5}"}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": f"policy{i}", "namespace": f"ns{i % n_namespaces}"},
            "spec": {"podSelector": {"matchLabels": {"app": f"app{i % 50}"}}, "policyTypes": ["Ingress", "Egress"],
                     "ingress": [{"from": [{"namespaceSelector": team if i % 10 == 0 else {},
                                            "podSelector": {"matchLabels": {"tier": f"t{i % 7}"}}}],
                                  "ports": [{"protocol": "TCP", "port": 8000 + i % 100}]}],
                     "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
                                {"to": [{"podSelector": {"matchLabels": {"i": str(i % 1000)}}}]}]}}


def namespaces(n_namespaces, shift=0):
    return {"apiVersion": "v1", "kind": "NamespaceList", "items": [
        {"metadata": {"name": f"ns{n}", "labels": {"team": f"team{(n + (shift if n == 0 else 0)) % 5}"}}}
        for n in range(n_namespaces)]}


def write(inventory, policies, n_pods, n_policies, n_local):
    """Adds the files to the two directories; files that are there already stay."""
    n_namespaces, nodes = max(1, n_pods // 500), {}
    for i in range(n_pods):
        p = pod(i, n_namespaces, n_local)
        nodes.setdefault(p["spec"]["nodeName"], []).append(p)
    for name, items in nodes.items():
        with open(os.path.join(inventory, f"{name}.json"), "w") as f:
            json.dump({"apiVersion": "v1", "kind": "PodList", "items": items}, f)
    with open(os.path.join(inventory, "namespaces.json"), "w") as f:
        json.dump(namespaces(n_namespaces), f)
    for k in range(0, n_policies, 100):
        with open(os.path.join(policies, f"big{k}.json"), "w") as f:
            json.dump({"apiVersion": "v1", "kind": "List", "items": [
                policy(i, n_namespaces) for i in range(k, min(k + 100, n_policies))]}, f)
