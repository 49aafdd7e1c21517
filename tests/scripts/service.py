#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""netpold running: which changes of files it notices, what stays in force when a file is broken, what is left in the
kernel when it ends."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from chance import Chance
from netlab import MODE, Lab, NETPOLCTL, NETPOLD, TESTS, run, wait_for
from report import test, finish, equal, seed

SEED = seed()
A, B = "10.244.1.10", "10.244.1.11"


def deny(name, selector=None):
    return (f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: default}}\n"
            f"spec: {{podSelector: {{matchLabels: {{pod: {selector or name}}}}}}}\n")


def table(lab):
    return lab.in_node("nft", "list", "table", "inet", "netpol", check=False).stdout


def isolated(lab):
    """Which of A and B are isolated: those in the ingress map."""
    text = lab.in_node("nft", "list", "map", "inet", "netpol", "ingress4", check=False).stdout
    return {a for a in (A, B) if f"{a} : goto" in text}


def wait_for_isolated(lab, wanted, what):
    wait_for(lambda: isolated(lab) == set(wanted), 60, f"the isolated addresses to be {sorted(wanted)}: {what}")


def is_stable(lab):
    """Whether the table stays the same for a while."""
    before = lab.listing()
    time.sleep(0.3)
    return lab.listing() == before


def new_lab(start=True, conf=""):
    """A lab whose inventory has pods a and b. They have no namespaces: only the kernel's table is checked."""
    lab = Lab(MODE, conf)
    from netlab import Pod
    for name, address in (("a", A), ("b", B)):
        lab.pods[f"default/{name}"] = Pod("default", name, [address], {"pod": name})
    lab.write_inventory()
    if start:
        lab.start()
    return lab


def notices_files():
    """service: a policy file that is renamed in, written in place, deleted or renamed away is noticed"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a file was renamed in")
        with open(f"{lab.policies}/b.yaml", "w") as f:
            f.write(deny("b"))
        wait_for_isolated(lab, [A, B], "a file was written in place")
        with open(f"{lab.policies}/b.yaml", "w") as f:
            f.write(deny("b", "nobody"))
        wait_for_isolated(lab, [A], "a file was rewritten in place")
        os.unlink(f"{lab.policies}/a.yaml")
        wait_for_isolated(lab, [], "a file was deleted")
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a deleted file was written again")
        os.rename(f"{lab.policies}/a.yaml", f"{lab.policies}/a.yaml.off")
        wait_for_isolated(lab, [], "a file was renamed to a name that is not read")
        os.rename(f"{lab.policies}/a.yaml.off", f"{lab.policies}/.hidden.yaml")
        time.sleep(0.2)
        equal(isolated(lab), set(), "isolated addresses with a hidden file, which is not read")


def slow_writer():
    """service: half a file is not taken while a writer has it open"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "the first version")
        with open(f"{lab.policies}/a.yaml", "r+") as f:
            f.truncate(0)
            f.write(deny("x", "nobody"))
            f.flush()
            lab.write_policy_file("b.yaml", deny("b"))  # this file is complete
            wait_for_isolated(lab, [A, B], "another file was written meanwhile")
            f.write("---\n" + deny("a"))
        wait_for(lambda: lab.status()["counts"]["policies"] == 3, 60, "the whole file to be read")
        equal(isolated(lab), {A, B}, "isolated addresses with the whole file")
        with open(f"{lab.policies}/new.yaml", "w") as f:
            f.write(deny("one", "nobody"))
            f.flush()
            time.sleep(0.3)
            equal(lab.status()["counts"]["policies"], 3, "the number of policies while half of a new file is written")
            f.write("---\n" + deny("two", "nobody"))
        wait_for(lambda: lab.status()["counts"]["policies"] == 5, 60, "the whole new file to be read")


def directories():
    """service: a directory that is missing, is created, is renamed away and is replaced"""
    with new_lab(start=False) as lab:
        shutil.rmtree(lab.policies)
        shutil.rmtree(lab.inventory)
        lab.daemon_log = open(os.path.join(lab.dir, "netpold.log"), "w+")
        lab.daemon = subprocess.Popen(["ip", "netns", "exec", lab.node, NETPOLD, "-c", lab.conf],
                                      stderr=lab.daemon_log)
        wait_for(lambda: "cannot be read" in lab.why(), 60,
                 "the status to be unhealthy without directories")
        os.mkdir(lab.inventory, 0o755)
        lab.write_inventory()
        os.mkdir(lab.policies, 0o755)
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "the directories were created")
        wait_for(lambda: lab.status()["health"] == "ok", 60, "the status to be ok")
        os.rename(lab.policies, lab.policies + ".old")
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the error about the missing directory")
        equal(isolated(lab), {A}, "isolated addresses while the directory is missing: as before")
        os.mkdir(lab.policies + ".new", 0o755)
        with open(f"{lab.policies}.new/b.yaml", "w") as f:
            f.write(deny("b"))
        os.rename(lab.policies + ".new", lab.policies)
        wait_for_isolated(lab, [B], "the directory was replaced")
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A, B], "a file was written to the new directory")


def wait_for_diagnostic(lab, words):
    wait_for(lambda: words in "".join(lab.status().get("diagnostics", [])), 60, f"the diagnostic: {words}")


class TwoOfEach:
    """A lab whose netpold reads two directories of policies and two of the inventory. The second ones are on a tmpfs,
    with pod b; the first inventory has pod a."""

    def __enter__(self):
        self.tmpfs = tempfile.TemporaryDirectory(prefix="netpol-two-", dir="/dev/shm")
        os.chmod(self.tmpfs.name, 0o755)
        self.policies, self.inventory = f"{self.tmpfs.name}/policies", f"{self.tmpfs.name}/inventory"
        self.lab = new_lab(start=False)
        os.mkdir(self.policies)
        os.mkdir(self.inventory)
        self.write_pods()
        self.lab.set(policies=[self.lab.policies, self.policies], inventory=[self.lab.inventory, self.inventory])
        self.lab.start()
        return self

    def __exit__(self, *error):
        self.lab.__exit__(*error)
        self.tmpfs.cleanup()

    def write_pods(self):
        """Pod a is in the first inventory, pod b in the second."""
        lab, pods = self.lab, self.lab.pods
        lab.pods = {"default/a": pods["default/a"]}
        lab.write_inventory()
        lab.pods = pods
        lab.put(f"{self.inventory}/b.json", json.dumps(
            {"apiVersion": "v1", "kind": "PodList", "items": [pods["default/b"].manifest()]}))


