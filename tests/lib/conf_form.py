# SPDX-License-Identifier: GPL-2.0-or-later
"""conf_form: converts a NetworkPolicy manifest to netpol's own libconfig format, with the same meaning."""


def selector(s):
    """A label selector in kubectl's grammar, such as "app=web,tier in (a,b)"."""
    parts = [f"{k}={v}" for k, v in s.get("matchLabels", {}).items()]
    for e in s.get("matchExpressions", []):
        words = {"In": "{k} in ({v})", "NotIn": "{k} notin ({v})", "Exists": "{k}", "DoesNotExist": "!{k}"}
        parts.append(words[e["operator"]].format(k=e["key"], v=",".join(e.get("values", []))))
    return ",".join(parts)


def peer(p):
    if "ipBlock" in p:
        block = p["ipBlock"]
        excepts = ", ".join(f'"{e}"' for e in block.get("except", []))
        return f'{{ cidr = "{block["cidr"]}"; except = [ {excepts} ]; }}'
    names = (("namespaces", "namespaceSelector"), ("pods", "podSelector"))
    fields = [f'{name} = "{selector(p[key])}";' for name, key in names if key in p]
    return "{ " + " ".join(fields) + " }"


def port(p):
    fields = []
    if "protocol" in p:
        fields.append(f'protocol = "{p["protocol"]}";')
    if "port" in p:
        fields.append(f"port = {p['port']};" if isinstance(p["port"], int) else f'port = "{p["port"]}";')
    if "endPort" in p:
        fields.append(f"end_port = {p['endPort']};")
    return "{ " + " ".join(fields) + " }"


def rule(r):
    fields = [f"{key} = ( {', '.join(map(peer, r[key]))} );" for key in ("from", "to") if key in r]
    if "ports" in r:
        fields.append(f"ports = ( {', '.join(map(port, r['ports']))} );")
    return "{ " + " ".join(fields) + " }"


def policy(p):
    spec, lines = p["spec"], [f'name = "{p["metadata"]["name"]}";']
    if "namespace" in p["metadata"]:
        lines.append(f'namespace = "{p["metadata"]["namespace"]}";')
    if "annotations" in p["metadata"]:
        audit = p["metadata"]["annotations"]["netpol/enforcement"] == "audit"
        lines.append(f"audit = {str(audit).lower()};")
    lines.append(f'pods = "{selector(spec["podSelector"])}";')
    if "policyTypes" in spec:
        lines.append("types = [ " + ", ".join(f'"{t}"' for t in spec["policyTypes"]) + " ];")
    for key in ("ingress", "egress"):
        if key in spec:
            lines.append(f"{key} = ( {', '.join(map(rule, spec[key]))} );")
    return "{ " + "\n  ".join(lines) + " }"


def policies(list_of_policies):
    return "policies = ( " + ",\n".join(map(policy, list_of_policies)) + " );\n"
