#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The sender check: what a pod sends has an address of its own as its source. Real attackers: a user without any
capability, raw sockets, raw frames; routed pods and pods on a bridge; from pods and from outside. Each attack is tried
with senders = "off" first: it has to succeed there, or the test proves nothing."""
import ipaddress
import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import records
from flood import Flood
from forge import ANSWER, ASK, FRAME, FREEBIND, RAW, Receiver, check_arrival, send
from frames import advertisement, arp, checksum, datagram, icmp6, router_advertisement
from inside import Program
from netlab import NETPOLD, NODE_ADDRESSES, Lab, run, wait_for
from report import test, finish, equal
from talk import policy

A, B, C = ("10.244.1.10", "fd00:244:1::a"), ("10.244.1.11", "fd00:244:1::b"), ("10.244.1.12", "fd00:244:1::c")
UNLISTED = ("10.244.1.99", "fd00:244:1::99")  # of the bridge's subnet; nobody's
OUTSIDE = ("203.0.113.9", "2001:db8::9")  # the neighbour's behind the node
ELSEWHERE = ("198.51.100.7", "2001:db8:1::7")  # nobody's
MODES = ("routed", "bridged", "tracked")


# Sends a frame again and again. Arguments: as of FRAME
CLAIM = """import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
frame = bytes.fromhex(sys.argv[2])
print("ready", flush=True)
while True:
    s.send(frame[:6] + s.getsockname()[4] + frame[6:])
    time.sleep(0.02)
"""


def build(mode, senders="check", conf="", withdraw_ms=0):
    lab = Lab(mode, conf=f'senders = "{senders}";\nwithdraw_ms = {withdraw_ms};\n{conf}')
    a, b, c = (lab.pod("default", name, addresses, {"pod": name}) for name, addresses in zip("abc", (A, B, C)))
    lab.write_inventory()
    # a packet from an address of the receiver's own is dropped by its kernel, else, for being IPv4
    lab.inside(b.netns, "sysctl", "-qw", "net.ipv4.conf.all.accept_local=1")
    return lab, a, b, c


def from_a(name="b"):
    return policy(name, {"pod": name}, ingress=[{"from": [{"podSelector": {"matchLabels": {"pod": "a"}}}]}])


def in_both(mode, attempt, conf=""):
    """attempt(lab, a, b, c, world, is_wanted) is called with the check switched off, when the packets have to arrive;
    then with it."""
    for senders in ("off", "check"):
        lab, a, b, c = build(mode, senders, conf)
        with lab:
            world = lab.world(*OUTSIDE)
            lab.write_policies([from_a()])
            lab.start()
            attempt(lab, a, b, c, world, senders == "off")


def forged(lab):
    """How many packets the tables have refused."""
    text = "".join(lab.in_node("nft", "list", "set", family, "netpol_senders", "forged", check=False).stdout
                   for family in ("inet", "bridge"))
    return sum(int(n) for n in re.findall(r"counter packets (\d+)", text))


# ---- Addresses of others ----
def freebind(mode):
    """A user without capabilities: as the peer that the policy allows, as the victim itself, as an outside address."""
    def attempt(lab, a, b, c, world, is_wanted):
        check_arrival(is_wanted, c.netns, FREEBIND, A[1], b.netns, B[1], 7001, "as the allowed peer")
        check_arrival(is_wanted, c.netns, FREEBIND, B[1], b.netns, B[1], 7002, "as the victim itself")
        check_arrival(is_wanted, c.netns, FREEBIND, ELSEWHERE[1], a.netns, A[1], 7003, "as an outside address")
        check_arrival(is_wanted, c.netns, FREEBIND, A[1], world, OUTSIDE[1], 7004, "to outside")
        check_arrival(is_wanted, c.netns, FREEBIND, A[1], lab.node, NODE_ADDRESSES[1], 7005, "to the node")
        check_arrival(is_wanted, c.netns, FREEBIND, UNLISTED[1], a.netns, A[1], 7006, "as nobody")
        check_arrival(True, c.netns, FREEBIND, C[1], a.netns, A[1], 7007, "as itself")
        check_arrival(True, a.netns, FREEBIND, A[1], b.netns, B[1], 7008, "the allowed peer itself")
        if not is_wanted:
            equal(forged(lab), 6, "the packets that were counted")
    in_both(mode, attempt)


def raw(mode):
    """The same with a raw socket, in both families."""
    def attempt(lab, a, b, c, world, is_wanted):
        for i in (0, 1):
            check_arrival(is_wanted, c.netns, RAW, A[i], b.netns, B[i], 7001, "as the allowed peer")
            check_arrival(is_wanted, c.netns, RAW, B[i], b.netns, B[i], 7002, "as the victim itself")
            check_arrival(is_wanted, c.netns, RAW, ELSEWHERE[i], world, OUTSIDE[i], 7003, "as an outside address")
            check_arrival(is_wanted, c.netns, RAW, A[i], lab.node, NODE_ADDRESSES[i], 7004, "to the node")
            check_arrival(is_wanted, c.netns, RAW, UNLISTED[i], a.netns, A[i], 7005, "as nobody")
            check_arrival(True, c.netns, RAW, C[i], a.netns, A[i], 7006, "as itself")
    in_both(mode, attempt)


def outside(mode):
    """A neighbour of the node sends as a pod, and as the victim itself."""
    def attempt(lab, a, b, c, world, is_wanted):
        for i in (0, 1):
            check_arrival(is_wanted, world, RAW, A[i], b.netns, B[i], 7001, "as the allowed peer")
            check_arrival(is_wanted, world, RAW, B[i], b.netns, B[i], 7002, "as the victim itself")
            check_arrival(True, world, RAW, OUTSIDE[i], a.netns, A[i], 7003, "as itself")
    in_both(mode, attempt)


def first_packet(mode):
    """One forged packet "from the server" makes no established flow: then an isolated pod would reach any server."""
    for senders in ("off", "check"):
        lab, a, b, c = build(mode, senders)
        with lab:
            world = lab.world(*OUTSIDE)
            lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Egress"], egress=[])])
            lab.start()
            server = Program(world, ANSWER, 9000)
            server.stdout.readline()
            for i in (0, 1):
                # the forger in c sends to a as the server; a itself would not have to, if it may send to the node
                send(c.netns, RAW, OUTSIDE[i], 9000, A[i], 6001 + i)
                equal(Program(a.netns, ASK, OUTSIDE[i], 9000, 6001 + i, 30 if senders == "off" else 0.5).answer().strip(),
                      "answered" if senders == "off" else "silence", f"a, which may send nothing, to {OUTSIDE[i]}")
            server.end()


# ---- Neighbours ----
def neighbour(lab, netns, address, device="eth0"):
    """The MAC that the namespace knows for the address; None: none."""
    told = json.loads(lab.inside(netns, "ip", "-j", "neigh", "show", "to", address, "dev", device).stdout or "[]")
    return told[0].get("lladdr") if told else None


def is_poisoned(lab, victim, address, attacker, is_wanted, device="eth0"):
    mac = lab.mac_of(attacker)
    if not is_wanted:
        time.sleep(0.2)
        return neighbour(lab, victim, address, device) == mac
    wait_for(lambda: neighbour(lab, victim, address, device) == mac, 60, "the neighbour's entry to be the attacker's")
    return True


def poisoning(mode):
    """ARP and neighbour advertisements for somebody else's address, to a pod and to the node."""
    def attempt(lab, a, b, c, world, is_wanted):
        mac = lab.mac_of(c.netns)
        for victim, device, address in ((b.netns, "eth0", B), (lab.node, "cni0", ("10.244.1.1", "fd00:244:1::1"))):
            lab.inside(victim, "sysctl", "-qw", f"net.ipv4.neigh.{device}.locktime=0")
            send(victim, ASK.replace("print", "str"), A[0], 1, 0, 0.1)  # it knows a
            send(victim, ASK.replace("print", "str"), A[1], 1, 0, 0.1)
            link = lab.mac_of(victim, device)
            send(c.netns, FRAME, "eth0", arp(mac, A[0], address[0], 2, link))
            equal(is_poisoned(lab, victim, A[0], c.netns, is_wanted, device), is_wanted, f"ARP to {device}")
            send(c.netns, FRAME, "eth0", advertisement(mac, A[1], address[1], link))
            equal(is_poisoned(lab, victim, A[1], c.netns, is_wanted, device), is_wanted, f"an advertisement to {device}")
    in_both(mode, attempt)


