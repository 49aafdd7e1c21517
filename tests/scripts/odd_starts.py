#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Flows that begin oddly. TCP connections that conntrack picks up in the middle, since it has not seen their SYN: what
the policies forbid does not go on because the server sends first, what they allow does. Simultaneous open, TCP Fast
Open, ECN."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from connection import LONG, Connection
from inside import Program, set_sysctls
from netlab import Lab, wait_for
from report import test, finish, equal
from talk import policy

A, B, C = "10.244.1.10", "10.244.1.11", "10.244.1.12"
A6, B6 = "fd00:244:1::a", "fd00:244:1::b"
OUTSIDE = "172.17.9.9"
EVERYBODY_CLOSED = policy("closed", {}, ingress=[])
A_TO_B = policy("b", {"pod": "b"}, ingress=[{"from": [{"podSelector": {"matchLabels": {"pod": "a"}}}]}])
NO_EGRESS = policy("c", {"pod": "c"}, policyTypes=["Egress"])
POLICIES = [EVERYBODY_CLOSED, A_TO_B, NO_EGRESS]
FLUSH = """
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
s.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 1, 0, 0, 0, 0, 0))  # ctnetlink: delete all
print("flushed", flush=True)
"""


class Trio:
    def __init__(self, mode, conf=""):
        self.lab, self.connections = Lab(mode, conf), []
        self.a, self.b, self.c = (self.lab.pod("default", n, [v4, v6], {"pod": n})
                                  for n, v4, v6 in (("a", A, A6), ("b", B, B6), ("c", C, "fd00:244:1::c")))
        self.outside = self.lab.world(OUTSIDE)
        for pod in (self.a, self.b, self.c):
            set_sysctls(pod.netns, {"net.ipv4.tcp_keepalive_time": 1, "net.ipv4.tcp_keepalive_intvl": 1})
        self.lab.write_inventory()

    def __enter__(self):
        return self

    def open(self, *arguments, sender="server", **more):
        connection = Connection(self.lab, *arguments, sender=sender, **more)
        self.connections.append(connection)
        receiving = "client" if sender == "server" else "server"
        wait_for(lambda: connection.received(receiving) > 5, 60, "the connection's first bytes")
        return connection

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        self.lab.close()


def open_all(t):
    """The server sends, and the client, whose keepalive is a second, answers."""
    ab, cb, out = (t.a.netns, t.b.netns), (t.c.netns, t.b.netns), (t.c.netns, t.outside)
    return ({"into b, from c": t.open(cb, "tcp", B, 81),
             "into b, from c, the client is silent": t.open(cb, "tcp", B, 82, is_answered=False),
             "into b, from c, a high port": t.open(cb, "tcp", B, 50051),
             "out of c": t.open(out, "tcp", OUTSIDE, 83),
             "out of c, a high port": t.open(out, "tcp", OUTSIDE, 50052)},
            {"from a to b": t.open(ab, "tcp", B, 84),
             "from a to b, the client sends": t.open(ab, "tcp", B, 85, sender="client"),
             "from a to b over IPv6": t.open(ab, "tcp", B6, 86)})


def check(forbidden, allowed):
    for name, connection in forbidden.items():
        wait_for(lambda: not connection.is_alive("client", 1), 60, f"the forbidden connection to end: {name}")
        equal(connection.is_alive("client", 2), False, f"a forbidden connection goes on: {name}")
    for name, connection in allowed.items():
        receiving = "server" if "client sends" in name else "client"
        equal(connection.is_alive(receiving, LONG), True, f"an allowed connection goes on: {name}")


def first_start(mode):
    """netpold starts on a node that tracks no connections yet."""
    with Trio(mode) as t:
        forbidden, allowed = open_all(t)
        t.lab.write_policies(POLICIES)
        t.lab.start()
        check(forbidden, allowed)


def switched_on():
    """odd starts: br_netfilter is turned on while connections are open on the bridge"""
    with Trio("bridged") as t:
        t.lab.switch_br_netfilter(0)
        ab, cb = (t.a.netns, t.b.netns), (t.c.netns, t.b.netns)
        forbidden = {"from c": t.open(cb, "tcp", B, 81)}
        allowed = {"from a": t.open(ab, "tcp", B, 82)}
        t.lab.write_policies([EVERYBODY_CLOSED, A_TO_B])
        t.lab.start()
        t.lab.switch_br_netfilter(1)
        check(forbidden, allowed)


