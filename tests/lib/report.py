# SPDX-License-Identifier: GPL-2.0-or-later
"""report: runs the cases of a test script and prints one line for each on standard output, which tests/run counts.

    PASS script: case            FAIL script: case: why            SKIP script: case: reason

A script registers its cases with test() and ends with finish(), which runs them in that order: all of them, or those
that the command line names. A script with random cases takes its seed from seed(). Lines that begin with "#" are
comments: after a FAIL they show what differs, and the command that repeats the one case.
"""
import argparse
import contextlib
import difflib
import os
import re
import shlex
import sys
import time
import traceback

from netlab import Skip

SCRIPT = os.path.basename(sys.argv[0])
DIFF_MOST = 60  # lines of a diff that are shown
# settings that the command which repeats a case does not need
UNUSED_SETTINGS = {"NETPOL_MACHINE", "NETPOL_MESON_OPTIONS", "NETPOL_QUICK", "NETPOL_SEED"}

_cases = []
_seed = None


class Case:
    """function is called with the arguments. name: the case's name; by default the docstring's first line."""

    def __init__(self, function, arguments, name):
        self.function, self.arguments = function, arguments
        self.name = name or (function.__doc__ or function.__name__).strip().splitlines()[0]

    def is_called(self, wanted):
        return wanted.lower() in (self.name.lower(), self.function.__name__.lower())

    def matches(self, wanted):
        return wanted.lower() in self.name.lower() or wanted.lower() in self.function.__name__.lower()


# ---- Registering and running cases ----
def test(function, *arguments, name=None):
    """Registers a case; finish() runs it."""
    _cases.append(Case(function, arguments, name))


def seed():
    """NETPOL_SEED, or a seed from the clock. It is printed before the cases run."""
    global _seed
    _seed = int(os.environ.get("NETPOL_SEED", time.time_ns() % 1000000))
    return _seed


@contextlib.contextmanager
def repeated_by(**environment):
    """A failure inside this context is repeated by these settings, such as the seed of one round."""
    try:
        yield
    except Exception as error:
        error.environment = environment
        raise


def finish(**flags):
    """Runs the cases and exits. flags: further options, which the script looks up in sys.argv, and their meaning."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="a part of the case's name or of its function's; default: all cases")
    parser.add_argument("--list", action="store_true", help="print the cases and their functions")
    parser.add_argument("--tap", action="store_true", help="print TAP, for meson test")
    for flag, meaning in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=meaning)
    options = parser.parse_args()
    chosen = _chosen(options.name)
    if options.list:
        for case in chosen:
            print(f"{case.name}  [{case.function.__name__}]")
        sys.exit(0)
    sys.exit(_run_all(chosen, _tap if options.tap else _line))


# ---- Assertions ----
def equal(found, wanted, what=""):
    if found == wanted:
        return
    if isinstance(found, str) and isinstance(wanted, str) and "\n" in found + wanted:
        raise AssertionError(f"{what or 'the text'} differs from what was wanted\n{_difference(found, wanted)}")
    if isinstance(found, list) and isinstance(wanted, list):
        found, wanted = [x for x in found if x not in wanted][:3], [x for x in wanted if x not in found][:3]
    raise AssertionError(f"{what}: found {found!r}, wanted {wanted!r}")


def no_difference(found, wanted, names):
    """Compares two lists of verdicts; the error names the first flows that differ."""
    bad = [f"{n.strip()}: got {f}, wanted {w}" for n, f, w in zip(names, found, wanted) if f != w]
    none_of(bad, len(wanted))
    if len(found) != len(wanted):
        raise AssertionError(f"{len(found)} verdicts for {len(wanted)} flows")


def none_of(bad, n):
    """Fails unless bad is empty: a line for each wrong verdict of n flows."""
    if bad:
        raise AssertionError(f"{len(bad)} of {n} differ: {bad[0]}\n" + "\n".join(bad[1:10]))


def _difference(found, wanted):
    lines = list(difflib.unified_diff(wanted.split("\n"), found.split("\n"), "wanted", "found", lineterm=""))
    more = [f"... and {len(lines) - DIFF_MOST} lines more"] if len(lines) > DIFF_MOST else []
    return "\n".join(lines[:DIFF_MOST] + more)


# ---- Selecting cases, printing results ----
def _chosen(names):
    if not names:
        return _cases
    chosen = []
    for wanted in names:
        some = [c for c in _cases if c.is_called(wanted)] or [c for c in _cases if c.matches(wanted)]
        if not some:
            near = "".join(f"\n  {c.name}  [{c.function.__name__}]" for c in _near(wanted))
            print(f"{SCRIPT}: no case is called {wanted!r}" + (f"; similar ones:{near}" if near else "") +
                  f"\n{_program()} --list prints them all", file=sys.stderr)
            sys.exit(2)
        chosen += some
    return [c for c in _cases if c in chosen]


def _near(wanted):
    """At most five cases with a word similar to one of the wanted text's."""
    def words(text):
        return [w for w in re.split(r"[\W_]+", text.lower()) if w]
    near = {word for w in words(wanted) for word in difflib.get_close_matches(
        w, {word for c in _cases for word in words(f"{c.name} {c.function.__name__}")}, 3)}
    return [c for c in _cases if near & set(words(f"{c.name} {c.function.__name__}"))][:5]


def _run_all(cases, show):
    if _seed is not None:
        print(f"# {SCRIPT}: NETPOL_SEED={_seed}", flush=True)
    results = [_run(case, show, i + 1) for i, case in enumerate(cases)]
    if show is _tap:
        print(f"1..{len(results)}")
    return 0 if all(results) else 1


def _run(case, show, n):
    try:
        case.function(*case.arguments)
        show(n, "PASS", case)
    except Skip as reason:
        show(n, "SKIP", case, str(reason))
    except Exception as error:
        text = str(error) or traceback.format_exc().strip().splitlines()[-2].strip()
        why, *more = f"{type(error).__name__}: {text}".splitlines()
        more.append("repeat: " + _command(case, getattr(error, "environment", {})))
        show(n, "FAIL", case, why, more)
        if os.environ.get("VERBOSE"):
            traceback.print_exc()
        return False
    return True


def _line(_, result, case, why="", more=()):
    print(f"{result} {SCRIPT}: {case.name}" + (f": {why}" if why else ""))
    print("".join(f"#   {line}\n" for line in more), end="", flush=True)


def _tap(n, result, case, why="", more=()):
    """For meson, which shows a failed test's standard error."""
    name = case.name.replace("#", "\\#")
    print(("not ok" if result == "FAIL" else "ok") + f" {n} - {name}" + (f" # SKIP {why}" if result == "SKIP" else ""),
          flush=True)
    if result == "FAIL":
        print("\n  ".join([f"{case.name}: {why}", *more]), file=sys.stderr, flush=True)


def _program():
    path = os.path.relpath(sys.argv[0])
    return os.path.abspath(path) if path.startswith("..") else path


def _command(case, environment):
    """The shell command that runs this case again, with the settings that it depends on."""
    settings = {k: v for k, v in os.environ.items() if k.startswith("NETPOL_") and k not in UNUSED_SETTINGS
                or k.endswith("SAN_OPTIONS")}
    if _seed is not None:
        settings["NETPOL_SEED"] = _seed
    settings.update(environment)
    return " ".join([f"{k}={shlex.quote(str(v))}" for k, v in sorted(settings.items())] +
                    [_program(), shlex.quote(case.name)])