def claimed(mode):
    """A pod that has an address by now claims one that another pod is about to take: duplicate address detection."""
    def attempt(lab, a, b, c, world, is_wanted):
        lab.inside(b.netns, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1", "net.ipv6.conf.eth0.dad_transmits=3")
        if not is_wanted:
            wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        target = ipaddress.ip_address(UNLISTED[1]).packed
        frame = icmp6("::", "ff02::1:ff00:99", "33:33:ff:00:00:99", bytes([135, 0, 0, 0, 0, 0, 0, 0]) + target)
        claim = Program(c.netns, CLAIM, "eth0", frame)
        equal(claim.stdout.readline(), "ready\n", "the claiming pod")
        lab.inside(b.netns, "ip", "addr", "add", f"{UNLISTED[1]}/64", "dev", "eth0")

        def state():
            found = lab.inside(b.netns, "ip", "-6", "addr", "show", "dev", "eth0", "to", UNLISTED[1]).stdout
            return "failed" if "dadfailed" in found else "tentative" if "tentative" in found else "taken"
        wait_for(lambda: state() != "tentative", 60, "the detection to end")
        equal(state(), "failed" if is_wanted else "taken", "b's new address")
        claim.end()
    in_both(mode, attempt)


def disguises(frame):
    """The frame as receivers take it, too: with a tag of VLAN 0; ARP of IEEE 802; ICMPv6 behind extension headers."""
    yield "plain", frame
    for tag in ("81000000", "88a80000"):
        yield f"tag {tag}", frame[:12] + tag + frame[12:]
    if frame[12:16] == "0806":
        yield "ARP of IEEE 802", frame[:16] + "0006" + frame[20:]
        return
    length, end = int(frame[24:28], 16), 12 + 4 + 80
    for what, kind, header in (("hop-by-hop options", "00", "3a00010400000000"),
                               ("destination options", "3c", "3a00010400000000"),
                               ("two headers", "00", "3c00010400000000" + "3a00010400000000")):
        yield what, f"{frame[:24]}{length + len(header) // 2:04x}{kind}{frame[30:end]}{header}{frame[end:]}"


def disguised(mode):
    """What is said of others' addresses, in frames that look otherwise; the address's own pod may say it so."""
    def says(lab, victim, address, frame, sender, other):
        """Whether the victim takes the sender for the address's owner, after the frame."""
        lab.inside(victim, "ip", "neigh", "replace", address, "lladdr", lab.mac_of(other.netns), "dev", "eth0", "nud",
                   "stale")
        send(sender.netns, FRAME, "eth0", frame)
        time.sleep(0.05)
        return neighbour(lab, victim, address, "eth0") == lab.mac_of(sender.netns)

    def attempt(lab, a, b, c, world, is_wanted):
        link = lab.mac_of(b.netns)
        lab.inside(b.netns, "sysctl", "-qw", "net.ipv4.neigh.eth0.locktime=0")
        for sender, other, passes in ((c, a, is_wanted), (a, c, True)):
            mac = lab.mac_of(sender.netns)
            for i, frame in enumerate((arp(mac, A[0], B[0], 2, link), advertisement(mac, A[1], B[1], link))):
                for what, one in disguises(frame):
                    what = f"{sender.name} for {A[i]}: {what}"
                    if passes:  # again and again: the owner may answer a question that was asked before
                        wait_for(lambda: says(lab, b.netns, A[i], one, sender, other), 60, what)
                    else:
                        equal([says(lab, b.netns, A[i], one, sender, other) for _ in range(3)], [False] * 3, what)
    in_both(mode, attempt)


def router(mode):
    """A router advertisement gives other pods new addresses, which no policy names."""
    def attempt(lab, a, b, c, world, is_wanted):
        lab.inside(b.netns, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=2", "net.ipv6.conf.eth0.autoconf=1")

        def has_address():
            return prefix in lab.inside(b.netns, "ip", "-6", "addr", "show", "dev", "eth0").stdout
        for n in range(len([*disguises(router_advertisement("2001:db8:bad::"))])):
            prefix = f"2001:db8:bad{n}:"
            what, frame = [*disguises(router_advertisement(f"{prefix}:"))][n]
            send(c.netns, FRAME, "eth0", frame)
            if is_wanted:
                wait_for(has_address, 60, f"b to take the advertised prefix: {what}")
            else:
                time.sleep(0.3)
            equal(has_address(), is_wanted, f"b has an address of the advertised prefix: {what}")
    in_both(mode, attempt)


def everybody(mode):
    """A packet to everybody in a frame to one pod's MAC: it is neither broadcast nor to the pod's address."""
    groups = ("255.255.255.255", "10.244.1.255", "224.0.0.1", "ff02::1")

    def attempt(lab, a, b, c, world, is_wanted):
        link = lab.mac_of(b.netns)
        for n, group in enumerate(groups):
            lab.inside(b.netns, "ip", "link", "set", "eth0", "allmulticast", "on")
            is6 = ":" in group
            listener = Receiver(b.netns, group, 7100 + n, 30 if is_wanted else 0.3)
            send(c.netns, FRAME, "eth0", datagram(C[is6], group, 7100 + n, link))
            equal(listener.source(), C[is6] if is_wanted else "nothing", f"to {group} in a frame to b")
            listener = Receiver(b.netns, group, 7200 + n, 0.3)
            send(c.netns, FRAME, "eth0", datagram(C[is6], group, 7200 + n, "33:33:00:00:00:01" if is6 else
                                                  "01:00:5e:00:00:01" if group.startswith("224") else "ff:" * 5 + "ff"))
            equal(listener.source(), "nothing", f"to {group} in a frame to everybody: the policy refuses it")
    in_both(mode, attempt)


def tagged(mode):
    """The node takes two tags of VLAN 0 off; behind the first one no rule sees a packet's addresses."""
    def attempt(lab, a, b, c, world, is_wanted):
        link = lab.mac_of(lab.node, "cni0")
        for tags, is_seen in (("81000000", True), ("88a80000", True), ("81000000" * 2, False),
                              ("88a8000081000000", False)):
            for i, address in enumerate(("10.244.1.1", "fd00:244:1::1")):
                for source, passes in ((B[i], is_wanted), (C[i], is_wanted or is_seen)):
                    listener = Receiver(lab.node, address, 7001, 30 if passes else 0.3)
                    frame = datagram(source, address, 7001, link)
                    send(c.netns, FRAME, "eth0", frame[:12] + tags + frame[12:])
                    equal(listener.source(), source if passes else "nothing", f"to the node, tags {tags}")
    in_both(mode, attempt)


# ---- What must work ----
def listens(netns, kind):
    """A program that prints each frame of the kind, in hex, that comes to the namespace's eth0."""
    program = Program(netns, "import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons("
                             "int(sys.argv[1], 16)))\ns.bind(('eth0', int(sys.argv[1], 16)))\nprint('ready', flush=True)\n"
                             "while True: print(s.recv(2000).hex(), flush=True)\n", kind)
    equal(program.stdout.readline(), "ready\n", "the listener")
    return program


def unconfigured(mode):
    """DHCP, duplicate address detection, MLD, ARP probes and announcements, link-local addresses: they pass."""
    lab, a, b, c = build(mode)
    with lab:
        lab.start()
        mac = lab.mac_of(c.netns)
        udp = bytes.fromhex("00440043" + "000e0000") + b"dhcp.."
        ip = bytes.fromhex("45000022000100004011000000000000ffffffff")
        ip = ip[:10] + checksum(ip) + ip[12:]
        target = ipaddress.ip_address("fd00:244:1::c").packed
        for kind, what, frame in (
                ("0800", "DHCP", "ffffffffffff" + "0800" + (ip + udp).hex()),
                ("0806", "an ARP probe", arp(mac, "0.0.0.0", C[0], 1)),
                ("0806", "an ARP announcement", arp(mac, C[0], C[0], 1)),
                ("86dd", "duplicate address detection",
                 icmp6("::", "ff02::1:ff00:c", "33:33:ff:00:00:0c", bytes([135, 0, 0, 0, 0, 0, 0, 0]) + target)),
                ("86dd", "an advertisement of its own address",
                 icmp6(C[1], "ff02::1", "33:33:00:00:00:01", bytes([136, 0, 0, 0, 0x20, 0, 0, 0]) + target + b"\2\1" +
                       bytes.fromhex(mac.replace(":", "")))),
                ("86dd", "a message from a link-local address",
                 icmp6("fe80::c", "ff02::1", "33:33:00:00:00:01", bytes([128, 0, 0, 0, 1, 2, 3, 4])))):
            listener = listens(b.netns, kind)
            send(c.netns, FRAME, "eth0", frame)
            body = frame[12:]
            while body not in (found := listener.stdout.readline()):
                equal(found != "", True, f"{what} arrives")
            listener.end()
        equal(forged(lab), 0, "the packets that were refused")


def speaks_for_gateway(lab, victim, attacker):
    """A port of which no pod is known yet is not that of the bridge's own address."""
    mac, link, gateway = lab.mac_of(attacker.netns), lab.mac_of(victim.netns), ("10.244.1.1", "fd00:244:1::1")
    lab.inside(victim.netns, "sysctl", "-qw", "net.ipv4.neigh.eth0.locktime=0")
    for i, frame in enumerate((arp(mac, gateway[0], victim.addresses[0], 2, link),
                               advertisement(mac, gateway[1], victim.addresses[1], link))):
        send(victim.netns, ASK.replace("print", "str"), gateway[i], 1, 0, 0.1)  # it knows the gateway
        check_arrival(False, attacker.netns, RAW, gateway[i], victim.netns, victim.addresses[i], 7010, "as the gateway")
        send(attacker.netns, FRAME, "eth0", frame)
        equal(is_poisoned(lab, victim.netns, gateway[i], attacker.netns, False), False, f"an answer for {gateway[i]}")


def newcomer(mode):
    """A pod that the inventory does not list yet has its network, as itself alone; what the inventory says of it then
    holds at once; its address goes to the next pod."""
    lab, a, b, c = build(mode)
    with lab:
        lab.start()
        d = lab.pod("default", "d", ["10.244.1.13", "fd00:244:1::d"], {"pod": "d"})
        for i in (0, 1):
            check_arrival(True, d.netns, RAW, d.addresses[i], a.netns, A[i], 7001, "a pod that is not listed")
            check_arrival(False, d.netns, RAW, B[i], a.netns, A[i], 7002, "a pod that is not listed, as b")
            check_arrival(False, d.netns, RAW, ELSEWHERE[i], a.netns, A[i], 7003, "the same, as an outside address")
        if mode != "routed":
            speaks_for_gateway(lab, a, d)
        lab.write_inventory()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 4, 60, "the port of d to be known")
        for i in (0, 1):
            check_arrival(True, d.netns, RAW, d.addresses[i], a.netns, A[i], 7004, "a pod that is listed")
            check_arrival(False, d.netns, RAW, UNLISTED[i], a.netns, A[i], 7005, "a pod that is listed, as nobody")
            check_arrival(False, c.netns, RAW, d.addresses[i], a.netns, A[i], 7006, "another, as the pod")
        port = port_of(lab, d)
        run("ip", "netns", "del", d.netns)
        lab.netns.remove(d.netns)
        del lab.pods["default/d"]
        # the kernel takes the namespace apart later, and the routes to the port with it
        wait_for(lambda: port not in lab.in_node("ip", "-o", "link").stdout, 60, "the port of d to be gone")
        e = lab.pod("default", "e", d.addresses, {"pod": "e"})
        for i in (0, 1):
            wait_for(lambda: sends(e, e.addresses[i], a, A[i], 7007), 60, "the next pod with the address to be heard")
        lab.write_inventory()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 4, 60, "the port of e to be known")
        for i in (0, 1):
            check_arrival(True, e.netns, RAW, e.addresses[i], a.netns, A[i], 7008, "the next pod, listed")
            check_arrival(False, c.netns, RAW, e.addresses[i], a.netns, A[i], 7009, "another, as the next pod")


