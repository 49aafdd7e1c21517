#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Isolation from a pod's first instruction: with a real containerd, runc and CNI plugins, whose records netpold reads,
while kubelet's list comes two seconds late. The same without the records must show the window.

NETPOL_PODS: how many pods each case makes; NETPOL_TIMES: how often an address goes to another pod."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import records
from netlab import BUILD, NETPOLCTL, Lab, Pod, run, wait_for
from report import test, finish, equal
from runtime import Runtime

PODS = int(os.environ.get("NETPOL_PODS", 6))
TIMES = int(os.environ.get("NETPOL_TIMES", 60))
LATE = 2  # seconds
OUTSIDE = "172.17.0.5"
PODS_OF_NODE = "10.244.1.0/24"
COPIER = os.path.join(BUILD, "netpol-attachments")
TALK, LISTEN = ("talk", OUTSIDE), ("listen",)
FLOOD = """
import socket, sys, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for i in range(2, int(sys.argv[1])):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        tcp.connect_ex((f"10.244.1.{i}", 80))
        tcp.close()
        try:
            udp.sendto(b"forbidden", (f"10.244.1.{i}", 9))
        except OSError:
            pass
    time.sleep(0.002)
"""


def policy(name, selector, **spec):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "shop"}, "spec": dict(podSelector=selector, **spec)}


WEB = {"matchLabels": {"app": "web"}}
NO_EGRESS = policy("no-egress", WEB, policyTypes=["Egress"])
NO_INGRESS = policy("no-ingress", WEB, policyTypes=["Ingress"])


@contextlib.contextmanager
def copier(source, to, under=()):
    """The program that copies records for netpold, as its unit runs it."""
    os.makedirs(to, exist_ok=True)
    process = subprocess.Popen([*under, COPIER, source, to])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def node(has_records, *policies):
    """A node with a container runtime, and netpold on the copied records."""
    with Lab("routed") as lab, Runtime(lab) as runtime:
        folder = f"{lab.dir}/attachments"
        lab.set(attachments=folder if has_records else "")
        os.makedirs(runtime.records, 0o700, exist_ok=True)
        lab.outside = lab.world(OUTSIDE)
        lab.inside(lab.outside, "nft", "add table ip count;"
                   " add chain ip count in { type filter hook input priority 0; };"
                   f" add rule ip count in ip saddr {PODS_OF_NODE} counter")
        lab.in_node("nft", "add table ip count; add chain ip count in { type filter hook prerouting priority -300; };"
                    f" add rule ip count in ip saddr {PODS_OF_NODE} ip daddr {OUTSIDE} counter")
        lab.namespace("shop")
        lab.write_inventory()
        lab.write_policies(list(policies))
        with copier(runtime.records, folder):
            lab.start(under=runtime.under)
            try:
                yield lab, runtime
            finally:
                lab.stop()


def packets(lab, netns):
    listing = lab.inside(netns, "nft", "list", "chain", "ip", "count", "in").stdout
    return int(re.search(r"packets (\d+)", listing).group(1))


def attempts(lab):
    return packets(lab, lab.node)


def passed(lab):
    return packets(lab, lab.outside)


def known(lab):
    """How many pods of the node are known by record and inventory, by record alone, by inventory alone."""
    found = lab.status().get("attachments", {})
    return tuple(found.get(f"pods_by_{key}") for key in ("record_and_inventory", "record_alone", "inventory_alone"))


def list_pod(lab, name, address, **more):
    addresses = [address] if address else []
    lab.pods[f"shop/{name}"] = Pod("shop", name, addresses, {"app": "web"}, uid=f"uid-{name}", **more)
    lab.write_inventory()


def live_and_die(lab, runtime, arguments, is_done):
    """Pods one after the other; every second one is bound before, as kubelet lists it: without an address."""
    outputs = []
    for i in range(PODS):
        name = f"pod-{i}"
        if i % 2:
            list_pod(lab, name, None)
        pod = runtime.make_pod("shop", name, f"uid-{name}")
        runtime.run_in(pod, name, *arguments)
        time.sleep(LATE)
        list_pod(lab, name, runtime.address_of(pod))
        wait_for(is_done, 30, "the pod to have tried")
        runtime.remove(pod)
        del lab.pods[f"shop/{name}"]
        lab.write_inventory()
        outputs += runtime.output(name)
    return outputs


