# SPDX-License-Identifier: GPL-2.0-or-later
"""forge: programs that send packets which are not what they say, and one that receives datagrams; for inside.Program."""

from inside import Program
from report import equal

# A user without any capability binds to somebody else's IPv6 address. Arguments: SOURCE PORT DESTINATION PORT
FREEBIND = """import os, socket, sys
os.setresuid(65534, 65534, 65534)
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, 78, 1) # IPV6_FREEBIND
s.bind((sys.argv[1], int(sys.argv[2])))
s.sendto(b"forged", (sys.argv[3], int(sys.argv[4])))
"""
# A UDP datagram by a raw socket. The same arguments; then the protocol's number and its payload in hex, if not UDP's
RAW = """import socket, struct, sys
source, sport, destination, dport = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
protocol = int(sys.argv[5]) if len(sys.argv) > 5 else 17
is6 = ":" in source
family = socket.AF_INET6 if is6 else socket.AF_INET
ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
if protocol == 17:
    body = struct.pack("!HHHH", sport, dport, 14, 0) + b"forged"
    summed = ends + struct.pack("!HH", 17, len(body)) + body
    total = sum(struct.unpack(f"!{len(summed) // 2}H", summed))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    body = body[:6] + struct.pack("!H", ~total & 0xffff or 0xffff) + body[8:]
else:
    body = bytes.fromhex(sys.argv[6])
if is6:
    ip = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + ends
else:
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + ends
s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + body, (destination, 0))
"""
# A frame as it is. Arguments: the device, the frame in hex; it is sent from the device's own MAC
FRAME = """import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
frame = bytes.fromhex(sys.argv[2])
s.send(frame[:6] + s.getsockname()[4] + frame[6:])
"""
# Sends to the server from a port of its own until something comes back. Arguments: ADDRESS PORT OWNPORT SECONDS
ASK = """import socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[3])))
s.settimeout(0.1)
end = time.monotonic() + float(sys.argv[4])
while time.monotonic() < end:
    try:
        s.sendto(b"ask", (sys.argv[1], int(sys.argv[2])))
        s.recv(9)
        print("answered")
        break
    except TimeoutError: pass
    except OSError: time.sleep(0.02)
else: print("silence")
"""
ANSWER = """import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", int(sys.argv[1])))
print("ready", flush=True)
while True:
    _, peer = s.recvfrom(9)
    s.sendto(b"answer", peer)
"""
# Prints the source address of a datagram, or "nothing". Arguments: PORT SECONDS, and "ip" or "ip6": a socket of both
# families does not receive IPv4 multicast.
RECEIVE = """import socket, sys
is6 = sys.argv[3] == "ip6"
s = socket.socket(socket.AF_INET6 if is6 else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("::" if is6 else "", int(sys.argv[1])))
s.settimeout(float(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline() # waits until the datagram has been sent
try: print(s.recvfrom(100)[1][0])
except TimeoutError: print("nothing")
"""


class Receiver:
    """Waits for a datagram to the address at a port of a namespace."""

    def __init__(self, netns, address, port, seconds):
        self.program = Program(netns, RECEIVE, port, seconds, "ip6" if ":" in address else "ip")
        equal(self.program.stdout.readline(), "ready\n", "the receiver")

    def source(self):
        """The datagram's source address, or "nothing". To be called when it has been sent."""
        self.program.write("sent")
        return self.program.answer().strip()


def send(netns, code, *arguments):
    equal(Program(netns, code, *arguments).answer(), "", "what the sender prints")


def check_arrival(is_wanted, sender, code, source, receiver, destination, port, what, source_port=4444):
    """Sends a datagram "from" the source; whether it arrives."""
    waiting = Receiver(receiver, destination, port, 30 if is_wanted else 0.3)
    send(sender, code, source, source_port, destination, port)
    equal(waiting.source(), source if is_wanted else "nothing", f"{what}: the source of what came to {destination}")
