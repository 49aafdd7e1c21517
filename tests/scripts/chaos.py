#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Chaos: random events on a node, for NETPOL_SECONDS (60): policy edits; pods that are added, removed and changed;
broken files, restarts, kills, reloads, tampering, clock jumps, an overflown inotify queue, a full disk, missing
directories. After every few events real packets are checked against the naive evaluator. During all of it a flood runs
of flows that are always allowed and of flows that are always forbidden. No allowed packet may be refused, and no
forbidden packet may pass, except while the table is missing because of tampering.

The system clock is changed only in the test's own virtual machine (tests/vm chaos); elsewhere only the files' times."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chance import Chance, NUMBERS, PROTOCOLS
from flood import ALLOWED, FORBIDDEN, FloodLab, Versions
from naive import Cluster
from netlab import MODE, run, wait_for
from report import test, finish, equal, none_of, seed

SEED = seed()
SECONDS = int(os.environ.get("NETPOL_SECONDS", 60))
OWNS_CLOCK = os.environ.get("NETPOL_MACHINE")
NAMESPACES = ["one", "two"]
OUTSIDE = ["172.17.0.5", "8.8.8.8", "2001:db8::5"]
SUBNETS = (("10.244.0.1", 16), ("fd00:244::1", 32))
FILES = [f"chaos{i}.json" for i in range(3)]
TAMPERING = ["flush ruleset", "delete table inet netpol", "flush chain inet netpol forward",
             "insert rule inet netpol forward accept", "flush map inet netpol egress4",
             "add set inet netpol odd { type ipv4_addr; }", "add table inet netpol_guard"]


