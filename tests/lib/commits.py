# SPDX-License-Identifier: GPL-2.0-or-later
"""commits: when the kernel commits transactions of nftables, from its notifications (NFT_MSG_NEWGEN)."""
import socket
import struct
import threading
import time

from inside import enter

NETLINK_NETFILTER, NFNLGRP_NFTABLES = 12, 7
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
SO_RCVBUFFORCE = 33
NFT_NEWGEN = 10 << 8 | 15


class Commits:
    """Subscribes in a named network namespace. last: when the last commit was seen (monotonic clock); n: how many."""

    def __init__(self, netns):
        self.last, self.n, self.netns, self.ending = 0.0, 0, netns, False
        ready = threading.Event()
        self.thread = threading.Thread(target=self._listen, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def _listen(self, ready):
        enter(f"/run/netns/{self.netns}")  # setns(2) moves only the calling thread
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
            s.bind((0, 0))
            s.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)  # a large commit sends a message per element
            s.settimeout(0.2)
            ready.set()
            while not self.ending:
                try:
                    data = s.recv(1 << 20)
                except socket.timeout:
                    continue
                except OSError:  # ENOBUFS: the buffer was full, and messages are lost
                    continue
                now, at = time.monotonic(), 0
                while at + 16 <= len(data):
                    length, kind = struct.unpack_from("IH", data, at)
                    if kind == NFT_NEWGEN:
                        self.last, self.n = now, self.n + 1
                    at += max(16, length + 3 & ~3)

    def after(self, begin, quiet=0.05, patience=60):
        """Waits until `quiet` seconds pass without a commit. Returns the seconds from `begin` to the last commit."""
        end = begin + patience
        while time.monotonic() < end:
            if self.last > begin and time.monotonic() > self.last + quiet:
                return self.last - begin
            time.sleep(0.002)
        raise AssertionError(f"no commit within {patience} s")

    def close(self):
        self.ending = True
        self.thread.join()
