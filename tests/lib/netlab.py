# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab: a node and its pods as network namespaces, netpold in the node's namespace, and real packets.

A lab makes its namespaces (named np<pid>-...) and a temporary directory; close() removes them. The machine's own
network is not touched.
"""
import functools
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from inside import set_sysctls

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("NETPOL_BUILD", os.path.join(os.path.dirname(TESTS), "build"))
NETPOLD = os.path.join(BUILD, "netpold")
NETPOLCTL = os.path.join(BUILD, "netpolctl")
PROBE = os.path.join(BUILD, "tests", "probe")
MODE = os.environ.get("NETPOL_MODE", "routed")  # the mode of tests that work the same in every mode
NODE_ADDRESSES = ("192.168.50.1", "fd50::1")
GATEWAY_MAC = "02:ff:00:00:00:01"  # of the node's end of each veth pair, in mode "routed"
_serial = itertools.count()


class Skip(Exception):
    """Something that the test needs is missing; the text says what."""


class Pod:
    def __init__(self, namespace, name, addresses, labels=None, node="node-1", ports=(), **more):
        self.namespace, self.name, self.addresses = namespace, name, list(addresses)
        self.labels, self.node, self.ports = dict(labels or {}), node, list(ports)
        self.more = more
        self.netns = None

    @property
    def key(self):
        return f"{self.namespace}/{self.name}"

    def manifest(self):
        """The pod as kubelet's /pods returns it. self.ports: (name, number, protocol)."""
        status = {"phase": self.more.get("phase", "Running"), "hostIP": NODE_ADDRESSES[0],
                  "hostIPs": [{"ip": a} for a in NODE_ADDRESSES],
                  "startTime": self.more.get("started", "2026-01-01T00:00:00Z")}
        addresses = self.more.get("listed_addresses", self.addresses)
        if addresses:
            status["podIP"] = addresses[0]
            status["podIPs"] = [{"ip": a} for a in addresses]
        spec = {"nodeName": self.node, "containers": [{"name": "c", "ports": [
            {"name": n, "containerPort": p, "protocol": proto} for n, p, proto in self.ports]}]}
        if self.more.get("host_network"):
            spec["hostNetwork"] = True
        return {"apiVersion": "v1", "kind": "Pod",
                "metadata": dict({"name": self.name, "namespace": self.namespace, "labels": self.labels},
                                 **{k: self.more[k] for k in ("uid",) if k in self.more}),
                "spec": spec, "status": status}


def without_refused(block):
    """A listed object; without its elements if it is a set to which the kernel adds what was refused."""
    return re.sub(r"\n\t\telements = \{.*?\}", "", block, flags=re.S) if "flags dynamic" in block else block


def run(*command, check=True, **more):
    return subprocess.run(command, check=check, text=True, capture_output=True, **more)


