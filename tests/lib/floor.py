# SPDX-License-Identifier: GPL-2.0-or-later
"""floor: how long the kernel alone needs to add the elements of a ruleset, the lower limit of every program's time.
The structure is loaded first and the netlink messages are built in advance; only sending them, as one transaction, is
timed. Run inside a network namespace:

    floor.py RULESET.nft        prints seconds, and how many elements"""
import re
import socket
import struct
import subprocess
import sys
import time

NEWSETELEM, BATCH_BEGIN, BATCH_END, ERROR = 10 << 8 | 12, 16, 17, 2
NESTED, MOST = 0x8000, 60000  # MOST: bytes of elements in a message; an attribute's length has 16 bits
VERDICTS = {"goto": struct.pack(">i", -4), "jump": struct.pack(">i", -3)}
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
BLOCK = re.compile(r"\t(set|map) (\S+) \{(.*?)\n\t\}", re.S)
ELEMENTS = re.compile(r"\n\t\telements = \{(.*?)\}", re.S)


def attribute(kind, payload):
    return struct.pack("=HH", len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def element(words):
    """The netlink attribute of "10.0.0.1", "10.0.0.1 . 10.0.0.1" or "10.0.0.1 : goto chain"."""
    key, _, verdict = words.partition(" : ")
    value = b"".join(socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in key.split(" . "))
    parts = attribute(1 | NESTED, attribute(1, value))
    if verdict:
        what, chain = verdict.split()
        parts += attribute(2 | NESTED, attribute(2 | NESTED, attribute(1, VERDICTS[what]) +
                                                 attribute(2, chain.encode() + b"\0")))
    return attribute(1 | NESTED, parts)


def message(kind, family, resource, body, flags, number):
    header = struct.pack("=IHHII", 20 + len(body), kind, flags, number, 0)
    return header + struct.pack(">BBH", family, 0, resource) + body


def messages(name, elements):
    """The message bodies for one set, each with as many elements as fit."""
    head = attribute(1, b"netpol\0") + attribute(2, name.encode() + b"\0")
    while elements:
        n = min(len(elements), MOST // max(len(e) for e in elements[:10]))
        yield head + attribute(3 | NESTED, b"".join(elements[:n]))
        elements = elements[n:]


def split(text):
    """Returns the ruleset without the elements of hash sets and maps, and {name: the elements}."""
    found = {}

    def take(block):
        list_ = ELEMENTS.search(block[3])
        if not list_ or "interval" in block[3]:
            return block[0]
        found[block[2]] = [element(words.strip()) for words in list_[1].split(",")]
        return block[0].replace(list_[0], "")
    return BLOCK.sub(take, text), found


def main():
    with open(sys.argv[1]) as f:
        structure, found = split(f.read())
    subprocess.run(["nft", "-f", "-"], input=structure, text=True, check=True)
    bodies = [body for name, elements in found.items() for body in messages(name, elements)]
    batch = b"".join([message(BATCH_BEGIN, 0, 10, b"", 1, 0)] +
                     [message(NEWSETELEM, 1, 0, body, 0x401, i + 1) for i, body in enumerate(bodies)] +
                     [message(BATCH_END, 0, 10, b"", 5, len(bodies) + 1)])
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.bind((0, 0))
        netlink.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 2 * len(batch))
        netlink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        start = time.monotonic()
        netlink.send(batch)
        seconds = time.monotonic() - start
        answer = netlink.recv(1 << 20)
    if struct.unpack_from("=H", answer, 4)[0] != ERROR or struct.unpack_from("=i", answer, 16)[0] != 0:
        sys.exit(f"the kernel refused: {answer[:40]!r}")
    print(seconds, sum(map(len, found.values())))


main()
