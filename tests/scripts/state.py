#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The state directory: a full disk, a read-only disk, damaged files, power cuts. The messages to systemd: ready,
reloading, and the watchdog's keep-alive, which is sent only while netpold is healthy. And sizes of maps and sets."""
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
from netlab import MODE, NETPOLD, Lab, Pod, fill_socket, run, wait_for
from report import test, finish, equal

A, B = "10.244.1.10", "10.244.1.11"
WATCHDOG_USEC = 400000


def deny(*pods):
    return "---\n".join("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                        f"metadata: {{name: {p}, namespace: default}}\n"
                        f"spec: {{podSelector: {{matchLabels: {{pod: {p}}}}}}}\n" for p in pods)


def isolated(lab):
    text = lab.in_node("nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
    return {a for a in (A, B) if f"{a} : goto" in text}


def wait_for_isolated(lab, wanted, what, seconds=60):
    wait_for(lambda: isolated(lab) == set(wanted), seconds, f"the isolated addresses to be {sorted(wanted)}: {what}")


def wait_for_diagnostic(lab, words):
    wait_for(lambda: words in str(lab.status().get("diagnostics")), 60, f"{words!r} in the status's diagnostics")


class StateLab(Lab):
    """A lab whose inventory has pods a and b. has_disk: the state directory is on a tmpfs of 256 KiB."""

    def __init__(self, has_disk=False, conf=""):
        super().__init__(MODE, conf)
        self.notify, self.disk = None, has_disk
        for name, address in (("a", A), ("b", B)):
            self.pods[f"default/{name}"] = Pod("default", name, [address], {"pod": name})
        self.write_inventory()
        if has_disk:
            os.mkdir(self.state, 0o755)
            run("mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "netpol-state", self.state)

    def fill_disk(self):
        with open(f"{self.state}/filler", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def power_cut(self):
        """Kills netpold and deletes the kernel's table; the disk stays as it is."""
        self.stop(signal.SIGKILL)
        self.in_node("nft", "delete", "table", "inet", "netpol", check=False)

    # ---- in systemd's place ----
    def listen(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{self.dir}/notify")
        self.notify.settimeout(0.01)
        return {"NOTIFY_SOCKET": f"{self.dir}/notify", "WATCHDOG_USEC": str(WATCHDOG_USEC)}

    def messages(self, seconds=0.0):
        """The messages so far, and those of the next seconds."""
        result, end = [], time.monotonic() + seconds
        while True:
            try:
                result += self.notify.recv(65536).decode().splitlines()
            except TimeoutError:
                if time.monotonic() >= end:
                    return result

    def wait_for_message(self, word, seconds=60):
        got = []

        def has_come():
            got.extend(self.messages())
            return any(m.startswith(word) for m in got)
        wait_for(has_come, seconds, f"the message {word} to systemd, after {got}")
        return got

    def close(self):
        self.stop()
        if self.disk:
            run("umount", self.state, check=False)
        super().close()


def full_disk():
    """state: with a full disk netpold enforces and reports the error; the last saved files are used after a crash"""
    with StateLab(has_disk=True) as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.fill_disk()
        lab.write_policy_file("p.yaml", deny("a", "b"))
        wait_for_isolated(lab, [A, B], "a change with a full disk")
        wait_for_diagnostic(lab, "No space left on device")
        told = lab.ctl("matrix", "80").stderr
        saved = os.path.relpath(lab.saved_folder("policies"), lab.state)
        equal(f"netpold may have newer versions in force: {saved}/p.yaml: No space left on device" in told, True, told)
        equal((lab.status()["health"], "cannot be saved here" in lab.why()), ("degraded", True),
              f"health with a full disk, and whether the disk is the reason: {lab.why()}")
        lab.power_cut()
        lab.write_policy_file("p.yaml", "kind: [")
        lab.start()
        equal(isolated(lab), {A}, "isolated addresses after a crash: from the files saved before the disk was full")
        lab.write_policy_file("p.yaml", deny("b"))
        wait_for_isolated(lab, [B], "a good file")
        wait_for_diagnostic(lab, "No space left on device")
        os.unlink(f"{lab.state}/filler")
        lab.write_policy_file("q.yaml", deny())
        wait_for(lab.is_saved, 60, "the state to be saved, now that there is space")
        equal("No space" in str(lab.status()["diagnostics"]), False, "the status still reports a full disk")
        lab.power_cut()
        lab.write_policy_file("p.yaml", "kind: [")
        lab.start()
        equal(isolated(lab), {B}, "isolated addresses after a crash: from the files saved when there was space again")


def saves_what_was_read():
    """state: what is saved is the text that was read, even if the file has changed before it is saved"""
    with StateLab(has_disk=True) as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.fill_disk()
        lab.write_policy_file("p.yaml", deny("b"))
        wait_for_isolated(lab, [B], "a good file, with a full disk")
        lab.write_policy_file("p.yaml", "kind: [")
        wait_for_diagnostic(lab, "p.yaml:2:")
        os.unlink(f"{lab.state}/filler")
        lab.write_policy_file("q.yaml", deny())
        wait_for(lambda: lab.status()["state"] == "saved", 60, "the state to be saved")
        lab.power_cut()
        lab.start()
        equal(isolated(lab), {B}, "isolated addresses: from the last good version, saved after the file was broken")


def read_only():
    """state: with a read-only state directory netpold enforces and reports the error"""
    with StateLab(has_disk=True) as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        run("mount", "-o", "remount,ro", lab.state)
        lab.write_policy_file("p.yaml", deny("b"))
        wait_for_isolated(lab, [B], "a change with a read-only state directory")
        wait_for_diagnostic(lab, "Read-only file system")
        lab.power_cut()
        lab.start()
        equal(isolated(lab), {B}, "isolated addresses after a crash: those of the good file")
        wait_for_diagnostic(lab, "Read-only file system")


def damaged():
    """state: a truncated or altered file is reported, and the previous saved version is used"""
    with StateLab() as lab:
        for pods in (["a"], ["a", "b"]):
            lab.write_policy_file("p.yaml", deny(*pods))
            if not lab.daemon:
                lab.start()
            wait_for(lab.is_saved, 60, "the state to be saved")
        lab.power_cut()
        lab.write_policy_file("p.yaml", "kind: [")
        saved_file = f"{lab.saved_folder('policies')}/p.yaml"
        whole = open(saved_file).read()
        for what, text in (("it is truncated", whole[:len(whole) // 2]),
                           ("its checksum is wrong", whole.replace("pod: b", "pod: c"))):
            with open(saved_file, "w") as f:
                f.write(text)
            lab.start()
            equal(isolated(lab), {A}, f"isolated addresses: from the previous version, because {what}")
            equal(what in lab.log() and "the older copy is used" in lab.log(), True,
                  f"the log reports it: {lab.log()}")
            lab.power_cut()
        os.unlink(saved_file + "~")
        lab.start()
        equal("so nothing is restored" in lab.log(), True,
              f"the log reports that no version is left: {lab.log()}")


def damaged_tables():
    """state: instead of a damaged ruleset the previous one is loaded; a ruleset with a syntax error is not loaded"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.write_policy_file("p.yaml", deny("a", "b"))
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.power_cut()
        saved_file = f"{lab.state}/ruleset/inet.nft"
        with open(saved_file, "r+") as f:
            f.truncate(100)
        lab.start()
        equal("was restored from the state directory" in lab.log() and "it is truncated" in lab.log(), True,
              f"the log says that the previous ruleset was loaded, and why: {lab.log()}")
        equal(isolated(lab), {A, B}, "isolated addresses after the files are read")
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.power_cut()
        for name in (saved_file, saved_file + "~"):
            with open(name, "w") as f:
                f.write("table inet netpol {\n chain forward { type filter hook forward priority 0; policy accept; }\n")
        lab.start()
        equal("was restored from the state directory" in lab.log(), False,
              f"the log says that a saved ruleset was loaded: {lab.log()}")
        equal(isolated(lab), {A, B}, "isolated addresses: from the files")


def deleted_while_stopped():
    """state: files deleted while netpold is stopped are no longer in force, nor saved, if the boot is the same"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.write_policy_file("q.yaml", deny("b"))
        lab.write_inventory("more.json")
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.stop()
        os.unlink(f"{lab.policies}/q.yaml")
        os.unlink(f"{lab.inventory}/more.json")
        lab.start()
        equal(isolated(lab), {A}, "isolated addresses: from the file that is left")
        wait_for(lab.is_saved, 60, "the state to be saved")
        equal(sorted(os.listdir(lab.saved_folder("policies")) + os.listdir(lab.saved_folder("inventory"))),
              ["p.yaml", "pods.json"], "the saved files")


def conflict_over_restart():
    """state: a file whose new version defines another file's policy keeps what was in force, over a restart too"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.write_policy_file("q.yaml", deny("b"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.write_policy_file("p.yaml", deny("b"))
        wait_for_diagnostic(lab, "default/b")
        equal(isolated(lab), {A, B}, "isolated addresses: p.yaml's last good version, and q.yaml")
        lab.power_cut()
        lab.start()
        equal(isolated(lab), {A, B}, "isolated addresses after a restart")
        equal("p.yaml" in lab.why(), True, f"the status names the file: {lab.why()}")
        os.unlink(f"{lab.policies}/q.yaml")
        wait_for_isolated(lab, [B], "p.yaml as it is, without the other file")


def conflict_in_state():
    """state: two saved files that define the same policies, of broken files: each policy is in force once"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a", "b"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.power_cut()
        saved = lab.saved_folder("policies")
        shutil.copy(f"{saved}/p.yaml", f"{saved}/q.yaml")
        for broken in (("q.yaml", "p.yaml"), ("q.yaml",)):
            for name in broken:
                lab.write_policy_file(name, "kind: [")
            lab.start()
            equal((isolated(lab), lab.status()["counts"]["policies"]), ({A, B}, 2),
                  f"isolated addresses, and the number of policies, with {broken} broken")
            lab.write_policy_file("p.yaml", deny("a", "b"))
            wait_for(lambda: lab.status()["errors"] == 1, 60, "p.yaml to be in force")
            equal((isolated(lab), lab.status()["counts"]["policies"]), ({A, B}, 2), "the same, with p.yaml good")
            wait_for(lambda: lab.status()["state"] == "saved", 60, "the state to be saved")
            lab.power_cut()


def ready():
    """notify: READY is sent after the first transaction, not before; RELOADING and READY before and after a reload"""
    with StateLab() as lab:
        os.rename(lab.policies, lab.policies + ".away")
        environment = lab.listen()
        lab.start_without_waiting(**environment)
        got = lab.wait_for_message("STATUS=unhealthy") + lab.messages(0.5)
        equal([m for m in got if m.startswith(("READY", "WATCHDOG"))], [], "messages while nothing is enforced")
        os.rename(lab.policies + ".away", lab.policies)
        lab.wait_for_message("READY=1")
        equal(isolated(lab), set(), "isolated addresses when netpold is ready")
        equal("policy accept" in lab.in_node("nft", "list", "chain", "inet", "netpol", "forward").stdout, True,
              "the base chain exists when netpold is ready")
        lab.messages()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        lab.daemon.send_signal(signal.SIGHUP)
        got = lab.wait_for_message("READY=1")
        stamp = [int(m.split("=")[1]) for m in got if m.startswith("MONOTONIC_USEC")]
        equal((got.count("RELOADING=1"), before <= stamp[0]), (1, True),
              f"number of RELOADING messages, and whether their time is later than the signal: {got}")
        equal(got.index("RELOADING=1") < got.index("READY=1"), True, f"RELOADING comes before READY: {got}")
        lab.write_policy_file("p.yaml", deny("a"))
        got = lab.wait_for_message("STATUS=generation 2: 1 policies, 2 pods, 1 isolated addresses")
        lab.write_policy_file("p.yaml", "kind: [")
        wait_for(lambda: any("p.yaml:" in m for m in lab.messages()), 60, "the error in the status line")
        lab.daemon.send_signal(signal.SIGTERM)
        lab.wait_for_message("STOPPING=1")


def watchdog():
    """health: the watchdog's keep-alive is sent while netpold is healthy, not while it is unhealthy, and then again"""
    faults = {
        "a policy directory that everybody may write to": (lambda lab: os.chmod(lab.policies, 0o777),
                                                           lambda lab: os.chmod(lab.policies, 0o755)),
        "a missing inventory": (lambda lab: os.rename(lab.inventory, lab.inventory + ".away"),
                                lambda lab: os.rename(lab.inventory + ".away", lab.inventory)),
    }
    if os.path.exists("/proc/sys/net/bridge"):
        faults["br_netfilter turned off"] = (lambda lab: lab.switch_br_netfilter(0),
                                             lambda lab: lab.switch_br_netfilter(1))
    with StateLab() as lab:
        lab.set(bridge="br_netfilter" if len(faults) == 3 else "off")
        lab.switch_br_netfilter(1)
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(**lab.listen())
        lab.wait_for_message("WATCHDOG=1")
        for what, (cause, repair) in faults.items():
            cause(lab)
            wait_for(lambda: lab.status()["health"] == "unhealthy", 60, f"the status to be unhealthy: {what}")
            lab.messages()
            equal([m for m in lab.messages(1) if m.startswith("WATCHDOG")], [], f"keep-alive messages with {what}")
            equal(isolated(lab), {A}, f"isolated addresses with {what}: as before")
            repair(lab)
            lab.wait_for_message("WATCHDOG=1")
            wait_for(lambda: lab.status()["health"] == "ok", 60, f"the status to be ok again, after {what}")


def systemd_reads_nothing():
    """notify: netpold does not wait for a systemd that does not read its messages"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        environment = lab.listen()
        fill_socket(f"{lab.dir}/notify")
        lab.start_without_waiting(**environment)
        wait_for_isolated(lab, [A], "the first files")
        lab.daemon.send_signal(signal.SIGHUP)
        for i in range(40):
            lab.write_policy_file("p.yaml", deny(*("ab" if i % 2 else "a")))
            time.sleep(0.05)
        wait_for_isolated(lab, [A, B], "the last change")
        lab.wait_for_message("READY=1")  # found no room before
        lab.stop()


def periodic_check():
    """health: the periodic check finds changes without a notification: a mount over the policy directory"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(**lab.listen())
        lab.wait_for_message("WATCHDOG=1")
        inside = ["nsenter", "-t", str(lab.daemon.pid), "-m"]
        run(*inside, "mount", "-t", "tmpfs", "-o", "mode=755", "netpol-over", lab.policies)
        run(*inside, "sh", "-c", f"umask 022; cat >{lab.policies}/q.yaml", input=deny("b"))
        wait_for_isolated(lab, [B], "the files of the mounted directory")
        run(*inside, "umount", lab.policies)
        wait_for_isolated(lab, [A], "the files below, after the unmount")
        lab.wait_for_message("WATCHDOG=1")


def periodic_check_while_files_change():
    """health: a file that changes during the periodic check is an ordinary change, not a lost notification"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start(WATCHDOG_USEC="2000")  # the check runs almost continuously
        for i in range(300):
            lab.write_policy_file("p.yaml", deny(*("ab" if i % 2 else "a")))
            time.sleep(0.003)
        wait_for_isolated(lab, [A, B], "the last change")
        equal("without an inotify event" in lab.log(), False,
              f"the log reports a lost notification: {lab.log()[-1000:]}")
        equal(lab.status()["repairs"], 0, "the number of repairs")


def no_descriptors():
    """state: without free file descriptors what is in force stays, and the file is read as soon as there are some"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        pid = lab.daemon.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        lowest = min(set(range(1000)) - {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")})
        for more in range(5):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest + more, before[1]))
            lab.write_policy_file("p.yaml", deny(*("a" if more % 2 else "ab")))
            if more == 0:
                # in the log alone: status.json cannot be opened either
                wait_for(lambda: re.search("could not be read \\(.*LimitNOFILE=", lab.log()), 60,
                         "the error about a file that cannot be opened, with the limit's name")
            else:
                time.sleep(0.3)
            equal(A in isolated(lab), True, f"a is isolated as before, with {more} free descriptors")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            wait_for_isolated(lab, [A] if more % 2 else [A, B], f"after {more} free descriptors there are many again")
            wait_for(lambda: lab.status()["health"] == "ok", 60, "the status to be ok again")
        equal(lab.status()["repairs"], 0, "the number of repairs")


def no_watch():
    """state: while inotify's limits allow no watch, changes are found all the same, and the status names the limit"""
    for limit, most, name in (("max_inotify_instances", 0, "fs.inotify.max_user_instances"),
                              ("max_inotify_watches", 0, "fs.inotify.max_user_watches"),
                              ("max_inotify_watches", 2, "fs.inotify.max_user_watches")):
        with StateLab() as lab:
            sysctl = f"/proc/sys/user/{limit}"  # of a user namespace, in which these limits are its own
            lab.write_policy_file("p.yaml", deny("a"))
            lab.start(under=("unshare", "--user", "--map-root-user", "--net", "sh", "-c",
                             f'echo {most} >{sysctl}; exec "$@"', "sh"))
            inside = ("nsenter", "-t", str(lab.daemon.pid), "--user", "--net", "--preserve-credentials")

            def wait_inside(wanted, what):
                def is_there():
                    text = run(*inside, "nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
                    return {a for a in (A, B) if f"{a} : goto" in text} == set(wanted)
                wait_for(is_there, 60, f"the isolated addresses to be {sorted(wanted)}: {what}, {limit} {most}")

            wait_inside([A], "at the start")
            equal((lab.status()["health"], name in lab.why()), ("degraded", True),
                  f"health, and whether the limit is the reason: {lab.why()}")
            lab.write_policy_file("p.yaml", deny("a", "b"))
            wait_inside([A, B], "an edit")
            os.unlink(f"{lab.policies}/p.yaml")
            lab.write_policy_file("q.yaml", deny("b"))
            wait_inside([B], "a deletion and a new file")
            equal((lab.log().count(name), "nothing told of it" in lab.log()), (1, False),
                  f"lines about it in the log, and whether there are others: {lab.log()}")
            run(*inside, "sh", "-c", f"echo 1000 >{sysctl}")
            wait_for(lambda: lab.status()["health"] == "ok", 60, "the status to be ok when the limit is raised")
            lab.write_policy_file("q.yaml", deny("a"))
            wait_inside([A], "an edit that inotify reports")


def many_sets(n):
    """n policies for pod b, each with a set of its own that contains all pods."""
    return "---\n".join(
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{i}, namespace: default}}\nspec:\n"
        "  podSelector: {matchLabels: {pod: b}}\n  ingress:\n"
        f"  - from: [{{podSelector: {{matchExpressions: [{{key: pod, operator: NotIn, values: [x{i}]}}]}}}}]\n"
        f"    ports: [{{port: {1000 + i}}}]\n" for i in range(n))


