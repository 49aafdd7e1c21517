# SPDX-License-Identifier: GPL-2.0-or-later
"""runtime: a real container runtime in the node of a Lab: Debian's containerd and runc with the CNI bridge plugin, in a
mount namespace of its own, where /run is empty and /var/lib/cni is a folder of the test. Pods are made by crictl; their
image is made of one static program, nothing is pulled."""
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile

from netlab import Skip, run, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("NETPOL_RUNTIME_CACHE", os.path.expanduser("~/.cache/netpol-runtime"))
PLUGINS = "/usr/lib/cni"
PROGRAM, IMAGE = "first_moment", "docker.io/test/image:1"


def path_with_runtime():
    """A PATH with containerd and runc: as they are installed, or else unpacked below CACHE."""
    path = os.environ["PATH"]
    if all(shutil.which(name, path=path) for name in ("containerd", "runc", "ctr")):
        return path
    result = run(f"{ROOT}/tests/install-packages", "--runtime", CACHE, check=False)
    if result.returncode:
        raise Skip(f"containerd and runc cannot be had: {result.stderr.strip()[-200:]}")
    return ":".join(f"{CACHE}/{folder}" for folder in ("usr/bin", "usr/sbin")) + ":" + path


def find_crictl(folder):
    """crictl by $KUBEBUILDER_ASSETS, the PATH or ../shared/cluster, there also compressed."""
    beside = os.path.join(os.path.dirname(ROOT), "shared", "cluster", "bin")
    for place in (os.environ.get("KUBEBUILDER_ASSETS", ""), *os.environ["PATH"].split(":"), beside):
        if place and os.access(os.path.join(place, "crictl"), os.X_OK):
            return os.path.join(place, "crictl")
        if place and os.path.exists(os.path.join(place, "crictl.xz")):
            with open(f"{folder}/crictl", "wb") as f:
                subprocess.run(["xz", "-dc", os.path.join(place, "crictl.xz")], stdout=f, check=True)
            os.chmod(f"{folder}/crictl", 0o755)
            return f"{folder}/crictl"
    raise Skip("there is no crictl in $KUBEBUILDER_ASSETS, in the PATH or in ../shared/cluster/bin")


