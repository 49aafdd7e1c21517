#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Corner cases: Services by DNAT and the hairpin, ICMP errors, fragments, empty neighbour caches under deny-all, VLAN
tags, link-local and multicast addresses, bridge switches, large transactions, large sets of other programs."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from inside import Program
from netlab import NETPOLCTL, Lab, Pod, Skip, can_track_bridges, run, wait_for
from report import test, finish, equal
from talk import ask, deny_all, policy, serve

A, B, C = "10.244.1.10", "10.244.1.11", "10.244.1.12"
FAR = "10.244.2.10"  # a pod on another node
A6, B6 = "fd00:244:1::a", "fd00:244:1::b"
SERVICES = """table ip kube-proxy {
	chain services {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.96.0.10 tcp dport 80 dnat to %s:8080
		ip daddr 10.96.0.11 tcp dport 80 dnat to %s:8080
		ip daddr 10.96.0.12 tcp dport 80 dnat to %s:8080
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr %s ip daddr %s masquerade
	}
}
""" % (A, B, FAR, A, A)


def build(mode, conf=""):
    lab = Lab(mode, conf=conf)
    a = lab.pod("default", "a", [A, A6], {"pod": "a"})
    b = lab.pod("default", "b", [B, B6], {"pod": "b"})
    c = lab.pod("default", "c", [C, "fd00:244:1::c"], {"pod": "c"})
    lab.write_inventory()
    return lab, a, b, c


def services(mode):
    lab, a, b, c = build(mode)
    with lab:
        far = lab.pods["default/far"] = Pod("default", "far", [FAR], {"pod": "far"}, node="node-2")
        d = lab.pod("default", "d", ["10.244.1.13"], {"pod": "d"})
        far.netns = lab.world(FAR)
        lab.write_inventory()
        servers = [serve(lab, a, A, 8080, 9090), serve(lab, b, B, 8080, 9090), serve(lab, far, FAR, 8080, 9090)]
        # without br_netfilter an answer on the bridge is not translated back: kube-proxy needs --masquerade-all
        rules = SERVICES if mode != "tracked" else SERVICES.replace(
            f"ip saddr {A} ip daddr {A} masquerade", "ct status dnat masquerade")
        try:
            lab.in_node("nft", "-f", "-", input=rules)
            from_c = [{"podSelector": {"matchLabels": {"pod": "c"}}}]
            to_far = [{"podSelector": {"matchLabels": {"pod": "far"}}}]
            lab.write_policies([deny_all("a", {"pod": "a"}),
                                policy("b", {"pod": "b"}, ingress=[{"from": from_c, "ports": [{"port": 8080}]}]),
                                policy("d", {"pod": "d"}, policyTypes=["Egress"], egress=[{"to": to_far}])])
            lab.apply()
            equal(ask(lab, a, "tcp", "10.96.0.10", 80), "allow", "the hairpin: a to its own Service, under deny-all")
            equal(ask(lab, c, "tcp", "10.96.0.11", 80), "allow", "c to the Service of b, whose ingress allows c")
            equal(ask(lab, c, "tcp", "10.96.0.10", 80), "refused", "c to the Service of a, whose ingress refuses all")
            equal(ask(lab, a, "tcp", "10.96.0.11", 80), "refused", "a to the Service of b: a's egress refuses all")
            equal(ask(lab, d, "tcp", "10.96.0.12", 80), "allow", "d to the Service of a pod on another node")
            equal(ask(lab, d, "tcp", "10.96.0.11", 80), "refused", "d to the Service of b: d's egress refuses b")
            equal(ask(lab, a, "tcp", "10.96.0.12", 80), "refused",
                  "a to the Service of the pod on another node: a's egress refuses all")
            equal(ask(lab, far, "tcp", B, 8080), "refused", "the pod on another node to b, whose ingress refuses it")
            for source, backend, verdict in (("a", "a", 0), ("c", "b", 0), ("c", "a", 1), ("a", "b", 1), ("d", "far", 0),
                                             ("d", "b", 1), ("a", "far", 1), ("far", "b", 1)):
                equal(lab.ctl("explain", f"default/{source}", f"default/{backend}", "8080").returncode, verdict,
                      f"explain of {source} to the backend {backend}")
            told = lab.ctl("explain", "default/d", "10.96.0.11", "80").stdout
            equal("if 10.96.0.11 is a Service's address, ask for a pod of the Service instead" in told, True, told)
            equal("kube-proxy" in lab.in_node("nft", "list", "tables").stdout, True, "kube-proxy's table is left")
        finally:
            for server in servers:
                server.end()


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
            equal(ask(lab, a, "udp", B, 9091, 9000), "drop" if mode == "tracked" else "refused",
                  "fragments of a refused flow")
            for address in (B, B6):
                equal(ask(lab, a, "udp", address, 7), "refused", f"{address}'s ICMP error of an allowed flow")
        finally:
            server.end()


