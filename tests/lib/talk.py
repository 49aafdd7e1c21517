# SPDX-License-Identifier: GPL-2.0-or-later
"""talk: a server and a client to run in pods' namespaces, and short forms of policies."""
from inside import Program
from report import equal

CLIENT = """
import socket, sys
kind, host, port, size = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                  socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(3)
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
    """pods: the matchLabels of the podSelector."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "default"}, "spec": {"podSelector": {"matchLabels": pods}, **spec}}


def deny_all(name, pods):
    return policy(name, pods, policyTypes=["Ingress", "Egress"])


def serve(lab, pod, address, tcp, udp):
    """Runs a server in the pod: TCP on one port, and UDP with answers on the other."""
    return serve_from(pod.netns, address, tcp, udp)


def serve_from(netns, address, tcp, udp):
    server = Program(netns, SERVER, address, tcp, udp)
    equal(server.stdout.readline(), "ready\n")
    return server


def ask(lab, pod, kind, host, port, size=1):
    """Connects from the pod (kind "tcp" or "udp"); returns "allow", "refused" or "drop"."""
    return ask_from(pod.netns, kind, host, port, size)


def ask_from(netns, kind, host, port, size=1):
    return Program(netns, CLIENT, kind, host, port, size).answer().strip()