def port_of(lab, pod):
    """The name of the node's end of the pod's veth."""
    links = json.loads(lab.in_node("ip", "-j", "link", "show", "type", "veth").stdout)
    index = json.loads(lab.inside(pod.netns, "ip", "-j", "link", "show", "eth0").stdout)[0]["link_index"]
    return next(link["ifname"] for link in links if link["ifindex"] == index)


def lab_with_records(mode):
    lab = Lab(mode)
    folder = os.path.join(lab.dir, "records")
    os.mkdir(folder, 0o755)
    lab.set(attachments=folder, withdraw_ms=0)
    return lab, folder


def hide(lab, pod):
    """The addresses are not those of the pod's interface: the kernel does not tell the node where they are."""
    for address, subnet in zip(pod.addresses, ("10.244.1.0/24", "fd00:244:1::/64")):
        lab.inside(pod.netns, "ip", "addr", "add", address, "dev", "lo")
        lab.inside(pod.netns, "ip", "addr", "del", address + subnet[subnet.index("/"):], "dev", "eth0")
        lab.inside(pod.netns, "ip", "route", "replace", subnet, "dev", "eth0")


def misplaced(mode):
    """The record counts where the bridge's forwarding table names another pod's port, or none."""
    for is_learned in (True, False):
        for has_record in (False, True):
            lab, folder = lab_with_records(mode)
            with lab:
                a, d, e = (lab.pod("default", name, addresses, {"pod": name}) for name, addresses in
                           (("a", A), ("d", ("10.244.1.13", "fd00:244:1::d")), ("e", ("10.244.1.14", "fd00:244:1::e"))))
                hide(lab, d)
                if is_learned:  # the node knows d's MAC; the bridge has it at e, as if e flooded it with this MAC
                    send(lab.node, ASK.replace("print", "str"), d.addresses[0], 1, 0, 0.1)
                    wait_for(lambda: neighbour(lab, lab.node, d.addresses[0], "cni0"), 60, "the node to know d's MAC")
                    lab.in_node("bridge", "fdb", "replace", lab.mac_of(d.netns), "dev", port_of(lab, e), "master",
                                "static", "sticky")
                del lab.pods["default/e"]  # e has just started
                lab.write_inventory()
                if has_record:
                    records.write(folder, records.text("default", "d", d.addresses, port=port_of(lab, d)))
                lab.start()
                is_known = has_record or is_learned
                wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 1 + is_known, 60, "the ports")
                to = lab.mac_of(a.netns)
                for i in (0, 1):
                    for sender, is_heard in ((e, not has_record), (d, has_record or not is_learned)):
                        listener = Receiver(a.netns, A[i], 7001, 30 if is_heard else 0.3)
                        send(sender.netns, FRAME, "eth0", datagram(d.addresses[i], A[i], 7001, to))
                        equal(listener.source(), d.addresses[i] if is_heard else "nothing",
                              f"{sender.name} as d, {'with' if has_record else 'without'} a record, "
                              f"{'learned at e' if is_learned else 'not learned'}")