# A TFTP server: it answers each request from a port of its own. Argument: ADDRESS
TFTP_SERVER = """import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.bind((sys.argv[1], 69))
print("ready", flush=True)
while True:
    request, client = s.recvfrom(99)
    data = socket.socket(family, socket.SOCK_DGRAM); data.bind((sys.argv[1], 0)); data.connect(client)
    data.send(b"data"); data.settimeout(5)
    try: print(data.recv(9).decode(), flush=True)
    except ConnectionRefusedError: print("refused", flush=True)
    except TimeoutError: print("drop", flush=True)
"""
TFTP_CLIENT = """import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[2])))
s.sendto(b"\\0\\1file\\0octet\\0", (sys.argv[1], 69))
print("sent", flush=True)
while True: s.sendto(b"allow", s.recvfrom(99)[1])
"""
# What makes conntrack expect the server's datagram to the client: {name: the rules}, for each address family
EXPECTING = {
    "a helper": """	ct helper tftp_%(ip)s {
		type "tftp" protocol udp
		l3proto %(ip)s
	}
	chain to_%(ip)s {
		type filter hook prerouting priority 0; policy accept;
		%(ip)s daddr %(server)s udp dport 69 ct helper set "tftp_%(ip)s"
	}
""",
    "an expectation": """	ct expectation data_%(ip)s {
		protocol udp
		dport %(port)d
		timeout 1m
		size 12
		l3proto %(ip)s
	}
	chain to_%(ip)s {
		type filter hook prerouting priority 0; policy accept;
		%(ip)s daddr %(server)s udp dport 69 ct expectation set "data_%(ip)s"
	}
"""}
SEEN = """	chain seen {
		type filter hook forward priority -300; policy accept;
		ct state related meta l4proto udp counter
	}
"""


def transfer(lab, client, server, address, what, port):
    """The client asks the server at that address; returns what became of the server's datagram to the client, which is
    RELATED to the client's: "allow", "refused" or "drop"."""
    family = "bridge" if lab.mode == "tracked" else "inet"
    rules = EXPECTING[what] % {"ip": "ip6" if ":" in address else "ip", "port": port, "server": address}
    made = lab.in_node("nft", "-f", "-", input=f"table {family} expecting {{\n{rules}{SEEN}}}\n", check=False)
    if "Could not process rule: " in made.stderr:
        raise Skip(f"this kernel does not take {what} of conntrack: {made.stderr.strip().splitlines()[0]}")
    equal((made.returncode, made.stderr), (0, ""), "exit status and errors of nft")
    programs = [Program(server.netns, TFTP_SERVER, address)]
    equal(programs[0].stdout.readline(), "ready\n")
    programs.append(Program(client.netns, TFTP_CLIENT, address, port))
    found = programs[0].stdout.readline().strip()
    for program in programs:
        program.end()
    listing = lab.in_node("nft", "list", "chain", family, "expecting", "seen").stdout
    lab.in_node("nft", "delete", "table", family, "expecting")
    if lab.mode == "tracked" and "counter packets 0 " in listing:
        raise Skip("this kernel calls no helpers for bridged packets")
    equal("counter packets 0 " in listing, False, f"the server's datagram is related, by {what}: {listing}")
    return found


def expected_by_helpers(mode):
    """FTP and TFTP helpers: what they expect is RELATED, and still needs a policy that allows it."""
    lab, a, b, c = build(mode)
    ports = iter(range(4000, 5000))
    refused = "drop" if mode == "tracked" else "refused"
    from_b = [{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}]
    to_tftp = [{"ports": [{"port": 69, "protocol": "UDP"}]}]
    with lab:
        for what in list(EXPECTING)[:1 if mode == "tracked" else 2]:
            for policies, wanted in (
                    ([], "allow"),
                    ([policy("a", {"pod": "a"}, ingress=[])], refused),
                    ([policy("a", {"pod": "a"}, ingress=from_b)], "allow"),
                    ([policy("b", {"pod": "b"}, policyTypes=["Ingress", "Egress"], ingress=to_tftp)], refused),
                    ([policy("b", {"pod": "b"}, policyTypes=["Ingress", "Egress"], ingress=to_tftp,
                             egress=[{}])], "allow")):
                lab.write_policies(policies)
                lab.apply()
                for address in (B, B6):
                    equal(transfer(lab, a, b, address, what, next(ports)), wanted,
                          f"b's datagram to a's port, expected by {what}, to {address}, with {policies}")


# Sends datagrams that are too large until the path's MTU is known. Argument: ADDRESS
FIND_MTU = """import socket, sys, time
is6 = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if is6 else socket.AF_INET, socket.SOCK_DGRAM)
level, discover, mtu = (41, 23, 24) if is6 else (0, 10, 14) # IPV6_MTU_DISCOVER, IPV6_MTU; IP_MTU_DISCOVER, IP_MTU
s.setsockopt(level, discover, 2) # do not fragment
s.connect((sys.argv[1], 9090))
end = time.monotonic() + float(sys.argv[2])
while s.getsockopt(level, mtu) == 1500 and time.monotonic() < end:
    try: s.send(b"x" * 1400)
    except OSError: pass
    time.sleep(0.02)
print(s.getsockopt(level, mtu))
"""


# A SYN by a raw socket, with somebody else's source address. Arguments: SOURCE PORT DESTINATION PORT
FORGE = """import socket, struct, sys
source, sport, destination, dport = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
is6 = ":" in source
family = socket.AF_INET6 if is6 else socket.AF_INET
ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
tcp = struct.pack("!HHIIBBHHH", sport, dport, 1000, 0, 5 << 4, 2, 64240, 0, 0)
summed = ends + struct.pack("!HH", 6, len(tcp)) + tcp
total = sum(struct.unpack(f"!{len(summed) // 2}H", summed))
total = (total & 0xffff) + (total >> 16)
total = (total & 0xffff) + (total >> 16)
tcp = tcp[:16] + struct.pack("!H", ~total & 0xffff) + tcp[18:]
if is6:
    ip = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ends
else:
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + ends
s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + tcp, (destination, 0))
print("sent", flush=True)
"""
# Connects from a port of its own. Arguments: DESTINATION PORT OWNPORT. Prints what became of it
CONNECT = """import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_STREAM)
s.bind(("", int(sys.argv[3])))
s.settimeout(3)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print("connected", flush=True)
except TimeoutError:
    print("silence", flush=True)
except OSError:
    print("refused", flush=True)
"""
# The attacker's own kernel does not answer the forged SYN, which would end what conntrack made of it
SILENT = "table inet silent { chain in { type filter hook prerouting priority -300;\n" \
         "tcp flags & (syn | ack) == syn drop; }; }\n"


