# SPDX-License-Identifier: GPL-2.0-or-later
"""cluster: a real kube-apiserver with etcd and kubectl, in a network namespace that nodes can be connected to.

The programs are those of KUBEBUILDER_ASSETS, or of the folder that api_server.py names; its `up` and `down` start and end
them. There is no kubelet, scheduler or controller manager: the test says on which node a pod is, and patches its status.
"""
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

import inside
from api_server import CLUSTER
from netlab import BUILD, TESTS, Skip, run, wait_for

ADDRESS = "10.50.0.1"  # of the API server; node i has 10.50.0.(10 + i)
KUBERNETES = os.path.join(os.path.dirname(TESTS), "kubernetes")


class Cluster:
    """with Cluster() as cluster: cluster.kubectl(...), cluster.kubeconfig of the administrator."""

    def __enter__(self):
        if not os.path.exists(f"{CLUSTER}/up"):
            raise Skip(f"no API server: no {CLUSTER}/up (NETPOL_CLUSTER names its folder)")
        if os.geteuid() != 0:
            raise Skip("needs root: network namespaces")
        self.assets = os.environ.get("KUBEBUILDER_ASSETS") or run(f"{CLUSTER}/assets", f"{BUILD}/assets").stdout.strip()
        self.dir = tempfile.mkdtemp(prefix="netpol-cluster-")
        self.is_disturbed = False  # then kubectl is tried again until it succeeds
        self.netns = f"np{os.getpid()}-api"
        self.kubeconfig = f"{self.dir}/kubeconfig"
        run("ip", "netns", "add", self.netns)
        try:
            for line in ("link set lo up", "link add cluster type bridge", f"addr add {ADDRESS}/24 dev cluster",
                         "link set cluster up"):
                run("ip", "-n", self.netns, *line.split())
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        run("ip", "netns", "del", self.netns, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        """Also after stop(), with the same data."""
        up = run("ip", "netns", "exec", self.netns, f"{CLUSTER}/up", self.dir, ADDRESS, check=False,
                 stdin=subprocess.DEVNULL, env=dict(os.environ, KUBEBUILDER_ASSETS=self.assets))
        if up.returncode != 0:
            raise AssertionError(f"the API server does not start: {up.stdout[-1000:]}{up.stderr[-1000:]}")

    def stop(self):
        run(f"{CLUSTER}/down", self.dir, check=False, stdin=subprocess.DEVNULL)

    def kill(self):
        """Ends the API server and etcd by SIGKILL."""
        for name in ("kube-apiserver", "etcd"):
            path = f"{self.dir}/{name}.pid"
            with open(path) as f:
                pid = int(f.read())
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: self._is_dead(pid), 60, f"the end of {name}")
            os.unlink(path)

    @staticmethod
    def _is_dead(pid):
        try:
            with open(f"/proc/{pid}/stat") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    def save(self):
        """What etcd has now is saved. The server is away for a moment."""
        self.kill()
        shutil.copytree(f"{self.dir}/etcd", f"{self.dir}/backup")
        self.start()

    def restore(self):
        """The server has what was saved, and versions begin again there."""
        self.kill()
        shutil.rmtree(f"{self.dir}/etcd")
        os.rename(f"{self.dir}/backup", f"{self.dir}/etcd")
        self.start()

    def connect(self, lab, i):
        """The node's network namespace gets an interface in the cluster's network, as node i."""
        name = f"to-{lab.node}"[-15:]  # a name of its own: the one of a node before may not be gone yet
        run("ip", "-n", self.netns, "link", "add", name, "type", "veth", "peer", "name", "uplink", "netns", lab.node)
        run("ip", "-n", self.netns, "link", "set", name, "master", "cluster", "up")
        run("ip", "-n", lab.node, "addr", "add", f"10.50.0.{10 + i}/24", "dev", "uplink")
        run("ip", "-n", lab.node, "addr", "add", f"fd50:0:50::{10 + i:x}/64", "dev", "uplink", "nodad")
        run("ip", "-n", lab.node, "link", "set", "uplink", "up")

    def disconnect(self, lab, is_off=True):
        run("ip", "-n", self.netns, "link", "set", f"to-{lab.node}"[-15:], "down" if is_off else "up")

    def cut_off(self, i, is_off=True):
        """What the API server sends to node i is lost; nodes still reach each other."""
        run("ip", "-n", self.netns, "route", "add" if is_off else "del", "blackhole", f"10.50.0.{10 + i}/32")

    def command(self, *arguments):
        return ["ip", "netns", "exec", self.netns, f"{self.assets}/kubectl", "--kubeconfig", self.kubeconfig, *arguments]

    def kubectl(self, *arguments, **more):
        end = time.monotonic() + 120
        result = run(*self.command(*arguments), check=False, **more)
        while result.returncode and self.is_disturbed and time.monotonic() < end:
            time.sleep(0.2)
            result = run(*self.command(*arguments), check=False, **more)
        if result.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {result.stderr}")
        return result.stdout

    def apply(self, *items):
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-",
                     input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}))

    def apply_status(self, *items):
        """What kubelet would say of pods."""
        self.kubectl("apply", "--server-side", "--force-conflicts", "--subresource=status", "-f", "-",
                     input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}))

    def client(self):
        return Client(self)

    def create_pods(self, pods, n_threads=3):
        """With their status, faster than kubectl can."""
        def create(mine):
            with self.client() as client:
                for pod in mine:
                    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
                    client.request("POST", path, pod)
                    client.request("PUT", f"{path}/{pod['metadata']['name']}/status", pod)
        threads = [threading.Thread(target=create, args=(pods[i::n_threads],)) for i in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def mirror_kubeconfig(self, name="mirror"):
        """By the commands of docs/cluster.md, with paths of the test."""
        self.kubectl("apply", "-f", f"{KUBERNETES}/rbac.yaml")
        token, kubeconfig = f"{self.dir}/{name}.token", f"{self.dir}/{name}.kubeconfig"
        text = self.kubectl("config", "view", "--minify", "--raw", "--flatten", "-o",
                            f"go-template-file={KUBERNETES}/kubeconfig.template")
        for path, content in (
                (token, self.kubectl("create", "token", "netpol-mirror", "-n", "kube-system", "--duration=24h")),
                (kubeconfig, text.replace("/etc/netpol/token", token))):
            with open(path, "w") as f:
                f.write(content)
        return kubeconfig


class Client:
    """A connection of the administrator's to the API server, for many requests."""

    def __init__(self, c):
        with open(f"{c.dir}/token") as f:
            self.token = f.read().strip()
        context = ssl.create_default_context(cafile=f"{c.dir}/pki/ca.crt")
        self.netns = c.netns
        self.connection = http.client.HTTPSConnection(ADDRESS, 6443, context=context, timeout=120)
        self._connect()

    def _connect(self):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            inside.enter(f"/run/netns/{self.netns}")  # a socket stays in the namespace in which it was made
            self.connection.connect()
        finally:
            inside.enter(f"/proc/self/fd/{before}")
            os.close(before)
        self.used_at = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def request(self, method, path, body, kind="application/json"):
        if time.monotonic() - self.used_at > 30:  # the server closes a connection that is idle for 90 s
            self.connection.close()
            self._connect()
        self.used_at = time.monotonic()
        self.connection.request(method, path, body=json.dumps(body), headers={
            "Authorization": f"Bearer {self.token}", "Content-Type": kind})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {text[:1000]}")
        return json.loads(text)
