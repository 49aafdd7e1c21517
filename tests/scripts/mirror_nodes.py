#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole, with a real API server: kubectl changes something, netpol-mirror writes files, netpold changes the kernel,
and real packets are compared with the naive evaluator, on one node and between three. The API server is ended, cut off
and started again meanwhile.

NETPOL_SEED repeats a run; NETPOL_ROUNDS sets its length."""
import atexit
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chance import Chance, NUMBERS, PROTOCOLS
from cluster import Cluster
from naive import Cluster as Naive
from netlab import BUILD, Lab, Pod, run, wait_for
from report import equal, finish, none_of, seed, test

MIRROR = os.environ.get("NETPOL_MIRROR", os.path.join(BUILD, "netpol-mirror"))
SEED = seed()
ROUNDS = int(os.environ.get("NETPOL_ROUNDS", 3))
NODES = 3
PODS = 3  # on each node
NAMESPACES = ["default", "one", "two"]
OUTSIDE = ["172.17.0.5", "2001:db8::5"]
HAS_TIME = os.environ.get("NETPOL_LONG") == "1"
_cluster = None


def cluster():
    """One for all cases: it takes ten seconds to start."""
    global _cluster
    if _cluster is None:
        _cluster = Cluster().__enter__()
        atexit.register(_cluster.__exit__)
    return _cluster


class Node:
    """A node in the cluster's network, with a bridge, pods, netpold and netpol-mirror."""

    def __init__(self, c, i):
        self.i, self.name = i, f"node-{i}"
        mode = "bridged" if os.path.exists("/proc/sys/net/bridge") else "routed"
        self.lab = Lab(mode, node=self.name, mirror=True,
                       subnets=((f"10.244.{i}.1", 24), (f"fd00:244:{i}::1", 64)))
        self.mirror = None
        c.connect(self.lab, i)

    def route_to(self, others):
        for other in others:
            for command in ((f"-4 route add 10.244.{other.i}.0/24 via 10.50.0.{10 + other.i}"),
                            (f"-6 route add fd00:244:{other.i}::/64 via fd50:0:50::{10 + other.i:x}")):
                run("ip", "-n", self.lab.node, *command.split())

    def start(self, kubeconfig):
        self.log = open(f"{self.lab.dir}/mirror.log", "a+")
        self.mirror = subprocess.Popen(["ip", "netns", "exec", self.lab.node, MIRROR, "--kubeconfig", kubeconfig,
                                        "--directory", self.lab.mirror], stdout=self.log, stderr=self.log)
        if not self.lab.daemon:
            self.lab.start()

    def objects(self):
        """{(kind, namespace, name): (labels, object)} of netpol-mirror's files."""
        found = {}
        for folder in ("policies", "inventory"):
            path = f"{self.lab.mirror}/{folder}"
            for name in os.listdir(path) if os.path.isdir(path) else []:
                if not name.startswith("."):
                    for item in self._items(f"{path}/{name}"):
                        m = item["metadata"]
                        found[item["kind"], m.get("namespace", ""), m["name"]] = (m.get("labels", {}), item)
        return found

    @staticmethod
    def _items(path):
        try:
            with open(path) as f:
                return json.load(f)["items"]
        except FileNotFoundError:  # its last object has just gone
            return []

    def stop_mirror(self):
        self.mirror.terminate()
        equal(self.mirror.wait(60), 0, "netpol-mirror's exit status")
        self.mirror = None

    def close(self, *error):
        if error and error[0] and self.mirror:
            with open(f"{self.lab.dir}/mirror.log") as f:
                print("".join(f"#   {self.name}: {line}\n" for line in f.read().splitlines()[-20:]), end="", flush=True)
        if self.mirror:
            self.mirror.kill()
            self.mirror.wait()
        self.lab.__exit__(*(error or (None, None, None)))


