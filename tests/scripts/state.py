#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What outlives netpold: with a full disk, a read-only directory, damaged files, a power cut between two words. And
what it tells systemd: ready, reloading, alive only while it is well."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import MODE, NETPOLD, Lab, Pod, run, wait_for
from report import test, finish, equal

A, B = "10.244.1.10", "10.244.1.11"
WATCHDOG_USEC = 400000


def deny(*pods):
    return "---\n".join(f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {p}}}\n"
                        f"spec: {{podSelector: {{matchLabels: {{pod: {p}}}}}}}\n" for p in pods)


def isolated(lab):
    text = lab.in_node("nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
    return {a for a in (A, B) if f"{a} : goto" in text}


def becomes(lab, wanted, what, seconds=60):
    wait_for(lambda: isolated(lab) == set(wanted), seconds, f"{what}: {sorted(wanted)} isolated")


def told(lab, words):
    wait_for(lambda: words in str(lab.status().get("diagnostics")), 60, f"{words!r} in the status")


class StateLab(Lab):
    """Pods a and b as the inventory has them, and a state directory on a disk of its own, 256 KiB of memory."""

    def __init__(self, has_disk=False, conf=""):
        super().__init__(MODE, conf)
        self.notify, self.disk = None, has_disk
        for name, address in (("a", A), ("b", B)):
            self.pods[f"default/{name}"] = Pod("default", name, [address], {"pod": name})
        self.write_inventory()
        if has_disk:
            os.mkdir(self.state, 0o755)
            run("mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "netpol-state", self.state)

    def fill(self):
        with open(f"{self.state}/filler", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def power_cut(self):
        """netpold and the kernel's table are gone, the disk is as it was."""
        self.stop(signal.SIGKILL)
        self.in_node("nft", "delete", "table", "inet", "netpol", check=False)

    # ---- systemd's side ----
    def listen(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{self.dir}/notify")
        self.notify.settimeout(0.01)
        return {"NOTIFY_SOCKET": f"{self.dir}/notify", "WATCHDOG_USEC": str(WATCHDOG_USEC)}

    def messages(self, seconds=0.0):
        """What came, and comes in the next seconds."""
        result, end = [], time.monotonic() + seconds
        while True:
            try:
                result += self.notify.recv(65536).decode().splitlines()
            except TimeoutError:
                if time.monotonic() >= end:
                    return result

    def hears(self, word, seconds=60):
        got = []

        def has_come():
            got.extend(self.messages())
            return any(m.startswith(word) for m in got)
        wait_for(has_come, seconds, f"{word} to systemd, after {got}")
        return got

    def close(self):
        self.stop()
        if self.disk:
            run("umount", self.state, check=False)
        super().close()


def full_disk():
    """state: with a full disk netpold goes on and says so; what was kept before is used; space is used when it comes"""
    with StateLab(has_disk=True) as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        lab.fill()
        lab.write_policy_file("p.yaml", deny("a", "b"))
        becomes(lab, [A, B], "enforced all the same")
        told(lab, "No space left on device")
        equal((lab.status()["health"], "cannot be kept here" in lab.why()), ("degraded", True), lab.why())
        lab.power_cut()
        lab.write_policy_file("p.yaml", "kind: [")
        lab.start()
        equal(isolated(lab), {A}, "what was kept before the disk was full")
        lab.write_policy_file("p.yaml", deny("b"))
        becomes(lab, [B], "the good one")
        told(lab, "No space left on device")
        os.unlink(f"{lab.state}/filler")
        lab.write_policy_file("q.yaml", deny())
        wait_for(lab.is_saved, 60, "the saving, now that there is space")
        equal("No space" in str(lab.status()["diagnostics"]), False, "said no longer")
        lab.power_cut()
        lab.write_policy_file("p.yaml", "kind: [")
        lab.start()
        equal(isolated(lab), {B}, "what was kept then")


def read_not_copied():
    """state: what is kept is what was read, though the file is another by the time it is written"""
    with StateLab(has_disk=True) as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        lab.fill()
        lab.write_policy_file("p.yaml", deny("b"))
        becomes(lab, [B], "good")
        lab.write_policy_file("p.yaml", "kind: [")
        told(lab, "p.yaml")
        os.unlink(f"{lab.state}/filler")
        lab.write_policy_file("q.yaml", deny())
        wait_for(lambda: lab.status()["state"] == "saved", 60, "the saving")
        lab.power_cut()
        lab.start()
        equal(isolated(lab), {B}, "the last good version, which no file had any more when it was saved")


def read_only():
    """state: a read-only directory is said and survived"""
    with StateLab(has_disk=True) as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        run("mount", "-o", "remount,ro", lab.state)
        lab.write_policy_file("p.yaml", deny("b"))
        becomes(lab, [B], "enforced all the same")
        told(lab, "Read-only file system")
        lab.power_cut()
        lab.start()
        equal(isolated(lab), {B}, "the good file")
        told(lab, "Read-only file system")


def damaged():
    """state: a file cut short or altered: said, and the version before it is used"""
    with StateLab() as lab:
        for pods in (["a"], ["a", "b"]):
            lab.write_policy_file("p.yaml", deny(*pods))
            if not lab.daemon:
                lab.start()
            wait_for(lab.is_saved, 60, "the saving")
        lab.power_cut()
        lab.write_policy_file("p.yaml", "kind: [")
        kept = f"{lab.state}/policies/p.yaml"
        whole = open(kept).read()
        for what, text in (("it is cut short", whole[:len(whole) // 2]),
                           ("its checksum is wrong", whole.replace("pod: b", "pod: c"))):
            with open(kept, "w") as f:
                f.write(text)
            lab.start()
            equal(isolated(lab), {A}, f"the older version: {what}")
            equal(what in lab.log() and "the version kept before it is used" in lab.log(), True, lab.log())
            lab.power_cut()
        os.unlink(kept + "~")
        lab.start()
        equal("as if it had never been kept" in lab.log(), True, lab.log())


def damaged_tables():
    """state: a damaged ruleset is not loaded, the one before it is; and one that is no nft is refused, all of it"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        lab.write_policy_file("p.yaml", deny("a", "b"))
        wait_for(lab.is_saved, 60, "the saving")
        lab.power_cut()
        kept = f"{lab.state}/ruleset/inet.nft"
        with open(kept, "r+") as f:
            f.truncate(100)
        lab.start()
        equal("stands as it did last" in lab.log() and "it is cut short" in lab.log(), True, lab.log())
        equal(isolated(lab), {A, B}, "then the files")
        wait_for(lab.is_saved, 60, "the saving")
        lab.power_cut()
        for name in (kept, kept + "~"):
            with open(name, "w") as f:
                f.write("table inet netpol {\n chain forward { type filter hook forward priority 0; policy accept; }\n")
        lab.start()
        equal("stands as it did last" in lab.log(), False, lab.log())
        equal(isolated(lab), {A, B}, "from the files alone")


def gone():
    """state: what is deleted while netpold is away is gone, in the same boot; what it kept of it too"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.write_policy_file("q.yaml", deny("b"))
        lab.write_inventory("more.json")
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        lab.stop()
        os.unlink(f"{lab.policies}/q.yaml")
        os.unlink(f"{lab.inventory}/more.json")
        lab.start()
        equal(isolated(lab), {A})
        wait_for(lab.is_saved, 60, "the saving")
        equal(sorted(os.listdir(f"{lab.state}/policies") + os.listdir(f"{lab.state}/inventory")),
              ["p.yaml", "pods.json"], "kept")


def ready():
    """notify: READY comes with the first transaction, not before; RELOADING and READY around a reload"""
    with StateLab() as lab:
        os.rename(lab.policies, lab.policies + ".away")
        environment = lab.listen()
        lab.start_without_waiting(**environment)
        got = lab.hears("STATUS=unhealthy") + lab.messages(0.5)
        equal([m for m in got if m.startswith(("READY", "WATCHDOG"))], [], "while nothing is enforced")
        os.rename(lab.policies + ".away", lab.policies)
        lab.hears("READY=1")
        equal(isolated(lab), set(), "the table stands")
        equal("policy accept" in lab.in_node("nft", "list", "chain", "inet", "netpol", "forward").stdout, True)
        lab.messages()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        lab.daemon.send_signal(signal.SIGHUP)
        got = lab.hears("READY=1")
        stamp = [int(m.split("=")[1]) for m in got if m.startswith("MONOTONIC_USEC")]
        equal((got.count("RELOADING=1"), before <= stamp[0]), (1, True), got)
        equal(got.index("RELOADING=1") < got.index("READY=1"), True, got)
        lab.write_policy_file("p.yaml", deny("a"))
        got = lab.hears("STATUS=generation 2: 1 policies, 2 pods, 1 isolated addresses")
        lab.write_policy_file("p.yaml", "kind: [")
        wait_for(lambda: any("p.yaml:" in m for m in lab.messages()), 60, "the error in the status line")
        lab.daemon.send_signal(signal.SIGTERM)
        lab.hears("STOPPING=1")


def watchdog():
    """health: the watchdog is fed while all is well, not while it is not, and again when it is"""
    faults = {
        "a directory for everybody": (lambda lab: os.chmod(lab.policies, 0o777),
                                      lambda lab: os.chmod(lab.policies, 0o755)),
        "an inventory that is away": (lambda lab: os.rename(lab.inventory, lab.inventory + ".away"),
                                      lambda lab: os.rename(lab.inventory + ".away", lab.inventory)),
    }
    if os.path.exists("/proc/sys/net/bridge"):
        faults["br_netfilter turned off"] = (lambda lab: lab.switch_br_netfilter(0),
                                             lambda lab: lab.switch_br_netfilter(1))
    with StateLab() as lab:
        with open(lab.conf) as f:
            conf = f.read()
        lab.put(lab.conf, conf.replace('bridge = "off"', f'bridge = "{"br_netfilter" if len(faults) == 3 else "off"}"'))
        lab.switch_br_netfilter(1)
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(**lab.listen())
        lab.hears("WATCHDOG=1")
        for what, (spoil, mend) in faults.items():
            spoil(lab)
            wait_for(lambda: lab.status()["health"] == "unhealthy", 60, f"unhealthy: {what}")
            lab.messages()
            equal([m for m in lab.messages(1) if m.startswith("WATCHDOG")], [], what)
            equal(isolated(lab), {A}, f"enforced all the same: {what}")
            mend(lab)
            lab.hears("WATCHDOG=1")
            wait_for(lambda: lab.status()["health"] == "ok", 60, f"healthy again: {what}")


def deaf():
    """notify: a systemd that reads nothing is not waited for"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(**lab.listen())
        for i in range(40):
            lab.write_policy_file("p.yaml", deny(*("ab" if i % 2 else "a")))
            time.sleep(0.05)
        becomes(lab, [A, B], "the last of them")
        lab.stop()


def looks_for_itself():
    """health: what nothing told of is found: a mount over the policies, a change of the table that was not heard"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(**lab.listen())
        lab.hears("WATCHDOG=1")
        inside = ["nsenter", "-t", str(lab.daemon.pid), "-m"]
        run(*inside, "mount", "-t", "tmpfs", "-o", "mode=755", "netpol-over", lab.policies)
        run(*inside, "sh", "-c", f"umask 022; cat >{lab.policies}/q.yaml", input=deny("b"))
        becomes(lab, [B], "the files that one finds there now")
        run(*inside, "umount", lab.policies)
        becomes(lab, [A], "the files from before")
        lab.hears("WATCHDOG=1")


def looks_while_files_change():
    """health: a file that changes while it is looked is news, and no fault"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(WATCHDOG_USEC="2000")  # it looks all the time
        for i in range(300):
            lab.write_policy_file("p.yaml", deny(*("ab" if i % 2 else "a")))
            time.sleep(0.003)
        becomes(lab, [A, B], "the last of them")
        equal("nothing told of it" in lab.log(), False, lab.log()[-1000:])
        equal(lab.status()["repairs"], 0)


def no_descriptors():
    """state: where a file cannot be opened for want of descriptors, what stands stays, and it is tried again"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        pid = lab.daemon.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        lowest = min(set(range(1000)) - {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")})
        for more in range(5):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest + more, before[1]))
            lab.write_policy_file("p.yaml", deny(*("a" if more % 2 else "ab")))
            if more == 0:
                wait_for(lambda: "is tried again: Too many open files" in lab.log(), 60, "a file that is not opened")
            else:
                time.sleep(0.3)
            equal(A in isolated(lab), True, "what stood")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            becomes(lab, [A] if more % 2 else [A, B], f"with {more} descriptors, and then with more")
            wait_for(lambda: lab.status()["health"] == "ok", 60, "healthy again")
        equal(lab.status()["repairs"], 0)


def many_sets(n):
    """Policies for pod b: each of them looks up a set of its own, which holds all pods."""
    return "---\n".join(
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{i}}}\nspec:\n"
        "  podSelector: {matchLabels: {pod: b}}\n  ingress:\n"
        f"  - from: [{{podSelector: {{matchExpressions: [{{key: pod, operator: NotIn, values: [x{i}]}}]}}}}]\n"
        f"    ports: [{{port: {1000 + i}}}]\n" for i in range(n))


