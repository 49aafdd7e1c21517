# SPDX-License-Identifier: GPL-2.0-or-later
"""demo: the program of tests/demo: a small cluster, and which pods reach which after each change."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from netlab import Lab, TESTS, wait_for

CONF_D = os.path.join(os.path.dirname(TESTS), "conf.d")
PORT = 6379
IS_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ
OUTSIDE = ["172.17.0.5", "172.17.1.5"]

SHOP = """policies = ( {
  name = "web"; namespace = "shop"; pods = "app=web";
  ingress = ( { from  = ( { pods = "app=cart"; } );
                ports = ( { port = 6379; } ); } );
} );
"""
SHOP_EDITED = SHOP.replace('{ pods = "app=cart"; }', '{ pods = "app=cart"; },\n                        '
                           '{ namespaces = "project=myproject"; }')


def colour(code, text):
    return f"\033[{code}m{text}\033[0m" if IS_COLOURED else text


def headline(text):
    print("\n" + colour("1", text))


def show_file(name, text):
    print(colour("36", f"  conf.d/{name}"))
    for line in text.rstrip().splitlines():
        print(colour("2", f"  | {line}"))


class Matrix:
    """Which pod reaches which, measured with real connections. A cell that changed since the last one has a star."""

    def __init__(self, lab, outside):
        self.lab, self.outside, self.last = lab, outside, {}

    def ends(self):
        pods = [(p.key, p.netns, p.addresses[0]) for p in self.lab.pods.values()]
        return pods, pods + [(a, self.outside, a) for a in OUTSIDE]

    def measure(self):
        columns, rows = self.ends()
        pairs = [(r, c) for r in rows for c in columns if r != c]
        verdicts = self.lab.probe([(r[1], c[1], "tcp", r[2], c[2], PORT) for r, c in pairs])
        return {(r[0], c[0]): v == "allow" for (r, c), v in zip(pairs, verdicts)}

    def cell(self, verdicts, row, column):
        if row == column:
            return "   ·  "
        allowed = verdicts[row, column]
        changed = self.last and self.last.get((row, column), allowed) != allowed
        text = ("yes" if allowed else "no") + ("*" if changed else " ")
        return colour("32" if allowed else "31", f"{text:^6}")

    def show(self):
        columns, rows = self.ends()
        verdicts = self.measure()
        width = max(len(r[0]) for r in rows)
        print(f"  {'':{width + 3}}" + " ".join(f"{i + 1:^5}" for i in range(len(columns))))
        for i, row in enumerate(rows):
            number = f"{i + 1:>2}" if i < len(columns) else "  "
            print(f"  {number} {row[0]:{width}}" + "".join(self.cell(verdicts, row[0], c[0]) for c in columns))
        self.last = verdicts


def show_change(lab, before):
    """Waits for the generation after `before`, and prints how long the change took."""
    wait_for(lambda: lab.status()["generation"] > before, 60, "netpold to apply the change")
    status = lab.status()
    change = status["last_change"]
    print(f"  netpold: generation {status['generation']} in {change['milliseconds']} ms "
          f"({change['transactions']} transactions, {change['elements']} elements)")


def show_command(lab, *command, last=None):
    """Runs netpolctl and prints what it prints, or the last lines of that."""
    print(colour("36", "  $ netpolctl " + " ".join(command)))
    lines = lab.ctl(*command).stdout.replace(lab.dir + "/", "").rstrip().splitlines()
    for line in ["..."] * bool(last) + lines[-last:] if last else lines:
        print(f"  {line}")


def denied_lines(lab):
    return lab.ctl("denied", "-o", "json").stdout.splitlines()


def build():
    lab = Lab("bridged")
    for name, labels in {"default": {}, "my-project": {"project": "myproject"}, "shop": {}}.items():
        lab.namespace(name, **labels)
    plan = [("default", "db", {"role": "db"}), ("default", "frontend", {"role": "frontend"}),
            ("default", "other", {}), ("my-project", "worker", {}), ("shop", "web", {"app": "web"}),
            ("shop", "cart", {"app": "cart"})]
    for i, (namespace, name, labels) in enumerate(plan):
        lab.pod(namespace, name, [f"10.244.1.{10 + i}", f"fd00:244:1::{10 + i:x}"], labels)
    for name in os.listdir(CONF_D):
        shutil.copy(os.path.join(CONF_D, name), lab.policies)
    return lab


def main():
    start = time.monotonic()
    with build() as lab:
        matrix = Matrix(lab, lab.world(*OUTSIDE))
        headline(f"A node, its pods on a CNI bridge, two addresses outside. Rows reach columns, TCP {PORT}; "
                 "no netpold yet:")
        matrix.show()

        headline("netpold starts on the shipped conf.d: pods with role=db are isolated (* changed)")
        lab.write_inventory()
        lab.start()
        matrix.show()

        headline("A policy file is dropped in:")
        show_file("shop.conf", SHOP)
        before = lab.status()["generation"]
        lab.write_policy_file("shop.conf", SHOP)
        show_change(lab, before)
        matrix.show()

        headline("It is edited: one more entry, entries are OR:")
        show_file("shop.conf", SHOP_EDITED)
        before = lab.status()["generation"]
        lab.write_policy_file("shop.conf", SHOP_EDITED)
        show_change(lab, before)
        matrix.show()

        headline("A pod appears, shop/cart-2 with app=cart: only set elements change")
        lab.pod("shop", "cart-2", ["10.244.1.30", "fd00:244:1::1e"], {"app": "cart"})
        before = lab.status()["generation"]
        lab.write_inventory()
        show_change(lab, before)
        matrix.show()

        headline("Why can default/other not reach default/db?")
        command = ["explain", "default/other", "default/db", f"{PORT}/TCP"]
        show_command(lab, *command)

        headline("Was it refused? What netpold saw of such a connection just now:")
        other, db = lab.pods["default/other"], lab.pods["default/db"]
        known = len(denied_lines(lab))
        # the matrix had this connection less than a minute ago, and each flow is logged once a minute: another port
        lab.probe([(other.netns, db.netns, "tcp", other.addresses[0], db.addresses[0], PORT + 1)])
        wait_for(lambda: len(denied_lines(lab)) > known, 60, "the refused connection to be logged")
        show_command(lab, "denied", "--pod", "default/other", last=3)
    print(f"\nThe namespaces are removed again. The demo took {time.monotonic() - start:.0f} seconds.")


main()
