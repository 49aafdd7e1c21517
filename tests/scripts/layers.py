#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of the source tree: which module may include which header, where a library is used, which modules are pure,
how long functions are."""
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
    "model": {"base", "model"}, "ruleset": {"base", "ruleset"}, "senders": {"base", "senders"},
    "parse": {"base", "model", "parse"}, "compile": {"base", "model", "ruleset", "compile"},
    "nft": {"base", "ruleset", "senders", "nft"}, "links": {"base", "links"}, "notify": {"notify"},
    "source": {"base", "model", "parse", "source"},
    "run": {"base", "model", "ruleset", "parse", "source", "compile", "nft", "links", "senders", "notify", "run"},
    "netpolctl": {"base", "model", "ruleset", "parse", "source", "compile", "nft", "links", "senders", "notify", "run"},
    "mirror": {"base", "model", "parse", "source", "notify", "mirror"},
    "": {"base", "model", "ruleset", "parse", "source", "compile", "nft", "links", "senders", "notify", "run", "mirror"},
}
HEADERS = {"base": {"base"}, "model": {"base"}, "ruleset": {"base"}, "parse": {"model"}, "source": {"parse"},
           "senders": {"base"},
           "compile": {"model", "ruleset"}, "nft": {"ruleset", "senders"}, "links": {"base"},
           "run": {"compile", "nft", "links", "senders", "source"}, "mirror": {"parse", "source"}}
LIBRARIES = {"yaml.h": {"parse"}, "yajl/": {"parse"}, "libconfig.h": {"parse"}, "nftables/": {"nft"},
             "libnftnl/": {"nft"}, "libmnl/": {"nft", "links"}, "libnetfilter_conntrack/": {"nft"},
             "libnetfilter_log/": {"nft"},
             "linux/netfilter": {"nft"}, "linux/rtnetlink": {"links"}, "systemd/": {"run", "mirror"},
             "curl/": {"mirror"}}
PURE = {"base", "model", "ruleset", "senders", "parse", "compile"}
PURE_FILES = {"daemon/mirror/store.c", "daemon/mirror/reflector.c"}
# prints the last message of a process that is out of memory: without it the journal would show only the signal
PRINTS = {"daemon/base/memory.c"}
NOT_CODE = re.compile(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'", re.S)
DEFINITION = re.compile(r"^(?!static|typedef|struct|enum|union|extern|#)[A-Za-z_][\w *]*?\b(\w+)\([^;{}]*\)\s*\n\{",
                        re.M)
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
    """layers: each module includes only headers of itself and of lower layers"""
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
    """layers: the headers of a library are included by its modules only"""
    equal([f"{path} includes {name}" for module, path, text in sources() for _, name in includes(text)
           for prefix, homes in LIBRARIES.items() if name.startswith(prefix) and module not in homes], [])


def pure():
    """layers: pure modules do no I/O, read no clock and have no globals"""
    bad = []
    for module, path, text in sources():
        code = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", text, flags=re.S)
        name = os.path.relpath(path, ROOT)
        if (module in PURE or name in PURE_FILES) and name not in PRINTS:
            bad += [f"{path}: {m.group(0)}" for m in IMPURE.finditer(code)]
        if module not in ("run", "mirror", "netpolctl", ""):
            bad += [f"{path}: {m.group(0)}" for m in re.finditer(r"\b(printf|puts|perror|fputs)\s*\(", code)]
            bad += [f"{path}: global {m.group(0)}" for m in re.finditer(
                r"^static (?!const|inline|_Noreturn)[^()\n]*(=|;)(?![^\n]*const)", code, re.M)
                if " const " not in m.group(0)]
    equal(bad, [])


def headers_alone():
    """layers: every header compiles alone, and begins with a comment that describes it"""
    for directory in ("include", "include/base", "include/mirror", "include/model", "include/parse", "daemon/compile",
                      "daemon/links", "daemon/mirror", "daemon/model", "daemon/netpolctl", "daemon/nft", "daemon/parse",
                      "daemon/run", "daemon/source"):
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
    """{file: the other .c files of the module that define functions which it uses}"""
    directory = os.path.join(ROOT, "daemon", module)
    code = {n: NOT_CODE.sub(" ", open(os.path.join(directory, n)).read())
            for n in os.listdir(directory) if n.endswith(".c")}
    home = {m.group(1): n for n, text in code.items() for m in DEFINITION.finditer(text)}
    return {n: {home[w] for w in set(re.findall(r"\w+", text)) if home.get(w, n) != n} for n, text in code.items()}


def cycles():
    """layers: the files of a module do not use each other in a cycle"""
    bad = []
    for module in sorted(filter(None, BELOW)):
        reached = uses_of_files(module)
        for _ in reached:  # transitive closure: each round doubles the length of the paths
            reached = {n: others.union(*(reached[o] for o in others)) for n, others in reached.items()}
        bad += [f"{module}/{n}" for n, others in sorted(reached.items()) if n in others]
    equal(bad, [])


def anchors(text):
    """The link anchors of a Markdown file's headings."""
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.M)}


def documents():
    """layers: every link target and every file that a document names exists"""
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
    """layers: every source file has its SPDX licence line"""
    files = [os.path.join(directory, n) for top in ("daemon", "include", "tests", "systemd")
             for directory, _, names in os.walk(os.path.join(ROOT, top)) for n in names]
    ours = [f for f in files if re.search(r"\.([ch]|py|in|timer)$|/meson", f) or os.access(f, os.X_OK)]
    equal([f for f in ours if LICENSE not in open(f).read(300)], [])


def functions():
    """layers: no function has more than 80 lines; the median is at most 15"""
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
    equal(lengths[len(lengths) // 2][0] <= 15, True,
          f"median length at most 15 lines; it is {lengths[len(lengths) // 2][0]}")


def formatted():
    """layers: every C file is formatted by clang-format"""
    files = [p for _, p, _ in sources()] + [f"{ROOT}/include/{n}" for n in headers()]
    files += [f"{ROOT}/tests/{d}/{n}" for d in ("unit", "lib", "tools", "fuzz")
              for n in os.listdir(f"{ROOT}/tests/{d}") if n.endswith((".c", ".h"))]
    result = subprocess.run(["clang-format", "--dry-run", *files], text=True, capture_output=True)
    equal((result.returncode, re.findall(r"^\S+: warning", result.stderr, re.M)[:3]), (0, []))


def mutants():
    """layers: the text that each mutant of tests/mutate replaces is in the code exactly once"""
    loader = importlib.machinery.SourceFileLoader("mutate", f"{ROOT}/tests/mutate")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    equal(module.misplaced(), [])


def units():
    """layers: tests/meson.build lists every unit test"""
    listed = re.search(r"^units = \[(.*?)\]", open(f"{ROOT}/tests/meson.build").read(), re.M | re.S).group(1)
    equal(sorted(re.findall(r"'(\w+)'", listed)),
          sorted(n[:-2] for n in os.listdir(f"{ROOT}/tests/unit") if n.endswith(".c")))


for case in (upwards, libraries, cycles, pure, headers_alone, documents, licensed, functions, formatted, mutants,
             units):
    test(case)
finish()
