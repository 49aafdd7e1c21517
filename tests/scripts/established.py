#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Established flows that a change forbids are reset, TCP and UDP, whichever end sends. All others continue: flows that
are still allowed, also through a Service, the node's own, those of other pods."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from connection import LONG, Connection
from netlab import Lab, NODE_ADDRESSES, wait_for
from report import test, finish, equal
from talk import policy

A, B, C = "10.244.1.10", "10.244.1.11", "10.244.1.12"
A6, B6 = "fd00:244:1::a", "fd00:244:1::b"
SERVICE = """table ip kube-proxy {
	chain services {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.96.0.10 tcp dport 80 dnat to %s:8080
		ip daddr 10.96.0.11 tcp dport 80 dnat to %s:8081
		ip daddr 10.96.0.12 tcp dport 80 dnat to %s:90
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ct status dnat masquerade
	}
}
""" % (B, B, B)


def open_connections(lab, a, b, c):
    ab, cb = (a.netns, b.netns), (c.netns, b.netns)
    return {
        "tcp": Connection(lab, ab, "tcp", B, 81),
        "tcp, the server sends": Connection(lab, ab, "tcp", B, 82, sender="server"),
        "tcp, the server sends, the client does not answer": Connection(lab, ab, "tcp", B, 83, sender="server",
                                                                        is_answered=False),
        "tcp over IPv6": Connection(lab, ab, "tcp", B6, 81),
        "udp": Connection(lab, ab, "udp", B, 81),
        "udp, the server sends": Connection(lab, ab, "udp", B, 88, sender="server"),
        "udp over IPv6": Connection(lab, ab, "udp", B6, 81),
        "through a Service": Connection(lab, ab, "tcp", "10.96.0.10", 80, bind=(B, 8080)),
        "through a Service, the server sends": Connection(lab, ab, "tcp", "10.96.0.11", 80, sender="server",
                                                          bind=(B, 8081)),
        "an allowed port through a Service": Connection(lab, ab, "tcp", "10.96.0.12", 80, bind=(B, 90)),
        "an allowed port": Connection(lab, ab, "tcp", B, 91),
        "an allowed port, udp": Connection(lab, ab, "udp", B, 90),
        "an allowed peer": Connection(lab, cb, "tcp", B, 84),
        "from the node": Connection(lab, (lab.node, b.netns), "tcp", B, 85),
        "from the node, the server sends": Connection(lab, (lab.node, b.netns), "tcp", B, 86, sender="server"),
        "from the pod to others": Connection(lab, (b.netns, c.netns), "tcp", C, 87),
    }


def receiver(name):
    return "client" if "server sends" in name else "server"


def stays_allowed(name):
    return name.startswith(("an allowed", "from"))


def check_resets(mode):
    with Lab(mode) as lab:
        a, b, c = (lab.pod("default", n, [v4, v6], {"pod": n})
                   for n, v4, v6 in (("a", A, A6), ("b", B, B6), ("c", C, "fd00:244:1::c")))
        lab.write_inventory()
        lab.start()
        lab.in_node("nft", "-f", "-", input=SERVICE)
        connections = open_connections(lab, a, b, c)
        try:
            for name, connection in connections.items():
                wait_for(lambda: connection.received(receiver(name)) > 5, 60, f"the first bytes: {name}")
            lab.write_policies([policy("b", {"pod": "b"}, ingress=[
                {"from": [{"podSelector": {"matchLabels": {"pod": "c"}}}]},
                {"ports": [{"port": 90}, {"port": 91}, {"port": 90, "protocol": "UDP"}]}])])
            wait_for(lambda: lab.status()["cut_flows"] > 0, 60, "flows to be reset")
            for name, connection in connections.items():
                if not stays_allowed(name):
                    wait_for(lambda: not connection.is_alive(receiver(name)), 60, f"the flow to end: {name}")
            for name, connection in connections.items():
                is_alive = connection.is_alive(receiver(name), LONG if stays_allowed(name) else 0.25)
                equal(is_alive, stays_allowed(name), f"the flow continues: {name}")
            equal(lab.status()["repairs"], 0, "repairs: resetting flows is not taken for tampering")
            equal("established flows were killed" in lab.log(), True, "the log reports the flows")
        finally:
            for connection in connections.values():
                connection.close()


