#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""netpold as it runs: what it notices, what it keeps when a file breaks, what it leaves when it ends."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chance import Chance
from netlab import MODE, Lab, NETPOLD, wait_for
from report import test, finish, equal, seed

SEED = seed()
A, B = "10.244.1.10", "10.244.1.11"


def deny(name, selector=None):
    return (f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\n"
            f"spec: {{podSelector: {{matchLabels: {{pod: {selector or name}}}}}}}\n")


def table(lab):
    return lab.in_node("nft", "list", "table", "inet", "netpol", check=False).stdout


def isolated(lab):
    """The addresses that the ingress map holds."""
    text = lab.in_node("nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
    return {a for a in (A, B) if f"{a} : goto" in text}


def becomes(lab, wanted, what):
    wait_for(lambda: isolated(lab) == set(wanted), 60, f"{what}: {sorted(wanted)} isolated")


def is_at_rest(lab):
    before = lab.listing()
    time.sleep(0.3)
    return lab.listing() == before


def new_lab(start=True, conf=""):
    """Pods a and b as the inventory has them; no wires: the kernel's table is what is looked at."""
    lab = Lab(MODE, conf)
    from netlab import Pod
    for name, address in (("a", A), ("b", B)):
        lab.pods[f"default/{name}"] = Pod("default", name, [address], {"pod": name})
    lab.write_inventory()
    if start:
        lab.start()
    return lab


def notices_files():
    """service: a file renamed in, written in place, deleted, renamed away"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "renamed in")
        with open(f"{lab.policies}/b.yaml", "w") as f:
            f.write(deny("b"))
        becomes(lab, [A, B], "written in place")
        with open(f"{lab.policies}/b.yaml", "w") as f:
            f.write(deny("b", "nobody"))
        becomes(lab, [A], "rewritten in place")
        os.unlink(f"{lab.policies}/a.yaml")
        becomes(lab, [], "deleted")
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "back")
        os.rename(f"{lab.policies}/a.yaml", f"{lab.policies}/a.yaml.off")
        becomes(lab, [], "renamed to a name that is not read")
        os.rename(f"{lab.policies}/a.yaml.off", f"{lab.policies}/.hidden.yaml")
        time.sleep(0.2)
        equal(isolated(lab), set(), "a hidden file")


def slow_writer():
    """service: half a file is not read while it is being written"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "at first")
        with open(f"{lab.policies}/a.yaml", "r+") as f:
            f.truncate(0)
            f.write(deny("x", "nobody"))
            f.flush()
            lab.write_policy_file("b.yaml", deny("b"))  # this one is news
            becomes(lab, [A, B], "the other file")
            f.write("---\n" + deny("a"))
        wait_for(lambda: lab.status()["counts"]["policies"] == 3, 60, "the whole file")
        equal(isolated(lab), {A, B})
        with open(f"{lab.policies}/new.yaml", "w") as f:
            f.write(deny("one", "nobody"))
            f.flush()
            time.sleep(0.3)
            equal(lab.status()["counts"]["policies"], 3, "half of a new file")
            f.write("---\n" + deny("two", "nobody"))
        wait_for(lambda: lab.status()["counts"]["policies"] == 5, 60, "the whole new file")


def directories():
    """service: a directory that is missing, comes, is deleted, is replaced"""
    with new_lab(start=False) as lab:
        shutil.rmtree(lab.policies)
        shutil.rmtree(lab.inventory)
        lab.daemon_log = open(os.path.join(lab.dir, "netpold.log"), "w+")
        lab.daemon = subprocess.Popen(["ip", "netns", "exec", lab.node, NETPOLD, "-c", lab.conf],
                                      stderr=lab.daemon_log)
        wait_for(lambda: "cannot be read" in lab.why(), 60, "unhealthy")
        os.mkdir(lab.inventory, 0o755)
        lab.write_inventory()
        os.mkdir(lab.policies, 0o755)
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "directories came")
        wait_for(lambda: lab.status()["health"] == "ok", 60, "ok")
        os.rename(lab.policies, lab.policies + ".old")
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the error")
        equal(isolated(lab), {A}, "what was read last stays in force")
        os.mkdir(lab.policies + ".new", 0o755)
        with open(f"{lab.policies}.new/b.yaml", "w") as f:
            f.write(deny("b"))
        os.rename(lab.policies + ".new", lab.policies)
        becomes(lab, [B], "replaced")
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A, B], "the new directory is watched")


