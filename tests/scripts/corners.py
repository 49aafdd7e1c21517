#!/usr/bin/env python3
"""Corners of the packet's way: Services by DNAT and the hairpin, ICMP errors, fragments, cold neighbour
caches under deny-all, very large transactions."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import Lab, Pod
from report import test, finish, equal

A, B, C = "10.244.1.10", "10.244.1.11", "10.244.1.12"
A6, B6 = "fd00:244:1::a", "fd00:244:1::b"
SERVICES = """table ip kube-proxy {
	chain services {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.96.0.10 tcp dport 80 dnat to %s:8080
		ip daddr 10.96.0.11 tcp dport 80 dnat to %s:8080
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr %s ip daddr %s masquerade
	}
}
""" % (A, B, A, A)
CLIENT = """
import socket, sys
family, kind, host, port, size = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                  socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(1.5)
try:
    s.connect((host, int(port)))
    if kind == "udp":
        s.send(b"x" * int(size)); s.recv(65536)
    print("allow")
except ConnectionRefusedError: print("refused")
except TimeoutError: print("drop")
"""
SERVER = """
import socket, sys
host, tcp, udp = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
t = socket.socket(family); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); t.bind((host, int(tcp))); t.listen()
u = socket.socket(family, socket.SOCK_DGRAM); u.bind((host, int(udp)))
print("ready", flush=True)
while True:
    data, peer = u.recvfrom(65536)
    u.sendto(data[:1], peer)
