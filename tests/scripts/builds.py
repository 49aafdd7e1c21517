#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds as a distribution makes them: Debian's own compiler flags (_FORTIFY_SOURCE and more) bring warnings that the
other builds do not have, Criterion is not installed, and not every processor has 64 bits."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import test, finish, equal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAGS = ("CFLAGS", "CPPFLAGS", "LDFLAGS")
# a machine whose compiler has no 128-bit integers; only its preprocessor is asked, so that no library is needed
I686 = """[binaries]
c = ['gcc', '-m32']
[properties]
skip_sanity_check = true
[host_machine]
system = 'linux'
cpu_family = 'x86'
cpu = 'i686'
endian = 'little'
"""


def run(*command, **more):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def debian_flags():
    """As dpkg-buildpackage passes them, with everything that a package can ask for."""
    environment = dict(os.environ, DEB_BUILD_MAINT_OPTIONS="hardening=+all")
    return {name: subprocess.run(["dpkg-buildflags", "--get", name], env=environment, check=True, text=True,
                                 stdout=subprocess.PIPE).stdout.strip() for name in FLAGS}


def build(compiler):
    with tempfile.TemporaryDirectory(prefix="netpol-build-") as folder:
        environment = dict(os.environ, CC=compiler, **debian_flags())
        made = run("meson", "setup", "--buildtype=plain", "--prefix=/usr", "-Dtests=false", folder, ROOT,
                   env=environment)
        equal((made.returncode, "riterion" in made.stdout), (0, False),
              f"status of meson, and whether it looks for Criterion: {made.stdout[-2000:]}")
        made = run("ninja", "-C", folder, env=environment)
        equal([line for line in made.stdout.splitlines() if "warning:" in line], [], "warnings")
        equal(made.returncode, 0, f"status of ninja: {made.stdout[-2000:]}")
        equal(run(f"{folder}/netpold", "--version").returncode, 0, "status of netpold --version")


def gcc():
    """builds: with Debian's flags and without Criterion, by gcc, without a warning"""
    equal("_FORTIFY_SOURCE" in debian_flags()["CPPFLAGS"], True, "dpkg-buildflags has _FORTIFY_SOURCE")
    build("gcc")


def clang():
    """builds: with Debian's flags and without Criterion, by clang, without a warning"""
    build("clang")


def bits():
    """builds: for a 32-bit processor meson refuses, and says why"""
    with tempfile.TemporaryDirectory(prefix="netpol-build-") as folder:
        with open(f"{folder}/i686", "w") as f:
            f.write(I686)
        made = run("meson", "setup", "--cross-file", f"{folder}/i686", "-Dtests=false", f"{folder}/build", ROOT)
        equal((made.returncode, "netpol needs a 64-bit processor" in made.stdout), (1, True),
              f"status of meson, and whether it gives the reason: {made.stdout[-2000:]}")


for case in (gcc, clang, bits):
    test(case)
finish()