def make_image(out, tag, entry, files):
    """A container image of static files: {path in the image: file}."""
    def member(tar, name, data=b"", kind=tarfile.REGTYPE):
        info = tarfile.TarInfo(name)
        info.mode, info.type, info.size = 0o755, kind, len(data)
        tar.addfile(info, io.BytesIO(data))

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            member(tar, name, kind=tarfile.DIRTYPE)
        for path, file in files.items():
            member(tar, path, open(file, "rb").read())
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {"Entrypoint": [entry]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
    with tarfile.open(out, "w") as tar:
        member(tar, "config.json", config)
        member(tar, f"{digest}/layer.tar", layer.getvalue())
        member(tar, "manifest.json", json.dumps([
            {"Config": "config.json", "RepoTags": [tag], "Layers": [f"{digest}/layer.tar"]}]).encode())


class Runtime:
    """with Runtime(lab): ... lab.start(under=runtime.under) starts netpold where it sees the network namespaces."""

    def __init__(self, lab, subnet="10.244.1.0/24"):
        if not os.path.exists(f"{PLUGINS}/bridge"):
            raise Skip(f"there are no CNI plugins in {PLUGINS}")
        self.lab, self.dir = lab, os.path.join(lab.dir, "containerd")
        self.environment = dict(os.environ, PATH=path_with_runtime())
        for name in ("root", "state", "net.d", "logs", "cni"):
            os.makedirs(f"{self.dir}/{name}", 0o755)
        self.crictl = find_crictl(self.dir)
        self.records = f"{self.dir}/cni/results"
        self.socket = f"{self.dir}/containerd.sock"
        self.daemon = self.holder = None
        self._write_configuration(subnet)

    def _write_configuration(self, subnet):
        with open(f"{self.dir}/net.d/10-test.conflist", "w") as f:
            json.dump({"cniVersion": "1.0.0", "name": "cbr0", "plugins": [
                {"type": "bridge", "bridge": "cni0", "isDefaultGateway": True, "ipMasq": False,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]],
                          "dataDir": f"{self.dir}/cni/networks"}}]}, f)
        with open(f"{self.dir}/config.toml", "w") as f:
            f.write(f"""version = 2
root = "{self.dir}/root"
state = "{self.dir}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{PLUGINS}"
conf_dir = "{self.dir}/net.d"
""")

    def __enter__(self):
        mounts = (f"mount --bind {self.dir}/cni /var/lib/cni && mount -t tmpfs tmpfs /run && echo ready &&"
                  " exec sleep infinity")
        self.holder = subprocess.Popen(
            # not by ip netns exec, which hides the cgroups below /sys
            ["nsenter", f"--net=/run/netns/{self.lab.node}", "unshare", "-m", "--propagation", "private", "sh", "-c",
             f"mkdir -p /var/lib/cni && {mounts}"], stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            raise Skip("the mounts for a container runtime cannot be made here")
        self.under = ("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", f"--wdns={self.dir}")
        try:
            self.start()
            self._make_images()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        log = open(f"{self.dir}/logs/containerd", "a")
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.lab.node, *self.under, "containerd", "-c", f"{self.dir}/config.toml"],
            stdout=log, stderr=log, env=self.environment)
        wait_for(lambda: self.ctl("info", check=False).returncode == 0, 60, "containerd to answer")

    def stop(self, sig=signal.SIGTERM):
        self.daemon.send_signal(sig)
        self.daemon.wait(60)

    def _make_images(self):
        """One program is all that a pod has, and its sandbox too."""
        run("gcc", "-static", "-O2", "-o", f"{self.dir}/{PROGRAM}", f"{ROOT}/tests/tools/{PROGRAM}.c")
        make_image(f"{self.dir}/image.tar", IMAGE, f"/{PROGRAM}", {PROGRAM: f"{self.dir}/{PROGRAM}"})
        self.inside("ctr", "-a", self.socket, "-n", "k8s.io", "images", "import", f"{self.dir}/image.tar")

    def inside(self, *command, check=True, **more):
        result = run(*self.under, *command, env=self.environment, check=False, **more)
        if check and result.returncode:
            raise RuntimeError(f"{' '.join(command[-2:])}: {result.stderr.strip()[-600:]}")
        return result

    def ctl(self, *arguments, **more):
        socket = f"unix://{self.socket}"
        return self.inside(self.crictl, "--timeout", "60s", "--runtime-endpoint", socket, "--image-endpoint", socket,
                           *arguments, **more)

    def _put(self, name, content):
        with open(f"{self.dir}/{name}", "w") as f:
            json.dump(content, f)
        return f"{self.dir}/{name}"

    def make_pod(self, namespace, name, uid):
        """A sandbox: attached, but without a container. Returns its id."""
        file = self._put(f"{name}.pod.json", {
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "attempt": 0},
            "log_directory": f"{self.dir}/logs", "linux": {"cgroup_parent": f"/netpol-test-{os.getpid()}"}})
        return self.ctl("runp", file).stdout.strip()

    def run_in(self, pod, name, *arguments):
        """Starts a container of the pod. Its output: see output()."""
        file = self._put(f"{name}.json", {
            "metadata": {"name": name}, "image": {"image": IMAGE}, "log_path": f"{name}.log", "linux": {},
            "command": [f"/{PROGRAM}", *arguments]})
        container = self.ctl("create", pod, file, file.replace(".json", ".pod.json")).stdout.strip()
        self.ctl("start", container)
        return container

    def output(self, name):
        """What the container has printed, a line each."""
        try:
            with open(f"{self.dir}/logs/{name}.log") as f:
                return [line.split(" ", 3)[3].rstrip("\n") for line in f]
        except FileNotFoundError:
            return []

    def remove(self, *pods):
        self.ctl("stopp", *pods)
        self.ctl("rmp", "-f", *pods)

    def address_of(self, pod):
        return json.loads(self.ctl("inspectp", pod).stdout)["status"]["network"]["ip"]

    def __exit__(self, *_):
        if self.daemon and self.daemon.poll() is None:
            pods = self.ctl("pods", "-q", check=False).stdout.split()
            if pods:
                self.ctl("rmp", "-f", *pods, check=False)
            self.stop()
        self.holder.kill()
        self.holder.wait()
