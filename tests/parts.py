# SPDX-License-Identifier: GPL-2.0-or-later
"""parts: the parts of tests/run, in the order in which they start. tests/README.md says what each has found.

A part is a command that prints a line for each test on standard output: PASS NAME: TEST, FAIL NAME: TEST: why, SKIP
NAME: TEST: reason. `run` and `long` are environment variables that set its length in `tests/run` and in
`tests/run --long`; None leaves it out.
"""
import os
from dataclasses import dataclass, field
from glob import glob

TESTS = os.path.dirname(os.path.abspath(__file__))
UNITS = sorted(os.path.basename(path).removesuffix(".c") for path in glob(f"{TESTS}/unit/*.c"))
# -g1: a sanitizer's report needs functions and lines only, and a seventh of the compiler's time is for the rest
SANITIZE = "-Dc_args=-g1 -Db_lundef=false -Dwerror=false -Doptimization=g -Db_sanitize="


@dataclass(frozen=True)
class Variant:
    """A build, in the folder "build" + suffix. mark: added to the names of its tests."""
    suffix: str = ""
    mark: str = ""
    environment: dict = field(default_factory=dict)


PLAIN = Variant()
CLANG = Variant("-clang", "", {"CC": "clang", "NETPOL_MESON_OPTIONS": "-Doptimization=0"})  # only for its warnings
SANITIZED = Variant("-sanitized", " (sanitized)", {
    "NETPOL_MESON_OPTIONS": SANITIZE + "address,undefined",
    "ASAN_OPTIONS": "abort_on_error=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={TESTS}/lib/lsan.supp:print_suppressions=0"})

# For what runs in threads: saving the state, and prefetching files
THREADS = Variant("-tsan", " (thread sanitizer)", {
    "NETPOL_MESON_OPTIONS": SANITIZE + "thread", "TSAN_OPTIONS": "halt_on_error=1"})


@dataclass
class Part:
    name: str
    command: list
    variant: Variant = PLAIN
    run: dict | None = field(default_factory=dict)
    long: dict | None = field(default_factory=dict)
    mark: str = ""  # added to the name, where a command runs in several variants
    needs: tuple = ()  # titles of parts that must have passed
    cores: float = 1  # how many processors it uses on average
    nice: int = 5  # lower for long parts, and for those that others need
    lock: str = ""  # parts with the same lock do not run at the same time
    is_quick: bool = False  # needs no root and little time
    is_criterion: bool = False  # prints Criterion's TAP
    only_test: str = ""  # the name of its only test, if it prints none
    environment: dict = field(default_factory=dict)  # run or long, as selected by table()
    reason: str = ""  # why it is skipped

    @property
    def title(self):
        return self.name + self.mark


def build(variant, name, **more):
    mark = "" if variant == PLAIN else f" ({name})"
    return Part("build", ["tests/build"], variant, nice=0, mark=mark, only_test=f"build: {name}", **more)


def unit(name, variant=PLAIN, **more):
    return Part(f"unit-{name}", ["sh", "-c", f'exec "$NETPOL_BUILD/tests/unit-{name}" --tap'], variant,
                mark=variant.mark, needs=("build" + variant.mark,), is_quick=variant == PLAIN, is_criterion=True,
                **more)


def script(name, variant=PLAIN, mark=None, **more):
    return Part(f"{name}.py", ["python3", f"tests/scripts/{name}.py"], variant,
                mark=variant.mark if mark is None else mark, needs=("build" + variant.mark,), **more)


def machine(what, *arguments, **more):
    """tests/vm: Debian's own kernel, emulated. One at a time, because each machine takes 4 GB of memory."""
    return Part("vm", ["tests/vm", *arguments], mark=f" ({what})", needs=("build", "vm prepare"), lock="vm", nice=0,
                **more)


# Checks that the benchmarks run to their end; their figures are not checked
BENCH = """tests/bench --quick | tee "$NETPOL_BUILD/bench.log" &&
    grep -q '^packets_new_of_conntrack [0-9.e+-]* ratio$' "$NETPOL_BUILD/bench.log" """
ALL_SCRIPTS = ("packets", "corners", "senders", "sender_sets", "neighbours", "ipvs", "conformance", "random_flows",
               "established", "cut", "odd_starts", "other_paths", "in_flight", "chaos", "denials")
