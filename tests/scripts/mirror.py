#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""netpol-mirror against an API server of the tests' own (lib/fake_api.py): what it writes, and what it does when the
server does what a real one does rarely. Nothing that goes wrong may take an object away."""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import fake_api
from fake_api import Cut, Endless, Events, FakeApi, Future, Hang, Page, PageGone, Refuse, Slow, Truncated
from netlab import BUILD, NETPOLCTL, fill_socket, run, wait_for
from report import equal, finish, test

MIRROR = os.environ.get("NETPOL_MIRROR", os.path.join(BUILD, "netpol-mirror"))
LARGE = int(os.environ.get("NETPOL_SIZE", 5000))  # pods of the large list
HAS_TIME = os.environ.get("NETPOL_LONG") == "1"
SECRET = "a-value-of-an-environment-variable"
KINDS = ("networkpolicies", "namespaces", "pods")  # in the order in which they are written


# ---- Objects, about as large as real ones ----
def pod(namespace, name, address, node="worker-1", **labels):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
                "name": name, "namespace": namespace, "labels": labels, "uid": f"uid-{namespace}-{name}",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"env": SECRET})},
                "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {"f:podIPs": {}}}}]},
            "spec": {"nodeName": node, "containers": [{
                "name": "c", "image": "registry.example/c:1", "env": [{"name": "PASSWORD", "value": SECRET}],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}]},
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "10.50.0.11",
                       "startTime": "2026-01-01T00:00:00Z"}}


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}},
            "status": {"phase": "Active"}}


def policy(namespace_of, name, **match):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace_of},
            "spec": {"podSelector": {"matchLabels": match}, "policyTypes": ["Ingress"]}}


def fill(api, pods=3):
    """Two namespaces, two policies, and pods on two nodes."""
    for name in ("default", "shop"):
        api.put(namespace(name, team=f"team-{name}"))
    api.put(policy("default", "deny", app="a"))
    api.put(policy("shop", "web", app="web"))
    for i in range(pods):
        api.put(pod("shop" if i % 2 else "default", f"pod-{i}", f"10.244.{i // 250}.{i % 250 + 1}", f"worker-{i % 2}",
                    app="a", index=str(i)))


def essence(item):
    """What a file has to say of the object; the rest may be left out."""
    metadata = item["metadata"]
    said = {"labels": metadata.get("labels") or {}}
    if item["kind"] == "NetworkPolicy":
        said = {"spec": item["spec"]}
    if item["kind"] == "Pod":
        status, spec = item.get("status", {}), item["spec"]
        said.update(node=spec.get("nodeName"), phase=status.get("phase"),
                    addresses=[a["ip"] for a in status.get("podIPs", [])],
                    ports=[sorted(p.items()) for c in spec.get("containers", []) for p in c.get("ports", [])])
    return said


def resource_of(item):
    return next(r for r, (_, _, kind) in fake_api.RESOURCES.items() if kind == item["kind"])


class Systemd:
    """The socket that messages to systemd go to. It is read all the time, unless is_busy."""

    def __init__(self, path):
        self.text, self.is_busy = "", False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.socket.fileno() >= 0:
            try:
                if self.is_busy:
                    time.sleep(0.1)
                else:
                    self.text += self.socket.recv(65536).decode() + "\n"
            except TimeoutError:
                pass
            except OSError:
                return

    def close(self):
        self.socket.close()
        self.thread.join()


class Mirror:
    """A netpol-mirror and its directory. Its messages to systemd are gathered."""

    def __init__(self, api):
        self.api = api
        self.folder = tempfile.TemporaryDirectory(prefix="netpol-mirror-")
        self.dir = f"{self.folder.name}/mirror"
        self.process, self.n_logs = None, 0

    def __enter__(self):
        self.systemd = Systemd(f"{self.folder.name}/notify")
        return self

    def __exit__(self, kind, *_):
        ended = self.process.poll() if self.process else None
        if ended is not None or kind:
            print("".join(f"#   {line}\n" for line in self.log().splitlines()[-40:]), end="", flush=True)
        if self.process and ended is None and kind:
            self.process.kill()
            self.process.wait()
        elif self.process and ended is None:
            self.stop()
        self.systemd.close()
        self.folder.cleanup()
        if ended and kind is None:
            raise AssertionError(f"netpol-mirror ended with status {ended}")

    def start(self, *options, kubeconfig=None, environment=None):
        """kubeconfig: "" for none on the command line."""
        if kubeconfig != "":
            options = ("--kubeconfig", kubeconfig or self.api.kubeconfig, *options)
        self.n_logs += 1
        inherited = {k: v for k, v in os.environ.items() if k not in ("JOURNAL_STREAM", "KUBECONFIG")}
        more = dict(environment or {}, NOTIFY_SOCKET=f"{self.folder.name}/notify")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [MIRROR, "--directory", self.dir, *options], stdout=log, stderr=log, env=dict(inherited, **more))

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        status = self.process.wait(60)
        self.process = None
        equal(status in (0, -sig), True, f"netpol-mirror ended with status {status}: {self.log()[-3000:]}")

    @property
    def log_path(self):
        return f"{self.folder.name}/log-{self.n_logs}"

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def messages(self):
        """To systemd, so far."""
        return self.systemd.text

    def files(self):
        """{path below the directory: content} of what netpold reads."""
        found = {}
        for folder in ("policies", "inventory"):
            for name in os.listdir(f"{self.dir}/{folder}") if os.path.isdir(f"{self.dir}/{folder}") else []:
                if not name.startswith("."):
                    try:
                        with open(f"{self.dir}/{folder}/{name}") as f:
                            found[f"{folder}/{name}"] = f.read()
                    except FileNotFoundError:
                        pass
        return found

    def objects(self):
        """{resource: {(namespace, name): essence}} of all files. Each file is a whole list at any time."""
        found = {r: {} for r in KINDS}
        for path, text in self.files().items():
            for item in json.loads(text)["items"]:
                key = fake_api.key_of(item)
                wanted = {"Pod": f"inventory/node-{item.get('spec', {}).get('nodeName')}.json",
                          "Namespace": "inventory/namespaces.json", "NetworkPolicy": f"policies/{key[0]}.json"}
                equal(path, wanted[item["kind"]], f"the file of {item['kind']} {key}")
                # one after the other: between two readings a pod may have moved from one file to another
                is_twice = key in found[resource_of(item)]
                found[resource_of(item)][key] = "in two files" if is_twice else essence(item)
        return found

    def wanted(self):
        with self.api.changed:
            return {r: {k: essence(i) for k, i in self.api.items[r].items()} for r in KINDS}

    def wait_for_all(self, what):
        def is_same():
            begin = time.monotonic()
            if self.process.poll() is not None or self.objects() == self.wanted():
                return True
            time.sleep(time.monotonic() - begin)  # half of a processor is left to the others
            return False

        try:
            wait_for(is_same, 60, f"the files to be as the server's objects: {what}")
        except TimeoutError as e:
            found, wanted = self.objects(), self.wanted()
            differ = [f"{r} {k}: {found[r].get(k)}, wanted {wanted[r].get(k)}" for r in KINDS
                      for k in sorted(found[r].keys() | wanted[r].keys()) if found[r].get(k) != wanted[r].get(k)]
            raise TimeoutError(f"{e}; " + "; ".join(differ[:3])) from None
        equal(self.process.poll(), None, f"netpol-mirror runs: {self.log()[-2000:]}")

    def status(self):
        try:
            with open(f"{self.dir}/status.json") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def inodes(self):
        return {path: os.stat(f"{self.dir}/{path}").st_ino for path in self.files()}


class Pair:
    """with Pair() as (api, mirror): a server with objects, and a netpol-mirror that has written them all."""

    def __init__(self, is_started=True, pods=3, **api):
        self.is_started, self.pods = is_started, pods
        self.api = FakeApi(**api)

    def __enter__(self):
        self.api.__enter__()
        fill(self.api, self.pods)
        self.mirror = Mirror(self.api).__enter__()
        try:
            if self.is_started:
                self.mirror.start()
                self.mirror.wait_for_all("the start")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self.api, self.mirror

    def __exit__(self, *error):
        try:
            self.mirror.__exit__(*error)
        finally:
            self.api.__exit__(*error)


# ---- Files ----
def writes_files():
    """mirror: lists in pages become files that netpold reads without a warning; only what it reads is kept"""
    with Pair(is_started=False, pods=1200) as (api, mirror):
        mirror.start()
        mirror.wait_for_all("1200 pods, in pages")
        wait_for(lambda: "READY=1" in mirror.messages(), 60, "READY=1")
        pages = [r for r in api.asked("pods", "list") if "continue" in r.parameters]
        equal(len(pages) >= 2, True, f"pods are listed in pages: {api.asked('pods', 'list')}")
        equal(api.n_packed > 0, True, "answers are packed by gzip")
        text = "".join(mirror.files().values())
        equal((SECRET in text, "managedFields" in text), (False, False), "what netpold does not read is left out")
        equal(len(text) / 1200 < 600, True, f"{len(text) / 1200} bytes a pod")
        for folder in ("policies", "inventory"):
            left = [n for n in os.listdir(f"{mirror.dir}/{folder}") if n.startswith(".") and
                    n not in (".alive", ".complete")]
            equal(left, [], f"temp files in {folder}")
            mode = stat.S_IMODE(os.stat(f"{mirror.dir}/{folder}").st_mode)
            equal(mode & 0o022, 0, f"the mode of {folder}: {mode:o}")
        with open(f"{api.dir}/netpol.conf", "w"):
            pass
        checked = run(NETPOLCTL, "-c", f"{api.dir}/netpol.conf", "--policies", f"{mirror.dir}/policies", "--inventory",
                      f"{mirror.dir}/inventory", "check", "--strict", check=False)
        equal((checked.returncode, checked.stdout + checked.stderr), (0, ""), "netpolctl check --strict")


def follows_events():
    """mirror: objects that come, change and go; files are written only if they differ, and deleted with their last object"""
    with Pair() as (api, mirror):
        api.put(pod("shop", "new", "10.244.9.9", "worker-9", app="new"))
        api.put(policy("late", "p", app="x"))
        api.put(namespace("late"))
        mirror.wait_for_all("objects that come")
        api.put(pod("shop", "new", "10.244.9.10", "worker-9", app="changed"))
        api.put(policy("shop", "web", app="other"))
        api.put(namespace("shop", team="another"))
        mirror.wait_for_all("objects that change")
        before = mirror.inodes()
        equal("inventory/node-worker-9.json" in before, True, "the file of the ninth node")
        same = pod("shop", "new", "10.244.9.10", "worker-9", app="changed")
        same["metadata"]["annotations"] = {"changed": "but netpold does not read it"}
        api.put(same)
        api.put(policy("default", "second", app="y"))
        mirror.wait_for_all("an annotation, and a policy")
        after = mirror.inodes()
        equal({p for p in after if after[p] != before.get(p)}, {"policies/default.json"}, "files that were written")
        api.delete("pods", "shop", "new")
        api.delete("networkpolicies", "late", "p")
        mirror.wait_for_all("objects that go")
        equal(sorted(set(before) - set(mirror.files())), ["inventory/node-worker-9.json", "policies/late.json"],
              "files that are gone")


def moves_between_nodes():
    """mirror: a pod that is created again on another node is in one file; one without a node is in none"""
    with Pair() as (api, mirror):
        api.delete("pods", "default", "pod-0")
        api.put(pod("default", "pod-0", "10.244.7.7", "worker-7", app="a"))
        mirror.wait_for_all("a pod on another node")
        unscheduled = pod("default", "pending", "10.244.7.8")
        del unscheduled["spec"]["nodeName"], unscheduled["status"]["podIP"], unscheduled["status"]["podIPs"]
        unscheduled["status"]["phase"] = "Pending"
        api.put(unscheduled)
        api.put(namespace("after-it"))
        wait_for(lambda: ("", "after-it") in mirror.objects()["namespaces"], 60, "what came after it")
        equal(("default", "pending") in mirror.objects()["pods"], False, "a pod without a node is in a file")


def waits_for_namespace():
    """mirror: a pod whose namespace is not known yet waits for it"""
    with Pair() as (api, mirror):
        api.put(pod("future", "early", "10.244.8.1", "worker-0", app="a"))
        api.put(pod("shop", "other", "10.244.8.2", "worker-0", app="a"))
        wait_for(lambda: ("shop", "other") in mirror.objects()["pods"], 60, "the other pod")
        equal(("future", "early") in mirror.objects()["pods"], False, "the pod without a namespace is written")
        api.put(namespace("future", team="f"))
        mirror.wait_for_all("the namespace")


def first_start_is_whole():
    """mirror: at the very first start nothing is written before all lists are complete"""
    with Pair(is_started=False) as (api, mirror):
        hold = Hang("namespaces", "list")
        api.faults.append(hold)
        mirror.start()
        wait_for(lambda: hold.n_taken and api.asked("pods", "watch", allowWatchBookmarks="true") and
                 api.asked("networkpolicies", "watch", allowWatchBookmarks="true"), 60, "the other lists")
        time.sleep(0.3)
        equal((mirror.files(), "READY=1" in mirror.messages()), ({}, False), "files, and whether it is ready, meanwhile")
        api.end_faults()
        mirror.wait_for_all("all lists")


def restart_keeps_files():
    """mirror: after a restart the files stand; what is gone leaves when the list is complete, and only differences are written"""
    with Pair() as (api, mirror):
        before = mirror.inodes()
        mirror.stop()
        equal(mirror.inodes(), before, "files after the end")
        api.delete("pods", "default", "pod-0")
        api.delete("networkpolicies", "shop", "web")
        hold = [Hang(r, "list") for r in KINDS]
        api.faults += hold
        mirror.start()
        wait_for(lambda: all(h.n_taken for h in hold), 60, "the lists to be asked for")
        time.sleep(0.3)
        equal(mirror.inodes(), before, "files before a list is complete")
        api.end_faults()
        mirror.wait_for_all("the restart")
        after = mirror.inodes()
        equal({p for p in before if after.get(p) != before[p]}, {"inventory/node-worker-0.json", "policies/shop.json"},
              "files that differ")
        mirror.stop(signal.SIGKILL)
        mirror.start()
        api.put(namespace("another"))
        mirror.wait_for_all("after a kill")


def promise_of(mirror):
    return f"{mirror.dir}/inventory/.alive/mirror"


def promised_seconds(mirror):
    """0: nothing is promised yet."""
    with open(promise_of(mirror)) as f:
        return int(f.read().split()[0])


def says_that_it_is_complete():
    """mirror: .complete is made when all is written, so that what a reboot took away leaves; .alive is touched"""
    with Pair(is_started=False) as (api, mirror):
        hold = Hang("pods", "list")
        api.faults.append(hold)
        mirror.start()
        wait_for(lambda: hold.n_taken, 60, "the list")
        equal([os.path.exists(f"{mirror.dir}/{f}/.complete") for f in ("policies", "inventory")], [False, False],
              ".complete before the lists are")
        with open(promise_of(mirror)) as f:
            equal(re.match("0 .*not listed", f.read()) is not None, True, "the directory says that it is not filled yet")
        api.end_faults()
        mirror.wait_for_all("the lists")
        wait_for(lambda: all(os.path.exists(f"{mirror.dir}/{f}/.complete") for f in ("policies", "inventory")), 60,
                 ".complete in both directories")
        wait_for(lambda: promised_seconds(mirror), 60, "the promise")
        equal(os.listdir(os.path.dirname(promise_of(mirror))), ["mirror"], "promises")
        equal(promised_seconds(mirror) <= 600, True, "the promised seconds")


# ---- What the server does rarely ----
def stays_through(make, what):
    """Whatever the fault does to the next requests, every object stays until a good list lacks it; and in the end all
    is as it should be. make: a list of faults for the relist after the history was lost."""
    with Pair(pods=30) as (api, mirror):
        gone = ("default", "pod-0")
        stay = {r: {k: v for k, v in mirror.objects()[r].items() if k != gone} for r in KINDS}
        faults = make()
        api.delete("pods", *gone)
        api.faults += faults
        api.compact()
        api.cut()
        api.put(policy("shop", "late", app="late"))
        end = time.monotonic() + 60
        while mirror.objects() != mirror.wanted():
            found = mirror.objects()
            for resource in KINDS:
                missing = [k for k in stay[resource] if k not in found[resource]]
                equal(missing, [], f"{what}: {resource} that were taken away")
            equal(mirror.process.poll(), None, f"{what}: netpol-mirror ended: {mirror.log()[-1500:]}")
            if time.monotonic() > end:
                mirror.wait_for_all(what)  # says what differs
            time.sleep(0.005)
        equal([f.n_taken > 0 for f in faults], [True] * len(faults), f"{what}: the faults happened")


def refused_lists():
    """mirror: 429 with Retry-After, 500, 503 and 404 of a list: asked again, nothing is taken away"""
    stays_through(lambda: [Refuse("pods", None, 429, "TooManyRequests", headers={"Retry_After": "1"}, times=2),
                           Refuse("namespaces", None, 500, "InternalError", "etcdserver: no leader"),
                           Refuse("networkpolicies", None, 503, "ServiceUnavailable")], "refused lists")


def expired_page():
    """mirror: 410 Gone in the middle of a list in pages, and at the beginning of a watch"""
    with Pair(is_started=False, pods=1200) as (api, mirror):
        fault = PageGone("pods", "list")
        api.faults.append(fault)
        mirror.start()
        mirror.wait_for_all("410 for the second page")
        equal(fault.n_taken, 1, "the second page was refused")
        api.compact()
        api.cut()
        api.put(pod("default", "late", "10.244.9.1", "worker-1", app="late"))
        mirror.wait_for_all("410 for the watch")


def bad_answers():
    """mirror: a proxy's HTML, a list that is cut off, and one whose JSON ends early: nothing is taken away"""
    for make, what in ((lambda: [Page(r, None) for r in KINDS], "HTML"),
                       (lambda: [Cut(r, "list", bytes=200) for r in KINDS], "a list that is cut off"),
                       (lambda: [Truncated(r, "list") for r in KINDS], "JSON that ends early")):
        stays_through(make, what)


