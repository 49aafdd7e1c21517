#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No gap: netpold is restarted, killed, reloaded, started from its state directory without a table, and upgraded, and
all of its files are replaced by programs that delete files before they write them again, 200 times each, under a flood
of allowed and forbidden new flows. No forbidden packet passes, no allowed one is refused."""
import json
import os
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from flood import ALLOWED, FORBIDDEN, FloodLab, Versions
from netlab import NETPOLD, Pod, wait_for, write_state
from report import test, finish, equal, seed

TIMES = int(os.environ.get("NETPOL_TIMES", 200))
REPLACEMENTS = max(TIMES // 4, 5)  # of all files
SEED = seed()


def under_flood(what, prepare, once):
    """Calls once(lab, versions, i) TIMES times. It has to leave netpold running."""
    with FloodLab() as lab:
        versions = Versions(lab, random.Random(SEED))
        prepare(lab)
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.count()
        lab.start_flood()
        start = time.monotonic()
        for i in range(TIMES):
            once(lab, versions, i)
        seconds = time.monotonic() - start
        lab.stop_flood()
        (passed, refused), evaluated = lab.leaks(), lab.evaluated()
        print(f"# no_gap.py: {TIMES} times {what} in {seconds:.0f} s, {evaluated} packets evaluated: "
              f"{passed} forbidden packets passed, {refused} allowed packets were refused")
        equal((passed, refused), (0, 0), "(forbidden packets that passed, allowed ones refused)")
        equal(evaluated > 100 * TIMES, True, f"more than {100 * TIMES} packets evaluated; they were {evaluated}")


def handle(lab):
    """The handle of netpold's table; a replaced table has another one."""
    tables = json.loads(lab.in_node("nft", "-aj", "list", "tables").stdout)["nftables"]
    return [t["table"]["handle"] for t in tables if t.get("table", {}).get("name") == "netpol"]


def restarts():
    """no gap: restarts; the files sometimes change while netpold is stopped"""
    def once(lab, versions, i):
        lab.stop()
        if i % 3 == 0:
            versions.step()
        lab.start()
    under_flood("restarted", lambda lab: None, once)


def kills():
    """no gap: kill -9 at random instants, also during a change"""
    def once(lab, versions, i):
        versions.step()
        time.sleep(versions.chance.random() * 0.06)
        lab.stop(signal.SIGKILL)
        lab.start()
    under_flood("killed", lambda lab: None, once)


def refuses_by_drop(lab):
    """Of either direction: the policies of the other one may be audited."""
    text = lab.in_node("nft", "list", "table", "inet", "netpol").stdout
    return "goto drop_in" in text or "goto drop_out" in text


def reloads():
    """no gap: reloads with changed settings and changed files"""
    def once(lab, versions, i):
        lab.set(deny="drop" if i % 2 else None)
        lab.daemon.send_signal(signal.SIGHUP)
        if i % 3 == 0:
            versions.step()
        wait_for(lambda: refuses_by_drop(lab) == bool(i % 2), 60, "the new setting in the table")
    under_flood("reloaded", lambda lab: None, once)


def set_gate(lab, is_closed):
    """Closed: drops all packets, as before the network is up."""
    lab.in_node("nft", "-f", "-", input="table inet gate\ndelete table inet gate\n" + (
        "table inet gate {\n chain c {\n type filter hook prerouting priority raw; policy drop;\n }\n}\n"
        if is_closed else ""))


def is_enforcing(lab):
    return "vmap" in lab.in_node("nft", "list", "chain", "inet", "netpol", "forward", check=False).stdout


def reboot(lab, is_inventory_gone):
    """Simulates a reboot: deletes the kernel's table and, if asked to, the inventory, which is on a tmpfs."""
    set_gate(lab, True)
    lab.stop(signal.SIGKILL)
    lab.in_node("nft", "delete", "table", "inet", "netpol")
    if is_inventory_gone:
        for name in os.listdir(lab.inventory):
            os.unlink(os.path.join(lab.inventory, name))
        write_state(os.path.join(lab.state, "boot"), "another boot")


