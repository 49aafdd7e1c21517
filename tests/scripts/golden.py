#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden files. golden/check.out/FILE is the output of `netpolctl check golden/check/FILE`;
golden/ruleset/CASE/ruleset.nft is the ruleset of that folder's conf.d, inventory and netpol.conf, and ruleset.err, if
there is one, what netpolctl says of them; answers in golden/ctl, golden/unknown-labels, golden/budget and golden/audit
has netpolctl's output for each line of commands. --update rewrites them: read the difference before you commit it."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import NETPOLCTL, NETPOLD, TESTS, run
from report import test, finish, equal

UPDATE = "--update" in sys.argv
GOLDEN = os.path.join(TESTS, "golden")


def compare(path, found):
    """Compares with the golden file, which --update writes first."""
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
    compare(os.path.join(GOLDEN, "check.out", name), result.stdout)
    strict = run(NETPOLCTL, "-c", "netpol.conf", "check", "--strict", f"check/{name}", cwd=GOLDEN, check=False)
    warnings = len(re.findall(r"^\S+: warning: ", result.stdout, re.M))
    count = f"{warnings} warning{'' if warnings == 1 else 's'}\n" if warnings else ""
    equal((strict.returncode, strict.stdout), (1 if result.returncode or warnings else 0, result.stdout + count))


def ruleset(name):
    directory = os.path.join(GOLDEN, "ruleset", name)
    result = run(NETPOLCTL, "-c", "netpol.conf", "--files", "--policies", "conf.d", "--inventory", "inventory",
                 "ruleset", cwd=directory, check=False)
    equal(result.returncode, 0, result.stderr)
    warnings = os.path.join(directory, "ruleset.err")
    if result.stderr and UPDATE or os.path.exists(warnings):
        compare(warnings, result.stderr)
    else:
        equal(result.stderr, "", "what netpolctl prints on standard error")
    compare(os.path.join(directory, "ruleset.nft"), result.stdout)


def commands(name):
    directory, answers = os.path.join(GOLDEN, name), []
    with open(os.path.join(directory, "commands")) as f:
        for line in f.read().splitlines():
            result = run(NETPOLCTL, "-c", "netpol.conf", "--files", "--policies", "conf.d", "--inventory", "inventory",
                         *line.split(), cwd=directory, check=False)
            answers.append(f"$ netpolctl {line}\n{result.stdout}{result.stderr}[{result.returncode}]\n")
    compare(os.path.join(directory, "answers"), "".join(answers))


def unwritable():
    """golden: an answer that cannot be written is a failure, with a message: a full device, a reader that has gone"""
    ctl = [NETPOLCTL, "-c", "netpol.conf", "--files", "--policies", "conf.d", "--inventory", "inventory"]
    flow = "10.0.0.1 10.0.0.2 80\n"
    for command, text in ((ctl + ["matrix", "80"], None), (ctl + ["ruleset"], None),
                          (ctl + ["-o", "json", "check"], None), (ctl + ["explain"] + flow.split(), None), (ctl + ["explain", "--batch"], flow),
                          (ctl + ["explain", "--batch"], flow * 200000), ([NETPOLCTL, "--version"], None),
                          ([NETPOLCTL, "--help"], None), ([NETPOLD, "--version"], None), ([NETPOLD, "--help"], None)):
        reader, writer = os.pipe()
        os.close(reader)
        for output in (os.open("/dev/full", os.O_WRONLY), writer):
            result = subprocess.run(command, cwd=os.path.join(GOLDEN, "ctl"), input=text, stdout=output,
                                    stderr=subprocess.PIPE, text=True)
            os.close(output)
            said = result.stderr.splitlines()[-1:]
            equal((result.returncode, len(said) == 1 and said[0].split(": ")[:2]),
                  (2, [os.path.basename(command[0]), "standard output"]), f"{' '.join(command)}: {result.stderr}")
    closed = run("sh", "-c", f"'{NETPOLCTL}' --version >&-", check=False)
    equal((closed.returncode, "standard output: Bad file descriptor" in closed.stderr), (2, True), closed.stderr)


def wrong_use():
    """golden: wrong options and arguments of netpold are named"""
    for arguments, words in ((["now"], "it takes options only, no argument: now"),
                             (["--once", "--remove"], "--once or --remove, not both"),
                             (["--onec"], "unrecognized option '--onec'")):
        result = run(NETPOLD, *arguments, check=False)
        equal((result.returncode, result.stderr),
              (2, f"netpold: {words}\nnetpold: netpold --help has the options\n"), arguments)


def shipped():
    """golden: every example in conf.d is valid"""
    result = run(NETPOLCTL, "-c", "tests/golden/netpol.conf", "check", "conf.d",
                 cwd=os.path.dirname(TESTS), check=False)
    equal((result.returncode, result.stdout, result.stderr), (0, "", ""), "exit status, output and errors of check")


for directory in ("check", "ruleset"):
    for case in sorted(os.listdir(os.path.join(GOLDEN, directory))):
        test({"check": check, "ruleset": ruleset}[directory], case, name=f"golden: {directory}/{case}")
test(commands, "ctl", name="golden: explain, matrix and their JSON output are as recorded")
test(commands, "unknown-labels", name="golden: namespaces without a Namespace object")
test(commands, "budget", name="golden: policies over the budget of their namespace")
test(commands, "audit", name="golden: audited policies: both verdicts, and chains that refuse nothing")
for case in (shipped, unwritable, wrong_use):
    test(case)
finish(update="rewrite the golden files")