def slow_bytes():
    """mirror: an answer that comes byte by byte"""
    with Pair(is_started=False, pods=2) as (api, mirror):
        fault = Slow(None, "list", times=3)
        api.faults.append(fault)
        mirror.start()
        mirror.wait_for_all("slow bytes")
        equal(fault.n_taken > 0, True, "answers were slow")


def streams():
    """mirror: a server that streams lists: they are not asked for in pages; and a stream that ends before its list does"""
    with Pair(can_stream=True) as (api, mirror):
        equal([len(api.asked(r, "list")) for r in KINDS], [0, 0, 0], "lists in pages")
        api.put(namespace("next"))
        mirror.wait_for_all("an event of the same stream")
        api.delete("pods", "default", "pod-0")
        half = Events("pods", lambda api: [api._event("ADDED", i, "pods") for i in list(api.items["pods"].values())[:1]])
        half.matches = lambda request: "sendInitialEvents" in request.parameters
        half.take = lambda request: (request.begin_stream(), request.send_chunk(half.make(api)[0]), request.end_stream())
        api.faults.append(half)
        api.compact()
        api.cut()
        wait_for(lambda: half.n_taken, 60, "the stream that ends early")
        equal(len(mirror.objects()["pods"]) >= 2, True, "pods after half a stream")
        mirror.wait_for_all("after half a stream")