# ---- The first moment ----
def talk(has_records):
    with node(has_records, NO_EGRESS) as (lab, runtime):
        live_and_die(lab, runtime, TALK, lambda: attempts(lab) > 0)
        if attempts(lab) < 500 * PODS:
            raise AssertionError(f"the pods have tried only {attempts(lab)} times")
        return passed(lab)


def first_packets():
    """first moment: no packet of a pod that may not talk gets out, from its first instruction on"""
    equal(talk(True), 0, "packets that got out")


def first_packets_without_records():
    """first moment: without the records packets get out"""
    equal(talk(False) > 0, True, "whether packets got out")


def listen(has_records):
    with node(has_records, NO_INGRESS) as (lab, runtime):
        flood = lab.inside_popen(lab.outside, sys.executable, "-c", FLOOD, str(min(2 * PODS + 4, 255)))
        try:
            return live_and_die(lab, runtime, LISTEN, lambda: True)
        finally:
            flood.kill()
            flood.wait()


def flooded_before_birth():
    """first moment: a pod that a forbidden peer floods from before its birth receives nothing"""
    equal(listen(True), [], "what the pods received")


def flooded_without_records():
    """first moment: without the records pods receive the flood"""
    equal({"datagram", "connection"} <= set(listen(False)), True, "whether the pods received the flood")


# ---- What goes wrong ----
def expect_closed(lab, what):
    before, sent = attempts(lab), passed(lab)
    wait_for(lambda: attempts(lab) > before + 5, 30, "the pod to try again")
    equal(passed(lab) - sent, 0, f"packets that got out: {what}")


def restarts_and_losses():
    """first moment: a finished pod, kubelet's short list, containerd's restart, lost and stale records: nothing opens"""
    with node(True, NO_EGRESS) as (lab, runtime):
        pod = runtime.make_pod("shop", "web", "uid-web")
        runtime.run_in(pod, "web", *TALK)
        wait_for(lambda: known(lab) == (0, 1, 0), 30, "the record to be known")
        list_pod(lab, "web", runtime.address_of(pod))
        wait_for(lambda: known(lab) == (1, 0, 0), 30, "the pod to be known by both")
        expect_closed(lab, "known by both")
        for phase in ("Failed", "Succeeded"):  # as kubelet says it, while a process lives on
            list_pod(lab, "web", runtime.address_of(pod), phase=phase)
            wait_for(lab.has_read_all, 30, f"the phase {phase} to be read")
            expect_closed(lab, f"with the phase {phase}")
        list_pod(lab, "web", runtime.address_of(pod))
        short_lists(lab, runtime)
        runtime.stop(signal.SIGKILL)
        expect_closed(lab, "without containerd")
        runtime.start()
        expect_closed(lab, "with containerd again")
        stale_records(lab, runtime, runtime.address_of(pod))
        lost_record(lab, runtime)
        runtime.remove(pod)


def short_lists(lab, runtime):
    listed = dict(lab.pods)
    lab.pods["shop/other"] = Pod("shop", "other", ["10.244.9.9"], {"app": "other"}, node="node-2")
    del lab.pods["shop/web"]
    lab.write_inventory()
    wait_for(lambda: known(lab) == (0, 1, 0), 30, "the short list to be read")
    expect_closed(lab, "kubelet does not list it")
    # netpolctl knows the files alone, not the labels that netpold remembers
    answer = runtime.inside(NETPOLCTL, "-c", lab.conf, "explain", "shop/web", OUTSIDE, "80/TCP", check=False)
    equal((answer.returncode, "it is attached" in answer.stdout), (1, True), answer)
    lab.put(f"{lab.inventory}/pods.json", '{"kind":"PodList","items":null}')
    wait_for(lambda: lab.status().get("errors") == 1, 30, "the empty list to be refused")
    expect_closed(lab, "an empty list")
    lab.pods = listed
    lab.write_inventory()
    wait_for(lambda: known(lab) == (1, 0, 0), 30, "the pod to be listed again")