def lists_of_directories():
    """service: two directories of each kind are read as one; what both define, what is broken in one, and reloads"""
    with TwoOfEach() as two:
        lab = two.lab
        lab.write_policy_file("a.yaml", deny("a"))
        lab.put(f"{two.policies}/b.yaml", deny("b"))
        wait_for_isolated(lab, [A, B], "a policy and a pod in each directory")
        equal(lab.status()["directories"][:4], [lab.policies, two.policies, lab.inventory, two.inventory],
              "the directories")
        equal("answered from what netpold" in lab.ctl("matrix", "80").stderr, True, "netpolctl reads the same ones")
        files = lab.ctl("--files", *FROM_OUTSIDE)
        equal(files.returncode, 1, f"{files.stdout} {files.stderr}")

        lab.put(f"{two.policies}/again.yaml", deny("a"))
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the policy that is defined twice")
        wait_for_diagnostic(lab, f"{two.policies}/again.yaml:")
        equal(isolated(lab), {A, B}, "isolated addresses with the duplicate")
        os.unlink(f"{two.policies}/again.yaml")
        wait_for(lambda: lab.status()["errors"] == 0, 60, "no duplicate")

        os.mkdir(f"{two.inventory}/.alive")
        for folder, promise in ((two.inventory, "mirror"), (lab.inventory, "export")):
            os.makedirs(f"{folder}/.alive", exist_ok=True)
            lab.put(f"{folder}/.alive/{promise}", "1")
            os.utime(f"{folder}/.alive/{promise}", (0, 0))
            lab.put(f"{folder}/.alive/../touch.yaml", "# makes netpold look\n")
            wait_for_diagnostic(lab, f"{folder}/.alive/{promise}")
        shutil.rmtree(f"{two.inventory}/.alive")
        shutil.rmtree(f"{lab.inventory}/.alive")

        os.rename(two.policies, two.policies + ".away")
        wait_for(lambda: lab.status()["health"] == "unhealthy", 60, "a missing directory")
        equal((f"{two.policies} cannot be read" in lab.why(), isolated(lab)), (True, {A, B}), lab.why())
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        wait_for_isolated(lab, [B], "the other directory goes on")
        os.rename(two.policies + ".away", two.policies)
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A, B], "it is back")

        lab.set(policies=[lab.policies], inventory=[two.inventory, lab.inventory])
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for_isolated(lab, [A], "a reload without the second policies")
        lab.set(policies=[])
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "must have at least one directory" in lab.log(), 60, "an empty list to be refused")
        lab.set(policies=[two.policies, lab.policies])
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for_isolated(lab, [A, B], "a reload with all, in another order")


def reboot_empties_directories():
    """service: what was in directories on a tmpfs stays in force after a reboot until it is written, or they are complete"""
    with TwoOfEach() as two:
        lab = two.lab
        lab.put(f"{two.policies}/a.yaml", deny("a"))
        lab.put(f"{two.policies}/b.yaml", deny("b"))
        wait_for_isolated(lab, [A, B], "two policies on the tmpfs")
        saved = lab.saved_folder("policies", two.policies)
        wait_for(lambda: all(os.path.exists(f"{saved}/{name}") for name in ("a.yaml", "b.yaml")), 60,
                 "the state to be saved")
        for name in os.listdir(two.policies):
            os.unlink(f"{two.policies}/{name}")
        os.unlink(f"{two.inventory}/b.json")
        lab.stop(signal.SIGKILL)
        lab.reboot()
        lab.start()
        equal(isolated(lab), {A, B}, "isolated addresses after a reboot")
        wait_for_diagnostic(lab, f"{two.policies}/a.yaml: warning: not written since this machine started")
        two.write_pods()
        lab.put(f"{two.policies}/b.yaml", deny("b"))
        wait_for(lambda: "a.yaml" in lab.why() and "b.yaml" not in lab.why(), 60, "b.yaml to be written again")
        equal(isolated(lab), {A, B}, "isolated addresses while a.yaml is missing")
        with open(f"{two.policies}/.complete", "w"):
            pass
        wait_for_isolated(lab, [B], "the directory is complete without a.yaml")
        wait_for(lambda: "not written since" not in lab.why(), 60, "nothing to be restored any more")


def shell_block(document, words):
    """The block of commands of a document that contains the words."""
    with open(os.path.join(os.path.dirname(TESTS), "docs", document)) as f:
        blocks = f.read().split("```")[1::2]
    return next(b for b in blocks if words in b)


def other_engines():
    """service: chains that another engine left are named in the status, and the commands of the documentation remove them"""
    with new_lab() as lab:
        for command in ("ipset create KUBE-SRC-ABCDEF hash:ip", "iptables -N KUBE-NWPLCY-ABCDEF",
                        "iptables -N KUBE-ROUTER-FORWARD", "iptables -A FORWARD -j KUBE-ROUTER-FORWARD",
                        "iptables -A KUBE-ROUTER-FORWARD -m set --match-set KUBE-SRC-ABCDEF src -j KUBE-NWPLCY-ABCDEF",
                        "iptables -A KUBE-NWPLCY-ABCDEF -j REJECT", "iptables -N KUBE-SERVICES", "ip6tables -N cali-FORWARD",
                        "ip6tables -A FORWARD -j cali-FORWARD"):
            lab.in_node(*command.split())
        lab.stop()
        lab.start(WATCHDOG_USEC="1000000")
        wait_for_diagnostic(lab, "table ip filter: warning: chains of another policy engine, kube-router (KUBE-")
        wait_for_diagnostic(lab, "table ip6 filter: warning: chains of another policy engine, Calico (cali-FORWARD)")
        equal((lab.status()["health"], "and 1 more" in lab.why()), ("degraded", True), lab.why())
        lab.in_node("sh", "-ec", shell_block("cluster.md", "ipset destroy"))
        wait_for(lambda: "another policy engine" not in lab.why(), 60, "the status without them")
        equal(lab.in_node("ipset", "list", "-n").stdout, "", "sets that are left")
        equal("KUBE-SERVICES" in lab.in_node("iptables-save").stdout, True, "kube-proxy's chains stay")


