# SPDX-License-Identifier: GPL-2.0-or-later
"""inside: Python programs in network namespaces, by a fork of this interpreter. Starting a new interpreter would take a
tenth of a second, on an emulated processor most of a second, and a test runs dozens of programs."""
import ctypes
import os
import signal
import sys
import traceback

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    """Moves the calling thread into that network namespace."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(fd)


def set_sysctls(netns, settings):
    """settings: {name: value}, as sysctl(8) names them."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            enter(f"/run/netns/{netns}")
            for name, value in settings.items():
                with open("/proc/sys/" + name.replace(".", "/"), "w") as f:
                    f.write(str(value))
            status = 0
        except OSError:
            traceback.print_exc()
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        raise RuntimeError(f"sysctls of {netns}: {settings}")


class Program:
    """A process that runs the code in the namespace, with the arguments in sys.argv[1:]. stdin and stdout are pipes."""

    def __init__(self, netns, code, *arguments):
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(f"/run/netns/{netns}", code, arguments, theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        self.stdin, self.stdout = os.fdopen(ours_in, "w"), os.fdopen(ours_out)

    @staticmethod
    def _run(path, code, arguments, stdin, stdout):
        status = 1
        try:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            os.closerange(3, 1024)  # also other Programs' pipes: their readers wait until every copy is closed
            enter(path)
            sys.stdin, sys.stdout, sys.argv = os.fdopen(0), os.fdopen(1, "w"), ["inside", *map(str, arguments)]
            exec(compile(code, "inside", "exec"), {"__name__": "inside"})
            sys.stdout.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def write(self, line):
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def answer(self):
        """Closes its input, waits until it ends, and returns all that it printed."""
        self.stdin.close()
        text = self.stdout.read()
        self._reap()
        return text

    def is_running(self):
        return self.pid is not None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()

    def _reap(self):
        os.waitpid(self.pid, 0)
        self.pid = None
        for file in (self.stdin, self.stdout):
            try:
                file.close()
            except BrokenPipeError:
                pass
