"""chat: connections that stay, between namespaces. Who talks sends a byte every 5 ms; the other end counts what comes,
and answers if it is asked to. As a program: chat.py serve|call tcp|udp HOST PORT COUNTFILE talks|listens|answers."""
import os
import socket
import subprocess
import sys
import time


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
        s.settimeout(5)
        s.connect((host, int(port)))
        if kind == "udp":
            s.send(b"x")
    s.settimeout(0.005 if manner == "talks" else 60)
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
            time.sleep(0.005)  # of a datagram: the next may pass
        with open(path + ".new", "w") as f:
            f.write(str(n))
        os.rename(path + ".new", path)
        if manner == "talks":
            time.sleep(0.005)


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
            self.processes.append(subprocess.Popen(
                ["ip", "netns", "exec", netns, sys.executable, __file__, role, kind, host, str(number), self.paths[end],
                 "talks" if talker == end else quiet],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
            if role == "serve":
                self.processes[-1].stdout.readline()

    def heard(self, end):
        with open(self.paths[end]) as f:
            return int(f.read())

    def is_alive(self, end, seconds=0.25):
        """Whether that end hears anything in the time."""
        before = self.heard(end)
        time.sleep(seconds)
        return self.heard(end) > before

    def close(self):
        for p in self.processes:
            p.kill()
            p.communicate()
        self.processes = []


if __name__ == "__main__":
    main(*sys.argv[1:])
