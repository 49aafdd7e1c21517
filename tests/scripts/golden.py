#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden pairs. golden/check/FILE with what `netpolctl check FILE` prints of it in golden/check.out/FILE;
golden/ruleset/CASE (conf.d, inventory, netpol.conf) with its ruleset.nft; golden/ctl/commands with what
netpolctl answers to each. --update writes them anew:
read the difference before you commit it."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import NETPOLCTL, TESTS, run
from report import test, finish, equal

UPDATE = "--update" in sys.argv
GOLDEN = os.path.join(TESTS, "golden")


def against(path, found):
    if UPDATE:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(found)
    with open(path) as f:
        wanted = f.read()
    equal(found, wanted, os.path.relpath(path, os.path.dirname(TESTS)))


def check(name):
    result = run(NETPOLCTL, "-c", "netpol.conf", "check", f"check/{name}", cwd=GOLDEN, check=False)
    equal(result.returncode, 1 if re.search(r"^\d+ errors?$", result.stdout, re.M) else 0, "exit status")
    against(os.path.join(GOLDEN, "check.out", name), result.stdout)


def ruleset(name):
    directory = os.path.join(GOLDEN, "ruleset", name)
    result = run(NETPOLCTL, "-c", "netpol.conf", "--policies", "conf.d", "--inventory", "inventory", "ruleset",
                 cwd=directory, check=False)
    equal((result.returncode, result.stderr), (0, ""))
    against(os.path.join(directory, "ruleset.nft"), result.stdout)


def commands():
    """golden: what explain, matrix and their JSON answer"""
    directory, answers = os.path.join(GOLDEN, "ctl"), []
    with open(os.path.join(directory, "commands")) as f:
        for line in f.read().splitlines():
            result = run(NETPOLCTL, "-c", "netpol.conf", "--policies", "conf.d", "--inventory", "inventory",
                         *line.split(), cwd=directory, check=False)
            answers.append(f"$ netpolctl {line}\n{result.stdout}{result.stderr}[{result.returncode}]\n")
    against(os.path.join(directory, "answers"), "".join(answers))


def shipped():
    """golden: every shipped example is valid"""
    result = run(NETPOLCTL, "-c", "tests/golden/netpol.conf", "check", "conf.d",
                 cwd=os.path.dirname(TESTS), check=False)
    equal((result.returncode, result.stdout, result.stderr), (0, "", ""))


for directory in ("check", "ruleset"):
    for case in sorted(os.listdir(os.path.join(GOLDEN, directory))):
        test({"check": check, "ruleset": ruleset}[directory], case, name=f"golden: {directory}/{case}")
test(commands)
test(shipped)
finish(update="write the golden files anew")
