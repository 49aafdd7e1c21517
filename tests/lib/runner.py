# SPDX-License-Identifier: GPL-2.0-or-later
"""runner: runs the parts of tests/parts.py, as many at once as there are processors for, and counts their single tests.

Parts start in the order of the table, each when the parts that it needs have passed and a processor is free. Its output
goes to a file in build/log; its results are shown when it has ended. On a terminal the last line lists what is running.

    waiting -> running -> ended         a part is skipped if one that it needs failed, or if it cannot run here
"""
import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import parts

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("NETPOL_BUILD") or os.path.join(ROOT, "build")
# Processors to hand out: a little more than there are, since every part sleeps or waits now and then
CORES = (os.cpu_count() or 1) + 0.5
LAST_LINES = 100  # of the output, shown for a part that failed without a FAIL line


# ---- The output of a part ----
def of_criterion(part, line):
    """Converts a line of Criterion's TAP output to the form of the scripts."""
    if m := re.match(r"ok - (.*) # SKIP (.*)", line):
        return f"SKIP {part.name}: {m[1].strip()}: {m[2]}"
    if m := re.match(r"(not )?ok - (.*)", line):
        return f"{'FAIL' if m[1] else 'PASS'} {part.name}: {m[2].strip()}"
    return "# " + line if line.startswith("  ") else ""


def results_of(part, output):
    """The result lines, with the part's mark added, and the comment lines."""
    found = []
    for line in output:
        line = of_criterion(part, line) if part.is_criterion else line
        if re.match(r"(PASS|FAIL|SKIP) [^:]+:", line):
            found.append(re.sub(r"^(\w+ [^:]+):", rf"\1{part.mark}:", line, count=1))
        elif line.startswith("# "):
            found.append(line)
    return found


