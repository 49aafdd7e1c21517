#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts on a link say of addresses: ARP, neighbour and router advertisements, redirects, DHCP, duplicate address
detection, proxies. What must pass the sender check, by real stacks where there is one, and what must not."""
import ipaddress
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from forge import ANSWER, ASK, FRAME, RAW, check_arrival, send
from frames import ALL_NODES, Arrival, advertisement, arp, checksum, datagram, icmp6, redirect, router_advertisement
from inside import Program, set_sysctls
from netlab import Lab, Skip, run, wait_for
from report import test, finish, equal
from talk import deny_all

A, B, C = ("10.244.1.10", "fd00:244:1::a"), ("10.244.1.11", "fd00:244:1::b"), ("10.244.1.12", "fd00:244:1::c")
D = ("10.244.1.13", "fd00:244:1::d")
VIRTUAL = ("10.244.1.250", "fd00:244:1::250")  # a VRRP router's, which the annotation allows
CIDRS = f"{VIRTUAL[0]}/32, {VIRTUAL[1]}/128, fd00:244:7::/64"
EVERYBODY = "ff:ff:ff:ff:ff:ff"
OUTSIDE = ("203.0.113.9", "2001:db8::9")  # the neighbour's behind the node
GATEWAY = ("10.244.1.1", "fd00:244:1::1")  # the bridge's own
MODES = ("routed", "bridged", "tracked")


def build(mode, senders="check", conf=""):
    lab = Lab(mode, conf=f'senders = "{senders}";\nwithdraw_ms = 0;\n{conf}')
    pods = [lab.pod("default", name, addresses, {"pod": name}) for name, addresses in zip("abc", (A, B, C))]
    lab.write_inventory()
    return lab, *pods


def forged(lab):
    """How many packets the tables have refused."""
    sets = re.findall(r"\tset forged \{.*?\n\t\}", lab.in_node("nft", "list", "sets").stdout, re.S)
    return sum(int(n) for n in re.findall(r"counter packets (\d+)", "".join(sets)))


def check_frame(lab, is_wanted, sender, frame, receiver, what, device="eth0"):
    """Sends a frame from the sender's eth0; whether it comes to the receiver's device, or is counted as refused: there
    is no need to wait any longer then."""
    before, arrival = forged(lab), Arrival(receiver, frame, 30 if is_wanted else 0.01, device)
    send(sender, FRAME, "eth0", frame)
    if not is_wanted:
        wait_for(lambda: forged(lab) > before, 60, f"the refused frame to be counted: {what}")
    equal(arrival.has_come(), is_wanted, f"{what} arrives")


def talks(client, address, server, seconds):
    """Whether a datagram to the address is answered by the program in the server's namespace."""
    program = Program(server, ANSWER, 9000)
    program.stdout.readline()
    answer = Program(client, ASK, address, 9000, 0, seconds).answer().strip()
    program.end()
    return answer == "answered"


class Watch:
    """Counts the packets of the node that match, behind the sender check's routed hook."""

    def __init__(self, lab, **matches):
        self.lab = lab
        chains = "".join(f"chain seen_{name} {{\ntype filter hook prerouting priority 5;\n{match} counter\n}}\n"
                         for name, match in matches.items())
        lab.in_node("nft", "-f", "-", input=f"table inet watch {{\n{chains}}}\n")

    def count(self, name):
        return int(re.search(r"packets (\d+)", self.lab.in_node("nft", "list", "chain", "inet", "watch",
                                                                     "seen_" + name).stdout)[1])

    def check(self, is_wanted, name, sender, frame, what):
        """A frame that is not counted by this is counted by the sender check."""
        seen, refused = self.count(name), forged(self.lab)
        send(sender, FRAME, "eth0", frame)
        if is_wanted:
            wait_for(lambda: self.count(name) > seen, 60, f"{what} to be seen")
        else:
            wait_for(lambda: forged(self.lab) > refused, 60, f"{what} to be refused")
            equal(self.count(name), seen, f"{what} is seen")