def config_map():
    """service: a ConfigMap's update, which swaps the symlink ..data, is noticed"""
    with new_lab() as lab:
        def swap(version, text):
            os.mkdir(f"{lab.policies}/..v{version}", 0o755)
            with open(f"{lab.policies}/..v{version}/p.yaml", "w") as f:
                f.write(text)
            os.symlink(f"..v{version}", f"{lab.policies}/..data_tmp")
            os.rename(f"{lab.policies}/..data_tmp", f"{lab.policies}/..data")

        swap(1, deny("a"))
        os.symlink("..data/p.yaml", f"{lab.policies}/p.yaml")
        wait_for_isolated(lab, [A], "the first version is mounted")
        swap(2, deny("b"))
        wait_for_isolated(lab, [B], "the symlink was swapped")


def bad_files():
    """service: a broken file keeps its last good version in force; other files are read as usual"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a good file")
        bad = ["not: [closed", deny("a").replace("podSelector", "podSelectr"), "\0\1\2", deny("a") + "---\nkind: 7\n",
               deny("x", "nobody") + "---\n" + deny("x", "nobody")]
        for i, text in enumerate(bad):
            lab.write_policy_file("a.yaml", text)
            wait_for(lambda: lab.status()["errors"] > 0, 60, f"the error about {text!r}")
            lab.write_policy_file("b.yaml", deny("b") if i % 2 else deny("b", "nobody"))
            wait_for_isolated(lab, [A, B] if i % 2 else [A], f"the other file changed, while one is {text!r}")
            wait_for(lambda: any("b.yaml" in f["file"] for f in lab.status()["files"]), 60, "b.yaml in the status")
            state = {os.path.basename(f["file"]): f["state"] for f in lab.status()["files"]}
            equal((state["a.yaml"], state["b.yaml"]), ("last good version in force", "in force"),
                  "the files' states")
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        wait_for_isolated(lab, [], "the broken file was repaired")
        wait_for(lambda: lab.status()["errors"] == 0, 60, "the error to go away")


def unexpected_files():
    """service: a FIFO, a directory, a link out of the directory, a file that everybody may write, 100 MB: errors"""
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
        wait_for_isolated(lab, [A], "a good file among the unexpected ones")
        wait_for(lambda: lab.status()["errors"] == 7, 60, f"seven errors, not {lab.status()['errors']}")
        text = "\n".join(lab.status()["diagnostics"])
        for words in ("not a regular file", "a directory", "leads out", "world-writable", "16 MiB"):
            equal(words in text, True, f"the diagnostics contain {words!r}: {text}")
        os.chmod(f"{lab.policies}/open.yaml", 0o644)
        wait_for_isolated(lab, [A, B], "the file's permissions were corrected")
        os.chmod(lab.policies, 0o777)
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        wait_for(lambda: "this directory is world-writable" in str(lab.status()["diagnostics"]), 60,
                 "the error about the directory's permissions")
        equal(isolated(lab), {A, B}, "isolated addresses while everybody may write to the directory: as before")


def conflicts():
    """service: of two files with the same policy the newer is an error; a deleted cidr_set stays while it is used"""
    with new_lab() as lab:
        lab.write_policy_file("m.yaml", deny("a"))
        wait_for_isolated(lab, [A], "the first file")
        lab.write_policy_file("b.yaml", deny("a", "b"))  # the same policy name, in a file that sorts first
        wait_for(lambda: "defined twice" in str(lab.status()["diagnostics"]), 60, "the error about the second file")
        equal(isolated(lab), {A}, "isolated addresses: the first file stays in force")
        os.unlink(f"{lab.policies}/m.yaml")
        wait_for_isolated(lab, [B], "the first file was deleted")
        lab.write_policy_file("sets.conf", 'cidr_sets = ( { name = "s"; cidrs = [ "192.0.2.0/24" ]; } );')
        lab.write_policy_file("use.conf", 'policies = ( { name = "u"; pods = "pod=a"; ingress = '
                              '( { from = ( { cidr_set = "s"; } ); } ); } );')
        wait_for_isolated(lab, [A, B], "a policy uses a cidr_set of another file")
        os.unlink(f"{lab.policies}/sets.conf")
        wait_for(lambda: "not defined any more" in str(lab.status()["diagnostics"]), 60,
                 "the error about the deleted cidr_set")
        equal("192.0.2.0/24" in table(lab), True, "the cidr_set's last definition stays in force")


def told_state(lab, name):
    return {os.path.basename(f["file"]): f["state"] for f in lab.status()["files"]}.get(name)


def set_withdraw_ms(lab, milliseconds):
    lab.set(withdraw_ms=milliseconds)
    lab.daemon.send_signal(signal.SIGHUP)


def deleted_files():
    """service: what a deleted file said stays for withdraw_ms; what takes its place counts at once"""
    withdrawn, kept = "deleted, in force until withdraw_ms has passed", lambda: os.listdir(lab.saved_folder("policies"))
    with new_lab(conf="withdraw_ms = 60000;\n") as lab:
        lab.write_policy_file("a.yaml", deny("a") + "---\n" + deny("more", "nobody"))
        wait_for_isolated(lab, [A], "good")
        wait_for(lab.is_saved, 60, "the saving")
        os.unlink(f"{lab.policies}/a.yaml")
        wait_for(lambda: told_state(lab, "a.yaml") == withdrawn, 60, "the state of the file")
        equal(withdrawn in lab.ctl("status").stdout, True, "netpolctl")
        lab.write_policy_file("z.yaml", deny("a", "b"))
        wait_for_isolated(lab, [B], "of the same name, from another file")
        lab.write_policy_file("y.yaml", deny("b", "a"))
        wait_for_isolated(lab, [A, B], "another")
        wait_for(lambda: told_state(lab, "y.yaml") == "in force", 60, "the status")
        equal((lab.status()["counts"]["policies"], lab.status()["errors"]), (3, 0), "the deleted file's other policy")
        equal("a.yaml" in kept(), True, "the saved copy")
        lab.pods["default/c"] = lab.pods.pop("default/a")
        lab.pods["default/c"].name, lab.pods["default/c"].labels = "c", {"pod": "c"}
        lab.write_inventory("new.json")
        os.unlink(f"{lab.inventory}/pods.json")
        wait_for_isolated(lab, [B], "the address belongs to the new pod")
        wait_for(lambda: told_state(lab, "pods.json") == withdrawn, 60, "the inventory's state")
        os.unlink(f"{lab.inventory}/new.json")
        wait_for(lambda: told_state(lab, "new.json") == withdrawn, 60, "the inventory's state")
        equal((isolated(lab), lab.status()["errors"], lab.status()["warnings"]), ({B}, 0, 0),
              "isolated addresses, errors and warnings without any inventory")
        set_withdraw_ms(lab, 0)
        wait_for_isolated(lab, [], "by a reload")
        wait_for(lambda: told_state(lab, "a.yaml") is None, 60, "that it is forgotten")
        equal(lab.status()["counts"]["policies"], 2)
        wait_for(lambda: "a.yaml" not in kept(), 60, "that the saved copy is removed")
        set_withdraw_ms(lab, 300)
        lab.pods["default/c"].labels = {"pod": "a"}
        lab.write_inventory()
        wait_for_isolated(lab, [A, B], "back")
        os.unlink(f"{lab.policies}/z.yaml")
        wait_for_isolated(lab, [A], "by itself")
        os.rename(lab.policies, lab.policies + ".away")
        os.unlink(f"{lab.inventory}/pods.json")
        wait_for_isolated(lab, [], "beside a directory that is away")


def failed_export():
    """service: an inventory that is an error page, empty or truncated is an error, and its last good version stays"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a good inventory")
        good = open(f"{lab.inventory}/pods.json").read()
        for text in ("", "Unauthorized", good[:-30], '{"kind":"Status"}'):
            lab.put(f"{lab.inventory}/pods.json", text)
            wait_for(lambda: lab.status()["errors"] > 0, 60, f"the error about {text[:20]!r}")
            equal((isolated(lab), lab.status()["counts"]["pods"]), ({A}, 2),
                  f"isolated addresses and number of pods with the inventory {text[:20]!r}")
            lab.put(f"{lab.inventory}/pods.json", good)
            wait_for(lambda: lab.status()["errors"] == 0, 60, "the error to go away")