def odd_events():
    """mirror: events that come twice and out of order, and a bookmark that goes backward"""
    with Pair() as (api, mirror):
        old = json.loads(json.dumps(api.items["pods"]["default", "pod-0"]))
        api.put(pod("default", "pod-0", "10.244.0.1", "worker-0", app="newest"))
        mirror.wait_for_all("a new version")
        new = json.loads(json.dumps(api.items["pods"]["default", "pod-0"]))
        api.delete("pods", "shop", "pod-1")
        mirror.wait_for_all("a pod that is gone")
        gone = pod("shop", "pod-1", "10.244.0.2", "worker-1", app="a")
        gone["metadata"]["resourceVersion"] = "1001"
        sent = [("MODIFIED", new), ("MODIFIED", old), ("ADDED", new), ("MODIFIED", gone)]
        odd = Events("pods", lambda api: [api._event(kind, item, "pods") for kind, item in sent] +
                     [api._bookmark("pods", api.version)])
        back = Events("pods", lambda api: [api._bookmark("pods", api.version), api._bookmark("pods", 5)])
        for fault, what in ((odd, "twice and out of order"), (back, "a bookmark that goes backward")):
            api.faults.append(fault)
            api.cut()
            wait_for(lambda: fault.n_taken, 60, what)
            api.put(namespace(f"after-{fault.n_taken}-{id(fault)}"))
            mirror.wait_for_all(what)
            equal(mirror.objects()["pods"]["default", "pod-0"]["labels"], {"app": "newest"}, what)