class Lab:
    """mode "routed": a veth pair and a /32 for each pod; "bridged": the CNI bridge plugin, and br_netfilter passes
    bridged packets to the inet hooks; "tracked": the same bridge, filtered by a bridge table, which needs
    nf_conntrack_bridge."""

    BRIDGE = {"routed": "off", "bridged": "auto", "tracked": "conntrack"}

    def __init__(self, mode="routed", conf="", subnets=(("10.244.1.1", 24), ("fd00:244:1::1", 64)), node="node-1",
                 mirror=False):
        """subnets: the bridge's own addresses; mirror: netpold reads self.mirror, of netpol-mirror, too."""
        self.mode, self.subnets, self.node_name = mode, subnets, node
        if mode == "tracked" and not can_track_bridges():
            raise Skip("this kernel has no nf_conntrack_bridge, which a bridge table needs for established flows")
        if mode == "bridged" and not os.path.exists("/proc/sys/net/bridge/bridge-nf-call-iptables"):
            run("modprobe", "br_netfilter", check=False)
            if not os.path.exists("/proc/sys/net/bridge/bridge-nf-call-iptables"):
                raise Skip("this kernel has no br_netfilter: bridged packets do not pass the inet hooks")
        self.prefix = f"np{os.getpid()}-{next(_serial)}"
        self.dir = tempfile.mkdtemp(prefix="netpol-lab-")
        self.policies = os.path.join(self.dir, "conf.d")
        self.inventory = os.path.join(self.dir, "inventory")
        self.runtime = os.path.join(self.dir, "run")
        self.state = os.path.join(self.dir, "state")
        self.mirror = os.path.join(self.dir, "mirror")
        # that netpold reads: those of policies, then as many of the inventory
        self.directories = [self.policies, self.inventory]
        if mirror:
            self.directories = [self.policies, f"{self.mirror}/policies", self.inventory, f"{self.mirror}/inventory"]
        for path in (self.policies, self.inventory, self.runtime):
            os.mkdir(path, 0o755)
        self.conf = os.path.join(self.dir, "netpol.conf")
        with open(self.conf, "w") as f:
            f.write(f'node = "{node}";\n'
                    f'policies = {json.dumps(self.directories[:len(self.directories) // 2])};\n'
                    f'inventory = {json.dumps(self.directories[len(self.directories) // 2:])};\n'
                    f'runtime = "{self.runtime}";\n'
                    f'mirror = {{ directory = "{self.mirror}"; }};\n'
                    f'state = "{self.state}";\nbridge = "{self.BRIDGE[mode]}";\n{conf}')
        self.pods, self.namespaces, self.netns, self.daemon = {}, {}, [], None
        self._links = itertools.count(1)
        self.node = self._make_netns("node")
        self.in_node("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                     "net.ipv4.icmp_ratemask=0", "net.ipv6.icmp.ratemask=", "net.ipv6.icmp.ratelimit=0",
                     "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        if mode == "tracked":
            self.switch_br_netfilter(0)
        self._ip(self.node, [f"addr add {NODE_ADDRESSES[0]}/32 dev lo",
                             f"addr add {NODE_ADDRESSES[1]}/128 dev lo nodad"])

    # ---- namespaces ----
    def _make_netns(self, name):
        full = f"{self.prefix}-{name}"
        run("ip", "netns", "add", full)
        self.netns.append(full)
        set_sysctls(full, {f"net.ipv6.conf.{where}.{name}": 0 for name in ("accept_dad", "disable_ipv6")
                           for where in ("all", "default")})
        self._ip(full, ["link set lo up"])
        return full

    def inside(self, netns, *command, **more):
        return run("ip", "netns", "exec", netns, *command, **more)

    def inside_popen(self, netns, *command, **more):
        return subprocess.Popen(["ip", "netns", "exec", netns, *command], **more)

    def in_node(self, *command, **more):
        return self.inside(self.node, *command, **more)

    def _ip(self, netns, lines):
        run("ip", "-n", netns, "-b", "-", input="\n".join(lines) + "\n")

    def _wire_routed(self, netns, addresses):
        i = next(self._links)
        mac, gateway = f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", GATEWAY_MAC
        self._ip(self.node, [
            f"link add v{i} type veth peer name eth0 netns {netns}",
            f"link set v{i} address {gateway} addrgenmode none up"])
        inside = [f"link set eth0 address {mac} addrgenmode none up",
                  f"neigh add 169.254.1.1 lladdr {gateway} dev eth0 nud permanent",
                  f"neigh add fe80::1 lladdr {gateway} dev eth0 nud permanent"]
        outside = []
        for a in addresses:
            bits = 128 if ":" in a else 32
            inside.append(f"addr add {a}/{bits} dev eth0" + (" nodad" if ":" in a else ""))
            outside.append(f"route add {a}/{bits} dev v{i}")
            outside.append(f"neigh add {a} lladdr {mac} dev v{i} nud permanent")
        inside += ["route add 169.254.1.1 dev eth0 scope link",
                   "route add default via 169.254.1.1 dev eth0",
                   "route add default via fe80::1 dev eth0"]
        self._ip(netns, inside)
        self._ip(self.node, outside)

    def _wire_bridged(self, netns, addresses):
        gateways = {":" in g: g for g, _ in self.subnets}
        bits = {":" in g: n for g, n in self.subnets}
        config = {"cniVersion": "0.4.0", "name": "lab", "type": "bridge", "bridge": "cni0",
                  "isGateway": True, "hairpinMode": True, "ipam": {
                      "type": "static",
                      "addresses": [{"address": f"{a}/{bits[':' in a]}",
                                     "gateway": gateways[":" in a]} for a in addresses],
                      "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}
        environment = dict(os.environ, CNI_COMMAND="ADD", CNI_CONTAINERID=netns,
                           CNI_NETNS=f"/run/netns/{netns}", CNI_IFNAME="eth0",
                           CNI_PATH="/usr/lib/cni")
        result = self.in_node("/usr/lib/cni/bridge", input=json.dumps(config), env=environment,
                              check=False)
        if result.returncode:
            raise RuntimeError(f"CNI bridge plugin: {result.stdout} {result.stderr}")

    def mac_of(self, netns, device="eth0"):
        return json.loads(self.inside(netns, "ip", "-j", "link", "show", device).stdout)[0]["address"]

    def mac_towards(self, pod):
        """Of the next hop of another pod's frames for this one: the gateway, or on a bridge the pod itself."""
        return GATEWAY_MAC if self.mode == "routed" else self.mac_of(pod.netns)

    def switch_br_netfilter(self, value, names=("call-iptables", "call-ip6tables")):
        if os.path.exists("/proc/sys/net/bridge"):
            self.in_node("sysctl", "-qw", *[f"net.bridge.bridge-nf-{name}={value}" for name in names])

    # ---- the cluster ----
    def namespace(self, name, **labels):
        self.namespaces[name] = dict(labels)

    def pod(self, namespace, name, addresses, labels=None, **more):
        pod = Pod(namespace, name, addresses, labels, **more)
        pod.netns = self._make_netns(f"{namespace}.{name}")
        (self._wire_routed if self.mode == "routed" else self._wire_bridged)(pod.netns, addresses)
        self.pods[pod.key] = pod
        return pod

    def world(self, *addresses):
        """Makes a routed neighbour with addresses that belong to no pod; returns its network namespace."""
        netns = self._make_netns("world")
        self._wire_routed(netns, list(addresses))
        return netns

    def write_inventory(self, name="pods.json"):
        items = [{"apiVersion": "v1", "kind": "Namespace",
                  "metadata": {"name": n, "labels": {"kubernetes.io/metadata.name": n, **labels}}}
                 for n, labels in self.namespaces.items()]
        items += [p.manifest() for p in self.pods.values()]
        self.put(os.path.join(self.inventory, name), json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": items}))

    @staticmethod
    def put(path, text):
        """Writes a file atomically: a temp file, then rename."""
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def write_policies(self, policies, name="policies.json"):
        """Without policies the file is a comment: netpold takes an empty list for a failed kubectl."""
        self.put(os.path.join(self.policies, name), json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": policies}) if policies else "# no policies\n")

    def write_policy_file(self, name, text):
        self.put(os.path.join(self.policies, name), text)

    def set(self, **settings):
        """Sets settings in netpol.conf, a line for each; None takes the line away. netpold reads them when it starts,
        and at SIGHUP."""
        with open(self.conf) as f:
            text = f.read()
        for name, value in settings.items():
            line = f"{name} = {json.dumps(value)};\n" if value is not None else ""
            text, n = re.subn(rf"^{name} = .*\n", lambda _: line, text, flags=re.M)
            text += "" if n else line
        self.put(self.conf, text)

    # ---- netpold ----
    def apply(self, check=True):
        result = self.in_node(NETPOLD, "-c", self.conf, "--once", check=False)
        if check and result.returncode:
            raise RuntimeError(f"netpold --once: {result.stderr}")
        return result

    def start_without_waiting(self, *options, under=(), program=NETPOLD, **more):
        if os.path.exists(os.path.join(self.runtime, "status.json")):
            os.unlink(os.path.join(self.runtime, "status.json"))
        self.daemon_log = open(os.path.join(self.dir, "netpold.log"), "w+")
        environment = {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.node, *under, program, "-c", self.conf, *options],
            stderr=self.daemon_log, env=dict(environment, **more))

    def start(self, *options, under=(), **more):
        """Returns when the first ruleset is applied. under: a command that runs netpold, such as valgrind; more: its
        environment."""
        self.start_without_waiting(*options, under=under, **more)
        wait_for(lambda: self.daemon.poll() is not None or self.status().get("applied_at", "never") != "never",
                 120 if under else 60, "netpold to apply its first ruleset")
        if self.daemon.poll() is not None:
            raise RuntimeError(f"netpold ended: {self.log()}")

    def stop(self, sig=signal.SIGTERM):
        if self.daemon:
            self.daemon.send_signal(sig)
            status = self.daemon.wait(60)
            self.daemon = None
            if status not in (0, -sig):
                raise RuntimeError(f"netpold ended with status {status}: {self.log()[-6000:]}")

    def reboot(self):
        """Simulates a reboot while netpold runs: kills it, and deletes the kernel's tables and the inventory, which is
        on a tmpfs."""
        self.stop(signal.SIGKILL)
        self.in_node("nft", "flush", "ruleset")
        for name in os.listdir(self.inventory):
            os.unlink(os.path.join(self.inventory, name))
        write_state(os.path.join(self.state, "boot"), "another boot")

    def log(self):
        with open(os.path.join(self.dir, "netpold.log")) as f:
            return f.read()

    def status(self):
        try:
            with open(os.path.join(self.runtime, "status.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def why(self):
        """The status's reasons why netpold is not ok."""
        return "; ".join(self.status().get("reasons", []))

    def is_up_to_date(self):
        """Whether the status lists exactly the current files, by modification time: then they are applied."""
        listed = {f["file"]: f["modified_ns"] for f in self.status().get("files", [])}
        present = {os.path.join(d, n): os.stat(os.path.join(d, n)).st_mtime_ns for d in self.directories
                   for n in os.listdir(d) if not n.endswith(".new") and not n.startswith(".")}
        return listed == present

    def has_read_all(self):
        """Whether every file that is there is in force as it is now; what was deleted may be in force still."""
        told = {f["file"]: f["modified_ns"] for f in self.status().get("files", []) if f["state"] == "in force"}
        return all(told.get(os.path.join(d, n)) == os.stat(os.path.join(d, n)).st_mtime_ns
                   for d in (self.policies, self.inventory) for n in os.listdir(d))

    def saved_folder(self, kind, path=None):
        """The folder of the state directory that has the saved copies of a directory's files."""
        path = path or {"policies": self.policies, "inventory": self.inventory}[kind]
        text = len(path).to_bytes(8, "little") + path.encode()
        return os.path.join(self.state, f"{kind}-{hashlib.sha256(text).hexdigest()[:24]}")

    def is_saved(self):
        """Whether the state directory has everything that is in force."""
        return self.is_up_to_date() and self.status().get("state") == "saved"

    def listing(self):
        """The objects of netpold's table as nft lists them, sorted: the order in which they were made is ignored. What
        the kernel itself has added, for packets that were refused, is left out."""
        result = self.in_node("nft", "list", "table", "inet", "netpol", check=False)
        body = result.stdout.removeprefix("table inet netpol {\n").removesuffix("}\n")
        return sorted(without_refused(b.strip("\n")) for b in body.split("\n\t}\n"))

    def denied(self):
        """The entries of denied.jsonl; none while there is no file."""
        try:
            with open(os.path.join(self.runtime, "denied.jsonl")) as f:
                return [json.loads(line) for line in f]
        except FileNotFoundError:
            return []

    def ctl(self, *arguments, **more):
        return run(NETPOLCTL, "-c", self.conf, *arguments, check=False, **more)

    # ---- packets ----
    def probe(self, flows):
        """Opens real connections. flows: (source netns, destination netns, protocol, source, destination, port).
        Returns "allow", "reject" or "drop" for each."""
        text = "".join(" ".join(map(str, f)) + "\n" for f in flows)
        result = run(PROBE, self.node, input=text, check=False, timeout=120)
        if result.returncode:
            raise RuntimeError(f"probe: {result.stderr}")
        return result.stdout.split()

    def close(self):
        try:
            self.stop()
        finally:
            for netns in self.netns:
                run("ip", "netns", "del", netns, check=False)
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        ended = self.daemon.poll() if self.daemon else None
        if ended is not None:  # netpold ended by itself; the log has the sanitizer's report, if any
            print("".join(f"#   {line}\n" for line in self.log().splitlines()[-100:]), end="", flush=True)
        self.close()
        if ended and kind is None:
            raise AssertionError(f"netpold ended with status {ended}")


@functools.cache
def can_track_bridges():
    """Whether the kernel accepts `ct state` in a bridge table; tried in a new namespace, as netpold does."""
    return run("unshare", "-n", "nft", "table bridge t { chain c { type filter hook forward priority 0; "
               "ct state new accept; }; }", check=False).returncode == 0


def write_state(path, text):
    """Writes a file of the state directory as netpold does, with its checksum."""
    with open(path, "w") as f:
        f.write(f"{text}\n# netpol state, sha256 {hashlib.sha256(text.encode()).hexdigest()} of {0:016x}\n")


def fill_socket(path):
    """Sends to a datagram socket that nobody reads until it takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        for _ in range(10000):
            try:
                filler.sendto(b"STATUS=x", path)
            except BlockingIOError:
                return
    raise AssertionError(f"{path} does not fill up")


def wait_for(condition, seconds, what):
    """seconds is reached only when the test fails. It has to be generous, because other tests run at the same time. Of a
    condition that runs programs at most half of the time is spent on asking: the rest is for what is waited for."""
    seconds *= 5 if os.environ.get("NETPOL_MACHINE") else 1  # an emulated processor, of which others take a part
    end = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if condition():
            return
        answered = time.monotonic()
        if answered > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(min(max(answered - asked, 0.002), 0.2))