def recorded(mode):
    """The container runtime's record tells a pod's port before the inventory lists the pod."""
    lab, folder = lab_with_records(mode)
    with lab:
        a, b = (lab.pod("default", name, addresses, {"pod": name}) for name, addresses in zip("ab", (A, B)))
        lab.write_inventory()
        lab.start()
        d = lab.pod("default", "d", ["10.244.1.13", "fd00:244:1::d"], {"pod": "d"})
        for address in d.addresses:  # b has CAP_NET_ADMIN and configures them, too: what the kernel knows is ambiguous
            lab.inside(b.netns, "ip", "addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        records.write(folder, records.text("default", "d", d.addresses, port=port_of(lab, d)))
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the port of d to be known")
        for i in (0, 1):
            check_arrival(True, d.netns, RAW, d.addresses[i], a.netns, A[i], 7001, "a pod with a record")
            check_arrival(False, b.netns, RAW, d.addresses[i], a.netns, A[i], 7003, "another, as the pod")
            check_arrival(False, d.netns, RAW, UNLISTED[i], a.netns, A[i], 7002, "a pod with a record, as nobody")


def taken_over(mode):
    """Two records have one address: it is the pod's that was attached last, and the other may not send from it."""
    lab, folder = lab_with_records(mode)
    with lab:
        a = lab.pod("default", "a", A, {"pod": "a"})
        e = lab.pod("default", "e", ["10.244.1.14", "fd00:244:1::e"], {"pod": "e"})
        d = lab.pod("default", "d", ["10.244.1.13", "fd00:244:1::d"], {"pod": "d"})
        for i, (pod, listed) in enumerate(((e, e.addresses + d.addresses), (d, d.addresses))):
            records.write(folder, records.text("default", pod.name, listed, container=pod.name, port=port_of(lab, pod)),
                          at=1700000000 + i)
        lab.write_inventory()
        lab.start()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        for i in (0, 1):
            check_arrival(True, d.netns, RAW, d.addresses[i], a.netns, A[i], 7001, "the later pod")
            check_arrival(True, e.netns, RAW, e.addresses[i], a.netns, A[i], 7002, "the earlier pod")
            check_arrival(False, e.netns, RAW, d.addresses[i], a.netns, A[i], 7003, "the earlier pod as the later one")


def sends(sender, source, receiver, destination, port):
    waiting = Receiver(receiver.netns, destination, port, 0.3)
    send(sender.netns, RAW, source, 4444, destination, port)
    return waiting.source() == source


def stopped(mode):
    """While netpold does not run, its tables stay: a new pod has its network, and nobody speaks for another."""
    lab, a, b, c = build(mode)
    with lab:
        lab.start()
        lab.stop()
        d = lab.pod("default", "d", ["10.244.1.13", "fd00:244:1::d"], {"pod": "d"})
        for i in (0, 1):
            check_arrival(True, d.netns, RAW, d.addresses[i], a.netns, A[i], 7001, "a new pod")
            check_arrival(False, d.netns, RAW, B[i], a.netns, A[i], 7002, "a new pod, as b")
            check_arrival(False, c.netns, RAW, B[i], a.netns, A[i], 7003, "another pod, as b")
        lab.apply()
        equal(lab.in_node("sh", "-c", "nft list tables | grep -c _senders").stdout.strip(),
              "1" if mode == "routed" else "2", "the tables of the sender check")
        lab.in_node(NETPOLD, "-c", lab.conf, "--remove")
        equal(lab.in_node("nft", "list", "tables").stdout, "", "the tables that are left")


# ---- Settings ----
def established(mode):
    """In a flow that is established "check" does not look at senders; "every" does."""
    for senders in ("check", "every"):
        lab, a, b, c = build(mode, senders)
        with lab:
            lab.start()
            server = Program(b.netns, ANSWER, 9000)
            server.stdout.readline()
            for i in (0, 1):
                equal(Program(a.netns, ASK, B[i], 9000, 6001 + i, 30).answer().strip(), "answered", "a and b")
            server.end()
            for i in (0, 1):
                check_arrival(senders == "check", c.netns, RAW, A[i], b.netns, B[i], 9000,
                              f'senders = "{senders}": c, into the flow of a', 6001 + i)
                check_arrival(False, c.netns, RAW, A[i], b.netns, B[i], 9001, "c, as a, another flow")
                check_arrival(True, a.netns, RAW, A[i], b.netns, B[i], 9002, "a")


def listed(mode):
    """senders = "listed": any address of a listed pod may come from any port of a bridge, and no other address."""
    lab, a, b, c = build(mode, "listed")
    with lab:
        lab.start()
        for i in (0, 1):
            check_arrival(mode != "routed", c.netns, RAW, B[i], a.netns, A[i], 7001, "as another pod")
            check_arrival(False, c.netns, RAW, UNLISTED[i], a.netns, A[i], 7002, "as nobody")
            check_arrival(False, c.netns, RAW, ELSEWHERE[i], a.netns, A[i], 7003, "as an outside address")
            check_arrival(True, c.netns, RAW, C[i], a.netns, A[i], 7004, "as itself")


def free(mode):
    """senders_free: a pod that is a router or a VPN may send from any address; the status names it."""
    lab, a, b, c = build(mode, conf='senders_free = [ "default/c*", "other/*" ];\n')
    with lab:
        lab.start()
        equal(lab.status()["senders_free"], ["default/c"], "the free pods in the status")
        for i in (0, 1):
            check_arrival(True, c.netns, RAW, ELSEWHERE[i], a.netns, A[i], 7001, "a free pod, as an outside address")
            check_arrival(False, b.netns, RAW, ELSEWHERE[i], a.netns, A[i], 7002, "another pod")
            check_arrival(False, b.netns, RAW, C[i], a.netns, A[i], 7003, "another pod, as the free one")
        if mode != "routed":
            mac = lab.mac_of(c.netns)
            listener = listens(b.netns, "0806")
            frame = arp(mac, UNLISTED[0], UNLISTED[0], 1)  # VRRP: the address moves to this pod
            send(c.netns, FRAME, "eth0", frame)
            while frame[12:] not in (found := listener.stdout.readline()):
                equal(found != "", True, "a gratuitous ARP of a free pod arrives")
            listener.end()


def annotated(mode):
    """The namespace's annotation frees its pods: some ranges, any address; a wrong one frees nobody and is said."""
    lab, a, b, c = build(mode)

    def annotate(text):
        pods = [p.manifest() for p in lab.pods.values()]
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": "default", "annotations": {"netpol/senders": text} if text else {}}}
        pods[2]["metadata"]["annotations"] = {"netpol/senders": "any"}  # a pod does not free itself
        lab.put(os.path.join(lab.inventory, "pods.json"), json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": [space, *pods]}))
        wait_for(lab.is_up_to_date, 60, "the annotation to be read")
    with lab:
        lab.start()
        for text, some, any_address in ((None, False, False), ("198.51.100.0/24, 2001:db8:1::/48", True, False),
                                        ("any", True, True), ("198.51.100.1/24", False, False), (None, False, False)):
            annotate(text)
            equal(lab.status()["senders_free"], ["default/a", "default/b", "default/c"] if some else [],
                  f"the pods that the status names, with {text}")
            equal("netpol/senders" in lab.why(), text == "198.51.100.1/24", f"the status's reasons, with {text}")
            for i in (0, 1):
                check_arrival(some, c.netns, RAW, ELSEWHERE[i], a.netns, A[i], 7001, f"from the range, with {text}")
                check_arrival(any_address, c.netns, RAW, UNLISTED[i], a.netns, A[i], 7002, f"as nobody, with {text}")
                check_arrival(any_address, c.netns, RAW, B[i], a.netns, A[i], 7003, f"as b, with {text}")


def tunnels(mode):
    """VXLAN from a pod to its node: what it wraps would come out as somebody else's."""
    for setting in ("allow", "drop"):
        lab, a, b, c = build(mode, conf=f'pod_tunnels = "{setting}";\n')
        with lab:
            lab.start()
            for i in (0, 1):
                for port in (4789, 8472, 6081):
                    check_arrival(setting == "allow", c.netns, RAW, C[i], lab.node, NODE_ADDRESSES[i], port, "a tunnel")
                check_arrival(True, c.netns, RAW, C[i], lab.node, NODE_ADDRESSES[i], 7001, "another port of the node")
            if setting == "allow":
                continue
            before = forged(lab)
            for protocol in (4, 41, 47):
                send(c.netns, RAW, C[0], 0, NODE_ADDRESSES[0], 0, protocol, "45" + "00" * 19)
            wait_for(lambda: forged(lab) == before + 3, 60, "three packets of tunnels to be refused")


def told(mode):
    """The status and the metrics say who was refused; the journal says it once."""
    lab, a, b, c = build(mode)
    with lab:
        lab.start(WATCHDOG_USEC="2000000", WATCHDOG_PID="")
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        equal((lab.status()["senders"], lab.status()["senders_pods"]["pods"]), ("check", 3), "the status")
        for _ in range(3):
            send(c.netns, RAW, A[0], 4444, B[0], 7001)
        line = 'netpol_forged_packets_total{namespace="default",pod="c"} 3'
        wait_for(lambda: line in open(os.path.join(lab.runtime, "netpol.prom")).read(), 60, "the counter")
        for _ in range(2):
            send(c.netns, RAW, A[0], 4444, B[0], 7001)
        wait_for(lambda: lab.status()["senders_pods"]["forged_packets"] == 5, 60, "the status to count on")
        equal(lab.log().count("default/c 3"), 1, f"the journal's line: {lab.log()}")


SYN = "115c1b59" + "00000001" + "00000000" + "50020400" + "00000000"  # from port 4444 to 7001


def log_rules(lab):
    """The NFLOG groups of the tables' rules; {} without tables."""
    text = {family: lab.in_node("nft", "-t", "list", "table", family, "netpol_senders", check=False).stdout
            for family in ("inet", "bridge")}
    return {f: set(re.findall(r"log prefix .forged. group (\d+)", t)) for f, t in text.items() if t}


def named(mode):
    """denied.jsonl names the real sender and the claimed one, once a minute; what is allowed is not there."""
    lab, a, b, c = build(mode)
    with lab:
        world = lab.world(*OUTSIDE)
        lab.start(WATCHDOG_USEC="2000000", WATCHDOG_PID="")
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        port = port_of(lab, c)
        attacks = [(sender.netns, A[i], protocol) for i in (0, 1) for protocol in ("UDP", "TCP") for sender in (b, c)]
        for netns, source, protocol in [*attacks, (world, A[0], "UDP")]:
            to = C if netns == b.netns else B
            for _ in range(3):
                send(netns, RAW, source, 4444, to[":" in source], 7001, *((6, SYN) if protocol == "TCP" else ()))
            check_arrival(True, a.netns, RAW, A[0], b.netns, B[0], 7002, "the allowed pod")
        wait_for(lambda: forged(lab) == 3 * 9, 60, "the packets to be counted")
        send(c.netns, RAW, ELSEWHERE[0], 4444, B[0], 7001)
        wait_for(lambda: lab.denied()[-1:] and lab.denied()[-1]["source"] == ELSEWHERE[0], 60, "the last entry")
        found = lab.denied()
        equal(len(found), 10, f"the entries: {found}")
        equal({(e["kind"], e["audit"], e.get("direction"), e["port"], e["policies"] == []) for e in found},
              {("forged", False, None, 7001, True)}, "what all of them say")
        equal(sorted((e.get("sender_pod", ""), e["source"], e["destination"], e["protocol"]) for e in found),
              sorted([("b" if netns == b.netns else "c", s, (B if netns == c.netns else C)[":" in s], protocol)
                      for netns, s, protocol in attacks] +
                     [("", A[0], B[0], "UDP"), ("c", ELSEWHERE[0], B[0], "UDP")]), "who sent what")
        equal({(e["sender_namespace"], e["interface"]) for e in found if e.get("sender_pod") == "c"},
              {("default", port)}, "the port of c")
        equal([e.get("source_pod") for e in found], ["a"] * 9 + [None], "whose the claimed addresses are")
        text = lab.ctl("denied", "--pod", "default/c", "--refused").stdout
        line = f"2 times  forged  port of default/c ({port}) claims default/a ({A[1]}) -> default/b ({B[1]}) TCP 7001"
        equal((line in text, lab.ctl("denied", "--audit").stdout), (True, ""), f"netpolctl denied: {text}")
        prom = os.path.join(lab.runtime, "netpol.prom")
        wait_for(lambda: "netpol_forged_flows_total 10\n" in open(prom).read(), 60, "the metric")
        equal(re.findall(r"netpol_denied_\w+_total{.*} [1-9]", open(prom).read()), [], "what policies refused")


def own_address(mode):
    """A neighbour advertisement for another's address comes from an address of its sender's: the reason says so."""
    lab, a, b, c = build(mode)
    with lab:
        lab.start()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        mac = lab.mac_of(c.netns)
        send(c.netns, FRAME, "eth0", arp(mac, A[0], B[0], 2))
        send(c.netns, FRAME, "eth0", advertisement(mac, A[1]))
        wait_for(lambda: lab.denied(), 60, "the entry")
        equal([(e["sender_pod"], e["source"], e["protocol"], e["reason"].endswith("no pod may send these"))
               for e in lab.denied()], [("c", "fe80::bad", "ICMPv6", True)], "the entries; ARP is only counted")
        equal(forged(lab), 2, "the packets that were counted")


def log_settings(mode):
    """log_denied = false and senders = "off": nothing is logged; a reload with another group replaces the tables."""
    lab, a, b, c = build(mode, conf="log_denied = false;\n")
    families = {"routed": ["inet"], "bridged": ["inet", "bridge"], "tracked": ["inet", "bridge"]}[mode]
    with lab:
        lab.start()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        equal(log_rules(lab), {f: set() for f in families}, "rules that log")
        check_arrival(False, c.netns, RAW, A[0], b.netns, B[0], 7001, "as another pod")
        equal((forged(lab), lab.denied()), (1, []), "counted, and not logged")
        for settings, group in (({"log_denied": None, "log_group": 77}, "77"), ({"log_group": 78}, "78"),
                                ({"log_group": None, "senders": "off"}, None)):
            lab.set(**settings)
            lab.daemon.send_signal(signal.SIGHUP)
            wait_for(lambda: log_rules(lab) == ({f: {group} for f in families} if group else {}), 60, "the rules")
            if group:
                before = len(lab.denied())
                send(c.netns, RAW, A[0], 4444, B[0], 7001)
                wait_for(lambda: len(lab.denied()) == before + 1, 60, "the entry")
        equal(lab.status()["health"], "ok", lab.why())


def flooded(mode):
    """A flood from 20,000 forged sources: none passes, at most 100 entries a second for a table, and 200 at once."""
    lab, a, b, c = build(mode)
    family = "inet" if mode == "routed" else "bridge"

    def came():
        text = lab.in_node("nft", "list", "table", family, "count").stdout
        return int(re.search(r"counter packets (\d+)", text).group(1))
    with lab:
        lab.start()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        lab.inside(b.netns, "nft", "-f", "-", input="table inet sink {\n chain c {\n type filter hook prerouting "
                   "priority raw; policy accept;\n udp dport 2000 counter drop\n }\n}\n")
        lab.in_node("nft", "-f", "-", input=f"table {family} count {{\n chain c {{\n type filter hook prerouting "
                    "priority -250; policy accept;\n udp dport 2000 counter\n }\n}\n")
        start = time.monotonic()
        flood = Flood(c.netns, lab.mac_towards(b), "172.20.0.1", B[0], (2000,), 20000, has_sources=True)
        try:
            wait_for(lambda: len(lab.denied()) > 300, 60, "300 entries")
        finally:
            sent, took = flood.stop(), time.monotonic() - start
        # what the node's backlog had no room for came to neither
        wait_for(lambda: forged(lab) == came(), 60, f"{sent} packets to be counted")
        equal(1000 < came() <= sent, True, f"packets that came, of {sent}")
        before = -1
        while before != len(lab.denied()):  # the file is written at most once a second
            before = len(lab.denied())
            time.sleep(1.5)
        equal(before <= 200 + 100 * (took + 1), True, f"{before} entries of {sent} packets in {took:.1f} s")
        equal({(e["kind"], e["sender_pod"]) for e in lab.denied()}, {("forged", "c")}, "the entries")
        arrived = lab.inside(b.netns, "nft", "list", "table", "inet", "sink").stdout
        equal("counter packets 0 " in arrived, True, f"packets that passed: {arrived}")
        equal(lab.status()["health"], "ok", lab.why())


def tampering(mode):
    """Somebody else's change of the tables is undone; so is the end of all tables."""
    lab, a, b, c = build(mode)
    family = "inet" if mode == "routed" else "bridge"

    def listing():
        table = family, "netpol_senders"
        return [lab.in_node("nft", *of, check=False).stdout for of in (("-t", "list", "table", *table),
                                                                       ("list", "set", *table, "owned4"))]
    with lab:
        lab.start()
        wait_for(lambda: lab.status()["senders_pods"]["port_known"] == 3, 60, "the ports")
        wanted = listing()
        for command in (("delete", "table", family, "netpol_senders"), ("flush", "ruleset"),
                        ("flush", "set", family, "netpol_senders", "owned4"),
                        ("insert", "rule", family, "netpol_senders", "prerouting", "accept")):
            before = lab.log().count("the tables of the sender check")
            lab.in_node("nft", *command)
            wait_for(lambda: lab.log().count("the tables of the sender check") > before, 60, "the repair")
            wait_for(lambda: listing() == wanted, 60, "the tables as they were")  # one flush may be two repairs
            for i in (0, 1):
                check_arrival(False, c.netns, RAW, A[i], b.netns, B[i], 7001, f"after nft {' '.join(command)}")
                check_arrival(True, a.netns, RAW, A[i], b.netns, B[i], 7002, f"after nft {' '.join(command)}")


for case, modes, title in (
        (freebind, MODES, "a pod without capabilities does not send from others' addresses"),
        (raw, MODES, "a pod with a raw socket does not send from others' addresses"),
        (outside, MODES, "nobody outside sends from the address of a pod of this node"),
        (first_packet, MODES, "a forged first packet does not establish a flow"),
        (poisoning, MODES[1:], "a pod does not answer for others' addresses"),
        (claimed, MODES[1:], "a pod does not claim an address that another is about to take"),
        (disguised, MODES[1:], "nor in frames with a tag, of another form, behind extension headers"),
        (router, MODES[1:], "a pod is no router for others"),
        (everybody, MODES[1:], "a packet to everybody in a frame to one pod"),
        (tagged, MODES[1:], "frames with one VLAN tag and with two"),
        (unconfigured, MODES[1:], "DHCP, duplicate address detection, MLD, ARP and link-local addresses pass"),
        (newcomer, MODES, "a new pod has its network, and no other's; an address is used again"),
        (recorded, MODES, "a pod that the container runtime has a record of"),
        (taken_over, MODES, "an address that two records have"),
        (misplaced, MODES[1:], "a record counts before what the bridge has learned"),
        (stopped, MODES, "while netpold is stopped; and after --remove"),
        (established, MODES, "into an established flow: check, every"),
        (listed, MODES, "any listed address: listed"),
        (free, MODES, "pods that are free"),
        (annotated, MODES, "the annotation of a namespace"),
        (tunnels, MODES, "tunnels from pods to the node"),
        (told, MODES[:2], "counters by pod"),
        (named, MODES, "denied.jsonl names the sender"),
        (own_address, MODES[1:], "what is dropped though the address is the sender's own"),
        (log_settings, MODES, "log_denied and log_group"),
        (flooded, MODES, "a flood of forged sources"),
        (tampering, MODES, "others' changes are undone")):
    for mode in modes:
        test(case, mode, name=f"{mode}: {title}")
finish()
