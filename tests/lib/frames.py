# SPDX-License-Identifier: GPL-2.0-or-later
"""frames: Ethernet frames in hex, without their source, as forge.FRAME sends them; and whether one arrives."""
import ipaddress

from inside import Program
from report import equal

ALL_NODES = ("ff02::1", "33:33:00:00:00:01")
# Prints "arrived" if the device has received a frame that contains the hex digits, or "nothing". Arguments: the device,
# the frame's type in hex, the digits, SECONDS
ARRIVES = """import socket, sys, time
kind = int(sys.argv[2], 16)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
s.bind((sys.argv[1], kind))
print("ready", flush=True)
sys.stdin.readline() # waits until the frame has been sent
end = time.monotonic() + float(sys.argv[4])
found = "nothing"
while found == "nothing" and (left := end - time.monotonic()) > 0:
    s.settimeout(left)
    try: found = "arrived" if sys.argv[3] in s.recv(2000).hex() else found
    except TimeoutError: pass
print(found)
"""


class Arrival:
    """Waits for a frame with this content, whatever its MAC addresses."""

    def __init__(self, netns, frame, seconds, device="eth0"):
        self.program = Program(netns, ARRIVES, device, frame[12:16], frame[16:], seconds)
        equal(self.program.stdout.readline(), "ready\n", "the receiver of frames")

    def has_come(self):
        """To be called when the frame has been sent."""
        self.program.write("sent")
        return self.program.answer().strip() == "arrived"


def octets(mac):
    return mac.replace(":", "")


def checksum(data):
    """The Internet checksum of an even number of bytes."""
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


def datagram(source, destination, port, to, source_port=4444):
    """A UDP datagram."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    body = source_port.to_bytes(2, "big") + port.to_bytes(2, "big") + (12).to_bytes(2, "big") + b"\0\0" + b"all!"
    if ":" not in source:
        head = bytes.fromhex("45000020000100004011") + b"\0\0" + ends
        return octets(to) + "0800" + (head[:10] + checksum(head) + head[12:] + body).hex()
    body = body[:6] + checksum(ends + len(body).to_bytes(4, "big") + (17).to_bytes(4, "big") + body) + body[8:]
    return octets(to) + "86dd60000000" + f"{len(body):04x}1140" + ends.hex() + body.hex()


def arp(sender_mac, sender, target, operation, to="ff:ff:ff:ff:ff:ff"):
    return (octets(to) + "0806" + f"0001080006040{operation:03x}" + octets(sender_mac) +
            ipaddress.ip_address(sender).packed.hex() + "000000000000" + ipaddress.ip_address(target).packed.hex())


def icmp6(source, destination, to, body, hops=255):
    """An ICMPv6 message. body: type, code, two bytes for the checksum, ..."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    summed = ends + len(body).to_bytes(4, "big") + (58).to_bytes(4, "big") + body
    body = body[:2] + checksum(summed) + body[4:]
    return octets(to) + "86dd" + "60000000" + f"{len(body):04x}" + f"3a{hops:02x}" + ends.hex() + body.hex()


def advertisement(mac, target, destination=ALL_NODES[0], to=ALL_NODES[1], source="fe80::bad"):
    """An advertisement that the target's address is at this MAC: unsolicited, or as an answer."""
    flags = 0x20 if destination == ALL_NODES[0] else 0x60
    body = bytes([136, 0, 0, 0, flags, 0, 0, 0]) + ipaddress.ip_address(target).packed + b"\2\1" + \
        bytes.fromhex(octets(mac))
    return icmp6(source, destination, to, body)


def router_advertisement(prefix, source="fe80::bad"):
    body = bytes([134, 0, 0, 0, 64, 0, 7, 8]) + bytes(8) + bytes([3, 4, 64, 0xc0]) + b"\0\0\xff\xff" * 2 + \
        bytes(4) + ipaddress.ip_address(prefix).packed
    return icmp6(source, *ALL_NODES, body)


def redirect(host, to, destination="2001:db8::1", source="fe80::bad"):
    """Tells the host that the destination is better reached by fe80::bad."""
    body = bytes([137, 0, 0, 0, 0, 0, 0, 0]) + ipaddress.ip_address("fe80::bad").packed + \
        ipaddress.ip_address(destination).packed
    return icmp6(source, host, to, body)
