# SPDX-License-Identifier: GPL-2.0-or-later
"""odd_manifests: random manifests that are nearly right. Everything comes from one seed.

Policies of chance.py, with odd values, keys, scalars without quotes, CIDRs and metadata put into them."""
import json
import re

from chance import Chance

ADDRESSES = ["10.1.2.3", "172.17.0.5", "0.0.0.0", "255.255.255.255", "2001:db8::5", "::", "fd00:244:1::c"]
SPACES = ["default", "one", "shop"]
VALUES = [None, "", "x", "a b", "-a", "a_b.c", "A", "a" * 63, "a" * 64, 0, 1, -1, 80, 65535, 65536, 2**31, 2**63, 1.5, True,
          False, [], {}, [None], [{}], [""], {"x": "y"}, "TCP", "tcp", "Ingress", "80", "http", "http-", "In", "10.0.0.0/8"]
KEYS = ["app", "x.io/a", "X.io/a", "a/b/c", "", "-a", "a" * 64, "x", "port", "podSelector", "cidr"]
METADATA = {
    "labels": [{"a": "b"}, {"a b": "c"}, {"a": "b c"}, {"a": 1}, {"a": None}, [], "x", {"x.io/a": ""}, {"/a": "b"}],
    "annotations": [{"A.io/B": "any thing"}, {"a b": "c"}, {"a": 1}, {"a": None}, [], "x", {"": "c"}],
    "finalizers": [["x.io/y"], ["x"], ["orphan"], ["orphan", "foregroundDeletion"], [1], "x", [""]],
    "ownerReferences": [[{"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1"}], [{}], {}, [None],
                        [{"apiVersion": "a/b/c", "kind": "A", "name": "a", "uid": "1"}],
                        [{"apiVersion": "v1", "kind": "Event", "name": "a", "uid": "1"}],
                        [{"apiVersion": "v1", "kind": "A", "name": "", "uid": "1"}]],
    "generation": [1, "1", 1.5, None], "uid": ["1", 1, None], "creationTimestamp": [
        "2026-01-01T00:00:00Z", "2026-1-1T00:00:00Z", "2026-01-01", "", 0, None, "2026-01-01T00:00:00.5+01:00"],
    "generateName": ["a-", "A", "-", "", "a.b-", 1], "name": ["a.b", "A", "a_b", "", "a" * 253, "a" * 254, 1, "a..b", "-a"],
    "namespace": ["one", "", "A", "a.b", 1],
}
LETTERS = "0123456789_xXoObBeE+-."  # of numbers
WORDS = ["y", "Y", "n", "yes", "No", "NO", "on", "Off", "true", "False", "tRue", "null", "Null", "~", ".inf", "-.Inf", ".nan",
         "3e45678", "1e400", "2026-01-01", "0o17", "0b11", "08", "1.10", "1e3", "9223372036854775808",
         "18446744073709551616", "1e21", "100000.5", "0.00001", "0x1p3", "1:30", "-0"]


class Raw(str):
    """A scalar without quotes, in YAML."""


def paths_of(value, at=()):
    """Every place in the object, as a tuple of keys and indices."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from paths_of(value[key], at + (key,))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from paths_of(item, at + (i,))


def text_of(value):
    """JSON; YAML if something in it is Raw, for which a comment stands at its beginning."""
    def mark(v):
        if isinstance(v, Raw):
            return f"@raw:{v}@"
        if isinstance(v, dict):
            return {mark(k): mark(x) for k, x in v.items()}
        return [mark(x) for x in v] if isinstance(v, list) else v
    text = re.sub(r'"@raw:(.*?)@"', r"\1", json.dumps(mark(value), indent=1))
    return "# YAML\n" + text if text != json.dumps(value, indent=1) else text


class OddManifests(Chance):
    def scalar(self):
        if self.random() < 0.4:
            return Raw(self.choice(WORDS))
        if self.random() < 0.3:
            return Raw(self.choice(["", "-", "+"]) + self.choice(["0", "0x", "0o", "0b", "0X", "0B", ""]) +
                       "".join(self.choices("01234567_", k=self.randint(1, 5))))
        return Raw(self.choice("0123456789+-.") + "".join(self.choices(LETTERS, k=self.randint(0, 5))))

    def odd_cidr(self):
        address, prefix = self.choice(ADDRESSES), self.choice([0, 1, 8, 16, 24, 31, 32, 33, 64, 96, 104, 128, 129])
        kind = self.random()
        if kind < 0.2 and "." in address:
            address = ".".join(self.choice(["", "0", "00"]) + octet for octet in address.split("."))
        elif kind < 0.4 and "." in address:
            address = self.choice(["::ffff:", "::FFFF:", "::", "0:0:0:0:0:ffff:"]) + address
        elif kind < 0.5:
            address = address.upper().replace("::", ":0:0:", 1)
        elif kind < 0.6:
            address = self.choice(["", address + "%eth0", address[:-1], " " + address, "0x0a.0.0.0", "10.0.0", "::g"])
        return address + self.choice(["/", "/", "/", "/0", "", "/+"]) + str(prefix)

    def odd_cidrs(self, policy):
        blocks = [self.get(policy, at) for at in paths_of(policy) if at[-1:] == ("ipBlock",)]
        for block in blocks:
            if not isinstance(block, dict):
                continue  # odd already
            if self.random() < 0.7:
                block["cidr"] = self.odd_cidr()
            if self.random() < 0.4:
                block["except"] = [self.odd_cidr()]

    def odd_metadata(self, policy):
        for key in self.sample(sorted(METADATA), self.randint(1, 2)):
            policy["metadata"][key] = self.choice(METADATA[key])

    def odd_scalars(self, policy):
        """In places where a scalar stands already, and as keys of labels."""
        places = [p for p in paths_of(policy["spec"]) if p and not isinstance(self.get(policy["spec"], p), (dict, list))]
        for at in self.sample(places, min(len(places), self.randint(1, 2))):
            parent = self.get(policy["spec"], at[:-1])
            if at[-2:-1] == ("matchLabels",) and self.random() < 0.5:
                parent[self.scalar()] = parent.pop(at[-1])
            else:
                parent[at[-1]] = self.scalar()

    def odd_fields(self, policy):
        at = self.choice([p for p in paths_of(policy["spec"]) if p])
        parent = self.get(policy["spec"], at[:-1])
        kind = self.random()
        if isinstance(parent, dict) and kind < 0.2:
            del parent[at[-1]]
        elif isinstance(parent, dict) and kind < 0.35:
            parent[self.choice(KEYS + [str(at[-1]).upper(), str(at[-1]).lower()])] = parent.pop(at[-1])
        else:
            parent[at[-1]] = self.choice(VALUES)

    @staticmethod
    def get(value, at):
        for key in at:
            value = value[key]
        return value

    def manifest(self, i):
        """(text, its kind: json or yaml, the namespace that it names)"""
        policy = self.policy(i, SPACES, ADDRESSES)
        for change in self.choices([self.odd_fields, self.odd_scalars, self.odd_cidrs, self.odd_metadata],
                                   weights=[3, 3, 2, 2], k=self.choice([0, 1, 1, 2])):
            if policy["spec"]:
                change(policy)
        text, space = text_of(policy), policy["metadata"].get("namespace", "default")
        return text, "yaml" if text.startswith("#") else "json", space if isinstance(space, str) and space else "default"
