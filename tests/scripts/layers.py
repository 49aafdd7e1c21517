#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The structure's rules: what may include what, which module sees a library, what is pure, how long a function is."""
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from glob import glob

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from report import test, finish, equal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# a module -> the public headers that it may include: its own and those of lower layers
BELOW = {
    "base": {"base"},
    "model": {"base", "model"}, "ruleset": {"base", "ruleset"},
    "parse": {"base", "model", "parse"}, "compile": {"base", "model", "ruleset", "compile"},
    "nft": {"base", "ruleset", "nft"},
    "source": {"base", "model", "parse", "source"},
    "run": {"base", "model", "ruleset", "parse", "source", "compile", "nft", "run"},
    "netpolctl": {"base", "model", "ruleset", "parse", "source", "compile", "nft", "run"},
    "": {"base", "model", "ruleset", "parse", "source", "compile", "nft", "run"},
}
HEADERS = {"base": {"base"}, "model": {"base"}, "ruleset": {"base"}, "parse": {"model"}, "source": {"parse"},
           "compile": {"model", "ruleset"}, "nft": {"ruleset"}, "run": {"compile", "nft", "source"}}
LIBRARIES = {"yaml.h": "parse", "yajl/": "parse", "libconfig.h": "parse", "nftables/": "nft", "libnftnl/": "nft",
             "libmnl/": "nft", "libnetfilter_conntrack/": "nft", "linux/netfilter": "nft", "systemd/": "run"}
PURE = {"base", "model", "ruleset", "parse", "compile"}
# writes the last line of a process that is out of memory: without it the journal would show a signal alone
PRINTS = {"daemon/base/memory.c"}
NOT_CODE = re.compile(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'", re.S)
DEFINITION = re.compile(r"^(?!static|typedef|struct|enum|union|extern|#)[A-Za-z_][\w *]*?\b(\w+)\([^;{}]*\)\s*\n\{", re.M)
LICENSE = "SPDX-License-Identifier: GPL-2.0-or-later"
IMPURE = re.compile(r"\b(printf|puts|fputs|fprintf|fopen|open|read|write|time|clock_gettime|getenv|socket|"
                    r"rand|localtime|gmtime)\s*\(")


def sources():
    for directory, _, names in os.walk(os.path.join(ROOT, "daemon")):
        for name in names:
            if name.endswith((".c", ".h")):
                path = os.path.join(directory, name)
                module = os.path.relpath(directory, os.path.join(ROOT, "daemon"))
                yield "" if module == "." else module, path, open(path).read()


def headers():
    """The public headers, as they are included: "base.h", "base/arena.h"."""
    for directory, _, names in os.walk(f"{ROOT}/include"):
        yield from (os.path.relpath(os.path.join(directory, n), f"{ROOT}/include") for n in sorted(names))


def includes(text):
    return re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', text, re.M)


def upwards():
    """layers: each module includes only what lies below it"""
    bad = []
    for module, path, text in sources():
        for kind, name in includes(text):
            public = name[:-2] if kind == '"' and os.path.exists(f"{ROOT}/include/{name}") else None
            if public and public not in BELOW[module]:  # include/base/arena.h is for base.h alone
                bad.append(f"{path} includes {name}")
            if kind == '"' and not public and not os.path.exists(os.path.join(os.path.dirname(path), name)):
                bad.append(f"{path} includes {name} of another module")
    for name in headers():  # base.h and base/arena.h are the module base's
        module = name.split("/")[0].removesuffix(".h")
        for kind, other in includes(open(f"{ROOT}/include/{name}").read()):
            if kind == '"' and not other.startswith(f"{module}/") and other[:-2] not in HEADERS[module]:
                bad.append(f"include/{name} includes {other}")
    equal(bad, [])


def libraries():
    """layers: a library's headers are seen in one module only"""
    equal([f"{path} includes {name}" for module, path, text in sources() for _, name in includes(text)
           for prefix, home in LIBRARIES.items() if name.startswith(prefix) and module != home], [])


def pure():
    """layers: pure modules print nothing, read nothing, ask no clock, keep no globals"""
    bad = []
    for module, path, text in sources():
        code = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", text, flags=re.S)
        if module in PURE and os.path.relpath(path, ROOT) not in PRINTS:
            bad += [f"{path}: {m.group(0)}" for m in IMPURE.finditer(code)]
        if module not in ("run", "netpolctl", ""):
            bad += [f"{path}: {m.group(0)}" for m in re.finditer(r"\b(printf|puts|perror|fputs)\s*\(", code)]
            bad += [f"{path}: global {m.group(0)}" for m in re.finditer(
                r"^static (?!const|inline|_Noreturn)[^()\n]*(=|;)(?![^\n]*const)", code, re.M)
                if " const " not in m.group(0)]
    equal(bad, [])


def headers_alone():
    """layers: every header compiles alone, and opens with what it is for"""
    for directory in ("include", "include/base", "include/model", "daemon/model", "daemon/parse", "daemon/source",
                      "daemon/compile", "daemon/nft", "daemon/run", "daemon/netpolctl"):
        for name in sorted(os.listdir(os.path.join(ROOT, directory))):
            if not name.endswith(".h"):
                continue
            text = open(os.path.join(ROOT, directory, name)).read()
            equal(text.startswith(f"/* {LICENSE} */\n#pragma once\n/*"), True, name)
            with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
                f.write(f'#include "{os.path.join(ROOT, directory, name)}"\nint netpol_alone;\n')
                f.flush()
                subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Werror", f"-I{ROOT}/include",
                                "-fsyntax-only", f.name], check=True)


