#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Flows that begin oddly. TCP connections that conntrack picks up in the middle, since it has not seen their SYN: what
the policies forbid does not go on because the server sends first, what they allow does. Simultaneous open, TCP Fast
Open, ECN. Paths of which the node sees one direction only."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from connection import LONG, Connection
from inside import Program, set_sysctls
from netlab import Lab, run, wait_for
from report import test, finish, equal
from talk import ask_from, policy, serve_from

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


# ---- Restarts ----
def restarted(mode):
    """netpold ends and starts again: nothing is picked up anew."""
    with Trio(mode) as t:
        t.lab.write_policies(POLICIES)
        t.lab.start()
        ab = t.a.netns, t.b.netns
        allowed = {"the server sends, the client is silent": t.open(ab, "tcp", B, 84, is_answered=False),
                   "the client sends": t.open(ab, "tcp", B6, 85, sender="client")}
        for sig in (signal.SIGTERM, signal.SIGKILL):
            t.lab.stop(sig)
            t.lab.start()
            check({}, allowed)


def rebooted():
    """odd starts: the node restarts, its connections go on: no table, no conntrack entry, no inventory at first"""
    with Trio("routed") as t:
        t.lab.start()
        forbidden, allowed = open_all(t)
        t.lab.write_policies(POLICIES)
        wait_for(t.lab.is_saved, 60, "the policies to be saved")
        t.lab.reboot()
        equal(Program(t.lab.node, FLUSH).answer(), "flushed\n")
        t.lab.start()
        check(forbidden, allowed)


# ---- Paths ----
OUTSIDE6 = "2001:db8::9"
TO_OUTSIDE = [{"to": [{"ipBlock": {"cidr": f"{OUTSIDE}/32"}}, {"ipBlock": {"cidr": f"{OUTSIDE6}/128"}}],
               "ports": [{"port": 81}]}]
FROM_OUTSIDE = [{"from": [{"ipBlock": {"cidr": f"{OUTSIDE}/32"}}, {"ipBlock": {"cidr": f"{OUTSIDE6}/128"}}],
                 "ports": [{"port": 81}]}]


class Roundabout:
    """Pod a and a host outside are connected by the node, and directly: each direction goes its own way."""

    def __init__(self, enforce):
        self.lab = Lab("routed", f'enforce = "{enforce}";\n')
        node = "node-1" if enforce == "local" else "node-2"  # of a transit node neither end is a pod
        self.a = self.lab.pod("default", "a", [A, A6], {"pod": "a"}, node=node)
        self.outside = self.lab.world(OUTSIDE, OUTSIDE6)
        self.lab.write_inventory()
        run("ip", "-n", self.a.netns, "link", "add", "eth1", "type", "veth", "peer", "name", "eth1", "netns",
            self.outside)
        self.ends = (("pod", self.a.netns, (A, A6), (OUTSIDE, OUTSIDE6), "02:00:00:01:00:01"),
                     ("outside", self.outside, (OUTSIDE, OUTSIDE6), (A, A6), "02:00:00:01:00:02"))
        for _, netns, _, _, mac in self.ends:
            set_sysctls(netns, {f"net.ipv4.conf.{where}.rp_filter": 0 for where in ("all", "eth0", "eth1")})
            run("ip", "-n", netns, "link", "set", "eth1", "address", mac, "up")

        self.lab.in_node("nft", "-f", "-", input="table inet seen {\ncounter pod {\n}\ncounter outside {\n}\n"
                         "chain c {\ntype filter hook forward priority -300\n"
                         f"ip saddr {A} counter name pod\nip saddr {OUTSIDE} counter name outside\n}}\n}}\n")

    def seen(self):
        """How many packets have passed the node since the last call, by their sender."""
        text = self.lab.in_node("nft", "reset", "counters", "table", "inet", "seen").stdout
        return {name: int(n) for name, n in re.findall(r"counter (\w+) \{\s+packets (\d+)", text)}

    def send_directly(self, sender):
        """The sender ("pod", "outside") goes round the node from now on; the other one through it."""
        self.around = sender
        for (name, netns, _, others, _), (_, _, _, _, mac) in zip(self.ends, reversed(self.ends)):
            for other in others:
                if name == sender:
                    run("ip", "-n", netns, "neigh", "replace", other, "lladdr", mac, "dev", "eth1")
                run("ip", "-n", netns, "route", "replace" if name == sender else "del", other, "dev", "eth1",
                    check=name == sender)

    def opens(self, client, port):
        """Whether a connection to that port can be opened, over IPv4 and IPv6."""
        (_, netns, own, others, _), (_, server, _, _, _) = self.ends if client == "pod" else reversed(self.ends)
        found = []
        for address in others:
            program = serve_from(server, address, port, 9)
            found.append(ask_from(netns, "tcp", address, port))
            program.end()
        return found

    def exchanges(self, client, port):
        """Bytes go both ways in a connection. Of the end that sends directly the node sees nothing, but what is left of
        earlier connections."""
        self.seen()
        (_, netns, _, others, _), (_, server, _, _, _) = self.ends if client == "pod" else reversed(self.ends)
        for address in others:
            connection = Connection(self.lab, (netns, server), "tcp", address, port)
            try:
                wait_for(lambda: min(connection.received(end) for end in ("client", "server")) > 20, 60,
                         f"bytes between {client} and {address}")
            finally:
                connection.close()
        seen = self.seen()
        around = seen.pop(self.around)
        (through,) = seen.values()
        equal(around * 4 < through > 20, True, f"packets that the node saw: {through}, and {around} of {self.around}")