def forged_handshake(mode):
    """The packet "from the server" makes a flow, of which the SYN to the server is an answer, a simultaneous open."""
    lab, a, b, c = build(mode, 'senders = "off";\n')  # it would drop the forged packet
    refused = "silence" if mode == "tracked" else "refused"
    to_b = [{"to": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}]
    with lab:
        for device in ("all", "default"):
            lab.in_node("sysctl", "-qw", f"net.ipv4.conf.{device}.rp_filter=0")
        run("ip", "netns", "exec", a.netns, "nft", "-f", "-", input=SILENT)
        server = serve(lab, b, "::", 8080, 9090)
        port = 5000
        for egress, wanted in (([], refused), (to_b, "connected")):
            lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Egress"], egress=egress)])
            lab.apply()
            for own, address in ((A, B), (A6, B6)):
                for is_forged in (False, True):
                    port += 1
                    if is_forged:
                        forger = Program(c.netns, FORGE, address, "8080", own, str(port))
                        equal(forger.stdout.readline(), "sent\n", "the forged SYN")
                        forger.end()
                        time.sleep(0.3)
                    client = Program(a.netns, CONNECT, address, "8080", str(port))
                    equal(client.stdout.readline().strip(), wanted,
                          f"a's connection to {address}, egress {egress}, after a forged SYN: {is_forged}")
                    client.end()
        server.end()


def path_mtu(mode):
    """A router behind the node has a link with a small MTU; its ICMP errors must reach an isolated pod."""
    lab, a, b, c = build(mode)
    far = ("10.99.0.1", "fd99::1")
    with lab:
        router = lab.world("10.98.0.1", "fd98::1")
        lab.inside(router, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                   "net.ipv4.icmp_ratemask=0", "net.ipv6.icmp.ratemask=")
        lab.inside(router, "ip", "link", "add", "narrow", "mtu", "1300", "up", "type", "veth")
        for address, gateway in zip(far, ("10.98.0.1", "fd98::1")):
            lab.inside(router, "ip", "route", "add", address, "dev", "narrow")
            lab.in_node("ip", "route", "add", address, "via", gateway, *(() if ":" in address else ("onlink",)),
                        "dev", json.loads(lab.in_node("ip", "-j", "route", "get", gateway).stdout)[0]["dev"])
        lab.write_policies([policy("a", {"pod": "a"}, policyTypes=["Ingress", "Egress"],
                                   egress=[{"ports": [{"port": 9090, "protocol": "UDP"}]}])])
        lab.apply()
        for address in far:
            equal(Program(a.netns, FIND_MTU, address, 30).answer().strip(), "1300", f"a's path MTU to {address}")


def cold_neighbours(mode):
    lab, a, b, c = build(mode)
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
        equal(found, ["allow", "allow", "drop" if mode == "tracked" else "reject", "drop"], "verdicts")


# Sends one UDP datagram in a frame with these VLAN tags. Arguments: MAC SOURCE DESTINATION PORT TAG...; a tag is
# TYPE:NUMBER
SEND_TAGGED = """
import socket, struct, sys
to, source, destination, port, tags = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
udp = struct.pack("!HHHH", 4444, port, 12, 0) + b"tags"
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 1, 0, 64, 17, 0,
                   socket.inet_aton(source), socket.inet_aton(destination))
total = sum(struct.unpack("!10H", head)); total = (total & 0xffff) + (total >> 16); total += total >> 16
head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
vlan = b"".join(struct.pack("!HH", int(t.split(":")[0], 16), int(t.split(":")[1])) for t in tags)
mine = s.getsockname()[4]
s.send(bytes.fromhex(to.replace(":", "")) + mine + vlan + struct.pack("!H", 0x0800) + head + udp)
"""
RECEIVE = """
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("", int(sys.argv[1]))); u.settimeout(float(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline() # waits until the datagram has been sent
try: print(u.recv(100).decode())
except TimeoutError: print("nothing")
"""


def check_tagged(lab, passes, source, destination, port, *tags):
    link = json.loads(lab.inside(destination.netns, "ip", "-j", "link", "show", "eth0").stdout)[0]["address"]
    receiver = Program(destination.netns, RECEIVE, port, 30 if passes else 0.3)
    equal(receiver.stdout.readline(), "ready\n")
    Program(source.netns, SEND_TAGGED, link, source.addresses[0], destination.addresses[0], port, *tags).answer()
    receiver.write("sent")
    equal(receiver.answer().strip(), "tags" if passes else "nothing",
          f"what {destination.name} received from {source.name} at port {port}, tags {tags}")


def tagged(mode, is_evaluated):
    """A receiver treats a frame with one or two tags of VLAN 0 like an untagged frame."""
    lab, a, b, c = build(mode)
    with lab:
        lab.switch_br_netfilter(int(is_evaluated), ["filter-vlan-tagged"])
        check_tagged(lab, True, c, b, 8080, "8100:0")
        check_tagged(lab, True, c, b, 8080, "8100:0", "8100:0")
        lab.write_policies([policy("b", {"pod": "b"}, ingress=[{"ports": [{"port": 8080, "protocol": "UDP"}]}]),
                            deny_all("a", {"pod": "a"})])
        lab.apply()
        for tags, passes in (((), True), (("8100:0",), is_evaluated), (("88a8:0",), is_evaluated),
                             (("8100:0", "8100:0"), False), (("88a8:0", "8100:0"), False)):
            check_tagged(lab, passes, c, b, 8080, *tags)
            check_tagged(lab, False, c, b, 8081, *tags)
            check_tagged(lab, False, a, c, 8081, *tags)
        check_tagged(lab, True, b, c, 8081, "8100:0")  # no policy isolates b's egress or c