def unknown_events():
    """mirror: events without an object, of an unknown type, and an ERROR that is no Status: listed again"""
    for events in ([{"type": "ADDED"}], [{"type": "MOVED", "object": {"metadata": {"name": "x"}}}],
                   [{"type": "ERROR", "object": {"kind": "Pod", "metadata": {"name": "x"}}}], [[]], [{}],
                   [{"type": "DELETED", "object": {"kind": "Pod", "metadata": {}}}]):
        with Pair() as (api, mirror):
            fault = Events("pods", lambda api: events)
            api.faults.append(fault)
            api.cut()
            wait_for(lambda: fault.n_taken, 60, "the events")
            api.put(pod("default", "after", "10.244.9.1", "worker-0", app="a"))
            mirror.wait_for_all(str(events))


def restore_backup(api):
    """What etcd's backup had: its versions begin again lower."""
    api.delete("pods", "default", "pod-0")
    api.put(pod("default", "pod-2", "10.244.0.3", "worker-0", app="from the backup"))
    with api.changed:
        api.version, api.snapshots, api.oldest = 50, {}, 0
        api.events = {r: [] for r in api.events}
        for items in api.items.values():
            for item in items.values():
                item["metadata"]["resourceVersion"] = "49"


def another_history():
    """mirror: a server that was restored from a backup, whose bookmarks go backward, or that is silent"""
    for faults in ([], [Future()]):
        with Pair() as (api, mirror):
            api.stop()
            restore_backup(api)
            api.faults += faults
            api.start()
            mirror.wait_for_all("the backup")
            api.put(pod("default", "pod-2", "10.244.0.3", "worker-0", app="later"))
            mirror.wait_for_all("an event after it")
            equal(all(f.n_taken >= 3 for f in faults), True, "silent watches")