def stale_records(lab, runtime, address):
    """Of pods whose network namespaces are gone; they had the address of one that lives."""
    for i in range(1000):
        records.write(runtime.records, records.text("shop", f"old-{i}", [address], container=f"old{i}",
                                                    netns=f"/var/run/netns/cni-none-{i}"))
    wait_for(lambda: lab.status().get("warnings", 0) >= 1000, 60, "all stale records to be found")
    equal((lab.status()["health"], known(lab)), ("degraded", (1, 0, 0)))
    equal("is gone, so this attachment does not count" in lab.status()["reasons"][0], True, lab.status()["reasons"][0])
    expect_closed(lab, "with 1,000 stale records")
    for i in range(1000):
        os.unlink(f"{runtime.records}/cbr0-old{i}-eth0")
    wait_for(lambda: lab.status().get("warnings") == 0, 60, "the stale records to be forgotten")


def lost_record(lab, runtime):
    for name in os.listdir(runtime.records):
        os.unlink(f"{runtime.records}/{name}")
    wait_for(lambda: known(lab) == (0, 0, 1), 30, "the lost record to be missed")
    equal(lab.status()["pods_without_record"], ["shop/web"])
    for i in range(30):
        lab.pods[f"shop/more-{i}"] = Pod("shop", f"more-{i}", [f"10.244.1.{200 + i}"], {"app": "other"})
    lab.write_inventory()
    wait_for(lambda: known(lab) == (0, 0, 31), 30, "more pods without a record")
    equal(lab.status()["pods_without_record"], [f"shop/more-{i}" for i in sorted(range(30), key=str)][:20])
    expect_closed(lab, "with a lost record")


# ---- Without a container runtime ----
def an_address_goes_to_another_pod():
    """first moment: an address that goes to another pod is judged as that pod's, each time"""
    with Lab("routed") as lab:
        folder = f"{lab.dir}/attachments"
        os.mkdir(folder, 0o755)
        lab.set(attachments=folder)
        for i in range(TIMES):  # every second pod is isolated
            lab.pods[f"shop/p{i}"] = Pod("shop", f"p{i}", [], {"app": "web" if i % 2 else "other"}, uid=f"u{i}")
        lab.write_inventory()
        lab.write_policies([NO_EGRESS])
        lab.start()
        before = None
        for i in range(TIMES):
            path = records.write(folder, records.text("shop", f"p{i}", ["10.244.1.7"], uid=f"u{i}", container=f"c{i}"))
            wait_for(lambda: is_isolated(lab, "10.244.1.7") == bool(i % 2), 30, f"the address to be judged as p{i}'s")
            if before:  # the runtime may remove the old record later than it makes the new one
                wait_for(lambda: known(lab)[:2] == (2, 0), 30, "both records to be known")
                os.unlink(before)
                wait_for(lambda: known(lab)[:2] == (1, 0), 30, "the old record to be gone")
                equal(is_isolated(lab, "10.244.1.7"), bool(i % 2), f"p{i} after the old record has gone")
            before = path
        lab.stop()


def is_isolated(lab, address):
    return f"{address} : " in lab.in_node("nft", "list", "map", "inet", "netpol", "egress4").stdout


def wait_for_copies(to, names):
    wait_for(lambda: sorted(n for n in os.listdir(to) if n[0] != ".") == sorted(names), 30, f"the copies {names}")