BACKPORTED = {"NETPOL_VM_KERNEL": "linux-image-6.12-cloud-amd64"}
# The lengths of the sanitized parts in --long
AGAIN = {"NETPOL_ROUNDS": "20", "NETPOL_EDITS": "100", "NETPOL_SAMPLE": "40", "NETPOL_TIMES": "20",
         "NETPOL_SECONDS": "30", "NETPOL_SIZE": "5000:500:100"}

SLOW_UNITS = {"incremental", "memory"}  # have entries of their own in the table

# In `run` the unit tests run sanitized only, and the other builds leave them out: compiling them is a third of a build.
# clang builds everything, with its warnings as errors.
PROGRAMS = {"NETPOL_TARGETS": "programs"}

# Builds first, and what downloads; then the machine, which takes longest; the shortest parts come last.
PARTS = [
    build(PLAIN, "plain", is_quick=True, cores=2, run=PROGRAMS),
    Part("vm prepare", ["tests/vm", "prepare"], cores=0.5, nice=0, only_test="vm: its root file system"),
    build(SANITIZED, "sanitized"),
    machine("stock kernel", "unit", "packets 'tracked: the full' 'tracked: OR' 'tracked: default deny'",
            "corners 'tracked: Services' 'tracked: ICMP errors of' 'tracked: a forged' 'tracked: neighbour'",
            "senders 'tracked: a forged' 'tracked: denied.jsonl'",
            "denials 'tracked: each flow'", "established tracked", "cut 'cut: tracked: SCTP'", "in_flight tracked",
            "ipvs 'bridged: Services by IPVS, IPv4'", "random_flows kernel_tracked",
            run={"NETPOL_ROUNDS": "1", "NETPOL_UNIT": "short", **PROGRAMS}, long=None),
    # --- under the address and undefined behaviour sanitizers, which end a program at a fault ---
    script("no_gap", SANITIZED, run={"NETPOL_TIMES": "10"}, long=AGAIN),
    script("random_flows", SANITIZED, cores=0.2, run={"NETPOL_ROUNDS": "10"}, long=AGAIN),
    script("repair", SANITIZED, run={"NETPOL_TIMES": "1", "NETPOL_SIZE": "5000:500:100"}, long=AGAIN),
    script("chaos", SANITIZED, run={"NETPOL_SECONDS": "20"}, long=AGAIN),
    script("state", SANITIZED, cores=0.3, long=AGAIN),
    script("denials", SANITIZED, cores=0.3, long=AGAIN),
    script("established", SANITIZED, cores=0.2, long=AGAIN),
    script("cut", SANITIZED, cores=0.2, long=AGAIN),
    script("senders", SANITIZED, cores=0.2, long=AGAIN),
    script("sender_sets", SANITIZED, cores=0.4, run={"NETPOL_ROUNDS": "8"}, long={"NETPOL_ROUNDS": "300"}),
    script("neighbours", SANITIZED, cores=0.2, long=AGAIN),
    script("odd_starts", SANITIZED, cores=0.2, long=AGAIN),
    script("other_paths", SANITIZED, cores=0.3, long=AGAIN),
    script("corners", SANITIZED, cores=0.4, long=AGAIN),
    script("slow_disk", SANITIZED, run=None, long=AGAIN),
    script("in_flight", SANITIZED, run=None, long=AGAIN),
    unit("incremental", SANITIZED, run={"NETPOL_ROUNDS": "20"}),
    Part("fuzz", ["sh", "-c", 'cd "$NETPOL_BUILD/log" && "$OLDPWD/tests/fuzz/run" $NETPOL_FUZZ_LENGTH'], cores=1.5,
         run={"NETPOL_FUZZ_LENGTH": "1000x"}, long={"NETPOL_FUZZ_LENGTH": "60"}),
    build(CLANG, "clang", run=None),
    unit("memory", SANITIZED, long=AGAIN),
    script("packets", SANITIZED, cores=0.2, long=AGAIN),
    script("service", SANITIZED, cores=0.3, run={"NETPOL_MODE": "bridged"}, long=AGAIN),
    script("conformance", SANITIZED, cores=0.2, run={"NETPOL_SAMPLE": "10"}, long=AGAIN),
    script("api_conformance", SANITIZED, cores=0.5, run={"NETPOL_MANIFESTS": "500"}, long={"NETPOL_MANIFESTS": "5000"}),
    script("kubelet_export", SANITIZED, cores=0.2, long=None),
    script("mirror", SANITIZED, cores=0.3, long={"NETPOL_LONG": "1", "NETPOL_SIZE": "20000"}),
    script("mirror_nodes", SANITIZED, cores=0.7, run={"NETPOL_ROUNDS": "2"}, long={"NETPOL_ROUNDS": "20"}),
    script("properties", SANITIZED, run={"NETPOL_ROUNDS": "10"}, long=AGAIN),
    script("golden", SANITIZED, long=AGAIN),
    *(unit(name, SANITIZED, long=AGAIN) for name in UNITS if name not in SLOW_UNITS),
    # --- under the thread sanitizer; the mode "bridged" has a second table ---
    build(THREADS, "thread sanitizer", run=PROGRAMS),
    script("slow_disk", THREADS, cores=0.4, run={"NETPOL_CHANGES": "100"}),
    script("chaos", THREADS, run={"NETPOL_SECONDS": "20", "NETPOL_MODE": "bridged"},
           long={"NETPOL_SECONDS": "120", "NETPOL_MODE": "bridged"}),
    script("state", THREADS, run=None, long={"NETPOL_MODE": "bridged"}),
    script("service", THREADS, run=None, long={"NETPOL_MODE": "bridged"}),
    # --- the plain build: what measures, what is too slow under the sanitizers, and what needs no root ---
    Part("bench", ["bash", "-o", "pipefail", "-c", BENCH], needs=("build",), run=None, only_test="bench: --quick"),
    script("in_flight", run={"NETPOL_EDITS": "200"}),
    script("monitoring", cores=0.5),
    script("soak", cores=0.4, run={"NETPOL_RELOADS": "150"}),
    script("layers", is_quick=True),
    # --- only in --long ---
    *(unit(name, run=None) for name in UNITS),
    *(script(name, variant, mark=f"{variant.mark[:-1]}, {mode})", run=None, long={"NETPOL_MODE": mode})
      for name in ("chaos", "state", "service") for variant, mode in ((SANITIZED, "bridged"), (THREADS, "routed"))),
    unit("incremental", THREADS, run=None, long={"NETPOL_ROUNDS": "20"}),
    *(script(name, run=None, is_quick=True) for name in ("golden", "properties", "kubelet_export", "conformance",
                                                         "random_flows")),
    script("mirror", run=None, is_quick=True, long={"NETPOL_LONG": "1", "NETPOL_SIZE": "100000"}),
    script("mirror_nodes", run=None, long={"NETPOL_LONG": "1", "NETPOL_ROUNDS": "20"}),
    script("api_conformance", run=None, is_quick=True, long={"NETPOL_API_OPTIONS": "--emulated-version=1.35"}),
    *(script(name, run=None) for name in ("packets", "corners", "ipvs", "service", "state", "established", "cut",
                                          "odd_starts", "other_paths", "no_gap", "repair", "slow_disk", "chaos",
                                          "denials")),
    script("first_moment", cores=0.8, run={}, long={"NETPOL_PODS": "200", "NETPOL_TIMES": "1000"}),
    machine("stock kernel", *ALL_SCRIPTS, run=None),
    machine("stock kernel, unit", "unit", run=None),
    machine("stock kernel, boots", "boots", run=None),
    machine("backported kernel", *ALL_SCRIPTS, run=None, long=BACKPORTED),
    script("builds", run=None, cores=2),
    Part("analysers.py", ["python3", "tests/scripts/analysers.py"], needs=("build",), cores=2, run=None),
    Part("coverage", ["tests/coverage"], run=None),
    Part("mutate", ["tests/mutate"], run=None, only_test="mutate: every mutant is noticed"),
]


def table(is_quick, is_long):
    """The parts of this run, with their lengths and, where they cannot run here, the reason."""
    why = "--quick leaves it out" if is_quick else "needs root: network namespaces and nftables"
    is_restricted = is_quick or os.geteuid() != 0
    chosen = []
    for part in PARTS:
        part.environment = part.long if is_long else part.run
        if is_restricted and part.is_quick:
            part.environment = {"NETPOL_QUICK": "1"}
        elif is_restricted:
            part.reason = why
        if part.environment is not None:
            chosen.append(part)
    return chosen