def endless_list():
    """mirror: a server whose list has always another page: said, nothing is taken away, and it is tried again"""
    with Pair() as (api, mirror):
        before = mirror.objects()
        endless = Endless("pods", "list", times=4500)
        api.faults.append(endless)
        api.compact()
        api.cut()
        wait_for(lambda: "more than 4000 pages" in mirror.log(), 120, "the log to say so")
        equal(mirror.objects(), before, "what was known")
        api.put(namespace("meanwhile"))
        api.faults.remove(endless)
        mirror.wait_for_all("a list that has an end")


def server_goes_away():
    """mirror: the server ends and comes back; what it had stays, and what changed meanwhile arrives"""
    with Pair() as (api, mirror):
        before = mirror.files()
        api.stop()
        api.put(namespace("meanwhile"))
        api.delete("pods", "default", "pod-0")
        time.sleep(0.5)
        equal(mirror.files(), before, "files while the server is away")
        api.start()
        mirror.wait_for_all("the server is back")


def silent_watch():
    """mirror: a watch without events and bookmarks, on a connection that looks alive, is found"""
    with Pair() as (api, mirror):
        hang = Hang("pods", "watch")
        api.faults.append(hang)
        api.cut()
        wait_for(lambda: hang.n_taken, 60, "the silent watch")
        api.put(pod("default", "late", "10.244.9.1", "worker-0", app="a"))
        end = time.monotonic() + 400
        while mirror.objects() != mirror.wanted():
            equal(time.monotonic() < end, True, "the silent watch is found")
            time.sleep(0.5)