def tagged_refused(mode):
    tagged(mode, False)


def tagged_evaluated(mode):
    tagged(mode, True)


def switched_off():
    """bridged: with br_netfilter switched off a bridge table takes over, or netpold is unhealthy; switched on again"""
    lab, a, b, c = build("bridged")
    with lab:
        lab.write_policies([deny_all("b", {"pod": "b"})])
        lab.start()
        flow = (c.netns, b.netns, "tcp", C, B, 8080)
        equal((lab.status()["bridge"], lab.probe([flow])), ("br_netfilter", ["reject"]), "with br_netfilter")
        lab.switch_br_netfilter(0)
        wait_for(lambda: lab.status()["bridge"] != "br_netfilter", 60, "netpold to notice that br_netfilter is off")
        if can_track_bridges():
            equal((lab.status()["bridge"], lab.status()["health"]), ("conntrack", "ok"), "without br_netfilter")
            equal(lab.probe([flow]), ["drop"], "a bridge table's verdict")
        else:
            equal((lab.status()["bridge"], lab.status()["health"]), ("none", "unhealthy"), "without br_netfilter")
            equal("nf_conntrack_bridge is not available" in lab.why(), True,
                  f"the status names the missing module: {lab.status()}")
        lab.switch_br_netfilter(1)
        wait_for(lambda: lab.status()["bridge"] == "br_netfilter", 60, "netpold to notice that br_netfilter is on")
        equal(lab.probe([flow]), ["reject"], "with br_netfilter again")
        lab.set(bridge="off")
        lab.daemon.send_signal(1)
        wait_for(lambda: lab.status()["bridge"] == "off", 60, 'the setting bridge = "off" to be in force')
        equal(lab.in_node("nft", "list", "tables").stdout.split("\n")[:1], ["table inet netpol"], "the tables left")
        time.sleep(0.3)
        equal(lab.daemon.poll(), None, "netpold's exit status, while it runs")


def bridge_table_repaired(mode):
    lab, a, b, c = build(mode)
    with lab:
        lab.write_policies([deny_all("b", {"pod": "b"})])
        lab.start()

        def listing():
            return lab.in_node("nft", "list", "table", "bridge", "netpol", check=False).stdout
        wanted = listing()
        equal(f"{B} : goto" in wanted, True, f"b is isolated in the bridge table: {wanted}")
        for command in ("delete table bridge netpol", "flush ruleset", "add rule bridge netpol forward accept",
                        "flush map bridge netpol ingress4"):
            before = lab.status()["repairs"]
            lab.in_node("nft", command)
            wait_for(lambda: lab.status()["repairs"] > before and listing() == wanted, 60, f"repair after {command!r}")


def conntrack_not_there():
    """bridged: bridge = "conntrack" without the module nf_conntrack_bridge is an error that names the module"""
    if can_track_bridges():
        raise Skip("this kernel has nf_conntrack_bridge")
    with Lab("bridged") as lab:
        lab.set(bridge="conntrack")
        lab.write_inventory()
        result = lab.apply(check=False)
        equal((result.returncode, "module nf_conntrack_bridge is not available" in result.stderr), (1, True),
              f"exit status, and whether the error names the module: {result.stderr}")
        equal(lab.in_node("nft", "list", "tables").stdout.split("\n")[:-1],
              ["table inet netpol", "table inet netpol_senders"], "the tables")


def routed_neighbour_discovery():
    """routed: a routed packet of a neighbour discovery type is evaluated like every other packet"""
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
            Program(a.netns, send, B6, hops).answer()
        listing = lab.inside(b.netns, "nft", "list", "table", "ip6", "seen").stdout
        equal("counter packets 0 " in listing, True, f"no such packet reached b: {listing}")


# Prints what arrives at port 5000, also by broadcast and multicast. Argument: OWN-ADDRESS
RECEIVE_ANY = """import select, socket, sys, time
v4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v4.bind(("", 5000))
group = socket.inet_aton("239.1.2.3") + socket.inet_aton(sys.argv[1])
v4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
v6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
v6.bind(("::", 5000))
print("ready", flush=True)
while True:
    for s in select.select([v6, v4], [], [])[0]: # in this order: "end" comes by IPv4, after all others
        print(s.recvfrom(99)[0].decode(), flush=True)
"""
# Sends a datagram with the target's name to port 5000 of each target. Arguments: OWN-ADDRESS DEVICE TARGET... Ends when
# no datagram waits for neighbour discovery.
SEND_ANY = """import socket, subprocess, sys, time
v4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v4.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
v4.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
v6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for to in sys.argv[3:]:
    where = (to, 5000, 0, socket.if_nametoindex(sys.argv[2]))
    (v6.sendto(to.encode(), where) if ":" in to else v4.sendto(to.encode(), where[:2]))
while "INCOMPLETE" in subprocess.run(["ip", "neighbour"], capture_output=True, text=True).stdout:
    time.sleep(0.01)
"""
SEND_END = """import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"end", (sys.argv[1], 5000))
"""
ANSWER = """import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 5001))
print("ready", flush=True)
while True:
    s.sendto(*s.recvfrom(99))
"""
ASK = """import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); 
for line in sys.stdin:
    s.settimeout(float(line))
    s.sendto(b"x", (sys.argv[1], 5001, 0, socket.if_nametoindex(sys.argv[2])))
    try: s.recv(9); print("answer", flush=True)
    except TimeoutError: print("silence", flush=True)
"""
GROUPS = ["10.244.1.255", "255.255.255.255", "224.0.0.1", "239.1.2.3", "ff02::1"]