class Nodes:
    """with Nodes(n) as nodes: n nodes with routes to each other, and PODS pods on each, which the API server knows."""

    def __init__(self, n):
        self.n = n

    def __enter__(self):
        self.c = c = cluster()
        self.chance, self.all, self.policies, self.serial = Chance(SEED), [], {}, 0
        try:
            for i in range(1, self.n + 1):
                self.all.append(Node(c, i))
            for node in self.all:
                node.route_to(o for o in self.all if o is not node)
            self.namespaces = {n: self.chance.labels() for n in NAMESPACES}
            self.pods = []
            for node in self.all:
                for k in range(PODS):
                    self._pod(node, [f"10.244.{node.i}.{10 + k}", f"fd00:244:{node.i}::{10 + k:x}"])
            self.world = self.all[0].lab.world(*OUTSIDE) if self.all[0].lab.mode == "routed" else None
            self.write_namespaces()
            self.write_pods(self.pods)
            kubeconfig = c.mirror_kubeconfig()
            for node in self.all:
                node.start(kubeconfig)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error):
        for node in self.all:
            node.close(*error)
        self.c.kubectl("delete", "networkpolicies,pods", "-A", "--all", "--force", "--grace-period=0",
                       "--ignore-not-found")

    def _pod(self, node, addresses, netns=None):
        self.serial += 1
        # kubectl apply --server-side wants each number and protocol once
        ports = {(number, protocol): name for name, number, protocol in self.chance.ports()}
        pod = Pod(self.chance.choice(NAMESPACES), f"pod-{self.serial}", addresses, self.chance.labels(), node=node.name,
                  ports=[(name, *of) for of, name in ports.items()])
        if netns:
            pod.netns = netns
        else:
            pod.netns = node.lab.pod(pod.namespace, pod.name, addresses).netns
        self.pods.append(pod)
        return pod

    # ---- What kubectl changes ----
    def write_namespaces(self):
        self.c.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n, "labels": labels}}
                       for n, labels in self.namespaces.items()))

    def write_pods(self, pods):
        manifests = [p.manifest() for p in pods]
        for manifest in manifests:
            manifest["spec"]["containers"][0]["image"] = "registry.example/c:1"
        self.c.apply(*({k: v for k, v in m.items() if k != "status"} for m in manifests))
        self.c.apply_status(*({k: v for k, v in m.items() if k != "spec"} for m in manifests))

    def write_policies(self, policies):
        """These, by name; the others are deleted."""
        new = {(p["metadata"].get("namespace", "default"), p["metadata"]["name"]) for p in policies}
        if policies:
            self.c.apply(*policies)
        for namespace, name in set(self.policies) - new:
            self.c.kubectl("delete", "networkpolicy", "-n", namespace, name, "--ignore-not-found")
        # as the server stores them: what it once defaulted, such as policyTypes, outlives the next apply
        stored = json.loads(self.c.kubectl("get", "networkpolicies", "-A", "-o", "json"))["items"]
        self.policies = {(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in stored}

    def replace_pod(self):
        """A pod is deleted, and another one gets its address, on the same node."""
        old = self.chance.choice(self.pods)
        node = next(n for n in self.all if n.name == old.node)
        self.c.kubectl("delete", "pod", "-n", old.namespace, old.name, "--force", "--grace-period=0",
                       "--ignore-not-found")
        self.pods.remove(old)
        self.write_pods([self._pod(node, old.addresses, old.netns)])

    def change(self):
        """Labels of pods and namespaces, a pod, all policies, at random."""
        for pod in self.pods:
            if self.chance.random() < 0.3:
                pod.labels = self.chance.labels()
        self.write_pods(self.pods)
        self.replace_pod()
        self.namespaces = {n: self.chance.labels() for n in NAMESPACES}
        self.write_namespaces()
        addresses = [a for p in self.pods for a in p.addresses] + OUTSIDE
        self.write_policies([self.chance.policy(k, NAMESPACES, addresses) for k in range(self.chance.randint(2, 8))])

    # ---- What must follow ----
    def is_written(self, node):
        """Whether the node's files have what kubectl wrote, and netpold has read them."""
        wanted = {("Pod", p.namespace, p.name): dict(p.labels) for p in self.pods}
        wanted |= {("NetworkPolicy", *key): p["spec"] for key, p in self.policies.items()}
        wanted |= {("Namespace", "", n): dict(labels, **{"kubernetes.io/metadata.name": n})
                   for n, labels in self.namespaces.items()}
        found = node.objects()
        for key, value in wanted.items():
            if key not in found:
                return False
            labels, item = found[key]
            if (item["spec"] if key[0] == "NetworkPolicy" else labels) != value:
                return False
            if key[0] == "Pod" and not item.get("status", {}).get("podIPs"):
                return False
        extra = {k for k in found if k[0] != "Namespace" and k not in wanted}
        return not extra

    def wait_for_files(self):
        for node in self.all:
            wait_for(lambda: self.is_written(node), 60, f"{node.name}'s files to be what kubectl wrote")
            wait_for(node.lab.is_up_to_date, 60, f"{node.name}'s netpold to have read the files")
            equal(node.lab.status()["errors"], 0, f"{node.name}: {node.lab.why()}")

    def compare(self, n, what):
        """n random flows between all pods, by real packets, against the naive evaluator."""
        addresses = [a for p in self.pods for a in p.addresses] + (OUTSIDE if self.world else [])
        where = {a: p.netns for p in self.pods for a in p.addresses} | {a: self.world for a in OUTSIDE}
        flows = []
        while len(flows) < n:
            a, b = self.chance.choice(addresses), self.chance.choice(addresses)
            if (":" in a) == (":" in b) and a != b:
                flows.append((a, b, self.chance.choice(PROTOCOLS), self.chance.choice(NUMBERS)))
        found = self.all[0].lab.probe([(where[a], where[b], protocol.lower(), a, b, number)
                                       for a, b, protocol, number in flows])
        equal(len(found), n, "the number of verdicts")
        naive = Naive(self.namespaces, self.pods, list(self.policies.values()))
        bad = naive.wrong(flows, found)
        print(f"# {what}: {n} flows, {found.count('allow')} of them allowed, {len(bad)} wrong", flush=True)
        none_of(bad, n)


def deny(namespace, name):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}


