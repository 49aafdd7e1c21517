#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Established flows that a change forbids are cut, TCP and UDP, whoever talks; all others go on: those that are still
allowed, the node's own, other pods', a Service's."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chat import LONG, Chat
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


def open_chats(lab, a, b, c):
    ab, cb = (a.netns, b.netns), (c.netns, b.netns)
    return {
        "tcp": Chat(lab, ab, "tcp", B, 81),
        "tcp, the server talks": Chat(lab, ab, "tcp", B, 82, talker="server"),
        "tcp, the server talks and nobody answers": Chat(lab, ab, "tcp", B, 83, talker="server", is_answered=False),
        "tcp over IPv6": Chat(lab, ab, "tcp", B6, 81),
        "udp": Chat(lab, ab, "udp", B, 81),
        "udp, the server talks": Chat(lab, ab, "udp", B, 88, talker="server"),
        "udp over IPv6": Chat(lab, ab, "udp", B6, 81),
        "through a Service": Chat(lab, ab, "tcp", "10.96.0.10", 80, bind=(B, 8080)),
        "through a Service, the server talks": Chat(lab, ab, "tcp", "10.96.0.11", 80, talker="server", bind=(B, 8081)),
        "an allowed port through a Service": Chat(lab, ab, "tcp", "10.96.0.12", 80, bind=(B, 90)),
        "an allowed port": Chat(lab, ab, "tcp", B, 91),
        "an allowed port, udp": Chat(lab, ab, "udp", B, 90),
        "an allowed peer": Chat(lab, cb, "tcp", B, 84),
        "from the node": Chat(lab, (lab.node, b.netns), "tcp", B, 85),
        "from the node, the server talks": Chat(lab, (lab.node, b.netns), "tcp", B, 86, talker="server"),
        "from the pod to others": Chat(lab, (b.netns, c.netns), "tcp", C, 87),
    }


def listener(name):
    return "client" if "server talks" in name else "server"


def is_to_stay(name):
    return name.startswith(("an allowed", "from"))


def cut(mode):
    with Lab(mode) as lab:
        a, b, c = (lab.pod("default", n, [v4, v6], {"pod": n})
                   for n, v4, v6 in (("a", A, A6), ("b", B, B6), ("c", C, "fd00:244:1::c")))
        lab.write_inventory()
        lab.start()
        lab.in_node("nft", "-f", "-", input=SERVICE)
        chats = open_chats(lab, a, b, c)
        try:
            for name, chat in chats.items():
                wait_for(lambda: chat.heard(listener(name)) > 5, 60, f"the conversation: {name}")
            lab.write_policies([policy("b", {"pod": "b"}, ingress=[
                {"from": [{"podSelector": {"matchLabels": {"pod": "c"}}}]},
                {"ports": [{"port": 90}, {"port": 91}, {"port": 90, "protocol": "UDP"}]}])])
            wait_for(lambda: lab.status()["cut_flows"] > 0, 60, "that flows are cut")
            for name, chat in chats.items():
                if not is_to_stay(name):
                    wait_for(lambda: not chat.is_alive(listener(name)), 60, f"the end of: {name}")
            for name, chat in chats.items():
                equal(chat.is_alive(listener(name), LONG if is_to_stay(name) else 0.25), is_to_stay(name), name)
            equal(lab.status()["repairs"], 0, "cutting is no tampering")
            equal("established flows are forbidden now" in lab.log(), True)
        finally:
            for chat in chats.values():
                chat.close()


class Pair:
    """Pods a and b, routed, netpold, and conversations that end with it."""

    def __enter__(self):
        self.lab, self.chats = Lab("routed"), []
        self.a, self.b = (self.lab.pod("default", n, [v4], {"pod": n}) for n, v4 in (("a", A), ("b", B)))
        self.lab.write_inventory()
        self.lab.start()
        return self

    def chat(self, *arguments, listens="server", **more):
        chat = Chat(self.lab, *arguments, **more)
        self.chats.append(chat)
        wait_for(lambda: chat.heard(listens) > 5, 60, "the conversation")
        return chat

    def ends(self, chat, listens="server"):
        wait_for(lambda: not chat.is_alive(listens, 0.5), 60, "its end")
        equal(chat.is_alive(listens), False, "it is taken up again")

    def has_cut_table(self):
        return "netpol_cut" in self.lab.in_node("nft", "list", "tables").stdout

    def __exit__(self, *_):
        for chat in self.chats:
            chat.close()
        self.lab.close()