def link_address(lab, netns, device):
    found = json.loads(lab.inside(netns, "ip", "-j", "-6", "address", "show", "dev", device).stdout)[0]["addr_info"]
    return next(a["local"] for a in found if a["scope"] == "link")


def arrivals(lab, source, targets, receivers, device="eth0"):
    """For each receiver (netns, address), which of the source's packets to the targets arrived. A last packet, from the
    node, shows that the others had time to arrive. device: the source's."""
    programs = [Program(netns, RECEIVE_ANY, own) for netns, own in receivers]
    for receiver in programs:
        equal(receiver.stdout.readline(), "ready\n")
    Program(source.netns, SEND_ANY, source.addresses[0], device, *targets).answer()
    found = []
    for receiver, (_, own) in zip(programs, receivers):
        Program(lab.node, SEND_END, own).answer()
        found.append(sorted(line.strip() for line in iter(receiver.stdout.readline, "end\n")))
        receiver.end()
    return found


def check_flow(lab, source, device, destination, address, versions, wanted, what):
    """Sends a packet of one flow under each version of the policies; wanted: "answer" or "silence" for each."""
    server, client = Program(destination, ANSWER), Program(source, ASK, address, device)
    equal(server.stdout.readline(), "ready\n")
    results = []
    for policies, want in zip(versions, wanted):
        lab.write_policies(policies)
        lab.apply()
        client.write("30" if want == "answer" else "0.5")
        results.append(client.stdout.readline().strip())
    for program in (server, client):
        program.end()
    equal(results, wanted, what)


def check_link_local_flows(lab, a, b, device, at_b, at_node, ingress, egress):
    """Established flows between link-local addresses: no map has these, so the scan for stale flows does not find the
    flows, and the rules have to refuse their packets. b is isolated."""
    versions = [], ingress, [], egress, []
    check_flow(lab, lab.node, device, b.netns, at_b, versions,
               ["answer"] * 3 + ["silence" if lab.mode == "bridged" else "answer", "answer"], "node to b")
    check_flow(lab, b.netns, "eth0", lab.node, at_node, versions,
               ["answer", "answer", "answer", "silence", "answer"], "b to node")
    if a:
        for client, server in ((a, b), (b, a)):
            check_flow(lab, client.netns, "eth0", server.netns, link_address(lab, server.netns, "eth0"), versions,
                       ["answer", "silence", "answer", "silence", "answer"], f"{client.key} to {server.key}")


def link_local(mode):
    """Neighbour discovery, which has to pass, is tested by cold_neighbours."""
    lab, a, b, c = build(mode)
    with lab:
        ends = {p.name: link_address(lab, p.netns, "eth0") for p in (a, b, c)}
        node = (lab.node, "10.244.1.1")
        to_node = link_address(lab, lab.node, "cni0")
        ingress, egress = (policy("b", {"pod": "b"}, policyTypes=[t]) for t in ("Ingress", "Egress"))
        both = [ingress, egress | {"metadata": {"name": "c"}}]
        for policies, is_in, is_out in (([], False, False), ([ingress], True, False), ([egress], False, True),
                                        (both, True, True), ([], False, False)):
            lab.write_policies(policies)
            lab.apply()
            equal(lab.apply().stderr.count("0 transactions"), 1, "applying the same again changes nothing")
            groups = [] if is_in else sorted(GROUPS)
            unicast = [] if is_in or is_out else [ends["b"]]
            equal(arrivals(lab, a, GROUPS[:4], [(b.netns, B), (c.netns, C)]), [groups[:4], groups[:4]],
                  f"IPv4 broadcast and multicast from a, with {policies}")
            equal(arrivals(lab, a, [ends["b"]], [(b.netns, B)]), [unicast], f"a to b, link-local, with {policies}")
            equal(arrivals(lab, a, ["ff02::1"], [(b.netns, B)]), [[] if is_in or is_out else ["ff02::1"]],
                  f"a to all nodes, with {policies}")
            equal(arrivals(lab, b, [ends["c"], to_node], [(c.netns, C), node]),
                  [[] if is_in or is_out else [ends["c"]], [] if is_out else [to_node]],
                  f"b to c and to the node, link-local, with {policies}")
        check_link_local_flows(lab, a, b, "cni0", ends["b"], to_node, [ingress], [egress])
        # a bridge port of another kind of interface, which belongs to no pod (to a virtual machine, for example)
        lab.in_node("ip", "link", "add", "other", "master", "cni0", "up", "type", "vxlan", "id", "7",
                    "dstport", "4789")
        lab.in_node("nft", "-f", "-", input='table bridge seen {\n chain c {\n'
                    '  type filter hook postrouting priority 0;\n  oifname "other" udp dport 5000 counter\n }\n}\n')
        lab.write_policies(both)
        lab.apply()
        equal(arrivals(lab, a, GROUPS, [(b.netns, B)]), [[]], "broadcast and multicast from a to b")
        listing = lab.in_node("nft", "list", "table", "bridge", "seen").stdout
        equal(f"counter packets {len(GROUPS)} " in listing, True, f"each group's packet left by the port: {listing}")