def uses_of_files(module):
    """Of each .c file of the module: in which other ones the functions that it uses are defined."""
    directory = os.path.join(ROOT, "daemon", module)
    code = {n: NOT_CODE.sub(" ", open(os.path.join(directory, n)).read())
            for n in os.listdir(directory) if n.endswith(".c")}
    home = {m.group(1): n for n, text in code.items() for m in DEFINITION.finditer(text)}
    return {n: {home[w] for w in set(re.findall(r"\w+", text)) if home.get(w, n) != n} for n, text in code.items()}


def circles():
    """layers: no two files of a module use each other, not even by way of others"""
    bad = []
    for module in sorted(filter(None, BELOW)):
        reached = uses_of_files(module)
        for _ in reached:  # each turn doubles the length of the ways that are followed
            reached = {n: others.union(*(reached[o] for o in others)) for n, others in reached.items()}
        bad += [f"{module}/{n}" for n, others in sorted(reached.items()) if n in others]
    equal(bad, [])


def anchors(text):
    """What a heading of a Markdown file is linked by."""
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.M)}


def documents():
    """layers: what a document links to, and every file of the tree that it names, is there"""
    bad = []
    for path in glob(f"{ROOT}/*.md") + glob(f"{ROOT}/docs/*.md") + glob(f"{ROOT}/tests/*.md"):
        text = open(path).read()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            other = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(other) or anchor and anchor not in anchors(open(other).read()):
                bad.append(f"{path}: {target}")
        for name in re.findall(r"`((?:daemon|include|tests|docs|conf\.d|systemd)/[\w./-]*\w)`", text):
            if not re.search("KIND|NAME", name) and not os.path.exists(os.path.join(ROOT, name)):
                bad.append(f"{path}: {name}")
    equal(bad, [])


def licensed():
    """layers: every source file names its licence"""
    files = [os.path.join(directory, n) for top in ("daemon", "include", "tests", "systemd")
             for directory, _, names in os.walk(os.path.join(ROOT, top)) for n in names]
    ours = [f for f in files if re.search(r"\.([ch]|py|in|timer)$|/meson", f) or os.access(f, os.X_OK)]
    equal([f for f in ours if LICENSE not in open(f).read(300)], [])


def functions():
    """layers: no function is longer than 80 lines; half are at most 15"""
    lengths = []
    for _, path, text in sources():
        start = None
        for i, line in enumerate(text.splitlines()):
            if line == "{":
                start = i
            elif line == "}" and start is not None:
                lengths.append((i - start + 1, f"{os.path.basename(path)}:{start + 1}"))
                start = None
    lengths.sort()
    equal([where for n, where in lengths if n > 80], [])
    equal(lengths[len(lengths) // 2][0] <= 15, True, f"median {lengths[len(lengths) // 2][0]} lines")


def formatted():
    """layers: every file is as clang-format leaves it"""
    files = [p for _, p, _ in sources()] + [f"{ROOT}/include/{n}" for n in headers()]
    files += [f"{ROOT}/tests/{d}/{n}" for d in ("unit", "lib", "tools", "fuzz")
              for n in os.listdir(f"{ROOT}/tests/{d}") if n.endswith((".c", ".h"))]
    result = subprocess.run(["clang-format", "--dry-run", *files], text=True, capture_output=True)
    equal((result.returncode, re.findall(r"^\S+: warning", result.stderr, re.M)[:3]), (0, []))


def mutants():
    """layers: every mutant of tests/mutate has its place in the code"""
    loader = importlib.machinery.SourceFileLoader("mutate", f"{ROOT}/tests/mutate")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    equal(module.misplaced(), [])


def units():
    """layers: tests/meson.build builds every unit test that there is"""
    listed = re.search(r"^units = \[(.*?)\]", open(f"{ROOT}/tests/meson.build").read(), re.M | re.S).group(1)
    equal(sorted(re.findall(r"'(\w+)'", listed)),
          sorted(n[:-2] for n in os.listdir(f"{ROOT}/tests/unit") if n.endswith(".c")))


for case in (upwards, libraries, circles, pure, headers_alone, documents, licensed, functions, formatted, mutants, units):
    test(case)
finish()
