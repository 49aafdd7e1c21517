"""report: what tests/run counts. One line a test: PASS name, FAIL name: why, SKIP name: reason."""
import os
import sys
import traceback

from netlab import Skip

_failed = False


def test(function):
    """Runs the function now, as a test of its own; its first docstring line is its name."""
    global _failed
    name = (function.__doc__ or function.__name__).strip().splitlines()[0]
    script = os.path.basename(sys.argv[0])
    try:
        function()
        print(f"PASS {script}: {name}", flush=True)
    except Skip as reason:
        print(f"SKIP {script}: {name}: {reason}", flush=True)
    except Exception as error:
        _failed = True
        detail = str(error) or traceback.format_exc().strip().splitlines()[-2].strip()
        print(f"FAIL {script}: {name}: {type(error).__name__}: {detail}", flush=True)
        if os.environ.get("VERBOSE"):
            traceback.print_exc()


def equal(found, wanted, what=""):
    if found == wanted:
        return
    if isinstance(found, list) and isinstance(wanted, list):
        found, wanted = [x for x in found if x not in wanted][:3], [x for x in wanted if x not in found][:3]
    raise AssertionError(f"{what}: found {found!r}, wanted {wanted!r}")


def no_difference(found, wanted, names):
    """Lists of verdicts against each other; says the first differences by name."""
    bad = [f"{n}: {f}, wanted {w}" for n, f, w in zip(names, found, wanted) if f != w]
    if bad or len(found) != len(wanted):
        raise AssertionError(f"{len(bad)} of {len(wanted)} differ: " + "; ".join(bad[:5]))


def finish():
    sys.exit(1 if _failed else 0)
