#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Static analysis: clang-tidy with clang's analyzer (the one that scan-build runs) and a limit on function size must
report nothing. .clang-tidy lists the checks."""
import glob
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from netlab import BUILD, Skip
from report import test, finish, equal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = sorted(glob.glob(f"{ROOT}/daemon/*/*.c") + glob.glob(f"{ROOT}/daemon/*.c"))


def findings(command_of):
    def one(path):
        result = subprocess.run(command_of(path), text=True, capture_output=True, cwd=ROOT)
        found = re.findall(r"^\S+:\d+:\d+: (?:warning|error): .*", result.stdout + result.stderr, re.M)
        return found or ([f"{path}: {result.stderr[-200:]}"] if result.returncode else [])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [f for found in pool.map(one, FILES) for f in found]


def tidy():
    """analysers: clang-tidy and clang's analyzer report nothing; no function has over 80 lines or 60 statements"""
    if not os.path.exists(f"{BUILD}/compile_commands.json"):
        raise Skip("no compile_commands.json in the build folder")
    equal(findings(lambda path: ["clang-tidy", "-p", BUILD, "--quiet", path]), [])


test(tidy)
finish()