def busy_systemd():
    """mirror: a systemd that does not read its socket holds nothing up"""
    with Pair() as (api, mirror):
        mirror.systemd.is_busy = True
        fill_socket(f"{mirror.folder.name}/notify")
        api.cut()  # makes it report
        wait_for(lambda: len(api.asked("pods", "watch", allowWatchBookmarks="true")) >= 2, 60, "the next watch")
        time.sleep(0.5)
        api.put(namespace("later"))
        mirror.wait_for_all("systemd does not read")
    with Pair(is_started=False) as (api, mirror):
        mirror.systemd.is_busy = True
        fill_socket(f"{mirror.folder.name}/notify")
        mirror.start()
        mirror.wait_for_all("systemd does not read from the start")
        api.put(namespace("later"))
        mirror.wait_for_all("an event after it")
        mirror.systemd.is_busy = False
        wait_for(lambda: "READY=1" in mirror.messages(), 60, "READY=1, when systemd reads again")


# ---- Credentials and RBAC ----
def expired_token():
    """mirror: an expired token (401): what was known stays; a new one in the token's file is used without a restart"""
    with Pair(is_started=False) as (api, mirror):
        path = f"{api.dir}/token"
        with open(path, "w") as f:
            f.write(api.token + "\n")
        mirror.start(kubeconfig=api.write_kubeconfig("by-file", tokenFile=path))
        mirror.wait_for_all("the first token")
        before = mirror.files()
        api.token = "the-second-token"
        api.cut()
        n = len(api.requests)
        wait_for(lambda: len(api.requests) > n + 2, 60, "requests with the old token")
        api.put(namespace("later"))
        time.sleep(0.2)
        equal(mirror.files(), before, "files with an expired token")
        wait_for(lambda: re.search("unauthorized|401", mirror.status() + mirror.messages(), re.I), 60,
                 "the status to say so")
        with open(path + ".new", "w") as f:
            f.write(api.token + "\n")
        os.rename(path + ".new", path)
        mirror.wait_for_all("the second token")