def again():
    """established: what was cut may begin anew when it is allowed again; what was never forbidden, was never cut"""
    with Pair() as p:
        there, back = (p.a.netns, p.b.netns), (p.b.netns, p.a.netns)
        stays = p.chat(back, "tcp", A, 80)
        exchange = p.chat(there, "udp", B, 81)
        for i in range(3):
            chat = p.chat(there, "tcp", B, 81)
            p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
            p.ends(chat)
            p.ends(exchange)
            equal(p.has_cut_table(), True)
            chat.close()
            p.lab.write_policies([])
            wait_for(lambda: exchange.is_alive("server", 0.1), 60, "the same exchange, allowed again")
            equal(p.has_cut_table(), False, "nothing is cut any more")
        equal(stays.is_alive("server", LONG), True, "the other one")
        equal(p.lab.status()["cut_flows"], 6)


def to_node():
    """established: what a pod began with its node is cut by egress policy, whoever of the two talks"""
    with Pair() as p:
        between, node = (p.a.netns, p.lab.node), NODE_ADDRESSES[0]
        chats = [(p.chat(between, "tcp", node, 81), "server"),
                 (p.chat(between, "tcp", node, 82, talker="server", listens="client"), "client"),
                 (p.chat(between, "udp", node, 83, talker="server", listens="client"), "client")]
        probe = p.chat((p.lab.node, p.a.netns), "tcp", A, 84)
        p.lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Egress"])])
        for chat, listens in chats:
            p.ends(chat, listens)
        equal(probe.is_alive("server", LONG), True, "the node's own")


def busy():
    """established: also while changes come without end"""
    with Pair() as p:
        chat = p.chat((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        end, i = time.monotonic() + 60, 0
        while p.lab.status()["cut_flows"] == 0:
            equal(time.monotonic() < end, True, "nothing is cut")
            i += 1
            p.lab.write_policies([policy("more", {"pod": "a"}, ingress=[{"ports": [{"port": i}]}])], "more.json")
            time.sleep(0.003)
        p.ends(chat)


def tampering():
    """established: what got through while somebody had taken the table away is cut when it is back"""
    with Pair() as p:
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        wait_for(p.lab.is_up_to_date, 60, "the policy")
        p.lab.daemon.send_signal(signal.SIGSTOP)
        # others track connections too, as kube-proxy does: what nobody tracked has no beginning that one could know
        p.lab.in_node("nft", "delete table inet netpol; add table ip other; add chain ip other c "
                      "{ type filter hook forward priority 0; }; add rule ip other c ct state invalid counter")
        chat = p.chat((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.daemon.send_signal(signal.SIGCONT)
        p.ends(chat)


def silent():
    """established: with deny = "drop" silently"""
    with Pair() as p:
        p.lab.put(p.lab.conf, open(p.lab.conf).read() + 'deny = "drop";\n')
        p.lab.daemon.send_signal(signal.SIGHUP)
        chat = p.chat((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        p.ends(chat)
        equal([process.is_running() for process in chat.processes], [True, True], "nobody was told")


def restart():
    """established: what was forbidden while netpold was away is cut when it is back"""
    with Pair() as p:
        chat = p.chat((p.a.netns, p.b.netns), "tcp", B, 81)
        p.lab.stop()
        equal(chat.is_alive("server", LONG), True, "while netpold is away")
        p.lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
        p.lab.start()
        p.ends(chat)


def routed():
    """established: what a change forbids is cut, all else goes on, routed"""
    cut("routed")


def bridged():
    """established: the same, bridged"""
    cut("bridged")


def tracked():
    """established: the same on a bridge that judges for itself"""
    cut("tracked")


for case in (routed, bridged, tracked, again, to_node, busy, tampering, silent, restart):
    test(case)
finish()
