#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Flows that a change has cut stay cut, whichever end sends: TCP, UDP, SCTP, GRE, ESP and others.
What the policies allow begins anew at once. established.py has the cut itself."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from connection import LONG, Connection
from inside import Program, set_sysctls
from netlab import NODE_ADDRESSES, Lab, wait_for
from raw_flow import RawEnd, sctp, sctp_init
from report import test, finish, equal
from talk import policy

A, B, C = "10.244.1.10", "10.244.1.11", "10.244.1.12"
SHORT = 1  # seconds: a flow that passes delivers a packet every 20 ms
CLOSED = policy("b", {"pod": "b"}, ingress=[])
HEARTBEAT, ANSWER = 4, 5
# protocol: what a sends to b, and b to a
PROTOCOLS = {"GRE": (47, b"\0\0\x08\0hello", b"\0\0\x08\0hello"), "ESP": (50, bytes(range(32)), bytes(range(32))),
             "SCTP": (132, sctp(5000, 5000, HEARTBEAT), sctp(5000, 5000, ANSWER)),
             "an experimental protocol": (253, b"hello", b"hello")}


class Trio:
    """A lab with pods a, b and c and netpold; what is opened is closed with it."""

    def __init__(self, mode):
        self.lab, self.opened = Lab(mode), []
        self.a, self.b, self.c = (self.lab.pod("default", n, [v4], {"pod": n})
                                  for n, v4 in (("a", A), ("b", B), ("c", C)))
        self.lab.write_inventory()
        # checksums of crafted packets are right, but no device has checked them
        set_sysctls(self.lab.node, {"net.netfilter.nf_conntrack_checksum": 0})
        self.lab.start()

    def __enter__(self):
        return self

    def raw(self, protocol):
        ends = [RawEnd(self.lab, self.a.netns, A, B, protocol), RawEnd(self.lab, self.b.netns, B, A, protocol)]
        self.opened += ends
        return ends

    def connection(self, *arguments, receiving="server", **more):
        connection = Connection(self.lab, *arguments, **more)
        self.opened.append(connection)
        wait_for(lambda: connection.received(receiving) > 5, 60, "the connection's first bytes")
        return connection

    def change(self, *policies):
        self.lab.write_policies(list(policies))
        wait_for(self.lab.is_up_to_date, 60, "the policies to be in force")

    def __exit__(self, *_):
        for each in self.opened:
            each.close()
        self.lab.close()


def protocols(mode):
    """b's policy forbids what a opened; b may send to a."""
    with Trio(mode) as t:
        ends = {name: t.raw(number) for name, (number, *_) in PROTOCOLS.items()}
        for name, (a, b) in ends.items():
            a.send(PROTOCOLS[name][1])
            wait_for(lambda: b.received() > 2, 60, f"{name} from a to b")
            b.send(PROTOCOLS[name][2])
            wait_for(lambda: a.received() > 2, 60, f"{name} from b to a")
        t.change(CLOSED)
        wait_for(lambda: t.lab.status()["cut_flows"] >= len(ends), 60, "the flows to be cut")
        for name, (a, b) in ends.items():
            wait_for(lambda: not b.receives(0.2) and not a.receives(0.2), 60, f"{name} to end, both ends send")
            equal((b.receives(SHORT), a.receives(SHORT)), (False, False), f"{name} goes on, both ends send")
            a.stop()
            equal(a.receives(SHORT), False, f"{name} goes on, b sends alone")
            a.send(PROTOCOLS[name][1])
            equal(b.receives(SHORT), False, f"{name} goes on after b has sent alone")
        t.change()
        for name, (a, b) in ends.items():
            equal((b.receives(LONG), a.receives(LONG)), (True, True), f"{name} goes on when it is allowed again")


def sctp_anew():
    """cut: SCTP: the end that may open an association does so at once, with the same ports; the other one may not"""
    with Trio("routed") as t:
        a, b = t.raw(132)
        a.send(sctp(5000, 5000, HEARTBEAT))
        wait_for(lambda: b.received() > 0, 60, "a to be the one that opens the flow")
        b.send(sctp(5000, 5000, ANSWER))
        wait_for(lambda: a.received() > 2 and b.received() > 2, 60, "the flow")
        t.change(CLOSED)
        wait_for(lambda: not b.receives(0.2), 60, "the flow to be cut")
        a.stop(), b.stop()
        equal(arrives(a, b, SHORT), False, "a opens an association to b, which b's policy forbids")
        equal(arrives(b, a, LONG), True, "b opens an association to a, which nothing forbids")
        a.send(sctp(5000, 5000, ANSWER, tag=7))
        equal(b.receives(LONG), True, "a answers")
        walk(t, "c", CLOSED)
        equal(b.receives(LONG), True, "the association of b goes on after a look at all flows")
        # now a may open associations to b, and b none to a
        b.send(sctp(5000, 5000, HEARTBEAT, tag=7))
        for other in ("c", "unused"):
            walk(t, other, policy("a", {"pod": "a"}, ingress=[]))
            equal((b.receives(SHORT), a.receives(SHORT)), (False, False), f"the association of b, cut: {other}")
        b.stop()
        equal(arrives(b, a, SHORT), False, "b opens it again, which is forbidden now")
        equal(b.receives(SHORT), False, "a goes on after that")