def flushed():
    """odd starts: conntrack is flushed: allowed connections go on, forbidden ones stay cut"""
    with Trio("routed") as t:
        t.lab.start()
        forbidden, allowed = open_all(t)
        t.lab.write_policies(POLICIES)
        wait_for(lambda: t.lab.status()["cut_flows"] > 0, 60, "the forbidden connections to be cut")
        for _ in range(3):
            equal(Program(t.lab.node, FLUSH).answer(), "flushed\n")
            check(forbidden, {name: c for name, c in allowed.items() if "client sends" in name})


def high_port():
    """odd starts: a connection whose ports do not tell the client is reset, and the next one is allowed"""
    with Trio("routed") as t:
        connection = t.open((t.a.netns, t.b.netns), "tcp", B, 50051, sender="client")
        t.lab.write_policies(POLICIES)
        t.lab.start()
        wait_for(lambda: not connection.processes[1].is_running(), 60, "the client to be reset")
        t.open((t.a.netns, t.b.netns), "tcp", B, 50053, sender="client")


SIMULTANEOUS = """
import socket, struct, sys
own, peer = sys.argv[1:]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT
s.bind((own, 5000))
s.settimeout(20)
try:
    s.connect((peer, 5000))
    s.send(b"x")
    print("allow" if s.recv(1) == b"x" else "closed", flush=True)
    s.send(b"y"), s.recv(1)  # neither end closes before the other one has read
except OSError as e:
    print(e.strerror or "drop")
"""
FAST_OPEN_SERVER = """
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.setsockopt(socket.SOL_TCP, socket.TCP_FASTOPEN, 5)
s.listen()
print("ready", flush=True)
while True:
    connection = s.accept()[0]
    connection.send(connection.recv(10))
    connection.close()
"""
FAST_OPEN_CLIENT = """
import socket, sys
s = socket.socket()
try:
    s.sendto(b"early", socket.MSG_FASTOPEN, (sys.argv[1], int(sys.argv[2])))
    s.settimeout(5)
    print("allow" if s.recv(10) == b"early" else "closed")
except OSError as e:
    print(e.strerror or "drop")
"""


def simultaneous():
    """odd starts: a simultaneous open between ends that may both connect; and not, if one of them may not"""
    with Trio("routed") as t:
        for pod in (t.a, t.b):  # a SYN that is too early is not answered
            t.lab.inside(pod.netns, "nft", "-f", "-", input="table inet t {\\n chain c {\\n type filter hook output "
                         "priority 0;\\n tcp flags & (syn | rst) == rst drop\\n}\\n}\\n".replace("\\n", "\n"))
        t.lab.start()
        for policies, verdict in (([A_TO_B, policy("a", {"pod": "a"}, ingress=[{}])], True), ([A_TO_B], True),
                                  ([A_TO_B, policy("a", {"pod": "a"}, ingress=[])], None),
                                  ([policy("b", {"pod": "b"}, ingress=[]), policy("a", {"pod": "a"}, ingress=[])],
                                   False)):
            t.lab.write_policies(policies)
            wait_for(t.lab.is_up_to_date, 60, "the policies to be in force")
            ends = [Program(pod.netns, SIMULTANEOUS, own, peer) for pod, own, peer in ((t.a, A, B), (t.b, B, A))]
            answers = [end.answer().strip() for end in ends]
            if verdict is None:
                continue  # one direction: b's SYN is refused, a's is not; who is first decides
            equal(["allow" in a for a in answers], [verdict] * 2, f"simultaneous open: {answers}")


def fast_open():
    """odd starts: TCP Fast Open, data in the SYN: as any other connection, with and without ECN"""
    with Trio("routed") as t:
        for pod in (t.a, t.b, t.c):
            set_sysctls(pod.netns, {"net.ipv4.tcp_fastopen": 0x603, "net.ipv4.tcp_ecn": 1})
        t.lab.write_policies([A_TO_B])
        t.lab.start()
        server = Program(t.b.netns, FAST_OPEN_SERVER, B, 81)
        server.stdout.readline()
        try:
            for _ in range(3):
                equal(Program(t.a.netns, FAST_OPEN_CLIENT, B, 81).answer().strip(), "allow", "a to b")
                equal(Program(t.c.netns, FAST_OPEN_CLIENT, B, 81).answer().strip() == "allow", False, "c to b")
        finally:
            server.end()


for mode in ("routed", "bridged", "tracked"):
    test(first_start, mode, name=f"odd starts: {mode}: connections that are older than netpold")
for case in (switched_on, flushed, high_port, simultaneous, fast_open):
    test(case)
finish()
