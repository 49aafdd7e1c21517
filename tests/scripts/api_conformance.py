#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a real API server makes of manifests, and what netpol makes of them: the same verdict, the same policy.

4,092 manifests with the verdicts of kube-apiserver 1.36 (and of 1.35, where it says otherwise) lie beside the repository
(../shared/conformance) or beside the file that NETPOL_CONFORMANCE names. Where netpol means to differ it is in the table
of docs/policies.md, with the number of those manifests; any other difference is a fault.

Where a real API server is there (lib/api_server.py), NETPOL_MANIFESTS random manifests more are judged by it. NETPOL_SEED
repeats them."""
import os
import random
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from conformance_data import DATA, load
from netlab import NETPOLCTL, run
from report import test, finish, equal, none_of, seed
from api_server import ApiServer
from api_verdicts import DOCUMENT, Manifest, compare, document_rules, parse
from odd_manifests import OddManifests

API_DATA = os.path.join(os.path.dirname(DATA), "api-networkpolicy.json")
CHECKED = 60  # files that netpolctl itself reads
SEED = seed()
MANIFESTS = int(os.environ.get("NETPOL_MANIFESTS", 500))
OPTIONS = os.environ.get("NETPOL_API_OPTIONS", "").split()  # of kube-apiserver


def manifest_of(entry):
    return Manifest(f"{entry['id']}.{entry['format']}", entry["manifest"], entry["accepted"], entry["message"],
                    entry["stored"], entry["note"])


def canonical_cidrs(warnings):
    """{as written: as read}, out of the warnings of API servers before 1.36."""
    return dict(re.search(r'CIDR value "([^"]*)" .*?(?:should be|use) "([^"]*)"', w).group(1, 2)
                for w in warnings if "CIDR value" in w and "RFC 5952" not in w)


def recorded():
    """API server: 4,092 manifests get its verdict, and mean what it stores"""
    entries = load(API_DATA)
    faults, counts = compare([manifest_of(entry) for entry in entries])
    none_of(faults, len(entries))
    said = document_rules()
    none_of([f"\"{title}\": {counts.get(title)} manifests, {os.path.relpath(DOCUMENT)} says {said.get(title)}"
             for title in counts | said if counts.get(title) != said.get(title)], len(counts))
    equal(len(entries) > 4000 and sum(e["accepted"] for e in entries) > 1000, True, "manifests")


def recorded_before_136():
    """API server: what 1.35 takes and 1.36 refuses means what 1.35 reads, with a warning"""
    entries = [e for e in load(API_DATA) if "as_1_35" in e]
    manifests = []
    for entry in entries:
        old = entry["as_1_35"]
        manifest = manifest_of(entry)
        manifest.accepted, manifest.stored = old["accepted"], old["stored"]
        manifest.canonical = canonical_cidrs(old["warnings"])
        manifests.append(manifest)
    faults, _ = compare(manifests)
    none_of(faults, len(entries))
    silent = [m.name for m, p in zip(manifests, parse([(m.name, m.text) for m in manifests]))
              if not p.has("legacy-cidr")]
    equal(silent, [], "taken without a warning")
    equal(len(entries) > 30, True, "manifests")


def by_check():
    """API server: netpolctl check and the parser agree"""
    entries = random.Random(1).sample(load(API_DATA), CHECKED)
    bad = []
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/netpol.conf", "w"):
            pass
        for manifest, parsed in zip(entries, parse([(f"f.{e['format']}", e["manifest"]) for e in entries])):
            path = f"{d}/f.{manifest['format']}"
            with open(path, "w") as f:
                f.write(manifest["manifest"])
            os.chmod(path, 0o644)
            status = run(NETPOLCTL, "-c", f"{d}/netpol.conf", "check", path, check=False).returncode
            if status != (1 if parsed.errors else 0):
                bad.append(f"{manifest['id']}: check ends with {status}, the parser says {parsed.errors}")
    none_of(bad, len(entries))


def live():
    """API server: random manifests get the verdict of a real one, and mean what it would store"""
    odd, manifests = OddManifests(SEED), []
    with ApiServer(*OPTIONS) as server:
        for i in range(MANIFESTS):
            text, kind, namespace = odd.manifest(i)
            accepted, message, stored, warnings = server.create(text, kind, namespace)
            manifests.append(Manifest(f"random-{i}.{kind}", text, accepted, message, stored,
                                      canonical=canonical_cidrs(warnings)))
    faults, counts = compare(manifests)
    none_of(faults, len(manifests))
    n = sum(manifest.accepted for manifest in manifests)
    equal(n > MANIFESTS // 10 and n < MANIFESTS - MANIFESTS // 10, True, f"{n} of {MANIFESTS} are accepted")
    print(f"# api_conformance.py: a real API server accepts {n} of {MANIFESTS}; {sum(counts.values())} differ as the table says")


test(recorded)
test(recorded_before_136)
test(by_check)
if not os.environ.get("NETPOL_QUICK"):
    test(live)
finish()
