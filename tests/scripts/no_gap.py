#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No gap: under a flood of allowed and forbidden new flows netpold is restarted, killed, reloaded, started cold from
its state directory, upgraded, 200 times each. Not one forbidden packet passes, not one allowed one is refused."""
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from flood import FloodLab, Versions
from netlab import NETPOLD, wait_for
from report import test, finish, equal, seed

TIMES = int(os.environ.get("NETPOL_TIMES", 200))
SEED = seed()


def under_flood(what, prepare, once):
    """once(lab, versions, i) TIMES times; it leaves netpold running."""
    with FloodLab() as lab:
        versions = Versions(lab, random.Random(SEED))
        prepare(lab)
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        lab.count()
        lab.start_flood()
        start = time.monotonic()
        for i in range(TIMES):
            once(lab, versions, i)
        seconds = time.monotonic() - start
        lab.stop_flood()
        (passed, refused), judged = lab.seen(), lab.judged()
        print(f"# no_gap.py: {TIMES} times {what} in {seconds:.0f} s, {judged} packets judged: forbidden that passed "
              f"{passed}, allowed that were refused {refused}")
        equal((passed, refused), (0, 0), "(passed, refused)")
        equal(judged > 100 * TIMES, True, f"only {judged} packets")


def handle(lab):
    """Of the table: another one after it was replaced."""
    tables = json.loads(lab.in_node("nft", "-aj", "list", "tables").stdout)["nftables"]
    return [t["table"]["handle"] for t in tables if t.get("table", {}).get("name") == "netpol"]


def restarts():
    """no gap: restart, the files changed meanwhile now and then"""
    def once(lab, versions, i):
        lab.stop()
        if i % 3 == 0:
            versions.step()
        lab.start()
    under_flood("restarted", lambda lab: None, once)


def kills():
    """no gap: kill -9 at any instant, also in the middle of a change"""
    def once(lab, versions, i):
        versions.step()
        time.sleep(versions.chance.random() * 0.06)
        lab.stop(signal.SIGKILL)
        lab.start()
    under_flood("killed", lambda lab: None, once)


def reloads():
    """no gap: reload, with other settings and other files"""
    def once(lab, versions, i):
        conf = open(lab.conf).read().split("service_cidrs")[0]
        lab.put(lab.conf, conf + (f'service_cidrs = [ "10.96.{i}.0/24" ];\n' if i % 2 else ""))
        lab.daemon.send_signal(signal.SIGHUP)
        if i % 3 == 0:
            versions.step()
        wait_for(lambda: (f"10.96.{i}.0/24" in lab.in_node("nft", "list", "chain", "inet", "netpol", "input").stdout)
                 == bool(i % 2), 60, "the new setting")
    under_flood("reloaded", lambda lab: None, once)


def set_gate(lab, is_closed):
    """As the network is before it is up: nothing comes by."""
    lab.in_node("nft", "-f", "-", input="table inet gate\ndelete table inet gate\n" + (
        "table inet gate {\n chain c {\n type filter hook prerouting priority raw; policy drop;\n }\n}\n"
        if is_closed else ""))


def is_enforcing(lab):
    return "vmap" in lab.in_node("nft", "list", "chain", "inet", "netpol", "forward", check=False).stdout


def write_kept(path, text):
    """As netpold writes it into its state directory."""
    with open(path, "w") as f:
        f.write(f"{text}\n# netpol state, sha256 {hashlib.sha256(text.encode()).hexdigest()} of {0:016x}\n")


def reboot(lab, is_inventory_gone):
    """The kernel's table is gone, and what lay in memory."""
    set_gate(lab, True)
    lab.stop(signal.SIGKILL)
    lab.in_node("nft", "delete", "table", "inet", "netpol")
    if is_inventory_gone:
        for name in os.listdir(lab.inventory):
            os.unlink(os.path.join(lab.inventory, name))
        write_kept(os.path.join(lab.state, "boot"), "another boot")


def cold_starts():
    """no gap: a cold start from the state directory; packets come as soon as the table stands"""
    def once(lab, versions, i):
        is_inventory_gone = i % 2 == 1
        wait_for(lab.is_saved, 60, "the saving")
        reboot(lab, is_inventory_gone)
        lab.start_without_waiting()
        wait_for(lambda: is_enforcing(lab), 60, "the table")
        set_gate(lab, False)
        wait_for(lambda: lab.status().get("generation", 0) > 0, 60, "the files")
        if is_inventory_gone:
            equal("not written again" in str(lab.status()["diagnostics"]), True, "the inventory of before")
            versions.write_labels()
            wait_for(lambda: not lab.status()["diagnostics"], 60, "the inventory of now")
        elif i % 10 == 0:
            versions.step()
            wait_for(lab.is_up_to_date, 60, "a change")
    under_flood("started cold", lambda lab: None, once)


def before_parsing():
    """no gap: with no table and a good state, enforcement stands before the first policy file is parsed"""
    with FloodLab() as lab:
        Versions(lab, random.Random(SEED))
        lab.start()
        wait_for(lab.is_saved, 60, "the saving")
        reboot(lab, False)
        with open(f"{lab.policies}/0.yaml", "w") as f:  # 15 MiB: takes a while
            document = "---\nkind: ConfigMap\nmetadata:\n  name: many\ndata: {a: b, c: d, e: f, g: h, i: j, k: l}\n"
            f.write(document * ((15 << 20) // len(document)))
        lab.start_without_waiting()
        wait_for(lambda: is_enforcing(lab), 60, "the table")
        equal(lab.status(), {}, "told already: the files were read")
        equal("stands as it did last" in lab.log(), True, lab.log())
        wait_for(lambda: lab.status().get("generation", 0) > 0, 60, "the files")


def upgrades():
    """no gap: upgrade in place: another binary adopts the table it finds; another version's table is replaced"""
    with_both = {"adopted": 0, "replaced": 0}

    def prepare(lab):
        for name in ("old", "new"):
            shutil.copy(NETPOLD, f"{lab.dir}/netpold.{name}")

    def once(lab, versions, i):
        lab.stop()
        is_other = i % 10 == 9
        if is_other:  # as a version would have written it that knew one more exception
            lab.in_node("nft", "add", "rule", "inet", "netpol", "input", "meta", "mark", "0x1", "accept")
        before = handle(lab)
        lab.start(program=f"{lab.dir}/netpold.{'new' if i % 2 else 'old'}")
        equal(handle(lab) == before, not is_other, f"upgrade {i}: the same table")
        with_both["replaced" if is_other else "adopted"] += 1
    under_flood("upgraded", prepare, once)
    equal(all(with_both.values()) or TIMES < 10, True, with_both)


for case in (restarts, kills, reloads, before_parsing, cold_starts, upgrades):
    test(case)
finish()
