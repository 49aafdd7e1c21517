# SPDX-License-Identifier: GPL-2.0-or-later
"""conformance_data: recorded verdicts of other implementations. DATA is the file that NETPOL_CONFORMANCE names, or that
of ../shared/conformance beside the repository; more files lie in its folder."""
import json
import os

from netlab import Skip, TESTS

DATA = os.environ.get("NETPOL_CONFORMANCE", os.path.join(
    os.path.dirname(os.path.dirname(TESTS)), "shared", "conformance", "networkpolicy.json"))


def load(path):
    if not os.path.exists(path):
        raise Skip(f"no conformance data at {path}")
    with open(path) as f:
        return json.load(f)
