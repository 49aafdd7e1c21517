# SPDX-License-Identifier: GPL-2.0-or-later
"""records: what libcni writes when a pod was attached to a network (cniCacheV1; cachedInfo in libcni/api.go), as the
container runtimes call it."""
import json
import os


def text(namespace, name, addresses, uid="", container="c1", interface="eth0", netns="", port="",
         mac="02:00:00:00:00:0a"):
    ends = [{"name": "cni0", "mac": "02:00:00:00:00:01"}, {"name": port, "mac": "02:00:00:00:00:02"}] if port else []
    return json.dumps({
        "kind": "cniCacheV1", "containerId": container, "config": "e30=", "ifName": interface, "networkName": "cbr0",
        "cniArgs": [["IgnoreUnknown", "1"], ["K8S_POD_NAMESPACE", namespace], ["K8S_POD_NAME", name],
                    ["K8S_POD_INFRA_CONTAINER_ID", container], ["K8S_POD_UID", uid]],
        "capabilityArgs": {"portMappings": None},
        "result": {"cniVersion": "1.0.0", "dns": {},
                   "interfaces": ends + [{"name": interface, "mac": mac, "sandbox": netns or "/none"}],
                   "ips": [{"address": f"{a}/{24 if '.' in a else 64}", "interface": len(ends)} for a in addresses]}})


def write(folder, content, at=None):
    """As libcni does: in place, under network-container-interface. at: its time, seconds since the epoch."""
    record = json.loads(content)
    path = os.path.join(folder, f"{record['networkName']}-{record['containerId']}-{record['ifName']}")
    with open(path, "w") as f:
        f.write(content)
        f.flush()
        if at is not None:
            os.utime(f.fileno(), (at, at))
    return path