def arrives(sender, receiver, seconds):
    """Whether an INIT arrives; what came before the sender's program has answered counts too."""
    before, until = receiver.received(), time.monotonic() + seconds
    sender.once(sctp_init(5000, 5000))
    while receiver.received() == before and time.monotonic() < until:
        time.sleep(0.01)
    return receiver.received() > before


def walk(t, name, *policies):
    """Puts policies in force, and waits until netpold has looked at all flows: one that it forbids has ended."""
    a, c = RawEnd(t.lab, t.a.netns, A, C, 47), RawEnd(t.lab, t.c.netns, C, A, 47)
    t.opened += [a, c]
    t.change(*policies)
    a.send(PROTOCOLS["GRE"][1])
    wait_for(lambda: c.receives(0.2), 60, "a flow from a to c")
    t.change(policy(f"for-{name}", {"pod": "c"}, ingress=[]), *policies)
    wait_for(lambda: not c.receives(0.2), 60, "that flow to be cut")
    a.stop()


def silence():
    """cut: UDP: what the server sends does not revive the flow, after connection tracking's times have passed"""
    with Trio("routed") as t:
        set_sysctls(t.lab.node, {"net.netfilter.nf_conntrack_udp_timeout": 1,
                                 "net.netfilter.nf_conntrack_udp_timeout_stream": 1})
        flow = t.connection((t.a.netns, t.b.netns), "udp", B, 81, sender="server", receiving="client")
        t.change(CLOSED)
        wait_for(lambda: not flow.is_alive("client", 0.2), 60, "the flow to be cut")
        equal(flow.is_alive("client", 4), False, "the server's datagrams arrive after four times the timeout")


ECN_CLIENT = """
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.settimeout(5)
try:
    s.connect((sys.argv[3], int(sys.argv[4])))
    print("allow")
except OSError as e:
    print(e)
"""
LISTENER = """
import socket, struct, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
print("ready", flush=True)
connection = s.accept()[0]
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no FIN_WAIT when it is killed
connection.recv(1)
"""
PINNED_CLIENT = """
import socket, sys
s = socket.socket()
s.bind((sys.argv[1], int(sys.argv[2])))
s.connect((sys.argv[3], int(sys.argv[4])))
print("ready", flush=True)
try:
    s.recv(1)
except OSError as e:
    print(e.strerror, flush=True)
"""


def tcp_anew():
    """cut: TCP: the end that may connect does so at once, with the same ports and ECN in its SYN"""
    with Trio("routed") as t:
        set_sysctls(t.b.netns, {"net.ipv4.tcp_ecn": 1})
        server = Program(t.b.netns, LISTENER, B, 81)
        server.stdout.readline()
        client = Program(t.a.netns, PINNED_CLIENT, A, 5555, B, 81)
        client.stdout.readline()
        t.change(CLOSED)
        wait_for(lambda: t.lab.status()["cut_flows"] > 0, 60, "the connection to be cut")
        server.end(), client.end()
        set_sysctls(t.a.netns, {"net.ipv4.tcp_ecn": 1})
        listener = Program(t.a.netns, LISTENER, A, 5555)
        listener.stdout.readline()
        equal(Program(t.b.netns, ECN_CLIENT, B, 81, A, 5555).answer().strip(), "allow", "b connects to a")
        listener.end()


def reversed_ports(mode):
    """A client with a server's port, and a server with a client's: neither end revives the connection."""
    with Trio(mode) as t:
        flow = t.connection((t.a.netns, t.b.netns), "tcp", B, 50051, sender="server", receiving="client",
                            client_port=1000)
        t.change(CLOSED)
        wait_for(lambda: not flow.is_alive("client", 0.3), 60, "the connection to be cut")
        equal(flow.is_alive("client", 12), False, "the connection goes on")


