#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kube-proxy's IPVS mode: a Service's address is a local address of the node. The packet passes `input` before the
translation, and `output` after it. With service_cidrs, `input` accepts the former and `output` evaluates the latter.
Needs a kernel with IPVS."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import Lab, Skip, run
from report import test, finish, equal
from talk import ask, ask_from, deny_all, policy, serve

VIP = {4: ("10.96.0.10", "10.96.0.11"), 6: ("fd00:96::a", "fd00:96::b")}


def address(i, version):
    return f"10.244.1.{i}" if version == 4 else f"fd00:244:1::{i:x}"


def needs_ipvs():
    run("modprobe", "ip_vs", check=False)
    if not shutil.which("ipvsadm"):
        raise Skip("ipvsadm is not installed")
    if run("unshare", "-n", "ipvsadm", "-Ln", check=False).returncode:
        raise Skip("this kernel has no IPVS (that of tests/vm has)")


def add_services(lab, version):
    """Adds both Services' addresses to a dummy interface, as kube-proxy does; pod a serves the first, b the second."""
    lab.in_node("sysctl", "-qw", "net.ipv4.vs.conntrack=1")
    lab.in_node("ip", "link", "add", f"ipvs{version}", "type", "dummy")
    for i, vip in enumerate(VIP[version]):
        lab.in_node("ip", "addr", "add", f"{vip}/{32 if version == 4 else 128}", "dev", f"ipvs{version}",
                    *(["nodad"] if version == 6 else []))
        endpoint = (lambda a, port: f"{a}:{port}") if version == 4 else (lambda a, port: f"[{a}]:{port}")
        lab.in_node("ipvsadm", "-A", "-t", endpoint(vip, 80), "-s", "rr")
        lab.in_node("ipvsadm", "-a", "-t", endpoint(vip, 80), "-r", endpoint(address(10 + i, version), 8080), "-m")
    lab.in_node("ip", "link", "set", f"ipvs{version}", "up")


def services(mode, version):
    needs_ipvs()
    with Lab(mode, 'service_cidrs = [ "10.96.0.0/12", "fd00:96::/64" ];\n') as lab:
        pods = {n: lab.pod("default", n, [address(10 + i, 4), address(10 + i, 6)], {"pod": n})
                for i, n in enumerate("abcde")}
        lab.write_inventory()
        lab.write_policies([
            deny_all("a", {"pod": "a"}),
            policy("b", {"pod": "b"}, ingress=[{"from": [{"podSelector": {"matchExpressions": [
                {"key": "pod", "operator": "In", "values": ["c", "e"]}]}}], "ports": [{"port": 8080}]}]),
            policy("e", {"pod": "e"}, policyTypes=["Egress"], egress=[
                {"to": [{"podSelector": {"matchLabels": {"pod": "b"}}}], "ports": [{"port": 8080}]}])])
        add_services(lab, version)
        servers = [serve(lab, pods[n], address(10 + i, version), 8080, 9090) for i, n in enumerate("ab")]
        to_a, to_b = VIP[version]
        try:
            lab.apply()
            equal(ask(lab, pods["c"], "tcp", to_b, 80), "allow", "c to the Service of b, whose ingress allows c")
            equal(ask(lab, pods["e"], "tcp", to_b, 80), "allow", "e to the Service of b, which e's egress allows")
            equal(ask(lab, pods["d"], "tcp", to_b, 80) != "allow", True, "b's ingress refuses d")
            equal(ask(lab, pods["c"], "tcp", to_a, 80) != "allow", True, "a's ingress refuses all, also c")
            equal(ask(lab, pods["e"], "tcp", to_a, 80) != "allow", True, "e's egress refuses a")
            equal(ask(lab, pods["a"], "tcp", to_b, 80) != "allow", True, "a's egress refuses all, also b")
            for name, backend, verdict in (("c", "b", 0), ("e", "b", 0), ("d", "b", 1), ("c", "a", 1), ("e", "a", 1),
                                           ("a", "b", 1)):
                equal(lab.ctl("explain", f"default/{name}", f"default/{backend}", "8080").returncode, verdict,
                      f"explain of {name} to the backend {backend}")
            told = lab.ctl("explain", "default/c", to_b, "80")
            equal((told.returncode, "judged by the backend" in told.stderr), (2, True), f"explain: {told.stderr}")
            equal(ask_from(lab.node, "tcp", to_a, 80), "allow", "the node's own processes to the Service of a")
            equal(ask(lab, pods["a"], "tcp", "192.168.50.1" if version == 4 else "fd50::1", 10250), "refused",
                  "a to an address of the node that belongs to no Service: evaluated at input")
        finally:
            for server in servers:
                server.end()


for mode in ("routed", "bridged"):
    for version in (4, 6):
        test(services, mode, version, name=f"{mode}: Services by IPVS, IPv{version}")
finish()