def memory_of(pid):
    """Private memory that may be written, as RLIMIT_DATA counts it."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmData:\s+(\d+) kB", f.read()).group(1)) << 10


def has_sanitizer():
    with open(NETPOLD, "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def no_memory():
    """state: without memory netpold ends, the table stands and enforces, and the next netpold goes on from it"""
    with StateLab() as lab:
        a, b = [lab.pod("default", name, [address], {"pod": name}) for name, address in (("a", A), ("b", B))]
        to_a, to_b = (b.netns, a.netns, "tcp", B, A, 80), (a.netns, b.netns, "tcp", A, B, 80)
        lab.pods.update({f"default/o{i}": Pod("default", f"o{i}", [f"10.200.{i >> 8}.{i & 255}"]) for i in range(2000)})
        lab.write_inventory()
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        before = lab.listing()
        equal(lab.probe([to_a, to_b]), ["reject", "allow"])
        # enough to read the next file, not to compile what it says: 200,000 elements
        most = memory_of(lab.daemon.pid) + (4 << 20)
        resource.prlimit(lab.daemon.pid, resource.RLIMIT_DATA, (most, most))
        lab.write_policy_file("q.yaml", many_sets(100))
        status = lab.daemon.wait(60)
        lab.daemon = None
        if not has_sanitizer():  # that ends the process itself, in words of its own
            equal("netpold: out of memory" in lab.log(), True, lab.log()[-1000:])
            equal(status, -signal.SIGABRT)
        equal(lab.listing(), before, "nothing is half applied")
        equal(lab.probe([to_a, to_b]), ["reject", "allow"], "enforced while there is no netpold")
        lab.start_without_waiting()
        becomes(lab, [A, B], "with memory", 60)
        equal("adopting the table that stands" in lab.log(), True, lab.log()[-1000:])
        equal(lab.probe([to_a, to_b, to_b[:5] + (1001,)]), ["reject", "reject", "allow"])
        wait_for(lambda: lab.status().get("health") == "ok", 60, "ok")
        equal(lab.status()["repairs"], 0)


def listener_lost():
    """health: more news at once than can be kept: what was lost among them is found, and repaired"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(**lab.listen())
        lab.daemon.send_signal(signal.SIGSTOP)
        elements = ", ".join(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(30000))
        for _ in range(8):
            lab.in_node("nft", "-f", "-", input=f"table inet other {{\n set s {{ type ipv4_addr; elements = {{ "
                        f"{elements} }}\n }}\n}}\ndelete table inet other\n")
        lab.in_node("nft", "flush", "chain", "inet", "netpol", "forward")
        lab.daemon.send_signal(signal.SIGCONT)
        wait_for(lambda: lab.status()["repairs"] > 0, 60, "the repair")
        equal("vmap" in lab.in_node("nft", "list", "chain", "inet", "netpol", "forward").stdout, True)


