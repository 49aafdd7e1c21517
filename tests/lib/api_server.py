# SPDX-License-Identifier: GPL-2.0-or-later
"""api_server: a real kube-apiserver, in a network namespace of its own.

`up` and `down` of the folder that NETPOL_CLUSTER names, or of ../shared/cluster beside the repository, start and end it:
`up DIR ADDRESS` leaves DIR/kubeconfig, DIR/token, DIR/pki/ca.crt and DIR/kube-apiserver.pid, and listens on port 6443."""
import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.parse

import inside
from netlab import Skip, TESTS

CLUSTER = os.environ.get("NETPOL_CLUSTER", os.path.join(
    os.path.dirname(os.path.dirname(TESTS)), "shared", "cluster"))
ADDRESS = "127.0.0.1"


class ApiServer:
    """with ApiServer() as server: the calling thread is in the server's network namespace meanwhile.
    options: of kube-apiserver."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        if not os.path.exists(f"{CLUSTER}/up"):
            raise Skip(f"no API server: no {CLUSTER}/up (NETPOL_CLUSTER names its folder)")
        if os.geteuid() != 0:
            raise Skip("needs root: a network namespace for the API server")
        self.dir = tempfile.mkdtemp(prefix="netpol-api-")
        self.before = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.is_inside = False
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        up = subprocess.run(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', f"{CLUSTER}/up",
                             self.dir, ADDRESS, *self.options], text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if up.returncode != 0:
            raise AssertionError(f"the API server does not start: {up.stdout[-1000:]}{up.stderr[-1000:]}")
        with open(f"{self.dir}/kube-apiserver.pid") as f:
            inside.enter(f"/proc/{f.read().strip()}/ns/net")
        self.is_inside = True
        with open(f"{self.dir}/token") as f:
            self.token = f.read().strip()
        context = ssl.create_default_context(cafile=f"{self.dir}/pki/ca.crt")
        self.connection = http.client.HTTPSConnection(ADDRESS, 6443, context=context, timeout=120)

    def __exit__(self, *_):
        if self.is_inside:
            self.connection.close()
            inside.enter(f"/proc/self/fd/{self.before}")
        os.close(self.before)
        subprocess.run([f"{CLUSTER}/down", self.dir], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def create(self, text, kind, namespace):
        """What it says of creating the NetworkPolicy, without doing it: (accepted, message, the object it would store,
        warnings). kind: json or yaml."""
        self.connection.request(
            "POST", f"/apis/networking.k8s.io/v1/namespaces/{urllib.parse.quote(namespace, safe='')}/networkpolicies"
            "?dryRun=All&fieldValidation=Strict", body=text.encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": f"application/{kind}"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status not in (201, 400, 409, 422):
            raise AssertionError(f"the API server answers {response.status}: {answer}\n{text}")
        if response.status == 201:
            return True, "", answer, [w.replace('\\"', '"') for w in response.headers.get_all("Warning", [])]
        return False, answer.get("message", ""), None, []