def processor_seconds():
    """Processor time of all descendants that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Running:
    """A part that has been started, in a session of its own together with every process that it starts."""

    def __init__(self, part, limit):
        self.part, self.limit, self.start, self.is_late, self.cpu = part, limit, time.monotonic(), False, 0.0
        self.path = os.path.join(BUILD, "log", re.sub(r"[^\w.-]+", "-", part.title).strip("-") + ".log")
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        environment = {**part.environment, **os.environ, "NETPOL_BUILD": BUILD + part.variant.suffix}
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(part.command, cwd=ROOT, env={**environment, **part.variant.environment},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            start_new_session=True, preexec_fn=lambda: os.nice(part.nice))

    @property
    def seconds(self):
        return time.monotonic() - self.start

    def has_ended(self):
        before = processor_seconds()
        if self.process.poll() is None and self.seconds > self.limit:
            self.is_late = True
            self.end()
        self.cpu = processor_seconds() - before
        return self.process.poll() is not None

    def end(self):
        """Sends SIGINT first, so that the scripts remove their network namespaces; then SIGKILL to what is left."""
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(30)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def results(self):
        """The lines to show. A part with an error status but without a FAIL line gets one."""
        with open(self.path, encoding="utf-8", errors="replace") as log:
            output = log.read().splitlines()
        lines, status = results_of(self.part, output), self.process.returncode
        has_failed = any(line.startswith("FAIL ") for line in lines)
        if self.is_late or status and not has_failed:
            why = f"did not end within {self.limit} s" if self.is_late else f"ended with status {status}"
            lines += [f"#   {line}" for line in output[-LAST_LINES:]]
            lines.append(f"FAIL {self.part.title}: {why}; its last lines are above, all of them in {self.path}")
        elif not has_failed and self.part.only_test:
            lines.append(f"PASS {self.part.only_test}")
        return lines


# ---- All parts ----
class Runner:
    def __init__(self, chosen, limit):
        self.waiting, self.running, self.limit = list(chosen), [], limit
        self.passed = {}  # {title: whether every test passed} of the parts that have ended
        self.results, self.seconds = [], []
        self.start, self.is_terminal, self.has_status_line = time.monotonic(), sys.stdout.isatty(), False

    def run(self):
        try:
            while self.waiting or self.running:
                self.start_parts()
                for running in [r for r in self.running if r.has_ended()]:
                    self.finish(running)
                self.show_status()
                time.sleep(0.1)
        finally:
            for running in self.running:
                running.end()

    # ---- starting parts ----
    def can_start(self, part):
        if not self.running:
            return True
        if part.lock and any(r.part.lock == part.lock for r in self.running):
            return False
        return sum(r.part.cores for r in self.running) + part.cores <= CORES

    def start_parts(self):
        for part in list(self.waiting):
            failed = [need for need in part.needs if self.passed.get(need) is False]
            if part.reason or failed:
                self.waiting.remove(part)
                self.passed[part.title] = False
                self.show(f"SKIP {part.title}: {part.reason or f'{failed[0]} failed'}")
            elif all(need in self.passed for need in part.needs) and self.can_start(part):
                self.waiting.remove(part)
                self.running.append(Running(part, self.limit))

    def finish(self, running):
        self.running.remove(running)
        lines, seconds = running.results(), running.seconds
        self.seconds.append((seconds, running.cpu, running.part.title))
        self.passed[running.part.title] = not any(line.startswith("FAIL ") for line in lines)
        self.show(f"# {running.part.title}: {seconds:.0f} s, {running.cpu:.0f} s of processor")
        for line in lines:
            self.show(line)

    # ---- output ----
    def show(self, line):
        if self.has_status_line:
            print("\r\033[K", end="")
            self.has_status_line = False
        print(line, flush=True)
        if line.startswith(("PASS ", "FAIL ", "SKIP ")):
            self.results.append(line)

    def show_status(self):
        if not self.is_terminal or not self.running:
            return
        now = ", ".join(f"{r.part.title} {r.seconds:.0f} s" for r in self.running)
        text = f"{time.monotonic() - self.start:.0f} s: {now}; {len(self.waiting)} parts left"
        print("\r\033[K" + text[:shutil.get_terminal_size().columns - 1], end="", flush=True)
        self.has_status_line = True

    def summary(self):
        print(f"\n# {time.monotonic() - self.start:.0f} s in all; the slowest parts:")
        for seconds, cpu, title in sorted(self.seconds, reverse=True)[:10]:
            print(f"# {seconds:6.0f} s, {cpu:4.0f} s of processor: {title}")
        count = {kind: [line for line in self.results if line.startswith(kind)] for kind in ("PASS", "FAIL", "SKIP")}
        print("\n".join(["", *(line for line in self.results if not line.startswith("PASS "))]))
        print(f"{len(count['PASS'])} passed, {len(count['FAIL'])} failed, {len(count['SKIP'])} skipped")
        return not count["FAIL"] and bool(count["PASS"])


def with_needs(names, every):
    """The parts of these names, in all variants, and the parts that they need, in the order of the table."""
    wanted = {part.title for part in every if {part.name, part.name.removesuffix(".py"), part.title} & set(names)}
    if unknown := [n for n in names if not any(n in (p.name, p.name.removesuffix(".py"), p.title) for p in every)]:
        sys.exit(f"no part is called {', '.join(unknown)}; tests/run --list prints all parts")
    for part in reversed(every):  # a part comes after those that it needs
        if part.title in wanted:
            wanted.update(part.needs)
    return [part for part in every if part.title in wanted]


def main():
    parser = argparse.ArgumentParser(prog="tests/run")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("part", nargs="*")
    options = parser.parse_args()
    chosen = parts.table(options.quick, options.long)
    if options.part:
        chosen = with_needs(options.part, chosen)
    if options.list:
        for part in chosen:
            print(part.title)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    runner = Runner(chosen, 6 * 3600 if options.long else 3600)
    runner.run()
    return 0 if runner.summary() else 1


if __name__ == "__main__":
    sys.exit(main())