def failed_policies():
    """service: what a failed export or write leaves in a policy file is an error; comments alone are an empty file"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "with a good policy")
        object_of = "apiVersion: %s\nkind: %s\nmetadata: {name: x}\nspec: {podSelector: {}}\n"
        for text in ("", " \n", "null\n", "---\n", "apiVersion: v1\nkind: Status\nmessage: Unauthorized\n",
                     "apiVersion: meta.k8s.io/v1\nkind: Table\nrows: []\n",
                     "apiVersion: v1\nkind: PodList\nitems: []\n",
                     "apiVersion: v1\nkind: List\n", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\n",
                     "apiVersion: v1\nkind: List\nmetadata: {continue: x}\nitems: []\n",
                     object_of % ("networking.k8s.io/v1", "Networkpolicy"),
                     object_of % ("networking.k8s.io/v1beta1", "NetworkPolicy")):
            lab.write_policy_file("a.yaml", text)
            wait_for(lambda: lab.status()["errors"] == 1, 60, f"the error about {text!r}")
            equal((isolated(lab), lab.status()["counts"]["policies"]), ({A}, 1),
                  f"isolated addresses and number of policies with the file {text!r}")
            lab.write_policy_file("a.yaml", deny("a"))
            wait_for(lambda: lab.status()["errors"] == 0, 60, f"the error about {text!r} to go away")
        lab.write_policy_file("a.yaml", "# none\n")
        wait_for_isolated(lab, [], "with comments alone")
        equal(lab.status()["errors"], 0, "errors with comments alone")


def ignored_names():
    """service: a name that is not read gets a warning, as long as it is there"""
    with new_lab() as lab:
        def warned(name):
            return any(f"{name}: warning: " in text for text in lab.status()["diagnostics"])

        os.mkdir(f"{lab.policies}/more")
        lab.put(f"{lab.policies}/a.yaml~", "an editor's")
        lab.put(f"{lab.policies}/a.YAML", deny("a"))
        wait_for(lambda: warned("more") and warned("a.YAML"), 60, "the warnings about both names")
        equal((warned("a.yaml~"), isolated(lab)), (False, set()), "a warning about a.yaml~, and isolated addresses")
        os.rename(f"{lab.policies}/a.YAML", f"{lab.policies}/a.yaml")
        wait_for_isolated(lab, [A], "after the renaming that the hint asks for")
        wait_for(lambda: not warned("a.YAML"), 60, "the warning about a.YAML to go away")
        equal(warned("more"), True, "a warning about more")
        os.rmdir(f"{lab.policies}/more")
        wait_for(lambda: not warned("more"), 60, "the warning to go away")


def emptied():
    """service: an empty list, as a failed kubectl prints it, removes no policies or pods; deleting the file does"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "before a list is empty")
        pods, policies = f"{lab.inventory}/pods.json", f"{lab.policies}/a.yaml"
        good = open(pods).read()
        static = json.loads(good)
        static["items"] = [{"kind": "Pod", "metadata": {"name": "etcd", "namespace": "kube-system", "annotations":
                            {"kubernetes.io/config.source": "file"}}, "status": {"phase": "Running"}}]
        empty = '{"apiVersion": "v1", "kind": "%s", "metadata": {"resourceVersion": ""}, "items": []}'
        for path, text in ((pods, empty % "PodList"), (pods, empty % "List"), (pods, json.dumps(static)),
                           (policies, good.replace("Namespace", "Service")), (policies, empty % "List")):
            lab.put(path, text)
            wait_for(lambda: lab.status()["errors"] == 1 and path in lab.why(), 60, f"the error about {text}")
            error = next(d for d in lab.status()["diagnostics"] if "error" in d)
            equal((isolated(lab), lab.status()["counts"]["pods"], error.startswith(f"{path}:1:"),
                   "delete the file" in error), ({A}, 2, True, True),
                  f"isolated addresses, number of pods, whether the error has a place and the hint, with {text}")
            lab.put(path, good if path == pods else deny("a"))
            wait_for(lambda: lab.status()["errors"] == 0, 60, "the error to go away")
        lab.put(policies, empty % "List")
        lab.put(pods, empty % "List")
        wait_for(lambda: lab.status()["errors"] == 2, 60, "the errors about both empty files")
        lab.stop()
        lab.start()
        wait_for(lambda: lab.status()["errors"] == 2, 60, "the errors about both empty files, after a restart")
        equal((isolated(lab), lab.status()["counts"]["pods"], lab.status()["counts"]["policies"]), ({A}, 2, 1),
              "isolated addresses, numbers of pods and policies after a restart")
        os.unlink(policies)
        wait_for_isolated(lab, [], "the policy file was deleted")