def cold_starts():
    """no gap: a start without a table, from the state directory; packets arrive as soon as the table is there"""
    def once(lab, versions, i):
        is_inventory_gone = i % 2 == 1
        wait_for(lab.is_saved, 60, "the state to be saved")
        reboot(lab, is_inventory_gone)
        lab.start_without_waiting()
        wait_for(lambda: is_enforcing(lab), 60, "the restored table")
        set_gate(lab, False)
        wait_for(lambda: lab.status().get("generation", 0) > 0, 60, "the files to be read")
        if is_inventory_gone:
            equal("not written since this machine started" in str(lab.status()["diagnostics"]), True,
                  "the status says that the inventory is restored")
            versions.write_labels()
            wait_for(lambda: not lab.status()["diagnostics"], 60, "the new inventory to be in force")
        elif i % 10 == 0:
            versions.step()
            wait_for(lab.is_up_to_date, 60, "a change to be applied")
    under_flood("started without a table", lambda lab: None, once)


def before_parsing():
    """no gap: without a table, the saved ruleset is loaded before the first policy file is parsed"""
    with FloodLab() as lab:
        Versions(lab, random.Random(SEED))
        lab.start()
        wait_for(lab.is_saved, 60, "the state to be saved")
        reboot(lab, False)
        with open(f"{lab.policies}/0.yaml", "w") as f:  # 15 MiB, so that parsing takes a while
            document = "---\nkind: ConfigMap\nmetadata:\n  name: many\ndata: {a: b, c: d, e: f, g: h, i: j, k: l}\n"
            f.write(document * ((15 << 20) // len(document)))
        lab.start_without_waiting()
        wait_for(lambda: is_enforcing(lab), 60, "the restored table")
        equal(lab.status(), {}, "the status, which is written after the files are read")
        wait_for(lambda: "was restored from the state directory" in lab.log(), 60,
                 "the log to say that the table was restored")
        wait_for(lambda: lab.status().get("generation", 0) > 0, 60, "the files to be read")


def upgrades():
    """no gap: upgrades: a new binary adopts the existing table, and replaces a table with unknown rules"""
    counts = {"adopted": 0, "replaced": 0}

    def prepare(lab):
        for name in ("old", "new"):
            shutil.copy(NETPOLD, f"{lab.dir}/netpold.{name}")

    def once(lab, versions, i):
        lab.stop()
        is_other = i % 10 == 9
        if is_other:  # a rule that another version could have written
            lab.in_node("nft", "add", "rule", "inet", "netpol", "input", "meta", "mark", "0x1", "accept")
        before = handle(lab)
        lab.start(program=f"{lab.dir}/netpold.{'new' if i % 2 else 'old'}")
        equal(handle(lab) == before, not is_other, f"upgrade {i}: the table is the same one")
        counts["replaced" if is_other else "adopted"] += 1
    under_flood("upgraded", prepare, once)
    equal(all(counts.values()) or TIMES < 10, True, f"both kinds of upgrade were done: {counts}")


# ---- Files that are deleted and written again ----
POLICIES, PODS = 300, 100


def policy_files(i):
    """{name: text}: a policy a file, each of which isolates b and allows one port from a. Of one that is missing the
    port is refused; if all are missing everything passes. Every second policy moves from one file to another."""
    return {(f"{'pq'[i % 2]}{k}.json" if k % 2 else f"p{k}.json"): json.dumps({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": f"p{k}", "namespace": "default"},
        "spec": {"podSelector": {"matchLabels": {"pod": "b"}}, "ingress": [
            {"from": [{"podSelector": {"matchLabels": {"pod": "a"}}}],
             "ports": [{"protocol": "UDP", "port": p} for p in [ALLOWED + k] + ([5000 + i] if k % 50 == 0 else [])]}]}})
        for k in range(POLICIES)}


def inventory_files(lab, i):
    """{name: text}: a pod a file. Without b nothing is isolated; without a all that it sends is refused."""
    pods = [lab.a, lab.b] + [Pod("default", f"c{k}", [f"10.250.0.{k}"], {"pod": f"c{k}"}) for k in range(PODS)]
    return {f"{'pq'[i % 2]}{p.name}.json": json.dumps(p.manifest()) for p in pods}


def write_in_place(path, text):
    with open(path, "w") as f:
        f.write(text)


def rsync(folder, files, pause):
    """by rsync --delete: what is not there any more is deleted, then the rest renamed over"""
    for name in set(os.listdir(folder)) - set(files):
        os.unlink(f"{folder}/{name}")
    pause()
    for name, text in files.items():
        write_in_place(f"{folder}/.{name}.Xy12", text)
        os.rename(f"{folder}/.{name}.Xy12", f"{folder}/{name}")


def git_checkout(folder, files, pause):
    """by git checkout: what only the old branch has is deleted, then each file is deleted and created"""
    for name in set(os.listdir(folder)) - set(files):
        os.unlink(f"{folder}/{name}")
    pause()
    for name, text in files.items():
        if os.path.exists(f"{folder}/{name}"):
            os.unlink(f"{folder}/{name}")
        write_in_place(f"{folder}/{name}", text)


def remove_and_copy(folder, files, pause):
    """by rm *; cp: all is deleted, then written"""
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")
    pause()
    for name, text in files.items():
        write_in_place(f"{folder}/{name}", text)


def replaced(way, withdraw_ms, times, is_enough=lambda lab: False):
    """((forbidden that passed, allowed that were refused), contradictions that the log has)"""
    chance = random.Random(SEED)
    with FloodLab(withdraw_ms=withdraw_ms) as lab:
        for folder, files in ((lab.policies, policy_files(0)), (lab.inventory, inventory_files(lab, 0))):
            for name, text in files.items():
                lab.put(f"{folder}/{name}", text)
        lab.start()
        wait_for(lab.has_read_all, 60, "the first files")
        lab.count()
        lab.start_flood("ip", (*range(ALLOWED, ALLOWED + POLICIES), *[FORBIDDEN] * 30), 64)
        start, done = time.monotonic(), 0
        while done < times and not is_enough(lab):
            done += 1
            way(lab.policies, policy_files(done), lambda: time.sleep(chance.random() * 0.06))
            way(lab.inventory, inventory_files(lab, done), lambda: time.sleep(chance.random() * 0.06))
            wait_for(lab.has_read_all, 60, "the new files")
        seconds = time.monotonic() - start
        lab.stop_flood()
        print(f"# no_gap.py: {done} times replaced, {way.__doc__}; withdraw_ms {withdraw_ms}, in {seconds:.0f} s, "
              f"{lab.evaluated()} packets evaluated: forbidden that passed, allowed that were refused {lab.leaks()}")
        equal(lab.evaluated() > 100 * done, True, f"over {100 * done} packets evaluated; it was {lab.evaluated()}")
        return lab.leaks(), [line for line in lab.log().splitlines() if "defined" in line]


def replacements(way):
    """Nothing opens. With the longest withdraw_ms: a busy machine must not fail it."""
    equal(replaced(way, 60000, REPLACEMENTS), ((0, 0), []), "((passed, refused), contradictions)")


def replaced_at_once():
    """no gap: policies and pods replaced by rm *; cp with withdraw_ms = 0 open, and the test detects it"""
    (passed, _), _ = replaced(remove_and_copy, 0, max(TIMES, 60), lambda lab: lab.leaks()[0] > 0)
    equal(passed > 0, True, "forbidden packets passed; with 0 the test proves nothing")


for case in (restarts, kills, reloads, before_parsing, cold_starts, upgrades, replaced_at_once):
    test(case)
for way in (rsync, git_checkout, remove_and_copy):
    test(replacements, way, name=f"no gap: {POLICIES} policies and {PODS} pods replaced, {way.__doc__}")
finish()