def config_map():
    """service: a ConfigMap's ..data symlink is swapped"""
    with new_lab() as lab:
        def swap(version, text):
            os.mkdir(f"{lab.policies}/..v{version}", 0o755)
            with open(f"{lab.policies}/..v{version}/p.yaml", "w") as f:
                f.write(text)
            os.symlink(f"..v{version}", f"{lab.policies}/..data_tmp")
            os.rename(f"{lab.policies}/..data_tmp", f"{lab.policies}/..data")

        swap(1, deny("a"))
        os.symlink("..data/p.yaml", f"{lab.policies}/p.yaml")
        becomes(lab, [A], "mounted")
        swap(2, deny("b"))
        becomes(lab, [B], "swapped")


def bad_files():
    """service: a broken file keeps its last good version, the others go on"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        bad = ["not: [closed", deny("a").replace("podSelector", "podSelectr"), "\0\1\2", deny("a") + "---\nkind: 7\n",
               deny("x", "nobody") + "---\n" + deny("x", "nobody")]
        for i, text in enumerate(bad):
            lab.write_policy_file("a.yaml", text)
            wait_for(lambda: lab.status()["errors"] > 0, 60, f"error of {text!r}")
            lab.write_policy_file("b.yaml", deny("b") if i % 2 else deny("b", "nobody"))
            becomes(lab, [A, B] if i % 2 else [A], f"the other file, with {text!r}")
            wait_for(lambda: any("b.yaml" in f["file"] for f in lab.status()["files"]), 60, "b.yaml in the status")
            state = {os.path.basename(f["file"]): f["state"] for f in lab.status()["files"]}
            equal((state["a.yaml"], state["b.yaml"]), ("last good version in force", "in force"))
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        becomes(lab, [], "mended")
        wait_for(lambda: lab.status()["errors"] == 0, 60, "no errors")


def odd_files():
    """service: a FIFO, a directory, a link out, a file for everybody, 100 MB: errors, and nothing hangs"""
    with new_lab() as lab:
        os.mkfifo(f"{lab.policies}/fifo.yaml")
        os.mkdir(f"{lab.policies}/dir.yaml")
        os.symlink("/etc/passwd", f"{lab.policies}/out.yaml")
        os.symlink("../inventory/pods.json", f"{lab.policies}/up.json")
        os.symlink("loop.yaml", f"{lab.policies}/loop.yaml")
        with open(f"{lab.policies}/huge.yaml", "w") as f:
            f.truncate(100 << 20)
        with open(f"{lab.policies}/open.yaml", "w") as f:
            f.write(deny("b"))
        os.chmod(f"{lab.policies}/open.yaml", 0o666)
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "the good one")
        wait_for(lambda: lab.status()["errors"] == 7, 60, f"seven errors, not {lab.status()['errors']}")
        text = "\n".join(lab.status()["diagnostics"])
        for words in ("no regular file", "a directory", "leads out", "everybody may write", "16 MiB"):
            equal(words in text, True, f"{words!r} in {text}")
        os.chmod(f"{lab.policies}/open.yaml", 0o644)
        becomes(lab, [A, B], "after chmod")
        os.chmod(lab.policies, 0o777)
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        wait_for(lambda: "everybody may write to this directory" in str(lab.status()["diagnostics"]), 60, "the error")
        equal(isolated(lab), {A, B}, "a directory for everybody is not read")


def conflicts():
    """service: of two files with one policy the newcomer is at fault; a cidr_set that goes, stays"""
    with new_lab() as lab:
        lab.write_policy_file("m.yaml", deny("a"))
        becomes(lab, [A], "the first")
        lab.write_policy_file("b.yaml", deny("a", "b"))  # sorts before, same name
        wait_for(lambda: "defined twice" in str(lab.status()["diagnostics"]), 60, "the error")
        equal(isolated(lab), {A})
        os.unlink(f"{lab.policies}/m.yaml")
        becomes(lab, [B], "the way is free")
        lab.write_policy_file("sets.conf", 'cidr_sets = ( { name = "s"; cidrs = [ "192.0.2.0/24" ]; } );')
        lab.write_policy_file("use.conf", 'policies = ( { name = "u"; pods = "pod=a"; ingress = '
                              '( { from = ( { cidr_set = "s"; } ); } ); } );')
        becomes(lab, [A, B], "a set of another file")
        os.unlink(f"{lab.policies}/sets.conf")
        wait_for(lambda: "not defined any more" in str(lab.status()["diagnostics"]), 60, "the error")
        equal("192.0.2.0/24" in table(lab), True, "its last definition")


def failed_export():
    """service: an inventory that is an error page, empty or cut short is not "no pods" """
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        good = open(f"{lab.inventory}/pods.json").read()
        for text in ("", "Unauthorized", good[:-30], '{"kind":"Status"}'):
            lab.put(f"{lab.inventory}/pods.json", text)
            wait_for(lambda: lab.status()["errors"] > 0, 60, f"error of {text[:20]!r}")
            equal((isolated(lab), lab.status()["counts"]["pods"]), ({A}, 2), text[:20])
            lab.put(f"{lab.inventory}/pods.json", good)
            wait_for(lambda: lab.status()["errors"] == 0, 60, "mended")


def emptied():
    """service: an empty list, as a failed kubectl prints, takes away neither policies nor pods; deleting the file does"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        pods, policies = f"{lab.inventory}/pods.json", f"{lab.policies}/a.yaml"
        good = open(pods).read()
        static = json.loads(good)
        static["items"] = [{"kind": "Pod", "metadata": {"name": "etcd", "namespace": "kube-system", "annotations":
                            {"kubernetes.io/config.source": "file"}}, "status": {"phase": "Running"}}]
        nothing = '{"apiVersion": "v1", "kind": "%s", "metadata": {"resourceVersion": ""}, "items": []}'
        for path, text in ((pods, nothing % "PodList"), (pods, nothing % "List"), (pods, json.dumps(static)),
                           (policies, nothing % "List")):
            lab.put(path, text)
            wait_for(lambda: lab.status()["errors"] == 1, 60, f"error of {text}")
            told = next(d for d in lab.status()["diagnostics"] if "error" in d)
            equal((isolated(lab), lab.status()["counts"]["pods"], "delete the file" in told), ({A}, 2, True), text)
            if path == pods:
                lab.put(path, good)
                wait_for(lambda: lab.status()["errors"] == 0, 60, "mended")
        lab.put(pods, nothing % "List")
        wait_for(lambda: lab.status()["errors"] == 2, 60, "both files emptied")
        lab.stop()
        lab.start()
        wait_for(lambda: lab.status()["errors"] == 2, 60, "both files emptied, after a restart")
        equal((isolated(lab), lab.status()["counts"]["pods"], lab.status()["counts"]["policies"]), ({A}, 2, 1))
        os.unlink(policies)
        becomes(lab, [], "the policies are deleted")