def is_denied(nodes, source, target):
    found = nodes.all[0].lab.probe([(source.netns, target.netns, "tcp", source.addresses[0], target.addresses[0], 80)])
    return found[0] != "allow"


def wait_for_verdict(nodes, source, target, is_denied_then, what):
    wait_for(lambda: is_denied(nodes, source, target) == is_denied_then, 60, what)


def end_to_end():
    """mirror: a policy changes, packets are refused; the server ends, is cut off and comes back meanwhile"""
    with Nodes(1) as nodes:
        c, node = nodes.c, nodes.all[0]
        source, target = nodes.pods[0], nodes.pods[1]
        nodes.wait_for_files()
        wait_for_verdict(nodes, source, target, False, "packets to pass without a policy")
        nodes.write_policies([deny(target.namespace, "all")])
        wait_for_verdict(nodes, source, target, True, "packets to be refused by the policy")

        c.stop()
        equal(is_denied(nodes, source, target), True, "the verdict without an API server")
        node.lab.stop()
        node.lab.start()
        equal(is_denied(nodes, source, target), True, "the verdict after a restart of netpold without an API server")
        c.start()
        nodes.write_policies([])
        wait_for_verdict(nodes, source, target, False, "the policy to go when the server is back")

        c.disconnect(node.lab)
        nodes.write_policies([deny(target.namespace, "while-cut-off")])
        equal(is_denied(nodes, source, target), False, "the verdict while the node is cut off")
        c.disconnect(node.lab, is_off=False)
        wait_for_verdict(nodes, source, target, True, "what changed meanwhile, when the node is connected again")

        told = node.lab.ctl("status")
        equal("netpol-mirror:\n" in told.stdout and "kind: networkpolicies, state: watch" in told.stdout, True,
              f"netpolctl status has netpol-mirror's: {told.stdout}")
        node.stop_mirror()
        os.utime(f"{node.lab.mirror}/inventory/.alive/mirror", (0, 0))
        nodes.write_policies([])
        equal(is_denied(nodes, source, target), True, "the verdict without netpol-mirror")
        wait_for(lambda: ".alive/mirror" in node.lab.why(), 60, "the status to say that netpol-mirror has stopped")
        equal((node.lab.status()["health"], is_denied(nodes, source, target)), ("degraded", True), node.lab.why())
        node.start(f"{c.dir}/mirror.kubeconfig")
        wait_for_verdict(nodes, source, target, False, "what changed meanwhile, when netpol-mirror is back")