def overflow():
    """service: after an overflow of the inotify queue no change is lost"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "before the overflow")
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
        wait_for_isolated(lab, [B], "after the overflow")


def burst():
    """service: a burst of files is applied by few changes"""
    with new_lab(conf="settle_ms = 2000;\n") as lab:
        before = lab.status()["generation"]
        for i in range(100):
            lab.write_policy_file(f"p{i}.yaml", deny(f"p{i}", "a" if i % 2 else "b"))
        wait_for_isolated(lab, [A, B], "all files were written")
        wait_for(lambda: lab.status()["counts"]["policies"] == 100, 60, "100 policies in the status")
        equal(lab.status()["generation"] - before <= 3, True, "100 files take at most three changes")
        wait_for(lab.is_saved, 60, "the state to be saved, after which the status does not change")
        answer = lab.ctl("status")
        equal((answer.returncode, answer.stdout.startswith("ok\nprocess"), "{" in answer.stdout), (0, True, False),
              "netpolctl status: exit status, whether it is ok, whether it is JSON")
        status = json.loads(lab.ctl("-o", "json", "status").stdout)
        equal({**status, "checked_at": ""}, {**lab.status(), "checked_at": ""}, "netpolctl -o json status")


FROM_OUTSIDE = ("explain", "203.0.113.9", "default/a", "80")


def answers_in_force():
    """answers: explain, matrix and ruleset are of what netpold has in force, and say which files say something else"""
    with new_lab() as lab:
        def answers(verdict, *words, options=()):
            explained = lab.ctl(*options, *FROM_OUTSIDE)
            matrix = lab.ctl("-o", "json", *options, "matrix", "80")
            ruleset = lab.ctl(*options, "ruleset")
            rows = {"deny": ["..", "X."], "allow": ["..", ".."]}[verdict]
            equal([explained.stdout.split(" ")[0], json.loads(matrix.stdout)["rows"], f"{A} : goto" in ruleset.stdout],
                  [verdict, rows, verdict == "deny"], f"explain, matrix, ruleset; {explained.stderr}")
            for told in (explained.stderr, matrix.stderr, ruleset.stderr):
                equal([w for w in words if w not in told], [], f"what is missing in: {told}")
            return explained.stderr

        in_force = f"netpolctl: answered from what netpold, process {lab.daemon.pid}, has in force"
        policy, inventory = f"{lab.policies}/a.yaml", f"{lab.inventory}/pods.json"
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a good file")
        wait_for(lab.is_saved, 60, "the state to be saved")
        told = [line for line in answers("deny").splitlines() if line.startswith("netpolctl:")]
        equal(told, [in_force], "on standard error, when the files are in force as they are")
        lab.write_policy_file("a.yaml", "kind: [\n")
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the broken file")
        answers("deny", f"{in_force}; the files say something else:\n  {policy}: its last good version\n")
        equal("netpolctl:" in answers("allow", options=("--files",)), False, "--files names the version")
        lab.write_policy_file("a.yaml", '{"apiVersion": "v1", "kind": "List", "items": []}')
        wait_for(lambda: "empty" in lab.why(), 60, "the emptied file")
        answers("deny", f"  {policy}: its last good version\n")
        lab.write_policy_file("a.yaml", deny("b"))
        wait_for_isolated(lab, [B], "a good file")
        lab.write_policy_file("b.yaml", deny("a"))
        wait_for_isolated(lab, [A, B], "another good file")
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the file that is in conflict with another")
        told = lab.ctl(*FROM_OUTSIDE)
        equal((told.stdout.split(" ")[0], "b.yaml: its last good version\n" in told.stderr), ("deny", True),
              told.stderr)
        os.unlink(f"{lab.policies}/b.yaml")
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "one good file")
        lab.put(inventory, "<html>")
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the broken inventory")
        answers("deny", f"  {inventory}: its last good version\n")
        os.rename(lab.inventory, lab.inventory + ".away")
        wait_for(lambda: lab.status()["health"] == "unhealthy", 60, "the missing inventory")
        answers("deny", f"  {inventory}: its saved version, there is no file to read\n",
                f"netpolctl: netpold is unhealthy, the kernel may have something else in force: {lab.inventory}")


def answers_without_netpold():
    """answers: without netpold, without its state, or for other directories they are of the files, and say so"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.write_policy_file("a.yaml", "kind: [\n")
        wait_for(lambda: lab.status()["errors"] == 1, 60, "the broken file")
        files = "netpolctl: answered from the files alone: "
        left_out = f"  {lab.policies}/a.yaml: left out, it has an error"

        def ask(**who):
            return run(f"{lab.dir}/netpolctl", "-c", lab.conf, *FROM_OUTSIDE, check=False, **who)

        def answers(why, **who):
            told = ask(**who)
            equal((told.stdout.split(" ")[0], [w for w in (files + why, left_out) if w not in told.stderr]),
                  ("allow", []), told.stderr)

        shutil.copy(NETPOLCTL, lab.dir)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        for path in (lab.dir, lab.runtime):
            os.chmod(path, 0o755)
        saved = lab.saved_folder("policies")
        os.chmod(saved, 0o700)
        answers(f"{saved}: Permission denied (only root may read it); but for:\n", **nobody)
        os.chmod(saved, 0o755)
        told = ask(**nobody)
        equal(told.stdout.split(" ")[0], "deny", f"anybody who may read the state is answered from it: {told.stderr}")
        shutil.copytree(lab.policies, f"{lab.dir}/other")
        told = lab.ctl("--policies", f"{lab.dir}/other", *FROM_OUTSIDE)
        equal((told.stdout.split(" ")[0], "reads other directories than these" in told.stderr), ("allow", True),
              told.stderr)
        lab.stop(signal.SIGKILL)
        answers("netpold does not run; but for:\n")
        os.unlink(f"{lab.runtime}/status.json")
        answers("netpold does not run; but for:\n")


def status_answers():
    """status: ok, degraded, unhealthy and not running, each with its exit status and its first reason"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a good file")
        wait_for(lambda: lab.is_saved(), 60, "the state to be saved")

        def answers(status, *words):
            answer, as_json = lab.ctl("status"), lab.ctl("-o", "json", "status")
            first = answer.stdout.splitlines()[0] if answer.stdout else ""
            return ((answer.returncode, as_json.returncode) == (status, status)
                    and all(w in first for w in words) and json.loads(as_json.stdout)["health"] == words[0])

        equal(answers(0, "ok"), True, f"netpolctl status is ok: {lab.ctl('status').stdout}")
        lab.write_policy_file("b.yaml", "kind: NetworkPolicy\n")
        wait_for(lambda: answers(3, "degraded", "b.yaml:1:1: error: apiVersion"), 60, "degraded: a broken file")
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for(lambda: answers(0, "ok"), 60, "ok: the file is repaired")
        pods = open(f"{lab.inventory}/pods.json").read()
        lab.put(f"{lab.inventory}/pods.json", pods.replace('"node-1"', '"node-2"'))
        wait_for(lambda: answers(3, "degraded", 'no pod of the inventory runs on node "node-1"'), 60,
                 "degraded: the pods of another node")
        lab.put(f"{lab.inventory}/pods.json", pods)
        wait_for(lambda: answers(0, "ok"), 60, "ok: the pods of this node")
        lab.write_policy_file("a.yaml", deny("a", "nobody"))
        lab.write_policy_file("b.yaml", deny("b", "nobody"))
        wait_for(lambda: answers(3, "degraded", "2 policies are in force, but no pod of this node is isolated"), 60,
                 "degraded: no pod is isolated")
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for(lambda: answers(0, "ok"), 60, "ok: a pod is isolated")
        second = lab.apply(check=False)
        equal((second.returncode, f"another netpold (process {lab.daemon.pid})" in second.stderr), (1, True),
              f"a second netpold fails and names the first one: {second.stderr}")
        lab.stop(signal.SIGKILL)
        wait_for(lambda: answers(2, "not running", "stay"), 60, "not running: after a kill")
        equal(isolated(lab), {A}, "isolated addresses after a kill")
        lab.start()
        wait_for(lambda: answers(0, "ok"), 60, "ok: started again")
        os.rename(lab.policies, f"{lab.policies}.away")
        os.symlink("/nonexistent", lab.policies)
        wait_for(lambda: answers(1, "unhealthy", "conf.d cannot be read"), 60, "unhealthy: a missing directory")
        os.unlink(lab.policies)
        os.rename(f"{lab.policies}.away", lab.policies)
        wait_for(lambda: answers(0, "ok"), 60, "ok: the directory is back")


def stopped_feed():
    """status: a feed that stops touching its file in .alive is a reason, until it does so again"""
    with new_lab(start=False) as lab:
        os.mkdir(f"{lab.inventory}/.alive")
        with open(f"{lab.inventory}/.alive/kubelet", "w") as f:
            f.write("1000\n")
        lab.write_policy_file("a.yaml", deny("a"))
        lab.start(WATCHDOG_USEC="2000000")  # a health check each second
        wait_for(lambda: lab.status()["health"] == "ok" and lab.status()["counts"]["policies"] == 1, 60,
                 "a feed in time")
        os.utime(f.name, (time.time() - 2000,) * 2)
        wait_for(lambda: lab.status()["health"] == "degraded", 60, "the feed to be late")
        wanted = ".alive/kubelet: warning: the feed promised to touch this file every 1000 s, and has not since 20"
        equal(wanted in lab.why(), True, f"whether the reason names the feed: {lab.why()}")
        os.utime(f.name)
        wait_for(lambda: lab.status()["health"] == "ok", 60, "the feed to be in time again")
        with open(f.name, "w") as f:
            f.write("often\n")
        wait_for(lambda: "does not say how often" in lab.why(), 60, "the warning about the promise without a number")


def messages_once():
    """status: the journal has a standing message once, wherever its line moves, and again when it comes back"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a good policy file")
        broken = deny("b").replace("podSelector", "podSelectr")

        def count():
            return lab.log().count("podSelectr")

        def report_again(text):
            lab.write_policy_file("b.yaml", text)
            wait_for(lab.is_saved, 60, "the file to be in the status")

        for text in (broken, broken, "# a comment\n" + broken):
            report_again(text)
            lab.pods = dict(reversed(lab.pods.items()))
            lab.write_inventory()
            wait_for(lab.is_saved, 60, "the inventory to be in the status")
            equal(count(), 1, f"messages after {text!r}")
        report_again(deny("b"))
        report_again(broken)
        equal(count(), 2, "messages when the error is back")


