# SPDX-License-Identifier: GPL-2.0-or-later
"""shapes: the rules that other engines write for the same policies; the benchmark compares netpold's rules with them.
They follow the engines' sources: the chains, marks and sets that a packet meets; rules for other traffic are left out.

There are `pods` local pods, each isolated by `policies` policies; every policy allows `peers` addresses to one UDP
port. The measured flow comes from one more local pod, which is not isolated, and goes to the pod in the middle of the
list. Only the last policy allows it."""

FAMILY = {"ip": ("ip", "iptables-restore", "inet", 32, "4"), "ip6": ("ip6", "ip6tables-restore", "inet6", 128, "6")}


class Scene:
    def __init__(self, family, source, target, pods, peers, policies, port, are_ports_apart=False, is_bridged=False):
        self.family, self.source, self.target = family, source, target
        others = [self.address(1, i) for i in range(pods - 1)]
        self.pods = others[:pods // 2] + [target] + others[pods // 2:]
        self.peers = [self.address(2, i) for i in range(peers - 1)]
        self.local = self.pods + [source]
        self.links = {source: "v1", target: "v2"}  # netlab's names in the routed mode
        self.policies, self.port, self.are_ports_apart = policies, port, are_ports_apart
        self.is_bridged = is_bridged

    def address(self, block, i):
        if self.family == "ip":
            return f"10.{100 * block + (i >> 16)}.{i >> 8 & 255}.{i & 255}"
        return f"fd00:{block}::{i >> 16:x}:{i & 65535:x}"

    def port_of(self, k):
        """The port of policy k; the last policy has the measured flow's port."""
        return self.port + (self.policies - 1 - k if self.are_ports_apart else 0)

    def members(self, k):
        """The peers of policy k; only the last policy's contain the measured flow's source."""
        return self.peers + ([self.source] if k == self.policies - 1 else [])


def conntrack(scene):
    """Connection tracking alone."""
    return [("nft", "-f", "-", "table inet bare {\n chain c {\n type filter hook forward priority 0;\n"
                               " ct state established,related accept\n }\n}\n")]


LEAST_HOOK = "table bridge least {\n chain forward {\n type filter hook forward priority -200; policy accept;\n }\n}\n"


def least(scene):
    """The lower limit for nftables, written by hand: the three lookups that every engine needs (the pod, its port, its
    peers), in sets of a declared size. Bridged frames pass one more hook before br_netfilter, because VLAN tags would
    bypass it; here that hook's chain has no rules."""
    ip, kind = FAMILY[scene.family][0], f"ipv{FAMILY[scene.family][4]}_addr"
    members = scene.members(scene.policies - 1)
    return [("nft", "-f", "-", f"""table inet least {{
 set peers {{ type {kind}; size {4 * len(members)}; elements = {{ {", ".join(members)} }} }}
 chain pod {{
  udp dport {scene.port} {ip} saddr @peers accept
  drop
 }}
 map pods {{ type {kind} : verdict; size 4096; elements = {{ {", ".join(f"{a} : goto pod" for a in scene.pods)} }} }}
 chain forward {{
  type filter hook forward priority 0; policy accept;
  ct state established,related accept
  {ip} daddr vmap @pods
 }}
}}
""")] + ([("nft", "-f", "-", LEAST_HOOK)] if scene.is_bridged else [])


def ipsets(scene, name="peers"):
    family = FAMILY[scene.family][2]
    return [("ipset", "restore", "".join(
        f"create {name}{k} hash:ip family {family} maxelem 1000000\n" + "".join(
            f"add {name}{k} {a}\n" for a in scene.members(k)) for k in range(scene.policies)) +
        f"create pods hash:ip family {family} maxelem 1000000\n" + "".join(f"add pods {a}\n" for a in scene.pods))]


def seed(scene):
    """A simple iptables design: one rule for each source, destination and port, two for each isolated pod."""
    rules = [":FORWARD ACCEPT [0:0]", ":KUBE-NWPLCY-CHAIN - [0:0]", ":KUBE-POD-SPECIFIC-FW-CHAIN - [0:0]",
             "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT"]
    for pod in scene.pods:
        rules += [f"-A FORWARD -d {pod} -m physdev --physdev-is-bridged -j KUBE-POD-SPECIFIC-FW-CHAIN",
                  f"-A FORWARD -d {pod} -j KUBE-POD-SPECIFIC-FW-CHAIN"]
    triples = [f"-A KUBE-NWPLCY-CHAIN -s {peer} -d {scene.target} -p udp -m udp --dport {scene.port} -j ACCEPT"
               for peer in scene.peers]
    triples.insert(len(triples) // 2, f"-A KUBE-NWPLCY-CHAIN -s {scene.source} -d {scene.target} -p udp -m udp "
                                      f"--dport {scene.port} -j ACCEPT")
    reject = "icmp-port-unreachable" if scene.family == "ip" else "icmp6-port-unreachable"
    rules += triples + ["-A KUBE-POD-SPECIFIC-FW-CHAIN -j KUBE-NWPLCY-CHAIN",
                        f"-A KUBE-POD-SPECIFIC-FW-CHAIN -j REJECT --reject-with {reject}"]
    return [(FAMILY[scene.family][1], "*filter\n" + "\n".join(rules) + "\nCOMMIT\n")]


ECHO = {"ip": "-p icmp -m icmp --icmp-type 8", "ip6": "-p ipv6-icmp -m icmp6 --icmpv6-type 128"}


def kube_router(scene):
    """A chain with jumps for each pod, and ipsets; conntrack inside each pod's chain; marks for allowed packets."""
    head, rules = [":FORWARD ACCEPT [0:0]", ":KUBE-NWPLCY-COMMON - [0:0]"], []
    head += [f":KUBE-NWPLCY-{k} - [0:0]" for k in range(scene.policies)]
    head += [f":KUBE-POD-FW-{i} - [0:0]" for i in range(len(scene.local))]
    rules += ["-A KUBE-NWPLCY-COMMON -m conntrack --ctstate INVALID -j DROP",
              "-A KUBE-NWPLCY-COMMON -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
              f"-A KUBE-NWPLCY-COMMON {ECHO[scene.family]} -j ACCEPT"]
    for k in range(scene.policies):
        match = (f"-A KUBE-NWPLCY-{k} -m set --match-set peers{k} src -m set --match-set pods dst -p udp -m udp "
                 f"--dport {scene.port_of(k)}")
        rules += [f"{match} -j MARK --set-xmark 0x10000/0x10000", f"{match} -m mark --mark 0x10000/0x10000 -j RETURN"]
    for i, pod in enumerate(scene.local):
        for match in (f"-d {pod}", f"-d {pod} -m physdev --physdev-is-bridged", f"-s {pod}",
                      f"-s {pod} -m physdev --physdev-is-bridged"):
            rules.append(f"-A FORWARD {match} -j KUBE-POD-FW-{i}")
        chain = f"-A KUBE-POD-FW-{i}"
        rules += [f"{chain} -j KUBE-NWPLCY-COMMON", f"{chain} -m addrtype --src-type LOCAL -d {pod} -j ACCEPT",
                  f"{chain} -s {pod} -j MARK --set-xmark 0x10000/0x10000"]
        if pod == scene.source:
            rules.append(f"{chain} -d {pod} -j MARK --set-xmark 0x10000/0x10000")
        else:
            rules += [f"{chain} -d {pod} -j KUBE-NWPLCY-{k}" for k in range(scene.policies)]
        rules += [f"{chain} -m mark ! --mark 0x10000/0x10000 -m limit --limit 10/min --limit-burst 10 -j NFLOG "
                  "--nflog-group 100", f"{chain} -m mark ! --mark 0x10000/0x10000 -j REJECT",
                  f"{chain} -j MARK --set-xmark 0x0/0x10000", f"{chain} -j MARK --set-xmark 0x20000/0x20000"]
    rules.append("-A FORWARD -m mark --mark 0x20000/0x20000 -j ACCEPT")
    return ipsets(scene) + [(FAMILY[scene.family][1], "*filter\n" + "\n".join(head + rules) + "\nCOMMIT\n")]


def calico_pod(name, jumps, is_from):
    """The chain of one pod and direction: jumps to its policies; to its namespace's profile if none isolates it."""
    lines = [f" chain {name} {{", "  ct state established,related counter accept", "  ct state invalid counter drop",
             "  counter meta mark set meta mark & 0xfffcffff"]
    if is_from:
        lines += ["  udp dport 4789 counter drop", "  meta l4proto 4 counter drop"]
    if jumps:
        lines.append("  counter meta mark set meta mark & 0xfffdffff")
    for jump in jumps:
        lines += [f"  meta mark & 0x20000 == 0x0 counter jump {jump}",
                  "  meta mark & 0x10000 == 0x10000 counter return"]
    if jumps:
        lines.append("  meta mark & 0x20000 == 0x0 counter drop")
    return lines + ["  counter jump profile", "  meta mark & 0x10000 == 0x10000 counter return", "  counter drop", " }"]


def calico(scene):
    """Verdict maps from interface names to a chain of the sending and of the receiving pod, which jump to one chain for
    each policy; marks, and a counter in every rule. Calico's hooks in raw, mangle and nat are left out."""
    ip, kind = FAMILY[scene.family][0], f"ipv{FAMILY[scene.family][4]}_addr"
    lines = [f"table {ip} calico {{", " chain profile {", "  counter meta mark set meta mark | 0x10000",
             "  meta mark & 0x10000 == 0x10000 counter return", " }"]
    for k in range(scene.policies):
        lines += [f" set peers{k} {{ type {kind}; flags interval; elements = {{ {', '.join(scene.members(k))} }} }}",
                  f" chain policy{k} {{",
                  f"  {ip} saddr @peers{k} udp dport {scene.port_of(k)} counter meta mark set meta mark | 0x10000",
                  "  meta mark & 0x10000 == 0x10000 counter return", " }"]
    for i, pod in enumerate(scene.local):
        lines += calico_pod(f"from{i}", [], True)
        jumps = [] if pod == scene.source else [f"policy{k}" for k in range(scene.policies)]
        lines += calico_pod(f"to{i}", jumps, False)
    for way, end in (("from", "iifname"), ("to", "oifname")):
        lines += [f" map {way}_pods {{ type ifname : verdict; elements = {{ " + ", ".join(
            f'"{scene.links.get(pod, f"v{1000 + i}")}" : goto {way}{i}' for i, pod in enumerate(scene.local)) + " } }",
            f" chain {way}_pod {{", f"  {end} vmap @{way}_pods", "  counter drop", " }"]
    lines += [" chain no_host {", " }", " chain cali_forward {", "  counter meta mark set meta mark & 0xfff0ffff",
              "  meta mark & 0x10000 == 0x0 counter jump no_host", '  iifname "v*" counter jump from_pod',
              '  oifname "v*" counter jump to_pod', "  counter jump no_host", "  counter jump no_host", " }",
              " chain forward {",
              "  type filter hook forward priority 0; policy accept;", "  counter jump cali_forward",
              "  meta mark & 0x10000 == 0x10000 counter accept", " }", "}"]
    return [("nft", "-f", "-", "\n".join(lines) + "\n")]


def manifests(scene, node):
    """The same scene for netpold: (inventory, policies)."""
    def pod(name, namespace, address, node_name, labels):
        return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"nodeName": node_name},
                "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
    groups = [{f"g{k}": "yes" for k in range(n)} for n in (scene.policies, scene.policies - 1)]
    items = [pod(f"p{i}", "default", a, node, {}) for i, a in enumerate(scene.pods)]
    items += [pod(f"q{i}", "peers", a, "elsewhere", groups[0]) for i, a in enumerate(scene.peers)]
    items.append(pod("source", "peers", scene.source, node, {f"g{scene.policies - 1}": "yes"}))
    policies = [{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"name": f"policy{k}", "namespace": "default"},
                 "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [
                     {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {f"g{k}": "yes"}}}],
                      "ports": [{"protocol": "UDP", "port": scene.port_of(k)}]}]}} for k in range(scene.policies)]
    return ({"apiVersion": "v1", "kind": "PodList", "items": items},
            {"apiVersion": "v1", "kind": "List", "items": policies})


OTHERS = {"conntrack": conntrack, "least": least, "seed": seed, "kube_router": kube_router, "calico": calico}