def overflow():
    """service: an overflown inotify queue loses nothing"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        with open("/proc/sys/fs/inotify/max_queued_events") as f:
            most = int(f.read())
        lab.daemon.send_signal(signal.SIGSTOP)
        one, two = f"{lab.policies}/x.tmp", f"{lab.policies}/y.tmp"
        open(one, "w").close()
        for i in range(most // 2 + 100):  # two events each
            os.rename(one, two)
            one, two = two, one
        os.unlink(f"{lab.policies}/a.yaml")
        lab.write_policy_file("b.yaml", deny("b"))
        lab.daemon.send_signal(signal.SIGCONT)
        becomes(lab, [B], "after the overflow")


def burst():
    """service: a burst of files is gathered into few changes"""
    with new_lab(conf="settle_ms = 2000;\n") as lab:
        before = lab.status()["generation"]
        for i in range(100):
            lab.write_policy_file(f"p{i}.yaml", deny(f"p{i}", "a" if i % 2 else "b"))
        becomes(lab, [A, B], "all of them")
        wait_for(lambda: lab.status()["counts"]["policies"] == 100, 60, "100 policies")
        equal(lab.status()["generation"] - before <= 3, True, "few changes")
        wait_for(lab.is_saved, 60, "that nothing changes any more")
        answer = lab.ctl("status")
        equal((answer.returncode, answer.stdout.startswith("ok\nprocess"), "{" in answer.stdout), (0, True, False))
        told = json.loads(lab.ctl("-o", "json", "status").stdout)
        equal({**told, "checked_at": ""}, {**lab.status(), "checked_at": ""})


def answers():
    """status: ok, degraded, unhealthy and not running, each with its exit status and its first reason"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        wait_for(lambda: lab.is_saved(), 60, "the end of the change")

        def is_told(status, *words):
            answer, as_json = lab.ctl("status"), lab.ctl("-o", "json", "status")
            first = answer.stdout.splitlines()[0] if answer.stdout else ""
            return ((answer.returncode, as_json.returncode) == (status, status)
                    and all(w in first for w in words) and json.loads(as_json.stdout)["health"] == words[0])

        equal(is_told(0, "ok"), True, lab.ctl("status").stdout)
        lab.write_policy_file("b.yaml", "kind: NetworkPolicy\n")
        wait_for(lambda: is_told(3, "degraded", "b.yaml:1:1: error: apiVersion"), 60, "a broken file")
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for(lambda: is_told(0, "ok"), 60, "the file is mended")
        pods = open(f"{lab.inventory}/pods.json").read()
        lab.put(f"{lab.inventory}/pods.json", pods.replace('"node-1"', '"node-2"'))
        wait_for(lambda: is_told(3, "degraded", 'no pod of the inventory runs on node "node-1"'), 60, "another's pods")
        lab.put(f"{lab.inventory}/pods.json", pods)
        wait_for(lambda: is_told(0, "ok"), 60, "our pods")
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        lab.write_policy_file("b.yaml", deny("b", "nobody"))
        wait_for(lambda: is_told(3, "degraded", "2 policies are in force, but no pod of this node is isolated"), 60,
                 "nothing isolated")
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for(lambda: is_told(0, "ok"), 60, "isolated")
        second = lab.apply(check=False)
        equal((second.returncode, f"already runs, as process {lab.daemon.pid}" in second.stderr), (1, True), second.stderr)
        lab.stop(signal.SIGKILL)
        wait_for(lambda: is_told(2, "not running", "stay"), 60, "killed")
        equal(isolated(lab), {A}, "the tables stay")
        lab.start()
        wait_for(lambda: is_told(0, "ok"), 60, "started again")
        os.rename(lab.policies, f"{lab.policies}.away")
        os.symlink("/nonexistent", lab.policies)
        wait_for(lambda: is_told(1, "unhealthy", "conf.d cannot be read"), 60, "the directory is gone")
        os.unlink(lab.policies)
        os.rename(f"{lab.policies}.away", lab.policies)
        wait_for(lambda: is_told(0, "ok"), 60, "the directory is back")


