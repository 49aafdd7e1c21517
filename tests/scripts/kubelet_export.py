#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The exporter against a test kubelet on the loopback interface: what it writes, and when it writes nothing."""
import http.server
import json
import os
import ssl
import stat
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import NETPOLCTL, TESTS, Pod, run
from report import test, finish, equal

EXPORT = os.path.join(os.path.dirname(TESTS), "systemd", "kubelet-export")
NAME, TOKEN = "node-1.example", "s3cret"


def pod_list(*names, source="api", **more):
    """more: of each container. kubelet's items have neither apiVersion nor kind."""
    items = [Pod("default", n, [f"10.244.1.{10 + i}"], {"app": n}, ports=[("http", 80, "TCP")]).manifest()
             for i, n in enumerate(names)]
    for item in items:
        item["metadata"]["annotations"] = {"kubernetes.io/config.source": source}
        item["spec"]["containers"][0].update(more)
        del item["apiVersion"], item["kind"]
    return json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}).encode()


def said(text):
    """What netpold reads of a list, of each pod."""
    items = json.loads(text)["items"]
    return [(i["metadata"]["name"], i["metadata"]["namespace"], i["metadata"].get("labels"),
             i["metadata"]["annotations"], i["spec"]["nodeName"], i["spec"]["containers"][0].get("ports"),
             i["status"]["phase"], i["status"]["podIPs"], i["status"]["startTime"]) for i in items]


class Kubelet(http.server.BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_GET(self):
        is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        status, body = (self.status, self.body) if is_known and self.path == "/pods" else (401, b"Unauthorized")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Setup:
    """A directory with an inventory and certificates, and a test kubelet that serves HTTPS."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        d = self.dir.name
        os.mkdir(f"{d}/inventory", 0o755)
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
            "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", f"{d}/key", "-out", f"{d}/crt")
        with open(f"{d}/token", "w") as f:
            f.write(TOKEN + "\n")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{d}/crt", f"{d}/key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.dir.cleanup()

    def export(self, status=200, body=b"", name=NAME):
        Kubelet.status, Kubelet.body = status, body
        d = self.dir.name
        return subprocess.run([EXPORT], text=True, capture_output=True, env=dict(
            os.environ, KUBELET_URL=f"https://127.0.0.1:{self.server.server_port}/pods", KUBELET_CA=f"{d}/crt",
            KUBELET_NAME=name, KUBELET_TOKEN=f"{d}/token", INVENTORY=f"{d}/inventory", NETPOLCTL=NETPOLCTL))

    @property
    def path(self):
        return f"{self.dir.name}/inventory/kubelet.json"

    def content(self):
        equal(sorted(os.listdir(f"{self.dir.name}/inventory")), [".alive", "kubelet.json"], "the inventory's files")
        with open(self.path, "rb") as f:
            return said(f.read())


def writes_what_changed():
    """kubelet export: writes what netpold reads of kubelet's response, and only if that differs from the last one"""
    with Setup() as t:
        result = t.export(body=pod_list("a"))
        equal((result.returncode, result.stderr), (0, ""))
        equal(t.content(), said(pod_list("a")))
        before = os.stat(t.path)
        equal(t.export(body=pod_list("a")).returncode, 0)
        equal((os.stat(t.path).st_ino, os.stat(t.path).st_mtime_ns), (before.st_ino, before.st_mtime_ns),
              "inode and time of a file whose content is the same")
        equal(t.export(body=pod_list("a", "b")).returncode, 0)
        equal(t.content(), said(pod_list("a", "b")))
        with open(f"{t.dir.name}/inventory/.alive/kubelet") as f:
            equal(f.read(), "30\n", "how often the exporter promises to come by")
        os.unlink(t.path)
        equal(t.export(body=pod_list("etcd", source="file")).returncode, 0, "exit status with static pods only")
        equal(t.content(), said(pod_list("etcd", source="file")))


def keeps_secrets_out():
    """kubelet export: the values of environment variables are not written, and not everybody may read the file"""
    with Setup() as t:
        result = t.export(body=pod_list("a", env=[{"name": "PASSWORD", "value": "s3cret-value"}], image="c:1"))
        equal(result.returncode, 0, result.stderr)
        equal(t.content(), said(pod_list("a")))
        with open(t.path) as f:
            equal([w for w in ("s3cret-value", "PASSWORD", "image") if w in f.read()], [], "what is kept")
        equal(stat.S_IMODE(os.stat(t.path).st_mode), 0o640, "the file's mode")
        before = os.stat(t.path).st_ino
        equal(t.export(body=pod_list("a", image="c:2")).returncode, 0)
        equal(os.stat(t.path).st_ino, before, "a change that netpold does not read is none")


def keeps_what_it_has():
    """kubelet export: an error page, a truncated list or a wrong certificate is an error, and the inventory stays"""
    with Setup() as t:
        t.export(body=pod_list("a"))
        for what, arguments in (("status 500", {"status": 500, "body": b"oops"}),
                                ("an error page", {"body": b"Unauthorized"}), ("an empty response", {"body": b""}),
                                ("a truncated list", {"body": pod_list("a", "b")[:-9]}),
                                ("a list of another kind", {"body": b'{"kind":"ConfigMapList","items":[]}'}),
                                ("a list without pods", {"body": pod_list()}),
                                ("null", {"body": b'{"kind":"PodList","apiVersion":"v1","items":null}'}),
                                ("static pods alone", {"body": pod_list("etcd", source="file")}),
                                ("a certificate of another name", {"body": pod_list("b"), "name": "other.example"})):
            os.utime(f"{t.dir.name}/inventory/.alive/kubelet", (0, 0))
            result = t.export(**arguments)
            equal(os.stat(f"{t.dir.name}/inventory/.alive/kubelet").st_mtime, 0,
                  f"the time of .alive/kubelet, which a failed export does not touch, with {what}")
            equal((result.returncode != 0, bool(result.stderr), t.content()), (True, True, said(pod_list("a"))),
                  f"(an error status, an error message, the inventory) with {what}")
        t.server.shutdown()
        t.server.server_close()
        equal((t.export(body=b"").returncode != 0, t.content()), (True, said(pod_list("a"))),
              "(an error status, the inventory) without a kubelet")
        t.server = http.server.HTTPServer(("127.0.0.1", 0), Kubelet)
        threading.Thread(target=t.server.serve_forever, daemon=True).start()


for case in (writes_what_changed, keeps_secrets_out, keeps_what_it_has):
    test(case)
finish()
