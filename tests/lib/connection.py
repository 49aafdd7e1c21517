# SPDX-License-Identifier: GPL-2.0-or-later
"""connection: long-lived TCP and UDP connections between network namespaces. One end sends a byte every 20 ms; the
other end counts the bytes, and answers each one if it is asked to."""
import os
import socket
import time

from inside import Program

# arguments: serve|call tcp|udp HOST PORT COUNTFILE sends|receives|answers. A reset ends the program.
PROGRAM = "import connection, sys\ntry:\n    connection.main(*sys.argv[1:])\nexcept OSError:\n    pass\n"
INTERVAL = 0.02
LONG = 60  # seconds: an open connection delivers a byte within this time, even on a busy machine


def main(role, kind, host, port, path, behaviour, own_port=None):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    if role == "serve":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
        if kind == "tcp":
            s.listen()
        print("ready", flush=True)
        if kind == "tcp":
            s = s.accept()[0]
        else:
            s.connect(s.recvfrom(10)[1])
    else:
        s.settimeout(LONG)
        if own_port:
            s.bind(("", int(own_port)))
        if kind == "tcp":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # every two hours, unless a test sets the sysctl
        s.connect((host, int(port)))
        if kind == "udp":
            s.send(b"x")
    s.settimeout(INTERVAL if behaviour == "sends" else LONG)
    if kind == "tcp":
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    n = 0
    while True:
        try:
            if behaviour == "sends":
                s.send(b"x")
            n += len(s.recv(65536))
            if behaviour == "answers":
                s.send(b"y")
        except TimeoutError:
            pass
        except ConnectionRefusedError:
            time.sleep(INTERVAL)  # an ICMP error for a datagram: the next datagram may pass
        with open(path + ".new", "w") as f:
            f.write(str(n))
        os.rename(path + ".new", path)
        if behaviour == "sends":
            time.sleep(INTERVAL)


class Connection:
    """between: (client's netns, server's netns); to, port: what the client connects to; bind: where the server really
    listens (behind DNAT); client_port: the client's; sender: "client" or "server"; is_answered: the other end answers
    each byte."""
    serial = 0

    def __init__(self, lab, between, kind, to, port, sender="client", is_answered=True, bind=None,
                 client_port=None):
        Connection.serial += 1
        self.paths = {end: f"{lab.dir}/connection{Connection.serial}.{end}" for end in ("client", "server")}
        self.processes = []
        for path in self.paths.values():
            with open(path, "w") as f:
                f.write("0")
        quiet = "answers" if is_answered else "receives"
        for netns, role, end, (host, number) in ((between[1], "serve", "server", bind or (to, port)),
                                                 (between[0], "call", "client", (to, port))):
            self.processes.append(Program(netns, PROGRAM, role, kind, host, number, self.paths[end],
                                          "sends" if sender == end else quiet,
                                          *([client_port] if client_port and role == "call" else [])))
            if role == "serve":
                self.processes[-1].stdout.readline()

    def received(self, end):
        """How many bytes that end ("client" or "server") has received."""
        with open(self.paths[end]) as f:
            return int(f.read())

    def is_alive(self, end, seconds=0.25):
        """Whether that end receives a byte within the time. Pass LONG if it is expected to."""
        before, until = self.received(end), time.monotonic() + seconds
        while self.received(end) == before:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def close(self):
        for p in self.processes:
            p.end()
        self.processes = []