def metrics():
    """status: netpol.prom is as promtool wants it: HELP, TYPE, counters end in _total, each once"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        text = open(os.path.join(lab.runtime, "netpol.prom")).read()
        types = dict(re.findall(r"^# TYPE (netpol_\w+) (counter|gauge)$", text, re.M))
        equal(sorted(types), sorted(re.findall(r"^# HELP (netpol_\w+) [A-Z].*\.$", text, re.M)))
        samples = re.findall(r"^(netpol_\w+)(\{state=\"\w+\"\})? \d+$", text, re.M)
        equal(len(samples) + 2 * len(types), len(text.splitlines()))
        equal({name for name, _ in samples}, set(types))
        equal([n for n, t in types.items() if n.endswith("_total") != (t == "counter")], [])
        if shutil.which("promtool"):
            found = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
            equal((found.returncode, found.stdout + found.stderr), (0, ""))


def signals():
    """service: SIGHUP takes new settings, a bad netpol.conf leaves the old; SIGTERM leaves the table"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        conf = open(lab.conf).read()
        lab.put(lab.conf, conf + 'deny = "drop";\n')
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "goto refuse_" not in table(lab) and "goto drop_" in table(lab), 60, "drop")
        before = lab.status()["generation"]
        lab.put(lab.conf, conf + 'deny = "drop"; service_cidrs = [ "10.96.0.0/12" ];\n')
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "ip daddr 10.96.0.0/12 accept" in table(lab) and "chain output" in table(lab), 60, "services")
        wait_for(lambda: lab.status()["generation"] == before + 1, 60, "that it is told")
        lab.put(lab.conf, conf + 'deny = "drop";\n')
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "chain output" not in table(lab), 60, "no services")
        lab.put(lab.conf, conf + 'deny = "neither";\n')
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "Unsupported value" in lab.log(), 60, "the error")
        equal("goto drop_" in table(lab), True)
        lab.stop()
        equal(isolated(lab), {A}, "after SIGTERM")