def metrics():
    """status: netpol.prom follows promtool's rules: HELP and TYPE once, names of counters end in _total"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "a good file")
        text = open(os.path.join(lab.runtime, "netpol.prom")).read()
        types = dict(re.findall(r"^# TYPE (netpol_\w+) (counter|gauge|histogram)$", text, re.M))
        equal(sorted(types), sorted(re.findall(r"^# HELP (netpol_\w+) [A-Z].*\.$", text, re.M)),
              "the metrics with a TYPE, and those with a HELP")
        samples = re.findall(r"^(netpol_\w+)(?:\{.*\})? [0-9.e+-]+$", text, re.M)
        equal(len(samples) + 2 * len(types), len(text.splitlines()), "the number of lines")
        parts = {name + part: name for name, kind in types.items() if kind == "histogram"
                 for part in ("_bucket", "_sum", "_count")}
        equal({parts.get(name, name) for name in samples} - set(types), set(), "samples without a TYPE")
        # those of pods have none while there was nothing to count
        equal(set(types) - {parts.get(name, name) for name in samples},
              {f"netpol_{what}_{of}_total" for what in ("denied", "would_deny") for of in ("packets", "bytes")},
              "metrics without a sample")
        equal([n for n, t in types.items() if n.endswith("_total") != (t == "counter")], [],
              "counters without _total, and gauges with it")
        if shutil.which("promtool"):
            found = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
            equal((found.returncode, found.stdout + found.stderr), (0, ""), "promtool check metrics")


def signals():
    """service: SIGHUP reads new settings, a bad netpol.conf keeps the old ones; the table stays after SIGTERM"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "the first settings")
        wait_for(lab.is_up_to_date, 60, "the first settings in the status")
        first = lab.status()["generation"]
        lab.set(deny="drop")
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "goto refuse_in" not in table(lab) and "goto drop_in" in table(lab), 60,
                 'deny = "drop" to be in force')
        wait_for(lambda: lab.status()["generation"] > first, 60, 'deny = "drop" in the status')
        before = lab.status()["generation"]
        lab.set(enforce="all", service_cidrs=["10.96.0.0/12"])
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: lab.status()["generation"] == before + 1, 60, "the new generation in the status")
        wait_for(lambda: "service_cidrs is ignored" in lab.log(), 60, "the warning about an obsolete setting")
        equal("10.96.0.0/12" in table(lab), False, "service_cidrs is in the table")
        lab.set(deny="neither")
        lab.daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: "Unsupported value" in lab.log(), 60, "the error about the bad setting")
        equal("goto drop_" in table(lab), True, "the old settings stay in force")
        lab.stop()
        equal(isolated(lab), {A}, "isolated addresses after SIGTERM")


