#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kube-proxy's IPVS mode with netpold's default settings: a Service's address, and the node's own for a NodePort, is a
local address. IPVS takes the packet from `input` and sends it on through `output`, translated, where it is filtered.
Needs a kernel with IPVS."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from connection import Connection
from netlab import NODE_ADDRESSES, Lab, Skip, run, wait_for
from report import test, finish, equal
from talk import ask, ask_from, deny_all, policy, serve, serve_from

VIP = {4: ("10.96.0.10", "10.96.0.11"), 6: ("fd00:96::a", "fd00:96::b")}
NODE_PORT = 30080


def address(i, version):
    return f"10.244.1.{i}" if version == 4 else f"fd00:244:1::{i:x}"


def needs_ipvs():
    run("modprobe", "ip_vs", check=False)
    if not shutil.which("ipvsadm"):
        raise Skip("ipvsadm is not installed")
    if run("unshare", "-n", "ipvsadm", "-Ln", check=False).returncode:
        raise Skip("this kernel has no IPVS (that of tests/vm has)")


def endpoint(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def add_services(lab, version):
    """Services "a" and "b", with the pods a and b behind them: their addresses are on a dummy interface, as kube-proxy
    adds them. b has a NodePort, too."""
    lab.in_node("sysctl", "-qw", "net.ipv4.vs.conntrack=1")
    lab.in_node("ip", "link", "add", f"ipvs{version}", "type", "dummy")
    node = NODE_ADDRESSES[version == 6]
    for host, port, backend in ((VIP[version][0], 80, 10), (VIP[version][1], 80, 11), (node, NODE_PORT, 11)):
        if host != node:
            lab.in_node("ip", "addr", "add", f"{host}/{32 if version == 4 else 128}", "dev", f"ipvs{version}",
                        *(["nodad"] if version == 6 else []))
        lab.in_node("ipvsadm", "-A", "-t", endpoint(host, port), "-s", "rr")
        lab.in_node("ipvsadm", "-a", "-t", endpoint(host, port), "-r", endpoint(address(backend, version), 8080), "-m")
    lab.in_node("ip", "link", "set", f"ipvs{version}", "up")


POLICIES = [
    deny_all("a", {"pod": "a"}),
    policy("b", {"pod": "b"}, ingress=[{"from": [{"podSelector": {"matchExpressions": [
        {"key": "pod", "operator": "In", "values": ["c", "e"]}]}}], "ports": [{"port": 8080}]}]),
    policy("e", {"pod": "e"}, policyTypes=["Egress"], egress=[
        {"to": [{"podSelector": {"matchLabels": {"pod": "b"}}}], "ports": [{"port": 8080}]}])]
# who asks, whose Service, whether the policies allow it, and why
ASKED = [("c", "b", True, "b's ingress allows c"), ("e", "b", True, "e's egress allows b"),
         ("d", "b", False, "b's ingress refuses d"), ("c", "a", False, "a's ingress refuses all"),
         ("e", "a", False, "e's egress refuses a"), ("a", "b", False, "a's egress refuses all")]


def services(mode, version):
    needs_ipvs()
    with Lab(mode) as lab:
        pods = {n: lab.pod("default", n, [address(10 + i, 4), address(10 + i, 6)], {"pod": n})
                for i, n in enumerate("abcde")}
        lab.write_inventory()
        lab.write_policies(POLICIES)
        add_services(lab, version)
        node, vip = NODE_ADDRESSES[version == 6], dict(zip("ab", VIP[version]))
        servers = [serve(lab, pods[n], address(10 + i, version), 8080, 9090) for i, n in enumerate("ab")]
        servers.append(serve_from(lab.node, "::" if version == 6 else "0.0.0.0", 10250, 10250))
        try:
            equal(ask(lab, pods["a"], "tcp", vip["b"], 80), "allow", "without netpold: a to the Service of b")
            equal(ask(lab, pods["a"], "tcp", vip["b"], 10250), "allow", "without netpold: a to the node's own port")
            lab.start()
            for asking, backend, is_allowed, why in ASKED:
                equal(ask(lab, pods[asking], "tcp", vip[backend], 80) == "allow", is_allowed,
                      f"{asking} to the Service of {backend}: {why}")
                equal(lab.ctl("explain", f"default/{asking}", f"default/{backend}", "8080").returncode, not is_allowed,
                      f"explain of {asking} to the backend {backend}")
                if backend == "b":
                    equal(ask(lab, pods[asking], "tcp", node, NODE_PORT) == "allow", is_allowed,
                          f"{asking} to the NodePort of b: {why}")
            equal(ask_from(lab.node, "tcp", vip["a"], 80), "allow", "the node's own processes to the Service of a")
            for host in (vip["a"], vip["b"], node):
                equal(ask(lab, pods["a"], "tcp", host, 10250), "refused", f"a to the node's port at {host}")
                equal(ask(lab, pods["e"], "tcp", host, 10250), "refused", f"e to the node's port at {host}")
                equal(ask(lab, pods["d"], "tcp", host, 10250), "allow", f"d to the node's port at {host}")
        finally:
            for server in servers:
                server.end()


def established(version):
    """A connection through IPVS that a change forbids is reset; one that it allows goes on."""
    needs_ipvs()
    with Lab("routed") as lab:
        pods = {n: lab.pod("default", n, [address(10 + i, 4), address(10 + i, 6)], {"pod": n})
                for i, n in enumerate("abcde")}
        lab.write_inventory()
        add_services(lab, version)
        lab.start()
        to, server = VIP[version][1], pods["b"].netns
        cut = Connection(lab, (pods["d"].netns, server), "tcp", to, 80, bind=(address(11, version), 8080))
        wait_for(lambda: cut.received("server") > 5, 60, "the first bytes")
        stays = Connection(lab, (pods["c"].netns, server), "tcp", to, 80, bind=(address(11, version), 8080))
        try:
            wait_for(lambda: stays.received("server") > 5, 60, "the first bytes of the other connection")
            lab.write_policies(POLICIES)
            wait_for(lambda: not cut.processes[1].is_running(), 60, "the client to be reset")
            equal(stays.is_alive("server", 60), True, "the allowed connection goes on")
        finally:
            cut.close()
            stays.close()


for mode in ("routed", "bridged"):
    for version in (4, 6):
        test(services, mode, version, name=f"{mode}: Services by IPVS, IPv{version}")
for version in (4, 6):
    test(established, version, name=f"routed: connections through IPVS that a change forbids, IPv{version}")
finish()