def memory_of(pid):
    """Private writable memory in bytes, as RLIMIT_DATA counts it."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmData:\s+(\d+) kB", f.read()).group(1)) << 10


def has_sanitizer():
    with open(NETPOLD, "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def no_memory():
    """state: out of memory netpold ends, the table stays and enforces, and the next netpold adopts it"""
    with StateLab() as lab:
        a, b = [lab.pod("default", name, [address], {"pod": name}) for name, address in (("a", A), ("b", B))]
        to_a, to_b = (b.netns, a.netns, "tcp", B, A, 80), (a.netns, b.netns, "tcp", A, B, 80)
        lab.pods.update({f"default/o{i}": Pod("default", f"o{i}", [f"10.200.{i >> 8}.{i & 255}"]) for i in range(2000)})
        lab.write_inventory()
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        before = lab.listing()
        equal(lab.probe([to_a, to_b]), ["reject", "allow"], "verdicts (to a, to b) at first")
        # enough memory to read the next file, but not to compile its 200,000 elements
        most = memory_of(lab.daemon.pid) + (4 << 20)
        resource.prlimit(lab.daemon.pid, resource.RLIMIT_DATA, (most, most))
        lab.write_policy_file("q.yaml", many_sets(100))
        status = lab.daemon.wait(60)
        lab.daemon = None
        if not has_sanitizer():  # a sanitizer ends the process itself, with another message
            equal("netpold: out of memory" in lab.log(), True, f"the log gives the reason: {lab.log()[-1000:]}")
            equal(status, -signal.SIGABRT, "netpold's exit status")
        equal(lab.listing(), before, "the table after netpold ended")
        equal(lab.probe([to_a, to_b]), ["reject", "allow"], "verdicts (to a, to b) without netpold")
        lab.start_without_waiting()
        wait_for_isolated(lab, [A, B], "started again, with enough memory", 60)
        equal("adopting the table that is in the kernel" in lab.log(), True,
              f"the log says that the table was adopted: {lab.log()[-1000:]}")
        equal(lab.probe([to_a, to_b, to_b[:5] + (1001,)]), ["reject", "reject", "allow"],
              "verdicts (to a, to b, to b's port 1001) at the end")
        wait_for(lambda: lab.status().get("health") == "ok", 60, "the status to be ok")
        equal(lab.status()["repairs"], 0, "the number of repairs")


def lost_notifications():
    """health: when notifications are lost because the socket's buffer is full, tampering is found and repaired"""
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
        equal("vmap" in lab.in_node("nft", "list", "chain", "inet", "netpol", "forward").stdout, True,
              "the base chain looks up the maps again")