def adopts():
    """service: a restart adopts the table that stands; what was changed meanwhile is made right"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        wait_for(lambda: "_next" not in table(lab), 60, "the end of the change")
        lab.stop(signal.SIGKILL)
        handles = lab.in_node("nft", "-a", "list", "table", "inet", "netpol").stdout
        lab.start()
        equal(lab.in_node("nft", "-a", "list", "table", "inet", "netpol").stdout, handles, "untouched")
        lab.stop()
        lab.write_policy_file("b.yaml", deny("b"))
        lab.start()
        becomes(lab, [A, B], "changed while away")
        for names, then in ((("a.yaml", "b.yaml"), []), ((), [A, B])):  # maps that nobody is in are not asked
            lab.stop()
            for name in names:
                os.unlink(os.path.join(lab.policies, name))
            if not names:
                lab.write_policy_file("a.yaml", deny("a"))
                lab.write_policy_file("b.yaml", deny("b"))
            lab.start()
            becomes(lab, then, "changed while away")
            equal(("vmap" in table(lab), "replacing" in lab.log()), (bool(then), False), lab.log())
        lab.stop()
        wanted = lab.listing()
        for command in TAMPERING:
            lab.in_node("nft", command)
            lab.start()
            equal(lab.listing(), wanted, command)
            equal("guard" in lab.in_node("nft", "list", "tables").stdout, False, "guard left")
            lab.stop()


TAMPERING = ("add rule inet netpol forward accept", "insert rule inet netpol forward accept",
             "flush chain inet netpol input", "flush chain inet netpol forward; "
             "add rule inet netpol forward ct state established,related accept; "
             "add rule inet netpol forward ip saddr vmap @egress4", f"delete element inet netpol ingress4 {{ {A} }}",
             f"delete element inet netpol self4 {{ {A} . {A} }}", "add set inet netpol odd { type ipv4_addr; }",
             "delete table inet netpol", "flush ruleset", "flush table inet netpol", "add table inet netpol_guard")


def repairs():
    """service: what somebody else does to the table is undone at once; to other tables, is not looked at"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        wait_for(lambda: is_at_rest(lab), 60, "the end of the change")
        wanted = lab.listing()
        for command in TAMPERING[:-1]:  # one that is heard of in two pieces may be two repairs
            before = lab.status()["repairs"]
            lab.in_node("nft", command)
            wait_for(lambda: lab.status()["repairs"] > before and lab.listing() == wanted, 60,
                     f"repair after {command!r}")
        wait_for(lambda: is_at_rest(lab), 60, "the last repair")
        before = lab.status()["repairs"]
        lab.in_node("nft", "add table inet other; add set inet other s { type ipv4_addr; }")
        lab.in_node("nft", "add table ip netpol")
        lab.in_node("nft", "flush table inet other")
        lab.write_policy_file("b.yaml", deny("b"))
        becomes(lab, [A, B], "life goes on")
        equal(lab.status()["repairs"], before, "other tables")
        equal("table ip netpol" in lab.in_node("nft", "list", "tables").stdout, True)


