# SPDX-License-Identifier: GPL-2.0-or-later
"""raw_flow: packets of any IP protocol between two pods, from raw sockets. Each end counts what the other sends, and
sends every 20 ms while it is switched on."""
import os
import select
import socket
import struct
import sys
import time

from inside import Program

PROGRAM = "import raw_flow, sys\nraw_flow.main(*sys.argv[1:])\n"
INTERVAL = 0.02


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sctp(source, destination, chunk, value=b"\0\1\0\4", tag=1):
    """An SCTP packet with one chunk (RFC 9260): 1 INIT, 4 HEARTBEAT, 5 HEARTBEAT ACK."""
    packet = struct.pack("!HHII", source, destination, tag, 0) + struct.pack("!BBH", chunk, 0, 4 + len(value)) + value
    return packet[:8] + struct.pack("<I", crc32c(packet)) + packet[12:]


def sctp_init(source, destination):
    return sctp(source, destination, 1, struct.pack("!IIHHI", 7, 65536, 1, 1, 7), tag=0)


def main(own, peer, protocol, path):
    """Commands on stdin: "send HEX" switches on, "once HEX" sends one packet, "stop"."""
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, int(protocol))
    s.bind((own, 0))
    payload, n, due = None, 0, 0
    print("ready", flush=True)
    while True:
        wait = max(0, due - time.monotonic()) if payload else None
        readable = select.select([s, sys.stdin], [], [], wait)[0]
        if sys.stdin in readable:
            command = sys.stdin.readline().split()
            if command[0] == "once":
                s.sendto(bytes.fromhex(command[1]), (peer, 0))
            else:
                payload = bytes.fromhex(command[1]) if command[0] == "send" else None
            print("done", flush=True)
        if s in readable and s.recvfrom(65536)[1][0] == peer:
            n += 1
            with open(path + ".new", "w") as f:
                f.write(str(n))
            os.rename(path + ".new", path)
        if payload and time.monotonic() >= due:
            due = time.monotonic() + INTERVAL
            try:
                s.sendto(payload, (peer, 0))
            except OSError:
                pass  # an ICMP error about a packet before


class RawEnd:
    serial = 0

    def __init__(self, lab, netns, own, peer, protocol):
        RawEnd.serial += 1
        self.path = f"{lab.dir}/raw{RawEnd.serial}"
        with open(self.path, "w") as f:
            f.write("0")
        self.process = Program(netns, PROGRAM, own, peer, protocol, self.path)
        self.process.stdout.readline()

    def _command(self, line):
        self.process.write(line)
        self.process.stdout.readline()

    def send(self, payload):
        self._command("send " + payload.hex())

    def once(self, payload):
        self._command("once " + payload.hex())

    def stop(self):
        self._command("stop")

    def received(self):
        with open(self.path) as f:
            return int(f.read())

    def receives(self, seconds):
        """Whether a packet arrives within the time."""
        before, until = self.received(), time.monotonic() + seconds
        while self.received() == before and time.monotonic() < until:
            time.sleep(0.01)
        return self.received() > before

    def close(self):
        self.process.end()