class Chaos:
    def __init__(self, lab):
        self.lab, self.chance = lab, Chance(SEED)
        self.world = lab.world(*OUTSIDE)
        self.all = [lab.pod(NAMESPACES[i % 2], f"pod-{i}", [f"10.244.2.{10 + i}", f"fd00:244:2::{10 + i:x}"],
                            self.chance.labels(), ports=self.chance.ports()) for i in range(8)]
        self.where = {a: p.netns for p in self.all for a in p.addresses} | {a: self.world for a in OUTSIDE}
        self.policies = {name: [] for name in FILES}  # the policies in force, by file
        self.broken, self.is_full = set(), False
        self.versions = Versions(lab, self.chance)
        self.counted = {"events": 0, "kills": 0, "tampering": 0, "flows": 0, "wrong": 0, "passed in tampering": 0,
                        "passed": 0, "refused": 0, "evaluated": 0}
        self.events = [self.edit, self.edit, self.edit, self.churn, self.churn, self.versions.step, self.versions.step,
                       self.break_file, self.restart, self.kill, self.kill, self.reload, self.tamper, self.tamper,
                       self.jump, self.overflow, self.toggle_disk, self.remove_directory, self.slow_writer]

    # ---- events ----
    def edit(self, name=None):
        name = name or self.chance.choice(FILES)
        addresses = list(self.where)
        self.policies[name] = [self.chance.policy(f"{name[:6]}-{i}", NAMESPACES, addresses)
                               for i in range(self.chance.randint(0, 3))]
        for p in self.policies[name]:
            p["metadata"].setdefault("namespace", "one")
        self.broken.discard(name)
        self.lab.write_policies(self.policies[name], name)

    def churn(self):
        for p in self.all:
            if self.chance.random() < 0.3:
                p.labels, p.ports = self.chance.labels(), self.chance.ports()
            if self.chance.random() < 0.2:
                p.more["phase"] = self.chance.choice(["Running", "Succeeded", "Pending"])
            if self.chance.random() < 0.2:
                if self.lab.pods.pop(p.key, None) is None:
                    self.lab.pods[p.key] = p
        for n in NAMESPACES:
            if self.chance.random() < 0.3:
                self.lab.namespaces[n] = self.chance.labels()
            elif self.chance.random() < 0.2:
                self.lab.namespaces.pop(n, None)  # its labels are unknown then
        self.lab.write_inventory()

    def break_file(self):
        """Breaks a file: its last good version stays in force. That version has to be saved before a kill."""
        self.settle()
        name = self.chance.choice(FILES)
        if not self.is_full:
            wait_for(self.lab.is_saved, 60, "the state to be saved")
            self.broken.add(name)
            self.lab.write_policy_file(name, self.chance.choice(["[", "{\"kind\": 7}", "\0", ""])
                                       + self.chance.choice(["", "\n", "}"]) + "{")

    def prepare_to_end(self):
        """With a full disk the last good versions are not saved, and are lost when netpold ends: writes good files."""
        if self.is_full:
            for name in list(self.broken):
                self.edit(name)

    def restart(self):
        self.prepare_to_end()
        self.lab.stop()
        self.lab.start()

    def kill(self):
        self.prepare_to_end()
        time.sleep(self.chance.random() * 0.05)
        self.lab.stop(signal.SIGKILL)
        self.counted["kills"] += 1
        if self.chance.random() < 0.5:
            self.versions.step()
        self.lab.start()

    def reload(self):
        self.lab.set(deny=self.chance.choice([None, "drop"]))
        self.lab.daemon.send_signal(signal.SIGHUP)

    def tamper(self):
        self.settle()
        before = self.count()
        repairs = self.lab.status()["repairs"]
        self.lab.in_node("nft", self.chance.choice(TAMPERING[:-1]))
        if self.chance.random() < 0.3:
            self.lab.in_node("nft", TAMPERING[-1], check=False)
        self.counted["tampering"] += 1
        wait_for(lambda: self.lab.status().get("repairs", 0) > repairs, 60, "the repair")
        self.lab.pause_flood()
        self.counted["passed in tampering"] += self.lab.arrived(FORBIDDEN) - before
        self.start_counting()
        self.lab.resume_flood()

    def jump(self):
        """Sets the clock one day ahead or two days back."""
        seconds = self.chance.choice([86400, -2 * 86400])
        if OWNS_CLOCK:
            run("date", "-s", f"@{int(time.time()) + seconds}")
        for name in os.listdir(self.lab.policies):
            path = os.path.join(self.lab.policies, name)
            os.utime(path, (time.time() + seconds, time.time() + seconds))
        self.edit()

    def overflow(self):
        with open("/proc/sys/fs/inotify/max_queued_events") as f:
            most = int(f.read())
        self.lab.daemon.send_signal(signal.SIGSTOP)
        one, two = f"{self.lab.policies}/x.tmp", f"{self.lab.policies}/y.tmp"
        open(one, "w").close()
        for _ in range(most // 2 + 100):
            os.rename(one, two)
            one, two = two, one
        os.unlink(one)
        self.edit()
        self.churn()
        self.lab.daemon.send_signal(signal.SIGCONT)

    def toggle_disk(self):
        filler = f"{self.lab.state}/filler"
        if self.is_full:
            os.unlink(filler)
        else:
            with open(filler, "wb", buffering=0) as f:
                try:
                    while True:
                        f.write(b"x" * 4096)
                except OSError:
                    pass
        self.is_full = not self.is_full

    def remove_directory(self):
        """Renames a directory away and back. A missing directory changes nothing in force."""
        path = self.chance.choice([self.lab.policies, self.lab.inventory])
        os.rename(path, path + ".away")
        wait_for(lambda: "cannot be read" in self.lab.why(), 60,
                 "the status to report the missing directory")
        os.rename(path + ".away", path)

    def slow_writer(self):
        name = self.chance.choice(FILES)
        self.edit(name)
        text = open(f"{self.lab.policies}/{name}").read()
        with open(f"{self.lab.policies}/{name}", "w") as f:
            for i in range(0, len(text), 200):
                f.write(text[i:i + 200])
                f.flush()
                time.sleep(0.002)

    # ---- checks ----
    def settle(self):
        wait_for(lambda: self.lab.daemon.poll() is None and self.lab.is_up_to_date()
                 and self.lab.status()["health"] != "unhealthy", 20,
                 f"netpold to be up to date and not unhealthy; its reasons: {self.lab.why()}")

    def start_counting(self):
        self.lab.count()
        self.arrived_before = self.lab.arrived(FORBIDDEN)

    def count(self):
        """Adds the counters to the totals and restarts them. Returns how many forbidden packets have arrived so far."""
        self.lab.pause_flood()
        passed, refused = self.lab.leaks()
        arrived = self.lab.arrived(FORBIDDEN)
        self.counted["passed"] += max(passed, arrived - self.arrived_before)
        self.counted["refused"] += refused
        self.counted["evaluated"] += self.lab.evaluated()
        self.start_counting()
        self.lab.resume_flood()
        return arrived

    def check_flows(self, n):
        addresses = list(self.where)
        flows = []
        while len(flows) < n:
            a, b = self.chance.choice(addresses), self.chance.choice(addresses)
            if (":" in a) == (":" in b):
                flows.append((a, b, self.chance.choice(PROTOCOLS), self.chance.choice(NUMBERS)))
        found = self.lab.probe([(self.where[a], self.where[b], protocol.lower(), a, b, number)
                                for a, b, protocol, number in flows])
        naive = Cluster(self.lab.namespaces, list(self.lab.pods.values()),
                        [p for ps in self.policies.values() for p in ps])
        equal(len(found), len(flows), "verdicts")
        wrong = naive.wrong(flows, found)
        self.counted["flows"] += len(flows)
        self.counted["wrong"] += len(wrong)
        if wrong:
            wrong[0] += f", after {self.history[-6:]}"
        none_of(wrong, len(flows))

    def run(self):
        end = time.monotonic() + SECONDS
        self.history = []
        while time.monotonic() < end:
            for _ in range(self.chance.randint(1, 4)):
                event = self.chance.choice(self.events)
                self.history.append(event.__name__)
                event()
                self.counted["events"] += 1
            self.settle()
            self.check_flows(60)
            self.count()
            equal((self.counted["passed"], self.counted["refused"]), (0, 0),
                  f"(passed, refused) after {self.history[-6:]}")


def chaos():
    """chaos: the policies are enforced during and after random events"""
    with FloodLab(MODE, deny="reject", subnets=SUBNETS) as lab:
        os.mkdir(lab.state, 0o755)
        run("mount", "-t", "tmpfs", "-o", "size=512k,mode=755", "netpol-chaos", lab.state)
        try:
            c = Chaos(lab)
            lab.start()
            lab.count()
            c.arrived_before = 0
            lab.start_flood()
            c.run()
        finally:
            print(f"# chaos.py: {MODE}, {SECONDS} s: " + ", ".join(f"{v} {k}" for k, v in c.counted.items()))
            if os.environ.get("VERBOSE"):
                print(lab.log()[-3000:])
            lab.stop()
            run("umount", lab.state, check=False)
        equal(c.counted["wrong"], 0, "wrong verdicts")


test(chaos)
finish()