def requests_seen(enforce):
    """What the client sends passes the node, the answers do not: policies hold, nothing else is refused."""
    r = Roundabout(enforce)
    with r.lab:
        r.lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Ingress", "Egress"], ingress=FROM_OUTSIDE,
                                     egress=TO_OUTSIDE)])
        r.lab.start()
        for client, around in (("pod", "outside"), ("outside", "pod")):
            r.send_directly(around)
            r.exchanges(client, 81)
            equal("allow" in r.opens(client, 82), False, f"another port, the client is {client}")


def answers_seen(enforce):
    """What the server sends passes the node, the requests do not: it goes on if the policies allow that direction."""
    r = Roundabout(enforce)
    with r.lab:
        r.lab.start()
        for client in ("pod", "outside"):
            for isolates in ((), ("Egress",), ("Ingress",)):
                allowed = {"Ingress": {"ingress": FROM_OUTSIDE}, "Egress": {"egress": TO_OUTSIDE}}
                r.lab.write_policies([policy("a", {"pod": "a"}, policyTypes=[kind], **allowed[kind])
                                      for kind in isolates])
                wait_for(r.lab.is_up_to_date, 60, "the policies")
                r.send_directly(client)
                # the direction that the node sees, of a pod: what it sends, or what it receives
                is_judged = isolates == ("Ingress",) if client == "pod" else isolates == ("Egress",)
                if not is_judged and (enforce == "all" or not isolates):
                    r.exchanges(client, 81)
                elif is_judged:
                    equal("allow" in r.opens(client, 81), False, f"{client} connects, a is isolated: {isolates}")


def two_uplinks():
    """odd starts: a connection comes in by one uplink, its answers leave by another"""
    with Trio("routed") as t:
        t.lab.in_node("ip", "link", "add", "up1", "type", "veth", "peer", "name", "eth1", "netns", t.outside)
        for command in ("link set up1 address 02:ff:00:00:00:02 up",
                        f"neigh add {OUTSIDE} lladdr 02:00:00:01:00:02 dev up1", f"route replace {OUTSIDE} dev up1"):
            t.lab.in_node("ip", *command.split())
        t.lab.in_node("ip", "route", "add", "default", "via", OUTSIDE, "dev", "v4", "onlink")
        t.lab.in_node("ip", "route", "add", "172.17.8.0/24", "via", OUTSIDE, "dev", "up1", "onlink")
        run("ip", "-n", t.outside, "link", "set", "eth1", "address", "02:00:00:01:00:02", "up")
        set_sysctls(t.outside, {f"net.ipv4.conf.{where}.rp_filter": 0 for where in ("all", "eth0", "eth1")})
        t.lab.write_policies([policy("a", {"pod": "a"}, ingress=[{"ports": [{"port": 81}]}]),
                              policy("b", {"pod": "b"}, policyTypes=["Egress"], egress=[{"ports": [{"port": 81}]}])])
        t.lab.start()
        for between, to in (((t.outside, t.a.netns), A), ((t.b.netns, t.outside), OUTSIDE)):
            check({}, {"81, the client sends": t.open(between, "tcp", to, 81, sender="client")})
            server = serve_from(between[1], to, 82, 9)
            equal(ask_from(between[0], "tcp", to, 82) == "allow", False, f"to {to}, a port that is not allowed")
            server.end()


for mode in ("routed", "bridged", "tracked"):
    test(first_start, mode, name=f"odd starts: {mode}: connections that are older than netpold")
for mode in ("routed", "bridged", "tracked"):
    test(restarted, mode, name=f"odd starts: {mode}: netpold restarts")
for case in (switched_on, flushed, high_port, simultaneous, fast_open, rebooted, two_uplinks):
    test(case)
for case, what in ((requests_seen, "requests"), (answers_seen, "answers")):
    for enforce in ("local", "all"):
        test(case, enforce, name=f'odd starts: the node sees the {what} only, enforce = "{enforce}"')
finish()