def three_nodes():
    """mirror: three nodes, random changes by kubectl: every flow is as the naive evaluator says"""
    with Nodes(NODES) as nodes:
        nodes.wait_for_files()
        nodes.compare(60, "without policies")
        for i in range(ROUNDS):
            nodes.change()
            nodes.wait_for_files()
            nodes.compare(300, f"round {i + 1}")


# ---- Faults meanwhile ----
class Disturbance:
    """with Disturbance(nodes, fault): the fault happens in a thread, at a random moment of what goes on meanwhile."""

    def __init__(self, nodes, fault):
        self.nodes, self.fault, self.error = nodes, fault, None
        self.before_s, self.while_s = nodes.chance.random() * 3, nodes.chance.random() * 2
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            time.sleep(self.before_s)
            self.fault(self.nodes, self.while_s)
        except BaseException as e:
            self.error = e

    def __enter__(self):
        self.nodes.c.is_disturbed = True
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join()
        self.nodes.c.is_disturbed = False
        if self.error:
            raise self.error


def killed(nodes, while_s):
    """the API server is killed, and starts anew"""
    nodes.c.kill()
    time.sleep(while_s)
    nodes.c.start()


def stopped(nodes, while_s):
    """the API server ends by SIGTERM, and starts anew"""
    nodes.c.stop()
    time.sleep(while_s)
    nodes.c.start()


def cut_off(nodes, while_s):
    """nodes are cut off from the API server"""
    for node in nodes.all[1:]:
        nodes.c.cut_off(node.i)
    time.sleep(45 if HAS_TIME and while_s > 1 else 2 * while_s)  # the connection is given up after 30 s
    for node in nodes.all[1:]:
        nodes.c.cut_off(node.i, is_off=False)


def mirrors_killed(nodes, while_s):
    """netpol-mirror is killed, and starts anew"""
    for node in nodes.all:
        node.mirror.kill()
        node.mirror.wait()
    time.sleep(while_s)
    for node in nodes.all:
        node.start(f"{nodes.c.dir}/mirror.kubeconfig")


def faults_meanwhile():
    """mirror: three nodes, and faults while random changes go on: what stood is enforced, and what changed arrives"""
    faults = [killed, cut_off] + ([mirrors_killed, stopped] if HAS_TIME else [])
    with Nodes(NODES) as nodes:
        nodes.change()
        nodes.wait_for_files()
        for i in range(max(ROUNDS // 2, 1)):
            nodes.c.kill()
            nodes.compare(100, f"round {i + 1}, without an API server")
            nodes.c.start()
            for fault in faults:
                with Disturbance(nodes, fault):
                    nodes.change()
                nodes.wait_for_files()
                nodes.compare(200, f"round {i + 1}, {fault.__doc__}")


def restored_backup():
    """mirror: etcd is restored from a backup, and watches go on from versions of its future: the files are as a list"""
    with Nodes(1) as nodes:
        c, node = nodes.c, nodes.all[0]
        nodes.change()
        nodes.wait_for_files()
        c.save()
        before, policies = set(node.objects()), dict(nodes.policies)
        # many versions, so that the server does not come to them again by itself
        names = [f"later-{i}" for i in range(200)]
        c.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in names))
        nodes.write_policies([deny("default", "later")])
        nodes.wait_for_files()
        wait_for(lambda: ("Namespace", "", names[-1]) in node.objects(), 60, "the last namespace")
        c.restore()
        nodes.policies = policies
        wait_for(lambda: set(node.objects()) == before, 900, "the files to be as the backup")
        nodes.wait_for_files()
        nodes.compare(100, "after the backup was restored")
        nodes.change()
        nodes.wait_for_files()
        nodes.compare(100, "changes after that")


for case in (end_to_end, three_nodes, faults_meanwhile):
    test(case)
if HAS_TIME:
    test(restored_backup)
finish()