def set_host_name(lab, name):
    """In the UTS namespace of the test's own netpold."""
    run("nsenter", "-t", str(lab.daemon.pid), "--uts", "sh", "-c", f"echo {name} >/proc/sys/kernel/hostname")


def host_name():
    """service: a host name that is set after the start becomes the node's name, unless node or --node is set"""
    with_name = ("unshare", "--uts", "sh", "-c", 'echo localhost >/proc/sys/kernel/hostname; exec "$@"', "sh")
    with new_lab(start=False) as lab:
        lab.set(node=None)
        lab.write_policy_file("a.yaml", deny("a"))
        lab.start(under=with_name)
        equal((isolated(lab), lab.status()["node"], lab.status()["health"]), (set(), "localhost", "degraded"),
              "isolated addresses, node and health while the host has another name")
        set_host_name(lab, "Node-1")
        wait_for_isolated(lab, [A], "the host got its name")
        wait_for(lambda: (lab.status()["node"], lab.status()["health"]) == ("node-1", "ok"), 60,
                 "the status to have the node's name, and to be ok")
        set_host_name(lab, "node-2")
        wait_for_isolated(lab, [], "the host got another name")
        lab.stop()
        for node, options in (("node-1", ()), (None, ("--node", "node-1"))):
            lab.set(node=node, deny=None)
            lab.start(*options, under=with_name)
            wait_for_isolated(lab, [A], f"the node is set: {options or 'netpol.conf'}")
            lab.set(deny="drop")
            set_host_name(lab, "node-2")
            lab.write_policy_file("b.yaml", deny("b"))
            wait_for_isolated(lab, [A, B], "another name, and a new policy")
            equal((lab.status()["node"], "goto drop_" in table(lab)), ("node-1", False),
                  "node, and whether the settings were read again")
            lab.stop()
            os.unlink(f"{lab.policies}/b.yaml")


def adopts():
    """service: a restart adopts the existing table, applies changed files, and undoes changes of the table"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "before the restart")
        wait_for(lambda: "_next" not in table(lab), 60, "the change to be complete")
        lab.stop(signal.SIGKILL)
        handles = lab.in_node("nft", "-a", "list", "table", "inet", "netpol").stdout
        lab.start()
        equal(lab.in_node("nft", "-a", "list", "table", "inet", "netpol").stdout, handles, "the table and its handles")
        lab.stop()
        lab.write_policy_file("b.yaml", deny("b"))
        lab.start()
        wait_for_isolated(lab, [A, B], "a file was added while netpold was stopped")
        for names, wanted in ((("a.yaml", "b.yaml"), []), ((), [A, B])):  # the base chain looks up no empty map
            lab.stop()
            for name in names:
                os.unlink(os.path.join(lab.policies, name))
            if not names:
                lab.write_policy_file("a.yaml", deny("a"))
                lab.write_policy_file("b.yaml", deny("b"))
            lab.start()
            wait_for_isolated(lab, wanted, "files changed while netpold was stopped")
            equal(("vmap" in table(lab), "replacing" in lab.log()), (bool(wanted), False),
                  f"whether the maps are looked up, and whether the table was replaced: {lab.log()}")
        lab.stop()
        wanted = lab.listing()
        for command in TAMPERING:
            lab.in_node("nft", command)
            lab.start()
            equal(lab.listing(), wanted, f"the table after a start, after {command!r}")
            equal("guard" in lab.in_node("nft", "list", "tables").stdout, False, "a fallback table is left")
            lab.stop()


TAMPERING = ("add rule inet netpol forward accept", "insert rule inet netpol forward accept",
             "flush chain inet netpol input", "flush chain inet netpol forward; "
             "add rule inet netpol forward ct state established,related accept; "
             "add rule inet netpol forward ip saddr vmap @egress4", f"delete element inet netpol ingress4 {{ {A} }}",
             f"delete element inet netpol self4 {{ {A} . {A} }}", "add set inet netpol odd { type ipv4_addr; }",
             "delete table inet netpol", "flush ruleset", "flush table inet netpol",
             "flush chain inet netpol count_in", "add rule inet netpol count_in accept",
             "flush chain inet netpol refuse_in; flush chain inet netpol drop_in; "
             "flush chain inet netpol count_in; delete set inet netpol denied_in4", "add table inet netpol_guard")


def repairs():
    """service: changes of the table by others are undone; changes of other tables are ignored"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "before the changes")
        wait_for(lambda: is_stable(lab), 60, "the table to be stable")
        wanted = lab.listing()
        for command in TAMPERING[:-1]:  # notifications that arrive in two parts may cause two repairs
            before = lab.status()["repairs"]
            lab.in_node("nft", command)
            wait_for(lambda: lab.status()["repairs"] > before and lab.listing() == wanted, 60,
                     f"the repair after {command!r}")
        wait_for(lambda: is_stable(lab), 60, "the table to be stable after the last repair")
        before = lab.status()["repairs"]
        lab.in_node("nft", "add table inet other; add set inet other s { type ipv4_addr; }")
        lab.in_node("nft", "add table ip netpol")
        lab.in_node("nft", "flush table inet other")
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for_isolated(lab, [A, B], "a file changed after other tables did")
        equal(lab.status()["repairs"], before, "the number of repairs after changes of other tables")
        equal("table ip netpol" in lab.in_node("nft", "list", "tables").stdout, True, "the table ip netpol is left")