# ---- A virtual router's addresses ----
def annotate(lab, text):
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "default", "annotations": {"netpol/senders": text} if text else {}}}
    lab.put(os.path.join(lab.inventory, "pods.json"), json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": [space, *(p.manifest() for p in lab.pods.values())]}))
    wait_for(lab.is_up_to_date, 60, "the annotation to be read")


def announcements(mac, i, address, to):
    """The forms in which a host says that an address is at its MAC now."""
    if i == 0:
        return (("a gratuitous ARP request", arp(mac, address, address, 1)),
                ("a gratuitous ARP reply", arp(mac, address, address, 2)),
                ("an ARP reply", arp(mac, address, A[0], 2, to)))
    return (("an unsolicited advertisement", advertisement(mac, address, source="fe80::c")),
            ("an advertisement as an answer", advertisement(mac, address, A[1], to, "fe80::c")))


def virtual_router(mode, senders):
    """A pod announces the address that it has taken over: if its namespace's annotation says so, and no other."""
    lab, a, _, c = build(mode, senders)
    x = lab.pod("other", "x", D)
    lab.write_inventory()
    with lab:
        lab.start()
        wait_for(lambda: lab.status()["senders_pods"]["pods"] == 4, 60, "the pods")
        mac, link = lab.mac_of(c.netns), lab.mac_of(a.netns)
        told = lab.in_node("ip", "-6", "addr", "show", "dev", "cni0", "scope", "link").stdout
        link_local = re.search(r"inet6 ([0-9a-f:]+)/64", told)[1]
        for text in (CIDRS, "any", None):
            annotate(lab, text)
            for i, address, is_allowed in (
                    (0, VIRTUAL[0], text), (1, VIRTUAL[1], text), (1, "fd00:244:7::1", text),
                    (1, "fd00:244:7:0:ffff:ffff:ffff:ffff", text), (0, C[0], True), (1, C[1], True),
                    (0, "10.244.1.251", text == "any"), (1, "fd00:244:1::24f", text == "any"),
                    (1, "fd00:244:1::251", text == "any"), (1, "fd00:244:8::", text == "any"),
                    (0, GATEWAY[0], text == "any"), (1, GATEWAY[1], text == "any"), (1, link_local, text == "any"),
                    (0, B[0], text == "any" or senders == "listed"), (1, B[1], text == "any" or senders == "listed")):
                for what, frame in announcements(mac, i, address, link)[:None if address in VIRTUAL else 1]:
                    check_frame(lab, bool(is_allowed), c.netns, frame, a.netns, f"{what} of {address}, with {text}")
            if senders != "listed":  # which does not look at ports, so the address may come from any
                for i in (0, 1):
                    for what, frame in announcements(lab.mac_of(x.netns), i, VIRTUAL[i], link):
                        check_frame(lab, False, x.netns, frame, a.netns, f"{what} from another namespace, with {text}")


def takes_over(mode, senders):
    """The same with the kernel's own ARP and neighbour discovery: the address moves from one pod to another."""
    lab, a, b, c = build(mode, senders)
    with lab:
        lab.start()
        for text in (None, CIDRS, "any"):
            annotate(lab, text)
            for pod in (b, c):
                for i in (0, 1):
                    lab.inside(pod.netns, "ip", "addr", "add", VIRTUAL[i] + ("/64" if i else "/24"), "dev", "eth0",
                               *(["nodad"] if i else []))
                    send(pod.netns, FRAME, "eth0", announcements(lab.mac_of(pod.netns), i, VIRTUAL[i], "")[0][1])
                for i in (0, 1):
                    equal(talks(a.netns, VIRTUAL[i], pod.netns, 30 if text else 0.5), bool(text),
                          f"{VIRTUAL[i]} at {pod.name} answers, with {text}")
                for i in (0, 1):
                    lab.inside(pod.netns, "ip", "addr", "del", VIRTUAL[i] + ("/64" if i else "/24"), "dev", "eth0")
            lab.inside(a.netns, "ip", "neigh", "flush", "all")


# ---- Routers ----
def routers(mode, is_isolated):
    """Router advertisements and redirects of a pod, to other pods and to the node."""
    lab, _, b, c = build(mode)
    with lab:
        lab.write_policies([deny_all("b", {"pod": "b"}), deny_all("c", {"pod": "c"})] if is_isolated else [])
        lab.start()
        watch = Watch(lab, advertised="icmpv6 type nd-router-advert", redirected="icmpv6 type nd-redirect")
        own, source = lab.mac_of(c.netns), "fe80::c"
        gateway = lab.mac_of(lab.node, "cni0" if mode != "routed" else "v3")
        for frame, chain in ((router_advertisement("2001:db8:bad::", source), "advertised"),
                             (redirect(GATEWAY[1], gateway, source=source), "redirected")):
            if mode == "routed":
                watch.check(False, chain, c.netns, frame, "from a pod to the node")
            else:
                check_frame(lab, False, c.netns, frame, lab.node, "from a pod to the node", "cni0")
        for frame in (() if mode == "routed" else (router_advertisement("2001:db8:bad::", source),
                                                   redirect(B[1], lab.mac_of(b.netns), source=source),
                                                   redirect(B[1], lab.mac_of(b.netns), source=GATEWAY[1]))):
            check_frame(lab, False, c.netns, frame, b.netns, "from a pod to a pod")
        equal(own in lab.inside(b.netns, "ip", "-6", "route").stdout, False, "b's routes")


# A network card that receives the frames of its standard input, in hex: a tap device
CARD = """import fcntl, struct, sys
card = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(card, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002)) # TUNSETIFF: IFF_TAP | IFF_NO_PI
print("ready", flush=True)
for line in sys.stdin: card.write(bytes.fromhex(line))
"""


class Card:
    """A port of the bridge that leads out of the node: it is no veth."""

    def __init__(self, lab):
        run("modprobe", "tun", check=False)
        if not os.path.exists("/dev/net/tun"):
            raise Skip("there is no /dev/net/tun")
        self.program = Program(lab.node, CARD, "card")
        equal(self.program.stdout.readline(), "ready\n", "the card")
        lab.in_node("ip", "link", "set", "card", "up", "master", "cni0")

    def check_frame(self, frame, receiver, what, device="eth0"):
        arrival = Arrival(receiver, frame, 30, device)
        self.program.write(frame[:12] + "020000000005" + frame[12:])
        equal(arrival.has_come(), True, f"{what} arrives")


def uplink(mode, is_isolated):
    """Router advertisements and redirects of a router, at the node's uplink and on the bridge: they pass."""
    lab, _, b, _ = build(mode)
    with lab:
        lab.write_policies([deny_all("b", {"pod": "b"})] if is_isolated else [])
        lab.start()
        if mode == "routed":
            routed_uplink(lab, lab.world(*OUTSIDE), "v4")
            return
        card = Card(lab)
        card.check_frame(router_advertisement("2001:db8:5::"), b.netns, "from a card to a pod")
        if not is_isolated:  # a redirect is from a router that b has sent something to: b may send nothing
            card.check_frame(redirect(B[1], lab.mac_of(b.netns)), b.netns, "from a card to a pod")
        card.check_frame(router_advertisement("2001:db8:6::"), lab.node, "from a card to the node", "cni0")
        card.program.end()


def routed_uplink(lab, router, device):
    watch = Watch(lab, advertised="icmpv6 type nd-router-advert", redirected="icmpv6 type nd-redirect")
    frame = router_advertisement("2001:db8:5::")
    watch.check(False, "advertised", router, frame, "from a veth that leads to no router")
    lab.in_node("ip", "route", "add", "default", "via", OUTSIDE[0], "dev", device, "onlink")
    lab.in_node("ip", "link", "add", "another", "type", "veth")  # netpold reads the uplinks when interfaces change
    wait_for(lambda: "elements" in lab.in_node("nft", "list", "set", "inet", "netpol_senders", "uplinks").stdout, 60,
             "the uplink to be known")
    watch.check(True, "advertised", router, frame, "from the uplink")
    watch.check(True, "redirected", router, redirect("fd50::1", lab.mac_of(lab.node, device)), "from the uplink")


# ---- Before a pod has its address ----
def routed_configuration():
    """routed: DHCP, IGMP, MLD and duplicate address detection of a pod reach its node"""
    lab, _, _, c = build("routed")
    with lab:
        lab.start()
        # the kernel's own reports are longer
        watch = Watch(lab, dhcp="udp dport 67", dhcp6="udp dport 547", igmp="meta l4proto 2 ip length 28",
                      dad="icmpv6 type nd-neighbor-solicit ip6 saddr ::",
                      mld="icmpv6 type mld2-listener-report ip6 length 8", other="udp dport 7001")
        for chain, frame in (
                ("dhcp", datagram("0.0.0.0", "255.255.255.255", 67, EVERYBODY, 68)),
                ("dhcp6", datagram("fe80::c", ALL_NODES[0], 547, ALL_NODES[1], 546)),
                ("igmp", igmp("0.0.0.0")),
                ("dad", icmp6("::", *ALL_NODES, bytes([135, 0, 0, 0, 0, 0, 0, 0]) + ipaddress.ip_address(C[1]).packed)),
                ("mld", icmp6("::", *ALL_NODES, bytes([143, 0, 0, 0, 0, 0, 0, 0]), 1)),
                ("mld", icmp6("fe80::c", *ALL_NODES, bytes([143, 0, 0, 0, 0, 0, 0, 0]), 1))):
            watch.check(True, chain, c.netns, frame, chain)
        for source in ("0.0.0.0", B[0]):
            frame = datagram(source, "255.255.255.255", 7001, EVERYBODY)
            watch.check(False, "other", c.netns, frame, f"another datagram from {source}")
        for source in ("::", B[1]):
            frame = datagram(source, ALL_NODES[0], 7001, ALL_NODES[1])
            watch.check(False, "other", c.netns, frame, f"another datagram from {source}")


def igmp(source):
    """A report of membership (RFC 2236)."""
    head = bytes.fromhex("4500001c0001000001020000") + ipaddress.ip_address(source).packed + b"\xe0\0\0\x01"
    return "01005e0000010800" + (head[:10] + checksum(head) + head[12:]).hex() + "160008fce0000103"


def duplicates(mode):
    """Duplicate address detection by the kernel: an address that is free is taken, one that a pod has is not."""
    lab, a, _, _ = build(mode)
    with lab:
        lab.write_policies([deny_all("a", {"pod": "a"})])
        lab.start()
        d = lab.pod("default", "d", D)
        set_sysctls(d.netns, {"net.ipv6.conf.eth0.accept_dad": 1, "net.ipv6.conf.eth0.dad_transmits": 1})
        for address, state in (("fd00:244:1::dd", "usable"), (A[1], "dadfailed")):
            lab.inside(d.netns, "ip", "addr", "add", f"{address}/64", "dev", "eth0")

            def told():
                device = json.loads(lab.inside(d.netns, "ip", "-j", "addr", "show", "dev", "eth0").stdout)[0]
                return next(i for i in device["addr_info"] if i.get("local") == address)
            wait_for(lambda: not told().get("tentative") or told().get("dadfailed"), 60, f"{address} to be examined")
            equal("dadfailed" if told().get("dadfailed") else "usable", state, f"{address} in d")
        equal(talks(d.netns, C[1], lab.pods["default/c"].netns, 30), True, "d, with a new address, is heard")


# ---- Proxies ----
def wire_real_gateway(lab, pod, device):
    """As Calico does: the pod asks for 169.254.1.1, and the node answers because it has a route to it elsewhere."""
    lab.inside(pod.netns, "ip", "neigh", "del", "169.254.1.1", "dev", "eth0")
    lab.inside(pod.netns, "ip", "neigh", "del", "fe80::1", "dev", "eth0")
    lab.in_node("ip", "addr", "add", "fe80::1/64", "dev", device, "nodad")
    set_sysctls(lab.node, {f"net.ipv4.conf.{device}.proxy_arp": 1, f"net.ipv4.neigh.{device}.proxy_delay": 0})


def routed_proxies():
    """routed: pods ask for 169.254.1.1 and fe80::1, the node answers; the node asks for the pods' addresses"""
    lab, a, b, c = build("routed")
    with lab:
        world = lab.world(*OUTSIDE)
        lab.in_node("ip", "route", "add", "default", "dev", "v4")
        lab.start()
        for pod, device in ((a, "v1"), (b, "v2"), (c, "v3")):
            wire_real_gateway(lab, pod, device)
            for address in pod.addresses:
                lab.in_node("ip", "neigh", "del", address, "dev", device)
        for i in (0, 1):
            equal(talks(a.netns, B[i], b.netns, 30), True, f"a to b, {B[i]}")
            equal(talks(b.netns, OUTSIDE[i], world, 30), True, f"b to the outside, {OUTSIDE[i]}")
            equal(talks(world, C[i], c.netns, 30), True, f"the outside to c, {C[i]}")
            check_arrival(False, c.netns, RAW, A[i], b.netns, B[i], 7001, "c, as a")
        known = lab.inside(a.netns, "ip", "neigh", "show", "dev", "eth0").stdout
        equal(("169.254.1.1 " in known, "fe80::1 " in known, "PERMANENT" in known), (True, True, False),
              f"a has asked for its gateways: {known}")


def bridged_proxies(mode):
    """The node answers pods of a bridge for addresses behind it, and its neighbours for pods (proxy ARP, proxy NDP)."""
    lab, a, _, _ = build(mode)
    with lab:
        world = lab.world(*OUTSIDE)
        lab.start()
        for device in ("cni0", "v1"):
            set_sysctls(lab.node, {f"net.ipv4.conf.{device}.proxy_arp": 1, f"net.ipv6.conf.{device}.proxy_ndp": 1,
                                   f"net.ipv4.neigh.{device}.proxy_delay": 0,
                                   f"net.ipv6.neigh.{device}.proxy_delay": 0})
        lab.in_node("ip", "neigh", "add", "proxy", OUTSIDE[1], "dev", "cni0")
        lab.in_node("ip", "neigh", "add", "proxy", A[1], "dev", "v1")
        for netns, own, others in ((a.netns, A, OUTSIDE), (world, OUTSIDE, A)):
            for i in (0, 1):
                lab.inside(netns, "ip", "route", "add", others[i], "dev", "eth0", "src", own[i])
        for i in (0, 1):
            equal(talks(a.netns, OUTSIDE[i], world, 30), True, f"a to the outside, {OUTSIDE[i]}")
            equal(talks(world, A[i], a.netns, 30), True, f"the outside to a, {A[i]}")
        equal(forged(lab), 0, "the packets that were refused")


for mode in MODES[1:]:
    for senders in ("check", "listed"):
        test(virtual_router, mode, senders, name=f"{mode}: a virtual router's announcements, {senders}")
        test(takes_over, mode, senders, name=f"{mode}: a virtual address moves to another pod, {senders}")
for mode in MODES:
    for is_isolated in (False, True):
        how = "isolated" if is_isolated else "not isolated"
        test(routers, mode, is_isolated, name=f"{mode}: no pod is a router for others, {how}")
        test(uplink, mode, is_isolated, name=f"{mode}: a router outside is heard, {how}")
test(routed_configuration)
test(routed_proxies)
for mode in MODES[1:]:
    test(duplicates, mode, name=f"{mode}: duplicate address detection")
    test(bridged_proxies, mode, name=f"{mode}: the node answers for others")
finish()