def map_of_pods(lab):
    """(whether the map has a declared size, number of its elements). While it is replaced there is no map."""
    text = lab.in_node("nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
    return "size 4096" in text, text.count(" : goto ")


def map_sizes():
    """maps: a map that outgrows its size is replaced, and again when it shrinks; a map without a size is replaced"""
    with StateLab() as lab:
        more = [Pod("default", f"p{i}", [f"10.200.{i >> 8}.{i & 255}"]) for i in range(1, 2048)]
        lab.pods.update({f"default/{p.name}": p for p in more[1:]})
        lab.write_inventory()
        lab.write_policy_file("p.yaml", deny("a").replace("matchLabels: {pod: a}", ""))
        lab.start()
        equal(map_of_pods(lab), (True, 2048), "(has a size, elements) at first")
        lab.pods["default/p1"] = more[0]
        lab.write_inventory()
        wait_for(lambda: map_of_pods(lab) == (False, 2049), 60, "a map of 2049 elements without a size")
        lab.stop()
        lab.start()
        equal(map_of_pods(lab), (False, 2049), "(has a size, elements) after a restart")
        del lab.pods["default/p1"]
        lab.write_inventory()
        wait_for(lambda: map_of_pods(lab) == (True, 2048), 60, "a map of 2048 elements with a size")
        lab.stop()
        table = lab.in_node("nft", "list", "table", "inet", "netpol").stdout
        lab.in_node("nft", "-f", "-", input="delete table inet netpol\n" + table.replace("\t\tsize 4096\n", ""))
        equal(map_of_pods(lab), (False, 2048), "(has a size, elements) as another version would write it")
        lab.start()
        equal(map_of_pods(lab), (True, 2048), "(has a size, elements) after netpold found a map without a size")
        equal((lab.status()["repairs"], lab.status()["health"]), (0, "ok"), "repairs and health")
        equal("netpol_guard" in lab.in_node("nft", "list", "tables").stdout, False, "a fallback table is left")


def set_of_pods(lab):
    """(declared size, number of elements) of every set of pod addresses"""
    text = lab.in_node("nft", "list", "table", "inet", "netpol", check=False).stdout
    return [(int(size), elements.count("10.")) for size, elements in
            re.findall(r"set pods4_\w+ {.*?size (\d+).*?elements = {(.*?)}", text, re.DOTALL)]


def set_sizes():
    """sets: a set that outgrows its size or shrinks is replaced by another one, also a set that others filled up"""
    with StateLab() as lab:
        more = [Pod("default", f"p{i}", [f"10.200.{i >> 8}.{i & 255}"]) for i in range(1, 513)]
        lab.pods.update({f"default/{p.name}": p for p in more[:510]})
        lab.write_inventory()
        lab.write_policy_file("p.yaml", deny("a").replace("}}}", "}}, ingress: [{from: [{podSelector: {}}]}]}"))
        lab.start()
        equal(set_of_pods(lab), [(1024, 512)], "[(size, elements)] at first")
        lab.pods["default/p511"] = more[510]
        lab.write_inventory()
        wait_for(lambda: set_of_pods(lab) == [(8192, 513)], 60, "a set of size 8192 with 513 elements")
        equal(isolated(lab), {A}, "isolated addresses with the larger set")
        lab.stop()
        lab.start()
        equal(set_of_pods(lab), [(8192, 513)], "[(size, elements)] after a restart")
        del lab.pods["default/p511"]
        lab.write_inventory()
        wait_for(lambda: set_of_pods(lab) == [(1024, 512)], 60, "a set of size 1024 with 512 elements")
        equal((lab.status()["repairs"], lab.status()["health"]), (0, "ok"), "repairs and health")
        lab.stop()
        name = re.search(r"set (pods4_\w+) {", lab.in_node("nft", "list", "table", "inet", "netpol").stdout).group(1)
        foreign = ", ".join(f"10.201.{i >> 8}.{i & 255}" for i in range(512))
        lab.in_node("nft", f"add element inet netpol {name} {{ {foreign} }}")
        lab.pods["default/p512"] = more[511]
        del lab.pods["default/p1"]
        lab.write_inventory()
        lab.start()
        equal(set_of_pods(lab), [(1024, 512)], "[(size, elements)] after others filled up the set")
        equal("10.201" in lab.in_node("nft", "list", "table", "inet", "netpol").stdout, False,
              "elements that others added are left")
        equal((lab.status()["health"], isolated(lab)), ("ok", {A}), "health and isolated addresses")


def removes():
    """service: --remove removes all tables of netpold from the kernel, and nothing else"""
    with StateLab() as lab:
        lab.write_policy_file("p.yaml", deny("a"))
        lab.start()
        lab.stop()
        lab.in_node("nft", "add table inet netpol_guard; add table inet other; add table bridge netpol")
        equal(lab.in_node(NETPOLD, "-c", lab.conf, "--remove").returncode, 0, "exit status of --remove")
        equal(lab.in_node("nft", "list", "tables").stdout, "table inet other\n", "the tables that are left")
        equal(lab.in_node(NETPOLD, "-c", lab.conf, "--remove").returncode, 0, "exit status of a second --remove")


for case in (full_disk, saves_what_was_read, read_only, damaged, damaged_tables, deleted_while_stopped,
             conflict_over_restart, conflict_in_state, ready, watchdog, systemd_reads_nothing, periodic_check,
             periodic_check_while_files_change, no_descriptors, no_watch, no_memory, lost_notifications, map_sizes,
             set_sizes, removes):
    test(case)
finish()