def map_of_pods(lab):
    """(whether it says its size, how many are in it); while it is made anew there is none"""
    text = lab.in_node("nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
    return "size 4096" in text, text.count(" : goto ")


def sizes():
    """maps: one that outgrows its size is made anew, and again when pods go; one without a size is taken over, too"""
    with StateLab() as lab:
        more = [Pod("default", f"p{i}", [f"10.200.{i >> 8}.{i & 255}"]) for i in range(1, 2048)]
        lab.pods.update({f"default/{p.name}": p for p in more[1:]})
        lab.write_inventory()
        lab.write_policy_file("p.yaml", deny("a").replace("matchLabels: {pod: a}", ""))
        lab.start()
        equal(map_of_pods(lab), (True, 2048))
        lab.pods["default/p1"] = more[0]
        lab.write_inventory()
        wait_for(lambda: map_of_pods(lab) == (False, 2049), 60, "a large map")
        lab.stop()
        lab.start()
        equal(map_of_pods(lab), (False, 2049), "as it was found")
        del lab.pods["default/p1"]
        lab.write_inventory()
        wait_for(lambda: map_of_pods(lab) == (True, 2048), 60, "a small one")
        lab.stop()
        table = lab.in_node("nft", "list", "table", "inet", "netpol").stdout
        lab.in_node("nft", "-f", "-", input="delete table inet netpol\n" + table.replace("\t\tsize 4096\n", ""))
        equal(map_of_pods(lab), (False, 2048))
        lab.start()
        equal(map_of_pods(lab), (True, 2048), "from a version that gave no sizes")
        equal((lab.status()["repairs"], lab.status()["health"]), (0, "ok"))
        equal("netpol_guard" in lab.in_node("nft", "list", "tables").stdout, False)


def set_of_pods(lab):
    """(the size it says, how many are in it) of every set of pods' addresses"""
    text = lab.in_node("nft", "list", "table", "inet", "netpol", check=False).stdout
    return [(int(size), elements.count("10.")) for size, elements in
            re.findall(r"set pods4_\w+ {.*?size (\d+).*?elements = {(.*?)}", text, re.DOTALL)]


def outgrown():
    """sets: one that outgrows its size is another one, as is one that shrinks; one that somebody filled up is no end"""
    with StateLab() as lab:
        more = [Pod("default", f"p{i}", [f"10.200.{i >> 8}.{i & 255}"]) for i in range(1, 513)]
        lab.pods.update({f"default/{p.name}": p for p in more[:510]})
        lab.write_inventory()
        lab.write_policy_file("p.yaml", deny("a").replace("}}}", "}}, ingress: [{from: [{podSelector: {}}]}]}"))
        lab.start()
        equal(set_of_pods(lab), [(1024, 512)])
        lab.pods["default/p511"] = more[510]
        lab.write_inventory()
        wait_for(lambda: set_of_pods(lab) == [(8192, 513)], 60, "a larger set")
        equal(isolated(lab), {A})
        lab.stop()
        lab.start()
        equal(set_of_pods(lab), [(8192, 513)], "as it was found")
        del lab.pods["default/p511"]
        lab.write_inventory()
        wait_for(lambda: set_of_pods(lab) == [(1024, 512)], 60, "a smaller one")
        equal((lab.status()["repairs"], lab.status()["health"]), (0, "ok"))
        lab.stop()
        name = re.search(r"set (pods4_\w+) {", lab.in_node("nft", "list", "table", "inet", "netpol").stdout).group(1)
        strangers = ", ".join(f"10.201.{i >> 8}.{i & 255}" for i in range(512))
        lab.in_node("nft", f"add element inet netpol {name} {{ {strangers} }}")
        lab.pods["default/p512"] = more[511]
        del lab.pods["default/p1"]
        lab.write_inventory()
        lab.start()
        equal(set_of_pods(lab), [(1024, 512)])
        equal("10.201" in lab.in_node("nft", "list", "table", "inet", "netpol").stdout, False)
        equal((lab.status()["health"], isolated(lab)), ("ok", {A}))


def removes():
    """service: --remove takes all of ours out of the kernel, and nothing else"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        lab.stop()
        lab.in_node("nft", "add table inet netpol_guard; add table inet other; add table bridge netpol")
        equal(lab.in_node(NETPOLD, "-c", lab.conf, "--remove").returncode, 0)
        equal(lab.in_node("nft", "list", "tables").stdout, "table inet other\n")
        equal(lab.in_node(NETPOLD, "-c", lab.conf, "--remove").returncode, 0, "twice")


for case in (full_disk, read_not_copied, read_only, damaged, damaged_tables, gone, ready, watchdog, deaf,
             looks_for_itself, looks_while_files_change, no_descriptors, no_memory, listener_lost, sizes, outgrown,
             removes):
    test(case)
finish()