def expect_old_promise(api, mirror):
    """The promise to netpold does not get younger while the other kinds are heard of, so it will be broken."""
    path = promise_of(mirror)

    def heard_of(kind):
        return next(k["heard_at"] for k in json.loads(mirror.status())["kinds"] if k["kind"] == kind)

    def is_heard_later(before):
        api.put(namespace("heard"))
        return heard_of("namespaces") != before
    wait_for(lambda: promised_seconds(mirror), 60, "the promise")
    promised = os.stat(path).st_mtime
    for _ in range(2):  # the second report began after the promise was read
        before = heard_of("namespaces")
        wait_for(lambda: is_heard_later(before), 60, "a report of what was heard")
    equal(os.stat(path).st_mtime, promised, "the promise's time")


def forbidden_kind():
    """mirror: a kind that RBAC forbids is said, and the others go on; at the first start, and later"""
    message = 'networkpolicies.networking.k8s.io is forbidden: User "u" cannot list resource "networkpolicies"'
    with Pair() as (api, mirror):
        api.faults.append(Refuse("networkpolicies", None, 403, "Forbidden", message, times=1000))
        before = mirror.objects()["networkpolicies"]
        api.compact()
        api.cut()
        api.put(namespace("later", team="later"))
        wait_for(lambda: ("", "later") in mirror.objects()["namespaces"], 60, "the other kinds")
        equal(mirror.objects()["networkpolicies"], before, "policies while they are forbidden")
        wait_for(lambda: "forbidden" in mirror.status(), 60, "the status to say so")
        expect_old_promise(api, mirror)
    with Pair(is_started=False) as (api, mirror):
        api.faults.append(Refuse("networkpolicies", None, 403, "Forbidden", message, times=1000))
        mirror.start()
        wait_for(lambda: mirror.objects()["pods"] == mirror.wanted()["pods"] and
                 mirror.objects()["namespaces"] == mirror.wanted()["namespaces"], 60, "the other kinds at the start")
        equal(mirror.objects()["networkpolicies"], {}, "policies at the start")
        wait_for(lambda: "forbidden" in mirror.status(), 60, "the status to say so")
        expect_old_promise(api, mirror)


def other_certificate():
    """mirror: another CA's certificate, and one for another name, are refused; the files stay, and it tries again"""
    with Pair() as (api, mirror):
        before = mirror.files()
        good = api.certificates
        stranger = fake_api.make_certificate(api.dir, "stranger")
        name = fake_api.make_certificate(api.dir, "name", addresses=("127.0.0.9",))
        for certificates, what in ((stranger, "another CA"), (name, "another CA's other name")):
            n = len(api.requests)
            api.use_certificate(certificates)
            api.cut()
            api.put(namespace(f"with-{certificates[0].split('/')[-1].split('.')[0]}"))
            wait_for(lambda: re.search("certificate|SSL|TLS", mirror.status() + mirror.log()), 60, f"{what} to be said")
            time.sleep(0.5)
            equal((len(api.requests), mirror.files()), (n, before), f"requests and files with {what}")
        api.use_certificate(good)
        mirror.wait_for_all("the right certificate")


def client_certificate():
    """mirror: a client certificate and key in place of a token, from files and as data"""
    import base64
    with Pair(is_started=False) as (api, mirror):
        _, certificate, key = fake_api.make_certificate(api.dir, "client")
        shutil.copy(f"{api.dir}/client-ca.crt", f"{api.dir}/clients.crt")

        def listen():
            api.stop()
            api.start()
            api.context.verify_mode = __import__("ssl").CERT_REQUIRED
            api.context.load_verify_locations(f"{api.dir}/clients.crt")

        listen()
        answer = api.answer
        api.answer = lambda request: (request.headers.__setitem__("Authorization", f"Bearer {api.token}"),
                                      answer(request))
        data = {f"client-{n}-data": base64.b64encode(open(p, "rb").read()).decode()
                for n, p in (("certificate", certificate), ("key", key))}
        for user in ({"client-certificate": certificate, "client-key": key}, data):
            mirror.start(kubeconfig=api.write_kubeconfig("by-certificate", **user))
            mirror.wait_for_all("a client certificate")
            api.put(namespace(f"n{len(user)}-{len(api.items['namespaces'])}"))
            mirror.wait_for_all("an event")
            mirror.stop()