def add_bridge(lab, name, address):
    lab.in_node("ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
    lab.in_node("ip", "address", "add", f"{address}/24", "dev", name)
    lab.in_node("ip", "link", "set", name, "up")


def plug(lab, netns, port, bridge, device, address):
    """A veth from the namespace to the bridge; with the bridge None, to the node itself."""
    lab.in_node("ip", "link", "add", port, "type", "veth", "peer", "name", device, "netns", netns)
    lab.in_node("ip", "link", "set", port, *(["master", bridge] if bridge else []), "up")
    lab.inside(netns, "ip", "link", "set", device, "up")
    lab.inside(netns, "ip", "address", "add", f"{address}/24", "brd", "+", "dev", device)


def container(lab, name, port, bridge, address):
    """A container that the inventory does not know."""
    found = Pod("other", name, [address])
    found.netns = lab._make_netns(name)
    plug(lab, found.netns, port, bridge, "eth0", address)
    return found


def lost_between(lab, x, y, device="eth0"):
    """Which kinds of link-local, broadcast and multicast packets from x do not reach y."""
    broadcast, to_y = x.addresses[0].rpartition(".")[0] + ".255", link_address(lab, y.netns, device)
    targets = [broadcast, *GROUPS[2:], to_y]
    lost = set(targets) - set(arrivals(lab, x, targets, [(y.netns, y.addresses[0])], device)[0])
    return sorted({"unicast" if t == to_y else "group6" if ":" in t else "group4" for t in lost})


def lost_to_node(lab, x, device):
    at_node, own = link_address(lab, lab.node, device), x.addresses[0].rpartition(".")[0] + ".1"
    return arrivals(lab, x, [at_node], [(lab.node, own)])[0] == []


def left_alone(lab, family):
    """The links in the set podless of the table."""
    found = json.loads(lab.in_node("nft", "-j", "list", "set", family, "netpol", "podless").stdout)
    return sorted(next(o["set"] for o in found["nftables"] if "set" in o).get("elem", []))


def until_left_alone(lab, family, names):
    wait_for(lambda: left_alone(lab, family) == names, 60, f"{names} to be left alone")


ALL_KINDS = ["group4", "group6", "unicast"]


def other_containers(mode):
    """Two containers on a bridge like LXC's, and a second network of the pods. The sender check, which would refuse a
    port that netpold has not seen yet, is off: the rules of the policies' tables have to hold alone."""
    lab, a, b, c = build(mode, 'senders = "off";\n')
    with lab:
        add_bridge(lab, "lxcbr0", "10.0.3.1")
        x, y = (container(lab, f"x{i}", f"lxc{i}", "lxcbr0", f"10.0.3.1{i}") for i in (0, 1))
        lab.start()
        equal(left_alone(lab, "bridge"), [], "no pod is isolated: no rule asks")
        lab.write_policies([deny_all("b", {"pod": "b"})])
        wait_for(lab.is_up_to_date, 60, "the policy to be applied")
        equal([left_alone(lab, f) for f in ("inet", "bridge")], [["lxc0", "lxc1"]] * 2, "at once")
        equal((lost_between(lab, x, y), lost_to_node(lab, x, "lxcbr0")), ([], False), "lost between containers")
        equal(lost_between(lab, a, b), ALL_KINDS, "lost between pods")
        # a second network of the pods
        add_bridge(lab, "second", "10.9.0.1")
        for p, end in ((a, 10), (b, 11)):
            plug(lab, p.netns, f"second{end}", "second", "net1", f"10.9.0.{end}")
        until_left_alone(lab, "bridge", ["lxc0", "lxc1", "second10", "second11"])
        one, two = Pod("other", "one", ["10.9.0.10"]), Pod("other", "two", ["10.9.0.11"])
        one.netns, two.netns = a.netns, b.netns
        equal(lost_between(lab, one, two, "net1"), [], "lost on the second network")
        # a pod's new port is filtered at once, whether netpold has seen it or not
        lab.daemon.send_signal(signal.SIGSTOP)
        try:
            new = container(lab, "new", "new0", "lxcbr0", "10.0.3.20")
            lost = lost_between(lab, x, new), lost_between(lab, new, x), lost_to_node(lab, new, "lxcbr0")
            others = lost_between(lab, x, y)
        finally:
            lab.daemon.send_signal(signal.SIGCONT)
        equal((lost, others), ((ALL_KINDS, ["group6", "unicast"], True), []), "lost to and from a port that came, and others")
        until_left_alone(lab, "bridge", ["lxc0", "lxc1", "new0", "second10", "second11"])
        # the inventory says that it is an isolated pod
        lab.pods["default/new"] = Pod("default", "new", ["10.0.3.20"], {"pod": "b"})
        lab.write_inventory()
        wait_for(lab.is_up_to_date, 60, "the inventory to be applied")
        equal(left_alone(lab, "bridge"), ["second10", "second11"], "with a pod on lxcbr0")
        equal((lost_between(lab, x, new), lost_between(lab, new, x)), (ALL_KINDS, ALL_KINDS), "with a pod on lxcbr0")
        # a restart adopts the table; what is saved for a reboot names no link
        wait_for(lab.is_saved, 60, "the tables to be saved")
        for family in ("inet", "bridge"):
            with open(f"{lab.state}/ruleset/{family}.nft") as f:
                text = f.read()
            equal(("set podless {\n\t\ttype ifname\n\t}" in text, "second1" in text), (True, False), text)
        lab.stop()
        lab.start()
        equal((left_alone(lab, "bridge"), lab.log().count(" 0 transactions")), (["second10", "second11"], 1), lab.log())
        # the pod's address leaves lxcbr0, and it is not known where it is
        lab.in_node("ip", "route", "add", "10.0.3.20", "via", "10.0.3.11")
        until_left_alone(lab, "bridge", [])
        equal(lost_between(lab, x, y), ALL_KINDS, "lost while it is not known where a pod is")
        equal("no direct route to 10.0.3.20" in lab.log(), True, lab.log())
        lab.in_node("ip", "route", "delete", "10.0.3.20", "via", "10.0.3.11")
        until_left_alone(lab, "bridge", ["second10", "second11"])
        lab.stop()
        lab.apply()
        equal(left_alone(lab, "bridge"), [], "with --once, after which nobody looks at links")


def link_set_repaired(mode):
    """Somebody else's change of the set podless is undone."""
    lab, a, b, c = build(mode)
    family = "inet" if mode == "routed" else "bridge"
    with lab:
        container(lab, "x", "ve-x", None, "10.0.3.10")
        lab.write_policies([deny_all("b", {"pod": "b"})])
        lab.start()
        alone = left_alone(lab, family)
        equal("ve-x" in alone, True, alone)
        for change in (f"add element {family} netpol podless {{ \"cni0\" }}",
                       f"delete element {family} netpol podless {{ \"ve-x\" }}",
                       f"flush set {family} netpol podless"):
            repairs = lab.status()["repairs"]
            lab.in_node("nft", change)
            wait_for(lambda: lab.status()["repairs"] > repairs, 60, f"the repair of: {change}")
            equal(left_alone(lab, family), alone, change)


def routed_containers():
    """routed: a container's own veth, as systemd-nspawn makes it, is left alone; a pod's is not"""
    lab, a, b, c = build("routed")
    with lab:
        for p, own in ((a, "fe80::a"), (b, "fe80::b")):
            lab.inside(p.netns, "ip", "address", "add", f"{own}/64", "dev", "eth0", "nodad")
        for veth in ("v1", "v2", "v3"):
            lab.in_node("ip", "address", "add", "fe80::1/64", "dev", veth, "nodad")
        x = container(lab, "x", "ve-x", None, "10.0.3.10")
        lab.in_node("ip", "address", "add", "10.0.3.1/24", "dev", "ve-x")
        lab.write_policies([deny_all("b", {"pod": "b"}), deny_all("a", {"pod": "a"})])
        lab.start()
        equal(left_alone(lab, "inet"), ["v3", "ve-x"], "c is not isolated, x is no pod")
        equal(lost_to_node(lab, x, "ve-x"), False, "lost from x to the node")
        equal(arrivals(lab, b, ["fe80::1"], [(lab.node, "192.168.50.1")]), [[]], "from b to the node")
        lab.write_policies([deny_all("c", {"pod": "c"})])
        until_left_alone(lab, "inet", ["v1", "v2", "ve-x"])
        equal(arrivals(lab, b, ["fe80::1"], [(lab.node, "192.168.50.1")]), [["fe80::1"]], "b is not isolated now")
        # the link of an isolated pod is deleted: others stay left alone, but none that comes
        lab.in_node("ip", "link", "delete", "v3")
        y = container(lab, "y", "ve-y", None, "10.0.4.10")
        equal(left_alone(lab, "inet"), ["v1", "v2", "ve-x"], "while c has no link")
        lab.in_node("ip", "address", "add", "10.0.4.1/24", "dev", "ve-y")
        equal(lost_to_node(lab, y, "ve-y"), True, "lost from y, which may be c's new link")
        lab.pods.pop("default/c")
        lab.write_inventory()
        lab.write_policies([deny_all("a", {"pod": "a"})])
        until_left_alone(lab, "inet", ["v2", "ve-x", "ve-y"])


def routed_link_local():
    """routed: a pod whose egress is refused cannot reach its node by a link-local address either"""
    lab, a, b, c = build("routed")
    with lab:
        for p, own in ((a, "fe80::a"), (b, "fe80::b")):
            lab.inside(p.netns, "ip", "address", "add", f"{own}/64", "dev", "eth0", "nodad")
        links = json.loads(lab.in_node("ip", "-j", "link").stdout)
        veths = [link["ifname"] for link in links if link["ifname"][0] == "v"]
        for veth in veths:
            lab.in_node("ip", "address", "add", "fe80::1/64", "dev", veth, "nodad")
        lab.write_policies([policy("b", {"pod": "b"}, policyTypes=["Egress"])])
        lab.apply()
        equal(lab.apply().stderr.count("0 transactions"), 1, "applying the same again changes nothing")
        equal(arrivals(lab, a, ["fe80::1"], [(lab.node, "192.168.50.1")]), [[]], "with b's egress isolated")
        lab.write_policies([])
        lab.apply()
        equal(arrivals(lab, b, ["fe80::1"], [(lab.node, "192.168.50.1")]), [["fe80::1"]], "without a policy")
        ingress, egress = ([policy("b", {"pod": "b"}, policyTypes=[t])] for t in ("Ingress", "Egress"))
        check_link_local_flows(lab, None, b, veths[1], "fe80::b", "fe80::1", ingress, egress)


def host_with_capitals():
    """service: a host name with capitals means the node of that name in lower case, as kubelet registers it"""
    with Lab("routed") as lab:
        pod = Pod("default", "a", [A], {"pod": "a"}, "worker-1")
        lab.put(f"{lab.inventory}/pods.json", json.dumps({"kind": "PodList", "items": [pod.manifest()]}))
        lab.write_policies([deny_all("a", {"pod": "a"})])
        lab.put(f"{lab.dir}/empty.conf", "")
        result = run("unshare", "--uts", "sh", "-c", 'hostname Worker-1 && exec "$@"', "sh", NETPOLCTL, "-c",
                     f"{lab.dir}/empty.conf", "--files", "--policies", lab.policies, "--inventory", lab.inventory,
                     "ruleset")
        equal((A in result.stdout, result.stderr), (True, ""), "whether a is isolated, errors and warnings")


def large():
    """service: 60,000 peers are added in one change, and removed in another"""
    with Lab("routed") as lab:
        lab.pods["default/a"] = Pod("default", "a", [A], {"pod": "a"})
        lab.write_inventory()
        peers = [{"podSelector": {"matchLabels": {"x": "y"}}}]
        lab.write_policies([policy("a", {"pod": "a"}, ingress=[{"from": peers}])])
        lab.apply()
        before = lab.listing()
        items = [{"metadata": {"name": f"p{i}", "namespace": "default", "labels": {"x": "y"}},
                  "spec": {"nodeName": "other"},
                  "status": {"phase": "Running", "podIP": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"}}
                 for i in range(60000)]
        lab.put(f"{lab.inventory}/others.json", json.dumps({"kind": "PodList", "items": items}))
        lab.apply()
        listing = "\n".join(lab.listing())
        equal(all(f"10.0.{i}.7" in listing for i in range(0, 230, 10)), True, "the table has a sample of the peers")
        equal(listing.count(",") > 59990, True, "the table has 60,000 elements")
        os.unlink(f"{lab.inventory}/others.json")
        lab.apply()
        equal(lab.listing(), before, "the table after the peers are removed")


def many_chains():
    """service: 12,000 chains are deleted in one change"""
    with Lab("routed", conf="withdraw_ms = 0;\n") as lab:
        for i in range(6000):
            lab.pods[f"p{i}"] = Pod("default", f"p{i}", [f"10.1.{i >> 8}.{i & 255}"], {"pod": str(i)})
        lab.write_inventory()
        last = [deny_all("last", {"pod": "0"})]
        lab.write_policies(last)
        lab.start()
        before = lab.listing()
        for i in range(6000):
            peer = [{"ipBlock": {"cidr": f"192.0.{i >> 8}.{i & 255}/32"}}]
            last.append(policy(f"p{i}", {"pod": str(i)}, ingress=[{"from": peer}], egress=[{"to": peer}],
                               policyTypes=["Ingress", "Egress"]))
        lab.write_policies(last)
        wait_for(lab.is_up_to_date, 300, "the chains")
        equal("\n".join(lab.listing()).count("\tchain ") > 12000, True, "the table has the chains")
        lab.write_policies(last[:1])
        wait_for(lambda: lab.is_up_to_date() and lab.listing() == before, 300, "the table as it was")
        equal([line for line in lab.log().splitlines() if "refused" in line], [], "what the kernel refused")


OTHERS = "table inet docker {\n set blocks { type ipv4_addr; flags interval; elements = { %s }\n }\n" \
         " set hosts { type ipv4_addr; elements = { %s }\n }\n chain c {\n" \
         "  type filter hook forward priority filter;\n  ip saddr @blocks drop\n }\n}\n"


def peak_kilobytes(lab):
    with open(f"/proc/{lab.daemon.pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmHWM")).split()[1])


def others_sets():
    """service: 200,000 elements of other programs' sets are not read: netpold's peak memory does not grow"""
    if "ASAN_OPTIONS" in os.environ:
        raise Skip("the sanitizers keep freed memory: the process's size proves nothing")
    lab, a, b, c = build("routed")
    with lab:
        def edit(i):
            lab.write_policies([policy("b", {"pod": "b"}, ingress=[{"from": [{"ipBlock": {
                "cidr": f"10.{i}.0.0/16", "except": [f"10.{i}.1.0/24"]}}]}])])
            wait_for(lab.is_up_to_date, 60, "the change to be applied")
        lab.start()
        for i in range(10):
            edit(i)
        before = peak_kilobytes(lab)
        lab.in_node("nft", "-f", "-", input=OTHERS % (
            ", ".join(f"11.{i >> 15}.{i >> 7 & 255}.{i << 1 & 255}" for i in range(100000)),
            ", ".join(f"12.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(100000))))
        for i in range(10):
            edit(100 + i)
        lab.in_node("nft", "flush", "table", "inet", "netpol")  # makes netpold read the table back
        wait_for(lambda: lab.status()["repairs"] > 0, 60, "the repair")
        equal(peak_kilobytes(lab) - before < 6000, True,
              f"peak memory grows by less than 6000 kB; it was {before} kB, then {peak_kilobytes(lab)} kB")


MODES = ("routed", "bridged", "tracked")
for case, modes, title in (
        (services, MODES, "Services by DNAT, and the hairpin"),
        (errors_and_fragments, MODES, "ICMP errors of allowed flows pass; fragments get their flow's verdict"),
        (path_mtu, MODES, "ICMP errors about the path's MTU reach isolated pods"),
        (forged_handshake, MODES, "a forged SYN from the server does not establish a forbidden flow"),
        (expected_by_helpers, MODES, "what a conntrack helper expects needs a policy that allows it"),
        (cold_neighbours, MODES[1:], "neighbour discovery and ARP pass under deny-all, with an empty cache"),
        (bridge_table_repaired, MODES[1:], "changes of the bridge table by others are undone"),
        (link_local, MODES[1:], "link-local, broadcast and multicast addresses do not bypass policies"),
        (other_containers, MODES[1:], "other containers' links are left alone; a pod's new port is filtered at once"),
        (link_set_repaired, MODES, "changes of the set of links that are left alone are undone"),
        (tagged_refused, ("bridged",), "frames with a VLAN tag are refused from and to isolated pods"),
        (tagged_evaluated, MODES[1:], "frames with one VLAN tag are evaluated, frames with two are refused")):
    for mode in modes:
        test(case, mode, name=f"{mode}: {title}")
test(switched_off)
test(conntrack_not_there)
test(routed_neighbour_discovery)
test(routed_link_local)
test(routed_containers)
test(host_with_capitals)
test(large)
test(many_chains)
test(others_sets)
finish()