SERVICES = """table ip kube-proxy {
	chain services {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.96.0.10 tcp dport 80 dnat to %s:8080
		ip daddr %s tcp dport 30080 dnat to %s:8081
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ct status dnat %s
	}
}
"""


def resets(mode, is_masquerading, both):
    """A reset reaches the client, also through the translation of a Service or a NodePort."""
    with Trio(mode) as t:
        t.lab.in_node("nft", "-f", "-", input=SERVICES % (B, NODE_ADDRESSES[0], B,
                                                          "masquerade" if is_masquerading else "accept"))
        outside = t.lab.world("172.17.9.9")
        nodes, pods = (outside, t.b.netns), (t.a.netns, t.b.netns)
        flows = {"directly": t.connection(pods, "tcp", B, 81),
                 "through a Service": t.connection(pods, "tcp", "10.96.0.10", 80, bind=(B, 8080)),
                 "through a NodePort": t.connection(nodes, "tcp", NODE_ADDRESSES[0], 30080, bind=(B, 8081))}
        t.change(policy("b", {"pod": "b"}, policyTypes=["Ingress", "Egress"] if both else ["Ingress"]))
        for name, flow in flows.items():
            wait_for(lambda: not flow.processes[1].is_running(), 60, f"the client to be reset: {name}")
            flow.close()


# a table that belongs to the process that made it: nobody else may change or delete it
OWNER = """
import subprocess, sys
nft = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
nft.stdin.write("add table inet netpol_cut { flags owner; }\\nadd chain inet netpol_cut refuse_marked\\n")
nft.stdin.flush()
while "netpol_cut" not in subprocess.run(["nft", "list", "tables"], stdout=subprocess.PIPE, text=True).stdout:
    pass
print("ready", flush=True)
sys.stdin.readline()
"""
MANY = """
import socket, sys
kept = []
for port in range(1, 1001):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x", (sys.argv[1], port))
    s.close()
for i in range(100):
    s = socket.socket()
    s.connect((sys.argv[1], 81))
    kept.append(s)
print("ready", flush=True)
sys.stdin.readline()
"""
ACCEPTING = """
import socket, sys
s = socket.socket()
s.bind((sys.argv[1], 81))
s.listen(200)
print("ready", flush=True)
kept = []
while True:
    kept.append(s.accept())
"""


def table_is_refused():
    """cut: while the kernel refuses the table, status says that flows go on, and they are cut as soon as it takes it"""
    with Trio("routed") as t:
        flow = t.connection((t.a.netns, t.b.netns), "udp", B, 81, sender="server", receiving="client")
        owner = Program(t.lab.node, OWNER)
        owner.stdout.readline()
        t.change(CLOSED)
        wait_for(lambda: "forbidden now may go on" in t.lab.why(), 60, "status to say that the flow goes on")
        equal(flow.is_alive("client", LONG), True, "the flow goes on")
        owner.end()
        wait_for(lambda: not flow.is_alive("client", 0.3), 60, "the flow to be cut without another change")
        wait_for(lambda: "forbidden now may go on" not in t.lab.why(), 60, "status to be well again")


def bounded():
    """cut: a pod with very many flows takes no more than an element of a set, and stays cut"""
    with Trio("routed") as t:
        server = Program(t.b.netns, ACCEPTING, B)
        server.stdout.readline()
        client = Program(t.a.netns, MANY, B)
        client.stdout.readline()
        flow = t.connection((t.a.netns, t.b.netns), "tcp", B, 82, sender="server", receiving="client")
        t.change(policy("a", {"pod": "a"}, policyTypes=["Egress"]))
        wait_for(lambda: t.lab.status()["cut_flows"] > 1000, 60, "the flows to be cut")
        listed = t.lab.in_node("nft", "list", "table", "inet", "netpol_cut").stdout
        equal(listed.count("expires"), 1, "elements in the table")
        equal(flow.is_alive("client", SHORT), False, "a connection goes on")
        client.end(), server.end()


for mode in ("routed", "bridged", "tracked"):
    test(protocols, mode, name=f"cut: {mode}: SCTP, GRE, ESP and others stay cut while the server sends")
for mode in ("routed", "bridged", "tracked"):
    test(reversed_ports, mode, name=f"cut: {mode}: a connection whose ports are those of one that the server opened")
for case in (sctp_anew, silence, tcp_anew, table_is_refused, bounded):
    test(case)
for mode in ("routed", "bridged"):
    for is_masquerading in (False, True):
        for both in (False, True):
            test(resets, mode, is_masquerading, both,
                 name=f"cut: {mode}: resets reach clients{', masqueraded' if is_masquerading else ''}"
                      f"{', egress too' if both else ''}")
finish()