def refused_kubeconfigs():
    """mirror: what it cannot use of a kubeconfig is said in words, with its file"""
    with FakeApi() as api, Mirror(api) as mirror:
        good = json.load(open(api.kubeconfig))

        def changed(change):
            config = json.loads(json.dumps(good))
            change(config)
            path = f"{api.dir}/changed"
            with open(path, "w") as f:
                json.dump(config, f)
            return path

        user, cluster = (lambda c: c["users"][0]["user"]), (lambda c: c["clusters"][0]["cluster"])
        for change, words in (
                (lambda c: user(c).update(exec={"command": "aws"}), "exec"),
                (lambda c: user(c).update({"auth-provider": {"name": "gcp"}}), "auth-provider"),
                (lambda c: c.update({"current-context": "nobody"}), "nobody"),
                (lambda c: c["contexts"][0]["context"].update(cluster="nowhere"), "nowhere"),
                (lambda c: c["contexts"][0]["context"].update(user="nobody"), "nobody"),
                (lambda c: cluster(c).pop("server"), "server"),
                (lambda c: cluster(c).update(server="ftp://x"), "ftp://x"),
                (lambda c: cluster(c).update({"certificate-authority": "/nowhere/ca.crt"}), "/nowhere/ca.crt"),
                (lambda c: cluster(c).update({"certificate-authority-data": "!!!"}), "certificate-authority-data"),
                (lambda c: user(c).update(tokenFile="/nowhere/token", token=None), "/nowhere/token")):
            mirror.start(kubeconfig=changed(change))
            wait_for(lambda: words in mirror.log() or words in mirror.status(), 60, f"the words {words!r}")
            equal(mirror.files(), {}, f"files with: {words}")
            mirror.process.kill()
            mirror.process.wait()
        mirror.start(kubeconfig="/nowhere/kubeconfig")
        wait_for(lambda: "/nowhere/kubeconfig" in mirror.log(), 60, "the words about a missing file")
        mirror.process.kill()
        mirror.process.wait()
        mirror.process = None


def kubeconfig_of_environment():
    """mirror: $KUBECONFIG names the file; a list of several is refused with words"""
    with Pair(is_started=False) as (api, mirror):
        mirror.start(kubeconfig="", environment={"KUBECONFIG": f"{api.kubeconfig}:/nowhere/config"})
        equal(mirror.process.wait(60), 1, "the exit status")
        equal('error: it names several files, and netpol-mirror reads one: ' in mirror.log() and
              "kubectl config view --flatten --raw" in mirror.log(), True, mirror.log())
        mirror.start(kubeconfig="", environment={"KUBECONFIG": f":{api.kubeconfig}:{api.kubeconfig}:"})
        mirror.wait_for_all("one file, named twice")


# ---- Size ----
def large_list():
    """mirror: a large list, and a burst of events after it"""
    with Pair(is_started=False) as (api, mirror):
        with api.changed:
            for i in range(LARGE):
                item = pod("default", f"many-{i}", f"10.{100 + (i >> 16)}.{i >> 8 & 255}.{i & 255}", f"node-{i % 100}",
                           app=f"a{i % 7}")
                item["metadata"]["resourceVersion"] = "1000"
                api.items["pods"]["default", item["metadata"]["name"]] = item
        mirror.start()
        wait_for(lambda: os.path.exists(f"{mirror.dir}/inventory/node-node-0.json"), 60 + LARGE // 500, "the pods' files")
        mirror.wait_for_all(f"{LARGE} pods")
        with open(f"/proc/{mirror.process.pid}/status") as f:
            peak = int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
        sanitized = "sanitized" in BUILD or "tsan" in BUILD
        if not sanitized:
            equal(peak < 16 * 1024 + LARGE * 1.2, True, f"{peak} KiB of memory for {LARGE} pods")
        for i in range(2000):
            api.put(pod("default", f"many-{i % 500}", f"10.100.{i >> 8 & 255}.{i & 255}", f"node-{i % 500 % 100}",
                        app=f"b{i}"))
        mirror.wait_for_all("2000 events")


for case in (writes_files, follows_events, moves_between_nodes, waits_for_namespace, first_start_is_whole,
             restart_keeps_files, says_that_it_is_complete, refused_lists, expired_page, bad_answers, slow_bytes, streams,
             odd_events, unknown_events, another_history, endless_list, server_goes_away, busy_systemd, expired_token, forbidden_kind,
             other_certificate, client_certificate, refused_kubeconfigs, kubeconfig_of_environment,
             large_list):
    test(case)
if HAS_TIME:
    test(silent_watch)
finish()
