#!/usr/bin/env python3
"""Established flows that a change forbids are cut, TCP and UDP, whoever talks; all others go on: those that are still
allowed, the node's own, other pods', a Service's."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chat import Chat
from netlab import Lab, wait_for
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
                wait_for(lambda: chat.heard(listener(name)) > 5, 10, f"the conversation: {name}")
            lab.write_policies([policy("b", {"pod": "b"}, ingress=[
                {"from": [{"podSelector": {"matchLabels": {"pod": "c"}}}]},
                {"ports": [{"port": 90}, {"port": 91}, {"port": 90, "protocol": "UDP"}]}])])
            wait_for(lambda: lab.status()["cut_flows"] > 0, 15, "that flows are cut")
            time.sleep(0.2)
            equal(lab.status()["repairs"], 0, "cutting is no tampering")
            for name, chat in chats.items():
                equal(chat.is_alive(listener(name)), is_to_stay(name), name)
            equal("established flows are forbidden now" in lab.log(), True)
        finally:
            for chat in chats.values():
                chat.close()


def again():
    """established: what was cut may begin anew when it is allowed again; what was never forbidden, was never cut"""
    with Lab("routed") as lab:
        a, b = (lab.pod("default", n, [v4], {"pod": n}) for n, v4 in (("a", A), ("b", B)))
        lab.write_inventory()
        lab.start()
        stays = Chat(lab, (b.netns, a.netns), "tcp", A, 80)
        try:
            for i in range(3):
                chat = Chat(lab, (a.netns, b.netns), "tcp", B, 81)
                wait_for(lambda: chat.heard("server") > 5, 10, "the conversation")
                lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
                wait_for(lambda: not chat.is_alive("server", 0.1), 10, "its end")
                chat.close()
                lab.write_policies([])
                wait_for(lab.is_up_to_date, 10, "no policies")
            equal(stays.is_alive("server"), True, "the other one")
            equal(lab.status()["cut_flows"], 3)
        finally:
            stays.close()


def restart():
    """established: what was forbidden while netpold was away is cut when it is back"""
    with Lab("routed") as lab:
        a, b = (lab.pod("default", n, [v4], {"pod": n}) for n, v4 in (("a", A), ("b", B)))
        lab.write_inventory()
        lab.start()
        chat = Chat(lab, (a.netns, b.netns), "tcp", B, 81)
        try:
            wait_for(lambda: chat.heard("server") > 5, 10, "the conversation")
            lab.stop()
            equal(chat.is_alive("server"), True, "while netpold is away")
            lab.write_policies([policy("b", {"pod": "b"}, ingress=[])])
            lab.start()
            wait_for(lambda: not chat.is_alive("server", 0.1), 10, "its end")
        finally:
            chat.close()


def routed():
    """established: what a change forbids is cut, all else goes on, routed"""
    cut("routed")


def bridged():
    """established: the same, bridged"""
    cut("bridged")


def tracked():
    """established: the same on a bridge that judges for itself"""
    cut("tracked")


for case in (routed, bridged, tracked, again, restart):
    test(case)
finish()