class Pair:
    """A routed lab with pods a and b and netpold, and connections that are closed with it."""

    def __enter__(self):
        self.lab, self.connections = Lab("routed"), []
        self.a, self.b = (self.lab.pod("default", n, [v4], {"pod": n}) for n, v4 in (("a", A), ("b", B)))
        self.lab.write_inventory()
        self.lab.start()
        return self

    def connection(self, *arguments, receiving="server", **more):
        connection = Connection(self.lab, *arguments, **more)
        self.connections.append(connection)
        wait_for(lambda: connection.received(receiving) > 5, 60, "the connection's first bytes")
        return connection

    def check_end(self, connection, receiving="server"):
        wait_for(lambda: not connection.is_alive(receiving, 0.5), 60, "the connection to end")
        equal(connection.is_alive(receiving), False, "the connection continues after it ended")

    def has_stale_table(self):
        return "netpol_cut" in self.lab.in_node("nft", "list", "tables").stdout

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        self.lab.close()


def again():
    """established: a flow that was reset works again when it is allowed again; other flows are not interrupted"""
    with Pair() as p:
        there, back = (p.a.netns, p.b.netns), (p.b.netns, p.a.netns)
        stays = p.connection(back, "tcp", A, 80)
        udp = p.connection(there, "udp", B, 81)
        for i in range(3):
            connection = p.connection(there, "tcp", B, 81)
            p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
            p.check_end(connection)
            p.check_end(udp)
            equal(p.has_stale_table(), True, "the table of stale flows exists")
            connection.close()
            p.lab.write_policies([])
            wait_for(lambda: udp.is_alive("server", 0.1), 60, "the UDP flow to continue, which is allowed again")
        equal(stays.is_alive("server", LONG), True, "the flow that was always allowed continues")
        # a packet that arrives before the stale-flow table does makes conntrack pick the flow up again
        equal(p.lab.status()["cut_flows"] >= 6, True, f"six flows were reset, or more: {p.lab.status()['cut_flows']}")


def to_node():
    """established: flows from a pod to its node are reset by an egress policy, whichever end sends"""
    with Pair() as p:
        between, node = (p.a.netns, p.lab.node), NODE_ADDRESSES[0]
        connections = [(p.connection(between, "tcp", node, 81), "server"),
                       (p.connection(between, "tcp", node, 82, sender="server", receiving="client"), "client"),
                       (p.connection(between, "udp", node, 83, sender="server", receiving="client"), "client")]
        probe = p.connection((p.lab.node, p.a.netns), "tcp", A, 84)
        p.lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Egress"])])
        for connection, receiving in connections:
            p.check_end(connection, receiving)
        equal(probe.is_alive("server", LONG), True, "the flow from the node to the pod continues")


def busy():
    """established: flows are reset also while changes follow each other without a pause"""
    with Pair() as p:
        connection = p.connection((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        end, i = time.monotonic() + 60, 0
        while p.lab.status()["cut_flows"] == 0:
            equal(time.monotonic() < end, True, "a flow is reset within 60 s")
            i += 1
            p.lab.write_policies([policy("more", {"pod": "a"}, ingress=[{"ports": [{"port": i}]}])], "more.json")
            time.sleep(0.003)
        p.check_end(connection)


def tampering():
    """established: flows that began while the table was missing are reset when it is back"""
    with Pair() as p:
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        wait_for(p.lab.is_up_to_date, 60, "the policy to be applied")
        p.lab.daemon.send_signal(signal.SIGSTOP)
        # another table that uses conntrack, as kube-proxy's does: otherwise the flow has no entry to find
        p.lab.in_node("nft", "delete table inet netpol; add table ip other; add chain ip other c "
                      "{ type filter hook forward priority 0; }; add rule ip other c ct state invalid counter")
        connection = p.connection((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.daemon.send_signal(signal.SIGCONT)
        p.check_end(connection)


def silent():
    """established: with deny = "drop" packets of the flow are dropped, and neither end is told"""
    with Pair() as p:
        p.lab.set(deny="drop")
        p.lab.daemon.send_signal(signal.SIGHUP)
        connection = p.connection((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        p.check_end(connection)
        equal([process.is_running() for process in connection.processes], [True, True],
              "whether client and server still run: neither got a reset")


def restart():
    """established: a flow that a policy forbids while netpold is stopped is reset when it starts"""
    with Pair() as p:
        connection = p.connection((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.stop()
        equal(connection.is_alive("server", LONG), True, "the flow continues while netpold is stopped")
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        p.lab.start()
        p.check_end(connection)


def routed():
    """established: forbidden flows are reset, all others continue, routed"""
    check_resets("routed")


def bridged():
    """established: forbidden flows are reset, all others continue, bridged"""
    check_resets("bridged")


def tracked():
    """established: forbidden flows are reset, all others continue, in a bridge table"""
    check_resets("tracked")


for case in (routed, bridged, tracked, again, to_node, busy, tampering, silent, restart):
    test(case)
finish()
