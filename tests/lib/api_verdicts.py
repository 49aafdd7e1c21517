# SPDX-License-Identifier: GPL-2.0-or-later
"""api_verdicts: what netpol makes of manifests, compared with what an API server makes of them.

A Manifest is a text with the API server's verdict: accepted, its message, and the object that it stores. A difference is
either one that docs/policies.md lists ("Where netpol differs from the API server"), each a Taken or Refused here, or a fault."""
import json
import os
import re
import subprocess
from dataclasses import dataclass

from netlab import BUILD, TESTS

PARSER = os.path.join(BUILD, "tests", "parse_policies")
DOCUMENT = os.path.join(os.path.dirname(TESTS), "docs", "policies.md")
HEADING = "## Where netpol differs from the API server"


@dataclass
class Manifest:
    name: str  # of a file: its suffix is the format
    text: str
    accepted: bool
    message: str = ""
    stored: dict | None = None
    what: str = ""  # what is special about it
    canonical: dict | None = None  # CIDR as written -> as the API server of 1.35 reads it


class Parsed:
    """What netpol says of one manifest: diagnostics and policies, as texts."""

    def __init__(self, answer):
        self.policies, self.diags = answer["policies"], answer["diags"]
        self.errors = [(code, text) for severity, code, text in self.diags if severity == "error"]

    def has(self, code):
        return any(c == code for _, c, _ in self.diags)


def parse(files):
    """files: (name, text) each. One Parsed each."""
    given = b"".join(f"{name} {len(text)}\n".encode() + text
                     for name, text in ((name, text.encode()) for name, text in files))
    result = subprocess.run([PARSER], input=given, capture_output=True, check=False)
    answers = [Parsed(json.loads(line)) for line in result.stdout.decode().splitlines()]
    if result.returncode != 0 or len(answers) != len(files):
        at = files[min(len(answers), len(files) - 1)]
        raise AssertionError(f"the parser ended with {result.returncode} at {at[0]}:\n{at[1]}\n"
                             f"{result.stderr.decode()[-2000:]}")
    return answers


# ---- What netpol means to do otherwise ----
def only_of(message, *words):
    """Whether every complaint of the API server about a field has one of the words."""
    complaints = re.findall(r"(?:metadata|spec)[.\[][^ ]*", message)
    return all(any(word in complaint for word in words) for complaint in complaints)


@dataclass
class Taken:
    """By netpol, not by the API server. title: the first cell of its row in the document."""
    title: str
    covers: object  # covers(manifest, parsed): whether that is the reason


@dataclass
class Refused:
    """By netpol, not by the API server."""
    title: str
    pattern: str  # of the error: CODE: TEXT


TAKEN = [
    Taken("metadata that `kubectl apply` would refuse",
          lambda m, p: p.has("metadata") and only_of(m.message, "metadata")),
    Taken("CIDRs that API servers before 1.36 take",
          lambda m, p: p.has("legacy-cidr") and only_of(m.message, "ipBlock", "metadata")),
    Taken("`status`, and `clusterName` of old exports",
          lambda m, p: re.search(r'unknown field "(status|metadata.clusterName)"', m.message)),
    Taken("`apiVersion: extensions/v1beta1`", lambda m, p: "(extensions/v1beta1)" in m.message),
    Taken("objects of other kinds", lambda m, p: p.has("skipped") and not p.policies),
    Taken("policies of other engines", lambda m, p: p.has("not-enforced") and not p.policies),
    Taken("a file of comments alone", lambda m, p: not p.policies and not p.diags),
    Taken("JSON that is only YAML", lambda m, p: m.name.endswith(".json") and "json parse error" in m.message),
    Taken("`%YAML 1.2`", lambda m, p: "incompatible YAML document" in m.message),
    Taken("a key beside `<<` that the merged map has too",
          lambda m, p: "<<" in m.text and "already set in map" in m.message),
    Taken("a list of no items, in lists, without apiVersion",
          lambda m, p: re.search(r'kind"?: "?\w*List', m.text) and p.policies or p.has("empty-list")),
]
REFUSED = [
    Refused("null as an item of a list", "found null"),
    Refused("`generateName` without a name", "name: Required value"),
    Refused("no `kind` or `apiVersion`", "(kind|apiVersion): Required value"),
    Refused("two policies of one name in a file", "^duplicate-policy"),
    Refused("unquoted label keys that YAML 1.1 reads as something else", "^unquoted-key"),
    Refused("YAML tags, but `!!str`", "unknown tag"),
    Refused("NUL characters", "a NUL character"),
]
RULES = TAKEN + REFUSED


def rule_of(manifest, parsed):
    """The rule by which the verdicts differ; None: they differ by a fault."""
    if not parsed.errors:
        return next((rule for rule in TAKEN if rule.covers(manifest, parsed)), None)
    rules = [next((rule for rule in REFUSED if re.search(rule.pattern, f"{code}: {text}")), None)
             for code, text in parsed.errors]
    return rules[0] if all(rules) else None


def document_rules():
    """{title: number of manifests}, from the table in the document."""
    with open(DOCUMENT) as f:
        section = f.read().split(HEADING, 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()
            if line.startswith("|")][2:]
    return {row[0]: int(row[-1]) for row in rows}


def describe(manifest, parsed, why):
    said = "; ".join(text for _, text in parsed.errors) or "netpol takes it"
    return f"{manifest.name} ({manifest.what}): {why}: {said} | API server: {manifest.message or 'taken'}"


def read_canonically(manifest):
    """The stored object, with CIDRs as the API server of 1.35 reads them."""
    text = json.dumps(manifest.stored)
    for written, read in (manifest.canonical or {}).items():
        text = text.replace(json.dumps(written), json.dumps(read))
    return text


def compare(manifests):
    """Returns (faults, a line each; {title: number of manifests that differ by that rule})."""
    found, counts, pairs = parse([(m.name, m.text) for m in manifests]), {rule.title: 0 for rule in RULES}, []
    faults = []
    for manifest, parsed in zip(manifests, found):
        if manifest.accepted == (not parsed.errors):
            if manifest.accepted and manifest.stored:
                pairs.append((manifest, parsed))
            continue
        rule = rule_of(manifest, parsed)
        if rule:
            counts[rule.title] += 1
        else:
            faults.append(describe(manifest, parsed, "another verdict"))
    stored = parse([("stored.json", read_canonically(m)) for m, _ in pairs])
    for (manifest, parsed), wanted in zip(pairs, stored):
        if manifest.canonical and any("strict subset" in text for _, text in wanted.errors):
            continue  # an IPv4-mapped except that reaches beyond its cidr has no other form
        if parsed.policies != wanted.policies or wanted.errors:
            faults.append(describe(manifest, parsed, f"read as {parsed.policies}, stored as {wanted.policies}"))
    return faults, counts