def over_budget():
    """service: a policy that comes over its namespace's budget isolates without its rules, and so does a fresh start"""
    everybody = ("ingress: [{from: [{namespaceSelector: {}, "
                 "podSelector: {matchExpressions: [{key: pod, operator: NotIn, values: [x]}]}}]}]")
    allow = deny("a").replace("}}}\n", "}}, " + everybody + "}\n")
    more = {"kind": "PodList", "items": [
        {"metadata": {"name": f"p{i}", "namespace": "other"}, "spec": {"nodeName": "elsewhere"},
         "status": {"phase": "Running", "podIP": f"10.244.2.{i}"}} for i in range(40)]}
    with new_lab(conf="namespace_elements = 30;\n") as lab:
        lab.write_policy_file("a.yaml", allow)
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for_isolated(lab, [A, B], "both policies")
        wait_for(lab.is_up_to_date, 60, "the last transaction of the change")
        before = lab.listing()
        equal("set pods4_" in "".join(before), True, "the policy has its rule")
        lab.put(f"{lab.inventory}/more.json", json.dumps(more))
        wait_for(lambda: "set pods4_" not in table(lab), 60, "the rule to be left out: 42 pods are selected")
        equal(isolated(lab), {A, B}, "isolated addresses")
        wait_for(lambda: f"{lab.policies}/a.yaml:1" in lab.why() and "over the budget" in lab.why(), 60, "the reason")
        over = lab.listing()
        lab.stop(signal.SIGKILL)
        lab.in_node("nft", "flush", "ruleset")
        shutil.rmtree(lab.state)
        lab.start()
        equal(lab.listing(), over, "the table of a fresh start")
        os.unlink(f"{lab.inventory}/more.json")
        wait_for(lambda: lab.listing() == before, 60, "the rule to be back when the pods have gone")
        wait_for(lambda: lab.status().get("health") == "ok", 60, "the status to be ok")


def last_good_survives_restart():
    """service: the last good version of a broken file and of a missing directory stays in force after a restart"""
    with new_lab() as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for_isolated(lab, [A, B], "two good files")
        wait_for(lab.is_saved, 60, "the state to be saved")
        lab.write_policy_file("a.yaml", "kind: [")
        os.unlink(f"{lab.policies}/b.yaml")
        wait_for_isolated(lab, [A], "one file is broken, the other one deleted")
        lab.stop(signal.SIGKILL)
        lab.in_node("nft", "delete", "table", "inet", "netpol")
        lab.start()
        equal(isolated(lab), {A}, "isolated addresses after a restart with a broken file")
        lab.stop()
        os.rename(lab.policies, lab.policies + ".away")
        os.rename(lab.inventory, lab.inventory + ".away")
        lab.in_node("nft", "delete", "table", "inet", "netpol")
        lab.start()
        equal(isolated(lab), {A}, "isolated addresses after a restart without directories")
        os.rename(lab.policies + ".away", lab.policies)
        os.rename(lab.inventory + ".away", lab.inventory)
        lab.write_policy_file("b.yaml", deny("b"))
        wait_for_isolated(lab, [A, B], "the directories are back")
        lab.stop()
        shutil.rmtree(lab.state)
        with open(lab.state, "w") as f:
            f.write("no directory")
        lab.start()
        wait_for(lambda: "cannot be saved here" in str(lab.status()["diagnostics"]), 60,
                 "the warning that the state directory cannot be used")
        equal(isolated(lab), {B}, "isolated addresses without a state directory: those of the good file")


def own_changes():
    """service: our own changes, of structure and of elements, are not taken for tampering"""
    with new_lab() as lab:
        for i in range(10):
            lab.write_policy_file("a.yaml", deny("a") + f"---\n{deny(f'b{i}', 'b') if i % 2 else ''}")
            wait_for(lab.is_up_to_date, 60, "the change to be applied")
        time.sleep(0.3)
        equal((lab.log().count("adopting"), lab.status()["repairs"]), (0, 0),
              f"how often the table was read back, and repaired: {lab.log()}")


def other_tables():
    """service: other tables are not changed"""
    with new_lab(start=False) as lab:
        other = "table inet firewalld {\n\tset big {\n\t\ttype ipv4_addr\n\t}\n\tchain forward {\n" \
                "\t\ttype filter hook forward priority filter + 10; policy drop;\n\t}\n}\n"
        lab.in_node("nft", "-f", "-", input=other)
        before = lab.in_node("nft", "list", "table", "inet", "firewalld").stdout
        lab.start()
        lab.write_policy_file("a.yaml", deny("a"))
        wait_for_isolated(lab, [A], "next to another table")
        equal(lab.in_node("nft", "list", "table", "inet", "firewalld").stdout, before, "the other table")


def once():
    """service: the exit status of --once says whether every file was good"""
    with new_lab(start=False) as lab:
        lab.write_policy_file("a.yaml", deny("a"))
        equal(lab.apply(check=False).returncode, 0, "exit status with a good file")
        lab.write_policy_file("b.yaml", "kind: [")
        equal(lab.apply(check=False).returncode, 1, "exit status with a broken file")
        equal(isolated(lab), {A}, "isolated addresses: the good file is applied")


def same_as_from_scratch():
    """service: after any sequence of edits the kernel's table equals one that is made from scratch"""
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
        wait_for(lambda: any("last.yaml" in f["file"] for f in lab.status()["files"]), 60,
                 "the last change in the status")
        wait_for(lambda: is_stable(lab), 60, "the table to be stable")
        found = lab.listing()
        lab.stop()
        lab.in_node("nft", "delete", "table", "inet", "netpol")
        lab.apply()
        equal(found, lab.listing(), "the table after the edits, and the one made from scratch")


for case in (notices_files, slow_writer, directories, lists_of_directories,
             reboot_empties_directories, other_engines, config_map, bad_files, unexpected_files, ignored_names, conflicts,
             deleted_files, failed_export, failed_policies, emptied, overflow, burst, answers_in_force,
             answers_without_netpold, status_answers, stopped_feed, messages_once, metrics, signals, host_name, adopts,
             repairs, over_budget, last_good_survives_restart, own_changes, other_tables, once, same_as_from_scratch):
    test(case)
finish()