def the_copier():
    """first moment: records are copied without what netpold does not need, and their copies go with them"""
    with Lab("routed") as lab:
        source, to = f"{lab.dir}/results", f"{lab.dir}/copies"
        os.mkdir(source, 0o700)
        os.mkdir(to)
        Lab.put(f"{to}/cbr0-left-eth0", "left by an earlier run")
        path = records.write(source, records.text("shop", "a", ["10.244.1.7"], port="veth7"), at=1000000000)
        name = os.path.basename(path)
        with copier(source, to):
            wait_for_copies(to, [name])
            copy = json.load(open(f"{to}/{name}"))
            equal((sorted(copy), os.stat(f"{to}/{name}").st_mtime),
                  (["cniArgs", "containerId", "ifName", "kind", "result"], 1000000000))
            records.write(source, records.text("shop", "b", ["10.244.1.8"], container="c2"))
            Lab.put(f"{source}/cni-loopback-c2-lo", "{}")
            wait_for_copies(to, [name, "cbr0-c2-eth0"])
            Lab.put(f"{source}/broken", "{")
            wait_for_copies(to, [name, "cbr0-c2-eth0", "broken"])
            equal(json.load(open(f"{to}/broken"))["kind"], "netpolRecordError")
            os.unlink(f"{source}/broken")
            wait_for_copies(to, [name, "cbr0-c2-eth0"])


def promise(to):
    try:
        return open(f"{to}/.alive/records").read()
    except FileNotFoundError:
        return None


def wait_for_promise(to, begin):
    wait_for(lambda: (promise(to) or "").startswith(begin), 30, f"{begin!r} in .alive/records")


def the_records_are_replaced_as_a_whole():
    """first moment: the directory of records is renamed, deleted or mounted over: copies stay until there is another"""
    with Lab("routed") as lab:
        source, to, container = f"{lab.dir}/results", f"{lab.dir}/copies", 0
        os.mkdir(source, 0o700)

        def another(path=source):
            nonlocal container
            container += 1
            return os.path.basename(records.write(path, records.text("shop", "a", ["10.244.1.7"],
                                                                     container=f"c{container}")))
        with copier(source, to):
            name = another()
            wait_for_copies(to, [name])
            wait_for_promise(to, "30\n")
            os.rename(source, f"{source}.away")
            wait_for_promise(to, f"0 {source}: cannot be opened: No such file or directory")
            wait_for_copies(to, [name])
            os.mkdir(source, 0o700)
            wait_for_copies(to, [another()])
            wait_for_promise(to, "30\n")
            shutil.rmtree(source)
            wait_for_promise(to, f"0 {source}: cannot be opened: No such file or directory")
            os.mkdir(source, 0o700)
            wait_for_copies(to, [another()])
            os.rename(source, f"{source}.away2")
            os.mkdir(source, 0o700)  # at once
            wait_for_copies(to, [])
            name = another()
            wait_for_copies(to, [name])
            run("mount", "-t", "tmpfs", "tmpfs", source)
            try:
                wait_for_copies(to, [another()])
            finally:
                run("umount", "-l", source)  # the copier has it open
            wait_for_copies(to, [name])


def the_copier_is_cut_off():
    """first moment: what is mounted for the copier is deleted: it ends, so that its unit mounts what is there now"""
    with Lab("routed") as lab:
        to = f"{lab.dir}/copies"
        for deleted in (f"{lab.dir}/cni", to):
            shutil.rmtree(f"{lab.dir}/cni", ignore_errors=True)
            os.makedirs(f"{lab.dir}/cni/results")
            os.makedirs(f"{lab.dir}/sandbox", exist_ok=True)
            mounted = ("unshare", "-m", "sh", "-c",
                       f'mount --bind {lab.dir}/cni {lab.dir}/sandbox && exec "$@"', "sh")
            with copier(f"{lab.dir}/sandbox/results", to, mounted) as process:
                wait_for_promise(to, "30\n")
                shutil.rmtree(deleted)
                equal(process.wait(30), 1, f"the exit status without {deleted}")
        shutil.rmtree(f"{lab.dir}/cni")
        with copier(f"{lab.dir}/cni/results", to) as process:
            wait_for_promise(to, f"0 {lab.dir}/cni/results: cannot be opened")
            equal(process.wait(30), 1, "the exit status without the parent of the records")


