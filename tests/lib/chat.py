# SPDX-License-Identifier: GPL-2.0-or-later
"""chat: connections that stay, between namespaces. Who talks sends a byte every 20 ms; the other end counts what comes,
and answers if it is asked to."""
import os
import socket
import time

from inside import Program

# serve|call tcp|udp HOST PORT COUNTFILE talks|listens|answers. A connection that is reset is a talk that has ended
END = "import chat, sys\ntry:\n    chat.main(*sys.argv[1:])\nexcept OSError:\n    pass\n"
TURN = 0.02
LONG = 60  # seconds: whoever is alive is heard by then, however busy the machine is


def main(role, kind, host, port, path, manner):
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
        s.connect((host, int(port)))
        if kind == "udp":
            s.send(b"x")
    s.settimeout(TURN if manner == "talks" else LONG)
    if kind == "tcp":
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    n = 0
    while True:
        try:
            if manner == "talks":
                s.send(b"x")
            n += len(s.recv(65536))
            if manner == "answers":
                s.send(b"y")
        except TimeoutError:
            pass
        except ConnectionRefusedError:
            time.sleep(TURN)  # of a datagram: the next may pass
        with open(path + ".new", "w") as f:
            f.write(str(n))
        os.rename(path + ".new", path)
        if manner == "talks":
            time.sleep(TURN)


class Chat:
    """between: (client pod's netns, server pod's netns); to, port: what is dialled; bind: where the server really is;
    talker: "client" or "server"; is_answered: the other end answers each byte."""
    serial = 0

    def __init__(self, lab, between, kind, to, port, talker="client", is_answered=True, bind=None):
        Chat.serial += 1
        self.paths = {end: f"{lab.dir}/chat{Chat.serial}.{end}" for end in ("client", "server")}
        self.processes = []
        for path in self.paths.values():
            with open(path, "w") as f:
                f.write("0")
        quiet = "answers" if is_answered else "listens"
        for netns, role, end, (host, number) in ((between[1], "serve", "server", bind or (to, port)),
                                                 (between[0], "call", "client", (to, port))):
            self.processes.append(Program(netns, END, role, kind, host, number, self.paths[end],
                                          "talks" if talker == end else quiet))
            if role == "serve":
                self.processes[-1].stdout.readline()

    def heard(self, end):
        with open(self.paths[end]) as f:
            return int(f.read())

    def is_alive(self, end, seconds=0.25):
        """Whether that end hears anything within the time: LONG where it should."""
        before, until = self.heard(end), time.monotonic() + seconds
        while self.heard(end) == before:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def close(self):
        for p in self.processes:
            p.end()
        self.processes = []