"""


def policy(name, pods, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {"matchLabels": pods}, **spec}}


def deny_all(name, pods):
    return policy(name, pods, policyTypes=["Ingress", "Egress"])


def serve(lab, pod, address, tcp, udp):
    import subprocess
    server = subprocess.Popen(["ip", "netns", "exec", pod.netns, sys.executable, "-c", SERVER, address, str(tcp),
                               str(udp)], stdout=subprocess.PIPE, text=True)
    equal(server.stdout.readline(), "ready\n")
    return server


def ask(lab, pod, kind, host, port, size=1):
    return lab.inside(pod.netns, sys.executable, "-c", CLIENT, "-", kind, host, str(port), str(size)).stdout.strip()


def build(mode):
    lab = Lab(mode)
    a = lab.pod("default", "a", [A, A6], {"pod": "a"})
    b = lab.pod("default", "b", [B, B6], {"pod": "b"})
    c = lab.pod("default", "c", [C, "fd00:244:1::c"], {"pod": "c"})
    lab.write_inventory()
    return lab, a, b, c


def services(mode):
    lab, a, b, c = build(mode)
    with lab:
        servers = [serve(lab, a, A, 8080, 9090), serve(lab, b, B, 8080, 9090)]
        try:
            lab.in_node("nft", "-f", "-", input=SERVICES)
            lab.write_policies([deny_all("a", {"pod": "a"}),
                                policy("b", {"pod": "b"}, ingress=[{"from": [{"podSelector": {"matchLabels": {"pod": "c"}}}],
                                                                    "ports": [{"port": 8080}]}])])
            lab.apply()
            equal(ask(lab, a, "tcp", "10.96.0.10", 80), "allow", "the hairpin: a to its own Service, under deny-all")
            equal(ask(lab, c, "tcp", "10.96.0.11", 80), "allow", "c to the Service of b, which lets c in")
            equal(ask(lab, c, "tcp", "10.96.0.10", 80), "refused", "c to the Service of a")
            equal(ask(lab, a, "tcp", "10.96.0.11", 80), "refused", "a to the Service of b: its egress forbids")
            equal("kube-proxy" in lab.in_node("nft", "list", "tables").stdout, True)
        finally:
            for server in servers:
                server.terminate()


def errors_and_fragments(mode):
    lab, a, b, c = build(mode)
    with lab:
        server = serve(lab, b, B, 8080, 9090)
        try:
            lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Ingress"]),
                                policy("b", {"pod": "b"}, ingress=[{"ports": [{"port": 9090, "protocol": "UDP"},
                                                                              {"port": 7, "protocol": "UDP"}]}])])
            lab.apply()
            equal(ask(lab, a, "udp", B, 9090, 9000), "allow", "fragments of an allowed flow")
            equal(ask(lab, a, "udp", B, 9091, 9000), "refused", "fragments of a refused one")
            equal(ask(lab, a, "udp", B, 7), "refused", "the ICMP error of an allowed flow, to a pod that is shut")
        finally:
            server.terminate()


def cold_neighbours():
    """bridged: neighbour discovery and ARP pass under deny-all, from a cold cache"""
    lab, a, b, c = build("bridged")
    with lab:
        lab.write_policies([deny_all("all", {})] + [policy(
            "a-to-b", {}, policyTypes=["Ingress", "Egress"],
            ingress=[{"ports": [{"port": 8080}]}], egress=[{"ports": [{"port": 8080}]}])])
        lab.apply()
        for pod in (a, b):
            lab.inside(pod.netns, "ip", "neigh", "flush", "dev", "eth0")
        lab.in_node("ip", "neigh", "flush", "dev", "cni0")
        found = lab.probe([(a.netns, b.netns, "tcp", A, B, 8080), (a.netns, b.netns, "tcp", A6, B6, 8080),
                           (a.netns, b.netns, "udp", A6, B6, 8080), (a.netns, b.netns, "icmp", A6, B6, 0)])
        equal(found, ["allow", "allow", "reject", "drop"])


def routed_pretenders():
    """routed: what only pretends to be neighbour discovery is judged like everything else"""
    lab, a, b, c = build("routed")
    with lab:
        lab.write_policies([deny_all("b", {"pod": "b"})])
        lab.apply()
        send = ("import socket,sys; s=socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6); "
                "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, int(sys.argv[2])); "
                "[s.sendto(bytes([t,0,0,0])+bytes(20), (sys.argv[1], 0)) for t in (133,134,135,136,130,131,143)]")
        lab.inside(b.netns, "nft", "-f", "-", input="table ip6 seen {\n\tchain c {\n\t\ttype filter hook prerouting "
                   "priority raw; policy accept;\n\t\ticmpv6 type { 133, 134, 135, 136, 130, 131, 143 } ip6 saddr "
                   f"{A6} counter\n\t}}\n}}\n")
        for hops in (255, 2, 64):
            lab.inside(a.netns, sys.executable, "-c", send, B6, str(hops))
        listing = lab.inside(b.netns, "nft", "list", "table", "ip6", "seen").stdout
        equal("counter packets 0 " in listing, True, listing)


def large():
    """service: 60,000 peers in one change, and out again"""
    with Lab("routed") as lab:
        lab.pods["default/a"] = Pod("default", "a", [A], {"pod": "a"})
        lab.write_inventory()
        lab.write_policies([policy("a", {"pod": "a"}, ingress=[{"from": [{"podSelector": {"matchLabels": {"x": "y"}}}]}])])
        lab.apply()
        before = lab.listing()
        items = [{"metadata": {"name": f"p{i}", "namespace": "default", "labels": {"x": "y"}},
                  "spec": {"nodeName": "other"}, "status": {"phase": "Running", "podIP": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"}}
                 for i in range(60000)]
        lab.put(f"{lab.inventory}/others.json", json.dumps({"kind": "PodList", "items": items}))
        lab.apply()
        listing = "\n".join(lab.listing())
        equal(all(f"10.0.{i}.7" in listing for i in range(0, 230, 10)), True)
        equal(listing.count(",") > 59990, True, "elements")
        os.unlink(f"{lab.inventory}/others.json")
        lab.apply()
        equal(lab.listing(), before)


for mode in ("routed", "bridged"):
    for case, title in ((services, "Services by DNAT, and the hairpin"),
                        (errors_and_fragments, "ICMP errors of allowed flows pass; fragments are judged as their flow")):
        def one(case=case, mode=mode):
            case(mode)
        one.__doc__ = f"{mode}: {title}"
        test(one)
test(cold_neighbours)
test(routed_pretenders)
test(large)
finish()