NO_INOTIFY = ("unshare", "-Ur", "sh", "-c", 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', "sh")


def the_copier_promises_only_what_it_does():
    """first moment: .alive is touched on a busy node and on a quiet one, not while copies fail or nothing is watched"""
    with Lab("routed") as lab:
        source, to = f"{lab.dir}/results", f"{lab.dir}/copies"
        os.mkdir(source, 0o700)
        os.makedirs(f"{to}/.new")  # in the place of the temp file
        name = os.path.basename(records.write(source, records.text("shop", "a", ["10.244.1.7"])))
        with copier(source, to):
            wait_for_promise(to, f"0 {name}: cannot be copied: Is a directory")
            os.rmdir(f"{to}/.new")
            wait_for_promise(to, "30\n")
            wait_for_copies(to, [name])

            def touched_at():
                return os.stat(f"{to}/.alive/records").st_mtime_ns

            def is_touched(before):
                Lab.put(f"{source}/cni-loopback-c-lo", "{}")
                return touched_at() != before
            for i in range(2):  # the first one may be that of before
                wait_for(lambda before=touched_at(): is_touched(before), 60, "the promise of a busy node")
            wait_for(lambda before=touched_at(): touched_at() != before, 60, "the promise of a quiet node")
        shutil.rmtree(to)
        with copier(source, to, NO_INOTIFY):
            wait_for_promise(to, f"0 {source}: cannot be watched: Too many open files")
            for container in ("c2", "c3"):
                records.write(source, records.text("shop", "a", ["10.244.1.7"], container=container))
                wait_for(lambda: f"cbr0-{container}-eth0" in os.listdir(to), 30, "a copy without inotify")


def records_that_nobody_reads():
    """first moment: netpold is degraded and says why while its copier cannot read the records; nothing opens"""
    with Lab("routed") as lab:
        source, to = f"{lab.dir}/results", f"{lab.dir}/attachments"
        os.mkdir(source, 0o700)
        lab.set(attachments=to)
        lab.write_inventory()
        lab.write_policies([NO_EGRESS])
        records.write(source, records.text("shop", "a", ["10.244.1.7"]))
        with copier(source, to):
            lab.start()
            wait_for(lambda: is_isolated(lab, "10.244.1.7"), 30, "the pod to be isolated")
            wait_for(lambda: lab.status()["health"] == "ok", 60, "the status to be ok")
            os.rename(source, f"{source}.away")
            wanted = f"{to}/.alive/records: warning: the feed cannot do its work: {source}: cannot be opened"
            wait_for(lambda: wanted in lab.status()["reasons"][0] if lab.status()["reasons"] else False, 60,
                     "the status to say that there are no records")
            equal((lab.status()["health"], is_isolated(lab, "10.244.1.7")), ("degraded", True))
            os.mkdir(source, 0o700)
            records.write(source, records.text("shop", "b", ["10.244.1.8"]))
            wait_for(lambda: is_isolated(lab, "10.244.1.8"), 30, "another pod to be isolated")
            wait_for(lambda: lab.status()["health"] == "ok", 60, "the status to be ok again")
        lab.stop()


def nobody_copies():
    """first moment: with attachments = "auto", a directory that nobody copies to is a reason to be degraded"""
    with Lab("routed") as lab:
        to = f"{lab.runtime}-attachments"
        os.mkdir(to)
        os.utime(to, (0, 0))
        lab.start()
        wait_for(lambda: any(f"{to}: warning: nobody copies" in r for r in lab.status()["reasons"]), 60,
                 "the status to say that nobody copies")
        os.mkdir(f"{lab.dir}/results")
        lab.write_policies([NO_EGRESS])
        with copier(f"{lab.dir}/results", to):
            records.write(f"{lab.dir}/results", records.text("shop", "a", ["10.244.1.7"]))
            wait_for(lambda: is_isolated(lab, "10.244.1.7"), 30, "the pod to be isolated")
            wait_for(lambda: not any("nobody copies" in r for r in lab.status()["reasons"]), 60, "the reason to go")
        lab.stop()


test(the_copier)
test(the_records_are_replaced_as_a_whole)
test(the_copier_is_cut_off)
test(the_copier_promises_only_what_it_does)
test(records_that_nobody_reads)
test(nobody_copies)
test(an_address_goes_to_another_pod)
test(first_packets)
test(first_packets_without_records)
test(flooded_before_birth)
test(flooded_without_records)
test(restarts_and_losses)
finish()
