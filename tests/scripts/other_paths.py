#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that do not pass the node's hooks as netpold needs it: `netpolctl status` is degraded and says so. Pods that
the node reaches by its uplink (macvlan, ipvlan), pods in a VRF, packets with a source route."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from inside import Program, set_sysctls
from netlab import Lab, Pod, Skip, wait_for
from report import test, finish, equal
from talk import deny_all, policy

A, B = "10.244.1.10", "10.244.1.11"
UPLINK_POD = "192.168.77.10"


def reasons(lab, part):
    return [r for r in lab.status().get("reasons", []) if part in r]


def check_named(lab, name, part, undo):
    """The pod is named while a policy isolates it."""
    lab.start()
    equal(reasons(lab, part), [], "a pod that no policy isolates is named")
    lab.write_policies([deny_all("m", {"pod": name})])
    wait_for(lambda: reasons(lab, part), 60, f"the reason that names {name}")
    equal((lab.status()["health"], f"default/{name} " in reasons(lab, part)[0]), ("degraded", True),
          f"health, and the pod's name: {lab.status()['reasons']}")
    undo()
    wait_for(lambda: not reasons(lab, part), 60, "the reason to go")


def uplink(senders):
    """The pod's address is in the subnet of the node's card, and no other route leads to it."""
    with Lab("routed", f'senders = "{senders}";\n') as lab:
        lab.pod("default", "a", [A], {"pod": "a"})
        if lab.inside(lab.node, "ip", "link", "add", "up0", "type", "dummy", check=False).returncode:
            lab.in_node("ip", "tuntap", "add", "dev", "up0", "mode", "tap")
        for command in ("link set up0 up", "addr add 192.168.77.1/24 dev up0",
                        "route add default via 192.168.77.254 dev up0"):
            lab.in_node("ip", *command.split())
        lab.pods["default/m"] = Pod("default", "m", [UPLINK_POD], {"pod": "m"})
        lab.write_inventory()
        check_named(lab, "m", "macvlan", lambda: lab.write_policies([deny_all("a", {"pod": "a"})]))


def vrf():
    """other paths: a pod whose interface is in a VRF is named"""
    with Lab("routed") as lab:
        lab.pod("default", "a", [A], {"pod": "a"})
        lab.pod("default", "m", [B], {"pod": "m"})
        if lab.inside(lab.node, "ip", "link", "add", "red", "type", "vrf", "table", "10", check=False).returncode:
            raise Skip("this kernel has no VRF")
        lab.in_node("ip", "link", "set", "red", "up")
        lab.in_node("ip", "link", "set", "v2", "master", "red")
        lab.in_node("ip", "route", "replace", B, "dev", "v2")  # still by the main table, as kubelet reaches it
        lab.write_inventory()
        check_named(lab, "m", "VRF", lambda: lab.in_node("ip", "link", "set", "v2", "nomaster"))


SOURCE_ROUTED = """
import socket, sys
own, node, pod = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((own, 5000))
# LSRR: the kernel sends it to the node, with the pod as the next hop
s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([131, 7, 4]) + socket.inet_aton(node) + b"\\0")
s.sendto(b"x", (pod, 81))
print("sent")
"""
RECEIVER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 81))
s.settimeout(float(sys.argv[1]))
print("ready", flush=True)
try:
    print("arrived from", s.recvfrom(10)[1][0])
except TimeoutError:
    print("nothing")
"""


def source_route():
    """other paths: packets with a source route pass neither by default nor unnoticed"""
    with Lab("routed") as lab:
        a, b = (lab.pod("default", n, [v4], {"pod": n}) for n, v4 in (("a", A), ("b", B)))
        lab.write_inventory()
        set_sysctls(b.netns, {"net.ipv4.conf.all.accept_source_route": 1})
        lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        lab.start()

        def send():
            receiver = Program(b.netns, RECEIVER, 2)
            receiver.stdout.readline()
            Program(a.netns, SOURCE_ROUTED, A, "192.168.50.1", B).answer()
            return receiver.answer().strip()
        equal((send(), reasons(lab, "source route")), ("nothing", []), "a packet with a source route, and the reasons")
        set_sysctls(lab.node, {"net.ipv4.conf.all.accept_source_route": 1})
        lab.write_policies([policy("b", {"pod": "b"}, ingress=[]), policy("a", {"pod": "a"}, ingress=[])])
        wait_for(lambda: reasons(lab, "source route"), 60, "the reason")
        equal(lab.status()["health"], "degraded", "health")


for senders in ("check", "off"):
    test(uplink, senders, name=f"other paths: a pod that is reached by the uplink is named, senders = {senders}")
test(vrf)
test(source_route)
finish()