def remembers():
    """service: the last good version of a broken file, and of a directory that is away, outlives a restart"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        lab.write_policy_file("b.yaml", deny("b"))
        becomes(lab, [A, B], "good")
        wait_for(lab.is_saved, 60, "the saving")
        lab.write_policy_file("a.yaml", "kind: [")
        os.unlink(f"{lab.policies}/b.yaml")
        becomes(lab, [A], "broken")
        lab.stop(signal.SIGKILL)
        lab.in_node("nft", "delete", "table", "inet", "netpol")
        lab.start()
        equal(isolated(lab), {A}, "a broken file after a restart")
        lab.stop()
        os.rename(lab.policies, lab.policies + ".away")
        os.rename(lab.inventory, lab.inventory + ".away")
        lab.in_node("nft", "delete", "table", "inet", "netpol")
        lab.start()
        equal(isolated(lab), {A}, "directories that are away after a restart")
        os.rename(lab.policies + ".away", lab.policies)
        os.rename(lab.inventory + ".away", lab.inventory)
        lab.write_policy_file("b.yaml", deny("b"))
        becomes(lab, [A, B], "directories back")
        lab.stop()
        shutil.rmtree(lab.state)
        with open(lab.state, "w") as f:
            f.write("no directory")
        lab.start()
        wait_for(lambda: "cannot be kept" in str(lab.status()["diagnostics"]), 60, "the warning")
        equal(isolated(lab), {B}, "the good file goes on all the same")


def not_ourselves():
    """service: our own changes, of structure and of elements, are not taken for somebody else's"""
    with new_lab() as lab:
        for i in range(10):
            lab.write_policy_file("a.yaml", deny("a") + f"---\n{deny(f'b{i}', 'b') if i % 2 else ''}")
            wait_for(lab.is_up_to_date, 60, "the change")
        time.sleep(0.3)
        equal((lab.log().count("adopting"), lab.status()["repairs"]), (0, 0), lab.log())


def strangers():
    """service: other tables are neither read nor written, and our accept does not override their drop"""
    with new_lab(start=False) as lab:
        other = "table inet firewalld {\n\tset big {\n\t\ttype ipv4_addr\n\t}\n\tchain forward {\n" \
                "\t\ttype filter hook forward priority filter + 10; policy drop;\n\t}\n}\n"
        lab.in_node("nft", "-f", "-", input=other)
        before = lab.in_node("nft", "list", "table", "inet", "firewalld").stdout
        lab.start()
        lab.write_policy_file("a.yaml", deny("a"))
        becomes(lab, [A], "good")
        equal(lab.in_node("nft", "list", "table", "inet", "firewalld").stdout, before)


def once():
    """service: --once says by its exit status whether all was well"""
    with new_lab(start=False) as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        equal(lab.apply(check=False).returncode, 0)
        lab.write_policy_file("b.yaml", "kind: [")
        equal(lab.apply(check=False).returncode, 1)
        equal(isolated(lab), {A}, "the good file")


def same_as_from_scratch():
    """service: after any sequence of edits the kernel's table is the from-scratch one, nothing leaked"""
    chance = Chance(SEED)
    with new_lab() as lab:
        from netlab import Pod
        for i in range(8):
            name = f"p{i}"
            lab.pods[f"default/{name}"] = Pod("default", name, [f"10.244.2.{i + 1}", f"fd00::{i + 1}"], {},
                                              ports=chance.ports())
        for step in range(60):
            for pod in lab.pods.values():
                if chance.random() < 0.3:
                    pod.labels, pod.ports = chance.labels(), chance.ports()
                if chance.random() < 0.1:
                    pod.more["phase"] = chance.choice(["Running", "Succeeded"])
            addresses = [a for p in lab.pods.values() for a in p.addresses]
            policies = [chance.policy(i, ["default"], addresses) for i in range(chance.randint(0, 5))]
            if chance.random() < 0.8:
                lab.write_inventory()
            if chance.random() < 0.8:
                lab.write_policies(policies)
            time.sleep(0.01 * chance.randint(0, 3))
        lab.write_policy_file("last.yaml", deny("last", "a"))
        wait_for(lambda: any("last.yaml" in f["file"] for f in lab.status()["files"]), 60, "the last change")
        wait_for(lambda: is_at_rest(lab), 60, "the end of the change")
        found = lab.listing()
        lab.stop()
        lab.in_node("nft", "delete", "table", "inet", "netpol")
        lab.apply()
        equal(found, lab.listing())


for case in (notices_files, slow_writer, directories, config_map, bad_files, odd_files, conflicts, failed_export, emptied,
             overflow, burst, answers, metrics, signals, adopts, repairs, remembers, not_ourselves, strangers, once, same_as_from_scratch):
    test(case)
finish()
